/**
 * One tick: poll, group, observe, decide, act.
 *
 * 1. Read the live tasks of all pools, and the agents of each pool that has live tasks.
 * 2. Poll the runs of all pools. Pools with the same API token are polled together. `observe.ts` says why the runs come second.
 * 3. Group the pools that share an organization agent limit. Without such a limit, each pool is its own group.
 * 4. Observe the rest of each pool of a group, decide about the whole group, then carry out each pool's launches and stops.
 * 5. If tasks reach the internet through gateways of the launcher, launches wait until these are ready (`tick-gateways.ts`).
 *
 * Groups run in parallel, so a problem in one group never delays the launches of another. Within a group, launches wait until all pools are
 * observed, because the limit allows no launch while the agents of a pool can't be counted. A bug in one pool is an error of that pool
 * only. A bug in the decision is an error of the whole group, because a wrong count could exceed the limit.
 */
import { type LaunchOutcome, launchAll, type StopOutcome, stopAll } from './act.ts';
import { confirmedStops } from './confirm.ts';
import { decide, type Member, type OrganizationLimit } from './core/decide.ts';
import { demandOf } from './core/demand.ts';
import { type RunsNeed, runsNeedOf } from './core/runs-need.ts';
import { standingJobs } from './core/standing.ts';
import { supplyOf } from './core/supply.ts';
import type { Decision, Deferral, Demand, Launch, Limits, Run, Task } from './core/types.ts';
import { InternalError, type Result, resultOf, type UpstreamError } from './errors.ts';
import type { GatewaySettings } from './gateway-reading.ts';
import { type EarlyReading, type ObserveDeps, observePool, type PoolObservation, readEarly } from './observe.ts';
import type { Gateways, HcpTerraform, Polling, Pool, PoolVisibility, Tasks } from './ports.ts';
import { type GatewayTick, TickGateways } from './tick-gateways.ts';

/** Minimum time between the start of a tick and the invocation's deadline. */
export const TICK_NEEDS_MS = 8_000;

/** How long a tick launches. Then the launches that are left wait for the next tick, so that the other pools are polled in time. */
const LAUNCHING_MS = 10_000;

/** Settings of a tick that all pools share. */
export interface TickSettings {
  readonly limits: Omit<Limits, 'maxAgents' | 'standbyMs'>;
  /** Maximum number of agents that an organization may have registered at the same time; `undefined`: no limit. */
  readonly agentsCeiling: number | undefined;
  /** Absent: tasks don't need a gateway of the launcher. */
  readonly gateways?: GatewaySettings | undefined;
}

export interface TickPorts {
  readonly hcpTerraform: HcpTerraform;
  readonly tasks: Tasks;
  /** Present if {@link TickSettings.gateways} is. */
  readonly gateways?: Gateways | undefined;
  readonly now: () => number;
}

/** What all steps of a tick use. All steps use the same time, so a schedule that begins during a tick takes effect in the next one. */
interface TickDeps extends Omit<TickPorts, 'gateways'> {
  readonly gateways: TickGateways | undefined;
  readonly settings: TickSettings;
  readonly nowMs: number;
  /** The tasks of all pools that aren't stopped. */
  readonly liveTasks: Promise<Result<readonly Task[]>>;
  readonly early: ReadonlyMap<Pool, Promise<Result<EarlyReading> | Broken>>;
  readonly polling: Polling;
  readonly launchUntilMs: number;
  readonly signal: AbortSignal;
  readonly isExtra: boolean;
}

/** One pool's part of a tick: what was observed, decided and done, and what went wrong. */
export interface PoolTick {
  readonly pool: Pool;
  readonly demand?: Demand;
  /** Which open runs the last complete poll couldn't read. What other polls skip is in `demand.unlisted`. */
  readonly unread?: NonNullable<PoolVisibility['unread']>;
  readonly observation?: PoolObservation;
  readonly decision?: Decision;
  readonly launches: readonly LaunchOutcome[];
  readonly stops: readonly StopOutcome[];
  readonly errors: readonly (UpstreamError | InternalError)[];
}

/** When a tick must end its work. */
export interface TickTime {
  /** Ends the tick: it aborts pending requests, and undoes nothing. */
  readonly signal: AbortSignal;
  /** Latest time for a launch, in epoch milliseconds. */
  readonly launchUntilMs: number;
  /** True for a tick in addition to the usual ones, which reads only what it needs. */
  readonly isExtra?: boolean;
}

