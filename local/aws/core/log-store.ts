/** The log groups of CloudWatch Logs, their streams, and their events in the order of their times. */
import { ApiError } from './api-error.ts';

export interface StoredEvent {
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly ingestionTime: number;
  readonly message: string;
  readonly stream: string;
  /** 56 digits, in the order of the events. */
  readonly id: string;
}

export interface LogStreamRecord {
  readonly name: string;
  readonly createdAt: number;
  first: number | undefined;
  last: number | undefined;
  ingested: number | undefined;
}

export interface LogGroupRecord {
  readonly name: string;
  readonly createdAt: number;
  readonly retentionInDays: number | undefined;
  readonly streams: Map<string, LogStreamRecord>;
  readonly events: StoredEvent[];
}

/** Maximum number of events that a group keeps. Older events are removed, as at the end of their retention. */
const MOST_EVENTS = 100_000;

export class LogStore {
  readonly #now: () => number;
  readonly #groups = new Map<string, LogGroupRecord>();
  #added = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Does nothing if the group exists. */
  createGroup(name: string, retentionInDays?: number): void {
    if (this.#groups.has(name)) return;
    this.#groups.set(name, { name, createdAt: this.#now(), retentionInDays, streams: new Map(), events: [] });
  }

  deleteGroup(name: string): void {
    this.#groups.delete(name);
  }

  has(name: string): boolean {
    return this.#groups.has(name);
  }

  /** The groups, sorted by name. */
  groups(): readonly LogGroupRecord[] {
    return [...this.#groups.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** @throws ApiError if there is no such group */
  group(name: string): LogGroupRecord {
    const group = this.#groups.get(name);
    if (group !== undefined) return group;
    throw new ApiError('ResourceNotFoundException', 'The specified log group does not exist.');
  }

  /** Adds an event, and creates its stream. Does nothing if the group doesn't exist: the writer can't do anything about it. */
  add(groupName: string, streamName: string, message: string, timestamp: number): void {
    const group = this.#groups.get(groupName);
    if (group === undefined) return;
    const ingestionTime = this.#now();
    const stream: LogStreamRecord = group.streams.get(streamName) ?? {
      name: streamName,
      createdAt: ingestionTime,
      first: undefined,
      last: undefined,
      ingested: undefined,
    };
    group.streams.set(streamName, stream);
    stream.first = Math.min(stream.first ?? timestamp, timestamp);
    stream.last = Math.max(stream.last ?? timestamp, timestamp);
    stream.ingested = ingestionTime;
    this.#added += 1;
    const id = `${String(timestamp).padStart(20, '0')}${String(this.#added).padStart(36, '0')}`;
    const { events } = group;
    let at = events.length;
    while (at > 0 && (events[at - 1]?.id ?? '') > id) at -= 1;
    events.splice(at, 0, { timestamp, ingestionTime, message, stream: streamName, id });
    if (events.length > MOST_EVENTS) events.splice(0, events.length - MOST_EVENTS);
  }
}
