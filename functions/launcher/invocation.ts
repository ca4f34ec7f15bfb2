import type { Clock, HcpTerraform } from './ports.ts';
import { errorsOf, hasLateLaunches, TICK_NEEDS_MS, type Tick, type TickTime, waitsForGateways } from './tick.ts';

/** Time between the last launch and the invocation's deadline. ECS usually answers in less than a second. */
const ANSWER_MS = 2_000;

/** How often to look whether a gateway has become ready. */
const GATEWAY_LOOK_MS = 2_000;

/** Maximum time that the last of these looks may take. */
const LAST_LOOK_MS = 1_000;

/** Maximum time between two ticks while launches wait for a gateway. */
const GATEWAY_WAIT_MS = 15_000;

export interface InvocationParts {
  readonly tick: (time: TickTime) => Promise<Tick>;
  readonly report: (tick: Tick) => void;
  readonly pollBudget: HcpTerraform['pollBudget'];
  readonly clock: Clock;
  /** Time between polls while a pool is active; 0: poll once per invocation. */
  readonly activePollMs: number;
  /** Whether the gateways allow launches now; absent: there are no gateways. Rejects if EC2 can't be read. */
  readonly gatewaysAllow?: ((signal: AbortSignal) => Promise<boolean>) | undefined;
}

/**
 * Runs one invocation, which has at least one tick. While a pool has queued jobs or live tasks, another tick follows every
 * {@link InvocationParts.activePollMs} until the next scheduled invocation is near. If ECS's launch rate left launches for the next tick, that
 * tick follows as soon as the request budget allows it. If launches wait for a gateway, the next tick follows when the gateway is ready, at the latest
 * after {@link InvocationParts.activePollMs}, or {@link GATEWAY_WAIT_MS} if that is 0. A tick with errors doesn't extend the invocation, because the
 * next scheduled invocation retries it.
 *
 * @param deadlineMs - time by which all work must have ended, in epoch milliseconds.
 * @returns the last tick. If it has errors, the invocation has failed.
 */
export async function runInvocation(parts: InvocationParts, deadlineMs: number): Promise<Tick> {
  const { clock } = parts;
  const signal = clock.timeout(Math.max(1, deadlineMs - clock.now()));
  let active = false;
  for (;;) {
    const before = parts.pollBudget().wanted;
    const ticked = await parts.tick({ signal, launchUntilMs: deadlineMs - ANSWER_MS });
    parts.report(ticked);
    active = isActive(ticked) || (active && hasErrors(ticked));
    const wanted = parts.pollBudget().wanted.map((total, token) => total - (before[token] ?? 0));
    const cost = wanted.reduce((a, b) => Math.max(a, b), 1);
    const isLate = hasLateLaunches(ticked);
    const waits = waitsForGateways(ticked);
    const usualMs = parts.activePollMs === 0 && waits ? GATEWAY_WAIT_MS : parts.activePollMs;
    const nextMs = Math.max(clock.now(), ticked.startedAtMs + waitMs(parts, cost, isLate ? 0 : usualMs));
    if (!active || (parts.activePollMs === 0 && !isLate && !waits)) return ticked;
    const soonestMs = ticked.startedAtMs + waitMs(parts, cost, 1);
    const lastMs = Math.min(nextMs, deadlineMs - TICK_NEEDS_MS);
    if (waits && !isLate && (await gatewaysReady(parts, ticked, soonestMs, lastMs))) continue;
    if (nextMs + TICK_NEEDS_MS > deadlineMs) return ticked;
    await clock.sleep(Math.max(0, nextMs - clock.now()), signal);
  }
}

/**
 * Waits until the gateways for which the tick's launches wait are ready, or until `lastMs`.
 *
 * @returns whether they are. If the launches wait for something else, such as a mark that EC2 refused, another tick must not follow at once.
 */
export async function gatewaysReady(
  { gatewaysAllow, clock }: Pick<InvocationParts, 'gatewaysAllow' | 'clock'>,
  { gateways }: Tick,
  soonestMs: number,
  lastMs: number,
): Promise<boolean> {
  const firstMs = Math.max(soonestMs, clock.now());
  if (gatewaysAllow === undefined || gateways?.hold === 'unknown' || firstMs > lastMs) return false;
  const signal = clock.timeout(lastMs - clock.now() + LAST_LOOK_MS);
  for (let nextMs = firstMs; nextMs <= lastMs; nextMs = clock.now() + GATEWAY_LOOK_MS) {
    await clock.sleep(nextMs - clock.now(), signal);
    // The next tick reports why EC2 can't be read.
    if (await gatewaysAllow(signal).catch(() => false)) return true;
  }
  return false;
}

/** Runs and reports one tick, which launches for at most the given time. */
export async function tickOnce(
  { tick, report, clock }: InvocationParts,
  deadlineMs: number,
  launchingMs: number,
): Promise<Tick> {
  const nowMs = clock.now();
  const launchUntilMs = Math.min(nowMs + launchingMs, deadlineMs - ANSWER_MS);
  const ticked = await tick({ signal: clock.timeout(Math.max(1, deadlineMs - nowMs)), launchUntilMs, isExtra: true });
  report(ticked);
  return ticked;
}

/**
 * The shortest interval between ticks that stays within the request budget, if each tick needs this many requests.
 * The budget also has to cover the first tick of the next invocation, which comes without a wait.
 *
 * @param leastMs - the interval if the budget allows everything; 0: a burst is allowed.
 */
function waitMs({ pollBudget }: InvocationParts, requestsPerTick: number, leastMs: number): number {
  const { perMinute, usedInLastMinute } = pollBudget();
  // In a burst, only the requests that are left count.
  if (leastMs === 0 && usedInLastMinute + 2 * requestsPerTick <= perMinute) return 0;
  const spare = perMinute - requestsPerTick;
  return spare <= 0 ? 60_000 : Math.max(leastMs, Math.ceil((requestsPerTick * 60_000) / spare));
}

/** Whether any pool has queued jobs, live tasks, or launches that wait for a gateway. */
export function isActive(tick: Tick): boolean {
  const isPoolActive = ({ demand, observation }: Tick['pools'][number]): boolean =>
    (demand?.queued.length ?? 0) > 0 || (observation?.supply.live.length ?? 0) > 0;
  return tick.pools.some(isPoolActive) || waitsForGateways(tick);
}

export function hasErrors(tick: Tick): boolean {
  return errorsOf(tick).length > 0;
}