/** Everything that one tick observed, decided and did. */
export interface Tick {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** True for a tick in addition to the usual ones. */
  readonly isExtra?: boolean;
  readonly pools: readonly PoolTick[];
  /** Absent if tasks don't need a gateway of the launcher. */
  readonly gateways?: GatewayTick;
}

/**
 * Runs one tick over all pools. Never rejects: {@link PoolTick.errors} contains the errors of external services, and any bug that occurs
 * while a pool is processed.
 */
export async function tick(
  pools: readonly Pool[],
  settings: TickSettings,
  ports: TickPorts,
  { signal, launchUntilMs, isExtra = false }: TickTime,
): Promise<Tick> {
  const { hcpTerraform, tasks } = ports;
  const startedAtMs = ports.now();
  const liveTasks = resultOf(tasks.liveTasks(signal));
  // Each pool that awaits this promise reports its rejection. If no pool does, the rejection must not end the process as unhandled.
  liveTasks.catch(() => undefined);
  const gateways = gatewaysOf(pools, settings, ports, { liveTasks, nowMs: startedAtMs, signal, isExtra });
  const { startDeadlineMs } = settings.limits;
  const reading = { hcpTerraform, tasks, nowMs: startedAtMs, startDeadlineMs, signal, isExtra };
  const early = new Map(pools.map((pool) => [pool, earlyReading(pool, liveTasks, reading)]));
  const needOf = async (pool: Pool) => {
    const need = await runsNeed(pool, early.get(pool), reading);
    return need && { ...need, mayReadAll: !isExtra };
  };
  const polling = { signal, needOf };
  const runs = pollRuns(pools, hcpTerraform, polling);
  const shared = { settings, nowMs: startedAtMs, liveTasks, early, polling, launchUntilMs, signal, isExtra };
  const deps = { ...ports, ...shared, gateways };
  const groups = Map.groupBy(pools, (pool) => (settings.agentsCeiling === undefined ? pool : pool.organization));
  const ticked = await Promise.all(
    [...groups.values()].map((group) =>
      tickGroup(group, runs, deps).catch((bug: unknown) => group.map((pool) => brokenTick(pool, bug))),
    ),
  );
  const ofGateways = await gateways?.finish();
  return {
    startedAtMs,
    endedAtMs: ports.now(),
    ...(isExtra && { isExtra }),
    pools: ticked.flat(),
    ...(ofGateways !== undefined && { gateways: ofGateways }),
  };
}

/** Begins to read the gateways, if there are any. */
function gatewaysOf(
  pools: readonly Pool[],
  { gateways: settings }: TickSettings,
  { gateways, tasks, now }: TickPorts,
  more: Pick<TickDeps, 'liveTasks' | 'nowMs' | 'signal' | 'isExtra'>,
): TickGateways | undefined {
  if (gateways === undefined || settings === undefined) return undefined;
  const families = pools.flatMap(({ lanes }) => lanes.map(({ taskDefinition }) => taskDefinition));
  return new TickGateways({ gateways, settings, tasks, families, now, ...more });
}

/** Turns a bug in the tick of one pool into that pool's error. */
function brokenTick(pool: Pool, bug: unknown): PoolTick {
  return { pool, launches: [], stops: [], errors: [new InternalError(bug)] };
}

/** Returns a pool's open runs. Rejects only if there is a bug. */
type OpenRuns = (pool: Pool) => Promise<Result<readonly Run[]>>;

/** Reads a pool's tasks and agents before its runs. Never rejects. */
async function earlyReading(
  pool: Pool,
  liveTasks: TickDeps['liveTasks'],
  deps: ObserveDeps,
): Promise<Result<EarlyReading> | Broken> {
  try {
    const live = await liveTasks;
    return live.ok ? await resultOf(readEarly(pool, live.value, deps)) : live;
  } catch (bug) {
    return { ok: false, error: new InternalError(bug) };
  }
}

/**
 * What the tick needs to know about a pool's queued jobs; `undefined` if it needs everything, because the pool's agents are unknown. Never
 * rejects: {@link observe} reports what went wrong.
 */
async function runsNeed(
  pool: Pool,
  early: Promise<Result<EarlyReading> | Broken> | undefined,
  { nowMs, startDeadlineMs }: ObserveDeps,
): Promise<RunsNeed | undefined> {
  const reading = await early;
  if (reading?.ok !== true) return undefined;
  const { live, rest } = reading.value;
  if (rest !== undefined && rest.recentAgents === undefined) return undefined;
  const seen = { lanes: pool.lanes, tasks: live, agents: rest?.recentAgents ?? [], queued: [], running: [] };
  return runsNeedOf(pool.lanes, pool.maxAgents, supplyOf(seen, startDeadlineMs, nowMs));
}

