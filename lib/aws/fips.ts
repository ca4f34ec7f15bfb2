/** FIPS endpoints of AWS APIs: their regions and hostnames. */
import { AWS_REGIONS, partitionOf, suffixOf } from './partitions.ts';

/**
 * Regions in which ECS, SQS, ECR and Secrets Manager have FIPS endpoints. The hosts come from botocore (data/endpoints.json), and agree with
 * https://aws.amazon.com/compliance/fips/. In Canada, ECS has none.
 */
export const FIPS_REGIONS: readonly string[] = [
  'us-east-1',
  'us-east-2',
  'us-west-1',
  'us-west-2',
  'us-gov-east-1',
  'us-gov-west-1',
];

/** The variable with which every AWS SDK, the AWS CLI and Terraform's AWS provider use FIPS endpoints. https://docs.aws.amazon.com/sdkref/latest/guide/feature-endpoints.html */
export const FIPS_ENVIRONMENT = { AWS_USE_FIPS_ENDPOINT: 'true' } as const;

/** Whether a region has the FIPS endpoints that the launcher needs; true for a region that is known only at deployment. */
export function hasFipsEndpoints(region: string): boolean {
  return FIPS_REGIONS.includes(region) || !AWS_REGIONS.includes(region);
}

type Names = (region: string, suffix: string) => string[];

/** Services whose FIPS hosts aren't `<service>-fips.<region>.<suffix>`. */
const FIPS_NAMES: Readonly<Record<string, Names>> = {
  ecr: (region, suffix) => [`ecr-fips.${region}.${suffix}`, `*.dkr.ecr-fips.${region}.${suffix}`],
  iam: (_, suffix) => [`iam-fips.${suffix}`],
  organizations: (_, suffix) => [`organizations-fips.us-east-1.${suffix}`],
  route53: (_, suffix) => [`route53-fips.${suffix}`],
  s3: (region, suffix) =>
    [`s3-fips.${region}.${suffix}`, `s3-fips.dualstack.${region}.${suffix}`].flatMap((name) => [name, `*.${name}`]),
};

/**
 * Services whose ordinary hosts in GovCloud are their FIPS hosts, as in botocore. The SDKs then use the ordinary name.
 * Other services also have a separate FIPS host there.
 */
const ORDINARY_IN_GOVCLOUD = [
  'cloudformation',
  'ec2',
  'iam',
  'logs',
  'monitoring',
  'organizations',
  'route53',
  'sns',
  'sqs',
  'ssm',
  'sts',
];

/**
 * Hostnames of the FIPS endpoints of these services in these regions. The SDKs build these names by a rule; not every service has such an endpoint.
 * Regions without FIPS endpoints are left out.
 */
export function fipsNames(
  services: readonly string[],
  regions: readonly string[],
  suffix: string = 'amazonaws.com',
): string[] {
  return regions.filter(hasFipsEndpoints).flatMap((region) =>
    services.flatMap((service) => {
      const ofRegion = suffixOf(region, suffix);
      if (partitionOf(region) === 'aws-us-gov' && ORDINARY_IN_GOVCLOUD.includes(service)) return [];
      return FIPS_NAMES[service]?.(region, ofRegion) ?? [`${service}-fips.${region}.${ofRegion}`];
    }),
  );
}
