/**
 * Observes one pool: its stopped tasks and its agents, in addition to the runs and live tasks that the tick has read already.
 *
 * - An idle pool costs no request: without jobs, live tasks, warm agents or sweeps, neither stopped tasks nor agents are read.
 * - Agents are read as far back as a decision needs. An agent at work pings all the time, so the last minutes show it. Only if a task is older
 *   and its agent isn't among them, the list is read from before that task was created. An agent that isn't in that list has never registered.
 *   So a job that runs for a day doesn't bring a day's agents with it.
 * - Where that list is too long, the last minutes must do, and the agents of older tasks are unknown.
 * - A pool that is observed in part isn't decided on: the missing part is an error.
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
  /** The pool is idle, so that its stopped tasks weren't read, and {@link supply} has no start failures. */
  readonly startsUnread?: true;
  /** {@link supply} was judged by the agents that pinged since then; absent: no agents were listed. */
  readonly agentsSinceMs?: number;
  /** Tasks whose agents could not be looked up, since the list that goes back to them is too long. */
  readonly agentsUnknownFor?: readonly string[];
  /** Names of agents at work that look like tasks of another launcher. */
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

/** What the tick knows of a pool before it is observed. */
export interface ObserveInput {
  readonly pool: Pool;
  readonly demand: Demand;
  /** Of all pools. */
  readonly liveTasks: readonly Task[];
  /** Whether the pool's agents count for other pools, because they share an organization agent limit. */
  readonly agentsMatter: boolean;
}

/** Completes the picture of one pool. Rejects with `UpstreamError` if a part of it is missing. */
export async function observePool(input: ObserveInput, deps: ObserveDeps): Promise<PoolObservation> {
  const { pool, demand, liveTasks, agentsMatter } = input;
  const { hcpTerraform, nowMs, signal } = deps;
  const families = pool.lanes.map(({ taskDefinition }) => taskDefinition);
  const live = liveTasks.filter(({ family }) => families.includes(family));
  const standing = pool.lanes.some(
    (lane) => standingJobs(lane, nowMs, demand.waiting).length > 0 || sweepMayFail(lane, nowMs, deps.startDeadlineMs),
  );
  // A job that runs without a task: another launcher's agent has it, or its task died, and the stopped tasks show how.
  const active = demand.queued.length > 0 || live.length > 0 || standing || demand.running.length > 0;
  const stopped = active ? await deps.tasks.recentlyStoppedTasks(families, signal) : [];
  // A task that stopped between the two reads is in both, and its end is what counts.
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

/** The pool's agents, as far back as its tasks need. */
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