/** Polls all pools in parallel. Pools that share an organization and an API token are polled together. */
function pollRuns(pools: readonly Pool[], hcpTerraform: HcpTerraform, polling: Polling): OpenRuns {
  const tokenOf = ({ organization, apiTokenSecret }: Pool): string => JSON.stringify([organization, apiTokenSecret]);
  const poll = async (alike: readonly Pool[]) => hcpTerraform.openRuns(alike, polling);
  const answers = new Map([...Map.groupBy(pools, tokenOf)].map(([token, alike]) => [token, poll(alike)]));
  return async (pool) => {
    const answer = (await answers.get(tokenOf(pool)))?.get(pool);
    if (answer === undefined) throw new Error(`No answer about the runs of ${pool.name}: the port breaks its promise`);
    return answer;
  };
}

/** One pool of a group, with its demand or the error that occurred instead. */
interface GroupPool {
  readonly pool: Pool;
  readonly demand: Result<Demand> | Broken;
}

interface Broken {
  readonly ok: false;
  readonly error: InternalError;
}

/** One observed pool of a group, ready for the decision. */
interface ObservedPool extends Member {
  readonly pool: Pool;
  readonly observation: PoolObservation;
}

/** Runs the tick of one group of pools. */
async function tickGroup(group: readonly Pool[], runs: OpenRuns, deps: TickDeps): Promise<PoolTick[]> {
  const { settings, nowMs } = deps;
  const withDemand = await Promise.all(group.map(async (pool) => ({ pool, demand: await demandIn(runs, pool, deps) })));
  const agentsMatter = withDemand.some((one) => wantsAgents(one, nowMs));
  const observed = await Promise.all(withDemand.map((one) => observe(one, agentsMatter, deps)));
  const members = observed.flatMap(({ pool, observation }): ObservedPool[] => {
    if (!observation.ok) return [];
    const limits = { ...settings.limits, maxAgents: pool.maxAgents, standbyMs: pool.standbyMs };
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

/** Reads one pool's demand. Never rejects. */
async function demandIn(runs: OpenRuns, pool: Pool, { hcpTerraform }: TickDeps): Promise<GroupPool['demand']> {
  try {
    const open = await runs(pool);
    return open.ok ? { ok: true, value: demandOf(open.value, hcpTerraform.visibilityOf(pool).unlisted) } : open;
  } catch (bug) {
    return { ok: false, error: new InternalError(bug) };
  }
}

/**
 * Whether a pool may launch agents: it has queued jobs, warm agents or sweeps. Only then does the launcher need to count the agents of
 * idle pools under the same organization agent limit. If the runs can't be read, only the pool's warm agents and sweeps count.
 */
function wantsAgents({ pool, demand }: GroupPool, nowMs: number): boolean {
  const { queued, waiting } = demand.ok ? demand.value : demandOf([]);
  return queued.length > 0 || pool.lanes.some((lane) => standingJobs(lane, nowMs, waiting).length > 0);
}

/** One pool of a group, with its observation or the error that occurred instead. */
interface Observed {
  readonly pool: Pool;
  readonly demand?: Demand;
  readonly observation: Result<PoolObservation> | Broken;
}

/** Observes one pool. Never rejects. */
async function observe({ pool, demand }: GroupPool, agentsMatter: boolean, deps: TickDeps): Promise<Observed> {
  const { liveTasks, hcpTerraform, tasks, settings, nowMs, signal, isExtra } = deps;
  const early = await deps.early.get(pool);
  if (!demand.ok) {
    // If the first requests got no answer, there may have been no time for the runs. Then the first error says more.
    const isFirst = early?.ok === false && demand.error.fault === 'unavailable';
    return { pool, observation: isFirst ? early : demand };
  }
  const known = { pool, demand: demand.value };
  try {
    const live = await liveTasks;
    if (!live.ok) return { ...known, observation: live };
    if (early === undefined) throw new Error(`No reading of ${pool.name}`);
    if (!early.ok) return { ...known, observation: early };
    const { startDeadlineMs } = settings.limits;
    const demandAgain = () => pollAgain(pool, demand.value, deps);
    const input = { ...known, liveTasks: live.value, early: early.value, agentsMatter, demandAgain };
    const observation = await resultOf(
      observePool(input, { hcpTerraform, tasks, nowMs, startDeadlineMs, signal, isExtra }),
    );
    return { ...known, observation };
  } catch (bug) {
    return { pool, observation: { ok: false, error: new InternalError(bug) } };
  }
}

/**
 * Reads a pool's runs again, because an agent may have taken a job since the first reading. If the request budget doesn't allow that, the first
 * reading counts. Rejects with `UpstreamError`.
 */
async function pollAgain(pool: Pool, before: Demand, { hcpTerraform, polling }: TickDeps): Promise<Demand> {
  const again = await hcpTerraform.openRuns([pool], polling).get(pool);
  if (again?.ok === true) return demandOf(again.value, hcpTerraform.visibilityOf(pool).unlisted);
  const isWithheld = again?.error.fault === 'throttled' && again.error.status === undefined;
  if (isWithheld || again === undefined) return before;
  throw again.error;
}

/**
 * The organization agent limit of a group, minus the tasks of pools that could not be observed. If HCP Terraform reports that such a
 * pool doesn't exist, it can't have other agents, so the other pools continue. Otherwise its agents can't be counted.
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

/** A pool's tick without an observation or decision. If the pool is missing, every tick reports the error. */
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
  const { hcpTerraform, tasks, settings, nowMs, now, signal } = deps;
  const known = poolTickOf(pool, observation.demand, deps);
  const launchUntilMs = lastLaunchMs(now(), deps.launchUntilMs);
  const actDeps = { tasks, nowMs, startDeadlineMs: settings.limits.startDeadlineMs, launchUntilMs, signal };
  const [{ tried, held }, [stops, unconfirmed]] = await Promise.all([
    launchesOf(decision, deps.gateways).then(async ({ launches, held }) => ({
      tried: await launchAll(pool, launches, observation.supply, actDeps),
      held,
    })),
    confirmedStops(pool, decision.stops, observation, { hcpTerraform, nowMs, signal }).then(
      async (confirmed) => [await stopAll(confirmed.stops, actDeps), confirmed.error ?? []] as const,
    ),
  ]);
  const launches = tried.filter(({ kind }) => kind !== 'late');
  const deferrals = [...decision.deferrals, ...held, ...tried.flatMap(lateDeferral)];
  const failed = [...launches, ...stops].flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.error] : []));
  const errors = [known.errors, failed, unconfirmed].flat();
  return { ...known, observation, decision: { ...decision, deferrals }, launches, stops, errors };
}

