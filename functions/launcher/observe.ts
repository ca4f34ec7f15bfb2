import { agentsOfOtherTasks } from './core/other-launchers.ts';
import { standingJobs, sweepMayFail } from './core/standing.ts';
import { isLive, supplyOf } from './core/supply.ts';
import { isQuestionable } from './core/task-outcome.ts';
import type { Agent, Demand, Supply, Task } from './core/types.ts';
import { seen } from './errors.ts';
import type { HcpTerraform, Pool, Tasks } from './ports.ts';

/** An idle agent pings every 30 s; one that is silent is `unknown` for five minutes before it is `errored`. */
const AGENTS_WINDOW_MS = 10 * 60_000;

/** Every agent that is registered and not errored pinged since then. */
export function recentAgentsMs(nowMs: number): number {
  return nowMs - AGENTS_WINDOW_MS - CLOCK_SKEW_MS;
}

/** What ECS's clock and HCP Terraform's may differ by. */
export const CLOCK_SKEW_MS = 60_000;

/** What was seen of one pool. */
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
  readonly notLookedUp?: readonly string[];
  /** Names of agents at work that look like tasks of another launcher. */
  readonly agentsOfOtherTasks?: readonly string[];
}

/** The agents of a pool, and how far back the list goes. */
interface AgentsSeen {
  readonly agents: readonly Agent[] | undefined;
  readonly agentsSinceMs?: number;
  readonly notLookedUp: readonly string[];
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
 * Completes the picture of one pool whose runs and live tasks have been read. A pool with neither jobs nor live
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
  const families = pool.lanes.map(({ taskDefinition }) => taskDefinition);
  const live = liveTasks.filter(({ family }) => families.includes(family));
  const standing = pool.lanes.some(
    (lane) => standingJobs(lane, nowMs, demand.waiting).length > 0 || sweepMayFail(lane, nowMs, eyes.startDeadlineMs),
  );
  // A job that runs without a task: another launcher's agent has it, or its task died, and the stopped tasks show how.
  const active = demand.queued.length > 0 || live.length > 0 || standing || demand.running.length > 0;
  const stopped = active ? await eyes.tasks.recentlyStoppedTasks(families, signal) : [];
  // A task that stopped between the two reads is in both, and its end is what counts.
  const tasks = [...new Map([...live, ...stopped].map((task) => [task.id, task])).values()];
  const looks = active || agentsMatter;
  const { agents, agentsSinceMs, notLookedUp }: AgentsSeen = looks
    ? await agentsOf(pool, tasks, demand, hcpTerraform, nowMs, signal)
    : { agents: [], notLookedUp: [] };
  const taskIds = new Set([...liveTasks, ...tasks].map(({ id }) => id));
  const others = agentsOfOtherTasks(agents ?? [], demand.running, taskIds);
  return {
    demand,
    supply: supplyOf(
      { lanes: pool.lanes, tasks, agents, agentsSinceMs, notLookedUp: new Set(notLookedUp), ...demand },
      eyes.startDeadlineMs,
      nowMs,
    ),
    agentsVisible: agents !== undefined && hcpTerraform.sightOf(pool).agentsVisible,
    ...(!active && { startsUnread: true }),
    ...(agentsSinceMs !== undefined && { agentsSinceMs }),
    ...(notLookedUp.length > 0 && { notLookedUp }),
    ...(others.length > 0 && { agentsOfOtherTasks: others }),
  };
}

/**
 * The pool's agents that matter. Agents that are at work ping all the while, so the last minutes show them; only when a
 * task is older than that and its agent is not among them, the list is read from before that task was created, so that
 * an agent that is not listed has never registered. A job of a day thus does not bring a day's agents with it. Where that
 * list is too long the last minutes have to do, and of who is older nothing is known.
 */
async function agentsOf(
  pool: Pool,
  tasks: readonly Task[],
  { queued }: Demand,
  hcpTerraform: HcpTerraform,
  nowMs: number,
  signal: AbortSignal,
): Promise<AgentsSeen> {
  const recentMs = recentAgentsMs(nowMs);
  const recent = await hcpTerraform.agents(pool, recentMs, signal);
  if (recent === undefined) return { agents: undefined, notLookedUp: [] };
  const found = new Set(recent.map(({ name }) => name));
  const waiting = new Set<string | undefined>(queued.map(({ key }) => key));
  const inQuestion = tasks.filter(
    (task) => !found.has(task.id) && (isLive(task) || isQuestionable(task) || waiting.has(task.startedBy)),
  );
  const createdAtMs = inQuestion.map((task) => task.createdAtMs ?? Number.POSITIVE_INFINITY);
  const sinceMs = createdAtMs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) - CLOCK_SKEW_MS;
  const answer = await seen(sinceMs < recentMs ? hcpTerraform.agents(pool, sinceMs, signal) : Promise.resolve(recent));
  if (answer.ok) return { agents: answer.value, agentsSinceMs: Math.min(sinceMs, recentMs), notLookedUp: [] };
  if (answer.error.fault !== 'too-long') throw answer.error;
  const older = inQuestion.filter(({ createdAtMs = nowMs }) => createdAtMs - CLOCK_SKEW_MS < recentMs);
  return { agents: recent, agentsSinceMs: recentMs, notLookedUp: older.map(({ id }) => id) };
}
