import type { LauncherConfig } from '../../functions/launcher/config.ts';
import { METRICS } from '../../functions/launcher/contract.ts';
import { errorsOf, type Tick } from '../../functions/launcher/tick.ts';
import type { Containers } from './containers.ts';
import type { EcsWorld, SimulatedTask } from './ecs-world.ts';
import { GatewayPromises } from './gateway-promises.ts';
import type { GatewayWorld } from './gateway-world.ts';
import { API_TOKEN } from './hcp-http.ts';
import type { Agent, Job } from './hcp-records.ts';
import { counts, type HcpWorld, shownSinceMs } from './hcp-world.ts';
import { PROMISED_POLLS_PER_MINUTE } from './launcher.ts';
import type { ScenarioLane, ScenarioPool, WorldSettings } from './scenario.ts';
import { TaskReports } from './task-reports.ts';
import { Truth } from './truth.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Environment, TickRecord } from './wire.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The slowest start in any world, from RunTask until the agent registers. */
const SLOWEST_START_MS = 5 * MINUTE_MS;

/** After a pause of this length, an idle tick lists the stopped tasks of each family once. */
const LONG_PAUSE_MS = 2 * MINUTE_MS;

/** ECS shows the end of a task within this time. */
const SHOWN_MS = 6 * MINUTE_MS;

/** For this long after a launch without an answer, idle ticks may list the stopped tasks. */
const UNANSWERED_MS = 5 * MINUTE_MS;

/** Idle ticks may look up each pool once within this time. */
const LOOK_AGAIN_MS = 9 * MINUTE_MS;

/** Time for two ticks, ECS's stop timeout and the last statuses of a task. */
const LEAVING_MS = 5 * MINUTE_MS;

/** Maximum number of launches per hour if all starts fail, in addition to one round of `maxAgents`. */
const PROBES_AN_HOUR = 12;

/** If ECS still shows a task as running after its agent left, the task keeps its slot this long. */
const LINGERS_MS = 5 * MINUTE_MS;

/** Tolerance for the skew of ECS's clock and for the duration of a tick. */
const CLOCKS_MS = 30_000;
/** https://developer.hashicorp.com/terraform/cloud-docs/api-docs#rate-limiting */
const REQUESTS_PER_SECOND = 30;

/** The launcher starts an agent for a run after each of these times in a post-plan status. */
const POST_PLAN_DUE_MS = [2, 6, 14, 30, 60, 120, 240, 480].map((minutes) => minutes * MINUTE_MS);

/** Maximum number of launches per hour for a run in post-plan statuses, even if it doesn't wait for an agent. Two such statuses can follow each other. */
const SWEEPS_OF_A_RUN_AN_HOUR = 8;

/** A tick that starts this many tasks may have used up ECS's launch rate (20 per second for 10 s). */
const LAUNCHES_A_TICK = 150;

/** Maximum number of RunTask calls within five seconds: ECS allows 20 at once and 20 per second. */
const RUN_TASKS_IN_5_S = 20 + 5 * 20;

/** Maximum number of throttled RunTask calls within ten seconds, for on-demand capacity and Spot together. */
const THROTTLED_IN_10_S = 70;

/** Time for the longest back-off, two ticks and a start. */
const SETTLING_MS = 20 * MINUTE_MS;

export interface BrokenPromise {
  readonly promise: number;
  readonly what: string;
  readonly atMs: number;
}

/** Queued jobs of a lane. Two ticks without faults must provide free agents for them. */
interface Watch {
  readonly pool: ScenarioPool;
  readonly lane: ScenarioLane;
  readonly jobs: readonly Job[];
  readonly sinceMs: number;
  cleanTicks: number;
}

export interface Parts {
  readonly time: VirtualTime;
  readonly settings: WorldSettings;
  readonly config: LauncherConfig;
  readonly ecs: EcsWorld;
  readonly hcp: HcpWorld;
  readonly containers: Containers;
  /** Absent: tasks don't need a gateway. */
  readonly gateways?: GatewayWorld | undefined;
}

/** Key for the number of ended tasks that a tick's metrics count, in addition to the values of the metrics. */
export const ENDS_COUNTED = 'number of ended tasks';

/**
 * Checks the promises of one launcher against the true state of the world and against what each tick observed. The checks don't use the launcher's
 * own decisions: a promise says what must be true, and not how the launcher achieves it.
 */
