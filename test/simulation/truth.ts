import { isStandingKey } from '../../functions/launcher/core/standing.ts';
import type { Limits } from '../../functions/launcher/core/types.ts';
import { LEFT_IDLE_EXIT_CODE } from '../../functions/launcher/core/types.ts';
import type { Containers } from './containers.ts';
import type { EcsWorld, SimulatedTask } from './ecs-world.ts';
import type { HcpWorld } from './hcp-world.ts';
import type { JobKind, ScenarioLane, ScenarioPool, WorldSettings } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Tolerance for clock skew and for the delay of reads. */
const SLACK_MS = 30_000;

/** If ECS still shows a task as running after its agent left, the task keeps its slot this long. */
const LINGERS_MS = 5 * 60_000;

/** How long an idle foreign agent counts as supply for a job that it doesn't take, plus the tolerance. */
const PATIENCE_MS = 90_000 + SLACK_MS;

/** The limits that the promises refer to. */
export type PromisedLimits = Pick<Limits, 'startDeadlineMs' | 'backOffBaseMs' | 'backOffMaxMs'>;

/** The true state of the world, which can differ from what the launcher observed. The promises are judged by it. */
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

  /** Tasks of the pool that are neither stopped nor stopping. */
  live(pool: string): SimulatedTask[] {
    return [...this.#ecs.live].filter((task) => task.pool === pool && task.desiredStatus === 'RUNNING');
  }

  /**
   * Number of slots of `maxAgents` that are in use. If ECS still shows a task as running after its agent left, the task gives up its
   * slot after five minutes. Only `maxAgents` tasks can do so; any more of them keep their slots.
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

  /** Whether HCP Terraform or ECS shows that the task's agent has ended. HCP Terraform shows a killed agent as *unknown* at first. */
  isKnownToHaveLeft(task: SimulatedTask): boolean {
    return task.exitCode !== undefined || this.#containers.agentOf(task)?.status === 'exited';
  }

  /** Number of agents that can take a job of the lane: in starting tasks, idle in a task, or idle and foreign. */
  free(pool: string, lane: ScenarioLane): number {
    const { agentsVisible } = this.#settings;
    const now = this.#time.now();
    const tasks = this.live(pool).filter((task) => {
      if (!this.#serves(task, lane)) return false;
      const agent = this.#containers.agentOf(task);
      const young = now - task.createdAtMs <= this.#limits.startDeadlineMs + SLACK_MS;
      if (agent === undefined) return young;
      if (agentsVisible) return agent.status === 'idle';
      // If agents can't be listed, only a listed run shows that an agent is busy. Otherwise a young task seems to be starting.
      return young && agent.job?.run === undefined;
    });
    const foreign = agentsVisible
      ? this.#hcp.agents(pool).filter(({ name, status }) => status === 'idle' && this.#ecs.task(name) === undefined)
      : [];
    // The launcher notices after 90 s that a foreign agent doesn't accept such a job.
    const young = this.#hcp
      .queuedJobs(pool)
      .filter(({ kind, queuedAtMs }) => lane.accepts.includes(kind) && now - queuedAtMs < PATIENCE_MS).length;
    const listed: readonly JobKind[] = lane.accepts.filter((kind) => kind !== 'hidden');
    const picky = foreign.filter(({ accepts }) => !accepts.some((kind) => listed.includes(kind))).length;
    return tasks.length + foreign.length - picky + Math.min(picky, young);
  }

  /** Whether the task belongs to this lane, or to an earlier lane that accepts the same kind of job. */
  #serves({ family, pool, lane: its }: SimulatedTask, lane: ScenarioLane): boolean {
    if (family === lane.family) return true;
    return this.isFormer(pool, family) && its.accepts.some((kind) => lane.accepts.includes(kind));
  }

  /** Whether the family belongs to a lane that a `rephase` replaced. Its tasks use no slot. */
  isFormer(pool: string, family: string): boolean {
    return this.#settings.pools.some(
      ({ name, lanes }) => name === pool && !lanes.some((lane) => lane.family === family),
    );
  }

  /** The reason why the launcher need not launch anything in this lane, if there is one. */
  limited(pool: ScenarioPool, lane: ScenarioLane): string | undefined {
    if (this.occupied(pool) >= pool.maxAgents) return 'maxAgents';
    if (this.#ceilingReached(pool)) return 'agentsCeiling';
    if (this.#nobodyTells(pool.name, lane)) return 'neither agents nor names';
    if (roundsOf(this.fruitless(pool.name, lane)) > 1) return 'agents without a job';
    return this.#backingOff(pool.name, lane) ? 'start failures' : undefined;
  }

  /**
   * Whether the launcher can't tell which tasks are busy, because it sees neither agents nor the names of busy agents. It can only tell
   * if there are as many running jobs as tasks whose container has started.
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

  /** Start failures since the last successful start in the pool (or in the lane, if one is given), oldest first. */
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

  /** Tasks whose agent registered but never had a job, since the last task that had a job, oldest first. */
  fruitless(pool: string, lane: ScenarioLane): SimulatedTask[] {
    // Ignore warm agents and sweeps that ended without a job after their idle window.
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
    // The launcher can't distinguish a task whose job failed within a minute from a task without a job.
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
   * Without a list of agents, the launcher can't distinguish a failed job from a failed start, and sees the result of a trial launch only
   * when its task ends. The back-off may continue as long as ECS shows such a task.
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

  /** Whether the promised back-off is active. It doubles with each round of failures and allows one trial launch at a time. */
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

/** Number of rounds: tasks whose lifetimes overlap belong to the same round. */
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
