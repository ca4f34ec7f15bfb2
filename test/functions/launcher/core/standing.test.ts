import { describe, expect, it } from 'vitest';
import { reconcile, withStanding } from '../../../../functions/launcher/core/reconcile.ts';
import { isStanding, standingJobs, standingShort } from '../../../../functions/launcher/core/standing.ts';
import { attemptsFrom, clientTokenOf } from '../../../../functions/launcher/core/token.ts';
import type { Lane, Schedule, Standing } from '../../../../functions/launcher/core/types.ts';
import { LANE, LIMITS, live, minutes, NOW, queuedJob, seconds, supply } from './builders.ts';

const WARM: Standing = { id: 'abc123', warm: { agents: 2, idleSeconds: 3600 } };
const SWEEP: Standing = { id: 'abc123', sweepMs: minutes(60) };
const lane = (standing: Standing | undefined, overrides: Partial<Lane> = {}): Lane => ({
  ...LANE,
  ...overrides,
  standing,
});
const keys = (standing: Standing | undefined, nowMs = NOW) => standingJobs(lane(standing), nowMs).map(({ key }) => key);

describe('agents that are wanted although no job is queued', () => {
  it('are none, unless they are asked for', () => {
    expect(keys(undefined)).toEqual([]);
    expect(keys({ id: 'abc123' })).toEqual([]);
  });

  it('are as many warm ones as are asked for, each with a place of its own', () => {
    expect(keys(WARM)).toEqual(['warm/abc123/1', 'warm/abc123/2']);
  });

  it('are of a kind that their lane accepts', () => {
    const phases = (lanePhases: Lane['phases']) =>
      standingJobs(lane(WARM, { phases: lanePhases }), NOW).map(({ phase }) => phase);
    expect(phases(['apply'])).toEqual(['apply', 'apply']);
    expect(phases(['plan', 'apply'])).toEqual(['plan', 'plan']);
  });

  it('are one for a sweep, in the five minutes after it is due, and the same one for all of them', () => {
    const due = Math.floor(NOW / minutes(60)) * minutes(60);
    const first = keys(SWEEP, due);
    expect(first).toEqual([`sweep/abc123/${due / minutes(60)}`]);
    expect(keys(SWEEP, due + minutes(5) - 1)).toEqual(first);
    expect(keys(SWEEP, due + minutes(5))).toEqual([]);
    expect(keys(SWEEP, due + minutes(60))).not.toEqual(first);
  });

  it('are told from the jobs of runs, and have tokens that ECS takes', () => {
    const [job] = standingJobs(lane(SWEEP), NOW - (NOW % minutes(60)));
    if (job === undefined) throw new Error('no sweep is due');
    expect(isStanding(job)).toBe(true);
    expect(isStanding(queuedJob('run-1'))).toBe(false);
    expect(attemptsFrom(1, job, NOW)).toEqual([1]);
    const last = attemptsFrom(1, { queuedAtMs: 0 }, NOW).at(-1);
    expect(clientTokenOf({ key: 'warm/0123456789ab/999' }, Number(last)).length).toBeLessThanOrEqual(64);
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
    ['Monday at eight, in winter', '2026-03-02T07:00:00Z', true],
    ['a minute before', '2026-03-02T06:59:59Z', false],
    ['Monday at eight, in summer', '2026-06-01T06:00:00Z', true],
    ['the last minute', '2026-03-02T16:59:59Z', true],
    ['the end', '2026-03-02T17:00:00Z', false],
    ['Saturday', '2026-03-07T11:00:00Z', false],
    ['Sunday there, Monday here', '2026-03-01T23:30:00Z', false],
  ])('%s', (_, iso, expected) => {
    expect(isWarm(iso)).toBe(expected);
  });
});

