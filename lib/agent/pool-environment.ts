/**
 * A pool's part of the function's environment. The settings measure the length of this text, and the construct
 * writes it. So this code uses plain values and creates no construct.
 */
import { DAYS, type Phase } from '../../functions/launcher/contract.ts';
import type {
  AgentPoolEnvironment,
  LaneEnvironment,
  WarmEnvironment,
} from '../../functions/launcher/pool-environment.ts';
import { DEFAULT_MAX_AGENTS, DEFAULT_WARM_IDLE_MINUTES } from '../defaults.ts';
import { type LaneOptions, lanesOf } from './lanes.ts';
import type { AgentPoolOptions } from './pool-options.ts';
import { minuteOf, sweepingPhase, type WarmAgentsOptions } from './warm-agents.ts';

type PlainWarmAgents = Omit<WarmAgentsOptions, 'idleWindow'> & { readonly idleMinutes?: number | undefined };

/** A pool as plain values: names of secrets, numbers of minutes. */
export type PlainPool = LaneOptions &
  Pick<AgentPoolOptions, 'id' | 'organization' | 'maxAgents' | 'maxJobHours'> & {
    readonly apiTokenSecret?: string | undefined;
    readonly warmAgents?: PlainWarmAgents | undefined;
    readonly sweepMinutes?: number | undefined;
    readonly standbySeconds?: number | undefined;
  };

/** The pool's entry in the function's environment. */
export function poolEnvironment(launcher: string, pool: PlainPool): AgentPoolEnvironment {
  const { name, id, organization, apiTokenSecret, maxAgents = DEFAULT_MAX_AGENTS, standbySeconds } = pool;
  const lanes = lanesOf(launcher, pool);
  return {
    name,
    ...(id !== undefined && { id }),
    ...(organization !== undefined && { organization }),
    ...(apiTokenSecret !== undefined && { apiTokenSecret }),
    maxAgents,
    ...(standbySeconds !== undefined && { standbySeconds }),
    lanes: lanes.map(({ phases, family, capacity, sweepsForRuns }) => ({
      taskDefinition: family,
      ...(lanes.length > 1 && { phases }),
      ...(capacity === 'spot' && { capacity }),
      ...(!sweepsForRuns && { policies: false }),
      ...maxJobEnvironment(pool, phases),
      ...standingEnvironment(pool, phases),
    })),
  };
}

/** The part of a lane's environment about jobs that run too long. The pool's own limit never applies to applies. */
function maxJobEnvironment(
  { maxJobHours, phases: split }: PlainPool,
  phases: readonly Phase[],
): Pick<LaneEnvironment, 'maxPlanHours' | 'maxApplyHours'> {
  const maxPlanHours = split?.plan?.maxJobHours ?? maxJobHours;
  const maxApplyHours = split?.apply?.maxJobHours;
  return {
    ...(maxPlanHours !== undefined && phases.includes('plan') && { maxPlanHours }),
    ...(maxApplyHours !== undefined && phases.includes('apply') && { maxApplyHours }),
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
