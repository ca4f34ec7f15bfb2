/** Checks of the domains that jobs may reach, in addition to the schema's regular expressions. */
import { AWS_REGIONS } from '../../aws/partitions.ts';
import { bucketsIn, MAX_BUCKETS, s3Name } from '../../aws/s3-names.ts';
import { dependsOnPartition, serviceFault } from '../../aws/service-endpoints.ts';
import { shown } from '../../credentials.ts';
import { DEFAULT_HOSTNAME } from '../../defaults.ts';
import { type Place, resolvingNames } from '../../network/allowed-domains.ts';
import { MAX_DOMAINS } from '../../network/dns-firewall-facts.ts';
import { parseName } from '../../network/domain-name.ts';
import { didYouMean, type SettingsFault } from '../errors.ts';
import type { ReadableNetwork, ReadablePool } from '../read.ts';
import { isCopied } from '../task-images.ts';

/** Other settings that the network depends on. */
export interface AroundNetwork {
  readonly hostname: string | undefined;
  readonly pools: readonly ReadablePool[];
  /** The registry image of `agentImage`, if the image isn't built. */
  readonly registry: string | undefined;
  /** Whether registry images are copied into ECR, if the settings specify it. */
  readonly copy: boolean | undefined;
}

/** Faults of individual allowed domains. */
export function nameFaults(network: ReadableNetwork): SettingsFault[] {
  const names = network.allowedDomains ?? [];
  return [...wellFormed(names), ...s3Faults(network, names)];
}

function wellFormed(names: readonly (string | undefined)[]): SettingsFault[] {
  return names.flatMap((given, index) => {
    const parsed = given === undefined ? { name: '' } : parseName(given);
    if ('name' in parsed) return [];
    return [
      {
        path: `network.allowedDomains.${index}`,
        given: `${shown(given)}: ${parsed.fault}`,
        allowed: 'a hostname, or *. and a domain for all names below it',
        remedy: parsed.remedy,
      },
    ];
  });
}

/** In a VPC that the stack creates, S3 traffic uses an endpoint whose policy must list the bucket. */
function s3Faults(network: ReadableNetwork, names: readonly (string | undefined)[]): SettingsFault[] {
  if (network.egress === 'existing-vpc') return [];
  const read = names.map((name) => {
    const parsed = name === undefined ? undefined : parseName(name);
    return parsed !== undefined && 'name' in parsed ? parsed.name : '';
  });
  const services = network.awsApiServices ?? [];
  const withoutBucket = read.flatMap((name, index) => {
    const ofS3 = s3Name(name);
    return ofS3 === undefined || ofS3.bucket !== undefined || services.includes('s3')
      ? []
      : [
          {
            path: `network.allowedDomains.${index}`,
            given: `${name}, an S3 hostname without a bucket`,
            allowed: '<bucket>.s3.<region>.amazonaws.com',
            remedy:
              'add the bucket: the policy of the S3 endpoint allows only listed buckets. To allow every bucket of this account, add "s3" to network.awsApiServices, with the preset aws-apis',
          },
        ];
  });
  const buckets = bucketsIn(read).length;
  return buckets <= MAX_BUCKETS
    ? withoutBucket
    : [
        ...withoutBucket,
        {
          path: 'network.allowedDomains',
          given: `hostnames of ${buckets} buckets`,
          allowed: `up to ${MAX_BUCKETS}, because the size of the S3 endpoint's policy is limited`,
          remedy: 'list fewer, or add "s3" to network.awsApiServices, which allows every bucket of this account',
        },
      ];
}

/** Whether only allowed domains resolve. */
export function namesAreLimited(network: ReadableNetwork): boolean {
  return network.dnsFirewall ?? network.egress !== 'existing-vpc';
}

/** The items of a list that the schema accepts. */
function present<T>(items: readonly (T | undefined)[] = []): T[] {
  return items.filter((item) => item !== undefined);
}

/** Placeholder for the stack's account and region, which aren't known yet. */
const SOMEWHERE: Place = { account: '000000000000', region: 'here', urlSuffix: 'amazonaws.com' };

