import type { Cancel, Scheduler } from '../../aws/core/scheduler.ts';
import type { ContainerLaunch, RunningContainer, TaskRunner } from './runner.ts';
import type { StartFailures } from './start-failures.ts';
import type { Container, StopCode, Task, TaskStatus } from './task.ts';
import { ESSENTIAL_CONTAINER_EXITED, OUT_OF_MEMORY } from './wording.ts';

/** Duration of each part of a task's start and end, in milliseconds. */
export interface Phases {
  /** PROVISIONING: creates the network interface. */
  readonly provisionMs: number;
  /** PENDING: pulls the image and reads the secrets. */
  readonly pullMs: number;
  /** ACTIVATING: from the pulled image to the running process. */
  readonly bootMs: number;
  /** DEPROVISIONING: deletes the network interface. */
  readonly deprovisionMs: number;
}

export type SecretAnswer = { readonly value: string } | { readonly failure: string };

export interface LifecycleParts {
  readonly scheduler: Scheduler;
  readonly runner: TaskRunner;
  readonly phases: (task: Task) => Phases;
  readonly startFailures: StartFailures;
  /** Value of a container secret, read with the execution role. */
  readonly secret: (valueFrom: string, executionRoleArn: string | undefined) => SecretAnswer;
  readonly changed: (task: Task) => void;
}

/** Default `stopTimeout` in seconds. */
const DEFAULT_STOP_TIMEOUT = 30;

interface Control {
  timer?: Cancel;
  readonly running: Map<Container, { readonly handle: RunningContainer; killTimer?: Cancel }>;
  environments: ReadonlyMap<Container, Readonly<Record<string, string>>>;
}

/** Moves tasks from PROVISIONING to STOPPED. */
export class Lifecycle {
  readonly #parts: LifecycleParts;
  readonly #controls = new Map<Task, Control>();
  #closed = false;

  constructor(parts: LifecycleParts) {
    this.#parts = parts;
  }

  /** Starts a task that was just created. */
  begin(task: Task): void {
    const control: Control = { running: new Map(), environments: new Map() };
    this.#controls.set(task, control);
    this.#record(task);
    this.#next(task, this.#parts.phases(task).provisionMs, () => this.#pull(task, control));
  }

  /** Stops a task with SIGTERM, and SIGKILL later. Does nothing if the task is already stopping. */
  stop(task: Task, code: StopCode, reason: string): void {
    const control = this.#controls.get(task);
    if (control === undefined || task.desiredStatus === 'STOPPED') return;
    control.timer?.();
    task.desiredStatus = 'STOPPED';
    task.stopCode = code;
    task.stoppedReason = reason;
    task.stoppingAt = this.#parts.scheduler.now();
    if (control.running.size === 0) {
      this.#deprovision(task);
      return;
    }
    this.#enter(task, 'DEACTIVATING');
    this.#enter(task, 'STOPPING');
    for (const [container, running] of control.running) {
      const timeoutMs = (container.definition.stopTimeout ?? DEFAULT_STOP_TIMEOUT) * 1000;
      running.killTimer = this.#parts.scheduler.after(timeoutMs, () => running.handle.signal('SIGKILL'));
      running.handle.signal('SIGTERM');
    }
  }

  /** Kills a container because it ran out of memory. @returns false if the task has no running container */
  outOfMemory(task: Task, containerName?: string): boolean {
    return this.#kill(task, containerName, OUT_OF_MEMORY);
  }

  /** Kills a container with SIGKILL, as a fault of its host would. @returns false if the task has no running container */
  kill(task: Task): boolean {
    return this.#kill(task, undefined, undefined);
  }

  /** Stops all scheduled changes. The caller must end the runner's processes. */
  close(): void {
    this.#closed = true;
    for (const { timer, running } of this.#controls.values()) {
      timer?.();
      for (const { killTimer } of running.values()) killTimer?.();
    }
    this.#controls.clear();
  }

  #kill(task: Task, containerName: string | undefined, reason: string | undefined): boolean {
    const running = [...(this.#controls.get(task)?.running ?? [])];
    const found = running.find(([{ definition }]) => containerName === undefined || definition.name === containerName);
    if (found === undefined) return false;
    if (reason !== undefined) found[0].reason = reason;
    found[1].handle.signal('SIGKILL');
    return true;
  }

  #pull(task: Task, control: Control): void {
    const { scheduler, runner, phases, startFailures } = this.#parts;
    const noNetwork = startFailures.take(task, 'provision');
    if (noNetwork !== undefined) {
      this.#failToStart(task, noNetwork);
      return;
    }
    task.connectivity = 'CONNECTED';
    task.connectivityAt = scheduler.now();
    task.pullStartedAt = scheduler.now();
    this.#enter(task, 'PENDING');
    let failure = startFailures.take(task, 'pull');
    let waiting = task.containers.length + 1;
    const done = (): void => {
      waiting -= 1;
      if (waiting > 0 || this.#closed || task.desiredStatus === 'STOPPED') return;
      if (failure === undefined) this.#activate(task, control);
      else this.#failToStart(task, failure);
    };
    const environments = this.#environments(task);
    if (typeof environments === 'string') failure ??= environments;
    else control.environments = environments;
    for (const container of task.containers) {
      runner.pull(container.definition.image, (result) => {
        if ('digest' in result) container.imageDigest = result.digest;
        else {
          container.reason = result.failure;
          failure ??= result.failure;
        }
        done();
      });
    }
    this.#next(task, phases(task).pullMs, done);
  }

  #activate(task: Task, control: Control): void {
    task.pullStoppedAt = this.#parts.scheduler.now();
    this.#enter(task, 'ACTIVATING');
    this.#next(task, this.#parts.phases(task).bootMs, () => this.#run(task, control));
  }

