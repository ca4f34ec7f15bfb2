/**
 * ECS in virtual time: the rules of the local ECS (`local/ecs/core`), plus what only a simulation needs. It keeps all earlier states of
 * a task, because a read can be late. It also knows the pool of each task, and which fault prevents its start.
 */
import type { RunTaskCommandInput, StopTaskCommandInput } from '@aws-sdk/client-ecs';
import { AGENT_CONTAINER, IDLE_SECONDS_VARIABLE, TASK_TAGS } from '../../functions/launcher/contract.ts';
import { ApiError } from '../../local/aws/core/api-error.ts';
import { Ecs, VENDOR_RATES } from '../../local/ecs/core/ecs.ts';
import type { Phases } from '../../local/ecs/core/lifecycle.ts';
import type { TaskRunner } from '../../local/ecs/core/runner.ts';
import type { StartFailure } from '../../local/ecs/core/start-failures.ts';
import type { StopCode, Task } from '../../local/ecs/core/task.ts';
import { CAPACITY_UNAVAILABLE } from '../../local/ecs/core/wording.ts';
import { laneOf, type ScenarioLane, type WorldSettings, wholeLane } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

const HOUR_MS = 60 * 60_000;

/** How long a read can show a stopped task: ECS's hour plus the longest delay of a read. */
const SHOWN_MS = 1.2 * HOUR_MS;

const CLUSTER = 'agents';

/** More hexadecimal numbers than a stack's ECS draws. */
const TASKS_OF_A_STACK = 0x1000_0000;

/** Constants for RunTask calls by a person, and for task definitions. */
const NETWORK = { awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'] } };
const STOP_TIMEOUT_SECONDS = 120;

/** A task of ECS, with the simulation's data. Times are those of the world, which differ from those of ECS by the clock skew. */
export class SimulatedTask {
  /** The task itself, in ECS's time. */
  readonly state: Task;
  readonly pool: string;
  readonly lane: ScenarioLane;
  readonly attempt: number | undefined;
  readonly byLauncher: boolean;
  /** How long the task's agent waits for a job. */
  readonly idleWindowMs: number;
  /** All states so far, for late reads. */
  readonly versions: { readonly atMs: number; readonly state: Task }[] = [];
  phases: Phases = { provisionMs: 0, pullMs: 0, bootMs: 0, deprovisionMs: 0 };
  /** When the task's agent registered. */
  registeredAtMs?: number;
  /** The fault that prevents the start; absent if the task starts. */
  startFault?: string;
  /** When the container ended, if ECS still shows the task as running. */
  lingersSinceMs?: number;
  readonly #skewMs: number;

  constructor(state: Task, settings: WorldSettings, byLauncher: boolean) {
    const { family } = state.definition;
    const pool = settings.pools.find((one) => laneOf(one, family) !== undefined);
    const attempt = Number(state.tags.find(({ key }) => key === TASK_TAGS.attempt)?.value);
    this.state = state;
    this.pool = pool?.name ?? '';
    this.lane = (pool && laneOf(pool, family)) ?? wholeLane(family);
    this.attempt = Number.isNaN(attempt) ? undefined : attempt;
    this.byLauncher = byLauncher;
    this.idleWindowMs = idleMsOf(state) ?? settings.idleWindowMs;
    this.#skewMs = settings.ecsSkewMs;
  }

  get id(): string {
    return this.state.id;
  }

  get family(): string {
    return this.state.definition.family;
  }

  get startedBy(): string | undefined {
    return this.state.startedBy;
  }

  get lastStatus(): string {
    return this.state.lastStatus;
  }

  get desiredStatus(): Task['desiredStatus'] {
    return this.state.desiredStatus;
  }

  get exitCode(): number | undefined {
    return this.state.containers[0]?.exitCode;
  }

  /** Whether the container has ended or will never start. */
  get over(): boolean {
    return this.lastStatus === 'DEPROVISIONING' || this.lastStatus === 'STOPPED';
  }

  get createdAtMs(): number {
    return this.state.createdAt - this.#skewMs;
  }

  get startedAtMs(): number | undefined {
    return this.#worldTime(this.state.startedAt);
  }

  get executionStoppedAtMs(): number | undefined {
    return this.#worldTime(this.state.executionStoppedAt);
  }

  get stoppedAtMs(): number | undefined {
    return this.#worldTime(this.state.stoppedAt);
  }

  #worldTime(atMs: number | undefined): number | undefined {
    return atMs === undefined ? undefined : atMs - this.#skewMs;
  }
}

