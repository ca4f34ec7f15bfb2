/** Faults that need more than one setting, or more than a schema, to find. They are reported together with the schema's. */

import { mostWarmAgents } from '../../functions/launcher/warm-limit.ts';
import { FARGATE_CPU, fargateMemoryInWords, fargateMemoryMiB } from '../aws/fargate-size.ts';
import { GUARDDUTY_ACCOUNTS, guardDutyRegionFault } from '../aws/guardduty.ts';
import { credentialIn, looksLikeToken, shown } from '../credentials.ts';
import { DEFAULT_CPU, DEFAULT_HOSTNAME, DEFAULT_MAX_AGENTS, DEFAULT_MEMORY_MIB, MOST_POOLS } from '../defaults.ts';
import { repeatedNames, taskFamily } from '../names.ts';
import { networkFaults } from './checks/network.ts';
import { variableFault } from './environment.ts';
import type { SettingsFault } from './errors.ts';
import { isRecord } from './records.ts';
import { isCopied } from './task-images.ts';
import { lanesOf, standingBytes, standingFaults } from './warm-agents.ts';

type Given = Readonly<Record<string, unknown>>;

/** Every fault between settings, and in the variables of pools. What the schema refuses is left to the schema. */
export function crossFaults(given: unknown): SettingsFault[] {
  if (!isRecord(given)) return [];
  const pools = (Array.isArray(given['pools']) ? given['pools'] : []).map((pool: unknown) =>
    isRecord(pool) ? pool : {},
  );
  return [
    ...pools.flatMap(sizeFaults),
    ...pools.flatMap(phaseSizeFaults),
    ...pools.flatMap(capacityFaults),
    ...pools.flatMap(variableFaults),
    ...pools.flatMap((pool, index) => standingFaults(pool, index)),
    ...tooManyFaults(pools),
    ...sameNameFaults(pools),
    ...sameIdFaults(pools),
    ...environmentFaults(given, pools),
    ...ceilingFaults(given, pools),
    ...sharedSecretFaults(given, pools),
    ...imageFaults(given['agentImage']),
    ...copyFaults(given['agentImage'], pools),
    ...networkFaults(isRecord(given['network']) ? given['network'] : {}, {
      hostname: given['hostname'] ?? DEFAULT_HOSTNAME,
      pools,
      ...imageAround(given['agentImage']),
    }),
  ];
}

/** Where the stack is deployed to, as far as it is known. */
export interface DeployTarget {
  readonly account?: string | undefined;
  readonly region?: string | undefined;
  /** Paths of secrets whose readers may also use their key, so that they may be of another account. */
  readonly readableKeys?: ReadonlySet<string>;
}

/**
 * ARNs of another region or account than the stack's, which would deploy and then fail.
 *
 * CloudWatch notifies topics in its region only, and the launcher uses Secrets Manager in its region.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
 *
 * A secret of another account needs kms:Decrypt on its key in the reader's own policy, in addition to the policies of the
 * secret and the key. Settings name no key, so the roles don't have it. IAM attaches no customer managed policy of another
 * account. https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples_cross.html
 */
export function targetFaults(given: unknown, { account, region, readableKeys }: DeployTarget): SettingsFault[] {
  if (!isRecord(given)) return [];
  const pools: readonly unknown[] = Array.isArray(given['pools']) ? given['pools'] : [];
  const ofPools = (key: string) =>
    pools.map((pool, index) => ({ path: `pools.${index}.${key}`, value: isRecord(pool) ? pool[key] : undefined }));
  const read = [{ path: 'apiTokenSecret', value: given['apiTokenSecret'] }, ...ofPools('apiTokenSecret')];
  const topic = { path: 'alarmTopicArn', value: given['alarmTopicArn'] };
  return [
    ...regionFaults([topic], 'a topic', region),
    ...regionFaults(read, 'a secret', region),
    ...secretAccountFaults(
      [...read, ...ofPools('agentTokenSecret')].filter(({ path }) => readableKeys?.has(path) !== true),
      account,
    ),
    ...policyAccountFaults(pools, account),
    ...guardDutyFaults(given['network'], region),
    ...zoneFaults(given['network'], region),
  ];
}

