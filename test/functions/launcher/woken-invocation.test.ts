import { beforeEach, describe, expect, it } from 'vitest';
import type { WakeUp } from '../../../functions/launcher/contract.ts';
import { activeCostOf, type WokenBy } from '../../../functions/launcher/core/wake-up.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import type { PoolTick, Tick } from '../../../functions/launcher/tick.ts';
import { WokenInvocations } from '../../../functions/launcher/woken-invocation.ts';
import { demandWith, live, NOW, queuedJob, seconds, supply } from './core/builders.ts';
import { FakeClock, pool } from './fakes.ts';

type Part = Partial<Pick<PoolTick, 'demand' | 'observation' | 'errors'>>;
const idle: Part = {};
const queued: Part = { demand: demandWith({ queued: [queuedJob('run-1')] }) };
const alive: Part = {
  observation: { demand: demandWith(), agentsVisible: true, supply: supply({ live: [live('a', 'busy')] }) },
};
const down = new UpstreamError({ system: 'HCP Terraform', fault: 'unavailable', what: 'down' });
const failed: Part = { errors: [down] };
const MINUTE_LATER = NOW + seconds(60);

/** A warm function, and everything that its invocations do. Each tick takes half a second. */
class WarmFunction {
  readonly clock = new FakeClock(NOW);
  readonly ticks: number[] = [];
  readonly sent: { readonly atSeconds: number; readonly delaySeconds: number; readonly wakeUp: WakeUp }[] = [];
  readonly notSent: string[] = [];
  readonly notFollowed: string[] = [];
  readonly reads: string[] = [];
  /** The times that were allowed for ticks, for following runs and for sending messages. */
  readonly timeouts: number[] = [];
  tickMs = 500;
  part: Part = idle;
  requestsPerTick = 1;
  usedInLastMinute = 0;
  wanted = 0;
  sendError: UpstreamError | undefined;
  status: (runId: string) => string | undefined | Error = () => undefined;
  /** How long each tick may launch. */
  readonly launchSeconds: number[] = [];
  readonly invocations: WokenInvocations;

  constructor({ idlePollMs = seconds(10), activePollMs = seconds(10), hasQueue = true, activeCost = 1 } = {}) {
    const { clock } = this;
    this.invocations = new WokenInvocations({
      clock: {
        now: clock.now,
        sleep: clock.sleep,
        timeout: (ms) => {
          this.timeouts.push(ms);
          return clock.timeout();
        },
      },
      activePollMs,
      idlePollMs,
      activeCost,
      report: () => undefined,
      pollBudget: () => ({
        usedInLastMinute: this.usedInLastMinute,
        taken: [0, this.wanted],
        wanted: [0, this.wanted],
        perMinute: 24,
      }),
      tick: async ({ launchUntilMs }) => {
        this.ticks.push(this.seconds);
        this.launchSeconds.push((launchUntilMs - clock.now()) / 1000);
        this.wanted += this.requestsPerTick;
        const startedAtMs = clock.now();
        clock.nowMs += this.tickMs;
        const quiet: PoolTick = { pool: pool('one'), launches: [], stops: [], errors: [] };
        const ticked: Tick = { startedAtMs, endedAtMs: clock.now(), pools: [{ ...quiet, ...this.part }] };
        return ticked;
      },
      wakeUps: hasQueue
        ? {
            send: async (wakeUp, delaySeconds) => {
              if (this.sendError !== undefined) throw this.sendError;
              this.sent.push({ atSeconds: this.seconds, delaySeconds, wakeUp });
            },
          }
        : undefined,
      runStatuses: {
        statusOf: async (runId) => {
          this.reads.push(`${runId} at ${this.seconds} s`);
          const status = this.status(runId);
          if (status instanceof Error) throw status;
          return status;
        },
      },
      notSent: ({ message }) => this.notSent.push(message),
      notFollowed: (runId) => this.notFollowed.push(runId),
    });
  }

  get seconds(): number {
    return (this.clock.now() - NOW) / 1000;
  }

