/**
 * Runs an invocation, whatever caused it: the schedule, or wake-ups from the queue.
 *
 * 1. A nudge's runs are followed until one of them is queued, or until some seconds have passed.
 * 2. The invocation ticks. A scheduled invocation and a poll message in time keep ticking while a pool is active. All others tick once,
 *    because the schedule or the chain of poll messages also polls. If that tick started a gateway for its launches, another one follows when
 *    the gateway is ready.
 * 3. If every pool is idle at the end, the invocation sends the chain's next poll message.
 *
 * A failure in step 1 or 3 never prevents a tick. But wake-ups leave enough of the request budget for one tick in which all pools have
 * jobs, and nudges also have a separate, smaller limit. If no request is left for it, an invocation by wake-ups doesn't tick.
 */

import { isOnItsWay } from './core/demand.ts';
import { TokenBucket } from './core/token-bucket.ts';
import {
  chainEndMs,
  FOLLOW_EVERY_MS,
  FOLLOW_MS,
  idleIntervalMs,
  MINUTE_MS,
  nextDelaySeconds,
  runsToFollow,
  type WokenBy,
} from './core/wake-up.ts';
import { resultOf, UpstreamError } from './errors.ts';
import { gatewaysReady, hasErrors, type InvocationParts, isActive, runInvocation, tickOnce } from './invocation.ts';
import type { RunStatuses, WakeUps } from './ports.ts';
import { TICK_NEEDS_MS, type Tick, type TickTime, waitsForGateways } from './tick.ts';

export interface WokenInvocationParts extends InvocationParts {
  /** Time between polls while every pool is idle; a minute or more: only the schedule polls. */
  readonly idlePollMs: number;
  /** Requests for run lists of a tick in which all pools have jobs, for the API token with the most requests. */
  readonly activeCost: number;
  /** `undefined`: there is no queue. */
  readonly wakeUps: WakeUps | undefined;
  readonly runStatuses: RunStatuses;
  /** Called if a poll message can't be sent. */
  readonly notSent: (error: UpstreamError) => void;
  /** Called if a nudge's run can't be followed. */
  readonly notFollowed: (runId: string) => void;
}

/**
 * Requests for run lists that nudges may cause in one function instance: three at once, and one every ten seconds. Two instances can run for
 * messages while a third runs for the schedule, and HCP Terraform allows 30 requests per minute for all of them.
 */
const NUDGE_REQUESTS = { burst: 3, perSecond: 0.1 };

/** How long nudges wait for their turn. If it takes longer, they are dropped, and the schedule polls. */
const LONGEST_TURN_MS = 20_000;

/** How long a tick launches that only nudges caused. The scheduled invocation launches the rest. */
const NUDGE_LAUNCHING_MS = 5_000;

/** How long an invocation that only nudges caused waits for a gateway that it started. A gateway usually takes ten seconds. */
const NUDGE_GATEWAY_MS = 20_000;

/** The invocations of a warm function. They remember only what saves requests. */
export class WokenInvocations {
  readonly #parts: WokenInvocationParts;
  /** When the last poll message that was sent becomes visible. */
  #pendingMs = Number.NEGATIVE_INFINITY;
  /** Requests for run lists of the last tick, for the API token with the most requests. */
  #cost = 1;
  readonly #nudges: TokenBucket;

  constructor(parts: WokenInvocationParts) {
    this.#parts = parts;
    this.#nudges = new TokenBucket(NUDGE_REQUESTS, parts.clock.now());
  }

