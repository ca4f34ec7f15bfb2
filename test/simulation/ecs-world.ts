import type { RunTaskCommandInput, Task } from '@aws-sdk/client-ecs';
import { IDLE_SECONDS_VARIABLE, TASK_TAGS } from '../../functions/launcher/contract.ts';
import type { Random } from './random.ts';
import { laneOf, type ScenarioLane, type WorldSettings, wholeLane } from './scenario.ts';
import type { VirtualTime } from './virtual-time.ts';

const HOUR_MS = 60 * 60_000;

/** What ECS shows of a task from a time on. */
interface Version {
  readonly atMs: number;
  readonly task: Task;
}

/** The true state of a task. */
export interface SimulatedTask {
  readonly id: string;
  readonly arn: string;
  readonly pool: string;
  readonly family: string;
  readonly lane: ScenarioLane;
  readonly startedBy: string | undefined;
  readonly attempt: number | undefined;
  readonly byLauncher: boolean;
  /** How long its agent waits for a job. */
  readonly idleWindowMs: number;
  readonly createdAtMs: number;
  readonly versions: Version[];
  tags: Task['tags'];
  lastStatus: string;
  desiredStatus: 'RUNNING' | 'STOPPED';
  startedAtMs?: number;
  executionStoppedAtMs?: number;
  stoppedAtMs?: number;
  stopCode?: Task['stopCode'];
  stoppedReason?: string;
  exitCode?: number;
  containerReason?: string;
  /** When its agent registered. */
  registeredAtMs?: number;
  /** Why it doesn't come up; absent if it does. */
  startFault?: string;
  /** Since when its container has ended while ECS still shows the task as running. */
  lingersSinceMs?: number;
  /** Whether its container has ended, or never will start. */
  over: boolean;
  /** What the container does on SIGTERM. */
  terminate?: () => void;
}

interface TokenUse {
  /** Absent if it started no task. */
  readonly task?: SimulatedTask;
  readonly parameters: string;
}

/** The outcome of a RunTask call without another fault. */
export type RunTaskOutcome =
  | { readonly kind: 'task' | 'conflict'; readonly task: SimulatedTask; readonly isNew: boolean }
  | { readonly kind: 'no-room' }
  | { readonly kind: 'nameless-conflict' };

export interface EcsEvents {
  readonly created: (task: SimulatedTask) => void;
  /** A task begins to stop; called once. */
  readonly leaves: (task: SimulatedTask) => void;
  /** Its container has ended, and ECS doesn't notice. */
  readonly lingers?: (task: SimulatedTask) => void;
  readonly trace: ((what: string) => void) | undefined;
}

/** The state of ECS: tasks, and the tokens that started them. It keeps earlier states, too, for late reads. */
export class EcsWorld {
  readonly #time: VirtualTime;
  readonly #settings: WorldSettings;
  readonly #random: Random;
  readonly #events: EcsEvents;
  readonly #tasks = new Map<string, SimulatedTask>();
  readonly #live = new Set<SimulatedTask>();
  readonly #tokens = new Map<string, TokenUse>();
  /** Number of deployments. After a deployment, the same request has other parameters. */
  #revision = 1;

  constructor(time: VirtualTime, settings: WorldSettings, random: Random, events: EcsEvents) {
    this.#time = time;
    this.#settings = settings;
    this.#random = random;
    this.#events = events;
  }

  /** Every task that isn't stopped. */
  get live(): ReadonlySet<SimulatedTask> {
    return this.#live;
  }

  /** Tasks that a read may show: those that aren't stopped, and those that stopped recently. */
  *recent(): Generator<SimulatedTask> {
    const now = this.#time.now();
    for (const task of this.#tasks.values()) {
      if (task.stoppedAtMs === undefined || now - task.stoppedAtMs < 1.2 * HOUR_MS) yield task;
    }
  }

  /** All tasks. */
  get tasks(): IterableIterator<SimulatedTask> {
    return this.#tasks.values();
  }

  task(id: string): SimulatedTask | undefined {
    return this.#tasks.get(id);
  }

  deploy(): void {
    this.#revision += 1;
  }