  #run(task: Task, control: Control): void {
    const failure = this.#parts.startFailures.take(task, 'start');
    if (failure !== undefined) {
      this.#failToStart(task, failure);
      return;
    }
    let waiting = task.containers.length;
    for (const container of task.containers) {
      const handle = this.#parts.runner.start(this.#launch(task, container, control), {
        started: () => {
          if (this.#closed) return;
          container.lastStatus = 'RUNNING';
          container.startedAt = this.#parts.scheduler.now();
          waiting -= 1;
          if (waiting > 0 || task.desiredStatus === 'STOPPED') return;
          task.startedAt = container.startedAt;
          this.#enter(task, 'RUNNING');
        },
        failed: (reason) => {
          if (this.#closed) return;
          container.reason = reason;
          this.#ended(task, control, container, undefined, 'TaskFailedToStart', reason);
        },
        exited: (exitCode, reason) => {
          if (this.#closed) return;
          if (reason !== undefined) container.reason = reason;
          this.#ended(task, control, container, exitCode, 'EssentialContainerExited', ESSENTIAL_CONTAINER_EXITED);
        },
      });
      control.running.set(container, { handle });
    }
  }

  #ended(
    task: Task,
    control: Control,
    container: Container,
    exitCode: number | undefined,
    code: StopCode,
    reason: string,
  ): void {
    control.running.get(container)?.killTimer?.();
    control.running.delete(container);
    container.lastStatus = 'STOPPED';
    if (exitCode !== undefined) container.exitCode = exitCode;
    const essential = container.definition.essential !== false;
    if (task.desiredStatus === 'RUNNING' && (essential || code === 'TaskFailedToStart')) {
      if (control.running.size > 0) {
        this.stop(task, code, reason);
        return;
      }
      task.desiredStatus = 'STOPPED';
      task.stopCode = code;
      task.stoppedReason = reason;
      task.stoppingAt = this.#parts.scheduler.now();
      if (code === 'EssentialContainerExited') {
        this.#enter(task, 'DEACTIVATING');
        this.#enter(task, 'STOPPING');
      }
    }
    if (task.desiredStatus === 'RUNNING' || control.running.size > 0) {
      this.#record(task);
      return;
    }
    task.executionStoppedAt = this.#parts.scheduler.now();
    this.#deprovision(task);
  }

  #failToStart(task: Task, reason: string): void {
    task.desiredStatus = 'STOPPED';
    task.stopCode = 'TaskFailedToStart';
    task.stoppedReason = reason;
    task.stoppingAt = this.#parts.scheduler.now();
    // AWS's example of StopTask shows it for such a task: https://docs.aws.amazon.com/cli/latest/reference/ecs/stop-task.html
    task.executionStoppedAt = task.stoppingAt;
    this.#deprovision(task);
  }

  #deprovision(task: Task): void {
    for (const container of task.containers) container.lastStatus = 'STOPPED';
    this.#enter(task, 'DEPROVISIONING');
    this.#next(task, this.#parts.phases(task).deprovisionMs, () => {
      task.stoppedAt = this.#parts.scheduler.now();
      this.#enter(task, 'STOPPED');
      this.#controls.delete(task);
      this.#parts.runner.cleanUp(task.id);
    });
  }

  #environments(task: Task): ReadonlyMap<Container, Readonly<Record<string, string>>> | string {
    const environments = new Map<Container, Readonly<Record<string, string>>>();
    for (const container of task.containers) {
      const { definition, override } = container;
      if ((definition.environmentFiles ?? []).length + (override.environmentFiles ?? []).length > 0) {
        return 'ResourceInitializationError: failed to download env files: there is no Amazon S3 here';
      }
      const variables: Record<string, string> = {};
      for (const { name, value } of [...(definition.environment ?? []), ...(override.environment ?? [])]) {
        if (name !== undefined) variables[name] = value ?? '';
      }
      for (const { name, valueFrom } of definition.secrets ?? []) {
        const answer = this.#parts.secret(valueFrom, task.executionRoleArn);
        if ('failure' in answer) return answer.failure;
        variables[name] = answer.value;
      }
      environments.set(container, variables);
    }
    return environments;
  }

  #launch(task: Task, container: Container, control: Control): ContainerLaunch {
    const command = container.override.command ?? container.definition.command;
    return {
      taskId: task.id,
      taskArn: task.arn,
      runtimeId: container.runtimeId,
      definition: container.definition,
      size: task.size,
      ...(command === undefined ? {} : { command }),
      environment: control.environments.get(container) ?? {},
    };
  }

  #next(task: Task, delayMs: number, step: () => void): void {
    const control = this.#controls.get(task);
    if (control !== undefined) control.timer = this.#parts.scheduler.after(delayMs, step);
  }

  #enter(task: Task, status: TaskStatus): void {
    task.lastStatus = status;
    this.#record(task);
  }

  #record(task: Task): void {
    task.version += 1;
    const { lastStatus, desiredStatus, version } = task;
    task.history.push({ at: this.#parts.scheduler.now(), lastStatus, desiredStatus, version });
    this.#parts.changed(task);
  }
}
