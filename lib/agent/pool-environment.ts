/**
 * A pool's lanes and its part of the function's environment. The settings measure the length of this text, and the construct
 * writes it. So this code uses plain values and creates no construct.
 */
import { type Capacity, DAYS, PHASES, type Phase } from '../../functions/launcher/contract.ts';
import type {
  AgentPoolEnvironment,
  LaneEnvironment,
  WarmEnvironment,
} from '../../functions/launcher/pool-environment.ts';
import { DEFAULT_MAX_AGENTS, DEFAULT_WARM_IDLE_MINUTES } from '../defaults.ts';
import { taskFamily } from '../names.ts';
import { acceptedJobs, acceptsPolicies } from './accepted-jobs.ts';
import type { AgentPoolOptions } from './pool-options.ts';
import { minuteOf, sweepingPhase, type WarmAgentsOptions } from './warm-agents.ts';

/** The options that determine a pool's lanes. */
type LaneOptions = Pick<AgentPoolOptions, 'name' | 'phases' | 'policySweeps'>;

type PlainWarmAgents = Omit<WarmAgentsOptions, 'idleWindow'> & { readonly idleMinutes?: number | undefined };

/** A pool as plain values: names of secrets, numbers of minutes. */
export type PlainPool = LaneOptions &
  Pick<AgentPoolOptions, 'id' | 'organization' | 'maxAgents'> & {
    readonly apiTokenSecret?: string | undefined;
    readonly warmAgents?: PlainWarmAgents | undefined;
    readonly sweepMinutes?: number | undefined;
  };

/** One lane of a pool, before there are resources for it. */
export interface LanePlan {
  readonly phases: readonly Phase[];
  /** Family of the task definition. */
  readonly family: string;
  readonly capacity: Capacity;
  /** Value of `TFC_AGENT_ACCEPT`; `undefined` if the lane's agents accept every job. */
  readonly accepts: string | undefined;
  /** Whether the launcher starts the lane's tasks for runs in a post-plan status. */
  readonly sweepsForRuns: boolean;
}

/** Returns the pool's lanes. Without `phases`, there is one for all jobs. With `phases`, there is one for plans and one for applies. */
export function lanesOf(launcher: string, { name, phases, policySweeps = true }: LaneOptions): LanePlan[] {
  if (phases === undefined) {
    const family = taskFamily(launcher, PHASES, name);
    return [{ phases: PHASES, family, capacity: 'on-demand', accepts: undefined, sweepsForRuns: policySweeps }];
  }
  return PHASES.map((phase) => {
    const accepts = acceptedJobs(phase, phases.unlistedJobs ?? 'plan');
    return {
      phases: [phase],
      family: taskFamily(launcher, [phase], name),
      capacity: (phase === 'plan' && phases.plan?.capacity) || 'on-demand',
      accepts,
      sweepsForRuns: policySweeps && acceptsPolicies({ TFC_AGENT_ACCEPT: accepts }),
    };
  });
}

/** The pool's entry in the function's environment. */
export function poolEnvironment(launcher: string, pool: PlainPool): AgentPoolEnvironment {
  const { name, id, organization, apiTokenSecret, maxAgents = DEFAULT_MAX_AGENTS } = pool;
  const lanes = lanesOf(launcher, pool);
  return {
    name,
    ...(id !== undefined && { id }),
    ...(organization !== undefined && { organization }),
    ...(apiTokenSecret !== undefined && { apiTokenSecret }),
    maxAgents,
    lanes: lanes.map(({ phases, family, capacity, sweepsForRuns }) => ({
      taskDefinition: family,
      ...(lanes.length > 1 && { phases }),
      ...(capacity === 'spot' && { capacity }),
      ...(!sweepsForRuns && { policies: false }),
      ...standingEnvironment(pool, phases),
    })),
  };
}

/** The part of a lane's environment about warm agents and sweeps. */
function standingEnvironment(
  { warmAgents, sweepMinutes, phases: split }: PlainPool,
  phases: readonly Phase[],
): Pick<LaneEnvironment, 'warm' | 'sweepMinutes'> {
  const sweeps = sweepMinutes !== undefined && phases.includes(sweepingPhase(split?.unlistedJobs));
  return {
    ...(warmAgents !== undefined &&
      phases.includes(warmAgents.phase ?? 'plan') && { warm: warmEnvironment(warmAgents) }),
    ...(sweeps && { sweepMinutes }),
  };
}

function warmEnvironment({
  agents,
  idleMinutes = DEFAULT_WARM_IDLE_MINUTES,
  schedule,
}: PlainWarmAgents): WarmEnvironment {
  const idleSeconds = idleMinutes * 60;
  if (schedule === undefined) return { agents, idleSeconds };
  const { days = DAYS, from, to, timeZone } = schedule;
  return { agents, idleSeconds, schedule: { days, fromMinute: minuteOf(from), toMinute: minuteOf(to), timeZone } };
}
