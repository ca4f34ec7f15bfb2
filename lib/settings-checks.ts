/** Faults that only show when settings are seen together. They are looked for also where single settings are wrong. */
import { mostWarmAgents } from '../functions/launcher/warm-limit.ts';
import { DEFAULT_CPU, DEFAULT_HOSTNAME, DEFAULT_MAX_AGENTS, DEFAULT_MEMORY_MIB, MOST_POOLS } from './defaults.ts';
import { FARGATE_CPU, fargateMemoryInWords, fargateMemoryMiB } from './fargate-size.ts';
import { repeatedNames, taskFamily } from './names.ts';
import { networkFaults } from './network-checks.ts';
import { type SettingsFault, shown } from './settings-faults.ts';
import { lanesOf, standingBytes, standingFaults } from './standing-settings.ts';

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
    ...pools.flatMap(phaseSizeFaults),
    ...pools.flatMap(capacityFaults),
    ...pools.flatMap((pool, index) => standingFaults(pool, index)),
    ...tooManyFaults(pools),
    ...sameNameFaults(pools),
    ...sameIdFaults(pools),
    ...environmentFaults(given, pools),
    ...ceilingFaults(given, pools),
    ...sharedSecretFaults(given, pools),
    ...imageFaults(given['agentImage']),
    ...networkFaults(isRecord(given['network']) ? given['network'] : {}, {
      hostname: given['hostname'] ?? DEFAULT_HOSTNAME,
      pools,
      registry: isRecord(given['agentImage']) ? given['agentImage']['registry'] : undefined,
    }),
  ];
}

/**
 * ARNs of another region than the stack's. CloudWatch notifies topics of its own region only, and the launcher asks the
 * Secrets Manager of its region. https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
 */
export function regionFaults(given: unknown, region: string | undefined): SettingsFault[] {
  if (region === undefined || !isRecord(given)) return [];
  const pools: readonly unknown[] = Array.isArray(given['pools']) ? given['pools'] : [];
  const places = [
    { path: 'alarmTopicArn', value: given['alarmTopicArn'], what: 'a topic' },
    { path: 'apiTokenSecret', value: given['apiTokenSecret'], what: 'a secret' },
    ...pools.map((pool, index) => ({
      path: `pools.${index}.apiTokenSecret`,
      value: isRecord(pool) ? pool['apiTokenSecret'] : undefined,
      what: 'a secret',
    })),
  ];
  return places.flatMap(({ path, value, what }) => {
    const its = typeof value === 'string' && value.startsWith('arn:') ? value.split(':')[3] : region;
    if (its === region) return [];
    return [
      {
        path,
        given: `${shown(value)}, while the stack is deployed to ${region}`,
        allowed: `${what} in ${region}`,
        remedy: `use ${what} of ${region}, or set AWS_REGION to the region that you deploy to`,
      },
    ];
  });
}

/** @param path of the place whose settings these are. */
function sizeFault(size: Given, path: string, asked: Given): SettingsFault[] {
  const { cpu = DEFAULT_CPU, memoryMiB = DEFAULT_MEMORY_MIB } = size;
  if (typeof cpu !== 'number' || typeof memoryMiB !== 'number' || !FARGATE_CPU.includes(cpu)) return [];
  if (fargateMemoryMiB(cpu).includes(memoryMiB)) return [];
  return [
    {
      path: `${path}.memoryMiB`,
      given: `${memoryMiB}${asked['memoryMiB'] === undefined ? ' (the default)' : ''}, with cpu ${cpu}`,
      allowed: fargateMemoryInWords(cpu),
      remedy: 'choose a pair of cpu and memoryMiB that Fargate has',
    },
  ];
}

function sizeFaults(pool: Given, index: number): SettingsFault[] {
  return sizeFault(pool, `pools.${index}`, pool);
}

/** What a phase does not say is the pool's; a pair that is wrong in the pool already is told of there. */
function phaseSizeFaults(pool: Given, index: number): SettingsFault[] {
  const phases = isRecord(pool['phases']) ? pool['phases'] : {};
  return (['plan', 'apply'] as const).flatMap((phase) => {
    const own = phases[phase];
    if (!isRecord(own) || (own['cpu'] === undefined && own['memoryMiB'] === undefined)) return [];
    const { cpu = pool['cpu'], memoryMiB = pool['memoryMiB'] } = own;
    return sizeFault({ cpu, memoryMiB }, `pools.${index}.phases.${phase}`, { memoryMiB });
  });
}

function capacityFaults(pool: Given, index: number): SettingsFault[] {
  if (pool['capacity'] === undefined) return [];
  return [
    {
      path: `pools.${index}.capacity`,
      given: shown(pool['capacity']),
      allowed: 'capacity of plans only: phases.plan.capacity',
      remedy:
        'give "phases": {"plan": {"capacity": "spot"}}: AWS takes Spot tasks back with two minutes’ notice, and an interrupted apply leaves infrastructure and state half changed',
    },
  ];
}

/** As many as the function's policy has room for. */
function tooManyFaults(pools: readonly Given[]): SettingsFault[] {
  const counted = pools.reduce((sum, { phases }) => sum + (phases === undefined ? 1 : 2), 0);
  if (counted <= MOST_POOLS || pools.length > MOST_POOLS) return [];
  return [
    {
      path: 'pools',
      given: `${pools.length} pools, which count for ${counted}: one with phases counts for two`,
      allowed: `${MOST_POOLS} in all`,
      remedy: 'a second stack for some of the pools',
    },
  ];
}

