/** Faults of the names that jobs may reach, which the schema's regular expressions do not see. */
import { DEFAULT_HOSTNAME } from './defaults.ts';
import { type Place, PRESETS, type Preset, resolvingNames } from './egress/allowed-domains.ts';
import { isPartitions, serviceFault } from './egress/aws-names.ts';
import { MOST_NAMES } from './egress/dns-firewall.ts';
import { parseName } from './egress/domain-name.ts';
import { AWS_REGIONS, REGION } from './egress/partitions.ts';
import { bucketsIn, MOST_BUCKETS, s3Name } from './egress/s3-names.ts';
import { SERVICE } from './network-settings.ts';
import { didYouMean, type SettingsFault, shown } from './settings-faults.ts';
import { isCopied } from './task-images.ts';

type Given = Readonly<Record<string, unknown>>;

/** What of the other settings the network depends on. */
export interface AroundNetwork {
  readonly hostname: unknown;
  readonly pools: readonly Given[];
  /** The image of `agentImage`, when it is not built. */
  readonly registry: unknown;
  /** Whether registry images are copied into ECR, when the settings say so. */
  readonly copy: boolean | undefined;
}

/** Faults of the allowed names, one by one. */
export function nameFaults(network: Given): SettingsFault[] {
  const names = Array.isArray(network['allowedDomains']) ? network['allowedDomains'] : [];
  return [...wellFormed(names), ...s3Faults(network, names)];
}

function wellFormed(names: readonly unknown[]): SettingsFault[] {
  return names.flatMap((given, index) => {
    const parsed = typeof given === 'string' ? parseName(given) : { name: '' };
    if ('name' in parsed) return [];
    return [
      {
        path: `network.allowedDomains.${index}`,
        given: `${shown(given)}: ${parsed.fault}`,
        allowed: 'a host name, or *. and a domain for all names below it',
        remedy: parsed.remedy,
      },
    ];
  });
}

/** In a VPC of the stack's own S3 goes by an endpoint whose policy must know the bucket. */
function s3Faults(network: Given, names: readonly unknown[]): SettingsFault[] {
  if (network['egress'] === 'existing-vpc') return [];
  const read = names.map((name) => {
    const parsed = typeof name === 'string' ? parseName(name) : undefined;
    return parsed !== undefined && 'name' in parsed ? parsed.name : '';
  });
  const services = Array.isArray(network['awsApiServices']) ? network['awsApiServices'] : [];
  const withoutBucket = read.flatMap((name, index) => {
    const ofS3 = s3Name(name);
    return ofS3 === undefined || ofS3.bucket !== undefined || services.includes('s3')
      ? []
      : [
          {
            path: `network.allowedDomains.${index}`,
            given: `${name}, a name of S3 that names no bucket`,
            allowed: '<bucket>.s3.<region>.amazonaws.com',
            remedy:
              'name the bucket: S3 goes by an endpoint whose policy lets only named buckets through. For every bucket of this account add "s3" to network.awsApiServices, with the preset aws-apis',
          },
        ];
  });
  const buckets = bucketsIn(read).length;
  return buckets <= MOST_BUCKETS
    ? withoutBucket
    : [
        ...withoutBucket,
        {
          path: 'network.allowedDomains',
          given: `${buckets} names of buckets`,
          allowed: `up to ${MOST_BUCKETS}: the policy of the S3 endpoint has room for no more`,
          remedy: 'name fewer, or add "s3" to network.awsApiServices, which allows every bucket of this account',
        },
      ];
}

/** Whether only allowed names resolve. */
export function namesAreLimited(network: Given): boolean {
  return network['dnsFirewall'] === true || (network['dnsFirewall'] !== false && network['egress'] !== 'existing-vpc');
}

/** Stands for the stack's own account and region, which are not known yet and are among no settings. */
const SOMEWHERE: Place = { account: '000000000000', region: 'here', urlSuffix: 'amazonaws.com' };

