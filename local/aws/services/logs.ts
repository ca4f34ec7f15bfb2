/** Amazon CloudWatch Logs: reading. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { filterPattern } from '../core/filter-pattern.ts';
import { type LogGroupRecord, LogStore, type LogStreamRecord, type StoredEvent } from '../core/log-store.ts';
import { decodeToken, encodeToken, pageOf } from '../core/pages.ts';
import { arnOf, type Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { JsonService } from '../json-protocol.ts';

export interface LogsOptions {
  /**
   * Maximum number of events that one page of FilterLogEvents searches. AWS also returns pages that are empty although more pages follow.
   * Default: 10,000.
   */
  readonly searchedPerPage?: number;
}

const CODE = 'InvalidParameterException';
/** https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html */
const MOST_EVENTS = 10_000;
const MOST_BYTES = 1024 * 1024;
/** What CloudWatch Logs adds to the length of each event. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
const EVENT_BYTES = 26;

const groupName = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[.\-_/#A-Za-z0-9]+$/);
const streamName = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[^:*]*$/);
const inGroup = { logGroupName: groupName.optional(), logGroupIdentifier: z.string().min(1).max(2048).optional() };
const range = { startTime: z.int().min(0).optional(), endTime: z.int().min(0).optional() };
const nextToken = z.string().min(1).optional();
const eventLimit = z.int().min(1).max(MOST_EVENTS).default(MOST_EVENTS);
const itemLimit = z.int().min(1).max(50).default(50);

const filterLogEvents = z.object({
  ...inGroup,
  ...range,
  logStreamNames: z.array(streamName).min(1).max(100).optional(),
  logStreamNamePrefix: streamName.optional(),
  filterPattern: z.string().max(1024).default(''),
  startFromHead: z.boolean().default(true),
  limit: eventLimit,
  nextToken,
});
const getLogEvents = z.object({
  ...inGroup,
  ...range,
  logStreamName: streamName,
  limit: eventLimit,
  startFromHead: z.boolean().default(false),
  nextToken,
});
const describeLogStreams = z.object({
  ...inGroup,
  logStreamNamePrefix: streamName.optional(),
  orderBy: z.enum(['LogStreamName', 'LastEventTime']).default('LogStreamName'),
  descending: z.boolean().default(false),
  limit: itemLimit,
  nextToken,
});
const describeLogGroups = z.object({
  logGroupNamePrefix: groupName.optional(),
  logGroupNamePattern: z.string().max(512).optional(),
  limit: itemLimit,
  nextToken,
});

export class Logs {
  readonly store: LogStore;
  readonly #place: Place;
  readonly #searchedPerPage: number;

  constructor(place: Place, now: () => number, options: LogsOptions = {}) {
    this.#place = place;
    this.store = new LogStore(now);
    this.#searchedPerPage = options.searchedPerPage ?? MOST_EVENTS;
  }

  readonly service: JsonService = {
    protocol: 'json',
    target: 'Logs_20140328',
    messageMember: 'message',
    actions: {
      FilterLogEvents: (input) => this.#filter(input),
      GetLogEvents: (input) => this.#get(input),
      DescribeLogStreams: (input) => this.#describeStreams(input),
      DescribeLogGroups: (input) => this.#describeGroups(input),
    },
  };

  #filter(input: unknown): object {
    const wanted = validate(filterLogEvents, input, CODE);
    const group = this.#group(wanted);
    const { logStreamNames: names, logStreamNamePrefix: prefix, startTime = 0, endTime = Infinity } = wanted;
    if (names !== undefined && prefix !== undefined) {
      throw new ApiError(CODE, 'logStreamNamePrefix and logStreamNames cannot both be specified.');
    }
    for (const name of names ?? []) this.#stream(group, name);
    const matches = filterPattern(wanted.filterPattern);
    const position = positionOf(wanted.nextToken, wanted.startFromHead ? 'f' : 'b');
    const isForward = position.direction === 'f';
    const ordered = isForward ? group.events : group.events.toReversed();
    const inRange = ordered.filter(
      ({ timestamp, stream, id }) =>
        timestamp >= startTime &&
        timestamp <= endTime &&
        (names?.includes(stream) ?? true) &&
        stream.startsWith(prefix ?? '') &&
        (position.after === '' || (isForward ? id > position.after : id < position.after)),
    );
    const events: StoredEvent[] = [];
    let bytes = 0;
    let searched = 0;
    for (const event of inRange) {
      if (searched >= this.#searchedPerPage || events.length >= wanted.limit) break;
      const isMatch = matches(event.message);
      if (isMatch) {
        bytes += Buffer.byteLength(event.message) + EVENT_BYTES;
        if (bytes > MOST_BYTES && events.length > 0) break;
        events.push(event);
      }
      searched += 1;
    }
    const last = inRange[searched - 1];
    return {
      events: events.map(({ stream, timestamp, message, ingestionTime, id }) => ({
        logStreamName: stream,
        timestamp,
        message,
        ingestionTime,
        eventId: id,
      })),
      searchedLogStreams: [],
      ...(searched < inRange.length && last !== undefined && { nextToken: tokenOf(position.direction, last.id) }),
    };
  }

  #get(input: unknown): object {
    const wanted = validate(getLogEvents, input, CODE);
    const group = this.#group(wanted);
    this.#stream(group, wanted.logStreamName);
    const { startTime = 0, endTime = Infinity, limit } = wanted;
    const position = positionOf(wanted.nextToken, wanted.startFromHead ? 'f' : 'b');
    const isForward = position.direction === 'f';
    const events = group.events.filter(
      ({ stream, timestamp, id }) =>
        stream === wanted.logStreamName &&
        timestamp >= startTime &&
        timestamp < endTime &&
        (position.after === '' || (isForward ? id > position.after : id < position.after)),
    );
    const page = isForward ? headOf(events, limit) : headOf(events.toReversed(), limit).reverse();
    return {
      events: page.map(({ timestamp, message, ingestionTime }) => ({ timestamp, message, ingestionTime })),
      // At the end of the stream, the token is the one that was passed.
      nextForwardToken: tokenOf('f', page.at(-1)?.id ?? position.after),
      nextBackwardToken: tokenOf('b', page[0]?.id ?? position.after),
    };
  }

  #describeStreams(input: unknown): object {
    const wanted = validate(describeLogStreams, input, CODE);
    const group = this.#group(wanted);
    const byTime = wanted.orderBy === 'LastEventTime';
    if (byTime && wanted.logStreamNamePrefix !== undefined) {
      throw new ApiError(CODE, 'Cannot order by LastEventTime with a logStreamNamePrefix.');
    }
    const streams = [...group.streams.values()]
      .filter(({ name }) => name.startsWith(wanted.logStreamNamePrefix ?? ''))
      .sort((one, other) => (byTime ? (one.last ?? 0) - (other.last ?? 0) : 0) || (one.name < other.name ? -1 : 1));
    const ordered = wanted.descending ? streams.reverse() : streams;
    const page = pageOf(ordered, ({ name }) => name, { token: wanted.nextToken, size: wanted.limit }, invalidToken);
    return {
      logStreams: page.items.map((stream) => this.#streamDocument(group.name, stream)),
      ...(page.next !== undefined && { nextToken: page.next }),
    };
  }

  #streamDocument(group: string, { name, createdAt, first, last, ingested }: LogStreamRecord): object {
    return {
      logStreamName: name,
      creationTime: createdAt,
      ...(first !== undefined && { firstEventTimestamp: first }),
      ...(last !== undefined && { lastEventTimestamp: last }),
      ...(ingested !== undefined && { lastIngestionTime: ingested }),
      arn: arnOf('logs', this.#place, `log-group:${group}:log-stream:${name}`),
      storedBytes: 0,
    };
  }

  #describeGroups(input: unknown): object {
    const wanted = validate(describeLogGroups, input, CODE);
    const { logGroupNamePrefix: prefix, logGroupNamePattern: pattern } = wanted;
    if (prefix !== undefined && pattern !== undefined) {
      throw new ApiError(CODE, 'LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.');
    }
    const groups = this.store
      .groups()
      .filter(({ name }) => name.startsWith(prefix ?? '') && name.includes(pattern ?? ''));
    const page = pageOf(groups, ({ name }) => name, { token: wanted.nextToken, size: wanted.limit }, invalidToken);
    return {
      logGroups: page.items.map((group) => {
        const arn = arnOf('logs', this.#place, `log-group:${group.name}`);
        return {
          logGroupName: group.name,
          creationTime: group.createdAt,
          ...(group.retentionInDays !== undefined && { retentionInDays: group.retentionInDays }),
          metricFilterCount: 0,
          arn: `${arn}:*`,
          storedBytes: group.events.reduce((sum, { message }) => sum + Buffer.byteLength(message) + EVENT_BYTES, 0),
          logGroupClass: 'STANDARD',
          logGroupArn: arn,
        };
      }),
      ...(page.next !== undefined && { nextToken: page.next }),
    };
  }

  #group({
    logGroupName,
    logGroupIdentifier,
  }: {
    logGroupName?: string | undefined;
    logGroupIdentifier?: string | undefined;
  }): LogGroupRecord {
    if ((logGroupName === undefined) === (logGroupIdentifier === undefined)) {
      throw new ApiError(CODE, 'Exactly one of logGroupName and logGroupIdentifier must be specified.');
    }
    const [, inArn] = /^arn:aws[a-z-]*:logs:[^:]*:\d*:log-group:([^:]+)(?::\*)?$/.exec(logGroupIdentifier ?? '') ?? [];
    return this.store.group(logGroupName ?? inArn ?? logGroupIdentifier ?? '');
  }

  #stream(group: LogGroupRecord, name: string): void {
    if (group.streams.has(name)) return;
    throw new ApiError('ResourceNotFoundException', 'The specified log stream does not exist.');
  }
}

function headOf(events: readonly StoredEvent[], limit: number): StoredEvent[] {
  const page: StoredEvent[] = [];
  let bytes = 0;
  for (const event of events.slice(0, limit)) {
    bytes += Buffer.byteLength(event.message) + EVENT_BYTES;
    if (bytes > MOST_BYTES && page.length > 0) break;
    page.push(event);
  }
  return page;
}

type Direction = 'f' | 'b';

/** A page ends at an event, after which the next page begins in this direction. */
function positionOf(token: string | undefined, direction: Direction): { direction: Direction; after: string } {
  if (token === undefined) return { direction, after: '' };
  const [, own, after] = /^([fb])\/(\d*)$/.exec(decodeToken(token) ?? '') ?? [];
  if (after === undefined) throw invalidToken();
  return { direction: own === 'f' ? 'f' : 'b', after };
}

function tokenOf(direction: Direction, after: string): string {
  return encodeToken(`${direction}/${after}`);
}

function invalidToken(): ApiError {
  return new ApiError(CODE, 'The specified nextToken is invalid.');
}
