/**
 * Observes one pool, in the order that avoids tasks without a job: first its tasks and agents, then its runs.
 *
 * A job can be taken between two requests. If the runs were read first, the job would count as queued and its agent as busy, so the launcher would
 * start a task that gets no job. In this order, the agent counts as idle at most until the next poll, and the running job usually shows its name.
 *
 * - An idle pool costs no request for its agents. A pool is idle if it has no jobs, live tasks, warm agents or sweeps.
 * - An idle pool costs a call for its stopped tasks only until ECS has shown the end of each task that this function knew.
 * - If no task is live, the runs are read first, because they show whether the pool is idle. If an agent of another launcher may have taken a job since
 *   then, the runs are read again.
 * - The list of agents first covers only the last minutes, because a working agent pings all the time. So a job that runs for a day doesn't
 *   require a list of the whole day.
 * - If the agent of an older task is missing from that list, the launcher lists the agents since before that task. If the agent is missing
 *   there too, it never registered.
 * - If the longer list is too long to read, the launcher uses the short one. The agents of older tasks are then unknown.
 * - If any part can't be read, the tick reports an error and decides nothing for the pool.
 */
import { type ForeignAgents, foreignAgents } from './core/foreign-agents.ts';
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
  /** The pool is idle, so {@link supply} contains no start failures. */
  readonly startsUnread?: true;
  /** Tasks that have stopped, whether they are news or not; absent if there are none. */
  readonly ended?: readonly Task[];
  /** {@link supply} takes into account the agents that pinged since this time; absent: no agents were listed. */
  readonly agentsSinceMs?: number;
  /** Tasks whose agents are unknown, because the list of agents since those tasks started is too long to read. */
  readonly agentsUnknownFor?: readonly string[];
  /** Agents of the pool that belong to no task of this cluster; absent if there are none. */
  readonly foreignAgents?: ForeignAgents;
  /** Names of idle or busy agents that seem to belong to another launcher. */
  readonly agentsOfOtherTasks?: readonly string[];
}

/** The agents of a pool, and how far back the list goes. */
interface AgentsFound {
  readonly agents: readonly Agent[] | undefined;
  readonly agentsSinceMs?: number;
  readonly agentsUnknownFor: readonly string[];
}

interface AgentsInput {
  readonly pool: Pool;
  readonly tasks: readonly Task[];
  readonly demand: Demand;
  readonly recentAgents: readonly Agent[] | undefined;
}

export interface ObserveDeps {
  readonly hcpTerraform: HcpTerraform;
  readonly tasks: Tasks;
  readonly nowMs: number;
  readonly startDeadlineMs: number;
  readonly signal: AbortSignal;
  /** The tick doesn't report ended tasks. */
  readonly isExtra: boolean;
}

/** A pool's stopped tasks, and the agents that pinged in the last minutes. */
interface PoolReading {
  readonly stopped: readonly Task[];
  /** `undefined`: the API token can't list agents. */
  readonly recentAgents: readonly Agent[] | undefined;
}

/** What the tick reads of a pool before its runs. */
export interface EarlyReading {
  readonly live: readonly Task[];
  /** Absent if no task is live. The runs then show whether the pool is idle. */
  readonly rest?: PoolReading;
}

/** What the tick already knows about a pool before it observes the pool. */
export interface ObserveInput {
  readonly pool: Pool;
  readonly demand: Demand;
  /** The live tasks of all pools. */
  readonly liveTasks: readonly Task[];
  readonly early: EarlyReading;
  /** Whether other pools need this pool's number of agents, because the pools share an organization agent limit. */
  readonly agentsMatter: boolean;
  /** Reads the pool's runs again. */
  readonly demandAgain: () => Promise<Demand>;
}

/** Reads a pool's tasks and agents before its runs. Rejects with `UpstreamError`. */
export async function readEarly(pool: Pool, liveTasks: readonly Task[], deps: ObserveDeps): Promise<EarlyReading> {
  const families = familiesOf(pool);
  const live = liveTasks.filter(({ family }) => families.includes(family));
  return live.length === 0 ? { live } : { live, rest: await readRest(pool, deps) };
}

async function readRest(pool: Pool, deps: ObserveDeps): Promise<PoolReading> {
  const [stopped, recentAgents] = await Promise.all([
    deps.tasks.recentlyStoppedTasks(familiesOf(pool), deps.signal),
    recentAgentsOf(pool, deps),
  ]);
  return { stopped, recentAgents };
}

function familiesOf({ lanes }: Pool): string[] {
  return lanes.map(({ taskDefinition }) => taskDefinition);
}

function recentAgentsOf(pool: Pool, { hcpTerraform, nowMs, signal }: ObserveDeps) {
  return hcpTerraform.agents(pool, recentAgentsMs(nowMs), signal);
}

