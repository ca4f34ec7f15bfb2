/** AWS's regions and partitions: their names, and the domains of their hosts. */
import { RegionInfo } from 'aws-cdk-lib/region-info';

/** Regions that the CDK knows. For a newer region, use a newer CDK or list the hosts one by one. */
export const AWS_REGIONS: readonly string[] = RegionInfo.regions.map(({ name }) => name);

/** Form of a region's name: `eu-central-1`, `us-gov-west-1`, `us-isob-east-1`, `eusc-de-east-1`. */
const REGION_FORM = '[a-z]{2,4}(?:-[a-z]+)+-\\d';

export const REGION = new RegExp(`^${REGION_FORM}$`);

/** Domains of AWS hosts, one per partition: `amazonaws.com`, `amazonaws.com.cn`, `amazonaws.eu`, … */
export const HOST_DOMAINS: readonly string[] = [
  ...new Set(RegionInfo.regions.flatMap(({ domainSuffix }) => domainSuffix ?? [])),
];

/**
 * Domains of dual-stack hosts. Hosts of customers are below `on.<domain>`, and APIs below `api.<domain>`. In the partition
 * metadata of AWS's SDKs, this value is `dualStackDnsSuffix`.
 */
export const DUAL_STACK_DOMAINS: readonly string[] = ['aws', 'amazonwebservices.com.cn', 'amazonwebservices.eu'];

export function dualStackDomainOf(region: string): string {
  const [ordinary = '', china = '', sovereign = ''] = DUAL_STACK_DOMAINS;
  return { 'aws-cn': china, 'aws-eusc': sovereign }[partitionOf(region)] ?? ordinary;
}

/** Parts of regular expressions: any region, and any domain. */
export const REGION_PATTERN = `(?:${REGION_FORM})`;
export const HOST_DOMAIN_PATTERN = `(?:${HOST_DOMAINS.map(escaped).join('|')})`;
export const DUAL_STACK_PATTERN = `(?:${DUAL_STACK_DOMAINS.map(escaped).join('|')})`;

/** The domain of a region's hosts, or `otherwise` if the CDK doesn't know the region, for example because it is a token. */
export function suffixOf(region: string, otherwise: string): string {
  return (AWS_REGIONS.includes(region) ? RegionInfo.get(region).domainSuffix : undefined) ?? otherwise;
}

/** The partition of a region, as in ARNs; `aws` for a region that the CDK doesn't know. */
export function partitionOf(region: string): string {
  return (AWS_REGIONS.includes(region) ? RegionInfo.get(region).partition : undefined) ?? 'aws';
}

/**
 * The service in an endpoint's name: `ecr.api` in `com.amazonaws.eu-central-1.ecr.api`. The part before the region varies:
 * `cn.com.amazonaws` in China, `eu.amazonaws` in the European Sovereign Cloud, `aws.api` and others for some services.
 */
export function endpointService(name: string): string {
  return new RegExp(`(?:^|\\.)${REGION_PATTERN}\\.(.+)$`).exec(name)?.[1] ?? name;
}

function escaped(domain: string): string {
  return domain.replaceAll('.', '\\.');
}