function zoneFaults(network: unknown, region: string | undefined): SettingsFault[] {
  const zones: readonly unknown[] =
    isRecord(network) && Array.isArray(network['availabilityZones']) ? network['availabilityZones'] : [];
  const others = zones.filter((zone) => typeof zone === 'string' && region !== undefined && !zone.startsWith(region));
  if (others.length === 0) return [];
  return [
    {
      path: 'network.availabilityZones',
      given: `${others.map(shown).join(', ')}, while the stack is deployed to ${region}`,
      allowed: `zones of ${region}, such as ${region}a`,
      remedy: `use zones of ${region}, or set AWS_REGION to the region that you deploy to`,
    },
  ];
}

/** The sidecar's image is in an account of AWS that differs by region. */
function guardDutyFaults(network: unknown, region: string | undefined): SettingsFault[] {
  const fault =
    region === undefined || !isRecord(network) || network['guardDuty'] !== true
      ? undefined
      : guardDutyRegionFault(region);
  if (fault === undefined) return [];
  return [
    {
      path: 'network.guardDuty',
      given: `true, while the stack is deployed to ${region}: ${fault.fault}`,
      allowed: `true in ${Object.keys(GUARDDUTY_ACCOUNTS).join(', ')}`,
      remedy: fault.remedy,
    },
  ];
}

interface ValueAt {
  readonly path: string;
  readonly value: unknown;
}

