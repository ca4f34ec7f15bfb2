import { describe, expect, it } from 'vitest';
import { attemptsFrom, clientTokenOf } from '../../../../functions/launcher/core/client-token.ts';
import { reconcile, withStanding } from '../../../../functions/launcher/core/reconcile.ts';
import {
  isForRun,
  isStanding,
  standingJobs,
  standingShort,
  sweepMayFail,
} from '../../../../functions/launcher/core/standing.ts';
import type { Lane, LiveTask, Schedule, Standing, WaitingRun } from '../../../../functions/launcher/core/types.ts';
import { APPLY_LANE, demandWith, LANE, LIMITS, live, minutes, NOW, queuedJob, seconds, supply } from './builders.ts';

const WARM: Standing = { id: 'abc123', warm: { agents: 2, idleSeconds: 3600 } };
const SWEEP: Standing = { id: 'abc123', sweepMs: minutes(60) };
const BERLIN = 'Europe/Berlin';
const NEW_YORK = 'America/New_York';
const lane = (standing: Standing | undefined, overrides: Partial<Lane> = {}): Lane => ({
  ...LANE,
  ...overrides,
  standing,
});
const keys = (standing: Standing | undefined, nowMs = NOW) => standingJobs(lane(standing), nowMs).map(({ key }) => key);

const THIS_HOUR = NOW - (NOW % minutes(60));
const NOTHING = { launches: [], stops: [], deferrals: [] };

const isWarm = (key: string) => key.startsWith('warm/');

type Has = Parameters<typeof supply>[0];
interface World {
  readonly lanes: readonly Lane[];
  readonly waiting?: readonly WaitingRun[];
  readonly has: Has;
  readonly queued?: number;
  readonly maxAgents?: number;
  readonly nowMs?: number;
}

/** The launches and deferrals of a pool as strings. A warm agent's attempt is shown without the part that depends on the hour. */
function decided({ lanes, waiting = [], has, queued = 0, maxAgents = 10, nowMs = NOW }: World) {
  const jobs = Array.from({ length: queued }, (_, n) => queuedJob(`run-${n}`));
  const seen = { lanes, demand: demandWith({ queued: jobs, waiting }), supply: supply(has), limitRoom: undefined };
  const limits = { ...LIMITS, maxAgents };
  const { launches, deferrals } = withStanding(reconcile(seen, limits, nowMs), seen, limits, nowMs);
  return {
    launches: launches.map(({ job, attempt }) => `${job.key} ${isWarm(job.key) ? attempt % 100_000 : attempt}`),
    deferrals: deferrals.map(({ jobKey, cause }) => `${jobKey} ${cause}`),
  };
}

describe('the warm agents and sweeps of a lane', () => {
  it('don’t exist by default', () => {
    expect(keys(undefined)).toEqual([]);
    expect(keys({ id: 'abc123' })).toEqual([]);
  });

  it('include as many warm agents as configured, each with its own slot', () => {
    expect(keys(WARM)).toEqual(['warm/abc123/1', 'warm/abc123/2']);
  });

  it('use a phase that their lane accepts', () => {
    const phases = (lanePhases: Lane['phases']) =>
      standingJobs(lane(WARM, { phases: lanePhases }), NOW).map(({ phase }) => phase);
    expect(phases(['apply'])).toEqual(['apply', 'apply']);
    expect(phases(['plan', 'apply'])).toEqual(['plan', 'plan']);
  });

  it('include a sweep for five minutes after it is due, always with the same key', () => {
    const due = Math.floor(NOW / minutes(60)) * minutes(60);
    const first = keys(SWEEP, due);
    expect(first).toEqual([`sweep/abc123/${due / minutes(60)}`]);
    expect(keys(SWEEP, due + minutes(5) - 1)).toEqual(first);
    expect(keys(SWEEP, due + minutes(5))).toEqual([]);
    expect(keys(SWEEP, due + minutes(60))).not.toEqual(first);
  });

  it('pause warm agents while ECS might not show their tasks before the next hour', () => {
    const held = (standing: Standing, nowMs: number) =>
      standingJobs(lane(standing), THIS_HOUR + nowMs).map(({ paused }) => paused);
    for (const open of [0, minutes(54) - 1, minutes(60)]) expect(held(WARM, open)).toEqual([false, false]);
    for (const shut of [minutes(54), minutes(60) - 1]) expect(held(WARM, shut)).toEqual([true, true]);
    expect(held({ id: 'abc123', sweepMs: minutes(58) }, minutes(58) - (THIS_HOUR % minutes(58)))).toEqual([false]);
  });

  it('include a sweep only if ECS will show its task before the next sweep is due', () => {
    const often: Standing = { id: 'abc123', sweepMs: minutes(10) };
    expect(keys(often, THIS_HOUR + minutes(4) - 1)).toHaveLength(1);
    expect(keys(often, THIS_HOUR + minutes(4))).toEqual([]);
  });

  it('differ from the jobs of runs, and have client tokens that ECS accepts', () => {
    const [job] = standingJobs(lane(SWEEP), NOW - (NOW % minutes(60)));
    if (job === undefined) throw new Error('no sweep is due');
    expect(isStanding(job)).toBe(true);
    expect(isStanding(queuedJob('run-1'))).toBe(false);
    expect(attemptsFrom(1, job, NOW)).toEqual([1]);
    const [warm] = standingJobs(lane(WARM), NOW);
    const last = attemptsFrom(1, warm ?? job, NOW).at(-1);
    expect(last).toBeGreaterThan(1_000_000);
    expect(clientTokenOf({ key: 'warm/0123456789ab/999' }, Number(last)).length).toBeLessThanOrEqual(64);
  });
});

