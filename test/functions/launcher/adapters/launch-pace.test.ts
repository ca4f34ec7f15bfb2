import { describe, expect, it } from 'vitest';
import { LaunchPace } from '../../../../functions/launcher/adapters/ecs/launch-pace.ts';
import type { Capacity } from '../../../../functions/launcher/core/types.ts';
import { NOW, seconds } from '../core/builders.ts';
import { FakeClock } from '../fakes.ts';

const never = Number.POSITIVE_INFINITY;
const signal = new AbortController().signal;

/** A clock that advances only after everything else has been done. */
class PatientClock extends FakeClock {
  override sleep = async (ms: number): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    this.nowMs += ms;
  };
}

/** Asks for turns of several pools at the same time. @returns the pool and the time of each turn, in their order */
async function turns(
  wanted: readonly { readonly pool: string; readonly count: number; readonly capacity?: Capacity }[],
  { clock = new PatientClock(NOW), pace = new LaunchPace(clock), untilMs = never } = {},
) {
  const had: { pool: string; seconds: number }[] = [];
  const refused: string[] = [];
  await Promise.all(
    wanted.flatMap(({ pool, count, capacity = 'on-demand' }) =>
      Array.from({ length: count }, async () => {
        const isTurn = await pace.turn(pool, capacity, untilMs, signal);
        if (isTurn) had.push({ pool, seconds: (clock.now() - NOW) / 1000 });
        else refused.push(pool);
      }),
    ),
  );
  return { had, refused };
}

describe('the pace of launches', () => {
  it('is 10 RunTask calls at once, and 20 per second after that', async () => {
    const { had } = await turns([{ pool: 'one', count: 200 }]);
    expect(had.filter((turn) => turn.seconds === 0)).toHaveLength(10);
    expect(had.at(-1)?.seconds).toBeCloseTo(9.5, 0);
  });

  it('alternates between pools, so that a pool with many launches doesn’t delay the first launch of another', async () => {
    const { had } = await turns([
      { pool: 'large', count: 500 },
      { pool: 'small', count: 2 },
    ]);
    const small = had.filter(({ pool }) => pool === 'small');
    expect(small.at(-1)?.seconds).toBeLessThanOrEqual(0.2);
    expect(had.at(-1)).toMatchObject({ pool: 'large' });
  });

  it('refuses the launches for which the rate leaves no time, without waiting for that time', async () => {
    const clock = new PatientClock(NOW);
    const { had, refused } = await turns([{ pool: 'one', count: 100 }], { clock, untilMs: NOW + seconds(1) });
    expect([had.length, refused.length]).toEqual([30, 70]);
    expect(clock.now()).toBeLessThanOrEqual(NOW + seconds(1));
  });

  it('becomes slower for a capacity that ECS throttled, but not for the other one', async () => {
    const clock = new PatientClock(NOW);
    const pace = new LaunchPace(clock);
    pace.throttled('spot', NOW);
    const { had } = await turns(
      [
        { pool: 'on Spot', count: 5, capacity: 'spot' },
        { pool: 'on demand', count: 5 },
      ],
      { clock, pace },
    );
    const last = (name: string) => had.findLast(({ pool }) => pool === name)?.seconds;
    expect(last('on demand')).toBe(0);
    expect(last('on Spot')).toBeGreaterThan(0.4);
  });

  it('serves a launch that comes after all others were served', async () => {
    const clock = new PatientClock(NOW);
    const pace = new LaunchPace(clock);
    await turns([{ pool: 'one', count: 1 }], { clock, pace });
    expect((await turns([{ pool: 'one', count: 1 }], { clock, pace })).had).toHaveLength(1);
  });

  it.each<[string, boolean, boolean | Error]>([
    ['refuses all waiting launches when the invocation ends', true, false],
    ['fails all waiting launches after a bug, instead of calling them late', false, new TypeError('x is undefined')],
  ])('%s', async (_, isAborted, outcome) => {
    const clock = new FakeClock(NOW);
    const ending = new AbortController();
    clock.sleep = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      if (isAborted) ending.abort();
      throw outcome instanceof Error ? outcome : ending.signal.reason;
    };
    const pace = new LaunchPace(clock);
    const asked = Array.from({ length: 12 }, () =>
      pace.turn('one', 'on-demand', never, ending.signal).catch((error: unknown) => error),
    );
    expect(await Promise.all(asked)).toEqual([...Array(10).fill(true), outcome, outcome]);
    // The next invocation starts again.
    clock.nowMs += seconds(1);
    expect(await pace.turn('one', 'on-demand', never, signal)).toBe(true);
  });
});
