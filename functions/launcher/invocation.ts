import type { Clock, HcpTerraform } from './ports.ts';
import type { Tick } from './tick.ts';

/** Minimum time between the start of a tick and the invocation's deadline. */
const TICK_NEEDS_MS = 8_000;

export interface InvocationParts {
  readonly tick: (signal: AbortSignal) => Promise<Tick>;
  readonly report: (tick: Tick) => void;
  readonly pollBudget: HcpTerraform['pollBudget'];
  readonly clock: Clock;
  /** Wait between polls while a pool is active; 0 polls once. */
  readonly activePollMs: number;
}

/**
 * One invocation: one tick and, while a pool has demand or live tasks, another every {@link InvocationParts.activePollMs} until the next
 * scheduled invocation is near. A tick with errors doesn't prolong the invocation: the next schedule is its retry.
 *
 * @param deadlineMs when everything must have ended, in epoch milliseconds.
 * @returns the last tick. If it has errors, the invocation has failed.
 */
export async function runInvocation(parts: InvocationParts, deadlineMs: number): Promise<Tick> {
  const { clock } = parts;
  const signal = clock.timeout(Math.max(1, deadlineMs - clock.now()));
  let active = false;
  for (;;) {
    const before = parts.pollBudget().taken;
    const ticked = await parts.tick(signal);
    parts.report(ticked);
    active = isActive(ticked) || (active && hasErrors(ticked));
    const taken = parts.pollBudget().taken.map((total, token) => total - (before[token] ?? 0));
    const cost = taken.reduce((a, b) => Math.max(a, b), 1);
    const nextMs = Math.max(clock.now(), ticked.startedAtMs + waitMs(parts, cost));
    if (!active || parts.activePollMs === 0 || nextMs + TICK_NEEDS_MS > deadlineMs) return ticked;
    await clock.sleep(nextMs - clock.now(), signal);
  }
}

/**
 * The wait that the poll budget can sustain if every tick costs as much as the last one. The next invocation's first tick comes without a wait.
 */
function waitMs({ activePollMs, pollBudget }: InvocationParts, requestsPerTick: number): number {
  const spare = pollBudget().perMinute - requestsPerTick;
  return spare <= 0 ? 60_000 : Math.max(activePollMs, Math.ceil((requestsPerTick * 60_000) / spare));
}

/** Whether any pool has queued jobs or live tasks. */
function isActive({ pools }: Tick): boolean {
  return pools.some(
    ({ demand, observation }) => (demand?.queued.length ?? 0) > 0 || (observation?.supply.live.length ?? 0) > 0,
  );
}

export function hasErrors({ pools }: Tick): boolean {
  return pools.some(({ errors }) => errors.length > 0);
}