/** Reads what the tick doesn't know yet about one pool. Rejects with `UpstreamError` if any part can't be read. */
export async function observePool(input: ObserveInput, deps: ObserveDeps): Promise<PoolObservation> {
  const { pool, liveTasks, early, agentsMatter } = input;
  const { hcpTerraform, nowMs } = deps;
  const standing = pool.lanes.some(
    (lane) =>
      standingJobs(lane, nowMs, input.demand.waiting).length > 0 || sweepMayFail(lane, nowMs, deps.startDeadlineMs),
  );
  const { queued, running } = input.demand;
  // If a job runs but no task is live, either an agent of another launcher has the job, or its task ended. The stopped tasks show which.
  const active = queued.length > 0 || early.live.length > 0 || standing || running.length > 0;
  const idleReading = async (): Promise<PoolReading> => ({
    stopped: [],
    recentAgents: agentsMatter ? await recentAgentsOf(pool, deps) : [],
  });
  const late = active ? readRest : idleReading;
  const [{ stopped, recentAgents }, idleEnded] = await Promise.all([
    early.rest ?? late(pool, deps),
    active || deps.isExtra ? [] : deps.tasks.endedTasks(familiesOf(pool), deps.signal),
  ]);
  // ECS's list can lack a task that the function knows and that hasn't ended. Its pool isn't idle.
  const unlisted = idleEnded.filter(isLive);
  if (unlisted.length > 0) return observePool({ ...input, early: { live: unlisted } }, deps);
  const ended = [...stopped, ...idleEnded].filter(({ lastStatus }) => lastStatus === 'STOPPED');
  // A task that stopped between the two requests is in both lists. Use its stopped state.
  const tasks = [...new Map([...early.live, ...stopped].map((task) => [task.id, task])).values()];
  const isOutdated = early.rest === undefined && mayHaveTaken(recentAgents ?? [], input.demand);
  const demand = isOutdated ? await input.demandAgain() : input.demand;
  const { agents, agentsSinceMs, agentsUnknownFor }: AgentsFound =
    active || agentsMatter
      ? await agentsOf({ pool, tasks, demand, recentAgents }, deps)
      : { agents: [], agentsUnknownFor: [] };
  const taskIds = new Set([...liveTasks, ...tasks].map(({ id }) => id));
  const others = agentsOfOtherTasks(agents ?? [], demand.running, taskIds);
  const foreign = foreignAgents(agents, demand.running, taskIds);
  return {
    demand,
    supply: supplyOf(
      { lanes: pool.lanes, tasks, agents, agentsSinceMs, agentsUnknownFor: new Set(agentsUnknownFor), ...demand },
      deps.startDeadlineMs,
      nowMs,
    ),
    agentsVisible: agents !== undefined && hcpTerraform.visibilityOf(pool).agentsVisible,
    ...(!active && { startsUnread: true }),
    ...(ended.length > 0 && { ended }),
    ...(agentsSinceMs !== undefined && { agentsSinceMs }),
    ...(agentsUnknownFor.length > 0 && { agentsUnknownFor }),
    ...(foreign.idle.length + foreign.busy.length > 0 && { foreignAgents: foreign }),
    ...(others.length > 0 && { agentsOfOtherTasks: others }),
  };
}

/** Whether an agent is busy with a job that the runs don't show. It may have taken a queued job after the runs were read. */
function mayHaveTaken(agents: readonly Agent[], { queued, running }: Demand): boolean {
  if (queued.length === 0) return false;
  const names = new Set(running.map(({ agentName }) => agentName));
  return agents.some(({ name, status }) => status === 'busy' && !names.has(name));
}

/** Lists the pool's agents, as far back as the pool's tasks require. */
async function agentsOf(
  { pool, tasks, demand: { queued }, recentAgents }: AgentsInput,
  { hcpTerraform, nowMs, signal }: ObserveDeps,
): Promise<AgentsFound> {
  if (recentAgents === undefined) return { agents: undefined, agentsUnknownFor: [] };
  const recentMs = recentAgentsMs(nowMs);
  const found = new Set(recentAgents.map(({ name }) => name));
  const waiting = new Set<string | undefined>(queued.map(({ key }) => key));
  const inQuestion = tasks.filter(
    (task) => !found.has(task.id) && (isLive(task) || isQuestionable(task) || waiting.has(task.startedBy)),
  );
  const createdAtMs = inQuestion.map((task) => task.createdAtMs ?? Number.POSITIVE_INFINITY);
  const sinceMs = createdAtMs.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY) - CLOCK_SKEW_MS;
  if (sinceMs >= recentMs) return { agents: recentAgents, agentsSinceMs: recentMs, agentsUnknownFor: [] };
  const all = await resultOf(hcpTerraform.agents(pool, sinceMs, signal));
  if (all.ok) {
    const agents = all.value && withOlder(recentAgents, all.value, recentMs);
    return { agents, ...(agents && { agentsSinceMs: sinceMs }), agentsUnknownFor: [] };
  }
  if (all.error.fault !== 'too-long') throw all.error;
  const older = inQuestion.filter(({ createdAtMs = nowMs }) => createdAtMs - CLOCK_SKEW_MS < recentMs);
  return { agents: recentAgents, agentsSinceMs: recentMs, agentsUnknownFor: older.map(({ id }) => id) };
}

/**
 * Adds older agents to the recent ones. The recent ones keep the state in which they were listed before the runs, and agents that have registered
 * since then are left out. An agent that registered twice has two rows, so its newer row belongs to an older one.
 */
function withOlder(recent: readonly Agent[], all: readonly Agent[], recentMs: number): readonly Agent[] {
  const listed = new Set(recent.map(({ id }) => id));
  const others = all.filter(({ id }) => !listed.has(id));
  const isOlder = ({ lastPingMs = 0 }: Agent): boolean => lastPingMs < recentMs;
  const olderNames = new Set(others.filter(isOlder).map(({ name }) => name));
  return [...recent, ...others.filter((agent) => isOlder(agent) || olderNames.has(agent.name))];
}
