import type { Task } from './task.ts';

/** A fault that makes tasks fail to start (`stopCode` TaskFailedToStart). */
export interface StartFailure {
  /** The step that fails: `provision` (the network interface), `pull` (image and secrets) or `start` (the process). */
  readonly at: 'provision' | 'pull' | 'start';
  /** Limits the fault to tasks of this family. Default: all families. */
  readonly family?: string;
  /** Limits the fault to the task with this id. Default: all tasks. */
  readonly task?: string;
  /** Becomes `stoppedReason`. */
  readonly reason: string;
  /** Number of affected tasks. Default: unlimited. */
  readonly times?: number;
}

export class StartFailures {
  readonly #failures = new Set<{ readonly failure: StartFailure; left: number }>();

  /** Adds a fault. @returns a function that ends it */
  add(failure: StartFailure): () => void {
    const entry = { failure, left: failure.times ?? Number.POSITIVE_INFINITY };
    this.#failures.add(entry);
    return () => this.#failures.delete(entry);
  }

  /** The reason why this task fails at this point, if it does. */
  take(task: Task, at: StartFailure['at']): string | undefined {
    for (const entry of this.#failures) {
      const { failure } = entry;
      if (failure.at !== at || (failure.family ?? task.definition.family) !== task.definition.family) continue;
      if ((failure.task ?? task.id) !== task.id) continue;
      entry.left -= 1;
      if (entry.left <= 0) this.#failures.delete(entry);
      return failure.reason;
    }
    return undefined;
  }
}