function regionFaults(places: readonly ValueAt[], what: string, region: string | undefined): SettingsFault[] {
  return places.flatMap(({ path, value }) => {
    const its = partOfArn(value, 3);
    if (region === undefined || its === undefined || its === region) return [];
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

/** Without a known account, all secrets must at least be of one account. */
function secretAccountFaults(secrets: readonly ValueAt[], account: string | undefined): SettingsFault[] {
  const first = secrets.find(({ value }) => partOfArn(value, 4) !== undefined);
  const own = account ?? partOfArn(first?.value, 4);
  return secrets.flatMap(({ path, value }) => {
    const its = partOfArn(value, 4);
    if (own === undefined || its === undefined || its === own) return [];
    const compared =
      account === undefined
        ? `while ${first?.path} is in account ${own}`
        : `while the stack is deployed to account ${own}`;
    return [
      {
        path,
        given: `${shown(value)}, a secret of account ${its}, ${compared}`,
        allowed: 'secrets of the account that the stack is deployed to',
        remedy: `create the secret in ${account === undefined ? 'the account of the stack' : `account ${own}`}. A secret of another account needs a customer managed key, resource policies on the secret and the key, and kms:Decrypt in the reader's role, which this stack doesn't grant`,
      },
    ];
  });
}

function policyAccountFaults(pools: readonly unknown[], account: string | undefined): SettingsFault[] {
  return pools.flatMap((pool, index) =>
    rolesOf(pool, `pools.${index}`).flatMap(({ path, role }) => {
      const arns: readonly unknown[] = Array.isArray(role['taskRolePolicyArns']) ? role['taskRolePolicyArns'] : [];
      return arns.flatMap((arn, place) => {
        const its = partOfArn(arn, 4);
        if (account === undefined || its === undefined || its === 'aws' || its === account) return [];
        return [
          {
            path: `${path}.taskRolePolicyArns.${place}`,
            given: `${shown(arn)}, a policy of account ${its}, while the stack is deployed to account ${account}`,
            allowed: `policies of AWS and of account ${account}: IAM attaches no policy of another account`,
            remedy: `create the policy in account ${account}, or put its statements into taskRoleStatements`,
          },
        ];
      });
    }),
  );
}

/** The settings that describe task roles: those of the pool and of its phases. */
function rolesOf(pool: unknown, path: string): { path: string; role: Given }[] {
  if (!isRecord(pool)) return [];
  const phases = isRecord(pool['phases']) ? pool['phases'] : {};
  const ofPhases = (['plan', 'apply'] as const).flatMap((phase) => {
    const role = phases[phase];
    return isRecord(role) ? [{ path: `${path}.phases.${phase}`, role }] : [];
  });
  return [{ path, role: pool }, ...ofPhases];
}

/** A part of an ARN by its position; `undefined` if the value isn't an ARN or lacks the part. */
function partOfArn(value: unknown, position: number): string | undefined {
  if (typeof value !== 'string' || !value.startsWith('arn:')) return undefined;
  return value.split(':')[position] || undefined;
}

/** Context key that accepts the example's organization: `npm run synth` must work in a fresh clone. */
export const ALLOW_PLACEHOLDER = 'agent-launcher:allowPlaceholder';

/** Whether the context key {@link ALLOW_PLACEHOLDER} is `true`: `-c` gives text, and cdk.json a boolean. */
export const allowsPlaceholder = (value: unknown): boolean => value === true || value === 'true';

/** Organizations in this project's own examples. */
const PLACEHOLDERS = ['your-org', 'example-org'];

/** The example's organization, which would deploy a network that costs money for an organization that doesn't exist. */
export function placeholderFaults(given: unknown): SettingsFault[] {
  if (!isRecord(given)) return [];
  const pools: readonly unknown[] = Array.isArray(given['pools']) ? given['pools'] : [];
  const places = [
    { path: 'organization', value: given['organization'] },
    ...pools.map((pool, index) => ({
      path: `pools.${index}.organization`,
      value: isRecord(pool) ? pool['organization'] : undefined,
    })),
  ];
  return places.flatMap(({ path, value }) =>
    typeof value === 'string' && PLACEHOLDERS.includes(value.toLowerCase())
      ? [
          {
            path,
            given: `"${value}", the placeholder of the example`,
            allowed: 'the name of your organization, as in its URL: https://app.terraform.io/app/NAME',
            remedy: `set it in cdk.json, or pass -c ${path}=NAME. If your organization really has this name, pass -c agent-launcher:allowPlaceholder=true`,
          },
        ]
      : [],
  );
}

/** Credentials anywhere in the settings, of which only the names of secrets belong there. */
export function credentialFaults(given: unknown, path: readonly string[] = []): SettingsFault[] {
  if (typeof given === 'object' && given !== null) {
    return Object.entries(given).flatMap(([key, value]) => credentialFaults(value, [...path, key]));
  }
  const what = credentialIn(given);
  // Variables have a separate error, with another remedy.
  if (what === undefined || (path[0] === 'pools' && path[2] === 'environment')) return [];
  return [
    {
      path: path.length === 0 ? 'agentLauncher' : path.join('.'),
      given: `a value that is or contains ${what}, so it is not shown`,
      allowed: 'no credentials in settings: they would be in the template, a shell history and a terminal',
      remedy:
        'store the token in a secret of Secrets Manager and set the name of that secret in apiTokenSecret or agentTokenSecret. Revoke this token if anyone else may have seen it',
    },
  ];
}

/** Variables that a pool can't have. What isn't an object is left to the schema. */
function variableFaults(pool: Given, index: number): SettingsFault[] {
  const environment = isRecord(pool['environment']) ? pool['environment'] : {};
  return Object.entries(environment).flatMap(([name, value]) => {
    const fault = variableFault(name, value);
    if (fault === undefined) return [];
    const { reason, allowed, remedy } = fault;
    const path = `pools.${index}.environment.${looksLikeToken(name) ? '…' : name}`;
    return [{ path, given: `${looksLikeToken(name) ? 'a variable' : shown(name)}: ${reason}`, allowed, remedy }];
  });
}

/** @param path of the pool or phase with this size */
function sizeFault(size: Given, path: string, asked: Given): SettingsFault[] {
  const { cpu = DEFAULT_CPU, memoryMiB = DEFAULT_MEMORY_MIB } = size;
  if (typeof cpu !== 'number' || typeof memoryMiB !== 'number' || memoryMiB < 512 || !FARGATE_CPU.includes(cpu))
    return [];
  if (fargateMemoryMiB(cpu).includes(memoryMiB)) return [];
  return [
    {
      path: `${path}.memoryMiB`,
      given: `${memoryMiB}${asked['memoryMiB'] === undefined ? ' (the default)' : ''}, with cpu ${cpu}`,
      allowed: fargateMemoryInWords(cpu),
      remedy: 'choose a pair of cpu and memoryMiB that Fargate offers',
    },
  ];
}

function sizeFaults(pool: Given, index: number): SettingsFault[] {
  return sizeFault(pool, `pools.${index}`, pool);
}

/** A phase inherits what it doesn't set. A pair that is wrong in the pool is reported there. */
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
      allowed: 'capacity for plans only: phases.plan.capacity',
      remedy:
        'set "phases": {"plan": {"capacity": "spot"}}: AWS interrupts Spot tasks with two minutes’ notice, and an interrupted apply leaves infrastructure and state half changed',
    },
  ];
}

