/** Checks of the domains that jobs may reach, in addition to the schema's regular expressions. */
import { AWS_REGIONS } from '../../aws/partitions.ts';
import { bucketsIn, MAX_BUCKETS, s3Name } from '../../aws/s3-names.ts';
import { dependsOnPartition, serviceFault } from '../../aws/service-endpoints.ts';
import { shown } from '../../credentials.ts';
import { DEFAULT_HOSTNAME } from '../../defaults.ts';
import { type Place, resolvingNames } from '../../network/allowed-domains.ts';
import { MAX_DOMAINS } from '../../network/dns-firewall-facts.ts';
import { parseName } from '../../network/domain-name.ts';
import type { LauncherInNetwork } from '../../network/launcher-apis.ts';
import { didYouMean, type SettingsFault } from '../errors.ts';
import type { ReadableNetwork, ReadablePool } from '../read.ts';
import { isCopied } from '../task-images.ts';

/** Other settings that the network depends on. */
export interface AroundNetwork {
  readonly hostname: string | undefined;
  readonly fips: boolean | undefined;
  readonly pools: readonly ReadablePool[];
  /** The registry image of `agentImage`, if the image isn't built. */
  readonly registry: string | undefined;
  /** The setting `agentImage.copy`: whether registry images are copied into ECR. */
  readonly copy: boolean | undefined;
  /** What the launcher's function needs from the network; `undefined` if it isn't in the network. */
  readonly launcher?: LauncherInNetwork | undefined;
}

export function* nameFaults(network: ReadableNetwork): Iterable<SettingsFault> {
  const names = (network.allowedDomains ?? []).map((given) => ({
    given,
    parsed: given === undefined ? { name: '' } : parseName(given),
  }));
  for (const [index, { given, parsed }] of names.entries()) {
    if ('name' in parsed) continue;
    yield {
      path: `network.allowedDomains.${index}`,
      given: `${shown(given)}: ${parsed.fault}`,
      allowed: 'a hostname, or *. and a domain for all names below it',
      remedy: parsed.remedy,
    };
  }
  yield* s3Faults(
    network,
    names.map(({ parsed }) => ('name' in parsed ? parsed.name : '')),
  );
}

/** Faults of S3 hostnames. In a VPC that the stack creates, S3 traffic uses an endpoint, and its policy must list the bucket. */
function* s3Faults(
  { egress, awsApiServices = [] }: ReadableNetwork,
  names: readonly string[],
): Iterable<SettingsFault> {
  if (egress === 'existing-vpc') return;
  for (const [index, name] of names.entries()) {
    const ofS3 = s3Name(name);
    if (ofS3 === undefined || ofS3.bucket !== undefined || awsApiServices.includes('s3')) continue;
    yield {
      path: `network.allowedDomains.${index}`,
      given: `${name}, an S3 hostname without a bucket`,
      allowed: '<bucket>.s3.<region>.amazonaws.com',
      remedy:
        'add the bucket: the policy of the S3 endpoint allows only listed buckets. To allow every bucket of this account, add "s3" to network.awsApiServices, with the preset aws-apis',
    };
  }
  const buckets = bucketsIn(names).length;
  if (buckets <= MAX_BUCKETS) return;
  yield {
    path: 'network.allowedDomains',
    given: `hostnames of ${buckets} buckets`,
    allowed: `up to ${MAX_BUCKETS}, because the size of the S3 endpoint's policy is limited`,
    remedy: 'list fewer buckets, or add "s3" to network.awsApiServices, which allows every bucket of this account',
  };
}

/** Whether the network limits DNS to the allowed domains. */
export function namesAreLimited(network: ReadableNetwork): boolean {
  return network.dnsFirewall ?? network.egress !== 'existing-vpc';
}

/** The items of a list that the schema accepts. */
function present<T>(items: readonly (T | undefined)[] = []): T[] {
  return items.filter((item) => item !== undefined);
}

/** Placeholder for the stack's account and region, which aren't known yet. */
const SOMEWHERE: Place = { account: '000000000000', region: 'here', urlSuffix: 'amazonaws.com' };