  /**
   * RunTask's semantics of `clientToken`: the same request gives the same task, even after its end; another request with the
   * same token is a conflict. https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
   */
  runTask(input: RunTaskCommandInput, noRoom = false): RunTaskOutcome {
    const parameters = JSON.stringify([this.#revision, input]);
    const token = input.clientToken ?? '';
    const use = this.#tokens.get(token);
    if (use !== undefined && this.#remembers(use)) {
      const same = use.parameters === parameters;
      if (use.task === undefined) return { kind: same ? 'no-room' : 'nameless-conflict' };
      return { kind: same ? 'task' : 'conflict', task: use.task, isNew: false };
    }
    if (noRoom) {
      if (this.#settings.failedTokens === 'used-up') this.#tokens.set(token, { parameters });
      return { kind: 'no-room' };
    }
    const task = this.#create(input.taskDefinition ?? '', input.startedBy, input.tags, true, idleMsOf(input));
    this.#tokens.set(token, { task, parameters });
    return { kind: 'task', task, isNew: true };
  }

  /** Whether ECS still knows which task this token stands for. */
  #remembers({ task }: TokenUse): boolean {
    if (task === undefined) return true;
    const now = this.#time.now();
    if (now - task.createdAtMs >= 24 * HOUR_MS) return false;
    return this.#settings.tokenLife === '24h' || task.stoppedAtMs === undefined || now - task.stoppedAtMs < HOUR_MS;
  }

  /** A person starts a task. */
  startByHand(family: string): void {
    this.#create(family, undefined, [], false);
  }

  #create(
    family: string,
    startedBy: string | undefined,
    tags: Task['tags'],
    byLauncher: boolean,
    idleWindowMs = this.#settings.idleWindowMs,
  ): SimulatedTask {
    const id = `${String(this.#tasks.size + 1).padStart(4, '0')}${this.#random.whole(0x1000, 0xffff).toString(16)}`;
    const pool = this.#settings.pools.find((one) => laneOf(one, family) !== undefined);
    const attempt = Number(tags?.find(({ key }) => key === TASK_TAGS.attempt)?.value);
    const task: SimulatedTask = {
      id,
      arn: `arn:aws:ecs:eu-central-1:123456789012:task/agents/${id}`,
      pool: pool?.name ?? '',
      family,
      lane: (pool && laneOf(pool, family)) ?? wholeLane(family),
      startedBy,
      attempt: Number.isNaN(attempt) ? undefined : attempt,
      byLauncher,
      idleWindowMs,
      createdAtMs: this.#time.now(),
      versions: [],
      tags,
      lastStatus: 'PROVISIONING',
      desiredStatus: 'RUNNING',
      over: false,
    };
    this.#tasks.set(id, task);
    this.#live.add(task);
    this.changed(task);
    this.#events.created(task);
    return task;
  }

  /** Call it after a change, to make the change visible. */
  changed(task: SimulatedTask): void {
    this.#events.trace?.(`task ${task.id} ${task.lastStatus}`);
    task.versions.push({ atMs: this.#time.now(), task: this.#document(task) });
    if (task.lastStatus === 'STOPPED') this.#live.delete(task);
  }

  /** StopTask, or ECS stops the task itself. StopTask deletes the tags of the task. */
  stop(task: SimulatedTask, stopCode: NonNullable<Task['stopCode']>, reason: string): void {
    if (task.desiredStatus === 'STOPPED') return;
    task.desiredStatus = 'STOPPED';
    this.#events.leaves(task);
    task.stopCode = stopCode;
    task.stoppedReason = reason;
    if (stopCode === 'UserInitiated') task.tags = [];
    task.lastStatus = task.startedAtMs === undefined ? 'DEPROVISIONING' : 'DEACTIVATING';
    this.changed(task);
    task.terminate?.();
  }

  /** The container has ended, and ECS runs the task until someone stops it. ECS may know the exit code. */
  lingers(task: SimulatedTask, exitCode: number, isKnown: boolean): void {
    task.lingersSinceMs = this.#time.now();
    if (isKnown) task.exitCode = exitCode;
    task.terminate = () => this.#time.after(2000, () => this.ended(task, { exitCode }));
    this.changed(task);
    this.#events.lingers?.(task);
  }

  /** The container has ended, or never started: the task goes through its last statuses. */
  ended(
    task: SimulatedTask,
    how: Pick<SimulatedTask, 'exitCode' | 'containerReason' | 'stopCode' | 'stoppedReason'>,
  ): void {
    if (task.over) return;
    task.over = true;
    task.executionStoppedAtMs = this.#time.now();
    if (task.desiredStatus === 'RUNNING') {
      task.desiredStatus = 'STOPPED';
      this.#events.leaves(task);
    }
    task.stopCode ??= how.stopCode ?? 'EssentialContainerExited';
    task.stoppedReason ??= how.stoppedReason ?? 'Essential container in task exited';
    if (how.exitCode !== undefined) task.exitCode = how.exitCode;
    if (how.containerReason !== undefined) task.containerReason = how.containerReason;
    task.lastStatus = 'DEPROVISIONING';
    this.changed(task);
    this.#time.after(this.#random.between(4000, 25_000), () => {
      task.lastStatus = 'STOPPED';
      task.stoppedAtMs = this.#time.now();
      this.changed(task);
    });
  }

  #document(task: SimulatedTask): Task {
    const at = (ms: number | undefined): Date | undefined =>
      ms === undefined ? undefined : new Date(ms + this.#settings.ecsSkewMs);
    return {
      taskArn: task.arn,
      taskDefinitionArn: `arn:aws:ecs:eu-central-1:123456789012:task-definition/${task.family}:${this.#revision}`,
      lastStatus: task.lastStatus,
      desiredStatus: task.desiredStatus,
      startedBy: task.startedBy,
      createdAt: at(task.createdAtMs),
      startedAt: at(task.startedAtMs),
      executionStoppedAt: at(task.executionStoppedAtMs),
      stoppedAt: at(task.stoppedAtMs),
      stopCode: task.stopCode,
      stoppedReason: task.stoppedReason,
      tags: task.tags,
      containers: [{ name: 'agent', exitCode: task.exitCode, reason: task.containerReason }],
    };
  }

  /** The task as a read with this delay shows it; `undefined` if the read doesn't know the task yet, or no longer. */
  shown(task: SimulatedTask, lagMs: number): Task | undefined {
    const asOfMs = this.#time.now() - lagMs;
    if (task.stoppedAtMs !== undefined && asOfMs - task.stoppedAtMs > HOUR_MS) return undefined;
    for (let i = task.versions.length - 1; i >= 0; i -= 1) {
      const version = task.versions[i];
      if (version !== undefined && version.atMs <= asOfMs) return version.task;
    }
    return undefined;
  }
}

/** How long the agent of a launch waits. */
function idleMsOf({ overrides }: RunTaskCommandInput): number | undefined {
  const variables = overrides?.containerOverrides?.flatMap(({ environment = [] }) => environment) ?? [];
  const seconds = variables.find(({ name }) => name === IDLE_SECONDS_VARIABLE)?.value;
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