export interface EcsEvents {
  readonly created: (task: SimulatedTask) => void;
  /** Called once per task, when it begins to stop. */
  readonly leaves: (task: SimulatedTask) => void;
  /** Called when a container ends and ECS doesn't notice it. */
  readonly lingers?: (task: SimulatedTask) => void;
  readonly trace: ((what: string) => void) | undefined;
}

/** The delays of one read. */
export interface Read {
  /** The age of the state in which the read shows the next task. */
  readonly lagMs: () => number;
  readonly shows: (task: SimulatedTask, shown: Task | undefined) => void;
}

export class EcsWorld {
  readonly #time: VirtualTime;
  readonly #settings: WorldSettings;
  readonly #events: EcsEvents;
  readonly #ecs: Ecs;
  readonly #tasks = new Map<string, SimulatedTask>();
  readonly #live = new Set<SimulatedTask>();
  #hex = 0;
  #byHand = false;
  #read: Read | undefined;

  /** @param stack the stack that the cluster belongs to. Its tasks have ids that no other stack's tasks have. */
  constructor(time: VirtualTime, settings: WorldSettings, runner: TaskRunner, events: EcsEvents, stack = 0) {
    this.#hex = stack * TASKS_OF_A_STACK;
    this.#time = time;
    this.#settings = settings;
    this.#events = events;
    this.#ecs = new Ecs({
      place: { region: 'eu-central-1', accountId: '123456789012' },
      scheduler: time.scheduler(settings.ecsSkewMs),
      runner,
      hex: (digits) => {
        this.#hex += 1;
        return this.#hex.toString(16).padStart(digits, '0').slice(-digits);
      },
      secret: () => ({ value: 'an agent token' }),
      vpc: { subnets: [], securityGroups: [], strict: false },
      phases: (task) => this.#of(task).phases,
      shown: (task) => this.#shownNow(task),
      stoppedTaskRetentionMs: SHOWN_MS,
      clientTokens: {
        ttlMs: 24 * HOUR_MS,
        ...(settings.tokenLife === 'task-and-1h' && { afterStoppedMs: HOUR_MS }),
        failedLaunchUsesToken: settings.failedTokens === 'used-up',
      },
      rates: VENDOR_RATES,
    });
    this.#ecs.clusters.create({ clusterName: CLUSTER, capacityProviders: ['FARGATE', 'FARGATE_SPOT'] });
    this.#ecs.onTaskChange((task) => this.#changed(task));
    this.deploy();
  }

  /** Every task that isn't stopped. */
  get live(): ReadonlySet<SimulatedTask> {
    return this.#live;
  }

  /** Tasks that a read can show: tasks that aren't stopped, and recently stopped ones. */
  *recent(): Generator<SimulatedTask> {
    const now = this.#time.now();
    for (const task of this.#tasks.values()) {
      if (task.stoppedAtMs === undefined || now - task.stoppedAtMs < SHOWN_MS) yield task;
    }
  }

  /** All tasks. */
  get tasks(): IterableIterator<SimulatedTask> {
    return this.#tasks.values();
  }

  /** Finds a task by id or ARN. */
  task(idOrArn: string): SimulatedTask | undefined {
    return this.#tasks.get(idOrArn.slice(idOrArn.lastIndexOf('/') + 1));
  }

  /** Registers a new revision of every task definition. From then on, ECS sees the same request as one with changed parameters. */
  deploy(): void {
    for (const { family } of this.#settings.pools.flatMap(({ lanes }) => lanes)) {
      this.#ecs.definitions.register({
        family,
        networkMode: 'awsvpc',
        requiresCompatibilities: ['FARGATE'],
        cpu: '256',
        memory: '512',
        containerDefinitions: [{ name: AGENT_CONTAINER, image: 'tfc-agent', stopTimeout: STOP_TIMEOUT_SECONDS }],
      });
    }
  }

  /** Handles ListTasks or DescribeTasks. */
  read(action: 'ListTasks' | 'DescribeTasks', input: object, read: Read): Record<string, unknown> {
    this.#read = read;
    try {
      return { ...this.#ecs.actions[action]?.(input) };
    } finally {
      this.#read = undefined;
    }
  }

  /**
   * @param noSpot whether Fargate has no Spot capacity at this moment
   * @throws ApiError the error that the API returns
   */
  runTask(input: RunTaskCommandInput, noSpot = false): Record<string, unknown> {
    const end = noSpot ? this.#ecs.capacity.refuse({ reason: CAPACITY_UNAVAILABLE }) : () => {};
    try {
      return { ...this.#ecs.actions['RunTask']?.(input) };
    } finally {
      end();
    }
  }

  /** A person starts a task, and tries again after a second if ECS throttles the call. */
  startByHand(family: string): void {
    this.#byHand = true;
    try {
      this.runTask({ cluster: CLUSTER, taskDefinition: family, launchType: 'FARGATE', networkConfiguration: NETWORK });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#time.after(1000, () => this.startByHand(family));
    } finally {
      this.#byHand = false;
    }
  }

  /** @throws ApiError the error that the API returns */
  stopTask(input: StopTaskCommandInput): Record<string, unknown> {
    return { ...this.#ecs.actions['StopTask']?.(input) };
  }

  /** A person stops a task. */
  stopByHand({ id }: SimulatedTask, reason: string): void {
    this.stopTask({ cluster: CLUSTER, task: id, reason });
  }

  /** ECS stops the task on its own. */
  stop({ state }: SimulatedTask, stopCode: StopCode, reason: string): void {
    this.#ecs.stop(state, stopCode, reason);
  }

  /** Marks the task, so that it fails to start. */
  failStart(task: SimulatedTask, at: StartFailure['at'], reason: string): void {
    this.#ecs.startFailures.add({ task: task.id, at, reason, times: 1 });
  }

  /** The container has ended, but ECS shows the task as running until someone stops it. ECS sometimes knows the exit code. */
  lingers(task: SimulatedTask, knownExitCode: number | undefined): void {
    task.lingersSinceMs = this.#time.now();
    const [container] = task.state.containers;
    if (container !== undefined && knownExitCode !== undefined) container.exitCode = knownExitCode;
    this.#keep(task);
    this.#events.lingers?.(task);
  }

  /** The task as a read with this delay shows it; `undefined` if the read doesn't show it yet or no longer. */
  shown(task: SimulatedTask, lagMs: number): Task | undefined {
    const asOfMs = this.#time.now() - lagMs;
    if (task.stoppedAtMs !== undefined && asOfMs - task.stoppedAtMs > HOUR_MS) return undefined;
    return task.versions.findLast(({ atMs }) => atMs <= asOfMs)?.state;
  }

  #shownNow(state: Task): Task | undefined {
    const task = this.#of(state);
    const shown = this.shown(task, this.#read?.lagMs() ?? 0);
    this.#read?.shows(task, shown);
    return shown;
  }

  #of(state: Task): SimulatedTask {
    const task = this.#tasks.get(state.id);
    if (task === undefined) throw new Error(`Task ${state.id} is unknown`);
    return task;
  }

  #changed(state: Task): void {
    const known = this.#tasks.get(state.id);
    const task = known ?? new SimulatedTask(state, this.#settings, !this.#byHand);
    this.#events.trace?.(`task ${task.id} ${task.lastStatus}`);
    const leaves = state.desiredStatus === 'STOPPED' && task.versions.at(-1)?.state.desiredStatus === 'RUNNING';
    this.#keep(task);
    if (known === undefined) {
      this.#tasks.set(task.id, task);
      this.#live.add(task);
      this.#events.created(task);
    }
    if (leaves) this.#events.leaves(task);
    if (state.lastStatus === 'STOPPED') this.#live.delete(task);
  }

  #keep({ state, versions }: SimulatedTask): void {
    const containers = state.containers.map((container) => ({ ...container }));
    versions.push({ atMs: this.#time.now(), state: { ...state, containers } });
  }
}

/** How long the agent of this launch waits for a job. */
function idleMsOf({ containers }: Task): number | undefined {
  const variables = containers.flatMap(({ override }) => override.environment ?? []);
  const seconds = variables.find(({ name }) => name === IDLE_SECONDS_VARIABLE)?.value;
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
