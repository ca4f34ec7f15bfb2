/** Checks of the registries that tasks pull images from. Tasks reach registries through the same egress path as other hosts. */
import { schemeExplanation } from '../../agent/image-reference.ts';
import { AWS_REGIONS, dualStackDomainOf, suffixOf } from '../../aws/partitions.ts';
import { shown } from '../../credentials.ts';
import { registryOf } from '../../network/allowed-domains.ts';
import { parseName } from '../../network/domain-name.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableNetwork } from '../read.ts';
import { isCopied } from '../task-images.ts';
import { type AroundNetwork, namesAreLimited } from './domains.ts';

/** Faults of registries without a valid domain, and of registries on a port that no security group of the stack opens. */
export function* registryFaults(
  network: ReadableNetwork,
  { pools, registry, copy }: AroundNetwork,
): Iterable<SettingsFault> {
  const images = [
    { path: 'agentImage.registry', image: registry },
    ...pools.map(({ image }, index) => ({ path: `pools.${index}.image`, image })),
  ];
  for (const { path, image } of images) {
    if (image === undefined) continue;
    const misread = schemeExplanation(image) ?? ecrFault(image);
    if (misread !== undefined) yield { path, ...misread };
    // Tasks pull a copied image from ECR.
    else if (!isCopied(image, copy)) yield* pullFaults(network, path, image);
  }
}

const ECR = /^\d{12}\.dkr([.-])ecr(?:-fips)?\.([a-z0-9-]+)\.(.+)$/;

/**
 * The fault of a misspelled ECR hostname. Without it, the host would count as a registry that needs no login and no access to
 * ECR's layers.
 */
function ecrFault(image: string): Omit<SettingsFault, 'path'> | undefined {
  const { host } = registryOf(image);
  const [, form, region = '', domain = ''] = ECR.exec(host) ?? [];
  if (form === undefined) return undefined;
  const own = form === '.' ? suffixOf(region, domain) : `on.${dualStackDomainOf(region)}`;
  if (AWS_REGIONS.includes(region) && domain !== own) {
    return {
      given: `${shown(image)}, whose registry is ${host}`,
      allowed: `${host.slice(0, -domain.length)}${own}, the hostname of ECR in ${region}`,
      remedy: 'correct the end of the hostname, or the region',
    };
  }
  if (!image.startsWith(`${host}:`)) return undefined;
  return {
    given: `${shown(image)}, an ECR registry with a port`,
    allowed: `${host}/…, without a port`,
    remedy: 'remove the port, because ECR always uses 443',
  };
}

function* pullFaults(network: ReadableNetwork, path: string, image: string): Iterable<SettingsFault> {
  const { host, port } = registryOf(image);
  // The fault of the name comes first: another port would not help.
  const parsed = parseName(host);
  if ('fault' in parsed && namesAreLimited(network)) {
    yield {
      path,
      given: `${shown(image)}, whose registry is ${host}: ${parsed.fault}`,
      allowed: 'a registry with a fully qualified hostname',
      remedy: `${parsed.remedy}, or copy the image to ECR`,
    };
  }
  if (port !== 443 && network.securityGroupIds === undefined) {
    yield {
      path,
      given: `${shown(image)}, whose registry listens on port ${port}`,
      allowed: 'a registry on port 443, because no other port is open',
      remedy: `let ${host} listen on 443, copy the image to ECR, or choose existing-vpc with network.securityGroupIds that allow the port`,
    };
  }
}
