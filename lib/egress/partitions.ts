/** AWS's regions and their partitions: how they are called, and which domains their hosts are in. */
import { RegionInfo } from 'aws-cdk-lib/region-info';

/** Regions that the CDK knows. A newer one needs a newer CDK, or its hosts one by one. */
export const AWS_REGIONS: readonly string[] = RegionInfo.regions.map(({ name }) => name);

/** What the name of a region looks like: `eu-central-1`, `us-gov-west-1`, `us-isob-east-1`, `eusc-de-east-1`. */
const REGION_FORM = '[a-z]{2,4}(?:-[a-z]+)+-\\d';

/** Whether a text looks like the name of a region. */
export const REGION = new RegExp(`^${REGION_FORM}$`);

/** Domains of regions' hosts, one a partition: `amazonaws.com`, `amazonaws.com.cn`, `amazonaws.eu`, … */
export const HOST_DOMAINS: readonly string[] = [
  ...new Set(RegionInfo.regions.flatMap(({ domainSuffix }) => domainSuffix ?? [])),
];

/**
 * Domains of hosts that answer over IPv4 and IPv6, which are others: below `on` are what belongs to customers, below `api`
 * the APIs. The partitions' metadata of AWS's SDKs has them as `dualStackDnsSuffix`.
 */
export const DUAL_STACK_DOMAINS: readonly string[] = ['aws', 'amazonwebservices.com.cn', 'amazonwebservices.eu'];

/** The one of a region. */
export function dualStackDomainOf(region: string): string {
  const [ordinary = '', china = '', sovereign = ''] = DUAL_STACK_DOMAINS;
  return { 'aws-cn': china, 'aws-eusc': sovereign }[partitionOf(region)] ?? ordinary;
}

/** For regular expressions: one of the regions that may be, and one of the domains. */
export const REGION_PATTERN = `(?:${REGION_FORM})`;
export const HOST_DOMAIN_PATTERN = `(?:${HOST_DOMAINS.map(escaped).join('|')})`;
export const DUAL_STACK_PATTERN = `(?:${DUAL_STACK_DOMAINS.map(escaped).join('|')})`;

/** The domain of a region's hosts; another value where the region is not known before the deployment. */
export function suffixOf(region: string, otherwise: string): string {
  return (AWS_REGIONS.includes(region) ? RegionInfo.get(region).domainSuffix : undefined) ?? otherwise;
}

/** The partition of a region, as ARNs have it; `aws` for one that the CDK does not know. */
export function partitionOf(region: string): string {
  return (AWS_REGIONS.includes(region) ? RegionInfo.get(region).partition : undefined) ?? 'aws';
}

/**
 * The service that an endpoint is for: `ecr.api` of `com.amazonaws.eu-central-1.ecr.api`. What stands before the region
 * differs: `cn.com.amazonaws` in China, `eu.amazonaws` in the European Sovereign Cloud, `aws.api` and others for some services.
 */
export function endpointService(name: string): string {
  return new RegExp(`(?:^|\\.)${REGION_PATTERN}\\.(.+)$`).exec(name)?.[1] ?? name;
}

function escaped(domain: string): string {
  return domain.replaceAll('.', '\\.');
}