  /** Runs an invocation at this second. */
  async at(second: number, wokenBy?: WokenBy): Promise<Tick | undefined> {
    this.clock.nowMs = NOW + seconds(second);
    return this.invocations.run(wokenBy, this.clock.now() + seconds(53));
  }
}

const pollUntil = (untilMs: number): WokenBy => ({ untilMs, runIds: [] });
const nudgeOf = (...runIds: string[]): WokenBy => ({ runIds });
let one: WarmFunction;
beforeEach(() => {
  one = new WarmFunction();
});

describe('a scheduled invocation that ends idle', () => {
  it('sends one message for the next poll, which begins idlePollSeconds after its tick began', async () => {
    await one.at(0);
    expect(one.sent).toEqual([{ atSeconds: 0.5, delaySeconds: 10, wakeUp: { kind: 'poll', untilMs: MINUTE_LATER } }]);
  });

  it.each<[string, ConstructorParameters<typeof WarmFunction>[0], Part]>([
    ['idlePollSeconds is 60, because the schedule polls then', { idlePollMs: seconds(60) }, idle],
    ['there is no queue', { hasQueue: false }, idle],
    ['its tick failed, because the schedule starts the next one', {}, failed],
  ])('sends nothing if %s', async (_, options, part) => {
    const other = new WarmFunction(options);
    other.part = part;
    await other.at(0);
    expect(other.ticks).toEqual([0]);
    expect(other.sent).toEqual([]);
  });

  it('sends a message 59 s before the next poll at most', async () => {
    const slow = new WarmFunction({ idlePollMs: seconds(59) });
    await slow.at(0);
    expect(slow.sent).toMatchObject([{ delaySeconds: 59 }]);
  });

  // The budget is 24 requests per minute.
  it.each([
    [1, 1, 10],
    [18, 1, 10],
    [19, 1, 12],
    [21, 1, 20],
    [22, 1, 30],
    [16, 8, undefined],
    [8, 8, 30],
    [23, 1, undefined],
    [24, 1, undefined],
    [25, 1, undefined],
  ])(
    'leaves the requests for a tick with jobs in all pools (%i) in the budget: if an idle tick costs %i, the next poll comes after %s s',
    async (activeCost, requestsPerTick, delaySeconds) => {
      const other = new WarmFunction({ activeCost });
      other.requestsPerTick = requestsPerTick;
      await other.at(0);
      expect(other.sent.map((message) => message.delaySeconds)).toEqual(
        delaySeconds === undefined ? [] : [delaySeconds],
      );
    },
  );
});

describe('a scheduled invocation that ends active', () => {
  it.each([
    ['jobs are queued', queued],
    ['tasks live', alive],
  ])('sends nothing while %s, because it polls itself until its minute ends', async (_, part) => {
    one.part = part;
    await one.at(0);
    expect(one.ticks).toEqual([0, 10, 20, 30, 40]);
    expect(one.sent).toEqual([]);
  });
});

