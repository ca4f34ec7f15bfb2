/** Checks that compare several settings of a pool, or several pools. */
import { PHASES } from '../../../functions/launcher/contract.ts';
import { mostWarmAgents } from '../../../functions/launcher/warm-limit.ts';
import { minuteOf } from '../../agent/warm-agents.ts';
import { fargateMemoryInWords, fargateMemoryMiB } from '../../aws/fargate-size.ts';
import { shown } from '../../credentials.ts';
import { DEFAULT_CPU, DEFAULT_MEMORY_MIB, MOST_POOLS } from '../../defaults.ts';
import { repeatedNames } from '../../names.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';
import { repeated } from '../records.ts';
import { functionVariableFaults } from './function-variables.ts';

/** All faults of the pools. @param pools in the order of the settings; a pool that the schema refuses is empty */
export function* poolFaults(settings: ReadableSettings, pools: readonly ReadablePool[]): Iterable<SettingsFault> {
  for (const [index, pool] of pools.entries()) yield* sizeFaults(pool, `pools.${index}`);
  for (const [index, pool] of pools.entries()) yield* warmFaults(pool, `pools.${index}`);
  for (const [index, pool] of pools.entries()) yield* taskRoleFaults(pool, `pools.${index}`);
  yield* tooManyFaults(pools);
  yield* sameNameFaults(pools);
  yield* sameIdFaults(pools);
  yield* functionVariableFaults(settings, pools);
  yield* ceilingFaults(settings, pools);
}

/**
 * Faults of task sizes. A phase inherits values that it doesn't set. If the pool's own pair is wrong, only the pool has a fault.
 */
function* sizeFaults(pool: ReadablePool, path: string): Iterable<SettingsFault> {
  yield* sizeFault(pool, path);
  for (const phase of PHASES) {
    const { cpu, memoryMiB } = pool.phases?.[phase] ?? {};
    if (cpu === undefined && memoryMiB === undefined) continue;
    const size = { cpu: cpu ?? pool.cpu, memoryMiB: memoryMiB ?? pool.memoryMiB };
    yield* sizeFault(size, `${path}.phases.${phase}`);
  }
}

function* sizeFault(
  { cpu, memoryMiB }: Pick<ReadablePool, 'cpu' | 'memoryMiB'>,
  path: string,
): Iterable<SettingsFault> {
  if (cpu === undefined || memoryMiB === undefined || fargateMemoryMiB(cpu).includes(memoryMiB)) return;
  yield {
    path: `${path}.memoryMiB`,
    given: `${memoryMiB}${memoryMiB === DEFAULT_MEMORY_MIB ? ' (the default)' : ''}, with cpu ${cpu}${cpu === DEFAULT_CPU ? ' (the default)' : ''}`,
    allowed: fargateMemoryInWords(cpu),
    remedy: 'choose a pair of cpu and memoryMiB that Fargate offers',
  };
}

const lanesOf = ({ phases }: ReadablePool): number => (phases === undefined ? 1 : 2);
const lanesOfAll = (pools: readonly ReadablePool[]): number => pools.reduce((sum, pool) => sum + lanesOf(pool), 0);

function* warmFaults(pool: ReadablePool, path: string): Iterable<SettingsFault> {
  const { warmAgents, sweepMinutes, maxAgents, phases } = pool;
  const { agents, phase, schedule: { from, to } = {} } = warmAgents ?? {};
  if (agents !== undefined && maxAgents !== undefined && agents > mostWarmAgents(maxAgents, lanesOf(pool))) {
    yield {
      path: `${path}.warmAgents.agents`,
      given: `${agents}, with maxAgents ${maxAgents}`,
      allowed: `${phases ? 'fewer' : 'not more'} than maxAgents, which includes warm agents`,
      remedy: 'set fewer warm agents, or a higher maxAgents',
    };
  }
  if (phase === 'apply' && phases === undefined) {
    yield {
      path: `${path}.warmAgents.phase`,
      given: 'apply, in a pool without phases',
      allowed: 'apply only with phases: without them, every task accepts every job',
      remedy: 'remove it, or add "phases": {} to the pool',
    };
  }
  if (from !== undefined && to !== undefined && minuteOf(from) >= minuteOf(to)) {
    yield {
      path: `${path}.warmAgents.schedule.to`,
      given: `${to}, with from ${from}`,
      allowed: 'a time later than from, of the same day',
      remedy: 'for hours past midnight, set from 00:00 and to 24:00, or use a second pool',
    };
  }
  if (sweepMinutes !== undefined && phases?.unlistedJobs === 'none') {
    yield {
      path: `${path}.sweepMinutes`,
      given: 'sweepMinutes, but with phases.unlistedJobs "none" no task accepts unlisted jobs',
      allowed: 'sweepMinutes only if some tasks accept unlisted jobs',
      remedy: 'remove sweepMinutes, or set unlistedJobs to "plan" or "apply"',
    };
  }
}

