/** Checks of the pools: what needs several settings of a pool, or several pools. */
import { PHASES } from '../../../functions/launcher/contract.ts';
import { mostWarmAgents } from '../../../functions/launcher/warm-limit.ts';
import { poolEnvironment } from '../../agent/pool-environment.ts';
import { minuteOf } from '../../agent/warm-agents.ts';
import { fargateMemoryInWords, fargateMemoryMiB } from '../../aws/fargate-size.ts';
import { shown } from '../../credentials.ts';
import { DEFAULT_CPU, DEFAULT_MEMORY_MIB, MOST_POOLS } from '../../defaults.ts';
import { repeatedNames } from '../../names.ts';
import type { SettingsFault } from '../errors.ts';
import { poolSettings } from '../pool.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';
import { repeated } from '../records.ts';

/** Every fault of the pools. @param pools in their order; one that the schema refuses is empty */
export function poolFaults(settings: ReadableSettings, pools: readonly ReadablePool[]): SettingsFault[] {
  return [
    ...pools.flatMap((pool, index) => sizeFaults(pool, `pools.${index}`)),
    ...pools.flatMap((pool, index) => warmFaults(pool, `pools.${index}`)),
    ...tooManyFaults(pools),
    ...sameNameFaults(pools),
    ...sameIdFaults(pools),
    ...environmentFaults(settings, pools),
    ...ceilingFaults(settings, pools),
  ];
}

/** A phase inherits the size that it doesn't set. A pair that is wrong in the pool is reported there. */
function sizeFaults(pool: ReadablePool, path: string): SettingsFault[] {
  const ofPhases = PHASES.flatMap((phase) => {
    const own = pool.phases?.[phase];
    if (own?.cpu === undefined && own?.memoryMiB === undefined) return [];
    return sizeFault(
      { cpu: own.cpu ?? pool.cpu, memoryMiB: own.memoryMiB ?? pool.memoryMiB },
      `${path}.phases.${phase}`,
    );
  });
  return [...sizeFault(pool, path), ...ofPhases];
}

function sizeFault({ cpu, memoryMiB }: Pick<ReadablePool, 'cpu' | 'memoryMiB'>, path: string): SettingsFault[] {
  if (cpu === undefined || memoryMiB === undefined || fargateMemoryMiB(cpu).includes(memoryMiB)) return [];
  return [
    {
      path: `${path}.memoryMiB`,
      given: `${memoryMiB}${memoryMiB === DEFAULT_MEMORY_MIB ? ' (the default)' : ''}, with cpu ${cpu}${cpu === DEFAULT_CPU ? ' (the default)' : ''}`,
      allowed: fargateMemoryInWords(cpu),
      remedy: 'choose a pair of cpu and memoryMiB that Fargate offers',
    },
  ];
}

const lanesOf = ({ phases }: ReadablePool): number => (phases === undefined ? 1 : 2);

function warmFaults(
  { warmAgents: warm, sweepMinutes, maxAgents, phases }: ReadablePool,
  path: string,
): SettingsFault[] {
  const faults: SettingsFault[] = [];
  const { agents, phase, schedule: { from, to } = {} } = warm ?? {};
  if (agents !== undefined && maxAgents !== undefined && agents > mostWarmAgents(maxAgents, lanesOf({ phases }))) {
    faults.push({
      path: `${path}.warmAgents.agents`,
      given: `${agents}, with maxAgents ${maxAgents}`,
      allowed: `${phases ? 'fewer' : 'not more'} than maxAgents, which includes warm agents`,
      remedy: 'set fewer warm agents, or a higher maxAgents',
    });
  }
  if (phase === 'apply' && phases === undefined) {
    faults.push({
      path: `${path}.warmAgents.phase`,
      given: 'apply, in a pool without phases',
      allowed: 'apply only with phases: without them, every task accepts every job',
      remedy: 'remove it, or set "phases": {}',
    });
  }
  if (from !== undefined && to !== undefined && minuteOf(from) >= minuteOf(to)) {
    faults.push({
      path: `${path}.warmAgents.schedule.to`,
      given: `${to}, with from ${from}`,
      allowed: 'a time later than from, of the same day',
      remedy: 'for hours past midnight, set the whole day from 00:00 to 24:00, or use a second pool',
    });
  }
  if (sweepMinutes !== undefined && phases?.unlistedJobs === 'none') {
    faults.push({
      path: `${path}.sweepMinutes`,
      given: 'a sweep, with phases.unlistedJobs "none"',
      allowed: 'a sweep only if some task accepts the jobs that it serves',
      remedy: 'remove sweepMinutes, or set unlistedJobs to "plan" or "apply"',
    });
  }
  return faults;
}

/** The function's policy has capacity for this number of task definitions. */
function tooManyFaults(pools: readonly ReadablePool[]): SettingsFault[] {
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

function sameNameFaults(pools: readonly ReadablePool[]): SettingsFault[] {
  const named = pools.flatMap(({ name }, index) => (name === undefined ? [] : { name, index }));
  return repeatedNames(named.map(({ name }) => name)).map(({ index, name, first }) => ({
    path: `pools.${named[index]?.index}.name`,
    given: `${shown(name)}, the same name as pools.${named[first]?.index}, without regard to case`,
    allowed: 'each name once; names must differ in more than case',
    remedy:
      'merge the two pools; if they belong to two organizations, deploy a second stack with another stackName and move one there',
  }));
}

/** Two entries for one pool would each launch an agent for every job. */
function sameIdFaults(pools: readonly ReadablePool[]): SettingsFault[] {
  return repeated(pools.map((pool) => pool.id)).map(({ index, value, first }) => ({
    path: `pools.${index}.id`,
    given: `${shown(value)}, as in pools.${first}`,
    allowed: 'each ID once',
    remedy: 'use the ID that HCP Terraform shows on the page of this pool, or remove it',
  }));
}

/** Lambda allows 4 KB for all variables of a function. Those that aren't about pools take about one. */
const POOLS_MOST_BYTES = 3_000;

/** Measures what the construct writes: see `poolEnvironment`. A pool with a refused setting isn't complete, and isn't counted. */
function environmentFaults({ stackName = '' }: ReadableSettings, pools: readonly ReadablePool[]): SettingsFault[] {
  const complete = pools.flatMap((pool) => {
    const { data } = poolSettings.safeParse(pool);
    return data === undefined ? [] : poolEnvironment(stackName, data);
  });
  const bytes = Buffer.byteLength(JSON.stringify(complete));
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
function ceilingFaults(
  { agentsCeiling, organization }: ReadableSettings,
  pools: readonly ReadablePool[],
): SettingsFault[] {
  if (agentsCeiling === undefined) return [];
  const byOrganization = Map.groupBy(pools, (pool) => pool.organization ?? organization);
  return [...byOrganization].flatMap(([name, its]) => {
    const warm = its.reduce((sum, { warmAgents }) => sum + (warmAgents?.agents ?? 0), 0);
    const lanes = its.reduce((sum, pool) => sum + lanesOf(pool), 0);
    if (warm <= mostWarmAgents(agentsCeiling, lanes)) return [];
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