describe('a chain of poll messages', () => {
  /** Delivers each message when it becomes visible, with a delay. @returns the times of all ticks */
  const chain = async (idlePollSeconds: number, lateSeconds: number): Promise<number[]> => {
    const chained = new WarmFunction({ idlePollMs: seconds(idlePollSeconds) });
    await chained.at(0);
    for (let next = 0; next < chained.sent.length; next += 1) {
      const { atSeconds = 0, delaySeconds = 0, wakeUp } = chained.sent[next] ?? {};
      if (wakeUp?.kind === 'poll') await chained.at(atSeconds + delaySeconds + lateSeconds, pollUntil(wakeUp.untilMs));
    }
    return chained.ticks;
  };

  it.each([
    [10, [0, 10, 20, 30, 40, 50]],
    [20, [0, 20, 40]],
    [30, [0, 30]],
    [45, [0, 45]],
    [59, [0, 59]],
    [5, [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55]],
  ])('polls every %i s, and ends before the next scheduled invocation', async (idlePollSeconds, ticks) => {
    for (const lateSeconds of [0, 0.2, 0.9]) {
      const actual = await chain(idlePollSeconds, lateSeconds);
      expect(actual).toHaveLength(ticks.length);
      for (const [index, second] of actual.entries()) {
        // A delay has whole seconds.
        expect(Math.abs(second - lateSeconds - (ticks[index] ?? 0))).toBeLessThanOrEqual(1);
      }
    }
  });

  it('never polls after its minute, even if messages are late', async () => {
    for (const lateSeconds of [0.2, 1, 3, 7, 15]) {
      const ticks = await chain(10, lateSeconds);
      // A message that is delivered after its minute causes a tick, but no further message.
      expect(ticks.filter((second) => second >= 60).length).toBeLessThanOrEqual(1);
      expect(ticks.length).toBeLessThanOrEqual(6);
    }
  });

  it('continues only once if a message is delivered twice', async () => {
    await one.at(0);
    await one.at(10, pollUntil(MINUTE_LATER));
    await one.at(10.6, pollUntil(MINUTE_LATER));
    await one.at(13, pollUntil(MINUTE_LATER));
    expect(one.ticks).toEqual([0, 10, 10.6, 13]);
    expect(one.sent.map(({ atSeconds }) => atSeconds)).toEqual([0.5, 10.5]);
  });

  it('continues if SQS delivers a message a little early', async () => {
    await one.at(0);
    await one.at(9.2, pollUntil(MINUTE_LATER));
    expect(one.sent).toHaveLength(2);
  });

  it.each([
    ['a message of the minute before', NOW - 1],
    ['a message whose minute ends now', NOW],
    ['a message whose time is more than a minute away', MINUTE_LATER + 1],
  ])('isn’t continued by %s: it causes one tick, even if a pool is active', async (_, untilMs) => {
    await one.at(0, pollUntil(untilMs));
    one.part = queued;
    await one.at(0, pollUntil(untilMs));
    expect(one.ticks).toEqual([0, 0]);
    expect(one.sent).toEqual([]);
  });

  it.each([
    [22, 1, 1, true],
    [23, 1, 1, false],
    [17, 6, 1, true],
    [18, 6, 1, false],
    [4, 6, 14, true],
    [5, 6, 14, false],
  ])(
    'leaves the budget to a tick with jobs in all pools: after %i requests, if that tick costs %i and the last one cost %i, it polls: %s',
    async (usedInLastMinute, activeCost, lastCost, polls) => {
      const other = new WarmFunction({ activeCost, idlePollMs: seconds(30) });
      other.requestsPerTick = lastCost;
      other.part = failed;
      await other.at(-60);
      other.ticks.length = 0;
      other.requestsPerTick = 1;
      other.part = idle;
      other.usedInLastMinute = usedInLastMinute;
      const ticked = await other.at(0, pollUntil(MINUTE_LATER));
      expect([other.ticks, ticked !== undefined]).toEqual(polls ? [[0], true] : [[], false]);
      // The chain continues in any case.
      expect(other.sent).toHaveLength(1);
    },
  );

  it('becomes an active invocation when a job is queued, which polls until the next scheduled invocation is near', async () => {
    one.part = queued;
    await one.at(20, pollUntil(MINUTE_LATER));
    expect(one.ticks).toEqual([20, 30, 40, 50]);
    expect(one.sent).toEqual([]);
  });

  it('ticks once if the next scheduled invocation is so near that a second tick would overlap with it', async () => {
    one.part = queued;
    await one.at(42, pollUntil(MINUTE_LATER));
    expect(one.ticks).toEqual([42, 52]);
    await one.at(42.001, pollUntil(MINUTE_LATER));
    expect(one.ticks).toEqual([42, 52, 42.001]);
  });

  it.each([
    ['the time until the next scheduled invocation, if it polls until then', 20, seconds(40)],
    ['its complete time, if the next scheduled invocation is too near for a second tick', 55, seconds(53)],
  ])('gives a tick %s', async (_, second, timeoutMs) => {
    one.part = queued;
    await one.at(second, pollUntil(MINUTE_LATER));
    expect(one.timeouts).toEqual([timeoutMs]);
  });

  it('sends its message within the time that the tick has left', async () => {
    await one.at(0);
    expect(one.timeouts).toEqual([seconds(53), seconds(52.5)]);
  });

  it('ends if a tick took so long that the next message would come after the next scheduled invocation', async () => {
    one.tickMs = 9_600;
    await one.at(50, pollUntil(MINUTE_LATER));
    const often = new WarmFunction({ idlePollMs: seconds(5) });
    often.tickMs = 9_600;
    await often.at(50, pollUntil(MINUTE_LATER));
    expect([one.sent, often.sent]).toEqual([[], []]);
    often.tickMs = 8_400;
    await often.at(50, pollUntil(MINUTE_LATER));
    expect(often.sent).toMatchObject([{ atSeconds: 58.4, delaySeconds: 1 }]);
  });

  it('ends when a message can’t be sent, and reports the error', async () => {
    one.sendError = new UpstreamError({ system: 'SQS', fault: 'unavailable', what: 'no answer' });
    expect((await one.at(0))?.pools).toHaveLength(1);
    expect(one.notSent).toEqual(['SQS: no answer']);
    one.sendError = undefined;
    await one.at(1);
    expect(one.sent).toHaveLength(1);
  });
});

