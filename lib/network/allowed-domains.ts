/** The domains that agents can reach: the defaults for a host, presets, and what a Fargate task needs before it runs. */
import { ecrImage } from '../aws/ecr-image.ts';
import { fipsNames } from '../aws/fips.ts';
import { suffixOf } from '../aws/partitions.ts';
import { bucketsIn } from '../aws/s3-names.ts';
import { awsApiNames } from '../aws/service-endpoints.ts';
import { gatewayOwnNames } from '../gateway/own-names.ts';
import { normalised, parseName } from './domain-name.ts';

/** Presets, by their name in the settings. */
export const PRESETS = {
  'hcp-terraform': 'the default domains for `hostname`, so that you keep them when you set `allowedDomains`',
  'github-releases': 'GitHub and its release downloads, for community providers and modules',
  'aws-apis': 'the APIs of `awsApiServices` in `awsApiRegions`',
} as const;

export type Preset = keyof typeof PRESETS;

/** HCP Terraform's host in Europe. */
export const EU_HOSTNAME = 'app.eu.terraform.io';

/**
 * The domains that an agent needs for a usual `terraform init`, plan and apply.
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/requirements#networking-requirements
 *
 * They don't include `agents.terraform.io:7146`. Only request forwarding and HYOK need it, and both need permanent agents.
 *
 * @param hostname host of HCP Terraform or Terraform Enterprise, with or without a port
 */
export function defaultNames(hostname: string): string[] {
  const host = hostname.split(':')[0] ?? hostname;
  const downloads = ['releases.hashicorp.com', 'registry.terraform.io'];
  if (host === 'app.terraform.io') return [host, 'archivist.terraform.io', ...downloads];
  // HashiCorp's page doesn't list an archivist for Europe. This one follows the pattern and is unverified.
  if (host === EU_HOSTNAME) return [host, 'archivist.eu.terraform.io', ...downloads];
  return [host, ...downloads];
}

/**
 * The domains for release downloads. `https://github.com/…/releases/download/…` redirects to one of two download hosts.
 * https://docs.github.com/en/repositories/releasing-projects-on-github/about-releases
 */
export const GITHUB_RELEASES = [
  'github.com',
  'api.github.com',
  'codeload.github.com',
  'objects.githubusercontent.com',
  'release-assets.githubusercontent.com',
];

/** The stack's account and region, as text or as CloudFormation references. */
export interface Place {
  readonly account: string;
  readonly region: string;
  /** Domain of the region's hosts, which depends on the partition: `amazonaws.com`, … */
  readonly urlSuffix: string;
}

/** The domains that a Fargate task needs before its container runs, by the path of the traffic. */
export interface TaskStartNames {
  /** AWS APIs. The stack can have interface endpoints for them. */
  readonly apis: string[];
  /** Hosts of the image layers in this region's ECR. Tasks reach them through the S3 gateway endpoint. */
  readonly layers: string[];
  /** Hosts of registries other than this region's ECR. */
  readonly registries: string[];
  /** The host that GuardDuty's sidecar sends its findings to. GuardDuty creates an endpoint for this host in the VPC. */
  readonly monitoring: string[];
}

/**
 * On platform version 1.4.0, Fargate pulls the image, reads the secrets and sends the logs through the task's own network
 * interface, so the network must allow this traffic. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
 *
 * @param images references of the tasks' images; `undefined` is the image that the stack builds
 * @param guardDuty account that hosts the image of GuardDuty's sidecar, if tasks have one
 */