/** More names than DNS Firewall takes: services times regions are soon many. */
export function countFaults(network: Given, { hostname, pools, registry, copy }: AroundNetwork): SettingsFault[] {
  if (!namesAreLimited(network)) return [];
  const texts = (key: string): string[] =>
    Array.isArray(network[key]) ? network[key].filter((value: unknown) => typeof value === 'string') : [];
  const services = texts('awsApiServices');
  const regions = texts('awsApiRegions');
  const images = pools.map(({ image = registry }) =>
    typeof image === 'string' && !isCopied(image, copy) ? image : undefined,
  );
  const allowed = {
    hostname: typeof hostname === 'string' ? hostname : DEFAULT_HOSTNAME,
    ...(network['allowedDomains'] !== undefined && { allowedDomains: texts('allowedDomains') }),
    allowedPresets: texts('allowedPresets').filter((preset): preset is Preset => preset in PRESETS),
    awsApiServices: services,
    ...(regions.length > 0 && { awsApiRegions: regions }),
  };
  const names = resolvingNames(
    allowed,
    images,
    SOMEWHERE,
    network['guardDuty'] === true ? 'guardduty' : undefined,
  ).length;
  if (names <= MOST_NAMES) return [];
  return [
    {
      path: 'network.awsApiRegions',
      given: `${regions.length} regions, which with ${services.length} services of awsApiServices and all else make ${names} names`,
      allowed: `${MOST_NAMES} names in all: DNS Firewall takes no more in a request`,
      remedy: 'name only the services and regions that jobs use; pools that need others take a second stack',
    },
  ];
}

/** Faults of presets, and of what only they take. */
export function presetFaults(network: Given): SettingsFault[] {
  // One text in the place of a list is the schema's to refuse; what it means is plain.
  const presets: unknown[] = [network['allowedPresets']].flat();
  const services = Array.isArray(network['awsApiServices']) ? network['awsApiServices'] : [];
  const withApis = presets.includes('aws-apis');
  const needed =
    withApis && network['awsApiServices'] === undefined
      ? [
          {
            path: 'network.awsApiServices',
            given: 'nothing, with the preset aws-apis',
            allowed: 'the services whose APIs jobs may reach',
            remedy: 'name them, such as ["ec2", "s3", "sts"], or leave the preset out',
          },
        ]
      : [];
  const idle = withApis
    ? []
    : ['awsApiServices', 'awsApiRegions']
        .filter((key) => network[key] !== undefined)
        .map((key) => ({
          path: `network.${key}`,
          given: `${shown(network[key])}, without the preset aws-apis`,
          allowed: 'only with the preset aws-apis',
          remedy: 'add "aws-apis" to network.allowedPresets, or leave it out',
        }));
  const misnamed = services.flatMap((service: unknown, index) => {
    const wrong = typeof service === 'string' && SERVICE.test(service) ? serviceFault(service) : undefined;
    return wrong === undefined
      ? []
      : [
          {
            path: `network.awsApiServices.${index}`,
            given: `${shown(service)}: ${wrong.fault}`,
            allowed: 'a service as its endpoint is called',
            remedy: wrong.remedy,
          },
        ];
  });
  const regions = Array.isArray(network['awsApiRegions']) ? network['awsApiRegions'] : [];
  const unknown = regions.flatMap((region: unknown, index) =>
    typeof region !== 'string' || !REGION.test(region) || AWS_REGIONS.includes(region)
      ? []
      : [
          {
            path: `network.awsApiRegions.${index}`,
            given: `${shown(region)}, which the CDK does not know`,
            allowed: AWS_REGIONS.join(', '),
            remedy: `${meant(region)}for a region that is newer, update aws-cdk-lib, or name its hosts in network.allowedDomains`,
          },
        ],
  );
  return [...needed, ...idle, ...misnamed, ...partitionFaults(network, withApis ? services : []), ...unknown];
}

/** Without regions the names are those of the region that the template is deployed to, whose partition nobody knows yet. */
function partitionFaults(network: Given, services: readonly unknown[]): SettingsFault[] {
  if (network['awsApiRegions'] !== undefined) return [];
  const others = services.filter((service) => typeof service === 'string' && isPartitions(service));
  if (others.length === 0) return [];
  return [
    {
      path: 'network.awsApiRegions',
      given: `nothing, with ${others.join(', ')} among network.awsApiServices, whose hosts are called otherwise in other partitions`,
      allowed: 'the regions whose APIs jobs may reach',
      remedy:
        'name them, the stack’s own first, such as ["eu-central-1"]: the template does not know which partition it is deployed to',
    },
  ];
}

function meant(region: string): string {
  const near = didYouMean(region, AWS_REGIONS);
  return near === undefined ? '' : `did you mean ${near}? `;
}
