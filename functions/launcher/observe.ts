import { isLive, isQuestionable, supplyOf } from './core/supply.ts';
import type { Demand, Supply, Task } from './core/types.ts';
import type { HcpTerraform, Pool, Tasks } from './ports.ts';

/** An idle agent pings every 30 s; one that is silent is `unknown` for five minutes before it is `errored`. */
const AGENTS_WINDOW_MS = 10 * 60_000;

/** What ECS's clock and HCP Terraform's may differ by. */
const CLOCK_SKEW_MS = 60_000;

/** What was seen of one pool. */
export interface PoolObservation {
  readonly demand: Demand;
  readonly supply: Supply;
  /** Whether HCP Terraform let us list the pool's agents. */
  readonly agentsVisible: boolean;
}

/** What {@link observePool} looks with. */
export interface Eyes {
  readonly hcpTerraform: HcpTerraform;
  readonly tasks: Tasks;
  readonly nowMs: number;
  readonly startDeadlineMs: number;
  readonly signal: AbortSignal;
}

/**
 * Completes the picture of one pool whose runs and live tasks have been read. A pool with neither queued jobs nor live
 * tasks needs no further request, unless the licence's ceiling makes its agents matter to others.
 * Rejects with `UpstreamError` when a part of the picture is missing: a pool half seen is not decided on.
 */
export async function observePool(
  pool: Pool,
  demand: Demand,
  liveTasks: readonly Task[],
  agentsMatter: boolean,
  eyes: Eyes,
): Promise<PoolObservation> {
  const { hcpTerraform, nowMs, signal } = eyes;
  const live = liveTasks.filter((task) => task.family === pool.taskDefinition);
  const active = demand.queued.length > 0 || live.length > 0;
  const stopped = active ? await eyes.tasks.recentlyStoppedTasks([pool.taskDefinition], signal) : [];
  // A task that stopped between the two reads is in both, and its end is what counts.
  const tasks = [...new Map([...live, ...stopped].map((task) => [task.id, task])).values()];
  const agents =
    active || agentsMatter ? await hcpTerraform.agents(pool, agentsSinceMs(tasks, demand, nowMs), signal) : [];
  return {
    demand,
    supply: supplyOf({ tasks, agents, running: demand.running, queued: demand.queued }, eyes.startDeadlineMs, nowMs),
    agentsVisible: agents !== undefined,
  };
}

/**
 * From when on pings matter: since before the oldest task whose agent is in question was created, so that an agent
 * that is not listed has never registered.
 */
function agentsSinceMs(tasks: readonly Task[], { queued }: Demand, nowMs: number): number {
  const waiting = new Set<string | undefined>(queued.map(({ key }) => key));
  const inQuestion = tasks.filter((task) => isLive(task) || isQuestionable(task) || waiting.has(task.startedBy));
  const created = inQuestion.flatMap((task) => task.createdAtMs ?? []);
  return Math.min(nowMs - AGENTS_WINDOW_MS, ...created) - CLOCK_SKEW_MS;
}
