import { describe, expect, it } from 'vitest';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import { runInvocation } from '../../../functions/launcher/invocation.ts';
import type { PoolTick, Tick } from '../../../functions/launcher/tick.ts';
import { demandWith, live, NOW, queuedJob, seconds, supply } from './core/builders.ts';
import { FakeClock, pool } from './fakes.ts';

type Part = Partial<Pick<PoolTick, 'demand' | 'observation' | 'errors'>>;
const idle: Part = {};
const queued: Part = { demand: demandWith({ queued: [queuedJob('run-1')] }) };
const failed: Part = { errors: [new UpstreamError({ system: 'HCP Terraform', fault: 'unavailable', what: 'down' })] };

const quiet: PoolTick = { pool: pool('one'), launches: [], stops: [], errors: [] };

/** Runs an invocation whose ticks observe the given pools in turn, and the last ones from then on. */
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
      // Requests leave the last minute's count while others come: only the sum tells what a tick cost.
      pollBudget: () => ({ usedInLastMinute: 8, taken: [1000, used], perMinute: 24 }),
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
  it('returns at once when no job is queued and no task lives', async () => {
    expect((await invoke([idle])).atSeconds).toEqual([0]);
  });

  it('polls on every activePollSeconds while a pool is active, and ends before its deadline', async () => {
    expect((await invoke([queued])).atSeconds).toEqual([0, 10, 20, 30, 40]);
  });

  it('ends when the pool has become idle', async () => {
    expect((await invoke([queued, queued, idle])).atSeconds).toEqual([0, 10, 20]);
  });

  it('isn’t prolonged by a tick that failed: the schedule is its retry', async () => {
    expect((await invoke([failed])).atSeconds).toEqual([0]);
  });

  it('continues after a failed tick when the pool was active before', async () => {
    const { atSeconds, last } = await invoke([queued, failed, queued]);
    expect(atSeconds).toEqual([0, 10, 20, 30, 40]);
    expect(last.pools[0]?.errors).toEqual([]);
  });

  it('polls once when activePollSeconds is 0', async () => {
    expect((await invoke([queued], { activePollMs: 0 })).atSeconds).toEqual([0]);
  });

  // 24 requests per minute: the next invocation's first tick doesn't wait, so the budget allows it and two of these.
  it('polls more slowly when a tick costs more than the poll budget allows', async () => {
    expect((await invoke([queued], { requestsPerTick: 8 })).atSeconds).toEqual([0, 30]);
    expect((await invoke([queued], { requestsPerTick: 4 })).atSeconds).toEqual([0, 12, 24, 36]);
    expect((await invoke([queued], { requestsPerTick: 24 })).atSeconds).toEqual([0]);
  });
});

describe('an invocation that continues', () => {
  const alive: Part = {
    observation: { demand: demandWith(), agentsVisible: true, supply: supply({ live: [live('a', 'busy')] }) },
  };

  it('does so for live tasks only, whose end it must observe', async () => {
    expect((await invoke([alive, idle])).atSeconds).toEqual([0, 10]);
  });

  it('does so when one of its pools is active, even after a tick in which one of them failed', async () => {
    expect((await invoke([[idle, queued], [failed, idle], idle])).atSeconds).toEqual([0, 10, 20]);
  });

  it('reports every tick', async () => {
    const { last, reported } = await invoke([queued, queued, idle]);
    expect(reported).toHaveLength(3);
    expect(reported.at(-1)).toBe(last);
  });

  it('has a last tick that begins exactly 8 s before the deadline, and none later', async () => {
    expect((await invoke([queued], { deadlineMs: NOW + seconds(18) })).atSeconds).toEqual([0, 10]);
    expect((await invoke([queued], { deadlineMs: NOW + seconds(18) - 1 })).atSeconds).toEqual([0]);
  });

  it('begins no further tick that could only fail, when one tick used all its time', async () => {
    const { atSeconds, sleeps } = await invoke([queued], { deadlineMs: NOW + seconds(23.5), tickMs: seconds(23) });
    expect({ atSeconds, sleeps }).toEqual({ atSeconds: [0], sleeps: [] });
  });

  it('ends when one tick costs more than the whole budget, instead of polling again at once', async () => {
    expect((await invoke([queued], { requestsPerTick: 25 })).atSeconds).toEqual([0]);
  });

  it('is aborted at its deadline, and has a millisecond if that has passed', async () => {
    expect((await invoke([idle])).timeouts).toEqual([seconds(53)]);
    expect((await invoke([idle], { deadlineMs: NOW - 1 })).timeouts).toEqual([1]);
  });
});
