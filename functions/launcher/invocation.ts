import type { Clock, HcpTerraform } from './ports.ts';
import { hasLateLaunches, TICK_NEEDS_MS, type Tick, type TickTime } from './tick.ts';

/** Time between the last launch and the invocation's deadline. ECS usually answers in less than a second. */
const ANSWER_MS = 2_000;

export interface InvocationParts {
  readonly tick: (time: TickTime) => Promise<Tick>;
  readonly report: (tick: Tick) => void;
  readonly pollBudget: HcpTerraform['pollBudget'];
  readonly clock: Clock;
  /** Time between polls while a pool is active; 0: poll once per invocation. */
  readonly activePollMs: number;
}

/**
 * Runs one invocation, which has at least one tick. While a pool has queued jobs or live tasks, another tick follows every
 * {@link InvocationParts.activePollMs} until the next scheduled invocation is near. If ECS's launch rate left launches for the next tick, that
 * tick follows at once. A tick with errors doesn't extend the invocation, because the next scheduled invocation retries it.
 *
 * @param deadlineMs - time by which all work must have ended, in epoch milliseconds.
 * @returns the last tick. If it has errors, the invocation has failed.
 */
export async function runInvocation(parts: InvocationParts, deadlineMs: number): Promise<Tick> {
  const { clock } = parts;
  const signal = clock.timeout(Math.max(1, deadlineMs - clock.now()));
  let active = false;
  for (;;) {
    const before = parts.pollBudget().taken;
    const ticked = await parts.tick({ signal, launchUntilMs: deadlineMs - ANSWER_MS });
    parts.report(ticked);
    active = isActive(ticked) || (active && hasErrors(ticked));
    const taken = parts.pollBudget().taken.map((total, token) => total - (before[token] ?? 0));
    const cost = taken.reduce((a, b) => Math.max(a, b), 1);
    const isLate = hasLateLaunches(ticked);
    const nextMs = Math.max(clock.now(), ticked.startedAtMs + waitMs(parts, cost, isLate));
    if (!active || (parts.activePollMs === 0 && !isLate) || nextMs + TICK_NEEDS_MS > deadlineMs) return ticked;
    await clock.sleep(nextMs - clock.now(), signal);
  }
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
 * The shortest interval between ticks that stays within the request budget, if each tick sends this many requests.
 * Without launches that are late, it is at least {@link InvocationParts.activePollMs}.
 * The budget also has to cover the first tick of the next invocation, which comes without a wait.
 */
function waitMs({ activePollMs, pollBudget }: InvocationParts, requestsPerTick: number, isLate: boolean): number {
  const { perMinute, usedInLastMinute } = pollBudget();
  // In a burst, only the requests that are left count.
  if (isLate && usedInLastMinute + 2 * requestsPerTick <= perMinute) return 0;
  const spare = perMinute - requestsPerTick;
  const leastMs = isLate ? 0 : activePollMs;
  return spare <= 0 ? 60_000 : Math.max(leastMs, Math.ceil((requestsPerTick * 60_000) / spare));
}

/** Whether any pool has queued jobs or live tasks. */
export function isActive({ pools }: Tick): boolean {
  return pools.some(
    ({ demand, observation }) => (demand?.queued.length ?? 0) > 0 || (observation?.supply.live.length ?? 0) > 0,
  );
}

export function hasErrors({ pools }: Tick): boolean {
  return pools.some(({ errors }) => errors.length > 0);
}
