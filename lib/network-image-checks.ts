/** Faults of the registries that tasks pull their images from: tasks reach them by the same ways as jobs reach hosts. */
import { registryOf } from './egress/allowed-domains.ts';
import { parseName } from './egress/domain-name.ts';
import { AWS_REGIONS, dualStackDomainOf, suffixOf } from './egress/partitions.ts';
import { type AroundNetwork, namesAreLimited } from './network-name-checks.ts';
import { type SettingsFault, shown } from './settings-faults.ts';
import { isCopied } from './task-images.ts';

type Given = Readonly<Record<string, unknown>>;

/** Registries that do not listen on TCP 443, unless the security groups are the user's, and those that firewalls cannot name. */
export function registryFaults(network: Given, { pools, registry, copy }: AroundNetwork): SettingsFault[] {
  const images = [['agentImage.registry', registry], ...pools.map((pool, i) => [`pools.${i}.image`, pool['image']])];
  return images.flatMap(([path, image]) => {
    if (typeof path !== 'string' || typeof image !== 'string') return [];
    const misread = [...schemeFault(path, image), ...ecrFault(path, image)];
    // What is copied is pulled from ECR, whatever its registry is.
    if (misread.length > 0 || isCopied(image, copy)) return misread;
    return [...portFault(network, path, image), ...nameFault(network, path, image)];
  });
}

function schemeFault(path: string, image: string): SettingsFault[] {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/i.exec(image) ?? [];
  if (scheme === undefined) return [];
  return [
    {
      path,
      given: `${shown(image)}, which begins with ${scheme}`,
      allowed: 'a reference of an image, which has no scheme',
      remedy: `leave ${scheme} out: ${rest}`,
    },
  ];
}

const ECR = /^\d{12}\.dkr([.-])ecr(?:-fips)?\.([a-z0-9-]+)\.(.+)$/;

/** A host that is nearly ECR's would be reached as a registry of somebody else's, without a login and without its layers. */
function ecrFault(path: string, image: string): SettingsFault[] {
  const { host } = registryOf(image);
  const [, form, region = '', domain = ''] = ECR.exec(host) ?? [];
  if (form === undefined) return [];
  const own = form === '.' ? suffixOf(region, domain) : `on.${dualStackDomainOf(region)}`;
  const right = `${host.slice(0, -domain.length)}${own}`;
  if (AWS_REGIONS.includes(region) && domain !== own) {
    return [
      {
        path,
        given: `${shown(image)}, whose registry is ${host}`,
        allowed: `${right}, as ECR is called in ${region}`,
        remedy: 'correct the end of the host, or the region',
      },
    ];
  }
  return image.startsWith(`${host}:`)
    ? [
        {
          path,
          given: `${shown(image)}, a registry of ECR with a port`,
          allowed: `${host}/…: ECR is known by its host alone`,
          remedy: 'leave the port out: it is 443 anyway',
        },
      ]
    : [];
}

function portFault(network: Given, path: string, image: string): SettingsFault[] {
  const { host, port } = registryOf(image);
  if (port === 443 || network['securityGroupIds'] !== undefined) return [];
  return [
    {
      path,
      given: `${shown(image)}, whose registry listens on port ${port}`,
      allowed: 'a registry on port 443: no other port leaves',
      remedy: `let ${host} listen on 443, copy the image to ECR, or choose existing-vpc with network.securityGroupIds that let it out`,
    },
  ];
}

function nameFault(network: Given, path: string, image: string): SettingsFault[] {
  const { host } = registryOf(image);
  const parsed = parseName(host);
  if ('name' in parsed || !namesAreLimited(network)) return [];
  return [
    {
      path,
      given: `${shown(image)}, whose registry is ${host}: ${parsed.fault}`,
      allowed: 'a registry by a complete host name, which is then allowed',
      remedy: `${parsed.remedy}, or copy the image to ECR`,
    },
  ];
}