/** Too many domains for DNS Firewall: services times regions add up quickly. */
export function countFaults(
  network: ReadableNetwork,
  { hostname, pools, registry, copy }: AroundNetwork,
): SettingsFault[] {
  if (!namesAreLimited(network)) return [];
  const services = present(network.awsApiServices);
  const regions = present(network.awsApiRegions);
  const images = pools.map(({ image = registry }) =>
    image !== undefined && !isCopied(image, copy) ? image : undefined,
  );
  const allowed = {
    hostname: hostname ?? DEFAULT_HOSTNAME,
    ...(network.allowedDomains !== undefined && { allowedDomains: present(network.allowedDomains) }),
    allowedPresets: present(network.allowedPresets),
    awsApiServices: services,
    ...(regions.length > 0 && { awsApiRegions: regions }),
  };
  const names = resolvingNames(allowed, images, SOMEWHERE, network.guardDuty === true ? 'guardduty' : undefined).length;
  if (names <= MAX_DOMAINS) return [];
  return [
    {
      path: 'network.awsApiRegions',
      given: `${regions.length} regions, which together with ${services.length} services of awsApiServices and all other settings result in ${names} domains`,
      allowed: `${MAX_DOMAINS} domains in total, the limit of a DNS Firewall request`,
      remedy: 'list only the services and regions that jobs use; deploy a second stack for pools that need others',
    },
  ];
}

/** Faults of presets, and of the settings that need a preset. */
export function presetFaults(network: ReadableNetwork): SettingsFault[] {
  const services = network.awsApiServices ?? [];
  // If the schema refuses the presets, aws-apis may be meant.
  const isRefused = Object.hasOwn(network, 'allowedPresets') && network.allowedPresets === undefined;
  const withApis = isRefused || network.allowedPresets?.includes('aws-apis') === true;
  const needed =
    withApis && !isRefused && network.awsApiServices === undefined && !Object.hasOwn(network, 'awsApiServices')
      ? [
          {
            path: 'network.awsApiServices',
            given: 'nothing, with the preset aws-apis',
            allowed: 'the services whose APIs jobs may reach',
            remedy: 'list them, such as ["ec2", "s3", "sts"], or remove the preset',
          },
        ]
      : [];
  const idle = withApis
    ? []
    : (['awsApiServices', 'awsApiRegions'] as const)
        .filter((key) => network[key] !== undefined)
        .map((key) => ({
          path: `network.${key}`,
          given: `${shown(network[key])}, without the preset aws-apis`,
          allowed: 'only with the preset aws-apis',
          remedy: 'add "aws-apis" to network.allowedPresets, or remove it',
        }));
  const misnamed = services.flatMap((service, index) => {
    const wrong = service === undefined ? undefined : serviceFault(service);
    return wrong === undefined
      ? []
      : [
          {
            path: `network.awsApiServices.${index}`,
            given: `${shown(service)}: ${wrong.fault}`,
            allowed: 'the name that the endpoint of the service has',
            remedy: wrong.remedy,
          },
        ];
  });
  const unknown = (network.awsApiRegions ?? []).flatMap((region, index) =>
    region === undefined || AWS_REGIONS.includes(region)
      ? []
      : [
          {
            path: `network.awsApiRegions.${index}`,
            given: `${shown(region)}, which the CDK doesn't know`,
            allowed: AWS_REGIONS.join(', '),
            remedy: `${meant(region)}for a newer region, update aws-cdk-lib, or list its hostnames in network.allowedDomains`,
          },
        ],
  );
  return [...needed, ...idle, ...misnamed, ...partitionFaults(network, withApis ? services : []), ...unknown];
}

/** Without regions, the hostnames are those of the deployment's region, whose partition is unknown at synthesis. */
function partitionFaults(network: ReadableNetwork, services: readonly (string | undefined)[]): SettingsFault[] {
  if (Object.hasOwn(network, 'awsApiRegions')) return [];
  const others = present(services).filter(dependsOnPartition);
  if (others.length === 0) return [];
  return [
    {
      path: 'network.awsApiRegions',
      given: `nothing, with ${others.join(', ')} among network.awsApiServices, whose hostnames differ between partitions`,
      allowed: 'the regions whose APIs jobs may reach',
      remedy:
        'list them, starting with the stack’s own, such as ["eu-central-1"]: the template doesn\'t know its partition',
    },
  ];
}

function meant(region: string): string {
  const near = didYouMean(region, AWS_REGIONS);
  return near === undefined ? '' : `did you mean ${near}? `;
}
