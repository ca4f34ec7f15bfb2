import { type LaunchOutcome, launchAll, type StopOutcome, stopAll } from './act.ts';
import { confirmedStops } from './confirm.ts';
import { decideUnderCeiling } from './core/decide.ts';
import { demandOf } from './core/demand.ts';
import { reconcile, withStanding } from './core/reconcile.ts';
import { standingJobs } from './core/standing.ts';
import type { Decision, Demand, Limits, Task } from './core/types.ts';
import { InternalError, type Seen, seen, type UpstreamError } from './errors.ts';
import { observePool, type PoolObservation } from './observe.ts';
import type { HcpTerraform, Pool, Sight, Tasks } from './ports.ts';

/** Settings of a tick that all pools share. */
export interface TickSettings {
  readonly limits: Omit<Limits, 'maxAgents'>;
  /** Most agents that an organization may have registered at once; `undefined`: no ceiling. */
  readonly agentsCeiling: number | undefined;
}

/** What a tick looks and acts with. */
export interface TickPorts {
  readonly hcpTerraform: HcpTerraform;
  readonly tasks: Tasks;
  readonly now: () => number;
}

/**
 * What one tick looks, decides and acts with: one time for all of it. A schedule or a sweep that began in between would
 * else be decided on with agents that nobody had counted.
 */
interface TickParts extends Omit<TickPorts, 'now'> {
  readonly nowMs: number;
  readonly startDeadlineMs: number;
}

/** One pool's part of a tick: all that was seen, decided and done, and what went wrong. */
export interface PoolTick {
  readonly pool: Pool;
  readonly demand?: Demand;
  /** Which open runs are missing in {@link demand} at least; absent: none. */
  readonly unread?: NonNullable<Sight['unread']>;
  readonly observation?: PoolObservation;
  readonly decision?: Decision;
  readonly launches: readonly LaunchOutcome[];
  readonly stops: readonly StopOutcome[];
  readonly errors: readonly (UpstreamError | InternalError)[];
}

/** Everything one tick saw, decided and did. */
export interface Tick {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly pools: readonly PoolTick[];
}

/**
 * One observe-decide-act over all pools. Each goes its own way from start to end, so that one's trouble never delays
 * another's launches; only a licence binds an organization's pools together, whatever tokens they have: while one of them
 * cannot be seen, its agents cannot be counted, unless the platform says that there is no such pool. Never rejects: what external services
 * did wrong, and a bug that one pool's answers set off, are in {@link PoolTick.errors}.
 *
 * @param signal ends the tick: what is under way is given up, what was done stays done.
 */
export async function tick(
  pools: readonly Pool[],
  settings: TickSettings,
  ports: TickPorts,
  signal: AbortSignal,
): Promise<Tick> {
  const startedAtMs = ports.now();
  const liveTasks = seen(ports.tasks.liveTasks(signal));
  // Pools that got that far report its bug. Without any, it must not end the process as an unhandled rejection.
  liveTasks.catch(() => undefined);
  const groups = Map.groupBy(
    pools,
    settings.agentsCeiling === undefined ? tokenOf : ({ organization }) => organization,
  );
  const parts = { ...ports, nowMs: startedAtMs, startDeadlineMs: settings.limits.startDeadlineMs };
  const ticked = await Promise.all(
    [...groups.values()].map((group) =>
      tickGroup(group, liveTasks, settings, parts, signal).catch((bug: unknown) =>
        group.map((pool) => brokenTick(pool)(bug)),
      ),
    ),
  );
  return { startedAtMs, endedAtMs: ports.now(), pools: ticked.flat() };
}

/** Turns a bug in the tick of one pool into that pool's error. */
function brokenTick(pool: Pool): (bug: unknown) => PoolTick {
  return (bug) => ({ pool, launches: [], stops: [], errors: [new InternalError(bug)] });
}

/** Pools with the same one are asked about together. */
function tokenOf({ organization, apiTokenSecret }: Pool): string {
  return JSON.stringify([organization, apiTokenSecret]);
}

/** The runs of all these pools, each API token by itself, each pool's when they are there. */
function openRuns(pools: readonly Pool[], { hcpTerraform }: Pick<TickPorts, 'hcpTerraform'>, signal: AbortSignal) {
  const byToken = [...Map.groupBy(pools, tokenOf).values()];
  return new Map(byToken.flatMap((alike) => [...hcpTerraform.openRuns(alike, signal)]));
}

/**
 * The tick of pools that are asked about together. Each goes its own way. Under a ceiling they are decided on together:
 * a bug in that decision ends it for all of them, since launching on a wrong count could exceed the ceiling.
 */
