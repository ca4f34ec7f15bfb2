/** One line of a container's output. */
export interface LogLine {
  readonly at: number;
  readonly container: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** Keeps the last lines of each task's output, in place of the awslogs driver. */
export class TaskLogs {
  readonly #limit: number;
  readonly #lines = new Map<string, LogLine[]>();

  constructor(limit = 10_000) {
    this.#limit = limit;
  }

  add(taskId: string, line: LogLine): void {
    const lines = this.#lines.get(taskId) ?? [];
    this.#lines.set(taskId, lines);
    lines.push(line);
    if (lines.length > this.#limit) lines.splice(0, lines.length - this.#limit);
  }

  lines(taskId: string): readonly LogLine[] {
    return this.#lines.get(taskId) ?? [];
  }

  /** Deletes the lines of all tasks that aren't in `known`. */
  keep(known: (taskId: string) => boolean): void {
    for (const taskId of this.#lines.keys()) if (!known(taskId)) this.#lines.delete(taskId);
  }
}
