/** How the endpoints of AWS APIs are called. */
import { RegionInfo } from 'aws-cdk-lib/region-info';

/** Regions that the CDK knows. A newer one needs a newer CDK, or its hosts one by one. */
export const AWS_REGIONS: readonly string[] = RegionInfo.regions.map(({ name }) => name);

/** The domain of a region's endpoints; another value where the region is not known before the deployment. */
export function suffixOf(region: string, otherwise: string): string {
  return (AWS_REGIONS.includes(region) ? RegionInfo.get(region).domainSuffix : undefined) ?? otherwise;
}

type Names = (region: string, suffix: string) => string[];

const everywhere =
  (service: string): Names =>
  (_, suffix) => [`${service}.${suffix}`];
const onlyIn =
  (region: string, service: string): Names =>
  (_, suffix) => [`${service}.${region}.${suffix}`];

/** Global services have hosts of their own in China and in GovCloud. */
const global =
  (names: { readonly aws: string; readonly china: string; readonly gov: string }): Names =>
  (region, suffix) => [
    `${region.startsWith('cn-') ? names.china : region.startsWith('us-gov-') ? names.gov : names.aws}.${suffix}`,
  ];

/** Services whose names are not `<service>.<region>.<suffix>`. https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html */
const AWS_NAMES: Readonly<Record<string, Names>> = {
  budgets: everywhere('budgets'),
  ce: onlyIn('us-east-1', 'ce'),
  cloudfront: everywhere('cloudfront'),
  cur: onlyIn('us-east-1', 'cur'),
  ecr: (region, suffix) => [`api.ecr.${region}.${suffix}`, `*.dkr.ecr.${region}.${suffix}`],
  'ecr-public': (_, suffix) => [`api.ecr-public.us-east-1.${suffix}`, 'public.ecr.aws'],
  globalaccelerator: onlyIn('us-west-2', 'globalaccelerator'),
  iam: global({ aws: 'iam', china: 'iam.cn-north-1', gov: 'iam.us-gov' }),
  networkmanager: onlyIn('us-west-2', 'networkmanager'),
  organizations: global({
    aws: 'organizations.us-east-1',
    china: 'organizations.cn-northwest-1',
    gov: 'organizations.us-gov-west-1',
  }),
  pricing: onlyIn('us-east-1', 'api.pricing'),
  route53: global({ aws: 'route53', china: 'route53', gov: 'route53.us-gov' }),
  route53domains: onlyIn('us-east-1', 'route53domains'),
  s3: (region, suffix) => [`s3.${region}.${suffix}`, `*.s3.${region}.${suffix}`],
  sagemaker: (region, suffix) => [`api.sagemaker.${region}.${suffix}`],
  savingsplans: everywhere('savingsplans'),
  shield: onlyIn('us-east-1', 'shield'),
  // The provider asks the global name unless it is told otherwise; China and GovCloud have none.
  sts: (region, suffix) => [`sts.${region}.${suffix}`, ...(/^(?:cn|us-gov)-/.test(region) ? [] : [`sts.${suffix}`])],
  support: onlyIn('us-east-1', 'support'),
  waf: everywhere('waf'),
};

/** What people call a service, and what its endpoint is called. */
const AWS_MISNOMERS: Readonly<Record<string, string>> = {
  alb: 'elasticloadbalancing',
  amp: 'aps',
  'api-gateway': 'apigateway',
  'cloud-map': 'servicediscovery',
  cloudwatch: 'monitoring',
  'cloudwatch-events': 'events',
  'cloudwatch-logs': 'logs',
  cognito: 'cognito-idp and cognito-identity',
  'cost-explorer': 'ce',
  documentdb: 'rds',
  efs: 'elasticfilesystem',
  elb: 'elasticloadbalancing',
  elbv2: 'elasticloadbalancing',
  emr: 'elasticmapreduce',
  eventbridge: 'events',
  msk: 'kafka',
  neptune: 'rds',
  nlb: 'elasticloadbalancing',
  opensearch: 'es',
  'parameter-store': 'ssm',
  'secrets-manager': 'secretsmanager',
  ses: 'email',
  sfn: 'states',
  'step-functions': 'states',
  stepfunctions: 'states',
  vpc: 'ec2',
};

/**
 * What is wrong with the name of a service, and what to do. A name that is well formed and that nobody has is not
 * told: AWS has no list of its endpoints that the CDK carries.
 */
export function serviceFault(service: string): { readonly fault: string; readonly remedy: string } | undefined {
  const meant = AWS_MISNOMERS[service];
  if (meant !== undefined) return { fault: 'no endpoint has this name', remedy: `its endpoint is called ${meant}` };
  const labels = service.split('.');
  if (labels.includes('amazonaws') || labels.includes('aws')) {
    return {
      fault: 'it is a host name',
      remedy: 'give what is before the region, such as ec2, or put the host into allowedDomains',
    };
  }
  if (labels.some((label) => AWS_REGIONS.includes(label))) {
    return { fault: 'it has a region', remedy: 'give the service alone, and the region in network.awsApiRegions' };
  }
  if (!labels.every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label))) {
    return {
      fault: 'it is no part of a host name',
      remedy: 'give letters, digits and -, with single dots between them',
    };
  }
  return undefined;
}

/** Names of AWS APIs: of every service in every region. */
export function awsApiNames(
  services: readonly string[],
  regions: readonly string[],
  suffix: string = 'amazonaws.com',
): string[] {
  return services.flatMap((service) =>
    regions.flatMap((region) => {
      const ofRegion = suffixOf(region, suffix);
      return AWS_NAMES[service]?.(region, ofRegion) ?? [`${service}.${region}.${ofRegion}`];
    }),
  );
}
