/** Invocations whose launches wait for a gateway. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { GatewayHold } from '../../../functions/launcher/core/gateway-types.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import { hasErrors, isActive, runInvocation } from '../../../functions/launcher/invocation.ts';
import type { PoolTick, Tick } from '../../../functions/launcher/tick.ts';
import { WokenInvocations } from '../../../functions/launcher/woken-invocation.ts';
import { NOW, seconds } from './core/builders.ts';
import { FakeClock, pool } from './fakes.ts';

const trouble = new UpstreamError({ system: 'EC2', fault: 'unavailable', what: 'down' });
const WAITING: NonNullable<PoolTick['decision']> = {
  launches: [],
  stops: [],
  // A sweep: no job is queued, and no task is alive.
  deferrals: [{ jobKey: 'sweep/a/1', cause: 'gateway', reason: 'the gateway is starting' }],
};

let clock: FakeClock;
/** When the gateway becomes ready; `undefined`: never. */
let readySeconds: number | undefined;
let usedInLastMinute: number;
let ticks: number[];
let looks: number[];
let looksFail: boolean;
/** How long a tick takes. */
let tickMs: number;
/** Why the launches wait. */
let hold: GatewayHold;

beforeEach(() => {
  clock = new FakeClock(NOW);
  readySeconds = 11;
  usedInLastMinute = 0;
  ticks = [];
  looks = [];
  looksFail = false;
  hold = 'starting';
  tickMs = 1000;
});

const second = (): number => (clock.now() - NOW) / 1000;
const isReady = (): boolean => readySeconds !== undefined && second() >= readySeconds;

/** A tick. Its launches wait until the gateway is ready, and then the pool is idle. */
async function tick(): Promise<Tick> {
  ticks.push(second());
  const startedAtMs = clock.now();
  const part: PoolTick = {
    pool: pool('one'),
    launches: [],
    stops: [],
    errors: [],
    ...(!isReady() && { decision: WAITING }),
  };
  clock.nowMs += tickMs;
  const gateways = { views: [], outcomes: [], problems: [], errors: [], hold };
  return { startedAtMs, endedAtMs: clock.now(), pools: [part], gateways };
}

const parts = (activePollMs: number) => ({
  tick,
  report: () => undefined,
  pollBudget: () => ({ usedInLastMinute, taken: [0], wanted: [0], perMinute: 24 }),
  clock,
  activePollMs,
  gatewaysAllow: async () => {
    looks.push(second());
    if (looksFail) throw trouble;
    return isReady();
  },
});
const invoke = (activePollMs: number) => runInvocation(parts(activePollMs), NOW + seconds(53));

describe('an invocation whose launches wait for a gateway', () => {
  it('looks at the gateway every two seconds, and ticks when it is ready', async () => {
    await invoke(seconds(30));
    expect(looks).toEqual([2.609, 4.609, 6.609, 8.609, 10.609, 12.609]);
    expect(ticks).toEqual([0, 12.609]);
  });

  it('ticks every activePollSeconds at the latest', async () => {
    await invoke(seconds(5));
    expect(ticks).toEqual([0, 5, 10, 12.609]);
  });

  it('ticks every 15 s at the latest if it usually polls once', async () => {
    readySeconds = 20;
    await invoke(0);
    expect(ticks).toEqual([0, 15, 21.609]);
  });

  it('ticks only as often as the request budget allows', async () => {
    readySeconds = 1;
    await invoke(0);
    expect(ticks).toEqual([0, 2.609]);
  });

  it('ticks as usual if EC2 refused a mark, because the gateway seems to be ready all the time', async () => {
    hold = 'unknown';
    readySeconds = 12;
    await invoke(seconds(10));
    expect(ticks).toEqual([0, 10, 20]);
    expect(looks).toEqual([]);
  });

  it('ends before its deadline, and leaves the launches to the next one', async () => {
    readySeconds = undefined;
    await invoke(0);
    expect(ticks).toEqual([0, 15, 30, 45]);
    expect(second()).toBeLessThan(53);
  });

  it('continues if EC2 can’t be read between two ticks', async () => {
    looksFail = true;
    await invoke(seconds(10));
    expect(ticks).toEqual([0, 10, 20]);
  });

  it('does not wait for EC2 beyond the next tick', async () => {
    const signals: number[] = [];
    const slow = {
      ...parts(seconds(10)),
      clock: {
        now: clock.now,
        sleep: clock.sleep,
        timeout: (ms: number) => {
          signals.push(ms);
          return clock.timeout();
        },
      },
    };
    await runInvocation(slow, NOW + seconds(53));
    expect(signals.slice(0, 2)).toEqual([seconds(53), seconds(9) + 1000]);
  });

  it('ends without another look if no other tick fits into it', async () => {
    tickMs = seconds(13);
    const strict = {
      now: clock.now,
      timeout: (ms: number) => (ms > 0 ? clock.timeout() : AbortSignal.abort()),
      sleep: async (ms: number, signal: AbortSignal) => {
        signal.throwIfAborted();
        await clock.sleep(ms);
      },
    };
    await runInvocation({ ...parts(seconds(10)), clock: strict }, NOW + seconds(20));
    expect(ticks).toEqual([0]);
    expect(looks).toEqual([]);
  });

  it('waits for the next tick if there are no gateways to look at', async () => {
    const { gatewaysAllow: _, ...without } = parts(seconds(10));
    await runInvocation(without, NOW + seconds(53));
    expect(looks).toEqual([]);
    expect(ticks).toEqual([0, 10, 20]);
  });
});

describe('an invocation that only nudges caused', () => {
  const nudged = async (): Promise<Tick | undefined> => {
    const woken = new WokenInvocations({
      ...parts(seconds(10)),
      idlePollMs: seconds(60),
      activeCost: 1,
      wakeUps: undefined,
      runStatuses: { statusOf: async () => undefined },
      notSent: () => undefined,
      notFollowed: () => undefined,
    });
    return woken.run({ runIds: ['run-1'] }, NOW + seconds(53));
  };

  it('ticks again when the gateway that it started is ready', async () => {
    await nudged();
    expect(ticks).toEqual([0, 11]);
  });

  it('leaves the launches to the schedule if the gateway isn’t ready after 20 s', async () => {
    readySeconds = 30;
    await nudged();
    expect(ticks).toEqual([0]);
    expect(second()).toBe(21);
  });

  it('leaves the launches to the schedule if the request budget is used up', async () => {
    usedInLastMinute = 22;
    const first = nudged();
    usedInLastMinute = 23;
    await first;
    expect(ticks).toEqual([0]);
  });
});

describe('a tick', () => {
  const ticked = (more: Partial<Tick>): Tick => ({ startedAtMs: NOW, endedAtMs: NOW, pools: [], ...more });

  it('is active while launches wait for a gateway', async () => {
    expect(isActive(await tick())).toBe(true);
    readySeconds = 0;
    expect(isActive(await tick())).toBe(false);
  });

  it('has the errors of its gateways', () => {
    const gateways = { views: [], outcomes: [], problems: [] };
    expect(hasErrors(ticked({ gateways: { ...gateways, errors: [trouble] } }))).toBe(true);
    expect(hasErrors(ticked({ gateways: { ...gateways, errors: [] } }))).toBe(false);
  });
});