it('an agent is for one particular run if the run has a queued job or is in a post-plan status', () => {
  const waiting: WaitingRun = { runId: 'run-1', status: 'policy_checking', stage: 1, sinceMs: NOW - minutes(3) };
  const wanted = [queuedJob('run-1'), ...standingJobs(LANE, NOW, [waiting])];
  expect(wanted.map(isForRun)).toEqual([true, true]);
  const due = NOW - (NOW % minutes(60));
  const settings = standingJobs(lane({ ...WARM, ...SWEEP }), due);
  expect(settings.map(isForRun)).toEqual([false, false, false]);
});

describe('the last sweep of an interval', () => {
  it.each<[sweepMinutes: number, afterMinutes: number, mayFail: boolean]>([
    [240, 0, true],
    [240, 19.99, true],
    [240, 20, false],
    [240, 239, false],
    [10, 9.99, true],
    [22, 19.99, true],
    [22, 20, false],
  ])('(every %d minutes) can still fail %d minutes after it was due: %s', (every, after, mayFail) => {
    const due = NOW - (NOW % minutes(every));
    const of = lane({ id: 'l1', sweepMs: minutes(every) });
    expect(sweepMayFail(of, due + minutes(after), minutes(5))).toBe(mayFail);
  });

  it('doesn’t exist in a lane without sweeps', () => {
    expect(sweepMayFail(lane(undefined), NOW, minutes(5))).toBe(false);
    expect(sweepMayFail(lane(WARM), NOW, minutes(5))).toBe(false);
  });
});

describe('a schedule of warm agents', () => {
  const weekdays: Schedule = {
    days: ['Mon', 'Tue', 'Wed', 'Thu', 'Fri'],
    fromMinute: 8 * 60,
    toMinute: 18 * 60,
    timeZone: 'Europe/Berlin',
  };
  const isWarm = (iso: string) =>
    keys({ id: 'abc123', warm: { agents: 1, idleSeconds: 3600, schedule: weekdays } }, Date.parse(iso)).length === 1;

  it.each([
    ['is active on Monday at eight, in winter', '2026-03-02T07:00:00Z', true],
    ['is not active a minute before its start', '2026-03-02T06:59:59Z', false],
    ['is active on Monday at eight, in summer', '2026-06-01T06:00:00Z', true],
    ['is active in the last minute before its end', '2026-03-02T16:59:59Z', true],
    ['is not active at its end', '2026-03-02T17:00:00Z', false],
    ['is not active on Saturday', '2026-03-07T11:00:00Z', false],
    ['is not active on Monday at half past midnight, which is Sunday in UTC', '2026-03-01T23:30:00Z', false],
  ])('%s', (_, iso, expected) => {
    expect(isWarm(iso)).toBe(expected);
  });
});