function sameNameFaults(pools: readonly Given[]): SettingsFault[] {
  const named = pools.flatMap(({ name }, index) => (typeof name === 'string' ? { name, index } : []));
  return repeatedNames(named.map(({ name }) => name)).map(({ index, name, first }) => ({
    path: `pools.${named[index]?.index}.name`,
    given: `${shown(name)}, the same name as pools.${named[first]?.index}, without regard to case`,
    allowed: 'each name once; names must differ in more than case',
    remedy:
      'merge the two pools; if they belong to two organizations, deploy a second stack with another stackName and move one there',
  }));
}

/** Two entries for one pool would each launch an agent for every job. */
function sameIdFaults(pools: readonly Given[]): SettingsFault[] {
  return repeated(pools.map((pool) => pool['id'])).map(({ index, value, first }) => ({
    path: `pools.${index}.id`,
    given: `${shown(value)}, as in pools.${first}`,
    allowed: 'each id once',
    remedy: 'use the id that HCP Terraform shows on the page of this pool, or leave it out',
  }));
}

/** Lambda allows 4 KB for all variables of a function; what is not about pools takes about one. */
const POOLS_MOST_BYTES = 3_000;

function environmentFaults(given: Given, pools: readonly Given[]): SettingsFault[] {
  const { stackName = 'AgentLauncher' } = given;
  const listed = pools.map(({ name, id, organization, apiTokenSecret, maxAgents = DEFAULT_MAX_AGENTS, phases }) => ({
    name,
    id,
    organization,
    apiTokenSecret,
    maxAgents,
    lanes:
      phases === undefined
        ? [{ taskDefinition: taskFamily(`${stackName}`, ['plan', 'apply'], `${name}`) }]
        : [
            { taskDefinition: taskFamily(`${stackName}`, ['plan'], `${name}`), phases: ['plan'], capacity: 'spot' },
            { taskDefinition: taskFamily(`${stackName}`, ['apply'], `${name}`), phases: ['apply'], policies: false },
          ],
  }));
  const bytes = Buffer.byteLength(JSON.stringify(listed)) + pools.reduce((sum, pool) => sum + standingBytes(pool), 0);
  if (bytes <= POOLS_MOST_BYTES) return [];
  return [
    {
      path: 'pools',
      given: `${pools.length} pools, whose names and ids take ${bytes} bytes of the function's environment`,
      allowed: `${POOLS_MOST_BYTES} bytes, of the 4 KB that Lambda has for all of a function's variables`,
      remedy: 'shorter names of pools, secrets or the stack, or a second stack for some of the pools',
    },
  ];
}

/** Warm agents that fill the organization agent limit leave no agent for the jobs of another pool or phase. */
function ceilingFaults({ agentsCeiling, organization }: Given, pools: readonly Given[]): SettingsFault[] {
  if (typeof agentsCeiling !== 'number') return [];
  const byOrganization = Map.groupBy(pools, (pool) => pool['organization'] ?? organization);
  return [...byOrganization].flatMap(([name, its]) => {
    const warm = its.reduce(
      (sum, { warmAgents }) => sum + (isRecord(warmAgents) ? Number(warmAgents['agents']) : 0),
      0,
    );
    const lanes = its.reduce((sum, pool) => sum + lanesOf(pool), 0);
    if (!(warm > mostWarmAgents(agentsCeiling, lanes))) return [];
    return [
      {
        path: 'agentsCeiling',
        given: `${agentsCeiling}, with ${warm} warm agents in organization ${shown(name)}`,
        allowed: `at most ${mostWarmAgents(agentsCeiling, lanes)} warm agents: with several pools or \`phases\`, one agent must be left for the others' jobs`,
        remedy: 'fewer warm agents, or a higher agentsCeiling if your organization has more agents',
      },
    ];
  });
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
  if (!isRecord(image)) return [];
  const built = ['version', 'source', 'digest', 'base', 'hideAgent'].filter((name) => image[name] !== undefined);
  const fault = (allowed: string, remedy: string) => ({ path: 'agentImage', given: shown(image), allowed, remedy });
  if (image['registry'] !== undefined && built.length > 0) {
    return [
      fault(
        `${built.join(', ')} or registry, not both`,
        `leave out ${built.join(', ')} to use the registry image, or registry to build one`,
      ),
    ];
  }
  if (image['source'] === 'release' && image['digest'] !== undefined) {
    return [
      fault('digest with the source official', 'pin the base by its digest instead: "base": "ubuntu:24.04@sha256:…"'),
    ];
  }
  if (image['source'] !== 'release' && image['base'] !== undefined) {
    return [fault('base with the source release', 'add "source": "release", or leave out base')];
  }
  return [];
}

/** Values that occurred before, with where they did first. */
function repeated(values: readonly unknown[]): { index: number; value: unknown; first: number }[] {
  return values
    .map((value, index) => ({ index, value, first: values.indexOf(value) }))
    .filter(({ index, value, first }) => value !== undefined && first !== index);
}
