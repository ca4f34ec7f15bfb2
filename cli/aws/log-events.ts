/** Reads log events of CloudWatch Logs. */
import { FilterLogEventsCommand, type FilterLogEventsCommandInput } from '@aws-sdk/client-cloudwatch-logs';
import type { Aws } from './clients.ts';
import { ask } from './errors.ts';

export interface LogEvent {
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly message: string;
  readonly stream: string;
}

export interface LogQuery {
  readonly group: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  /** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html */
  readonly pattern?: string;
  readonly streams?: readonly string[];
  readonly streamPrefix?: string;
  /** Yields the newest event first. CloudWatch Logs requires a `fromMs` in 2024 or later. Default: false. */
  readonly newestFirst?: boolean;
}

export interface LogPage {
  readonly events: readonly LogEvent[];
  readonly isLast: boolean;
}

/** Yields the events of a log group, oldest first unless the query says otherwise. */
export async function* logEvents(aws: Aws, query: LogQuery): AsyncGenerator<LogEvent> {
  for await (const { events } of logPages(aws, query)) yield* events;
}

/** Yields the same in pages, for a reader that limits its requests. A page may be empty although more pages follow. */
export async function* logPages(aws: Aws, query: LogQuery): AsyncGenerator<LogPage> {
  const logs = await aws.logs();
  const input: FilterLogEventsCommandInput = {
    logGroupName: query.group,
    ...(query.fromMs !== undefined && { startTime: query.fromMs }),
    ...(query.toMs !== undefined && { endTime: query.toMs }),
    ...(query.pattern !== undefined && { filterPattern: query.pattern }),
    ...(query.streams !== undefined && { logStreamNames: [...query.streams] }),
    ...(query.streamPrefix !== undefined && { logStreamNamePrefix: query.streamPrefix }),
    ...(query.newestFirst === true && { startFromHead: false }),
  };
  let nextToken: string | undefined;
  do {
    const page = await ask(
      `read the log group ${query.group}`,
      logs.send(new FilterLogEventsCommand({ ...input, ...(nextToken !== undefined && { nextToken }) })),
    );
    nextToken = page.nextToken;
    yield {
      events: (page.events ?? []).map(({ timestamp = 0, message = '', logStreamName = '' }) => ({
        atMs: timestamp,
        message,
        stream: logStreamName,
      })),
      isLast: nextToken === undefined,
    };
  } while (nextToken !== undefined);
}

/** Pattern for log lines with this `message`: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html#metric-filters-extract-json */
export function withMessage(...messages: readonly string[]): string {
  return `{ ${messages.map((message) => `$.message = ${JSON.stringify(message)}`).join(' || ')} }`;
}