describe('a schedule of warm agents on the days on which the clocks change', () => {
  const hours = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  /** The UTC time ranges, within 26 hours around the day, in which a schedule such as 08:00-18:00 keeps an agent warm. */
  const warmOn = (day: string, times: string, timeZone: string, days: Schedule['days'] = ['Sun']) => {
    const [fromMinute = Number.NaN, toMinute = Number.NaN] = times.split('-').map(hours);
    const schedule: Schedule = { days, fromMinute, toMinute, timeZone };
    const standing: Standing = { id: 'abc123', warm: { agents: 1, idleSeconds: 3600, schedule } };
    const stretches: string[] = [];
    let since: string | undefined;
    const start = Date.parse(`${day}T00:00:00Z`) - minutes(12 * 60);
    for (let ms = start; ms <= start + minutes(48 * 60); ms += minutes(10)) {
      const isWarm = keys(standing, ms).length === 1;
      const at = new Date(ms).toISOString().slice(8, 16);
      if (isWarm) since ??= at;
      else if (since !== undefined) {
        stretches.push(`${since} ${at}`);
        since = undefined;
      }
    }
    return stretches;
  };

  // From 01:59 to 03:00 (UTC 01:00).
  it.each([
    [
      'a schedule during the day has its usual length, and is an hour earlier in UTC',
      '08:00-18:00',
      ['29T06:00 29T16:00'],
    ],
    ['a schedule that begins in the skipped hour begins at the end of that hour', '02:30-04:00', ['29T01:00 29T02:00']],
    [
      'a schedule that ends in the skipped hour ends at the beginning of that hour',
      '01:00-02:30',
      ['29T00:00 29T01:00'],
    ],
    ['a schedule within the skipped hour is not active on that day', '02:10-02:50', []],
    ['a schedule for the whole day has 23 hours', '00:00-24:00', ['28T23:00 29T22:00']],
  ])('in spring in Berlin, %s', (_, times, expected) => {
    expect(warmOn('2026-03-29', times, BERLIN)).toEqual(expected);
  });

  // From 02:59 to 02:00 (UTC 01:00).
  it.each([
    [
      'a schedule during the day has its usual length, and is an hour later in UTC',
      '08:00-18:00',
      ['25T07:00 25T17:00'],
    ],
    ['a schedule around the repeated hour is an hour longer', '01:00-04:00', ['24T23:00 25T03:00']],
    ['a schedule within the repeated hour is active twice', '02:10-02:50', ['25T00:10 25T00:50', '25T01:10 25T01:50']],
    ['a schedule for the whole day has 25 hours', '00:00-24:00', ['24T22:00 25T23:00']],
  ])('in autumn in Berlin, %s', (_, times, expected) => {
    expect(warmOn('2026-10-25', times, BERLIN)).toEqual(expected);
  });

  // From 01:59 to 03:00 (UTC 07:00).
  it.each([
    ['a schedule during the day', '08:00-18:00', ['08T12:00 08T22:00']],
    ['a schedule within the skipped hour', '02:10-02:50', []],
    ['a schedule for the whole day', '00:00-24:00', ['08T05:00 09T04:00']],
  ])('in spring in New York, %s is active as in Berlin', (_, times, expected) => {
    expect(warmOn('2026-03-08', times, NEW_YORK)).toEqual(expected);
  });

  // From 01:59 to 01:00 (UTC 06:00).
  it.each([
    ['a schedule during the day', '08:00-18:00', ['01T13:00 01T23:00']],
    ['a schedule within the repeated hour', '01:10-01:50', ['01T05:10 01T05:50', '01T06:10 01T06:50']],
    ['a schedule for the whole day', '00:00-24:00', ['01T04:00 02T05:00']],
  ])('in autumn in New York, %s is active as in Berlin', (_, times, expected) => {
    expect(warmOn('2026-11-01', times, NEW_YORK)).toEqual(expected);
  });

  it('a schedule from midnight begins at one o’clock if the change of the clocks skips midnight', () => {
    expect(warmOn('2026-09-06', '00:00-02:00', 'America/Santiago')).toEqual(['06T04:00 06T05:00']);
  });

  it('a schedule on the day before or after the change isn’t affected', () => {
    expect(warmOn('2026-03-29', '08:00-18:00', BERLIN, ['Sat'])).toEqual(['28T12:00 28T17:00']);
    expect(warmOn('2026-10-25', '08:00-10:00', BERLIN, ['Mon'])).toEqual(['26T07:00 26T09:00']);
  });
});