  /**
   * @param wokenBy - the wake-ups of the invocation; `undefined` for a scheduled one.
   * @param deadlineMs - time by which all work must have ended, in epoch milliseconds.
   * @returns the last tick; `undefined` if the request budget isn't enough for one. If it has errors, the invocation has failed.
   */
  async run(wokenBy: WokenBy | undefined, deadlineMs: number): Promise<Tick | undefined> {
    const { clock, activePollMs } = this.#parts;
    if (wokenBy !== undefined && !this.#mayTick()) {
      const endMs = chainEndMs(wokenBy, clock.now());
      if (endMs !== undefined) await this.#pollAgain(clock.now(), endMs, deadlineMs);
      return undefined;
    }
    if (wokenBy !== undefined && wokenBy.untilMs === undefined && !(await this.#turn(deadlineMs))) return undefined;
    if (wokenBy !== undefined) await this.#follow(runsToFollow(wokenBy));
    const endMs = chainEndMs(wokenBy, clock.now());
    const tick = (time: TickTime): Promise<Tick> => this.#tick(time);
    if (wokenBy !== undefined && endMs === undefined) {
      const ticked = await this.#nudgedTick(tick, deadlineMs);
      const lastMs = Math.min(clock.now() + NUDGE_GATEWAY_MS, deadlineMs - TICK_NEEDS_MS);
      const waits = waitsForGateways(ticked);
      if (!waits || !(await gatewaysReady(this.#parts, ticked, clock.now(), lastMs)) || !this.#mayTick()) return ticked;
      return this.#nudgedTick(tick, deadlineMs);
    }
    // The schedule's next invocation continues the polling at the end of the chain.
    const continues = endMs !== undefined && endMs - clock.now() >= activePollMs + TICK_NEEDS_MS;
    const last = continues
      ? await runInvocation({ ...this.#parts, tick }, Math.min(deadlineMs, endMs))
      : await runInvocation({ ...this.#parts, tick, activePollMs: 0 }, deadlineMs);
    // After an error, the schedule polls again.
    const endedIdle = !isActive(last) && !hasErrors(last);
    if (endMs !== undefined && endedIdle) await this.#pollAgain(last.startedAtMs, endMs, deadlineMs);
    return last;
  }

  /**
   * Whether the request budget is enough for a tick that the schedule doesn't need, and then for a tick in which all pools have jobs.
   * Otherwise repeated messages could use up the budget.
   */
  #mayTick(): boolean {
    const { activeCost, pollBudget } = this.#parts;
    const { usedInLastMinute, perMinute } = pollBudget();
    return usedInLastMinute + this.#cost + activeCost <= perMinute;
  }

  /** Waits until nudges may cause a tick. The nudges that arrive in the meantime then wait together. @returns false if that takes too long */
  async #turn(deadlineMs: number): Promise<boolean> {
    const { clock } = this.#parts;
    const nowMs = clock.now();
    const waitMs = this.#nudges.waitMs(nowMs);
    if (waitMs > LONGEST_TURN_MS || nowMs + waitMs + TICK_NEEDS_MS > deadlineMs) return false;
    if (waitMs > 0) await clock.sleep(waitMs, clock.timeout(deadlineMs - nowMs));
    return true;
  }

  /** A tick that only nudges caused. */
  async #nudgedTick(tick: (time: TickTime) => Promise<Tick>, deadlineMs: number): Promise<Tick> {
    const ticked = await tickOnce({ ...this.#parts, tick }, deadlineMs, NUDGE_LAUNCHING_MS);
    for (let n = 0; n < this.#cost; n += 1) this.#nudges.take(ticked.startedAtMs);
    return ticked;
  }

  async #tick(time: TickTime): Promise<Tick> {
    const { tick, pollBudget } = this.#parts;
    const before = pollBudget().taken;
    const ticked = await tick(time);
    this.#cost = pollBudget().taken.reduce((most, taken, token) => Math.max(most, taken - (before[token] ?? 0)), 1);
    return ticked;
  }

  /** Sends the next poll message. */
  async #pollAgain(tickedAtMs: number, untilMs: number, deadlineMs: number): Promise<void> {
    const { clock, idlePollMs, activeCost, pollBudget, wakeUps, notSent } = this.#parts;
    if (wakeUps === undefined || idlePollMs >= MINUTE_MS) return;
    const { perMinute } = pollBudget();
    const intervalMs = idleIntervalMs({ idlePollMs, perMinute, idleCost: this.#cost, activeCost });
    const nowMs = clock.now();
    const delaySeconds = nextDelaySeconds({
      nowMs,
      tickedAtMs,
      intervalMs,
      untilMs,
      pendingMs: this.#pendingMs,
    });
    if (delaySeconds === undefined) return;
    const signal = clock.timeout(Math.max(1, deadlineMs - nowMs));
    const sent = await resultOf(wakeUps.send({ kind: 'poll', untilMs }, delaySeconds, signal));
    if (sent.ok) this.#pendingMs = nowMs + delaySeconds * 1000;
    else notSent(sent.error);
  }

  /** Waits until one of the runs is queued, or none is on its way to a queue any more. Never rejects. */
  async #follow(runIds: readonly string[]): Promise<void> {
    if (runIds.length === 0) return;
    const { clock } = this.#parts;
    const untilMs = clock.now() + FOLLOW_MS;
    const signal = clock.timeout(FOLLOW_MS);
    for (let followed = runIds; ; ) {
      const nextMs = clock.now() + FOLLOW_EVERY_MS;
      const answers = await Promise.all(
        followed.map(async (runId) => ({ runId, next: await this.#nextOf(runId, signal) })),
      );
      followed = answers.flatMap(({ runId, next }) => (next === 'follow' ? runId : []));
      // A job is queued, or the tick needs the requests that HCP Terraform still allows.
      const isOver = answers.some(({ next }) => next === 'tick');
      if (isOver || followed.length === 0 || nextMs >= untilMs || clock.now() >= untilMs) return;
      await clock.sleep(Math.max(0, nextMs - clock.now()), signal);
    }
  }

  /**
   * Whether to read the run again (`follow`), or to tick now (`tick`). A run that can't be read isn't followed any further (`leave`): it may
   * belong to another organization.
   */
  async #nextOf(runId: string, signal: AbortSignal): Promise<'follow' | 'leave' | 'tick'> {
    const { runStatuses, notFollowed } = this.#parts;
    try {
      const status = await runStatuses.statusOf(runId, signal);
      if (status === undefined) return 'leave';
      return isOnItsWay(status) ? 'follow' : 'tick';
    } catch (error) {
      notFollowed(runId);
      return error instanceof UpstreamError && error.fault === 'throttled' ? 'tick' : 'leave';
    }
  }
}