/** The function's policy has capacity for this number of task definitions. */
function tooManyFaults(pools: readonly Given[]): SettingsFault[] {
  const counted = pools.reduce((sum, { phases }) => sum + (phases === undefined ? 1 : 2), 0);
  if (counted <= MOST_POOLS || pools.length > MOST_POOLS) return [];
  return [
    {
      path: 'pools',
      given: `${pools.length} pools that count as ${counted}, since a pool with phases counts as two`,
      allowed: `${MOST_POOLS} in total`,
      remedy: 'deploy a second stack, with another stackName, and move some pools there',
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
    allowed: 'each ID once',
    remedy: 'use the ID that HCP Terraform shows on the page of this pool, or remove it',
  }));
}

/** Lambda allows 4 KB for all variables of a function. Those that aren't about pools take about one. */
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
      given: `${pools.length} pools, whose names and IDs use ${bytes} bytes of the function's environment`,
      allowed: `${POOLS_MOST_BYTES} bytes of the 4 KB that Lambda allows for all variables of a function`,
      remedy: 'shorten the names of pools, secrets or the stack, or deploy a second stack and move some pools there',
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
        allowed: `at most ${mostWarmAgents(agentsCeiling, lanes)} warm agents: with several pools or \`phases\`, the others' jobs need at least one agent`,
        remedy: 'set fewer warm agents, or a higher agentsCeiling if your organization has more agents',
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
        given: `${shown(secret)}, which is also an apiTokenSecret`,
        allowed: "a separate secret: an agent token isn't an API token, and neither side may read the other's",
        remedy: 'create an agent token on the page of the pool in HCP Terraform, and a secret for it',
      },
    ];
  });
  const twice = repeated(pools.map((pool) => pool['agentTokenSecret'])).map(({ index, value, first }) => ({
    path: `pools.${index}.agentTokenSecret`,
    given: `${shown(value)}, as in pools.${first}`,
    allowed: 'a separate secret for every pool: an agent token belongs to one pool',
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
        `remove ${built.join(', ')} to use the registry image, or remove registry to build an image`,
      ),
    ];
  }
  if (image['source'] === 'release' && image['digest'] !== undefined) {
    return [
      fault('digest with the source official', 'pin the base by its digest instead: "base": "ubuntu:24.04@sha256:…"'),
    ];
  }
  if (image['source'] !== 'release' && image['base'] !== undefined) {
    return [fault('base with the source release', 'add "source": "release", or remove base')];
  }
  return [];
}

function imageAround(image: unknown): { registry: unknown; copy: boolean | undefined } {
  if (!isRecord(image)) return { registry: undefined, copy: undefined };
  return { registry: image['registry'], copy: typeof image['copy'] === 'boolean' ? image['copy'] : undefined };
}

/** A copy of nothing, and a login that nothing asks for. */
function copyFaults(image: unknown, pools: readonly Given[]): SettingsFault[] {
  if (!isRecord(image)) return [];
  const { registry, copy, credentialsSecret } = image;
  const copied = (reference: unknown): boolean =>
    typeof reference === 'string' && isCopied(reference, typeof copy === 'boolean' ? copy : undefined);
  const idle =
    copy === true && ![registry, ...pools.map((pool) => pool['image'])].some(copied)
      ? [
          {
            path: 'agentImage.copy',
            given: 'true, but every image is already in ECR',
            allowed: 'true or false, with a registry image that is not in ECR',
            remedy: 'remove it, or set agentImage.registry to the image to copy',
          },
        ]
      : [];
  if (credentialsSecret === undefined || copied(registry)) return idle;
  return [
    ...idle,
    {
      path: 'agentImage.credentialsSecret',
      given: `${shown(credentialsSecret)}, but the image of agentImage.registry is not copied`,
      allowed: 'a login for the copy of agentImage.registry',
      remedy:
        'set agentImage.registry to the image, and remove agentImage.copy or set it to true; or remove the secret',
    },
  ];
}

/** Values that occur more than once, each with the position of the first. */
function repeated(values: readonly unknown[]): { index: number; value: unknown; first: number }[] {
  return values
    .map((value, index) => ({ index, value, first: values.indexOf(value) }))
    .filter(({ index, value, first }) => value !== undefined && first !== index);
}
