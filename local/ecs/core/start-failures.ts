import type { Task } from './task.ts';

/** A fault that ends tasks while they start (`stopCode` TaskFailedToStart). */
export interface StartFailure {
  /** `provision`: before the network interface; `pull`: instead of image and secrets; `start`: instead of the process. */
  readonly at: 'provision' | 'pull' | 'start';
  /** Restricts the fault to tasks of this family. Default: all. */
  readonly family?: string;
  /** Restricts the fault to the task with this id. Default: all. */
  readonly task?: string;
  /** Becomes `stoppedReason`. */
  readonly reason: string;
  /** Number of tasks that it affects. Default: unlimited. */
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
