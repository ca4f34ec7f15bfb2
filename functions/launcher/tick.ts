/**
 * The shell of a tick: poll, group, observe, decide, act.
 *
 * 1. The runs of all pools are polled, pools with the same API token together.
 * 2. Pools that share an organization agent limit form a group. Without a limit, each pool is a group on its own.
 * 3. Each pool of a group is observed, the group is decided, and each pool's launches and stops are carried out.
 *
 * Groups run in parallel, so one pool's trouble never delays the launches of another group. Within a group, launches wait for all pools:
 * while the agents of one pool can't be counted, the limit allows none. A bug in one pool is that pool's error. A bug in the decision is
 * the error of its group, because launching on a wrong count could exceed the limit.
 */
import { type LaunchOutcome, launchAll, type StopOutcome, stopAll } from './act.ts';
import { confirmedStops } from './confirm.ts';
import { decide, type Member, type OrganizationLimit } from './core/decide.ts';
import { demandOf } from './core/demand.ts';
import { standingJobs } from './core/standing.ts';
import type { Decision, Demand, Limits, Run, Task } from './core/types.ts';
import { InternalError, type Result, resultOf, type UpstreamError } from './errors.ts';
import { observePool, type PoolObservation } from './observe.ts';
import type { HcpTerraform, Pool, PoolVisibility, Tasks } from './ports.ts';

/** Settings of a tick that all pools share. */
export interface TickSettings {
  readonly limits: Omit<Limits, 'maxAgents'>;
  /** Maximum number of agents that an organization may have registered at the same time; `undefined`: no limit. */
  readonly agentsCeiling: number | undefined;
}

export interface TickPorts {
  readonly hcpTerraform: HcpTerraform;
  readonly tasks: Tasks;
  readonly now: () => number;
}

/** What all steps of one tick use. They share one time, so that a schedule that begins during a tick is the next tick's. */
interface TickDeps extends Omit<TickPorts, 'now'> {
  readonly settings: TickSettings;
  readonly nowMs: number;
  /** All pools' tasks that aren't stopped. */
  readonly liveTasks: Promise<Result<readonly Task[]>>;
  readonly signal: AbortSignal;
}

/** One pool's part of a tick: what was observed, decided and done, and what went wrong. */
export interface PoolTick {
  readonly pool: Pool;
  readonly demand?: Demand;
  /** Which open runs {@link demand} lacks; absent: none. */
  readonly unread?: NonNullable<PoolVisibility['unread']>;
  readonly observation?: PoolObservation;
  readonly decision?: Decision;
  readonly launches: readonly LaunchOutcome[];
  readonly stops: readonly StopOutcome[];
  readonly errors: readonly (UpstreamError | InternalError)[];
}

/** Everything that one tick observed, decided and did. */
export interface Tick {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly pools: readonly PoolTick[];
}

/**
 * One tick over all pools. Never rejects: errors of external services, and bugs that one pool's answers set off, are in
 * {@link PoolTick.errors}.
 *
 * @param signal ends the tick: pending requests are aborted, and what was done stays done.
 */
export async function tick(
  pools: readonly Pool[],
  settings: TickSettings,
  ports: TickPorts,
  signal: AbortSignal,
): Promise<Tick> {
  const { hcpTerraform, tasks } = ports;
  const startedAtMs = ports.now();
  const liveTasks = resultOf(tasks.liveTasks(signal));
  // Pools that need the tasks report its bug. If none does, it must not end the process as an unhandled rejection.
  liveTasks.catch(() => undefined);
  const runs = pollRuns(pools, hcpTerraform, signal);
  const deps = { hcpTerraform, tasks, settings, nowMs: startedAtMs, liveTasks, signal };
  const groups = Map.groupBy(pools, (pool) => (settings.agentsCeiling === undefined ? pool : pool.organization));
  const ticked = await Promise.all(
    [...groups.values()].map((group) =>
      tickGroup(group, runs, deps).catch((bug: unknown) => group.map((pool) => brokenTick(pool, bug))),
    ),
  );
  return { startedAtMs, endedAtMs: ports.now(), pools: ticked.flat() };
}

