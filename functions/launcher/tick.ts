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
import { decide, type OrganizationLimit } from './core/decide.ts';
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

/** What a tick observes and acts with. */
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
      tickGroup(group, runs, deps).catch((bug: unknown) => group.map((pool) => brokenTick(pool)(bug))),
    ),
  );
  return { startedAtMs, endedAtMs: ports.now(), pools: ticked.flat() };
}

/** Turns a bug in the tick of one pool into that pool's error. */
function brokenTick(pool: Pool): (bug: unknown) => PoolTick {
  return (bug) => ({ pool, launches: [], stops: [], errors: [new InternalError(bug)] });
}

type OpenRuns = ReadonlyMap<Pool, Promise<Result<readonly Run[]>>>;

/** Each pool's open runs. Pools that share an organization and an API token are polled together. Rejects for a bug only. */
function pollRuns(pools: readonly Pool[], hcpTerraform: HcpTerraform, signal: AbortSignal): OpenRuns {
  const byToken = Map.groupBy(pools, ({ organization, apiTokenSecret }) =>
    JSON.stringify([organization, apiTokenSecret]),
  );
  return new Map(
    [...byToken.values()].flatMap((alike) => {
      const answers = (async () => hcpTerraform.openRuns(alike, signal))();
      return alike.map((pool) => {
        const runs = answers.then((byPool) => {
          const own = byPool.get(pool);
          if (own === undefined)
            throw new Error(`No answer about the runs of ${pool.name}: the port breaks its promise`);
          return own;
        });
        // The observation of the pool reports it; until that begins, the rejection would count as unhandled.
        runs.catch(() => undefined);
        return [pool, runs] as const;
      });
    }),
  );
}

/** What was observed of one pool. */
interface ObservedPool {
  readonly pool: Pool;
  readonly demand: Demand | undefined;
  readonly observation: Result<PoolObservation> | { readonly ok: false; readonly error: InternalError };
}

/** The tick of pools that are decided together. */
async function tickGroup(group: readonly Pool[], runs: OpenRuns, deps: TickDeps): Promise<PoolTick[]> {
  const agentsMatter = deps.settings.agentsCeiling !== undefined && (await someWantAgents(group, runs, deps.nowMs));
  const observed = await Promise.all(
    group.map((pool) =>
      observe(pool, runs, agentsMatter, deps).catch((bug: unknown): ObservedPool => {
        return { pool, demand: undefined, observation: { ok: false, error: new InternalError(bug) } };
      }),
    ),
  );
  const members = observed.flatMap(({ pool, observation }) => {
    if (!observation.ok) return [];
    const limits = { ...deps.settings.limits, maxAgents: pool.maxAgents };
    return [{ pool, state: { ...observation.value, lanes: pool.lanes }, limits }];
  });
  const decided = decide(members, await organizationLimit(observed, deps), deps.nowMs);
  const decisions = new Map([...decided].map(([{ pool }, decision]) => [pool, decision]));
  return Promise.all(observed.map((one) => actOn(one, decisions.get(one.pool), deps).catch(brokenTick(one.pool))));
}

/**
 * Whether any pool of a group has queued jobs, warm agents or sweeps. Only then do the agents of its idle pools matter, since they count
 * against the limit that they share.
 */
async function someWantAgents(group: readonly Pool[], runs: OpenRuns, nowMs: number): Promise<boolean> {
  const wanted = await Promise.all(
    group.map(async (pool) => {
      const open = await runs.get(pool);
      const { queued, waiting } = demandOf(open?.ok === true ? open.value : []);
      return queued.length > 0 || pool.lanes.some((lane) => standingJobs(lane, nowMs, waiting).length > 0);
    }),
  ).catch(() => [true]); // The observation of the pool reports the bug.
  return wanted.includes(true);
}

/** Observes one pool. A part that can't be read is in the result; rejects for a bug only. */
async function observe(
  pool: Pool,
  runs: OpenRuns,
  agentsMatter: boolean,
  { liveTasks, hcpTerraform, tasks, settings, nowMs, signal }: TickDeps,
): Promise<ObservedPool> {
  const open = await runs.get(pool);
  if (open === undefined) throw new Error(`The runs of ${pool.name} were not polled`);
  if (!open.ok) return { pool, demand: undefined, observation: open };
  const demand = demandOf(open.value);
  const live = await liveTasks;
  if (!live.ok) return { pool, demand, observation: live };
  const deps = { hcpTerraform, tasks, nowMs, startDeadlineMs: settings.limits.startDeadlineMs, signal };
  const observation = await resultOf(observePool({ pool, demand, liveTasks: live.value, agentsMatter }, deps));
  return { pool, demand, observation };
}

/**
 * What the organization agent limit leaves a group, less the tasks of pools that could not be observed. If HCP Terraform doesn't know such a
 * pool, only its tasks can have agents, so the others go on. Otherwise its agents can't be counted.
 */
async function organizationLimit(
  observed: readonly ObservedPool[],
  { settings: { agentsCeiling }, liveTasks, hcpTerraform }: TickDeps,
): Promise<OrganizationLimit | undefined> {
  if (agentsCeiling === undefined) return undefined;
  const live = await liveTasks;
  const unobserved = observed.flatMap(({ pool, observation }) => (observation.ok ? [] : pool));
  const families = new Set(unobserved.flatMap(({ lanes }) => lanes.map(({ taskDefinition }) => taskDefinition)));
  const theirTasks = live.ok ? live.value.filter(({ family }) => families.has(family)).length : 0;
  const allCounted = live.ok && unobserved.every((pool) => hcpTerraform.visibilityOf(pool).notFound);
  return { agents: agentsCeiling - theirTasks, allCounted };
}

/** Carries out what was decided about one pool. */
async function actOn(
  { pool, demand, observation }: ObservedPool,
  decision: Decision | undefined,
  { hcpTerraform, tasks, settings, nowMs, signal }: TickDeps,
): Promise<PoolTick> {
  const { missingError = [], unread } = hcpTerraform.visibilityOf(pool);
  const known = demand === undefined ? {} : { demand, ...(unread !== undefined && { unread }) };
  // Report the missing pool on every tick, but keep launching agents for its queued jobs.
  if (!observation.ok || decision === undefined) {
    const errors = [missingError, observation.ok ? [] : observation.error].flat();
    return { pool, ...known, launches: [], stops: [], errors };
  }
  const deps = { tasks, nowMs, startDeadlineMs: settings.limits.startDeadlineMs, signal };
  const [launches, [stops, unconfirmed]] = await Promise.all([
    launchAll(pool, decision.launches, observation.value.supply, deps),
    confirmedStops(pool, decision.stops, observation.value, { hcpTerraform, nowMs, signal }).then(
      async (confirmed) => [await stopAll(confirmed.stops, deps), confirmed.error ?? []] as const,
    ),
  ]);
  const failed = [...launches, ...stops].flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.error] : []));
  const errors = [missingError, failed, unconfirmed].flat();
  return { pool, ...known, observation: observation.value, decision, launches, stops, errors };
}