export function taskStartNames(
  images: readonly (string | undefined)[],
  place: Place,
  guardDuty?: string,
): TaskStartNames {
  const { account, region, urlSuffix } = place;
  const registries = new Set<string>();
  // The sidecar's image is in ECR of this region, so its layers come from the same bucket.
  let fromEcr = guardDuty !== undefined;
  for (const image of images) {
    const ecr = image === undefined ? null : ecrRegistry(image);
    if (image === undefined) fromEcr = true;
    else if (ecr === null) for (const name of registryNames(image)) registries.add(name);
    else {
      fromEcr = true;
      // For the stack's region, the list below repeats some of these hosts. For other regions, it doesn't.
      for (const name of ecr) registries.add(name);
    }
  }
  return {
    apis: [
      ...(fromEcr ? [`api.ecr.${region}.${urlSuffix}`, `${account}.dkr.ecr.${region}.${urlSuffix}`] : []),
      ...(guardDuty === undefined ? [] : [`${guardDuty}.dkr.ecr.${region}.${urlSuffix}`]),
      `logs.${region}.${urlSuffix}`,
      `secretsmanager.${region}.${urlSuffix}`,
    ],
    layers: fromEcr ? [layerBucketName(region, urlSuffix)] : [],
    registries: [...registries],
    monitoring: guardDuty === undefined ? [] : [`guardduty-data.${region}.${urlSuffix}`],
  };
}

/** The services that a task with these images needs to start, by their endpoint name. */
export function taskStartServices(images: readonly (string | undefined)[]): string[] {
  const fromEcr = images.some((image) => image === undefined || ecrRegistry(image) !== null);
  return [...(fromEcr ? ['ecr.api', 'ecr.dkr'] : []), 'logs', 'secretsmanager'];
}

/** Number of interface endpoints that a task needs to start. AWS bills each of them per zone. */
export const TASK_START_ENDPOINTS = taskStartServices([undefined]).length;

/** The bucket in which a region's ECR stores layers. https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms */
export const layerBucket = (region: string): string => `prod-${region}-starport-layer-bucket`;

const layerBucketName = (region: string, suffix: string): string => `${layerBucket(region)}.s3.${region}.${suffix}`;

/**
 * The hosts that a pull from an ECR registry needs. If the registry's host is dual-stack, it is unverified which other hosts
 * Fargate uses. So the list includes both forms of the API and layer hosts.
 */
function ecrRegistry(image: string): string[] | null {
  const ecr = ecrImage(image);
  if (ecr === undefined) return null;
  const { host, region, domain, dualStack } = ecr;
  const suffix = dualStack === undefined ? domain : suffixOf(region, 'amazonaws.com');
  const names = [host, `api.ecr.${region}.${suffix}`, layerBucketName(region, suffix)];
  return dualStack === undefined
    ? names
    : [...names, `ecr.${region}.api.${dualStack}`, `${layerBucket(region)}.s3.dualstack.${region}.${suffix}`];
}

/**
 * Registries that serve layers from hosts that aren't in the reference, as of 2026-11-28. The registries change
 * these hosts without notice, so the stack copies such images into ECR (`agentImage.copy`). The hosts matter only if a
 * user turns the copy off.
 */
const REGISTRIES: Readonly<Record<string, readonly string[]>> = {
  'docker.io': [
    'registry-1.docker.io',
    'auth.docker.io',
    'production.cloudflare.docker.com',
    'production.cloudfront.docker.com',
    'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
    // For clients inside AWS.
    ...['docker-images-prod.s3.us-east-1.amazonaws.com', 'docker-images-prod.s3.dualstack.us-east-1.amazonaws.com'],
  ],
  'ghcr.io': ['ghcr.io', 'pkg-containers.githubusercontent.com'],
  'public.ecr.aws': ['public.ecr.aws', 'd5l0dvt14r5h8.cloudfront.net', 'd2glxqk2uabbnd.cloudfront.net'],
  'quay.io': ['quay.io', 'cdn.quay.io', 'cdn01.quay.io', 'cdn02.quay.io', 'cdn03.quay.io'],
};

