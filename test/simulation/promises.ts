import type { LauncherConfig } from '../../functions/launcher/config.ts';
import { METRICS } from '../../functions/launcher/contract.ts';
import type { Tick } from '../../functions/launcher/tick.ts';
import type { Containers } from './containers.ts';
import type { EcsWorld, SimulatedTask } from './ecs-world.ts';
import { API_TOKEN } from './hcp-http.ts';
import type { Job } from './hcp-records.ts';
import { counts, type HcpWorld, shownSinceMs } from './hcp-world.ts';
import { PROMISED_POLLS_PER_MINUTE } from './launcher.ts';
import type { ScenarioLane, ScenarioPool, WorldSettings } from './scenario.ts';
import { Truth } from './truth.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { Environment, TickRecord } from './wire.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The slowest start of this world, from RunTask to registered. */
const SLOWEST_START_MS = 5 * MINUTE_MS;

/** Maximum rate at which idle ticks may look their pools up. */
const LOOK_AGAIN_MS = 9 * MINUTE_MS;

/** Two ticks, ECS's stop timeout and its last stations. */
const LEAVING_MS = 5 * MINUTE_MS;

/** Launches per hour that a permanent start failure may cost, in addition to one round of `maxAgents`. */
const PROBES_AN_HOUR = 12;

/** How long a task that ECS still runs after its agent left holds its slot. */
const LINGERS_MS = 5 * MINUTE_MS;

/** Difference between ECS's and the launcher's clocks, plus the time between the parts of a tick. */
const CLOCKS_MS = 30_000;

/** How long a run may be in a post-plan status before each agent that is started for it. */
const POST_PLAN_DUE_MS = [2, 6, 14, 30, 60, 120, 240, 480].map((minutes) => minutes * MINUTE_MS);

/** Launches per hour that a run in a post-plan status may cost, whatever it waits for. Two such statuses may follow each other. */
const SWEEPS_OF_A_RUN_AN_HOUR = 8;

/** The longest back-off, two ticks and a start. */
const SETTLING_MS = 20 * MINUTE_MS;

export interface BrokenPromise {
  readonly promise: number;
  readonly what: string;
  readonly atMs: number;
}

/** Queued jobs that need a free agent before two ticks without faults are over. */
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
}

/**
 * The nine promises, judged by the world's true state and by what each tick was shown. Nothing here comes from the launcher: a promise says what must hold,
 * and not how.
 */