/** Permissions of a role that the stack creates. */
const PERMISSIONS = ['taskRolePolicyArns', 'taskRoleStatements'] as const;

/**
 * Faults of permissions for a role that the stack doesn't create. A pool's permissions are allowed if at least one phase has a new
 * role.
 */
function* taskRoleFaults(pool: ReadablePool, path: string): Iterable<SettingsFault> {
  const ofPhases = PHASES.map((phase) => pool.phases?.[phase]?.taskRoleArn);
  const everyRoleExists = pool.taskRoleArn !== undefined || !ofPhases.includes(undefined);
  if (everyRoleExists) yield* permissionFaults(pool, path, pool.taskRoleArn ?? ofPhases[0]);
  for (const phase of PHASES) {
    const own = pool.phases?.[phase];
    const arn = own?.taskRoleArn ?? pool.taskRoleArn;
    if (own !== undefined && arn !== undefined) yield* permissionFaults(own, `${path}.phases.${phase}`, arn);
  }
}

function* permissionFaults(
  of: Pick<ReadablePool, (typeof PERMISSIONS)[number]>,
  path: string,
  arn: string | undefined,
): Iterable<SettingsFault> {
  for (const name of PERMISSIONS) {
    const count = of[name]?.length ?? 0;
    if (count === 0) continue;
    yield {
      path: `${path}.${name}`,
      given: `${count} ${name === 'taskRolePolicyArns' ? 'policies' : 'statements'}, but the task role is the existing role ${shown(arn)}`,
      allowed: `${name} only for a role that the stack creates`,
      remedy: `remove ${name}, and grant the permissions where you create the role; or remove taskRoleArn`,
    };
  }
}

/**
 * The fault of too many pools: the policy of the launcher's role has a maximum size, and each pool adds task definitions to it.
 */
function* tooManyFaults(pools: readonly ReadablePool[]): Iterable<SettingsFault> {
  const counted = lanesOfAll(pools);
  if (counted <= MOST_POOLS || pools.length > MOST_POOLS) return;
  yield {
    path: 'pools',
    given: `${pools.length} pools that count as ${counted}, since a pool with phases counts as two`,
    allowed: `${MOST_POOLS} in total`,
    remedy: 'deploy a second stack, with another stackName, and move some pools there',
  };
}

function* sameNameFaults(pools: readonly ReadablePool[]): Iterable<SettingsFault> {
  const named = pools.flatMap(({ name }, index) => (name === undefined ? [] : { name, index }));
  for (const { index, name, first } of repeatedNames(named.map(({ name }) => name))) {
    yield {
      path: `pools.${named[index]?.index}.name`,
      given: `${shown(name)}, the same name as pools.${named[first]?.index}, without regard to case`,
      allowed: 'each name once; names must differ in more than case',
      remedy:
        'merge the two pools; if they belong to two organizations, deploy a second stack with another stackName and move one there',
    };
  }
}

/** Faults of pools with the same ID. The launcher would start two agents for every job of such a pool. */
function* sameIdFaults(pools: readonly ReadablePool[]): Iterable<SettingsFault> {
  for (const { index, value, first } of repeated(pools.map((pool) => pool.id))) {
    yield {
      path: `pools.${index}.id`,
      given: `${shown(value)}, as in pools.${first}`,
      allowed: 'each ID once',
      remedy: 'use the ID that HCP Terraform shows on the page of this pool, or remove it',
    };
  }
}

/** The fault of too many warm agents. If they reach the organization agent limit, jobs of other pools or phases get no agent. */
function* ceilingFaults(
  { agentsCeiling, organization }: ReadableSettings,
  pools: readonly ReadablePool[],
): Iterable<SettingsFault> {
  if (agentsCeiling === undefined) return;
  for (const [name, its] of Map.groupBy(pools, (pool) => pool.organization ?? organization)) {
    const warm = its.reduce((sum, { warmAgents }) => sum + (warmAgents?.agents ?? 0), 0);
    const most = mostWarmAgents(agentsCeiling, lanesOfAll(its));
    if (warm <= most) continue;
    yield {
      path: 'agentsCeiling',
      given: `${agentsCeiling}, with ${warm} warm agents in organization ${shown(name)}`,
      allowed: `at most ${most} warm agents: with several pools or \`phases\`, at least one agent of the limit must stay free for jobs that the warm agents don't accept`,
      remedy: 'set fewer warm agents, or a higher agentsCeiling if your organization has more agents',
    };
  }
}