/** The launches that the gateways allow now, and the deferrals of the others. */
async function launchesOf(
  { launches }: Decision,
  gateways: TickGateways | undefined,
): Promise<{ readonly launches: readonly Launch[]; readonly held: readonly Deferral[] }> {
  if (gateways === undefined || launches.length === 0) return { launches, held: [] };
  const permission = await gateways.wanted();
  if (permission.kind === 'allowed') return { launches, held: [] };
  const { reason } = permission;
  return { launches: [], held: launches.map(({ job: { key } }) => ({ jobKey: key, cause: 'gateway', reason })) };
}

/** Latest time for the tick's launches. If there is no time for another tick, this tick uses the rest of the invocation. */
function lastLaunchMs(nowMs: number, mostMs: number): number {
  const untilMs = nowMs + LAUNCHING_MS;
  return mostMs - untilMs < TICK_NEEDS_MS ? mostMs : untilMs;
}

/** The deferral of a launch for which no time was left. In a scheduled invocation, the next tick follows at once if time and the request budget allow it. */
function lateDeferral({ kind, launch }: LaunchOutcome): Deferral[] {
  const reason = 'ECS’s launch rate or the end of the invocation left no time; the next tick tries it again';
  return kind === 'late' ? [{ jobKey: launch.job.key, cause: 'launch-rate', reason }] : [];
}

/** Whether no time was left for some of the tick's launches. */
export function hasLateLaunches({ pools }: Tick): boolean {
  return pools.some(({ decision }) => decision?.deferrals.some(({ cause }) => cause === 'launch-rate') === true);
}

/** Whether some of the tick's launches wait for a gateway. */
export function waitsForGateways({ pools }: Tick): boolean {
  return pools.some(({ decision }) => decision?.deferrals.some(({ cause }) => cause === 'gateway') === true);
}

/** Everything that went wrong in the tick. */
export function errorsOf({ pools, gateways }: Tick): readonly PoolTick['errors'][number][] {
  return [...pools.flatMap(({ errors }) => errors), ...(gateways?.errors ?? [])];
}