/** Hosts in a reference that mean Docker Hub. */
const DOCKER_HUB = ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** Buckets of registries other than ECR that serve these images' layers. */
export function registryBuckets(images: readonly (string | undefined)[]): string[] {
  const foreign = images.filter((image) => image !== undefined && ecrImage(image) === undefined);
  return bucketsIn(foreign.flatMap((image) => registryNames(image ?? '')));
}

/** Whether the image's registry serves layers from hosts that can change without notice. */
export function hasChangingHosts(image: string): boolean {
  return ecrImage(image) === undefined && registryNames(image).length > 1;
}

/** The hosts that a pull of this image needs. */
function registryNames(image: string): readonly string[] {
  const { host } = registryOf(image);
  return REGISTRIES[DOCKER_HUB.includes(host) ? 'docker.io' : host] ?? [host];
}

/** Host and port of an image's registry. A reference without a host means Docker Hub. */
export function registryOf(image: string): { readonly host: string; readonly port: number } {
  const [first = '', ...rest] = image.split('/');
  const [host = '', port = '443'] = (rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io').split(
    ':',
  );
  const parsed = parseName(host);
  return { host: 'name' in parsed ? parsed.name : host, port: Number(port) };
}

/** Options for the domains that agents can reach. The hostname and the domains of task startup are always allowed. */
export interface AllowedDomainOptions {
  /**
   * Domains that replace the default domains.
   *
   * @default - the domains that the hostname needs
   */
  readonly allowedDomains?: readonly string[] | undefined;
  /** Additional groups of domains. */
  readonly allowedPresets?: readonly Preset[] | undefined;
  /** Services of the preset `aws-apis`. */
  readonly awsApiServices?: readonly string[] | undefined;
  /**
   * Regions of the preset `aws-apis`.
   *
   * @default - the stack's region
   */
  readonly awsApiRegions?: readonly string[] | undefined;
}

export interface AllowedNamesInput extends AllowedDomainOptions {
  readonly hostname: string;
  /** Whether the preset `aws-apis` also contains the hosts of FIPS endpoints. Default: false. */
  readonly fips?: boolean | undefined;
}

/** Every domain that jobs can reach, normalized, without the domains of task startup. */
export function jobNames(input: AllowedNamesInput, place: Place): string[] {
  const { hostname, allowedDomains, allowedPresets = [], awsApiServices = [], awsApiRegions } = input;
  const own = hostname.split(':')[0] ?? hostname;
  const given = allowedDomains ?? defaultNames(hostname);
  const presets = allowedPresets.flatMap((preset) => {
    if (preset === 'hcp-terraform') return defaultNames(hostname);
    if (preset === 'github-releases') return GITHUB_RELEASES;
    const regions = awsApiRegions ?? [place.region];
    const names = awsApiNames(awsApiServices, regions, place.urlSuffix);
    return input.fips === true ? [...names, ...fipsNames(awsApiServices, regions, place.urlSuffix)] : names;
  });
  return normalised([own, ...given, ...presets]);
}

/** The egress mode, for the domains that its own resources need. */
interface ModeInput {
  readonly egress?: string | undefined;
  readonly gatewaySessionManager?: boolean | undefined;
}

/** Every domain that resolves if domains are limited: the domains of jobs, of task startup and of the gateways themselves. */
export function resolvingNames(
  input: AllowedNamesInput & ModeInput,
  images: readonly (string | undefined)[],
  place: Place,
  guardDuty?: string,
): string[] {
  const { apis, layers, registries, monitoring } = taskStartNames(images, place, guardDuty);
  // The gateways use the VPC's resolver too. They don't forward these domains unless a job needs them.
  const gateways = input.egress === 'on-demand' ? gatewayOwnNames(place, input.gatewaySessionManager ?? false) : [];
  return normalised([...jobNames(input, place), ...apis, ...layers, ...registries, ...monitoring, ...gateways]);
}

/** The port of a host; 443 if it has none. */
export function portOf(hostname: string): number {
  return Number(hostname.split(':')[1] ?? 443);
}