describe('a decision about warm agents and sweeps', () => {
  const decide = (standing: Standing, has: Has, queued = 0, maxAgents = 10) =>
    decided({ lanes: [lane(standing)], has, queued, maxAgents, nowMs: THIS_HOUR + seconds(30) });
  const idle = (id: string, startedBy: string) => live(id, 'idle', { startedBy });
  const busy = (id: string, startedBy: string) => live(id, 'busy', { startedBy });

  it('launches the missing warm agents', () => {
    expect(decide(WARM, {}).launches).toEqual(['warm/abc123/1 1', 'warm/abc123/2 1']);
    expect(decide(WARM, { live: [idle('a', 'warm/abc123/1')] }).launches).toEqual(['warm/abc123/2 1']);
  });

  it('fills the slot of a warm agent that got a job with the next attempt', () => {
    const has = {
      live: [busy('a', 'warm/abc123/1'), idle('b', 'warm/abc123/2')],
      attempts: new Map([
        ['warm/abc123/1', (THIS_HOUR / minutes(60)) * 100_000 + 3],
        ['warm/abc123/2', 1],
      ]),
    };
    expect(decide(WARM, has).launches).toEqual(['warm/abc123/1 4']);
  });

  it('fills no slot while its client token is about to change, but still launches sweeps', () => {
    const at = (nowMs: number, standing: Standing) => {
      const seen = { lanes: [lane(standing)], demand: demandWith(), supply: supply({}), limitRoom: undefined };
      const decision = withStanding(NOTHING, seen, LIMITS, nowMs);
      return [decision.launches.map(({ job }) => job.key.split('/', 1)[0]), decision.deferrals];
    };
    expect(at(THIS_HOUR + minutes(54) - 1, WARM)).toEqual([['warm', 'warm'], []]);
    expect(at(THIS_HOUR + minutes(55), WARM)).toEqual([[], []]);
    expect(at(THIS_HOUR + minutes(55), { ...WARM, sweepMs: THIS_HOUR + minutes(55) })).toEqual([['sweep'], []]);
  });

  it('counts on the warm agents for queued jobs, and fills the slots that become empty', () => {
    const has = { live: [idle('a', 'warm/abc123/1'), idle('b', 'warm/abc123/2')] };
    expect(decide(WARM, has, 1).launches).toHaveLength(1);
    expect(decide(WARM, has, 1).launches[0]).toMatch(/^warm/);
    expect(decide(WARM, has, 3).launches.map((one) => one.split('/', 1)[0])).toEqual(['run-0', 'warm', 'warm']);
  });

  it('launches no sweep while a warm agent waits, because that agent takes the same jobs', () => {
    const both: Standing = { ...WARM, ...SWEEP };
    const two = [idle('a', 'warm/abc123/1'), idle('b', 'warm/abc123/2')];
    expect(decide(both, { live: two }).launches).toEqual([]);
    expect(decide(both, { live: [idle('a', 'warm/abc123/1')] }).launches).toEqual(['warm/abc123/2 1']);
  });

  it('launches for queued jobs first, and defers a warm agent that would exceed the limit', () => {
    expect(decide(WARM, {}, 2, 3)).toEqual({
      launches: ['run-0/plan 1', 'run-1/plan 1', 'warm/abc123/1 1'],
      deferrals: ['warm/abc123/2 max-agents'],
    });
    expect(decide(WARM, {}, 2, 1).deferrals).toEqual([
      'run-1/plan max-agents',
      'warm/abc123/1 max-agents',
      'warm/abc123/2 max-agents',
    ]);
    expect(decide(SWEEP, { live: [busy('a', 'run-0/plan')] }, 0, 1).deferrals).toEqual([
      expect.stringMatching(/^sweep\/abc123\/\d+ max-agents$/),
    ]);
  });

  it('uses higher attempts each hour', () => {
    const attempts = (nowMs: number, earlier: number) => {
      const seen = {
        lanes: [lane(WARM)],
        demand: demandWith(),
        supply: supply({ attempts: new Map([['warm/abc123/1', earlier]]) }),
        limitRoom: undefined,
      };
      const [first] = withStanding(NOTHING, seen, LIMITS, nowMs).launches;
      if (first === undefined) throw new Error('nothing is launched');
      return attemptsFrom(first.attempt, first.job, nowMs);
    };
    const used = attempts(THIS_HOUR + minutes(53), 0);
    expect(attempts(THIS_HOUR + minutes(53), 0)).toEqual(used);
    expect(attempts(THIS_HOUR + minutes(53), used[0] ?? 0)[0]).toBe((used[0] ?? 0) + 1);
    const next = attempts(THIS_HOUR + minutes(60), Math.max(...used));
    expect(Math.min(...next)).toBeGreaterThan(Math.max(...used));
  });

  it('launches a sweep only once, whatever happened to its task, and not while an agent is waiting', () => {
    const [launch] = decide(SWEEP, {}).launches;
    expect(launch).toMatch(/^sweep\/abc123\/\d+ 1$/);
    const key = String(launch).split(' ', 1)[0] as string;
    expect(decide(SWEEP, { attempts: new Map([[key, 1]]) }).launches).toEqual([]);
    expect(decide(SWEEP, { live: [idle('a', 'run-0/plan')] }).launches).toEqual([]);
    expect(decide(SWEEP, { live: [idle('a', 'run-0/plan')] }, 1).launches).toEqual([launch]);
  });

  it('doesn’t replace a warm agent that it can’t observe', () => {
    const has = { live: [live('a', 'unobserved', { startedBy: 'warm/abc123/1' })] };
    expect(decide(WARM, has).launches).toEqual(['warm/abc123/2 1']);
  });

  it('never launches a negative number', () => {
    expect(standingShort([], 5, new Map(), [])).toEqual([]);
    expect(standingShort(standingJobs(lane(WARM), NOW), 5, new Map(), [])).toEqual([]);
    expect(standingShort(standingJobs(lane(WARM), NOW), -5, new Map(), [])).toHaveLength(2);
  });
});

