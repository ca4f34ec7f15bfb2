/**
 * Observes one pool. The tick has already read the runs and live tasks; this file adds the stopped tasks and the agents.
 *
 * - An idle pool costs no request. A pool is idle if it has no jobs, live tasks, warm agents or sweeps.
 * - The list of agents first covers only the last minutes, because a working agent pings all the time. So a job that runs for a day doesn't
 *   require a list of the whole day.
 * - If the agent of an older task is missing from that list, the launcher lists the agents since before that task. If the agent is missing
 *   there too, it never registered.
 * - If the longer list is too long to read, the launcher uses the short one. The agents of older tasks are then unknown.
 * - If any part can't be read, the tick reports an error and decides nothing for the pool.
 */
import { agentsOfOtherTasks } from './core/other-launchers.ts';
import { standingJobs, sweepMayFail } from './core/standing.ts';
import { isLive, supplyOf } from './core/supply.ts';
import { isQuestionable } from './core/task-outcome.ts';
import type { Agent, Demand, Supply, Task } from './core/types.ts';
import { CLOCK_SKEW_MS, recentAgentsMs } from './core/vendor-timing.ts';
import { resultOf } from './errors.ts';
import type { HcpTerraform, Pool, Tasks } from './ports.ts';

export interface PoolObservation {
  readonly demand: Demand;
  readonly supply: Supply;
  /** Whether HCP Terraform let us list the pool's agents. */
  readonly agentsVisible: boolean;
  /** The pool is idle, so its stopped tasks weren't read, and {@link supply} contains no start failures. */
  readonly startsUnread?: true;
  /** {@link supply} takes into account the agents that pinged since this time; absent: no agents were listed. */
  readonly agentsSinceMs?: number;
  /** Tasks whose agents are unknown, because the list of agents since those tasks started is too long to read. */
  readonly agentsUnknownFor?: readonly string[];
  /** Names of idle or busy agents that seem to belong to another launcher. */
  readonly agentsOfOtherTasks?: readonly string[];
}

/** The agents of a pool, and how far back the list goes. */
interface AgentsFound {
  readonly agents: readonly Agent[] | undefined;
  readonly agentsSinceMs?: number;
  readonly agentsUnknownFor: readonly string[];
}

export interface ObserveDeps {
  readonly hcpTerraform: HcpTerraform;
  readonly tasks: Tasks;
  readonly nowMs: number;
  readonly startDeadlineMs: number;
  readonly signal: AbortSignal;
}

/** What the tick already knows about a pool before it observes the pool. */
export interface ObserveInput {
  readonly pool: Pool;
  readonly demand: Demand;
  /** The live tasks of all pools. */
  readonly liveTasks: readonly Task[];
  /** Whether other pools need this pool's number of agents, because the pools share an organization agent limit. */
  readonly agentsMatter: boolean;
}

/** Reads what the tick doesn't know yet about one pool. Rejects with `UpstreamError` if any part can't be read. */
export async function observePool(input: ObserveInput, deps: ObserveDeps): Promise<PoolObservation> {
  const { pool, demand, liveTasks, agentsMatter } = input;
  const { hcpTerraform, nowMs, signal } = deps;
  const families = pool.lanes.map(({ taskDefinition }) => taskDefinition);
  const live = liveTasks.filter(({ family }) => families.includes(family));
  const standing = pool.lanes.some(
    (lane) => standingJobs(lane, nowMs, demand.waiting).length > 0 || sweepMayFail(lane, nowMs, deps.startDeadlineMs),
  );
  // If a job runs but no task is live, either an agent of another launcher has the job, or its task ended. The stopped tasks show which.
  const active = demand.queued.length > 0 || live.length > 0 || standing || demand.running.length > 0;
  const stopped = active ? await deps.tasks.recentlyStoppedTasks(families, signal) : [];
  // A task that stopped between the two requests is in both lists. Use its stopped state.
  const tasks = [...new Map([...live, ...stopped].map((task) => [task.id, task])).values()];
  const { agents, agentsSinceMs, agentsUnknownFor }: AgentsFound =
    active || agentsMatter ? await agentsOf({ pool, tasks, demand }, deps) : { agents: [], agentsUnknownFor: [] };
  const taskIds = new Set([...liveTasks, ...tasks].map(({ id }) => id));
  const others = agentsOfOtherTasks(agents ?? [], demand.running, taskIds);
  return {
    demand,
    supply: supplyOf(
      { lanes: pool.lanes, tasks, agents, agentsSinceMs, agentsUnknownFor: new Set(agentsUnknownFor), ...demand },
      deps.startDeadlineMs,
      nowMs,
    ),
    agentsVisible: agents !== undefined && hcpTerraform.visibilityOf(pool).agentsVisible,
    ...(!active && { startsUnread: true }),
    ...(agentsSinceMs !== undefined && { agentsSinceMs }),
    ...(agentsUnknownFor.length > 0 && { agentsUnknownFor }),
    ...(others.length > 0 && { agentsOfOtherTasks: others }),
  };
}

/** Lists the pool's agents, as far back as the pool's tasks require. */
async function agentsOf(
  { pool, tasks, demand: { queued } }: { pool: Pool; tasks: readonly Task[]; demand: Demand },
  { hcpTerraform, nowMs, signal }: ObserveDeps,
): Promise<AgentsFound> {
  const recentMs = recentAgentsMs(nowMs);
  const recent = await hcpTerraform.agents(pool, recentMs, signal);
  if (recent === undefined) return { agents: undefined, agentsUnknownFor: [] };
  const found = new Set(recent.map(({ name }) => name));
  const waiting = new Set<string | undefined>(queued.map(({ key }) => key));
  const inQuestion = tasks.filter(
    (task) => !found.has(task.id) && (isLive(task) || isQuestionable(task) || waiting.has(task.startedBy)),
  );
  const createdAtMs = inQuestion.map((task) => task.createdAtMs ?? Number.POSITIVE_INFINITY);
  const sinceMs = createdAtMs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) - CLOCK_SKEW_MS;
  if (sinceMs >= recentMs) return { agents: recent, agentsSinceMs: recentMs, agentsUnknownFor: [] };
  const all = await resultOf(hcpTerraform.agents(pool, sinceMs, signal));
  if (all.ok) return { agents: all.value, agentsSinceMs: sinceMs, agentsUnknownFor: [] };
  if (all.error.fault !== 'too-long') throw all.error;
  const older = inQuestion.filter(({ createdAtMs = nowMs }) => createdAtMs - CLOCK_SKEW_MS < recentMs);
  return { agents: recent, agentsSinceMs: recentMs, agentsUnknownFor: older.map(({ id }) => id) };
}
