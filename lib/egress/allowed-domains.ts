/** Which names agents may reach: the defaults for a host, presets, and what a Fargate task asks for before it runs. */
import { awsApiNames } from './aws-names.ts';
import { normalised, parseName } from './domain-name.ts';
import { ecrImage } from './ecr-image.ts';
import { suffixOf } from './partitions.ts';
import { bucketsIn } from './s3-names.ts';

/** Presets, by their names in the settings. */
export const PRESETS = {
  'hcp-terraform': 'the default domains for `hostname`, to add to `allowedDomains`',
  'github-releases': 'GitHub and its release downloads: community providers, modules from GitHub',
  'aws-apis': 'the APIs of `awsApiServices` in `awsApiRegions`',
} as const;

export type Preset = keyof typeof PRESETS;

/** HCP Terraform's host in Europe. */
export const EU_HOSTNAME = 'app.eu.terraform.io';

/**
 * The names that an agent needs for a usual `terraform init`, plan and apply.
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/requirements#networking-requirements
 *
 * Not among them: `agents.terraform.io:7146`, which only request forwarding and HYOK need, and both need agents that stay.
 *
 * @param hostname host of HCP Terraform or Terraform Enterprise, with or without a port
 */
export function defaultNames(hostname: string): string[] {
  const host = hostname.split(':')[0] ?? hostname;
  const downloads = ['releases.hashicorp.com', 'registry.terraform.io'];
  if (host === 'app.terraform.io') return [host, 'archivist.terraform.io', ...downloads];
  // HashiCorp's page names no archivist of Europe; this one follows the pattern and is unverified.
  if (host === EU_HOSTNAME) return [host, 'archivist.eu.terraform.io', ...downloads];
  return [host, ...downloads];
}

/**
 * What `https://github.com/…/releases/download/…` needs: the redirect leads to one of two download hosts.
 * https://docs.github.com/en/repositories/releasing-projects-on-github/about-releases
 */
export const GITHUB_RELEASES = [
  'github.com',
  'api.github.com',
  'codeload.github.com',
  'objects.githubusercontent.com',
  'release-assets.githubusercontent.com',
];

/** Where the stack is, in plain text or as what CloudFormation fills in. */
export interface Place {
  readonly account: string;
  readonly region: string;
  /** Domain of the region's hosts: `amazonaws.com`, in other partitions another. */
  readonly urlSuffix: string;
}

/** What a Fargate task asks for before its container runs, by the way it takes. */
export interface TaskStartNames {
  /** APIs, which have interface endpoints when they are asked for. */
  readonly apis: string[];
  /** Image layers of this region's ECR, which come by the S3 gateway endpoint. */
  readonly layers: string[];
  /** Registries that are not this region's ECR. */
  readonly registries: string[];
  /** What GuardDuty's sidecar sends to. GuardDuty creates an endpoint for it in the VPC. */
  readonly monitoring: string[];
}

/**
 * On platform version 1.4.0 the image, the secrets and the logs go through the task's own network interface, so they
 * are part of what the network must let out. https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html
 *
 * @param images references of the images that tasks run; `undefined` stands for the one that is built with the stack
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
      // In the stack's own region some of these are the names below; in another one they are not.
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

/** Services that a task start asks, as endpoints are called: those without which no task of these images starts. */
export function taskStartServices(images: readonly (string | undefined)[]): string[] {
  const fromEcr = images.some((image) => image === undefined || ecrRegistry(image) !== null);
  return [...(fromEcr ? ['ecr.api', 'ecr.dkr'] : []), 'logs', 'secretsmanager'];
}

/** The bucket that ECR of a region keeps layers in. https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms */
export const layerBucket = (region: string): string => `prod-${region}-starport-layer-bucket`;

const layerBucketName = (region: string, suffix: string): string => `${layerBucket(region)}.s3.${region}.${suffix}`;

/**
 * The names that pulling from an ECR registry needs. Which names Fargate asks of a host for IPv4 and IPv6, beside the
 * registry's, is unverified: both forms of API and layers are taken.
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
 * Registries whose layers come from other hosts than the one in the reference, as of 2026-11-28. The registries change
 * these hosts without notice, so the stack copies such images into ECR (`agentImage.copy`). The hosts are used only where
 * a user turns the copy off.
 */