async function tickGroup(
  pools: readonly Pool[],
  live: Promise<Seen<readonly Task[]>>,
  settings: TickSettings,
  parts: TickParts,
  signal: AbortSignal,
): Promise<PoolTick[]> {
  const { nowMs } = parts;
  const runs = openRuns(pools, parts, signal);
  const look = async (pool: Pool, agentsMatter: boolean): Promise<Watched> => {
    const answer = await runs.get(pool);
    if (answer === undefined) throw new Error(`No answer about the runs of ${pool.name}: the port breaks its promise`);
    if (!answer.ok) return { pool, demand: undefined, observation: answer };
    const demand = demandOf(answer.value);
    const tasks = await live;
    if (!tasks.ok) return { pool, demand, observation: tasks };
    const eyes = { ...parts, signal };
    return { pool, demand, observation: await seen(observePool(pool, demand, tasks.value, agentsMatter, eyes)) };
  };
  const tickAlone = async (pool: Pool): Promise<PoolTick> => {
    const watched = await look(pool, false);
    if (!watched.observation.ok) return carryOut(watched, undefined, parts, signal);
    const poolSeen = { ...watched.observation.value, lanes: pool.lanes, ceilingRoom: undefined };
    const limits = limitsOf(pool, settings);
    const decision = withStanding(reconcile(poolSeen, limits, nowMs), poolSeen, limits, nowMs);
    return carryOut(watched, decision, parts, signal);
  };
  if (settings.agentsCeiling === undefined) {
    return Promise.all(pools.map((pool) => tickAlone(pool).catch(brokenTick(pool))));
  }
  const wanted = await Promise.all(
    [...runs].map(([{ lanes }, answer]) =>
      answer
        .then((open) => {
          const { queued, waiting } = demandOf(open.ok ? open.value : []);
          return queued.length > 0 || lanes.some((lane) => standingJobs(lane, nowMs, waiting).length > 0);
        })
        // A bug is reported where the pool is observed.
        .catch(() => true),
    ),
  );
  const agentsMatter = wanted.includes(true);
  const watched = await Promise.all(
    pools.map((pool) =>
      look(pool, agentsMatter).catch((bug: unknown): Watched => {
        return { pool, demand: undefined, observation: { ok: false, error: new InternalError(bug) } };
      }),
    ),
  );
  return underCeiling(settings.agentsCeiling, watched, await live, settings, parts, signal);
}

interface Watched {
  readonly pool: Pool;
  readonly demand: Demand | undefined;
  readonly observation: Seen<PoolObservation> | { readonly ok: false; readonly error: InternalError };
}

/** The tick of pools that share a licence. Of one that the platform does not know only its tasks can have agents. */
async function underCeiling(
  ceiling: number,
  watched: readonly Watched[],
  live: Seen<readonly Task[]>,
  settings: TickSettings,
  parts: TickParts,
  signal: AbortSignal,
): Promise<PoolTick[]> {
  const members = new Map(
    watched.flatMap((one) => {
      const { pool, observation } = one;
      if (!observation.ok) return [];
      return [[one, { seen: { ...observation.value, lanes: pool.lanes }, limits: limitsOf(pool, settings) }] as const];
    }),
  );
  const unseen = watched.flatMap(({ pool, observation }) => (observation.ok ? [] : pool));
  const allCounted = live.ok && unseen.every((pool) => parts.hcpTerraform.sightOf(pool).absent);
  const left = new Set(unseen.flatMap(({ lanes }) => lanes.map(({ taskDefinition }) => taskDefinition)));
  const tasksLeft = live.ok ? live.value.filter(({ family }) => left.has(family)).length : 0;
  const decisions = decideUnderCeiling(ceiling - tasksLeft, [...members.values()], allCounted, parts.nowMs);
  return Promise.all(
    watched.map((one) => {
      const member = members.get(one);
      return carryOut(one, member && decisions.get(member), parts, signal).catch(brokenTick(one.pool));
    }),
  );
}

/** Settings of a decision about one pool. */
function limitsOf({ maxAgents }: Pool, { limits }: TickSettings): Limits {
  return { ...limits, maxAgents };
}

async function carryOut(
  { pool, demand, observation }: Watched,
  decision: Decision | undefined,
  { hcpTerraform, tasks, nowMs, startDeadlineMs }: TickParts,
  signal: AbortSignal,
): Promise<PoolTick> {
  const { gone = [], unread } = hcpTerraform.sightOf(pool);
  const known = demand === undefined ? {} : { demand, ...(unread !== undefined && { unread }) };
  // Report the missing pool on every tick, but keep launching agents for its queued jobs.
  if (!observation.ok || decision === undefined) {
    return { pool, ...known, launches: [], stops: [], errors: [gone, observation.ok ? [] : observation.error].flat() };
  }
  const { supply } = observation.value;
  const hands = { tasks, nowMs, startDeadlineMs, signal };
  const [launches, [stops, unconfirmed]] = await Promise.all([
    launchAll(pool, decision.launches, supply, hands),
    confirmedStops(pool, decision.stops, observation.value, { hcpTerraform, nowMs, signal }).then(
      async (confirmed) => [await stopAll(confirmed.stops, hands), confirmed.error ?? []] as const,
    ),
  ]);
  const failed = [...launches, ...stops].flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.error] : []));
  const errors = [gone, failed, unconfirmed].flat();
  return { pool, ...known, observation: observation.value, decision, launches, stops, errors };
}
