import { type LaunchOutcome, launchAll, type StopOutcome, stopAll } from './act.ts';
import { confirmedStops } from './confirm.ts';
import { ceilingRoomOf } from './core/ceiling.ts';
import { demandOf } from './core/demand.ts';
import { type PoolSeen, reconcile } from './core/reconcile.ts';
import { standingJobs } from './core/standing.ts';
import type { Decision, Demand, Limits, Run, Task } from './core/types.ts';
import { type Seen, seen, type UpstreamError } from './errors.ts';
import { observePool, type PoolObservation } from './observe.ts';
import type { HcpTerraform, Pool, Tasks } from './ports.ts';

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

/** One pool's part of a tick: all that was seen, decided and done, and what went wrong. */
export interface PoolTick {
  readonly pool: Pool;
  readonly demand?: Demand;
  readonly observation?: PoolObservation;
  readonly decision?: Decision;
  readonly launches: readonly LaunchOutcome[];
  readonly stops: readonly StopOutcome[];
  readonly errors: readonly UpstreamError[];
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
 * cannot be seen, its agents cannot be counted. Never rejects for what the outside did: that is in
 * {@link PoolTick.errors}.
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
  const groups = Map.groupBy(
    pools,
    settings.agentsCeiling === undefined ? tokenOf : ({ organization }) => organization,
  );
  const ticked = await Promise.all(
    [...groups.values()].map((group) => tickGroup(group, liveTasks, settings, ports, signal)),
  );
  return { startedAtMs, endedAtMs: ports.now(), pools: ticked.flat() };
}

/** Pools with the same one are asked about together. */
function tokenOf({ organization, apiTokenSecret }: Pool): string {
  return JSON.stringify([organization, apiTokenSecret]);
}

/** The runs of all these pools, each API token by itself, each pool's when they are there. */
function openRuns(pools: readonly Pool[], { hcpTerraform }: TickPorts, signal: AbortSignal) {
  const byToken = [...Map.groupBy(pools, tokenOf).values()];
  return new Map(byToken.flatMap((alike) => [...hcpTerraform.openRuns(alike, signal)]));
}

/** The tick of pools that are asked about together. Each goes its own way; under a ceiling they share their fate. */
async function tickGroup(
  pools: readonly Pool[],
  live: Promise<Seen<readonly Task[]>>,
  settings: TickSettings,
  ports: TickPorts,
  signal: AbortSignal,
): Promise<PoolTick[]> {
  const runs = openRuns(pools, ports, signal);
  const look = async (pool: Pool, agentsMatter: boolean): Promise<Watched> => {
    const answer = await runs.get(pool);
    if (answer === undefined) throw new Error(`No answer about the runs of ${pool.name}: the port breaks its promise`);
    const demand = answer.ok ? demandOf(answer.value) : undefined;
    const eyes = { ...ports, nowMs: ports.now(), startDeadlineMs: settings.limits.startDeadlineMs, signal };
    const observation = observed(answer, await live, (tasks) =>
      observePool(pool, demand ?? demandOf([]), tasks, agentsMatter, eyes),
    );
    return { pool, demand, observation: await observation };
  };
  if (settings.agentsCeiling === undefined) {
    return Promise.all(
      pools.map(async (pool) => {
        const { demand, observation } = await look(pool, false);
        return decideAndAct(pool, demand, observation, undefined, settings, ports, signal);
      }),
    );
  }
  const answers = await Promise.all(runs.values());
  const queued = answers.some((answer) => answer.ok && demandOf(answer.value).queued.length > 0);
  const nowMs = ports.now();
  const standing = pools.some(({ lanes }) => lanes.some((lane) => standingJobs(lane, nowMs).length > 0));
  const watched = await Promise.all(pools.map((pool) => look(pool, queued || standing)));
  return underCeiling(settings.agentsCeiling, watched, settings, ports, signal);
}

interface Watched {
  readonly pool: Pool;
  readonly demand: Demand | undefined;
  readonly observation: Seen<PoolObservation>;
}

/**
 * The licence is shared by the pools: the one with the oldest queued job is decided first. When one of them could not
 * be seen, its agents cannot be counted, and the others launch nothing: promise more than the licence they must not.
 */
async function underCeiling(
  ceiling: number,
  watched: readonly Watched[],
  settings: TickSettings,
  ports: TickPorts,
  signal: AbortSignal,
): Promise<PoolTick[]> {
  const supplies = watched.flatMap(({ observation }) => (observation.ok ? [observation.value.supply] : []));
  const seenAll = supplies.length === watched.length;
  let room = ceilingRoomOf(ceiling, supplies);
  const oldestFirst = watched.toSorted(
    (a, b) => (a.demand?.queued[0]?.queuedAtMs ?? Infinity) - (b.demand?.queued[0]?.queuedAtMs ?? Infinity),
  );
  const ticked: Promise<PoolTick>[] = [];
  for (const { pool, demand, observation } of oldestFirst) {
    const decision = observation.ok
      ? decide(pool, observation.value, seenAll ? room : 'uncounted', settings, ports.now())
      : undefined;
    room -= decision?.launches.length ?? 0;
    ticked.push(carryOut(pool, demand, observation, decision, ports, signal));
  }
  return Promise.all(ticked);
}

async function observed(
  runs: Seen<readonly Run[]>,
  live: Seen<readonly Task[]>,
  observe: (tasks: readonly Task[]) => Promise<PoolObservation>,
): Promise<Seen<PoolObservation>> {
  if (!runs.ok) return runs;
  if (!live.ok) return live;
  return seen(observe(live.value));
}

async function decideAndAct(
  pool: Pool,
  demand: Demand | undefined,
  observation: Seen<PoolObservation>,
  ceilingRoom: number | undefined,
  settings: TickSettings,
  ports: TickPorts,
  signal: AbortSignal,
): Promise<PoolTick> {
  const decision = observation.ok ? decide(pool, observation.value, ceilingRoom, settings, ports.now()) : undefined;
  return carryOut(pool, demand, observation, decision, ports, signal);
}

function decide(
  pool: Pool,
  observation: PoolObservation,
  ceilingRoom: PoolSeen['ceilingRoom'],
  settings: TickSettings,
  nowMs: number,
): Decision {
  return reconcile(
    { ...observation, lanes: pool.lanes, ceilingRoom },
    { ...settings.limits, maxAgents: pool.maxAgents },
    nowMs,
  );
}

async function carryOut(
  pool: Pool,
  demand: Demand | undefined,
  observation: Seen<PoolObservation>,
  decision: Decision | undefined,
  { hcpTerraform, tasks, now }: TickPorts,
  signal: AbortSignal,
): Promise<PoolTick> {
  const known = demand === undefined ? {} : { demand };
  if (!observation.ok || decision === undefined) {
    return { pool, ...known, launches: [], stops: [], errors: observation.ok ? [] : [observation.error] };
  }
  const { supply } = observation.value;
  const hands = { tasks, now, signal };
  const [launches, [stops, unconfirmed]] = await Promise.all([
    launchAll(pool, decision.launches, supply.seenTaskIds, hands),
    confirmedStops(pool, decision.stops, supply, hcpTerraform, signal).then(async (confirmed) =>
      confirmed.ok ? ([await stopAll(confirmed.value, hands), []] as const) : ([[], [confirmed.error]] as const),
    ),
  ]);
  const failed = [...launches, ...stops].flatMap((outcome) => (outcome.kind === 'failed' ? [outcome.error] : []));
  const errors = [...failed, ...unconfirmed];
  return { pool, ...known, observation: observation.value, decision, launches, stops, errors };
}
