import { isStandingKey } from '../../functions/launcher/core/standing.ts';
import { LEFT_IDLE_EXIT_CODE } from '../../functions/launcher/core/task-outcome.ts';
import type { Limits } from '../../functions/launcher/core/types.ts';
import type { Containers } from './containers.ts';
import type { EcsWorld, SimulatedTask } from './ecs-world.ts';
import type { HcpWorld } from './hcp-world.ts';
import type { ScenarioLane, ScenarioPool, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Difference that both clocks and the delay of reads make in the launcher's view. */
const SLACK_MS = 30_000;

/** How long a task that ECS still runs after its agent left holds its slot. */
const LINGERS_MS = 5 * 60_000;

/** How long an idle foreign agent counts as supply for a job that it doesn't take, plus the difference of clocks. */
const PATIENCE_MS = 90_000 + SLACK_MS;

/** The limits that the promises refer to. */
export type PromisedLimits = Pick<Limits, 'startDeadlineMs' | 'backOffBaseMs' | 'backOffMaxMs'>;

/** The true state of the world, whatever the launcher was shown. The promises are judged by it. */
export class Truth {
  readonly #time: VirtualTime;
  readonly #settings: WorldSettings;
  readonly #limits: PromisedLimits;
  readonly #ecs: EcsWorld;
  readonly #hcp: HcpWorld;
  readonly #containers: Containers;

  constructor(
    time: VirtualTime,
    settings: WorldSettings,
    limits: PromisedLimits,
    { ecs, hcp, containers }: { ecs: EcsWorld; hcp: HcpWorld; containers: Containers },
  ) {
    this.#time = time;
    this.#settings = settings;
    this.#limits = limits;
    this.#ecs = ecs;
    this.#hcp = hcp;
    this.#containers = containers;
  }

  /** Tasks of the pool that have not ended and are not being stopped. */
  live(pool: string): SimulatedTask[] {
    return [...this.#ecs.live].filter((task) => task.pool === pool && task.desiredStatus === 'RUNNING');
  }

  /**
   * Slots of maxAgents that are in use. A task that ECS still runs after its agent left holds its slot for five minutes. If there are more than
   * maxAgents of them, the others hold theirs, too.
   */
  occupied(pool: ScenarioPool): number {
    const now = this.#time.now();
    const live = this.live(pool.name);
    const lingering = live.filter((task) => {
      const { lingersSinceMs = now } = task;
      return now - lingersSinceMs > LINGERS_MS + SLACK_MS && this.isKnownToHaveLeft(task);
    });
    return live.length - Math.min(lingering.length, pool.maxAgents);
  }

  /** Whether HCP Terraform or ECS shows that the task's agent has ended. A killed agent is *unknown* for a while first. */
  isKnownToHaveLeft(task: SimulatedTask): boolean {
    return task.exitCode !== undefined || this.#containers.agentOf(task)?.status === 'exited';
  }

  /** What can take a job of the lane: tasks that start or whose agent waits, and waiting foreign agents. */
  free(pool: string, lane: ScenarioLane): number {
    const { agentsVisible } = this.#settings;
    const now = this.#time.now();
    const tasks = this.live(pool).filter((task) => {
      if (!this.#serves(task, lane)) return false;
      const agent = this.#containers.agentOf(task);
      const young = now - task.createdAtMs <= this.#limits.startDeadlineMs + SLACK_MS;
      if (agent === undefined) return young;
      if (agentsVisible) return agent.status === 'idle';
      // If agents can't be listed, only listed runs show that one is busy, and a young task seems to be starting.
      return young && agent.job?.run === undefined;
    });
    const foreign = agentsVisible
      ? this.#hcp.agents(pool).filter(({ name, status }) => status === 'idle' && name.startsWith('foreign-'))
      : [];
    // The launcher notices after 90 s that a foreign agent doesn't accept such a job.
    const young = this.#hcp
      .queuedJobs(pool)
      .filter(({ kind, queuedAtMs }) => lane.accepts.includes(kind) && now - queuedAtMs < PATIENCE_MS).length;
    const picky = foreign.filter(({ accepts }) => !accepts.includes('plan')).length;
    return tasks.length + foreign.length - picky + Math.min(picky, young);
  }

  /** Whether the task belongs to this lane, or to one from before a `rephase` that accepts such jobs. */
  #serves({ family, pool, lane: its }: SimulatedTask, lane: ScenarioLane): boolean {
    if (family === lane.family) return true;
    return this.isFormer(pool, family) && its.accepts.some((kind) => lane.accepts.includes(kind));
  }

  /** Whether the family is from before a `rephase`. Its tasks hold no slot. */
  isFormer(pool: string, family: string): boolean {
    return this.#settings.pools.some(
      ({ name, lanes }) => name === pool && !lanes.some((lane) => lane.family === family),
    );
  }

  /** Why no launch is due in this lane, if none is. */
  limited(pool: ScenarioPool, lane: ScenarioLane): string | undefined {
    if (this.occupied(pool) >= pool.maxAgents) return 'maxAgents';
    if (this.#ceilingReached(pool)) return 'agentsCeiling';
    if (this.#nobodyTells(pool.name, lane)) return 'neither agents nor names';
    if (roundsOf(this.fruitless(pool.name, lane)) > 1) return 'agents without a job';
    return this.#backingOff(pool.name, lane) ? 'start failures' : undefined;
  }

  /**
   * Neither agents nor the names of busy ones are shown. So nothing shows whether the old or the young task has a listed job, unless there are as many jobs
   * as tasks that have come up.
   */
  #nobodyTells(pool: string, { family, accepts }: ScenarioLane): boolean {
    const { agentsVisible, agentNamesInRuns } = this.#settings;
    if (agentsVisible || agentNamesInRuns) return false;
    const oldest = this.#time.now() - this.#limits.startDeadlineMs + SLACK_MS;
    const tasks = this.live(pool).filter((task) => task.family === family && task.startedAtMs !== undefined);
    const running = [...this.#hcp.openRuns].filter(
      ({ job, pool: its }) => its === pool && job?.state === 'running' && accepts.includes(job.kind),
    );
    return running.length < tasks.length && tasks.some((task) => task.createdAtMs < oldest);
  }

  #ceilingReached({ organization }: ScenarioPool): boolean {
    const { agentsCeiling, pools } = this.#settings;
    if (agentsCeiling === undefined) return false;
    const starting = pools
      .filter((pool) => pool.organization === organization)
      .flatMap((pool) => this.live(pool.name))
      .filter((task) => task.registeredAtMs === undefined).length;
    return this.#hcp.registered(organization) + starting >= agentsCeiling;
  }

  /** Start failures since the last task of the pool, or of a lane of it, that came up, oldest first. */
  startFailures(pool: string, lane?: ScenarioLane): SimulatedTask[] {
    const tasks = [...this.#ecs.tasks].filter((task) => isOf(task, pool, lane));
    const lastGoodMs = Math.max(
      Number.NEGATIVE_INFINITY,
      ...tasks.flatMap((task) => (task.registeredAtMs === undefined ? [] : [task.createdAtMs])),
    );
    return tasks.filter(
      (task) => task.registeredAtMs === undefined && task.stoppedAtMs !== undefined && task.createdAtMs > lastGoodMs,
    );
  }

  /** Tasks whose agent came up and ended without ever having a job, since the last one that had one, oldest first. */
  fruitless(pool: string, lane: ScenarioLane): SimulatedTask[] {
    // A warm agent or a sweep may leave without a job when its time is over.
    const up = [...this.#ecs.tasks].filter(
      (task) =>
        isOf(task, pool, lane) &&
        task.registeredAtMs !== undefined &&
        !(
          task.exitCode === LEFT_IDLE_EXIT_CODE &&
          isStandingKey(task.startedBy) &&
          ranMs(task) >= task.idleWindowMs / 2
        ),
    );
    // A task whose job failed within a minute looks like one without a job, as long as its own job waits.
    const hadJob = (task: SimulatedTask): boolean =>
      this.#containers.agentOf(task)?.hadJob === true &&
      (task.over ? ranMs(task) > 60_000 || task.exitCode === 0 : true);
    const lastServedMs = Math.max(
      Number.NEGATIVE_INFINITY,
      ...up.flatMap((task) => (hadJob(task) ? [task.createdAtMs] : [])),
    );
    return up.filter((task) => task.stoppedAtMs !== undefined && !hadJob(task) && task.createdAtMs > lastServedMs);
  }

  /**
   * Without a list of agents, the launcher doesn't notice that a probe came up until it ends, and can't distinguish a failed job from a failed start. As
   * long as ECS shows either, the back-off may continue.
   */
  #failedLately(pool: string, lane: ScenarioLane): boolean {
    const sinceMs = this.#time.now() - 70 * 60_000;
    return [...this.#ecs.recent()].some(
      (task) =>
        isOf(task, pool, lane) &&
        (task.registeredAtMs === undefined || task.exitCode !== 0 || ranMs(task) < 10_000) &&
        (task.stoppedAtMs ?? 0) > sinceMs,
    );
  }

  /** The promised back-off: it doubles with each failure, overlapping ones count once, and one probe runs at a time. */
  #backingOff(pool: string, lane: ScenarioLane): boolean {
    if (!this.#settings.agentsVisible && this.#failedLately(pool, lane)) return true;
    const failures = this.startFailures(pool, lane);
    if (failures.length === 0) return false;
    if (this.live(pool).some((task) => isOf(task, pool, lane) && task.registeredAtMs === undefined)) return true;
    const rounds = roundsOf(failures);
    const lastStoppedMs = Math.max(...failures.map(({ createdAtMs, stoppedAtMs = createdAtMs }) => stoppedAtMs));
    const { backOffBaseMs, backOffMaxMs } = this.#limits;
    return this.#time.now() < lastStoppedMs + Math.min(backOffBaseMs * 2 ** (rounds - 1), backOffMaxMs) + SLACK_MS;
  }
}

function ranMs({ startedAtMs = 0, executionStoppedAtMs = startedAtMs }: SimulatedTask): number {
  return executionStoppedAtMs - startedAtMs;
}

function isOf(task: SimulatedTask, pool: string, lane: ScenarioLane | undefined): boolean {
  return task.pool === pool && (lane === undefined || task.family === lane.family);
}

/** Tasks that overlapped count once. */
function roundsOf(failures: readonly SimulatedTask[]): number {
  let rounds = 0;
  let roundEndsMs = Number.NEGATIVE_INFINITY;
  for (const { createdAtMs, stoppedAtMs = createdAtMs } of failures) {
    if (createdAtMs <= roundEndsMs) continue;
    rounds += 1;
    roundEndsMs = stoppedAtMs;
  }
  return rounds;
}
