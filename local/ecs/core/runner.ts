import type { FargateSize } from './fargate-size.ts';
import type { ContainerDefinition } from './task-definition-schema.ts';

/**
 * What carries a task's containers: processes of this machine, a container engine, or nothing but a script in a
 * simulation. The rules say when; a runner says how. It calls back and returns nothing to wait for, so that a runner
 * in virtual time needs no event loop. Events of one container come in the order `started` (or `failed`, and then
 * nothing more), `exited`; never inside the call of `start` itself.
 */
export interface TaskRunner {
  /** Looks the image up, and calls back once, inside the call or later. */
  pull(image: string, done: (result: PullResult) => void): void;
  start(launch: ContainerLaunch, events: ContainerEvents): RunningContainer;
  /** The task is over: what its containers left behind may go. */
  cleanUp(taskId: string): void;
}

export type PullResult = { readonly digest: string } | { readonly failure: string };

export interface ContainerLaunch {
  readonly taskId: string;
  readonly taskArn: string;
  readonly runtimeId: string;
  readonly definition: ContainerDefinition;
  /** Of the whole task: what its containers share. */
  readonly size: FargateSize;
  /** Command of the override or else of the definition; absent: the image's own. */
  readonly command?: readonly string[];
  /** The definition's environment, the override's over it, and the secrets over both. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ContainerEvents {
  started(): void;
  /** It could not be started: the text becomes the task's `stoppedReason`. */
  failed(reason: string): void;
  /**
   * `exitCode` is the process's own, or 128 + the signal that ended it; `reason` becomes the container's, as
   * `OutOfMemoryError: …` does when the kernel killed any of its processes.
   */
  exited(exitCode: number, reason?: string): void;
}

export interface RunningContainer {
  /** SIGTERM goes to the container's first process, SIGKILL to all of it. Harmless when it has exited. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}
