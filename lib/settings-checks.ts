/** Faults that only show when settings are seen together. They are looked for also where single settings are wrong. */
import { DEFAULT_CPU, DEFAULT_MEMORY_MIB } from './defaults.ts';
import { FARGATE_CPU, fargateMemoryInWords, fargateMemoryMiB } from './fargate-size.ts';
import { type SettingsFault, shown } from './settings-faults.ts';

type Given = Readonly<Record<string, unknown>>;

const isRecord = (value: unknown): value is Given =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every fault between settings. What the schema refuses is left to the schema. */
export function crossFaults(given: unknown): SettingsFault[] {
  if (!isRecord(given)) return [];
  const pools = (Array.isArray(given['pools']) ? given['pools'] : []).map((pool: unknown) =>
    isRecord(pool) ? pool : {},
  );
  return [
    ...pools.flatMap(sizeFaults),
    ...sameNameFaults(pools),
    ...sharedSecretFaults(given, pools),
    ...imageFaults(given['agentImage']),
    ...networkFaults(isRecord(given['network']) ? given['network'] : {}),
  ];
}

function sizeFaults(pool: Given, index: number): SettingsFault[] {
  const { cpu = DEFAULT_CPU, memoryMiB = DEFAULT_MEMORY_MIB } = pool;
  if (typeof cpu !== 'number' || typeof memoryMiB !== 'number' || !FARGATE_CPU.includes(cpu)) return [];
  if (fargateMemoryMiB(cpu).includes(memoryMiB)) return [];
  return [
    {
      path: `pools.${index}.memoryMiB`,
      given: `${memoryMiB}${pool['memoryMiB'] === undefined ? ' (the default)' : ''}, with cpu ${cpu}`,
      allowed: fargateMemoryInWords(cpu),
      remedy: 'choose a pair of cpu and memoryMiB that Fargate has',
    },
  ];
}

function sameNameFaults(pools: readonly Given[]): SettingsFault[] {
  return repeated(pools.map((pool) => pool['name'])).map(({ index, value, first }) => ({
    path: `pools.${index}.name`,
    given: `${shown(value)}, as in pools.${first}`,
    allowed: 'every name once',
    remedy: 'merge the two; for pools of one name in two organizations deploy a second stack with another stackName',
  }));
}

function sharedSecretFaults(given: Given, pools: readonly Given[]): SettingsFault[] {
  const apiTokens = new Set([given['apiTokenSecret'], ...pools.map((pool) => pool['apiTokenSecret'])]);
  const asApiToken = pools.flatMap((pool, index) => {
    const secret = pool['agentTokenSecret'];
    if (secret === undefined || !apiTokens.has(secret)) return [];
    return [
      {
        path: `pools.${index}.agentTokenSecret`,
        given: `${shown(secret)}, which is an apiTokenSecret as well`,
        allowed: 'a secret of its own: an agent token is no API token, and neither side may read the other',
        remedy: "create an agent token in the pool's page of HCP Terraform, and a secret for it",
      },
    ];
  });
  const twice = repeated(pools.map((pool) => pool['agentTokenSecret'])).map(({ index, value, first }) => ({
    path: `pools.${index}.agentTokenSecret`,
    given: `${shown(value)}, as in pools.${first}`,
    allowed: 'a secret for every pool: an agent token belongs to one pool',
    remedy: 'create an agent token in this pool, and a secret for it',
  }));
  return [...asApiToken, ...twice];
}

function imageFaults(image: unknown): SettingsFault[] {
  if (!isRecord(image) || image['version'] === undefined || image['registry'] === undefined) return [];
  return [
    {
      path: 'agentImage',
      given: shown(image),
      allowed: 'version or registry, not both',
      remedy: 'leave out version to use the registry image, or registry to build one',
    },
  ];
}

/** Which setting belongs to which mode. */
const MODES = {
  'nat-gateway': { needs: [], takes: ['cidr', 'flowLogRetentionDays'] },
  'existing-vpc': { needs: ['vpcId', 'subnetIds'], takes: ['vpcId', 'subnetIds', 'securityGroupIds'] },
} as const satisfies Record<string, { needs: readonly string[]; takes: readonly string[] }>;

function networkFaults(network: Given): SettingsFault[] {
  const egress = network['egress'] ?? 'nat-gateway';
  if (egress !== 'nat-gateway' && egress !== 'existing-vpc') return [];
  const mode: { readonly needs: readonly string[]; readonly takes: readonly string[] } = MODES[egress];
  const misfits = Object.values(MODES)
    .flatMap(({ takes }): readonly string[] => takes)
    .filter((key) => network[key] !== undefined && !mode.takes.includes(key))
    .map((key) => ({
      path: `network.${key}`,
      given: `${shown(network[key])}, with egress ${egress}`,
      allowed: `with ${egress}: ${mode.takes.join(', ')}`,
      remedy: `leave it out, or set network.egress to ${egress === 'nat-gateway' ? 'existing-vpc' : 'nat-gateway'}`,
    }));
  const missing = mode.needs
    .filter((key) => network[key] === undefined)
    .map((key) => ({
      path: `network.${key}`,
      given: `nothing, with egress ${egress}`,
      allowed: key === 'vpcId' ? 'vpc-…' : '1 to 16 of subnet-…',
      remedy: `name it: aws ec2 describe-${key === 'vpcId' ? 'vpcs' : 'subnets'} lists yours`,
    }));
  return [...misfits, ...missing, ...cidrFaults(network['cidr'])];
}

function cidrFaults(cidr: unknown): SettingsFault[] {
  if (typeof cidr !== 'string') return [];
  const [, address = '', length = ''] = /^((?:\d{1,3}\.){3}\d{1,3})\/(\d{1,2})$/.exec(cidr) ?? [];
  const parts = address.split('.').map(Number);
  const bits = Number(length);
  const wellFormed = address !== '' && parts.every((part) => part <= 255) && bits >= 16 && bits <= 22;
  const size = 2 ** (32 - bits);
  const first = parts.reduce((sum, part) => sum * 256 + part, 0);
  if (wellFormed && first % size === 0) return [];
  return [
    {
      path: 'network.cidr',
      given: shown(cidr),
      allowed: 'IPv4 range from /16 to /22 that begins at its first address, such as 10.90.0.0/20',
      remedy:
        'each private subnet gets a quarter of it, and every task takes an address; take a range that your other networks do not use',
    },
  ];
}

/** Values that occurred before, with where they did first. */
function repeated(values: readonly unknown[]): { index: number; value: unknown; first: number }[] {
  return values
    .map((value, index) => ({ index, value, first: values.indexOf(value) }))
    .filter(({ index, value, first }) => value !== undefined && first !== index);
}