describe('a decision about them', () => {
  const decide = (standing: Standing, has: Parameters<typeof supply>[0], queued = 0, maxAgents = 10) => {
    const jobs = Array.from({ length: queued }, (_, n) => queuedJob(`run-${n}`));
    const seen = {
      lanes: [lane(standing)],
      demand: { queued: jobs, running: [], unknownStatuses: [] },
      supply: supply(has),
      ceilingRoom: undefined,
    };
    const limits = { ...LIMITS, maxAgents };
    const nowMs = NOW - (NOW % minutes(60)) + seconds(30);
    const decision = withStanding(reconcile(seen, limits, nowMs), seen, limits, nowMs);
    return {
      launches: decision.launches.map(({ job, attempt }) => `${job.key} ${attempt}`),
      deferrals: decision.deferrals.map(({ jobKey }) => jobKey),
    };
  };
  const idle = (id: string, startedBy: string) => live(id, 'idle', { startedBy });
  const busy = (id: string, startedBy: string) => live(id, 'busy', { startedBy });

  it('launches those that are missing', () => {
    expect(decide(WARM, {}).launches).toEqual(['warm/abc123/1 1', 'warm/abc123/2 1']);
    expect(decide(WARM, { live: [idle('a', 'warm/abc123/1')] }).launches).toEqual(['warm/abc123/2 1']);
  });

  it('replaces one that got a job, in its place, by the next attempt', () => {
    const has = {
      live: [busy('a', 'warm/abc123/1'), idle('b', 'warm/abc123/2')],
      attempts: new Map([
        ['warm/abc123/1', 3],
        ['warm/abc123/2', 1],
      ]),
    };
    expect(decide(WARM, has).launches).toEqual(['warm/abc123/1 4']);
  });

  it('gives queued jobs the warm agents, and launches for the places that they leave', () => {
    const has = { live: [idle('a', 'warm/abc123/1'), idle('b', 'warm/abc123/2')] };
    expect(decide(WARM, has, 1).launches).toHaveLength(1);
    expect(decide(WARM, has, 1).launches[0]).toMatch(/^warm/);
    expect(decide(WARM, has, 3).launches.map((one) => one.split('/', 1)[0])).toEqual(['run-0', 'warm', 'warm']);
  });

  it('does not sweep where a warm agent waits, who takes the same', () => {
    const both: Standing = { ...WARM, ...SWEEP };
    const two = [idle('a', 'warm/abc123/1'), idle('b', 'warm/abc123/2')];
    expect(decide(both, { live: two }).launches).toEqual([]);
    expect(decide(both, { live: [idle('a', 'warm/abc123/1')] }).launches).toEqual(['warm/abc123/2 1']);
  });

  it('keeps the limits: jobs of runs come first, and a warm agent that has no room is no deferral', () => {
    expect(decide(WARM, {}, 2, 3)).toEqual({
      launches: ['run-0/plan 1', 'run-1/plan 1', 'warm/abc123/1 1'],
      deferrals: [],
    });
  });

  it('sweeps once, whatever became of it, and not where somebody waits already', () => {
    const [launch] = decide(SWEEP, {}).launches;
    expect(launch).toMatch(/^sweep\/abc123\/\d+ 1$/);
    const key = String(launch).split(' ', 1)[0] as string;
    expect(decide(SWEEP, { attempts: new Map([[key, 1]]) }).launches).toEqual([]);
    expect(decide(SWEEP, { live: [idle('a', 'run-0/plan')] }).launches).toEqual([]);
    expect(decide(SWEEP, { live: [idle('a', 'run-0/plan')] }, 1).launches).toEqual([launch]);
  });

  it('does not fill a place anew of whose agent nothing can be seen', () => {
    const has = { live: [live('a', 'unobserved', { startedBy: 'warm/abc123/1' })] };
    expect(decide(WARM, has).launches).toEqual(['warm/abc123/2 1']);
  });

  it('never asks for fewer than none', () => {
    expect(standingShort([], 5, new Map(), [])).toEqual([]);
    expect(standingShort(standingJobs(lane(WARM), NOW), 5, new Map(), [])).toEqual([]);
    expect(standingShort(standingJobs(lane(WARM), NOW), -5, new Map(), [])).toHaveLength(2);
  });
});
