import type { FargateSize } from './fargate-size.ts';
import type { ContainerDefinition } from './task-definition-schema.ts';

/**
 * Runs a task's containers: as processes of this machine, in a container engine, or simulated. The rules decide when a container
 * starts, and the runner decides how. The interface has callbacks instead of promises, so that a runner in virtual time needs no
 * event loop. A container has the events `started` and then `exited`, or only `failed`. They never occur inside the call of `start`.
 */
export interface TaskRunner {
  /** Looks up the image, and calls `done` once, either immediately or later. */
  pull(image: string, done: (result: PullResult) => void): void;
  start(launch: ContainerLaunch, events: ContainerEvents): RunningContainer;
  /** Called after the task has ended. Removes what its containers left. */
  cleanUp(taskId: string): void;
}

export type PullResult = { readonly digest: string } | { readonly failure: string };

export interface ContainerLaunch {
  readonly taskId: string;
  readonly taskArn: string;
  readonly runtimeId: string;
  readonly definition: ContainerDefinition;
  /** Size of the whole task, which its containers share. */
  readonly size: FargateSize;
  /** Command of the override or of the definition. Default: the image's own. */
  readonly command?: readonly string[];
  /** The definition's environment. The overrides replace its values, and the secrets replace both. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ContainerEvents {
  started(): void;
  /** The container couldn't be started. The text becomes the task's `stoppedReason`. */
  failed(reason: string): void;
  /**
   * The container ended. `exitCode` is that of the process, or 128 plus the number of the signal that ended it. `reason` becomes the
   * container's reason, for example `OutOfMemoryError: …` if the kernel killed one of its processes.
   */
  exited(exitCode: number, reason?: string): void;
}

export interface RunningContainer {
  /** Sends SIGTERM to the container's first process, or SIGKILL to all its processes. Harmless if it has exited. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}
