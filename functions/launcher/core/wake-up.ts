/**
 * What wake-ups mean. A wake-up invokes the launcher between two scheduled invocations. It carries no decision: the tick that
 * follows reads everything again, so a lost, late, repeated or forged wake-up changes only the time of a poll.
 *
 * Idle polling is a chain: each invocation that ends idle sends one delayed message, which causes the next invocation. A message says
 * when the next scheduled invocation is due, and the chain ends there. A lost message therefore ends the chain until the next minute,
 * and repeated messages can't multiply for longer than a minute.
 */
import { secretNameOf } from './secret-reference.ts';

/** The time from one scheduled invocation to the next while idle polling is on: it needs a schedule of one minute. */
export const MINUTE_MS = 60_000;

/** Maximum number of runs that one invocation follows. */
export const MOST_FOLLOWED = 10;

/** Maximum time for which an invocation follows runs. */
export const FOLLOW_MS = 8_000;

/** Time between two reads of a followed run. HCP Terraform allows 30 requests per second for each user, apart from run lists. */
export const FOLLOW_EVERY_MS = 1_000;

/** What a batch of wake-ups says. Messages that can't be read say nothing. */
export interface WokenBy {
  /** The latest `untilMs` of the batch's poll messages; absent if there are none. */
  readonly untilMs?: number;
  /** The runs of the batch's nudges. */
  readonly runIds: readonly string[];
}

/**
 * When the chain of an invocation ends, in epoch milliseconds; `undefined` if the invocation doesn't continue a chain.
 *
 * @param wokenBy - `undefined` for a scheduled invocation, which begins a chain.
 */
export function chainEndMs(wokenBy: WokenBy | undefined, nowMs: number): number | undefined {
  if (wokenBy === undefined) return nowMs + MINUTE_MS;
  const { untilMs } = wokenBy;
  // A message from an earlier minute is too late. A time more than a minute away can't come from this launcher.
  return untilMs !== undefined && untilMs > nowMs && untilMs <= nowMs + MINUTE_MS ? untilMs : undefined;
}

/** The distinct runs to follow. */
export function runsToFollow({ runIds }: WokenBy): readonly string[] {
  return [...new Set(runIds)].slice(0, MOST_FOLLOWED);
}

/** What the interval of idle polling depends on. */
export interface IdlePolling {
  readonly idlePollMs: number;
  /** Maximum number of requests for run lists per minute and API token. */
  readonly perMinute: number;
  /** Requests of an idle tick, for the API token with the most requests. */
  readonly idleCost: number;
  /** Requests of a tick in which all pools have jobs, for the API token with the most requests. */
  readonly activeCost: number;
}

/**
 * The shortest interval of idle polls after which the budget still allows a tick in which all pools have jobs. Otherwise the jobs that
 * idle polling finds would wait for the budget.
 */
export function idleIntervalMs({ idlePollMs, perMinute, idleCost, activeCost }: IdlePolling): number {
  const spare = perMinute - activeCost;
  return spare < idleCost ? MINUTE_MS : Math.max(idlePollMs, Math.ceil((idleCost * MINUTE_MS) / spare));
}

/** Pools that share an organization and an API token are polled together. */
interface PolledPool {
  readonly organization: string;
  readonly apiTokenSecret: string;
}

/** Requests of a tick in which all pools have jobs, for the API token with the most requests. */
export function activeCostOf(pools: readonly PolledPool[]): number {
  const costs = [...Map.groupBy(pools, ({ apiTokenSecret }) => secretNameOf(apiTokenSecret)).values()].map((ofToken) =>
    [...Map.groupBy(ofToken, ({ organization }) => organization).values()].reduce(
      // One request first asks whether any of several pools has work.
      (sum, together) => sum + together.length + (together.length > 1 ? 1 : 0),
      0,
    ),
  );
  return costs.reduce((most, cost) => Math.max(most, cost), 1);
}

/** When the next poll of a chain may begin. */
export interface ChainPosition {
  readonly nowMs: number;
  /** When the last tick began. */
  readonly tickedAtMs: number;
  readonly intervalMs: number;
  /** When the chain ends. */
  readonly untilMs: number;
  /** When a message that was sent earlier becomes visible. */
  readonly pendingMs: number;
}

/**
 * The delay of the next poll message in whole seconds; `undefined` if no message is due. The polls of a chain are at multiples of the
 * interval from the chain's beginning, so that delays don't add up.
 */
export function nextDelaySeconds(position: ChainPosition): number | undefined {
  const { nowMs, tickedAtMs, intervalMs, untilMs, pendingMs } = position;
  // SQS may deliver a message twice. Half an interval is enough to recognize the second delivery, even if SQS's clock differs.
  if (pendingMs > nowMs + intervalMs / 2) return undefined;
  const beginsMs = untilMs - MINUTE_MS;
  const dueMs = beginsMs + (Math.round((tickedAtMs - beginsMs) / intervalMs) + 1) * intervalMs;
  const delaySeconds = Math.max(1, Math.round((dueMs - nowMs) / 1000));
  return Math.max(dueMs, nowMs + delaySeconds * 1000) < untilMs ? delaySeconds : undefined;
}