/** The fault of too many domains for DNS Firewall. Every service adds a domain in every region, so the number grows quickly. */
export function* countFaults(
  network: ReadableNetwork,
  { hostname, fips, pools, registry, copy }: AroundNetwork,
): Iterable<SettingsFault> {
  if (!namesAreLimited(network)) return;
  const services = present(network.awsApiServices);
  const regions = present(network.awsApiRegions);
  const images = pools.map(({ image = registry }) =>
    image !== undefined && !isCopied(image, copy) ? image : undefined,
  );
  const allowed = {
    hostname: hostname ?? DEFAULT_HOSTNAME,
    fips,
    ...(network.allowedDomains !== undefined && { allowedDomains: present(network.allowedDomains) }),
    allowedPresets: present(network.allowedPresets),
    awsApiServices: services,
    egress: network.egress,
    gatewaySessionManager: network.gatewaySessionManager,
    ...(regions.length > 0 && { awsApiRegions: regions }),
  };
  const names = resolvingNames(allowed, images, SOMEWHERE, network.guardDuty === true ? 'guardduty' : undefined).length;
  if (names <= MAX_DOMAINS) return;
  yield {
    path: 'network.awsApiRegions',
    given: `${regions.length} regions, which together with ${services.length} services of awsApiServices and all other settings result in ${names} domains`,
    allowed: `${MAX_DOMAINS} domains in total, the limit of a DNS Firewall request`,
    remedy: 'list only the services and regions that jobs use; deploy a second stack for pools that need others',
  };
}

/** Faults of presets, and of the settings that need a preset. */
export function* presetFaults(network: ReadableNetwork): Iterable<SettingsFault> {
  const { awsApiServices, awsApiRegions, allowedPresets } = network;
  // If the schema refuses the presets, the user may have meant aws-apis.
  const isRefused = Object.hasOwn(network, 'allowedPresets') && allowedPresets === undefined;
  const withApis = isRefused || allowedPresets?.includes('aws-apis') === true;
  if (withApis && !isRefused && !Object.hasOwn(network, 'awsApiServices')) {
    yield {
      path: 'network.awsApiServices',
      given: 'nothing, with the preset aws-apis',
      allowed: 'the services whose APIs jobs may reach',
      remedy: 'list these services, such as ["ec2", "s3", "sts"], or remove the preset',
    };
  }
  for (const key of ['awsApiServices', 'awsApiRegions'] as const) {
    if (withApis || network[key] === undefined) continue;
    yield {
      path: `network.${key}`,
      given: `${shown(network[key])}, without the preset aws-apis`,
      allowed: 'only with the preset aws-apis',
      remedy: 'add "aws-apis" to network.allowedPresets, or remove it',
    };
  }
  for (const [index, service] of (awsApiServices ?? []).entries()) {
    const wrong = service === undefined ? undefined : serviceFault(service);
    if (wrong === undefined) continue;
    yield {
      path: `network.awsApiServices.${index}`,
      given: `${shown(service)}: ${wrong.fault}`,
      allowed: 'the name that the endpoint of the service has',
      remedy: wrong.remedy,
    };
  }
  if (withApis) yield* partitionFaults(network);
  for (const [index, region] of (awsApiRegions ?? []).entries()) {
    if (region === undefined || AWS_REGIONS.includes(region)) continue;
    const near = didYouMean(region, AWS_REGIONS);
    yield {
      path: `network.awsApiRegions.${index}`,
      given: `${shown(region)}, which the CDK doesn't know`,
      allowed: AWS_REGIONS.join(', '),
      remedy: `${near === undefined ? '' : `did you mean ${near}? `}for a newer region, update aws-cdk-lib, or list its hostnames in network.allowedDomains`,
    };
  }
}

/** The fault of missing regions. By default, the deployment's region applies, but synthesis doesn't know its partition. */
function* partitionFaults(network: ReadableNetwork): Iterable<SettingsFault> {
  if (Object.hasOwn(network, 'awsApiRegions')) return;
  const others = present(network.awsApiServices).filter(dependsOnPartition);
  if (others.length === 0) return;
  yield {
    path: 'network.awsApiRegions',
    given: `nothing, but network.awsApiServices contains ${others.join(', ')}, and these hostnames differ between partitions`,
    allowed: 'the regions whose APIs jobs may reach',
    remedy:
      'list these regions, starting with the stack’s own, such as ["eu-central-1"]: synthesis doesn\'t know the partition',
  };
}
