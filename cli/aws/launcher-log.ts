/** Reads the launcher's log: what it logged about a run, its last ticks, tasks that ended, and failures of its function. */
import * as z from 'zod';
import { type TickLine, tickLine } from '../../functions/launcher/log-lines.ts';
import { foreignJsonOf } from '../core/json.ts';
import type { At, LogReading } from '../core/why/evidence.ts';
import { CommandError } from '../io.ts';
import type { Aws } from './clients.ts';
import { endedIn, lineIn, tickLines } from './launcher-lines.ts';
import { type LogEvent, logEvents } from './log-events.ts';

const MINUTE_MS = 60_000;
/** The last ticks: long enough for the schedule's longest interval, and for lines that CloudWatch shows late. */
const RECENT_MS = 5 * MINUTE_MS;
/** If there is no recent tick, the last one is searched in this time. */
const EARLIER_MS = 3 * 24 * 60 * MINUTE_MS;
/** A job that is deferred in every tick for hours has thousands of lines. The first ones and the newest ones tell enough. */
const FIRST_LINES = 500;
const NEWEST_LINES = 200;

export interface LogSearch {
  readonly group: string;
  readonly runId: string;
  /** Start of the time to search for the run. */
  readonly sinceMs: number;
  readonly nowMs: number;
}

/** Reads everything that the launcher's log says about the run and about now. Missing permissions don't reject, they are in the result. */
export async function readLauncherLog(aws: Aws, { group, runId, sinceMs, nowMs }: LogSearch): Promise<LogReading> {
  try {
    const [lines, recentTicks, failures] = await Promise.all([
      linesAbout(aws, { group, runId, sinceMs, nowMs }),
      lastTicks(aws, group, nowMs),
      failuresOf(aws, group, nowMs),
    ]);
    const aboutRun = lines.flatMap(({ atMs, message }) => {
      const tick = lineIn(tickLine, message);
      return (tick?.pools ?? []).flatMap((line) => (JSON.stringify(line).includes(runId) ? { atMs, line } : []));
    });
    return { aboutRun, ended: endedIn(lines), recentTicks, failures };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { aboutRun: [], ended: [], recentTicks: [], failures: [], unreadable: error.message };
  }
}

async function linesAbout(aws: Aws, { group, runId, sinceMs, nowMs }: LogSearch): Promise<LogEvent[]> {
  const query = { group, toMs: nowMs, pattern: JSON.stringify(runId) };
  const first = await firstOf(logEvents(aws, { ...query, fromMs: sinceMs }), FIRST_LINES);
  if (first.length < FIRST_LINES) return first;
  const fromMs = (first.at(-1)?.atMs ?? sinceMs) + 1;
  const newest = await firstOf(logEvents(aws, { ...query, fromMs, newestFirst: true }), NEWEST_LINES);
  return [...first, ...newest.toReversed()];
}

async function firstOf<T>(events: AsyncIterable<T>, count: number): Promise<T[]> {
  const first: T[] = [];
  for await (const event of events) {
    first.push(event);
    if (first.length >= count) break;
  }
  return first;
}

/** The ticks of the last minutes, oldest first; or else the last tick of the last days; or none. */
export async function lastTicks(aws: Aws, group: string, nowMs: number): Promise<At<TickLine>[]> {
  const recent: At<TickLine>[] = [];
  for await (const tick of tickLines(aws, { group, fromMs: nowMs - RECENT_MS, toMs: nowMs })) recent.push(tick);
  if (recent.length > 0) return recent;
  return firstOf(tickLines(aws, { group, fromMs: nowMs - EARLIER_MS, toMs: nowMs - RECENT_MS, newestFirst: true }), 1);
}

/** An exception that ended an invocation, as the Node.js runtime logs it, with `message` as an object if the format is JSON. */
const exception = z.looseObject({ errorType: z.string().optional(), errorMessage: z.string() });
const exceptionLine = z.looseObject({ level: z.string(), message: exception.or(z.string()).optional() });

/** Lambda's report of an invocation: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html */
const reportLine = z.looseObject({
  type: z.enum(['platform.report', 'platform.initReport', 'platform.runtimeDone']),
  record: z.looseObject({ status: z.string().optional(), errorType: z.string().optional() }),
});

async function failuresOf(aws: Aws, group: string, nowMs: number): Promise<At<string>[]> {
  const fromMs = nowMs - RECENT_MS;
  // Each term is optional (`?`), so an event with any of them matches.
  const pattern = '?"Task timed out" ?errorMessage ?"platform.report" ?"Invoke Error" ?"Runtime exited"';
  const failures: At<string>[] = [];
  for await (const { atMs, message } of logEvents(aws, { group, fromMs, toMs: nowMs, pattern })) {
    const line = failureIn(message);
    if (line !== undefined) failures.push({ atMs, line });
  }
  return failures;
}

/** What a line of Lambda says about a failed invocation; `undefined` for any other line. */
export function failureIn(message: string): string | undefined {
  const json = foreignJsonOf(message);
  if (json === undefined) {
    return /Task timed out after [\d.]+ seconds|Runtime exited[^\n]*|Runtime\.\w+: [^\n]*/.exec(message)?.[0];
  }
  // The function reports errors of a tick as an exception, but the tick has its own line, which says more.
  const direct = exception.safeParse(json).data;
  const nested = exceptionLine.safeParse(json).data?.message;
  const thrown = direct ?? (typeof nested === 'object' ? nested : undefined);
  if (thrown !== undefined) {
    if (thrown.errorType === 'AggregateError') return undefined;
    return [thrown.errorType, thrown.errorMessage.split('\n').slice(0, 2).join(' ')].filter(Boolean).join(': ');
  }
  const report = reportLine.safeParse(json).data?.record;
  if (report?.status === 'timeout') return 'an invocation timed out';
  return report?.status === 'error' && report.errorType !== undefined && report.errorType.startsWith('Runtime.')
    ? report.errorType
    : undefined;
}