export class Promises {
  readonly #parts: Parts;
  readonly #truth: Truth;
  readonly #tasksOf = new Map<string, SimulatedTask[]>();
  readonly #launchesAtMs = new Map<string, number[]>();
  /** All launches of each family. */
  readonly #createdAtMs = new Map<string, number>();
  readonly #sweepsOfRunAtMs = new Map<string, number[]>();
  readonly #runListsAtMs = new Map<string, number[]>();
  readonly #demandAtMs = new Map<string, number>();
  /** Since when a pool has more tasks without a job than warm agents. */
  readonly #surplusSinceMs = new Map<string, number>();
  /** Since when the queued jobs of a lane without tasks have waited while an idle warm agent of another lane held a slot, by family. */
  readonly #crowdedOutSinceMs = new Map<string, number>();
  /** The limits before a deployment changed them. Running invocations keep them for a while. */
  readonly #before = new Map<string, { maxAgents: number; warm: number; untilMs: number; warmUntilMs: number }>();
  #watches: Watch[] = [];
  #crowdedAtMs = Number.NEGATIVE_INFINITY;
  /** When the last invocation with the lanes of an earlier deployment has ended. */
  #lanesSettledAtMs = Number.NEGATIVE_INFINITY;
  /** Execution environments so far. */
  #mostEnvironments = 0;
  readonly #pausedUntilMs = new Map<string, number>();
  broken: BrokenPromise | undefined;
  /** What became of the queued jobs that ticks found: a free agent, a limit that prevents a launch, or a fault that excuses it. */
  readonly watched = { served: 0, limited: 0, excused: 0 };
  /** Tasks that were stopped although their agent had registered within one tick's reaction time. */
  racedStops = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#truth = new Truth(parts.time, parts.settings, parts.config.tick.limits, parts);
  }

  #break(promise: number, what: string): void {
    this.broken ??= { promise, what, atMs: this.#parts.time.now() };
  }

  // -- After every event

  check(): void {
    this.#watchJobs();
    this.#watchLeftovers();
    this.#watchCrowdedOut();
  }

  /**
   * 1: queued jobs don't starve behind idle warm agents. An agent that was launched for a job that another one took may hold the slot for
   * its idle window. After a deployment lowered the limit, warm agents may hold it for theirs.
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

  /** A deployment is about to change a pool's lanes. An invocation that runs already still uses the old lanes. */
  rephased(): void {
    this.#watches = [];
    this.#lanesSettledAtMs = this.#parts.time.now() + MINUTE_MS;
  }

  /** Limits that an invocation from before the last deployment may still use. */
  #formerly(pool: string): { maxAgents: number; warm: number } {
    const before = this.#before.get(pool);
    return before !== undefined && this.#parts.time.now() < before.untilMs ? before : { maxAgents: 0, warm: 0 };
  }

  /** 1: a watched job has a free agent, or a limit prevents its launch. Nothing more is expected. */
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

  /** 5: when demand ends, every task leaves. */
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

  /** 5, for a pool with warm agents, whose tasks never all leave: the others leave. Any of them may have the longer idle window. */
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

  /** Something prevents tasks of this pool, or of all pools, from leaving in time. */
  disturbed(pool: string | undefined, untilMs: number): void {
    for (const { name } of this.#parts.settings.pools) {
      if (pool !== undefined && pool !== name) continue;
      this.#demandAtMs.set(name, Math.max(this.#demandAtMs.get(name) ?? 0, untilMs));
    }
  }

  /** A task that a job waited for ends before its agent had a job. That is a fault, after which two more ticks are allowed. */
  taskLeaves(task: SimulatedTask): void {
    // Without a list of agents, a task whose job has just ended seems to be starting until ECS shows its end.
    const { agentsVisible } = this.#parts.settings;
    if (agentsVisible && this.#parts.containers.agentOf(task)?.hadJob === true) return;
    this.#watches = this.#watches.filter(({ pool }) => pool.name !== task.pool);
  }

  // -- What the launcher does

  /** @param by the tick whose RunTask call started the task; absent if a person did. */
  taskCreated(task: SimulatedTask, by: TickRecord | undefined): void {
    if (by === undefined) return;
    const pool = this.#parts.settings.pools.find(({ name }) => name === task.pool);
    if (pool === undefined) {
      this.#break(9, `a task of a family that is no pool's: ${task.family}`);
      return;
    }
    by.created.set(task.family, (by.created.get(task.family) ?? 0) + 1);
    this.#oneTaskAnAttempt(task);
    this.#noMoreThanShort(pool, by);
    this.#limitsKept(pool, by);
    this.#runSweepsBounded(task);
    if (!by.stale) this.#failuresBounded(pool, task);
    const unseen = by.blind.get(pool.name);
    // If the second list before a stop fails, that doesn't excuse anything about the tick's launches.
    const secondLook = unseen?.startsWith('agents:') === true && by.agents.has(pool.name);
    if (unseen !== undefined && !secondLook)
      this.#break(9, `launched in ${pool.name}, of which the tick could not see: ${unseen}`);
  }

  /** 6: a run that doesn't wait for an agent costs a bounded number of launches. */
  #runSweepsBounded({ startedBy = '', createdAtMs, family }: SimulatedTask): void {
    this.#createdAtMs.set(family, createdAtMs);
    const run = /^sweep\/(run-[^/]+)\//.exec(startedBy)?.[1];
    if (run === undefined) return;
    const recent = [...(this.#sweepsOfRunAtMs.get(run) ?? []).filter((at) => at > createdAtMs - HOUR_MS), createdAtMs];
    this.#sweepsOfRunAtMs.set(run, recent);
    if (recent.length > SWEEPS_OF_A_RUN_AN_HOUR) this.#break(6, `${recent.length} agents within an hour for ${run}`);
  }

  /** 2: one task per job and attempt, as long as ECS remembers the token. */
  #oneTaskAnAttempt(task: SimulatedTask): void {
    const key = `${task.startedBy}, attempt ${task.attempt}`;
    const others = this.#tasksOf.get(key) ?? [];
    const now = this.#parts.time.now();
    const remembered = others.find(
      ({ createdAtMs, stoppedAtMs }) =>
        now - createdAtMs < 24 * HOUR_MS &&
        (this.#parts.settings.tokenLife === '24h' || stoppedAtMs === undefined || now - stoppedAtMs < HOUR_MS),
    );
    if (remembered !== undefined) this.#break(2, `tasks ${remembered.id} and ${task.id} both stand for ${key}`);
    this.#tasksOf.set(key, [...others, task]);
  }

  /** 2, the other half: no task for a job that a free agent can take, if the tick was shown that agent. */
  #noMoreThanShort(pool: ScenarioPool, by: TickRecord): void {
    const now = this.#parts.time.now();
    const queued = [...(by.queued.get(pool.name) ?? [])];
    const warm = Math.max(pool.standing?.warm ?? 0, this.#formerly(pool.name).warm);
    let need = 0;
    let left = 0;
    for (const lane of pool.lanes) {
      const ofLane = queued.filter(([key]) => takes(lane, key));
      const young = ofLane.filter(([, sinceMs]) => now - sinceMs < MINUTE_MS).length;
      const own = this.#shownFree(pool.name, lane, by);
      const standing = lane === pool.lanes[0] ? warm + (pool.standing?.sweepMinutes ? 1 : 0) : 0;
      const postPlan = lane.accepts.includes('hidden') ? this.#postPlanDue(pool.name, by) : 0;
      const short = Math.max(0, ofLane.length + standing + postPlan - own);
      need += short;
      left += Math.min(young, Math.max(0, ofLane.length - own));
      const created = by.created.get(lane.family) ?? 0;
      if (created > short)
        this.#break(2, `launched ${created} in ${lane.family} with ${ofLane.length} queued and ${own} tasks free`);
    }
    const foreign = this.#foreignFree(pool.name, by);
    const created = this.#created(pool.name, by);
    if (created <= need - Math.min(foreign, left)) return;
    this.#break(2, `launched ${created} in ${pool.name} with ${need} jobs short of tasks, and ${foreign} others free`);
  }

  /** Runs that the tick observed in a post-plan status for longer than HCP Terraform's own checks take. */
  #postPlanDue(pool: string, by: TickRecord): number {
    const listed = [...(by.postPlan.get(pool)?.values() ?? [])];
    return listed.filter((sinceMs) => by.startedAtMs - sinceMs >= (POST_PLAN_DUE_MS[0] ?? 0)).length;
  }

  #created(pool: string, { created }: TickRecord): number {
    const lanes = this.#parts.settings.pools.find(({ name }) => name === pool)?.lanes ?? [];
    return lanes.reduce((sum, { family }) => sum + (created.get(family) ?? 0), 0);
  }

  /** Free tasks of the lane that the tick was shown, in lists or in an answer to RunTask. */
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
      // ECS shows that its container has ended.
      if (task.lingersSinceMs !== undefined && task.exitCode !== undefined) continue;
      const status = statuses === 'hidden' ? undefined : statuses.get(id);
      if (status !== 'idle' && (status !== undefined || task.createdAtMs <= youngest)) continue;
      own += 1;
      // Only a container that has started can have one of the jobs without an agent's name.
      if (task.startedAtMs !== undefined) started += 1;
    }
    const answered = [...by.answered].filter((id) => ecs.task(id)?.family === lane.family).length;
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
   * Live tasks that the tick was shown or launched, without those that ECS still runs after their agent left. Up to `maxAgents` of the latter hold no
   * slot.
   *
   * @param freed whether to leave out all tasks that may have lost their slot, or only those that must have.
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
      // If ECS knows the exit code, but no list of agents shows since when, the task's age counts.
      return now - (exitCode === undefined ? lingersSinceMs : createdAtMs) > LINGERS_MS - CLOCKS_MS;
    });
    return live.length - Math.min(lingering.length, maxAgents) + this.#created(name, by);
  }

  /** 3: the limits, by what the tick was shown. It can't count a launch that ECS doesn't show yet. */
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
        `${agents} agents registered or starting in ${pool.organization}, ceiling ${settings.agentsCeiling}`,
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

  /** 6: tasks that don't start cost a bounded number of launches per hour, as far as ECS shows the failures. */
  #failuresBounded(pool: ScenarioPool, task: SimulatedTask): void {
    const now = task.createdAtMs;
    const { family, lane } = task;
    this.#fruitlessBounded(pool, lane, now);
    const failures = this.#truth.startFailures(pool.name, lane);
    const first = failures[0];
    const recent = [...(this.#launchesAtMs.get(family) ?? []).filter((at) => at > now - HOUR_MS), now];
    this.#launchesAtMs.set(family, recent);
    if (first === undefined) return;
    const inARow = recent.filter((at) => at >= first.createdAtMs).length;
    if (inARow > pool.maxAgents + PROBES_AN_HOUR) {
      this.#break(6, `${inARow} launches within an hour in ${family}, where no task has come up since`);
    }
  }

  /** 6: agents that come up and get no job. Three rounds of them may be chance; after that, each is a probe. */
  #fruitlessBounded({ name, maxAgents }: ScenarioPool, lane: ScenarioLane, now: number): void {
    if (!this.#parts.settings.agentsVisible) return;
    const [first] = this.#truth.fruitless(name, lane);
    if (first === undefined) return;
    const since = Math.max(first.createdAtMs, now - HOUR_MS);
    const inARow = (this.#launchesAtMs.get(lane.family) ?? []).filter((at) => at >= since).length;
    if (inARow > 3 * maxAgents + PROBES_AN_HOUR) {
      this.#break(6, `${inARow} launches within an hour in ${lane.family}, where no task has got a job since`);
    }
  }

  /** 4: no task that may be running a job is stopped. */
  stopRequested(task: SimulatedTask, by: TickRecord): void {
    const unseen = by.blind.get(task.pool);
    if (unseen !== undefined) this.#break(9, `stopped in ${task.pool}, of which the tick could not see: ${unseen}`);
    if (task.lingersSinceMs !== undefined) return;
    const agent = this.#parts.containers.agentOf(task);
    if (agent === undefined || agent.status === 'errored' || agent.status === 'exited') return;
    const listed = by.agents.get(task.pool);
    const listedAtMs = by.agentsListedAtMs.get(task.pool) ?? listed?.atMs ?? 0;
    if (listed !== undefined && listed.statuses !== 'hidden' && agent.registeredAtMs > listedAtMs) {
      // It registered after the tick had listed agents. After one SIGTERM, it still finishes a job that it got since.
      this.racedStops += 1;
      return;
    }
    const job = agent.job === undefined ? 'no job' : `job ${agent.job.key}`;
    this.#break(4, `task ${task.id} stopped, whose agent is ${agent.status} with ${job}`);
  }

  /** 7: the poll budget of one token, in a warm function. */
  runListRequested(environment: Environment, secret: string): void {
    const now = this.#parts.time.now();
    const key = `${environment.number} ${secret}`;
    const recent = [...(this.#runListsAtMs.get(key) ?? []).filter((at) => at > now - MINUTE_MS), now];
    this.#runListsAtMs.set(key, recent);
    if (recent.length > PROMISED_POLLS_PER_MINUTE)
      this.#break(7, `${recent.length} run lists within 60 s with one token`);
  }

  /** 8: nothing that leaves the launcher, for people or for ECS, contains a token. */
  sent(text: string): void {
    if (text.includes(API_TOKEN)) this.#break(8, `the token is in: ${text.slice(0, 120)}`);
  }

  // -- Ticks

  tickStarted(record: TickRecord): void {
    if (record.startedAtMs < this.#lanesSettledAtMs) return;
    for (const pool of this.#parts.settings.pools) {
      const jobs = this.#parts.hcp.queuedJobs(pool.name);
      for (const lane of pool.lanes) {
        const ofLane = jobs.filter(({ kind }) => lane.accepts.includes(kind));
        if (ofLane.length === 0) continue;
        this.#watches.push({ pool, lane, jobs: ofLane, sinceMs: record.startedAtMs, cleanTicks: 0 });
      }
      this.#watchPolicies(pool, record.startedAtMs);
    }
    this.#watchJobs();
  }

  /** 1: a run that waits for an agent to evaluate its policies gets one when it is due and none was started since. */
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

  /** When the latest agent for a run in a post-plan status was due, if the next is not due soon. */
  #dueMs(run: Job['policiesOf'] & object, now: number): number | undefined {
    const shownMs = shownSinceMs(run, this.#parts.settings);
    const latest = POST_PLAN_DUE_MS.findLastIndex((ms) => shownMs + ms <= now);
    const due = POST_PLAN_DUE_MS[latest];
    if (due === undefined) return undefined;
    const untilMs = Math.min(due + 45 * MINUTE_MS, POST_PLAN_DUE_MS[latest + 1] ?? Number.POSITIVE_INFINITY);
    return now < shownMs + untilMs - 3 * MINUTE_MS ? shownMs + due : undefined;
  }

  /** @param idle whether the world has had neither jobs nor tasks since before the tick began. */
  tickEnded(record: TickRecord, tick: Tick, environment: Environment, idle: boolean): void {
    this.#blindnessTold(record, tick);
    for (const { errors } of tick.pools) for (const error of errors) this.sent(error.message);
    const disturbed = this.#disturbedPools(record, tick);
    this.#jobsServed(record, disturbed);
    for (const pool of disturbed) this.disturbed(pool, this.#parts.time.now());
    if (disturbed.size > 0 || record.faults.length > 0) {
      environment.settled = false;
      return;
    }
    // A sweep is due.
    const sweeps = this.#parts.settings.pools.some(({ standing }) => standing !== undefined);
    if (idle && !sweeps) this.#idleTickIsCheap(record, environment);
    environment.settled = true;
  }

  /** Pools in which external faults kept this tick from observing or doing everything. */
  #disturbedPools(record: TickRecord, tick: Tick): Set<string> {
    const { pools, agentsCeiling } = this.#parts.settings;
    const names = pools.map(({ name }) => name);
    if (record.stale) return new Set(names);
    const disturbed = new Set([...record.hit, ...record.blind.keys()]);
    // The budget comes before the jobs, but only if something other than the schedule used it up, or if HCP Terraform asked
    // for a pause.
    for (const { pool, errors } of tick.pools) {
      const withheld = errors.some(({ fault, status }) => fault === 'throttled' && status === undefined);
      const crowded = record.startedAtMs - this.#crowdedAtMs < 2 * MINUTE_MS;
      const paused = record.startedAtMs < (this.#pausedUntilMs.get(pool.apiTokenSecret) ?? 0);
      if (withheld && (crowded || paused)) disturbed.add(pool.name);
    }
    if (agentsCeiling === undefined) return disturbed;
    // Agents that can't be counted delay every pool under the organization agent limit.
    const organizations = new Set(pools.flatMap(({ name, organization }) => (disturbed.has(name) ? organization : [])));
    return new Set(pools.flatMap(({ name, organization }) => (organizations.has(organization) ? name : [])));
  }

  /** HCP Terraform asked the user of a token to wait. */
  paused(secret: string, untilMs: number): void {
    this.#pausedUntilMs.set(secret, Math.max(untilMs, this.#pausedUntilMs.get(secret) ?? 0));
  }

  /** 1: after two ticks without faults, a job has an agent. A fault in between restarts the count. */
  #jobsServed(record: TickRecord, disturbed: ReadonlySet<string>): void {
    const spared = this.#watches.filter(({ pool }) => !disturbed.has(pool.name));
    this.watched.excused += this.#watches.length - spared.length;
    // A task that ECS still shows counts in maxAgents, although its agent has just left.
    this.#watches = spared.filter(({ pool }) => this.#shownLive(pool, record, 'must') < pool.maxAgents);
    this.watched.limited += spared.length - this.#watches.length;
    for (const watch of this.#watches) {
      if (record.startedAtMs < watch.sinceMs) continue;
      watch.cleanTicks += 1;
      if (watch.cleanTicks < 2) continue;
      const { pool, jobs } = watch;
      const keys = jobs.filter(({ state }) => state === 'queued').map(({ key }) => key);
      this.#break(1, `two ticks saw ${keys.join(', ')} queued in ${pool.name} and left them without anybody free`);
    }
  }

  /** 5: a tick that finds nothing sends hardly any request. */
  #idleTickIsCheap({ calls }: TickRecord, environment: Environment): void {
    const { pools } = this.#parts.settings;
    const tokens = new Set(pools.map(({ organization, apiTokenSecret }) => `${organization} ${apiTokenSecret}`));
    // Pools are looked up again every ten minutes.
    const now = this.#parts.time.now();
    for (let n = 0; n < calls.otherHttp; n += 1) environment.lookupsAtMs.push(now);
    const lookups = environment.lookupsAtMs.filter((at) => at > now - LOOK_AGAIN_MS).length;
    // A refused lookup is repeated once, a minute later.
    const again = environment.refusedAtMs.filter((at) => at > now - LOOK_AGAIN_MS - 2 * MINUTE_MS).length;
    // A pool that a fault kept from being found costs one separate request.
    const lists = environment.settled ? tokens.size : tokens.size + pools.length;
    if (calls.runLists > lists || lookups > pools.length + again || calls.ecs.join() !== 'ListTasks') {
      this.#break(
        5,
        `an idle tick made ${calls.runLists}+${calls.otherHttp} requests and asked ECS ${calls.ecs.join()}`,
      );
    }
  }

  /** 9: what could not be observed is an error. It is neither demand nor the base of a decision. */
  #blindnessTold(record: TickRecord, tick: Tick): void {
    for (const [name, what] of record.blind) {
      const part = tick.pools.find(({ pool }) => pool.name === name);
      if (part === undefined) continue;
      if (part.errors.length === 0) this.#break(9, `${name} was not seen (${what}), and no error says so`);
      // If the second list before a stop fails, that prevents only the stop.
      const secondLook = what.startsWith('agents:') && record.agents.has(name) && part.stops.length === 0;
      if (part.decision !== undefined && !secondLook)
        this.#break(9, `${name} was not seen (${what}), and was decided on`);
      if (part.demand !== undefined && what.startsWith('runs:')) {
        this.#break(
          9,
          `the runs of ${name} were not observed (${what}), and were treated as ${part.demand.queued.length} queued`,
        );
      }
    }
  }

  /** 6: a failed start is reported, with a metric that an alarm watches. */
  reported(record: TickRecord, tick: Tick, metrics: ReadonlyMap<string, number>): void {
    this.#mostEnvironments = Math.max(this.#mostEnvironments, record.environment);
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
          // An agent that left idle after a while without an error differs from a good one only by its job.
          (startFault !== 'start-never-registers' || exitCode !== 0 || record.queued.get(name)?.has(startedBy ?? '')) &&
          // The launcher doesn't report a task that someone else ended before it could fail.
          !/^(UserInitiated|SpotInterruption|TerminationNotice)$/.test(stopCode ?? '') &&
          now - stoppedAtMs > 1000 &&
          now - stoppedAtMs < 50 * MINUTE_MS &&
          (this.#parts.settings.agentsVisible || !startFault.startsWith('start-exit')),
      );
      if (unnamed !== undefined && (metrics.get(`${name} ${METRICS.startFailures}`) ?? 0) === 0) {
        this.#break(6, `task ${unnamed.id} did not start (${unnamed.startFault}), and no metric says so`);
      }
    }
  }

  /**
   * 6: a failed sweep is reported for most of an hour, although the pool is idle. Another execution environment may not have looked while it
   * could be seen. A container that ends well isn't known to have failed for that long. Without a list of agents, an exit code alone proves no failure.
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
    this.#break(6, `sweep ${unnamed.id} did not start (${unnamed.startFault}), and no metric says so`);
  }

  /** 6: a task that ran out of memory is reported with its own agent's job. */
  outOfMemoryTold({ task: id, job, jobIs }: { readonly [attribute: string]: unknown }): void {
    const task = this.#parts.ecs.task(String(id));
    const agent = task && this.#parts.containers.agentOf(task);
    if (agent === undefined || jobIs !== undefined || agent.lastJob === job) return;
    this.#break(6, `task ${id} is said to have had ${job}, and had ${agent.lastJob ?? 'no job'}`);
  }

  /** More invocations than the schedule makes. They use the same budget. */
  crowded(): void {
    this.#crowdedAtMs = this.#parts.time.now();
  }

  /** Lambda or its host ended an invocation, which is a fault like any other. */
  invocationKilled(): void {
    this.#watches = [];
    this.disturbed(undefined, this.#parts.time.now() + MINUTE_MS);
  }

  /** 1: an invocation ends before Lambda's timeout, and doesn't fail without a fault. */
  invocationEnded(how: 'killed by its timeout' | { readonly rejected: unknown }): void {
    if (typeof how === 'string') {
      this.#break(1, `an invocation was ${how}`);
      return;
    }
    const { rejected } = how;
    const text = rejected instanceof Error ? `${rejected.stack ?? rejected.message}` : String(rejected);
    this.#break(1, `an invocation failed: ${text}`);
  }

  /** 1, 5: at the world's end nothing waits and nothing is left. */
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
    const left = [...ecs.live].filter(({ byLauncher, pool }) => byLauncher && !kept.has(pool));
    if (left.length > 0) this.#break(5, `never gone: ${left.map(({ id }) => id).join(', ')}`);
  }
}

function isWarm({ startedBy }: SimulatedTask): boolean {
  return startedBy?.startsWith('warm/') === true;
}

/** Whether the lane's agents accept the job of this key. */
function takes({ accepts }: ScenarioLane, key: string): boolean {
  const kinds: readonly string[] = accepts;
  return kinds.includes(key.slice(key.lastIndexOf('/') + 1));
}

function minutes(ms: number): string {
  return `${(ms / MINUTE_MS).toFixed(1)} min`;
}