export class Promises {
  readonly #parts: Parts;
  readonly #truth: Truth;
  readonly #taskReports: TaskReports;
  /** Absent if there are no gateways. */
  readonly gateways: GatewayPromises | undefined;
  readonly #tasksOf = new Map<string, SimulatedTask[]>();
  readonly #launchesAtMs = new Map<string, number[]>();
  /** When the latest task of each family was launched. */
  readonly #createdAtMs = new Map<string, number>();
  readonly #sweepsOfRunAtMs = new Map<string, number[]>();
  readonly #runListsAtMs = new Map<string, number[]>();
  /** Recent RunTask calls, by execution environment. */
  readonly #callsAtMs = new Map<string, number[]>();
  readonly #demandAtMs = new Map<string, number>();
  /** Since when a pool has more tasks than warm agents, by pool. */
  readonly #surplusSinceMs = new Map<string, number>();
  /** Since when jobs have waited in a lane without tasks while an idle warm agent of another lane used a slot, by family. */
  readonly #crowdedOutSinceMs = new Map<string, number>();
  /** The limits before a deployment, by pool. Running invocations still use them for a while. */
  readonly #before = new Map<string, { maxAgents: number; warm: number; untilMs: number; warmUntilMs: number }>();
  /** How many clean ticks saw a job that runs too long, by the id of its task. */
  readonly #longJobs = new Map<string, number>();
  #watches: Watch[] = [];
  #idleTicksAtMs: number[] = [];
  /** When something began one more chain of idle polls. */
  #chainsAtMs: number[] = [];
  #crowdedAtMs = Number.NEGATIVE_INFINITY;
  /** When the last invocation that uses earlier lanes has ended. */
  #lanesSettledAtMs = Number.NEGATIVE_INFINITY;
  /** Number of execution environments so far. */
  #mostEnvironments = 0;
  readonly #pausedUntilMs = new Map<string, number>();
  broken: BrokenPromise | undefined;
  /** Results for the queued jobs that ticks found: an agent was free, a limit prevented a launch, or a fault excused the delay. */
  readonly watched = { served: 0, limited: 0, excused: 0 };
  /** Number of tasks whose agent registered just before they were stopped, after the tick had listed agents. */
  racedStops = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#truth = new Truth(parts.time, parts.settings, parts.config.tick.limits, parts);
    this.#taskReports = new TaskReports(parts, (what) => this.#break(6, what));
    const { settings, gateways, ...shared } = parts;
    const pools = settings.pools.map(({ name }) => name);
    const broken = (promise: number, what: string): void => this.#break(promise, what);
    if (gateways !== undefined && settings.gateways !== undefined)
      this.gateways = new GatewayPromises({ ...shared, settings: settings.gateways, gateways, pools, broken });
  }

  #break(promise: number, what: string): void {
    this.broken ??= { promise, what, atMs: this.#parts.time.now() };
  }

  // -- After every event

  check(): void {
    this.#watchJobs();
    this.#watchLeftovers();
    this.#watchCrowdedOut();
    // HCP Terraform waits six minutes before it marks an agent without a network as lost.
    if (this.gateways?.check() === true) this.disturbed(undefined, this.#parts.time.now() + 7 * MINUTE_MS);
  }

  /**
   * Promise 1: queued jobs don't starve behind idle warm agents. If another agent took the job for which an agent was launched, that
   * agent may use a slot until its idle window ends. After a deployment lowered the limit, the same is true for warm agents.
   */
  #watchCrowdedOut(): void {
    const { settings, time, hcp } = this.#parts;
    const now = time.now();
    for (const pool of settings.pools) {
      if (pool.standing?.warm === undefined) continue;
      for (const lane of pool.lanes) {
        if (!this.#isCrowdedOut(pool, lane, hcp.queuedJobs(pool.name))) {
          this.#crowdedOutSinceMs.delete(lane.family);
          continue;
        }
        const sinceMs = this.#crowdedOutSinceMs.get(lane.family) ?? now;
        this.#crowdedOutSinceMs.set(lane.family, sinceMs);
        const fromMs = Math.max(sinceMs, this.#before.get(pool.name)?.warmUntilMs ?? 0);
        if (now - fromMs > SLOWEST_START_MS + settings.idleWindowMs + LEAVING_MS)
          this.#break(1, `jobs of ${lane.family} have waited ${minutes(now - fromMs)} behind idle warm agents`);
      }
    }
  }

  #isCrowdedOut(pool: ScenarioPool, lane: ScenarioLane, queued: readonly Job[]): boolean {
    if (!queued.some(({ kind }) => lane.accepts.includes(kind))) return false;
    const live = this.#truth.live(pool.name);
    if (this.#truth.occupied(pool) < pool.maxAgents || live.some(({ family }) => family === lane.family)) return false;
    return live.some((task) => this.#parts.containers.agentOf(task)?.status === 'idle' && isWarm(task));
  }

  /** A deployment is about to change the pool's limit and warm agents. */
  resized({ name, maxAgents, standing: { warm = 0, idleSeconds = 0 } = {} }: ScenarioPool): void {
    const now = this.#parts.time.now();
    this.#before.set(name, {
      maxAgents: Math.max(maxAgents, this.#formerly(name).maxAgents),
      warm: Math.max(warm, this.#formerly(name).warm),
      untilMs: now + 2 * MINUTE_MS,
      warmUntilMs: now + idleSeconds * 1000 + SLOWEST_START_MS,
    });
  }

  /** A deployment is about to change a pool's lanes. Running invocations still use the old lanes. */
  rephased(): void {
    this.#watches = [];
    this.#lanesSettledAtMs = this.#parts.time.now() + MINUTE_MS;
  }

  /** The earlier limits, as long as an invocation from before the last deployment can still use them. */
  #formerly(pool: string): { maxAgents: number; warm: number } {
    const before = this.#before.get(pool);
    return before !== undefined && this.#parts.time.now() < before.untilMs ? before : { maxAgents: 0, warm: 0 };
  }

  /** Promise 1: stops watching jobs for which an agent is free or a limit prevents a launch. */
  #watchJobs(): void {
    if (this.#watches.length === 0) return;
    this.#watches = this.#watches.filter(({ pool, lane, jobs }) => {
      const waiting = jobs.filter(({ state }) => state === 'queued').length;
      const served = waiting <= this.#truth.free(pool.name, lane);
      const limited = !served && this.#truth.limited(pool, lane) !== undefined;
      if (served) this.watched.served += 1;
      if (limited) this.watched.limited += 1;
      return !served && !limited;
    });
  }

  /** Promise 5: after demand ends, all tasks end. */
  #watchLeftovers(): void {
    const { time, ecs, hcp, settings, config } = this.#parts;
    const now = time.now();
    const mostMs = Math.max(SLOWEST_START_MS, config.tick.limits.startDeadlineMs) + settings.idleWindowMs + LEAVING_MS;
    for (const pool of settings.pools) {
      const { name } = pool;
      if (hcp.activeJobs(name) > 0) this.#demandAtMs.set(name, now);
      if (pool.standing?.warm !== undefined) this.#watchSurplus(pool, pool.standing, mostMs);
    }
    for (const task of ecs.live) {
      const sinceMs = Math.max(this.#demandAtMs.get(task.pool) ?? 0, task.createdAtMs);
      const kept = settings.pools.some(({ name, standing }) => name === task.pool && standing?.warm !== undefined);
      if (task.byLauncher && !kept && now - sinceMs > mostMs) {
        this.#break(5, `task ${task.id} is still there ${minutes(now - sinceMs)} after the last job of ${task.pool}`);
      }
    }
  }

  /** Promise 5 in a pool with warm agents: all other tasks end. Any of the tasks can have the longer idle window of a warm agent. */
  #watchSurplus(
    { name }: ScenarioPool,
    { warm = 0, idleSeconds = 0 }: NonNullable<ScenarioPool['standing']>,
    demandMs: number,
  ): void {
    const mostMs = demandMs + idleSeconds * 1000;
    const now = this.#parts.time.now();
    const kept = [...this.#parts.ecs.live].filter(({ pool, byLauncher }) => pool === name && byLauncher).length;
    if (kept <= warm) {
      this.#surplusSinceMs.delete(name);
      return;
    }
    const surplusSinceMs = this.#surplusSinceMs.get(name) ?? now;
    this.#surplusSinceMs.set(name, surplusSinceMs);
    const sinceMs = Math.max(surplusSinceMs, this.#demandAtMs.get(name) ?? 0);
    if (now - sinceMs > mostMs)
      this.#break(5, `${kept} tasks in ${name}, ${warm} of them warm, ${minutes(now - sinceMs)} after its last job`);
  }

  /** A fault prevents tasks of this pool (or of all pools) from ending in time. */
  disturbed(pool: string | undefined, untilMs: number): void {
    for (const { name } of this.#parts.settings.pools) {
      if (pool !== undefined && pool !== name) continue;
      this.#demandAtMs.set(name, Math.max(this.#demandAtMs.get(name) ?? 0, untilMs));
    }
  }

  /** A task of any stack ends. If its agent never had a job, that counts as a fault, and the launcher gets two more ticks for the pool's jobs. */
  taskLeaves(poolName: string, hadJob: boolean): void {
    // Without a list of agents, a task whose job has just ended seems to be starting until ECS shows its end.
    if (this.#parts.settings.agentsVisible && hadJob) return;
    this.#watches = this.#watches.filter(({ pool }) => pool.name !== poolName);
  }

  // -- What the launcher does

  /** @param by the tick whose RunTask call started the task; absent if a person did. */
  taskCreated(task: SimulatedTask, by: TickRecord | undefined): void {
    if (by === undefined) return;
    this.gateways?.taskCreated(task, by);
    const pool = this.#parts.settings.pools.find(({ name }) => name === task.pool);
    if (pool === undefined) {
      this.#break(9, `the task family ${task.family} belongs to no pool`);
      return;
    }
    by.createdIds.add(task.id);
    by.created.set(task.family, (by.created.get(task.family) ?? 0) + 1);
    this.#oneTaskAnAttempt(task);
    this.#noMoreThanShort(pool, by);
    this.#limitsKept(pool, by);
    this.#runSweepsBounded(task);
    if (!by.stale) this.#failuresBounded(pool, task);
    const unseen = by.blind.get(pool.name);
    // A failure of the second list before a stop doesn't affect launches.
    const secondLook = unseen?.startsWith('agents:') === true && by.agents.has(pool.name);
    if (unseen !== undefined && !secondLook)
      this.#break(9, `launched in ${pool.name}, which the tick could not observe completely: ${unseen}`);
  }

  /** Promise 6: the number of launches for a run in post-plan statuses is bounded. */
  #runSweepsBounded({ startedBy = '', createdAtMs, family }: SimulatedTask): void {
    this.#createdAtMs.set(family, createdAtMs);
    const run = /^sweep\/(run-[^/]+)\//.exec(startedBy)?.[1];
    if (run === undefined) return;
    const recent = [...(this.#sweepsOfRunAtMs.get(run) ?? []).filter((at) => at > createdAtMs - HOUR_MS), createdAtMs];
    this.#sweepsOfRunAtMs.set(run, recent);
    if (recent.length > SWEEPS_OF_A_RUN_AN_HOUR) this.#break(6, `${recent.length} agents within an hour for ${run}`);
  }

  /** Promise 2: there is one task per job and attempt, as long as ECS remembers the client token. */
  #oneTaskAnAttempt(task: SimulatedTask): void {
    const key = `${task.startedBy}, attempt ${task.attempt}`;
    const others = this.#tasksOf.get(key) ?? [];
    const now = this.#parts.time.now();
    const remembered = others.find(
      ({ createdAtMs, stoppedAtMs }) =>
        now - createdAtMs < 24 * HOUR_MS &&
        (this.#parts.settings.tokenLife === '24h' || stoppedAtMs === undefined || now - stoppedAtMs < HOUR_MS),
    );
    if (remembered !== undefined) this.#break(2, `tasks ${remembered.id} and ${task.id} were both launched for ${key}`);
    this.#tasksOf.set(key, [...others, task]);
  }

  /** Promise 2: the launcher starts no task for a job that a free agent can take, if the tick observed that agent. */
  #noMoreThanShort(pool: ScenarioPool, by: TickRecord): void {
    const now = this.#parts.time.now();
    const queued = [...(by.queued.get(pool.name) ?? [])];
    const warm = Math.max(pool.standing?.warm ?? 0, this.#formerly(pool.name).warm);
    let need = 0;
    let left = 0;
    for (const lane of pool.lanes) {
      const all = queued.filter(([key]) => takes(lane, key));
      const ofLane = all.filter(([, sinceMs]) => mayBeDue(pool, sinceMs, now));
      const young = ofLane.filter(([, sinceMs]) => now - sinceMs < MINUTE_MS).length;
      const own = this.#shownFree(pool.name, lane, by);
      const standing = lane === pool.lanes[0] ? warm + (pool.standing?.sweepMinutes ? 1 : 0) : 0;
      const postPlan = lane.accepts.includes('hidden') ? this.#postPlanDue(pool.name, by) : 0;
      const kinds = lane.accepts.filter((kind) => kind !== 'hidden').join();
      // A position in a list doesn't show how long the jobs have waited.
      const listed = pool.standbyMs === undefined ? (by.positions.get(pool.name)?.get(kinds) ?? 0) : 0;
      const known = Math.max(ofLane.length, listed);
      const extra = standing + postPlan;
      // A free agent may also take a job that a standby leaves to another stack, and then it is no warm agent or sweep.
      const extraShort = Math.min(extra, Math.max(0, Math.max(all.length, known) + extra - own));
      const short = Math.max(0, known - own) + extraShort;
      need += short;
      left += Math.min(young, Math.max(0, known - own));
      const created = by.created.get(lane.family) ?? 0;
      if (created > short)
        this.#break(2, `launched ${created} in ${lane.family} with ${known} queued and ${own} tasks free`);
    }
    const foreign = this.#foreignFree(pool.name, by);
    const created = this.#created(pool.name, by);
    if (created <= need - Math.min(foreign, left)) return;
    this.#break(2, `launched ${created} in ${pool.name} with ${need} tasks missing and ${foreign} foreign agents free`);
  }

  /** Number of observed runs that have been in a post-plan status for longer than HCP Terraform's own checks take. */
  #postPlanDue(pool: string, by: TickRecord): number {
    const listed = [...(by.postPlan.get(pool)?.values() ?? [])];
    return listed.filter((sinceMs) => by.startedAtMs - sinceMs >= (POST_PLAN_DUE_MS[0] ?? 0)).length;
  }

  #created(pool: string, { created }: TickRecord): number {
    const lanes = this.#parts.settings.pools.find(({ name }) => name === pool)?.lanes ?? [];
    return lanes.reduce((sum, { family }) => sum + (created.get(family) ?? 0), 0);
  }

  /** Number of the lane's free tasks that the tick observed, in lists or in responses to RunTask. */
  #shownFree(pool: string, lane: ScenarioLane, by: TickRecord): number {
    const { ecs, time, config } = this.#parts;
    const statuses = by.agents.get(pool)?.statuses ?? 'hidden';
    const busy = by.runningNames.get(pool) ?? new Set<string>();
    const youngest = time.now() - config.tick.limits.startDeadlineMs + CLOCKS_MS;
    let own = 0;
    let started = 0;
    for (const id of by.live) {
      const task = ecs.task(id);
      if (task?.family !== lane.family || busy.has(id)) continue;
      // Skip the task if ECS shows that its container has ended.
      if (task.lingersSinceMs !== undefined && task.exitCode !== undefined) continue;
      const status = statuses === 'hidden' ? undefined : statuses.get(id);
      if (status !== 'idle' && (status !== undefined || task.createdAtMs <= youngest)) continue;
      own += 1;
      // A job without an agent's name can only belong to a task whose container has started.
      if (task.startedAtMs !== undefined) started += 1;
    }
    // A response to RunTask can return a task whose agent has taken a different job in the meantime.
    const isTaken = (id: string): boolean => statuses !== 'hidden' && (statuses.get(id) ?? 'idle') !== 'idle';
    const answered = [...by.answered].filter((id) => ecs.task(id)?.family === lane.family && !isTaken(id)).length;
    const nameless = [...(by.nameless.get(pool) ?? [])].filter((key) => takes(lane, key)).length;
    return answered + (statuses === 'hidden' ? own - Math.min(nameless, started) : own);
  }

  #foreignFree(pool: string, by: TickRecord): number {
    const statuses = by.agents.get(pool)?.statuses ?? 'hidden';
    if (statuses === 'hidden') return 0;
    const idle = [...statuses].filter(([, status]) => status === 'idle').map(([name]) => name);
    return idle.filter((name) => !by.live.has(name) && !by.stopped.has(name)).length;
  }

  /**
   * Number of live tasks that the tick observed or launched. If ECS still shows tasks as running after their agent left, up to
   * `maxAgents` of them don't count.
   *
   * @param freed whether to skip all tasks that may have lost their slot, or only those that must have lost it
   */
  #shownLive({ name, maxAgents }: ScenarioPool, by: TickRecord, freed: 'may' | 'must'): number {
    const now = this.#parts.time.now();
    const live = [...by.live]
      .flatMap((id) => this.#parts.ecs.task(id) ?? [])
      .filter(({ pool, family }) => pool === name && !this.#truth.isFormer(name, family));
    const lingering = live.filter((task) => {
      const { lingersSinceMs, exitCode, createdAtMs } = task;
      if (lingersSinceMs === undefined || !this.#truth.isKnownToHaveLeft(task)) return false;
      if (freed === 'must') return now - lingersSinceMs > LINGERS_MS + CLOCKS_MS;
      // If ECS shows the exit code, the launcher can't know when the agent left, so the task's age counts.
      return now - (exitCode === undefined ? lingersSinceMs : createdAtMs) > LINGERS_MS - CLOCKS_MS;
    });
    return live.length - Math.min(lingering.length, maxAgents) + this.#created(name, by);
  }

  /** Promise 3: the launcher keeps the limits, as far as the tick observed. It can't count a task that ECS doesn't show yet. */
  #limitsKept(pool: ScenarioPool, by: TickRecord): void {
    const { settings } = this.#parts;
    const live = this.#shownLive(pool, by, 'may');
    const maxAgents = Math.max(pool.maxAgents, this.#formerly(pool.name).maxAgents);
    if (live > maxAgents) this.#break(3, `${live} live tasks in ${pool.name}, maxAgents ${maxAgents}`);
    if (settings.agentsCeiling === undefined) return;
    const pools = settings.pools.filter(({ organization }) => organization === pool.organization);
    const agents = pools.reduce((sum, { name }) => sum + this.#shownRegistered(name, by), 0);
    if (agents > settings.agentsCeiling) {
      this.#break(
        3,
        `${agents} agents registered or starting in ${pool.organization}, agentsCeiling ${settings.agentsCeiling}`,
      );
    }
  }

  #shownRegistered(pool: string, by: TickRecord): number {
    const { ecs, time, config } = this.#parts;
    const statuses = by.agents.get(pool)?.statuses ?? 'hidden';
    const youngest = time.now() - config.tick.limits.startDeadlineMs + CLOCKS_MS;
    const starting = [...by.live].filter((id) => {
      const task = ecs.task(id);
      const registered = statuses !== 'hidden' && statuses.has(id);
      return task?.pool === pool && !registered && task.createdAtMs > youngest;
    });
    const registered = statuses === 'hidden' ? [] : [...statuses.values()].filter(counts);
    return starting.length + registered.length + this.#created(pool, by);
  }

  /** Promise 6: while starts fail, the number of launches per hour is bounded, as far as ECS shows the failures. */
  #failuresBounded(pool: ScenarioPool, task: SimulatedTask): void {
    const now = task.createdAtMs;
    const { family, lane } = task;
    this.#fruitlessBounded(pool, lane, now);
    const failures = this.#truth.startFailures(pool.name, lane);
    const first = failures[0];
    const recent = [...(this.#launchesAtMs.get(family) ?? []).filter((at) => at > now - HOUR_MS), now];
    this.#launchesAtMs.set(family, recent);
    if (first === undefined) return;
    // Without a list of agents, a warm agent that fails after some seconds looks like one whose job failed.
    const areUnclear = !this.#parts.settings.agentsVisible && pool.standing !== undefined;
    if (areUnclear && failures.some(({ startFault }) => startFault?.startsWith('start-exit'))) return;
    const inARow = recent.filter((at) => at >= first.createdAtMs).length;
    if (inARow > pool.maxAgents + PROBES_AN_HOUR) {
      this.#break(6, `${inARow} launches within an hour in ${family}, where no task has started successfully since`);
    }
  }

  /** Promise 6: bounds launches of agents that start but get no job. Three rounds can be chance; after that, only trial launches are allowed. */
  #fruitlessBounded({ name, maxAgents }: ScenarioPool, lane: ScenarioLane, now: number): void {
    if (!this.#parts.settings.agentsVisible) return;
    const [first] = this.#truth.fruitless(name, lane);
    if (first === undefined) return;
    const since = Math.max(first.createdAtMs, now - HOUR_MS);
    const inARow = (this.#launchesAtMs.get(lane.family) ?? []).filter((at) => at >= since).length;
    if (inARow > 3 * maxAgents + PROBES_AN_HOUR) {
      this.#break(6, `${inARow} launches within an hour in ${lane.family}, where no agent has had a job since`);
    }
  }

  /** Promise 4: the launcher stops no task that can have a job, unless the job has run longer than the pool allows. */
  stopRequested(task: SimulatedTask, by: TickRecord): void {
    const unseen = by.blind.get(task.pool);
    if (unseen !== undefined)
      this.#break(9, `stopped a task in ${task.pool}, which the tick could not observe completely: ${unseen}`);
    if (task.lingersSinceMs !== undefined) return;
    const agent = this.#parts.containers.agentOf(task);
    if (agent === undefined || agent.status === 'errored' || agent.status === 'exited') return;
    const listed = by.agents.get(task.pool);
    const listedAtMs = by.agentsListedAtMs.get(task.pool) ?? listed?.atMs ?? 0;
    if (listed !== undefined && listed.statuses !== 'hidden' && agent.registeredAtMs > listedAtMs) {
      // The agent registered after the tick had listed agents. After SIGTERM, it still finishes its job.
      this.racedStops += 1;
      return;
    }
    if (this.#ranTooLong(task, agent)) {
      const looked = (by.agentsListedAtMs.get(task.pool) ?? 0) > (by.runsListedAtMs.get(task.pool) ?? 0);
      const status = by.newestAgents.get(task.pool)?.get(task.id);
      if (looked && status === 'busy') return;
      this.#break(4, `task ${task.id} was stopped for its long job without a second look at its agent (${status})`);
    }
    const job = agent.job === undefined ? 'no job' : `job ${agent.job.key}`;
    this.#break(4, `task ${task.id} was stopped while its agent was ${agent.status} with ${job}`);
  }

  /** Whether the job of the task's agent has run longer than the pool allows. If the agent has just ended its only job, it can get no other. */
  #ranTooLong({ lane, pool: name }: SimulatedTask, { job, hadJob }: Agent): boolean {
    const pool = this.#parts.settings.pools.find((one) => one.name === name);
    if (pool?.maxJobMs === undefined) return false;
    if (job === undefined) return hadJob;
    const limitMs = limitOf(pool, lane, job);
    return limitMs !== undefined && this.#parts.time.now() - (job.takenAtMs ?? 0) >= limitMs;
  }

  /** Promise 5: a job that runs longer than the pool allows is stopped within two ticks. A fault restarts the count. */
  #longJobsStopped(record: TickRecord, tick: Tick, disturbed: ReadonlySet<string>): void {
    for (const task of this.#parts.ecs.live) {
      const observed = tick.pools.some(({ pool, observation }) => pool.name === task.pool && observation !== undefined);
      if (!this.#mustBeStopped(task, record.startedAtMs) || disturbed.has(task.pool) || record.faults.length > 0) {
        this.#longJobs.delete(task.id);
        continue;
      }
      if (!observed) continue;
      const cleanTicks = (this.#longJobs.get(task.id) ?? 0) + 1;
      this.#longJobs.set(task.id, cleanTicks);
      const job = this.#parts.containers.agentOf(task)?.job?.key;
      if (cleanTicks >= 2) this.#break(5, `two ticks did not stop task ${task.id}, whose job ${job} runs too long`);
    }
  }

  /** Whether a tick that begins at this time can see that the task's job runs too long. */
  #mustBeStopped(task: SimulatedTask, now: number): boolean {
    const { settings, containers } = this.#parts;
    const pool = settings.pools.find(({ name }) => name === task.pool);
    const agent = containers.agentOf(task);
    const job = agent?.job;
    if (pool === undefined || job?.takenAtMs === undefined || agent?.status !== 'busy') return false;
    if (!task.byLauncher || task.desiredStatus !== 'RUNNING' || this.#truth.isFormer(task.pool, task.family))
      return false;
    const isNamed = job.run !== undefined && settings.agentNamesInRuns;
    const limitMs = isNamed ? pool.maxJobMs?.[job.kind === 'apply' ? 'apply' : 'plan'] : laneLimitOf(pool, task.lane);
    if (limitMs === undefined) return false;
    // If no run shows the job, the agent may have waited for an hour.
    const sinceMs = isNamed ? job.takenAtMs : Math.max(job.takenAtMs, (task.startedAtMs ?? now) + HOUR_MS);
    return now - sinceMs > limitMs + MINUTE_MS + CLOCKS_MS;
  }

  /** Promise 7: a warm function keeps the request budget of each API token. */
  runListRequested(environment: Environment, secret: string): void {
    const now = this.#parts.time.now();
    const key = `${environment.number} ${secret}`;
    const recent = [...(this.#runListsAtMs.get(key) ?? []).filter((at) => at > now - MINUTE_MS), now];
    this.#runListsAtMs.set(key, recent);
    if (recent.length > PROMISED_POLLS_PER_MINUTE)
      this.#break(7, `${recent.length} run lists within 60 s with one token`);
  }

  /** Promise 7: all functions together keep the general limit for one token, of which nudges read single runs. */
  runRead(secret: string): void {
    this.#boundedCalls(`${secret} run`, 1000, REQUESTS_PER_SECOND, 'reads of single runs within 1 s');
  }

  /** Promise 7: a warm function keeps the documented rate of RunTask calls. */
  runTaskSent(environment: Environment): void {
    this.#boundedCalls(`${environment.number} RunTask`, 5000, RUN_TASKS_IN_5_S, 'RunTask calls within 5 s');
  }

  /** Promise 7: a warm function slows down if ECS throttles its RunTask calls. */
  runTaskThrottled(environment: Environment): void {
    const what = 'throttled RunTask calls within 10 s';
    this.#boundedCalls(`${environment.number} throttled`, 10_000, THROTTLED_IN_10_S, what);
  }

  #boundedCalls(key: string, periodMs: number, most: number, what: string): void {
    const now = this.#parts.time.now();
    const recent = [...(this.#callsAtMs.get(key) ?? []).filter((at) => at > now - periodMs), now];
    this.#callsAtMs.set(key, recent);
    if (recent.length > most) this.#break(7, `${recent.length} ${what}`);
  }

  /** Promise 8: no output of the launcher, such as logs or RunTask calls, contains an API token. */
  sent(text: string): void {
    if (text.includes(API_TOKEN)) this.#break(8, `the output contains the API token: ${text.slice(0, 120)}`);
  }

  // -- Ticks

  tickStarted(record: TickRecord, environment: Environment): void {
    record.gatewaysRest = this.#parts.gateways?.allRest ?? true;
    if (record.startedAtMs - environment.listedAtMs > LONG_PAUSE_MS - CLOCKS_MS) environment.listedFamilies.clear();
    if (record.startedAtMs < this.#lanesSettledAtMs) return;
    for (const pool of this.#parts.settings.pools) {
      const jobs = this.#parts.hcp.queuedJobs(pool.name);
      for (const lane of pool.lanes) {
        const ofLane = jobs.filter((job) => lane.accepts.includes(job.kind) && isDue(pool, job, record.startedAtMs));
        if (ofLane.length === 0) continue;
        this.#watches.push({ pool, lane, jobs: ofLane, sinceMs: record.startedAtMs, cleanTicks: 0 });
      }
      this.#watchPolicies(pool, record.startedAtMs);
    }
    this.#watchJobs();
  }

  /** Promise 1: a run that waits for a policy evaluation gets an agent when one is due and no other was started since. */
  #watchPolicies(pool: ScenarioPool, sinceMs: number): void {
    const lane = pool.lanes.find(({ accepts }) => accepts.includes('hidden'));
    if (lane === undefined) return;
    const createdAtMs = this.#createdAtMs.get(lane.family) ?? Number.NEGATIVE_INFINITY;
    const jobs = this.#parts.hcp.policyJobs(pool.name).filter(({ policiesOf }) => {
      const dueMs = this.#dueMs(policiesOf, sinceMs - CLOCKS_MS);
      return dueMs !== undefined && createdAtMs < dueMs - CLOCKS_MS;
    });
    if (jobs.length > 0) this.#watches.push({ pool, lane, jobs, sinceMs, cleanTicks: 0 });
  }

  /** When the latest agent for a run in a post-plan status was due; `undefined` if the next one is due soon. */
  #dueMs(run: Job['policiesOf'] & object, now: number): number | undefined {
    const shownMs = shownSinceMs(run, this.#parts.settings);
    const latest = POST_PLAN_DUE_MS.findLastIndex((ms) => shownMs + ms <= now);
    const due = POST_PLAN_DUE_MS[latest];
    if (due === undefined) return undefined;
    const untilMs = Math.min(due + 45 * MINUTE_MS, POST_PLAN_DUE_MS[latest + 1] ?? Number.POSITIVE_INFINITY);
    return now < shownMs + untilMs - 3 * MINUTE_MS ? shownMs + due : undefined;
  }

  /** @param idle whether there were no jobs and no tasks during the whole tick */
  tickEnded(record: TickRecord, tick: Tick, environment: Environment, idle: boolean): void {
    this.#blindnessTold(record, tick);
    for (const { message } of errorsOf(tick)) this.sent(message);
    const disturbed = this.#disturbedPools(record, tick);
    record.isClean = disturbed.size === 0 && record.faults.length === 0;
    this.gateways?.tickEnded(record, tick, record.isClean && !record.stale);
    // Launches that wait for a gateway have their own limit.
    if (tick.gateways?.hold === undefined) this.#jobsServed(record, disturbed);
    this.#longJobsStopped(record, tick, disturbed);
    for (const pool of disturbed) this.disturbed(pool, this.#parts.time.now());
    if (!record.isClean) {
      environment.settled = false;
      environment.listedFamilies.clear();
      return;
    }
    environment.listedAtMs = record.startedAtMs;
    // Ignore pools with sweeps, because a sweep can be due.
    const sweeps = this.#parts.settings.pools.some(({ standing }) => standing !== undefined);
    if (idle && !sweeps && record.gatewaysRest) this.#idleTickIsCheap(record, environment);
    // A sweep that waits for a gateway makes the launcher poll as if a job waited.
    if (idle && tick.gateways?.hold === undefined) this.#idlePollingIsBounded();
    for (const family of record.calls.listedFamilies) environment.listedFamilies.add(family);
    environment.settled = true;
  }

  /** Pools in which a fault prevented part of the tick. */
  #disturbedPools(record: TickRecord, tick: Tick): Set<string> {
    const { pools, agentsCeiling } = this.#parts.settings;
    const names = pools.map(({ name }) => name);
    if (record.stale) return new Set(names);
    const disturbed = new Set([...record.hit, ...record.blind.keys()]);
    // The request budget may delay jobs, but only after additional invocations or if HCP Terraform asked for a pause.
    for (const { pool, errors } of tick.pools) {
      const withheld = errors.some(({ fault, status }) => fault === 'throttled' && status === undefined);
      const crowded = record.startedAtMs - this.#crowdedAtMs < 2 * MINUTE_MS;
      const paused = record.startedAtMs < (this.#pausedUntilMs.get(pool.apiTokenSecret) ?? 0);
      if (withheld && (crowded || paused)) disturbed.add(pool.name);
    }
    if (agentsCeiling === undefined) return disturbed;
    // If the agents of one pool can't be counted, all pools of the organization wait.
    const organizations = new Set(pools.flatMap(({ name, organization }) => (disturbed.has(name) ? organization : [])));
    return new Set(pools.flatMap(({ name, organization }) => (organizations.has(organization) ? name : [])));
  }

  /** HCP Terraform asked the client that uses this API token to wait. */
  paused(secret: string, untilMs: number): void {
    this.#pausedUntilMs.set(secret, Math.max(untilMs, this.#pausedUntilMs.get(secret) ?? 0));
  }

  /** Promise 1: after two ticks without faults, a job has an agent. A fault restarts the count. */
  #jobsServed(record: TickRecord, disturbed: ReadonlySet<string>): void {
    const spared = this.#watches.filter(({ pool }) => !disturbed.has(pool.name));
    this.watched.excused += this.#watches.length - spared.length;
    // A task counts towards maxAgents as long as ECS shows it, even if its agent has just left.
    this.#watches = spared.filter(({ pool }) => this.#shownLive(pool, record, 'must') < pool.maxAgents);
    this.watched.limited += spared.length - this.#watches.length;
    const launched = [...record.created.values()].reduce((sum, count) => sum + count, 0);
    for (const watch of this.#watches) {
      if (record.startedAtMs < watch.sinceMs || launched >= LAUNCHES_A_TICK) continue;
      if (this.#isOvertaken(watch.pool, record)) continue;
      watch.cleanTicks += 1;
      if (watch.cleanTicks < 2) continue;
      const { pool, jobs } = watch;
      const keys = jobs.filter(({ state }) => state === 'queued').map(({ key }) => key);
      this.#break(1, `two ticks saw ${keys.join(', ')} queued in ${pool.name} and no agent is free for them`);
    }
  }

  /**
   * Whether an agent took a job after the tick had read the agents and before it read the runs, so that no answer showed that. The launcher
   * then counts the agent as free until the next poll.
   */
  #isOvertaken({ name }: ScenarioPool, by: TickRecord): boolean {
    const { ecs, containers } = this.#parts;
    const statuses = by.agents.get(name)?.statuses ?? 'hidden';
    if (statuses === 'hidden') return false;
    return [...by.live].some((id) => {
      const task = ecs.task(id);
      const countsAsFree = (statuses.get(id) ?? 'idle') === 'idle' && by.runningNames.get(name)?.has(id) !== true;
      if (task?.pool !== name || !countsAsFree) return false;
      const agent = containers.agentOf(task);
      return agent?.hadJob === true && by.queued.get(name)?.has(agent.lastJob ?? '') !== true;
    });
  }

  /** Promise 5: an idle tick sends very few requests. */
  #idleTickIsCheap(record: TickRecord, environment: Environment): void {
    const { calls } = record;
    const { pools, slowAnswers = false } = this.#parts.settings;
    const tokens = new Set(pools.map(({ organization, apiTokenSecret }) => `${organization} ${apiTokenSecret}`));
    // The launcher looks pools up again every ten minutes.
    const now = this.#parts.time.now();
    for (let n = 0; n < calls.otherHttp; n += 1) environment.lookupsAtMs.push(now);
    const lookups = environment.lookupsAtMs.filter((at) => at > now - LOOK_AGAIN_MS).length;
    // It repeats a failed lookup once, a minute later.
    const again = environment.refusedAtMs.filter((at) => at > now - LOOK_AGAIN_MS - 2 * MINUTE_MS).length;
    // If the combined request is slow, or after a fault prevented the lookup of a pool, the pool needs one separate request.
    const lists = environment.settled && !slowAnswers ? tokens.size : tokens.size + pools.length;
    // While the gateways are stopped, a tick only looks whether they still are.
    if (calls.ec2.length > 1) this.#break(5, `an idle tick made these calls of EC2: ${calls.ec2.join()}`);
    if (calls.runLists > lists || lookups > pools.length + again || !this.#endsAreReadOnce(record, environment)) {
      this.#break(
        5,
        `an idle tick made ${calls.runLists}+${calls.otherHttp} requests to HCP Terraform and these calls of ECS: ${calls.ecs.join()}`,
      );
    }
  }

  /**
   * Promise 5: an idle tick lists the live tasks. It describes only tasks whose end it hasn't seen, and lists the stopped tasks only after a
   * pause. After a fault or a late read, it may read them again. For five minutes after a launch without an answer, it may list them in each tick.
   */
  #endsAreReadOnce({ calls, stoppedBefore }: TickRecord, environment: Environment): boolean {
    const { listedFamilies, settled, unansweredLaunchAtMs } = environment;
    const now = this.#parts.time.now();
    const mayList = now - unansweredLaunchAtMs <= UNANSWERED_MS + CLOCKS_MS;
    if (calls.ecs.some((action) => action !== 'ListTasks' && action !== 'DescribeTasks')) return false;
    if (!settled) return true;
    const lists = calls.ecs.filter((action) => action === 'ListTasks').length;
    if (lists !== 1 && calls.listedFamilies.length === 0) return false;
    if (!mayList && calls.listedFamilies.some((family) => listedFamilies.has(family))) return false;
    return calls.described.every((ids) =>
      ids.some((id) => {
        const { stoppedAtMs, family } = this.#parts.ecs.task(id) ?? {};
        const isListed = family !== undefined && calls.listedFamilies.includes(family);
        const isRecent = stoppedAtMs === undefined || now - stoppedAtMs < SHOWN_MS;
        return !stoppedBefore.has(id) && (isRecent || isListed);
      }),
    );
  }

  /**
   * Promise 5: while nothing runs, the launcher polls about every `idlePollMs`. Each invocation in addition to the schedule, and each
   * fault of a wake-up, can begin one more chain of polls, which ends within two minutes.
   */
  #idlePollingIsBounded(): void {
    const { idlePollMs } = this.#parts.settings;
    if (idlePollMs === undefined) return;
    const now = this.#parts.time.now();
    this.#idleTicksAtMs = [...this.#idleTicksAtMs.filter((at) => at > now - MINUTE_MS), now];
    this.#chainsAtMs = this.#chainsAtMs.filter((at) => at > now - 3 * MINUTE_MS);
    const aMinute = Math.ceil(MINUTE_MS / idlePollMs);
    const most = (1 + this.#chainsAtMs.length) * (aMinute + 1) + 2;
    if (this.#idleTicksAtMs.length > most)
      this.#break(
        5,
        `${this.#idleTicksAtMs.length} idle ticks within a minute, although one comes every ${idlePollMs / 1000} s`,
      );
  }

  /** Something can begin one more chain of idle polls. */
  chained(): void {
    this.#chainsAtMs.push(this.#parts.time.now());
  }

  /** Promise 9: if the tick can't observe something, it reports an error, and doesn't decide on that data. */
  #blindnessTold(record: TickRecord, tick: Tick): void {
    // A failure of the second look before a gateway is stopped is an error of the gateways.
    if (tick.gateways?.errors.some(({ system }) => system === 'ECS') === true) return;
    for (const [name, what] of record.blind) {
      const part = tick.pools.find(({ pool }) => pool.name === name);
      if (part === undefined) continue;
      if (part.errors.length === 0)
        this.#break(9, `${name} could not be observed (${what}), but the tick has no error`);
      // A failure of the second list before a stop only prevents the stop.
      const secondLook = what.startsWith('agents:') && record.agents.has(name) && part.stops.length === 0;
      if (part.decision !== undefined && !secondLook)
        this.#break(9, `${name} could not be observed (${what}), but the tick made a decision`);
      if (part.demand !== undefined && what.startsWith('runs:')) {
        this.#break(
          9,
          `the runs of ${name} could not be observed (${what}), but counted as ${part.demand.queued.length} queued jobs`,
        );
      }
    }
  }

  /** Promise 6: the launcher reports a failed start with a metric that an alarm watches. */
  reported(record: TickRecord, tick: Tick, metrics: ReadonlyMap<string, number>): void {
    this.#mostEnvironments = Math.max(this.#mostEnvironments, record.environment);
    this.#taskReports.ticked(record, tick.isExtra === true, record.isClean, metrics.get(ENDS_COUNTED) ?? 0);
    if (record.stale) return;
    const now = record.startedAtMs;
    for (const { name } of this.#parts.settings.pools) {
      if (record.hit.has(name) || record.blind.has(name)) continue;
      const seen = tick.pools.some(({ pool, observation }) => pool.name === name && observation !== undefined);
      if (!seen) continue;
      if ((record.queued.get(name)?.size ?? 0) === 0) {
        this.#sweepFailureReported(name, now, metrics);
        continue;
      }
      const unnamed = this.#truth.startFailures(name).find(
        ({ startFault, stoppedAtMs = now, state: { stopCode }, startedBy, exitCode, family }) =>
          startFault !== undefined &&
          !this.#truth.isFormer(name, family) &&
          // If an idle agent left without an error, only its job shows whether the start failed.
          (startFault !== 'start-never-registers' || exitCode !== 0 || record.queued.get(name)?.has(startedBy ?? '')) &&
          // The launcher doesn't report a task that was stopped by someone else before it could fail.
          !/^(UserInitiated|SpotInterruption|TerminationNotice)$/.test(stopCode ?? '') &&
          now - stoppedAtMs > 1000 &&
          now - stoppedAtMs < 50 * MINUTE_MS &&
          (this.#parts.settings.agentsVisible || !startFault.startsWith('start-exit')),
      );
      if (unnamed !== undefined && (metrics.get(`${name} ${METRICS.startFailures}`) ?? 0) === 0) {
        this.#break(6, `task ${unnamed.id} did not start (${unnamed.startFault}), but no metric shows it`);
      }
    }
  }

  /**
   * Promise 6: the launcher reports a failed sweep for most of an hour, even if the pool is idle. This isn't checked with several
   * execution environments, because each of them looks at a different time. It isn't checked after exit code 0 either, nor after
   * another exit code if agents can't be listed, because neither proves a failure.
   */
  #sweepFailureReported(pool: string, now: number, metrics: ReadonlyMap<string, number>): void {
    if (this.#mostEnvironments > 1) return;
    const unnamed = this.#truth
      .startFailures(pool)
      .find(
        ({ startFault, stoppedAtMs = now, startedBy, exitCode, family }) =>
          startFault !== undefined &&
          (this.#parts.settings.agentsVisible || !startFault.startsWith('start-exit')) &&
          !this.#truth.isFormer(pool, family) &&
          exitCode !== 0 &&
          startedBy?.startsWith('sweep/') === true &&
          !startedBy.startsWith('sweep/run-') &&
          now - stoppedAtMs > MINUTE_MS &&
          now - stoppedAtMs < 50 * MINUTE_MS,
      );
    if (unnamed === undefined || (metrics.get(`${pool} ${METRICS.startFailures}`) ?? 0) > 0) return;
    this.#break(6, `sweep ${unnamed.id} did not start (${unnamed.startFault}), but no metric shows it`);
  }

  /** Promise 6: the report on a task that ran out of memory contains the job of the task's agent. */
  outOfMemoryTold({ task: id, job, jobIs }: { readonly [attribute: string]: unknown }): void {
    const task = this.#parts.ecs.task(String(id));
    const agent = task && this.#parts.containers.agentOf(task);
    if (agent === undefined || jobIs !== undefined || agent.lastJob === job) return;
    this.#break(6, `task ${id} was reported with the job ${job}, but it had ${agent.lastJob ?? 'no job'}`);
  }

  /** Promise 6: the launcher reports each task that ended, and repeats it as rarely as the vendors' lists allow. */
  taskEndReported(line: Readonly<Record<string, unknown>>, by: TickRecord): void {
    this.#taskReports.written(line, by);
  }

  /** There was an invocation in addition to the schedule. It uses the same request budget. */
  crowded(): void {
    this.chained();
    this.#crowdedAtMs = this.#parts.time.now();
  }

  /** The schedule skipped an invocation. This counts as a fault. */
  notInvoked(untilMs: number): void {
    this.gateways?.disturbed();
    this.disturbed(undefined, untilMs);
  }

  /** Lambda killed an invocation. This counts as a fault. */
  invocationKilled(): void {
    this.#watches = [];
    this.gateways?.disturbed();
    this.disturbed(undefined, this.#parts.time.now() + MINUTE_MS);
  }

  /** Promise 1: an invocation ends before Lambda's timeout, and fails only after a fault. */
  invocationEnded(how: 'killed by its timeout' | { readonly rejected: unknown }): void {
    if (typeof how === 'string') {
      this.#break(1, `an invocation was ${how}`);
      return;
    }
    const { rejected } = how;
    const text = rejected instanceof Error ? `${rejected.stack ?? rejected.message}` : String(rejected);
    this.#break(1, `an invocation failed: ${text}`);
  }

  /** Promises 1 and 5: at the end of the world, no job waits and no task is left. */
  worldEnded(lastEventMs: number): void {
    const { settings, hcp, ecs } = this.#parts;
    const waiting = settings.pools.flatMap(({ name }) => hcp.queuedJobs(name));
    if (waiting.length > 0) this.#break(1, `never served: ${waiting.map(({ key }) => key).join(', ')}`);
    const now = this.#parts.time.now();
    const unevaluated = settings.pools
      .flatMap(({ name }) => hcp.policyJobs(name))
      .filter(({ policiesOf }) =>
        POST_PLAN_DUE_MS.map((ms) => shownSinceMs(policiesOf, settings) + ms).some(
          (dueMs) => dueMs > lastEventMs + SETTLING_MS && dueMs < now - SETTLING_MS,
        ),
      );
    if (unevaluated.length > 0)
      this.#break(1, `policies never evaluated: ${unevaluated.map(({ policiesOf }) => policiesOf.id).join(', ')}`);
    const kept = new Set(settings.pools.flatMap(({ name, standing }) => (standing === undefined ? [] : name)));
    this.#taskReports.worldEnded();
    const left = [...ecs.live].filter(({ byLauncher, pool }) => byLauncher && !kept.has(pool));
    this.gateways?.worldEnded(kept.size > 0);
    if (left.length > 0) this.#break(5, `never ended: ${left.map(({ id }) => id).join(', ')}`);
  }
}

/** How long the job may run; `undefined` if it has no limit. An unlisted job can be of any phase that the lane accepts. */
function limitOf(pool: ScenarioPool, lane: ScenarioLane, { kind }: Job): number | undefined {
  return kind === 'hidden' ? laneLimitOf(pool, lane) : pool.maxJobMs?.[kind];
}

/** How long any job of the lane may run; `undefined` if some have no limit. */
function laneLimitOf({ maxJobMs = {} }: ScenarioPool, { accepts }: ScenarioLane): number | undefined {
  const limits = (['plan', 'apply'] as const).flatMap((phase) => (accepts.includes(phase) ? [maxJobMs[phase]] : []));
  return limits.reduce<number | undefined>(
    (most, limit) => (most === undefined || limit === undefined ? undefined : Math.max(most, limit)),
    0,
  );
}

function isWarm({ startedBy }: SimulatedTask): boolean {
  return startedBy?.startsWith('warm/') === true;
}

/** Whether the job has certainly waited so long that a standby serves it; always true if the stack isn't a standby. */
function isDue({ standbyMs }: ScenarioPool, { queuedAtMs }: Job, now: number): boolean {
  return standbyMs === undefined || now - queuedAtMs >= standbyMs + CLOCKS_MS;
}

/** Whether a standby may start an agent for a job that is queued since then. */
function mayBeDue({ standbyMs }: ScenarioPool, sinceMs: number, now: number): boolean {
  return standbyMs === undefined || now - sinceMs >= standbyMs - CLOCKS_MS;
}

/** Whether the lane's agents accept the job of this key. */
function takes({ accepts }: ScenarioLane, key: string): boolean {
  const kinds: readonly string[] = accepts;
  return kinds.includes(key.slice(key.lastIndexOf('/') + 1));
}

function minutes(ms: number): string {
  return `${(ms / MINUTE_MS).toFixed(1)} min`;
}
