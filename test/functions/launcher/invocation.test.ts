import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import { runInvocation } from '../../../functions/launcher/invocation.ts';
import type { PoolTick, Tick } from '../../../functions/launcher/tick.ts';
import { demandWith, live, NOW, queuedJob, seconds, supply } from './core/builders.ts';
import { FakeClock, pool } from './fakes.ts';

type Part = Partial<Pick<PoolTick, 'demand' | 'observation' | 'decision' | 'errors'>>;
const idle: Part = {};
const queued: Part = { demand: demandWith({ queued: [queuedJob('run-1')] }) };
const failed: Part = { errors: [new UpstreamError({ system: 'HCP Terraform', fault: 'unavailable', what: 'down' })] };

const lateDecision: NonNullable<PoolTick['decision']> = {
  launches: [],
  stops: [],
  deferrals: [{ jobKey: 'run-1/plan', cause: 'launch-rate', reason: 'no time' }],
};

/** The times at which the ticks of an active pool start. */
const EVERY_TEN = [0, 10, 20, 30, 40];

const quiet: PoolTick = { pool: pool('one'), launches: [], stops: [], errors: [] };

/** Runs an invocation. Each tick observes the next of the given pools, and further ticks observe the last ones. */
async function invoke(
  parts: readonly (Part | readonly Part[])[],
  { activePollMs = seconds(10), deadlineMs = NOW + seconds(53), requestsPerTick = 1, tickMs = seconds(1) } = {},
) {
  const clock = new FakeClock(NOW);
  const startedAtMs: number[] = [];
  const reported: Tick[] = [];
  const timeouts: number[] = [];
  let used = 0;
  const last = await runInvocation(
    {
      clock: {
        now: clock.now,
        sleep: clock.sleep,
        timeout: (ms) => {
          timeouts.push(ms);
          return clock.timeout();
        },
      },
      activePollMs,
      // Old requests drop out of the last minute's count while new ones are added, so only the total shows how many requests a tick made.
      pollBudget: () => ({ usedInLastMinute: 8, taken: [1000, used], wanted: [1000, used], perMinute: 24 }),
      report: (ticked) => reported.push(ticked),
      tick: async () => {
        startedAtMs.push(clock.now());
        used += requestsPerTick;
        const part = parts[Math.min(startedAtMs.length, parts.length) - 1];
        const pools = [part ?? []].flat().map((one) => ({ ...quiet, ...one }));
        const ticked: Tick = { startedAtMs: clock.now(), endedAtMs: clock.now(), pools };
        clock.nowMs += tickMs;
        return ticked;
      },
    },
    deadlineMs,
  );
  return { last, reported, timeouts, sleeps: clock.sleeps, atSeconds: startedAtMs.map((at) => (at - NOW) / 1000) };
}

describe('an invocation', () => {
  const observation = { demand: demandWith(), agentsVisible: true, supply: supply({ live: [live('a', 'busy')] }) };
  const alive: Part = { observation };

  it.each<[string, Parameters<typeof invoke>[0], number[]]>([
    ['returns at once when no job is queued and no task lives', [idle], [0]],
    ['polls again every activePollSeconds while a pool is active, and ends before its deadline', [queued], EVERY_TEN],
    ['ends when the pool has become idle', [queued, queued, idle], [0, 10, 20]],
    ['ends after a tick that failed, because the schedule starts the next one', [failed], [0]],
    ['continues after a failed tick when the pool was active before', [queued, failed, queued], EVERY_TEN],
    ['continues even if there are only live tasks, because it must observe their end', [alive, idle], [0, 10]],
    [
      'continues if one pool is active, even after a different pool failed',
      [[idle, queued], [failed, idle], idle],
      [0, 10, 20],
    ],
  ])('%s', async (_, parts, atSeconds) => {
    expect((await invoke(parts)).atSeconds).toEqual(atSeconds);
  });

  // The budget of 24 requests per minute is enough for two of these ticks and the first tick of the next invocation.
  it.each<[string, Parameters<typeof invoke>[1], number[]]>([
    ['polls once when activePollSeconds is 0', { activePollMs: 0 }, [0]],
    ['polls more slowly when a tick costs a third of the poll budget', { requestsPerTick: 8 }, [0, 30]],
    ['polls more slowly when a tick costs a sixth of the poll budget', { requestsPerTick: 4 }, [0, 12, 24, 36]],
    ['ends when a tick costs the whole budget', { requestsPerTick: 24 }, [0]],
    [
      'ends when a tick costs more than the whole budget, instead of polling again at once',
      { requestsPerTick: 25 },
      [0],
    ],
    ['has a last tick that begins exactly 8 s before the deadline', { deadlineMs: NOW + seconds(18) }, [0, 10]],
    ['has no tick that would begin less than 8 s before the deadline', { deadlineMs: NOW + seconds(18) - 1 }, [0]],
  ])('%s', async (_, options, atSeconds) => {
    expect((await invoke([queued], options)).atSeconds).toEqual(atSeconds);
  });

  const late: Part = { ...queued, decision: lateDecision };

  it.each([0, seconds(10)])(
    'continues without a wait if launches were late, and ends its burst then: activePollMs %i',
    async (activePollMs) => {
      expect((await invoke([late, late, idle], { activePollMs })).atSeconds).toEqual([0, 1, 2]);
    },
  );

  it('continues after a wait if launches were late, but too few requests are left', async () => {
    expect((await invoke([late, late, idle], { requestsPerTick: 9 })).atSeconds.map(Math.floor)).toEqual([0, 36]);
  });

  it('doesn’t start another tick if there is too little time left', async () => {
    const { atSeconds, sleeps } = await invoke([queued], { deadlineMs: NOW + seconds(23.5), tickMs: seconds(23) });
    expect({ atSeconds, sleeps }).toEqual({ atSeconds: [0], sleeps: [] });
  });

  it('reports every tick, and returns the last', async () => {
    const { last, reported } = await invoke([queued, failed, queued, idle]);
    expect(reported).toHaveLength(4);
    expect(reported.at(-1)).toBe(last);
    expect(last.pools[0]?.errors).toEqual([]);
  });

  it('is aborted at its deadline, or after a millisecond if the deadline has passed', async () => {
    expect((await invoke([idle])).timeouts).toEqual([seconds(53)]);
    expect((await invoke([idle], { deadlineMs: NOW - 1 })).timeouts).toEqual([1]);
  });
});