/** Turns a bug in the tick of one pool into that pool's error. */
function brokenTick(pool: Pool, bug: unknown): PoolTick {
  return { pool, launches: [], stops: [], errors: [new InternalError(bug)] };
}

/** Each pool's open runs. Rejects for a bug only. */
type OpenRuns = (pool: Pool) => Promise<Result<readonly Run[]>>;

/** Polls all pools at once: pools that share an organization and an API token, together. */
function pollRuns(pools: readonly Pool[], hcpTerraform: HcpTerraform, signal: AbortSignal): OpenRuns {
  const tokenOf = ({ organization, apiTokenSecret }: Pool): string => JSON.stringify([organization, apiTokenSecret]);
  const poll = async (alike: readonly Pool[]) => hcpTerraform.openRuns(alike, signal);
  const answers = new Map([...Map.groupBy(pools, tokenOf)].map(([token, alike]) => [token, poll(alike)]));
  return async (pool) => {
    const answer = (await answers.get(tokenOf(pool)))?.get(pool);
    if (answer === undefined) throw new Error(`No answer about the runs of ${pool.name}: the port breaks its promise`);
    return answer;
  };
}

/** One pool of a group, with its demand. An error that keeps it from being decided on takes the place of what is missing. */
interface GroupPool {
  readonly pool: Pool;
  readonly demand: Result<Demand> | Broken;
}

interface Broken {
  readonly ok: false;
  readonly error: InternalError;
}

/** One observed pool of a group, ready to be decided on. */
interface ObservedPool extends Member {
  readonly pool: Pool;
  readonly observation: PoolObservation;
}

/** The tick of pools that are decided together. */
async function tickGroup(group: readonly Pool[], runs: OpenRuns, deps: TickDeps): Promise<PoolTick[]> {
  const { settings, nowMs } = deps;
  const withDemand = await Promise.all(group.map(async (pool) => ({ pool, demand: await demandIn(runs, pool) })));
  const agentsMatter = withDemand.some((one) => wantsAgents(one, nowMs));
  const observed = await Promise.all(withDemand.map((one) => observe(one, agentsMatter, deps)));
  const members = observed.flatMap(({ pool, observation }): ObservedPool[] => {
    if (!observation.ok) return [];
    const limits = { ...settings.limits, maxAgents: pool.maxAgents };
    return [{ pool, observation: observation.value, state: { ...observation.value, lanes: pool.lanes }, limits }];
  });
  const unobserved = observed.flatMap(({ pool, observation }) => (observation.ok ? [] : pool));
  const decided = decide(members, await organizationLimit(unobserved, deps), nowMs);
  const acts = new Map([...decided].map(([member, decision]) => [member.pool, () => actOn(member, decision, deps)]));
  return Promise.all(
    observed.map(async (one) => {
      try {
        return (await acts.get(one.pool)?.()) ?? unobservedTick(one, deps);
      } catch (bug) {
        return brokenTick(one.pool, bug);
      }
    }),
  );
}

/** One pool's demand. Never rejects. */
async function demandIn(runs: OpenRuns, pool: Pool): Promise<GroupPool['demand']> {
  try {
    const open = await runs(pool);
    return open.ok ? { ok: true, value: demandOf(open.value) } : open;
  } catch (bug) {
    return { ok: false, error: new InternalError(bug) };
  }
}

/**
 * Whether a pool has queued jobs, warm agents or sweeps. Only then do the agents of the idle pools matter that share its organization agent
 * limit. If its runs can't be read, its own settings decide.
 */