describe('a run in a post-plan status', () => {
  const waiting = (ms: number, overrides: Partial<WaitingRun> = {}): WaitingRun => ({
    runId: 'run-a',
    status: 'post_plan_running',
    stage: 0,
    sinceMs: NOW - ms,
    ...overrides,
  });
  const sweeps = (run: WaitingRun, of: Lane = LANE) => standingJobs(of, NOW, [run]).map(({ key }) => key);

  it.each([
    ['has just begun', 0, []],
    ['lasts less than two minutes, as checks on the platform’s side do', minutes(2) - 1, []],
    ['lasts two minutes', minutes(2), ['sweep/run-a/0']],
    ['goes on', minutes(6) - 1, ['sweep/run-a/0']],
    ['lasts six minutes', minutes(6), ['sweep/run-a/1']],
    ['lasts 14 minutes', minutes(14), ['sweep/run-a/2']],
    ['lasts 30 minutes', minutes(30), ['sweep/run-a/3']],
    ['lasts an hour', minutes(60), ['sweep/run-a/4']],
    ['lasts so long that ECS may soon forget the last task', minutes(60 + 50) - 1, ['sweep/run-a/4']],
    ['is between two sweeps', minutes(60 + 50), []],
    ['lasts two hours', minutes(120), ['sweep/run-a/5']],
    ['lasts four hours', minutes(240), ['sweep/run-a/6']],
    ['lasts eight hours', minutes(480), ['sweep/run-a/7']],
    ['has had every sweep', minutes(480 + 50), []],
    ['lasts for weeks', minutes(60 * 24 * 30), []],
    ['begins in the future of our clock', -seconds(12), []],
  ])('gets the right sweep if its wait %s', (_, ms, expected) => {
    expect(sweeps(waiting(ms))).toEqual(expected);
  });

  it('gets its sweep after runs that have waited longer, with two sweeps at the same time', () => {
    const runs = ['run-a', 'run-b', 'run-c'].map((runId, n) => waiting(minutes(3 + n), { runId }));
    const jobs = standingJobs(LANE, NOW, runs);
    const short = (...of: LiveTask[]) => standingShort(jobs, 0, new Map(), of).map(({ key }) => key);
    expect(short()).toEqual(['sweep/run-b/0', 'sweep/run-c/0']);
    const sweeping = live('x', 'busy', { startedBy: 'sweep/run-z/1' });
    expect(short(sweeping)).toEqual(['sweep/run-c/0']);
    expect(short(sweeping, live('y', 'starting', { startedBy: 'sweep/run-y/1' }))).toEqual([]);
    expect(short(live('z', 'busy', { startedBy: 'sweep/one/7' }))).toHaveLength(2);
  });

  it('gets at most eight sweeps, no matter when ticks observe it', () => {
    const keys = Array.from({ length: 24 * 60 * 4 }, (_, n) => sweeps(waiting(seconds(15 * n)))).flat();
    expect(new Set(keys).size).toBe(8);
  });

  it('gets separate sweeps in each post-plan status', () => {
    expect(sweeps(waiting(minutes(2), { status: 'policy_checking', stage: 1 }))).toEqual(['sweep/run-a/10']);
  });

  it('gets a sweep only from a lane that evaluates policy sets', () => {
    expect(sweeps(waiting(minutes(3)), { ...LANE, acceptsPolicies: true })).toHaveLength(1);
    expect(sweeps(waiting(minutes(3)), { ...LANE, acceptsPolicies: false })).toEqual([]);
    const [job] = standingJobs(APPLY_LANE, NOW, [waiting(minutes(3))]);
    expect(job?.phase).toBe('apply');
  });

  it('gets a sweep in addition to the warm agents and the sweep of the interval', () => {
    const of = lane({ ...WARM, ...SWEEP });
    const keysAt = (nowMs: number) =>
      standingJobs(of, nowMs, [waiting(0, { sinceMs: nowMs - minutes(2) })]).map(({ key }) =>
        key.split('/', 2).join('/'),
      );
    expect(keysAt(THIS_HOUR)).toEqual(['warm/abc123', 'warm/abc123', 'sweep/abc123', 'sweep/run-a']);
  });

  it('gets an agent that leaves after 90 seconds, with a client token that ECS accepts', () => {
    const [job] = standingJobs(LANE, NOW, [waiting(minutes(2), { runId: `run-${'a'.repeat(46)}`, stage: 1 })]);
    if (job === undefined) throw new Error('no sweep is due');
    expect(job).toMatchObject({ idleSeconds: 90, singleAttempt: true, paused: false });
    expect(job.reason).toContain('has been post_plan_running for 120 s');
    expect(attemptsFrom(1, job, NOW)).toEqual([1]);
    expect(clientTokenOf(job, 1).length).toBeLessThanOrEqual(64);
  });

  const decide = (waiting: readonly WaitingRun[], has: Has, maxAgents = 10, queued = 0) =>
    decided({ lanes: [LANE], waiting, has, queued, maxAgents });

  it('gets one task per sweep, and none while a free task may serve the run', () => {
    const run = waiting(minutes(3));
    expect(decide([run], {}).launches).toEqual(['sweep/run-a/0 1']);
    expect(decide([run], { attempts: new Map([['sweep/run-a/0', 1]]) }).launches).toEqual([]);
    expect(decide([run], { live: [live('t', 'starting')] }).launches).toEqual([]);
    expect(decide([run], { live: [live('t', 'idle')] }).launches).toEqual([]);
    expect(decide([run], { live: [live('t', 'busy')] }).launches).toEqual(['sweep/run-a/0 1']);
    expect(decide([run], { live: [live('t', 'idle')] }, 10, 1).launches).toEqual(['sweep/run-a/0 1']);
  });

  it('gets an agent only if the limits leave one after the queued jobs', () => {
    expect(decide([waiting(minutes(3))], {}, 1, 1)).toEqual({
      launches: ['run-0/plan 1'],
      deferrals: ['sweep/run-a/0 max-agents'],
    });
  });

  it('gets an agent in addition to the agents of other runs in a post-plan status', () => {
    const runs = [waiting(minutes(3)), waiting(minutes(7), { runId: 'run-b' })];
    expect(decide(runs, {}).launches).toEqual(['sweep/run-a/0 1', 'sweep/run-b/1 1']);
  });
});