describe('an invocation by messages that say nothing', () => {
  it('ticks once and sends nothing', async () => {
    one.part = queued;
    await one.at(0, { runIds: [] });
    expect(one.ticks).toEqual([0]);
    expect(one.sent).toEqual([]);
  });
});

describe('a nudge', () => {
  const queuedAfter = (second: number) => () => (one.seconds < second ? 'fetching' : 'plan_queued');

  it('ticks as soon as its run is queued, and reads the run once per second until then', async () => {
    one.status = queuedAfter(2.5);
    await one.at(0, nudgeOf('run-1'));
    expect(one.reads).toEqual(['run-1 at 0 s', 'run-1 at 1 s', 'run-1 at 2 s', 'run-1 at 3 s']);
    expect(one.ticks).toEqual([3]);
  });

  it('ticks once even if a pool is active, because the schedule and the chain poll as well', async () => {
    one.part = queued;
    one.status = () => 'plan_queued';
    await one.at(0, nudgeOf('run-1'));
    expect(one.ticks).toEqual([0]);
    expect(one.sent).toEqual([]);
  });

  it.each([
    ...['plan_queued', 'planning', 'apply_queued', 'applying', 'applied', 'errored', 'planned_and_finished'],
    ...['pre_plan_awaiting_decision', 'policy_override', 'a_new_status'],
  ])('doesn’t follow a run in the status %s', async (status) => {
    one.status = () => status;
    await one.at(0, nudgeOf('run-1'));
    expect(one.ticks).toEqual([0]);
  });

  it.each([
    ...['pending', 'fetching', 'fetching_completed', 'pre_plan_running', 'pre_plan_completed', 'queuing'],
    ...['planned', 'cost_estimating', 'cost_estimated', 'policy_checking', 'policy_checked', 'post_plan_running'],
    ...['post_plan_completed', 'confirmed', 'pre_apply_running', 'pre_apply_completed', 'queuing_apply'],
  ])('follows a run in the status %s for 8 s at most', async (status) => {
    one.status = () => status;
    await one.at(0, nudgeOf('run-1'));
    expect(one.reads).toHaveLength(8);
    expect(one.ticks).toEqual([7]);
  });

  it('ticks as soon as one run of its batch is queued, because the other runs may wait for a person', async () => {
    one.status = (runId) => (runId === 'run-1' && one.seconds >= 1 ? 'plan_queued' : 'pending');
    await one.at(0, nudgeOf('run-1', 'run-2', 'run-1'));
    expect(one.reads).toEqual(['run-1 at 0 s', 'run-2 at 0 s', 'run-1 at 1 s', 'run-2 at 1 s']);
    expect(one.ticks).toEqual([1]);
  });

  it('follows no run any more after HCP Terraform asked to wait, because the tick needs the requests', async () => {
    const throttled = new UpstreamError({ system: 'HCP Terraform', fault: 'throttled', what: 'wait' });
    one.status = (runId) => (runId === 'run-2' && one.seconds >= 2 ? throttled : 'pending');
    await one.at(0, nudgeOf('run-1', 'run-2'));
    expect(one.reads).toHaveLength(6);
    expect(one.ticks).toEqual([2]);
  });

  it('follows at most ten runs', async () => {
    await one.at(0, nudgeOf(...Array.from({ length: 25 }, (_, i) => `run-${i}`)));
    expect(one.reads).toHaveLength(10);
    expect(one.ticks).toEqual([0]);
  });

  it.each([
    ['of an unknown run', undefined, []],
    ['of a run that can’t be read', down, ['run-1']],
    ['that meets a bug', new TypeError('x is undefined'), ['run-1']],
  ])('%s still ticks, and isn’t an error', async (_, status, notFollowed) => {
    one.status = () => status;
    const ticked = await one.at(0, nudgeOf('run-1'));
    expect(ticked?.pools[0]?.errors).toEqual([]);
    expect(one.ticks).toEqual([0]);
    expect(one.notFollowed).toEqual(notFollowed);
  });

  it('tick at once three times, and then wait until ten seconds have passed since the last one', async () => {
    for (const second of [0, 1, 2]) await one.at(second, nudgeOf('run-1'));
    await one.at(3, nudgeOf('run-1'));
    await one.at(11, nudgeOf('run-1'));
    expect(one.ticks).toEqual([0, 1, 2, 10, 20]);
  });

  it('don’t tick if their turn takes more than 20 s, because the schedule polls then', async () => {
    one.requestsPerTick = 8;
    await one.at(0, nudgeOf('run-1'));
    expect(await one.at(30, nudgeOf('run-1'))).toBeUndefined();
    await one.at(41, nudgeOf('run-1'));
    expect(one.ticks).toEqual([0, 60]);
  });

  it('doesn’t tick if the request budget isn’t enough for a tick in which all pools have jobs', async () => {
    one.usedInLastMinute = 23;
    expect(await one.at(0, nudgeOf('run-1'))).toBeUndefined();
    expect([one.ticks, one.reads]).toEqual([[], []]);
  });

  it('launches for five seconds, because the scheduled invocation launches the rest', async () => {
    await one.at(0, nudgeOf('run-1'));
    await one.at(60);
    expect(one.launchSeconds).toEqual([5, 51]);
  });

  it('together with a poll message follows its runs and continues the chain, whatever nudges have used', async () => {
    one.usedInLastMinute = 13;
    one.status = queuedAfter(11);
    await one.at(10, { untilMs: MINUTE_LATER, runIds: ['run-1'] });
    expect(one.ticks).toEqual([11]);
    // The next poll of the chain is at second 20.
    expect(one.sent).toMatchObject([{ atSeconds: 11.5, delaySeconds: 9 }]);
  });
});

describe('the requests of a tick in which all pools have jobs', () => {
  const of = (apiTokenSecret: string, organization: string) => ({ apiTokenSecret, organization });

  it.each([
    ['a single pool', [of('t', 'a')], 1],
    [
      'two pools that are polled together, with the question whether any of them has work',
      [of('t', 'a'), of('t', 'a')],
      3,
    ],
    ['two pools of two organizations with the same token', [of('t', 'a'), of('t', 'b')], 2],
    ['the token with the most requests', [of('t', 'a'), of('u', 'a'), of('u', 'a'), of('u', 'b')], 4],
    [
      'a token whose secret is given by name and by ARN',
      [of('t', 'a'), of('arn:aws:secretsmanager:eu-central-1:123456789012:secret:t-AbCd12', 'a')],
      3,
    ],
    ['no pools', [], 1],
  ])('are those of %s', (_, pools, cost) => {
    expect(activeCostOf(pools)).toBe(cost);
  });
});
