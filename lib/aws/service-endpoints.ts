/** Hostnames of the endpoints of AWS APIs. */
import { AWS_REGIONS, partitionOf, suffixOf } from './partitions.ts';
import { s3Name } from './s3-names.ts';
import { SERVICE_NAMES } from './service-names.ts';

type Names = (region: string, suffix: string) => string[];

const everywhere =
  (service: string): Names =>
  (_, suffix) => [`${service}.${suffix}`];
/**
 * A service with one host per partition, in the region `home` or `homes[partition]`. In other partitions, the host is in the
 * requested region.
 */
const onlyIn =
  (home: string, service: string, homes: Readonly<Record<string, string>> = {}): Names =>
  (region, suffix) => [`${service}.${{ aws: home, ...homes }[partitionOf(region)] ?? region}.${suffix}`];

const CN_NORTHWEST = { 'aws-cn': 'cn-northwest-1' };
const GOV_WEST = { 'aws-us-gov': 'us-gov-west-1' };
const IAM: Readonly<Record<string, string>> = { aws: 'iam', 'aws-cn': 'iam.cn-north-1', 'aws-us-gov': 'iam.us-gov' };

/**
 * Services whose hosts aren't `<service>.<region>.<suffix>`. https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html
 * The hosts in China and GovCloud come from botocore (data/endpoints.json).
 */
const AWS_NAMES: Readonly<Record<string, Names>> = {
  budgets: everywhere('budgets'),
  ce: onlyIn('us-east-1', 'ce', CN_NORTHWEST),
  cloudfront: (region, suffix) => [`cloudfront${partitionOf(region) === 'aws-cn' ? '.cn-northwest-1' : ''}.${suffix}`],
  cur: onlyIn('us-east-1', 'cur', CN_NORTHWEST),
  ecr: (region, suffix) => [`api.ecr.${region}.${suffix}`, `*.dkr.ecr.${region}.${suffix}`],
  // ECR Public exists in the standard partition only.
  'ecr-public': () => ['api.ecr-public.us-east-1.amazonaws.com', 'public.ecr.aws'],
  globalaccelerator: onlyIn('us-west-2', 'globalaccelerator'),
  iam: (region, suffix) => [`${IAM[partitionOf(region)] ?? `iam.${region}`}.${suffix}`],
  networkmanager: onlyIn('us-west-2', 'networkmanager', GOV_WEST),
  organizations: onlyIn('us-east-1', 'organizations', { ...CN_NORTHWEST, ...GOV_WEST }),
  pricing: onlyIn('us-east-1', 'api.pricing', CN_NORTHWEST),
  // https://docs.aws.amazon.com/general/latest/gr/r53.html; other partitions are unverified.
  route53: (region, suffix) => [`route53${partitionOf(region) === 'aws-us-gov' ? '.us-gov' : ''}.${suffix}`],
  route53domains: onlyIn('us-east-1', 'route53domains'),
  s3: (region, suffix) => [`s3.${region}.${suffix}`, `*.s3.${region}.${suffix}`],
  sagemaker: (region, suffix) => [`api.sagemaker.${region}.${suffix}`],
  savingsplans: (region, suffix) => [`savingsplans${partitionOf(region) === 'aws-cn' ? `.${region}` : ''}.${suffix}`],
  shield: onlyIn('us-east-1', 'shield'),
  // In the standard partition, Terraform's provider uses the global host by default. Other partitions have no global host.
  sts: (region, suffix) => [`sts.${region}.${suffix}`, ...(partitionOf(region) === 'aws' ? [`sts.${suffix}`] : [])],
  support: onlyIn('us-east-1', 'support', { 'aws-cn': 'cn-north-1', ...GOV_WEST }),
  waf: everywhere('waf'),
};

/** Names that users give to services, and the names that the services' endpoints have. */
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
 * What is wrong with the name of a service, and what to do. A well-formed name that no service has isn't a fault, because no list of
 * services is complete: see {@link isListedService}.
 */
export function serviceFault(service: string): { readonly fault: string; readonly remedy: string } | undefined {
  const meant = AWS_MISNOMERS[service];
  if (meant !== undefined)
    return { fault: 'no endpoint has this name', remedy: `use the name of its endpoint: ${meant}` };
  const labels = service.split('.');
  if (labels.includes('amazonaws') || labels.includes('aws')) {
    return {
      fault: 'it is a hostname',
      remedy: 'use the part before the region, such as ec2, or put the hostname into allowedDomains',
    };
  }
  const bucket = s3Name(`${service}.us-east-1.amazonaws.com`)?.bucket;
  if (bucket !== undefined) {
    return {
      fault: `it is the bucket ${bucket}, not a service`,
      remedy: `put ${service}.<region>.amazonaws.com into network.allowedDomains, which the policy of the S3 endpoint also uses`,
    };
  }
  if (labels.some((label) => AWS_REGIONS.includes(label))) {
    return {
      fault: 'it contains a region',
      remedy: 'use only the name of the service, and put the region into network.awsApiRegions',
    };
  }
  if (!labels.every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label))) {
    return {
      fault: 'it is not part of a hostname',
      remedy: 'use letters, digits and -, with single dots between them',
    };
  }
  return undefined;
}

/** Whether the list of AWS services of this version has the name. A new service may be missing in it. */
export function isListedService(service: string): boolean {
  return Object.hasOwn(AWS_NAMES, service) || SERVICE_NAMES.has(service);
}

/**
 * Whether the service's hostnames differ between partitions in more than the region and the domain. If the stack's region is
 * known only at deployment, the template can't contain such hostnames.
 */
export function dependsOnPartition(service: string): boolean {
  const names = AWS_NAMES[service];
  if (names === undefined) return false;
  return AWS_REGIONS.some((region) => {
    const suffix = suffixOf(region, 'amazonaws.com');
    const anywhere = names('<region>', '<suffix>').map((name) =>
      name.replaceAll('<region>', region).replaceAll('<suffix>', suffix),
    );
    return names(region, suffix).some((name) => !anywhere.includes(name));
  });
}

/** Hostnames of AWS APIs: every service in every region. */
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
