/** Reads lines of the launcher's log. */
import type * as z from 'zod';
import {
  LOG_MESSAGES,
  type TaskEndedLine,
  type TickLine,
  taskEndedLine,
  tickLine,
} from '../../functions/launcher/log-lines.ts';
import { foreignJsonOf } from '../core/json.ts';
import type { At } from '../core/why/evidence.ts';
import type { Aws } from './clients.ts';
import { type LogEvent, type LogQuery, logEvents, withMessage } from './log-events.ts';

type Query = Omit<LogQuery, 'pattern'>;

/** Yields the lines of ticks, with and without errors. */
export async function* tickLines(aws: Aws, query: Query): AsyncGenerator<At<TickLine>> {
  const pattern = withMessage(LOG_MESSAGES.tick, LOG_MESSAGES.tickWithErrors);
  for await (const { atMs, message } of logEvents(aws, { ...query, pattern })) {
    const line = lineIn(tickLine, message);
    if (line !== undefined) yield { atMs, line };
  }
}

/** The newest line of a tick since a time; `undefined` if there is none. */
export async function latestTick(aws: Aws, group: string, fromMs: number): Promise<TickLine | undefined> {
  let latest: TickLine | undefined;
  for await (const { line } of tickLines(aws, { group, fromMs })) {
    if (latest === undefined || line.timestamp >= latest.timestamp) latest = line;
  }
  return latest;
}

/** The tasks that ended in a period, oldest line first. See {@link endedIn} for tasks that several lines report. */
export async function endedTasks(aws: Aws, query: Query): Promise<TaskEndedLine[]> {
  const events: LogEvent[] = [];
  for await (const event of logEvents(aws, { ...query, pattern: withMessage(LOG_MESSAGES.taskEnded) })) {
    events.push(event);
  }
  return endedIn(events);
}

/**
 * The tasks that these events report as ended. Each function instance that sees the end of a task reports it, so a task can have several lines. It appears
 * once, with its first line, whose instance saw it run. A later line is better only if it is the first one with the job.
 *
 * @param events oldest first
 */
export function endedIn(events: readonly Pick<LogEvent, 'message'>[]): TaskEndedLine[] {
  const lines = events.flatMap(({ message }) => lineIn(taskEndedLine, message) ?? []);
  const first = new Map<string, TaskEndedLine>();
  for (const line of lines) {
    const known = first.get(line.task);
    if (known === undefined || (known.job === undefined && line.job !== undefined)) first.set(line.task, line);
  }
  return [...first.values()];
}

/** The line that a message contains; `undefined` if it is another one. */
export function lineIn<T>(schema: z.ZodType<T>, message: string): T | undefined {
  return schema.safeParse(foreignJsonOf(message)).data;
}
