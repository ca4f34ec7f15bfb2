import type { FargateSize } from './fargate-size.ts';
import type { ContainerDefinition } from './task-definition-schema.ts';

/**
 * Runs a task's containers: as processes of this machine, in a container engine, or as a script in a simulation. The rules decide
 * when, a runner decides how. It uses callbacks instead of promises, so that a runner in virtual time needs no event loop. The
 * events of a container are `started`, then `exited`; or only `failed`. They never occur inside the call of `start`.
 */
export interface TaskRunner {
  /** Looks up the image, and calls back once, inside the call or later. */
  pull(image: string, done: (result: PullResult) => void): void;
  start(launch: ContainerLaunch, events: ContainerEvents): RunningContainer;
  /** The task has ended. Removes what its containers left. */
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
  /** The definition's environment, overridden by the override's, overridden by the secrets. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ContainerEvents {
  started(): void;
  /** It couldn't be started. The text becomes the task's `stoppedReason`. */
  failed(reason: string): void;
  /**
   * `exitCode` is the process's own, or 128 + the signal that ended it; `reason` becomes the container's, as
   * `OutOfMemoryError: …` does when the kernel killed any of its processes.
   */
  exited(exitCode: number, reason?: string): void;
}

export interface RunningContainer {
  /** Sends SIGTERM to the container's first process, or SIGKILL to all its processes. Harmless if it has exited. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}
