/** Faults of the registries that tasks pull their images from: tasks reach them by the same ways as jobs reach hosts. */
import { registryOf } from './egress/allowed-domains.ts';
import { parseName } from './egress/domain-name.ts';
import { type AroundNetwork, namesAreLimited } from './network-name-checks.ts';
import { type SettingsFault, shown } from './settings-faults.ts';

type Given = Readonly<Record<string, unknown>>;

/** Registries that do not listen on TCP 443, unless the security groups are the user's, and those that firewalls cannot name. */
export function registryFaults(network: Given, { pools, registry }: AroundNetwork): SettingsFault[] {
  const images = [['agentImage.registry', registry], ...pools.map((pool, i) => [`pools.${i}.image`, pool['image']])];
  return images.flatMap(([path, image]) => {
    if (typeof path !== 'string' || typeof image !== 'string') return [];
    return [...portFault(network, path, image), ...nameFault(network, path, image)];
  });
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