const REGISTRIES: Readonly<Record<string, readonly string[]>> = {
  'docker.io': [
    'registry-1.docker.io',
    'auth.docker.io',
    'production.cloudflare.docker.com',
    'production.cloudfront.docker.com',
    'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
    // Inside AWS.
    ...['docker-images-prod.s3.us-east-1.amazonaws.com', 'docker-images-prod.s3.dualstack.us-east-1.amazonaws.com'],
  ],
  'ghcr.io': ['ghcr.io', 'pkg-containers.githubusercontent.com'],
  'public.ecr.aws': ['public.ecr.aws', 'd5l0dvt14r5h8.cloudfront.net', 'd2glxqk2uabbnd.cloudfront.net'],
  'quay.io': ['quay.io', 'cdn.quay.io', 'cdn01.quay.io', 'cdn02.quay.io', 'cdn03.quay.io'],
};

/** Other names of Docker Hub in references. */
const DOCKER_HUB = ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'];

/** Buckets of other registries than ECR's that layers of these images come from. */
export function registryBuckets(images: readonly (string | undefined)[]): string[] {
  const foreign = images.filter((image) => image !== undefined && ecrImage(image) === undefined);
  return bucketsIn(foreign.flatMap((image) => registryNames(image ?? '')));
}

/** Whether a registry sends its layers from hosts that it changes without notice. */
export function hasChangingHosts(image: string): boolean {
  return ecrImage(image) === undefined && registryNames(image).length > 1;
}

/** The names that pulling an image by its reference needs. */
function registryNames(image: string): readonly string[] {
  const { host } = registryOf(image);
  return REGISTRIES[DOCKER_HUB.includes(host) ? 'docker.io' : host] ?? [host];
}

/** Where an image's reference leads. A reference without a host means Docker Hub. */
export function registryOf(image: string): { readonly host: string; readonly port: number } {
  const [first = '', ...rest] = image.split('/');
  const [host = '', port = '443'] = (rest.length > 0 && /[.:]|^localhost$/.test(first) ? first : 'docker.io').split(
    ':',
  );
  const parsed = parseName(host);
  return { host: 'name' in parsed ? parsed.name : host, port: Number(port) };
}

/** What the settings say about names. */
export interface AllowedNamesInput {
  readonly hostname: string;
  /** In place of the default names; `hostname` itself is always allowed. */
  readonly allowedDomains?: readonly string[];
  readonly allowedPresets?: readonly Preset[];
  readonly awsApiServices?: readonly string[];
  /** Without them: the stack's own region. */
  readonly awsApiRegions?: readonly string[];
}

/** Every name that jobs may reach, normalised, beside what a task start needs. */
export function jobNames(input: AllowedNamesInput, place: Place): string[] {
  const { hostname, allowedDomains, allowedPresets = [], awsApiServices = [], awsApiRegions } = input;
  const own = hostname.split(':')[0] ?? hostname;
  const given = allowedDomains ?? defaultNames(hostname);
  const presets = allowedPresets.flatMap((preset) => {
    if (preset === 'hcp-terraform') return defaultNames(hostname);
    if (preset === 'github-releases') return GITHUB_RELEASES;
    return awsApiNames(awsApiServices, awsApiRegions ?? [place.region], place.urlSuffix);
  });
  return normalised([own, ...given, ...presets]);
}

/** Every name that resolves where names are limited: what jobs may reach, and what a task start asks for. */
export function resolvingNames(
  input: AllowedNamesInput,
  images: readonly (string | undefined)[],
  place: Place,
  guardDuty?: string,
): string[] {
  const { apis, layers, registries, monitoring } = taskStartNames(images, place, guardDuty);
  return normalised([...jobNames(input, place), ...apis, ...layers, ...registries, ...monitoring]);
}

/** The port of a host; 443 when it names none. */
export function portOf(hostname: string): number {
  return Number(hostname.split(':')[1] ?? 443);
}