function wantsAgents({ pool, demand }: GroupPool, nowMs: number): boolean {
  const { queued, waiting } = demand.ok ? demand.value : demandOf([]);
  return queued.length > 0 || pool.lanes.some((lane) => standingJobs(lane, nowMs, waiting).length > 0);
}

/** One pool of a group, observed as far as it could be. */
interface Observed {
  readonly pool: Pool;
  readonly demand?: Demand;
  readonly observation: Result<PoolObservation> | Broken;
}

/** Observes one pool. Never rejects. */
async function observe({ pool, demand }: GroupPool, agentsMatter: boolean, deps: TickDeps): Promise<Observed> {
  const { liveTasks, hcpTerraform, tasks, settings, nowMs, signal } = deps;
  if (!demand.ok) return { pool, observation: demand };
  const known = { pool, demand: demand.value };
  try {
    const live = await liveTasks;
    if (!live.ok) return { ...known, observation: live };
    const { startDeadlineMs } = settings.limits;
    const input = { ...known, liveTasks: live.value, agentsMatter };
    const observation = await resultOf(observePool(input, { hcpTerraform, tasks, nowMs, startDeadlineMs, signal }));
    return { ...known, observation };
  } catch (bug) {
    return { pool, observation: { ok: false, error: new InternalError(bug) } };
  }
}

/**
 * What the organization agent limit leaves a group, less the tasks of pools that could not be observed. If HCP Terraform doesn't know such a
 * pool, only its tasks can have agents, so the others go on. Otherwise its agents can't be counted.
 */
async function organizationLimit(
  unobserved: readonly Pool[],
  { settings: { agentsCeiling }, liveTasks, hcpTerraform }: TickDeps,
): Promise<OrganizationLimit | undefined> {
  if (agentsCeiling === undefined) return undefined;
  const live = await liveTasks;
  const families = new Set(unobserved.flatMap(({ lanes }) => lanes.map(({ taskDefinition }) => taskDefinition)));
  const theirTasks = live.ok ? live.value.filter(({ family }) => families.has(family)).length : 0;
  const allCounted = live.ok && unobserved.every((pool) => hcpTerraform.visibilityOf(pool).notFound);
  return { agents: agentsCeiling - theirTasks, allCounted };
}

/** What is known of a pool without deciding on it. A missing pool is reported on every tick. */
function poolTickOf(pool: Pool, demand: Demand | undefined, { hcpTerraform }: TickDeps): PoolTick {
  const { missingError, unread } = hcpTerraform.visibilityOf(pool);
  return {
    pool,
    ...(demand !== undefined && { demand, ...(unread !== undefined && { unread }) }),
    launches: [],
    stops: [],
    errors: missingError === undefined ? [] : [missingError],
  };
}

/** The tick of a pool that could not be observed. */
function unobservedTick({ pool, demand, observation }: Observed, deps: TickDeps): PoolTick {
  const known = poolTickOf(pool, demand, deps);
  return observation.ok ? known : { ...known, errors: [...known.errors, observation.error] };
}

/** Carries out what was decided about one pool. */
async function actOn({ pool, observation }: ObservedPool, decision: Decision, deps: TickDeps): Promise<PoolTick> {
  const { hcpTerraform, tasks, settings, nowMs, signal } = deps;
  const known = poolTickOf(pool, observation.demand, deps);
  const actDeps = { tasks, nowMs, startDeadlineMs: settings.limits.startDeadlineMs, signal };
  const [launches, [stops, unconfirmed]] = await Promise.all([
    launchAll(pool, decision.launches, observation.supply, actDeps),
    confirmedStops(pool, decision.stops, observation, { hcpTerraform, nowMs, signal }).then(
      async (confirmed) => [await stopAll(confirmed.stops, actDeps), confirmed.error ?? []] as const,
    ),
  ]);
  const failed = [...launches, ...stops].flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.error] : []));
  const errors = [known.errors, failed, unconfirmed].flat();
  return { ...known, observation, decision, launches, stops, errors };
}
