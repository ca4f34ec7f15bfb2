import { describe, expect, it } from 'vitest';
import { longJobStop } from '../../../../functions/launcher/core/long-jobs.ts';
import type { Lane, Phase, RunningJob, Task } from '../../../../functions/launcher/core/types.ts';
import { APPLY_LANE, LANE, live, minutes, NOW, PLAN_LANE } from './builders.ts';

const hours = (n: number): number => minutes(n * 60);

/** A lane for all jobs, as `maxJobHours` of a pool without phases makes it. */
const SHARED: Lane = { ...LANE, maxJobMs: { plan: hours(6) } };
const PLANS: Lane = { ...PLAN_LANE, maxJobMs: { plan: hours(6) } };
const APPLIES: Lane = { ...APPLY_LANE, maxJobMs: { apply: hours(12) } };

const job = (startedAtMs?: number, phase: Phase = 'plan', agentName = 't'): RunningJob => ({
  key: `run-1/${phase}`,
  phase,
  agentName,
  ...(startedAtMs !== undefined && { startedAtMs }),
});
const stopOf = (lane: Lane, running: RunningJob[], overrides: Partial<Task> = {}, state: 'busy' | 'idle' = 'busy') =>
  longJobStop(
    live('t', state, { createdAtMs: NOW - hours(30), startedAtMs: NOW - hours(30), ...overrides }),
    lane,
    running,
    NOW,
  );

describe('a job that a run shows', () => {
  it('is stopped when it has run longer than the limit and the skew of clocks, and the reason has the setting and the age', () => {
    expect(stopOf(SHARED, [job(NOW - hours(6) - minutes(1))])).toBeUndefined();
    expect(stopOf(SHARED, [job(NOW - hours(6) - minutes(6))])).toEqual({
      taskId: 't',
      cause: 'job-too-long',
      reason: 'its job ran too long: run-1/plan has run for 6.1 hours, and maxJobHours is 6',
    });
  });

  it('is as old as its start, and not as old as its task, which may have waited for the job', () => {
    expect(stopOf(SHARED, [job(NOW - hours(1))])).toBeUndefined();
  });

  it('is never older than its container', () => {
    expect(stopOf(SHARED, [job(NOW - hours(20))], { startedAtMs: NOW - hours(5) })).toBeUndefined();
  });

  it('is never stopped if it is an apply and only plans have a limit', () => {
    expect(stopOf(SHARED, [job(NOW - hours(29), 'apply')])).toBeUndefined();
    expect(stopOf({ ...APPLY_LANE }, [job(NOW - hours(29), 'apply')])).toBeUndefined();
  });

  it('is stopped if it is an apply that ran longer than the limit of applies', () => {
    expect(stopOf(APPLIES, [job(NOW - hours(12), 'apply')])).toBeUndefined();
    expect(stopOf(APPLIES, [job(NOW - hours(13), 'apply')])?.reason).toBe(
      'its job ran too long: run-1/apply has run for 13.0 hours, and phases.apply.maxJobHours is 12',
    );
  });

  it('continues if one of two jobs that show the same agent may continue', () => {
    expect(stopOf(SHARED, [job(NOW - hours(20)), job(NOW - hours(20), 'apply')])).toBeUndefined();
    expect(stopOf(SHARED, [job(NOW - hours(20)), job(NOW - hours(2))])).toBeUndefined();
  });

  it('counts from the end of the longest possible wait if HCP Terraform doesn’t show its start', () => {
    expect(stopOf(SHARED, [job()], { startedAtMs: NOW - hours(7) })).toBeUndefined();
    expect(stopOf(SHARED, [job()], { startedAtMs: NOW - hours(7) - minutes(2) })).toBeDefined();
  });
});

describe('a job that no run shows', () => {
  it('is never stopped in a task that accepts applies without a limit, because it may be an apply', () => {
    expect(stopOf(SHARED, [])).toBeUndefined();
    expect(stopOf(SHARED, [job(NOW - hours(29), 'plan', 'other')])).toBeUndefined();
  });

  it('is stopped in a task for plans when the task is older than the limit and the longest wait for a job', () => {
    expect(stopOf(PLANS, [], { startedAtMs: NOW - hours(7) })).toBeUndefined();
    expect(stopOf(PLANS, [], { createdAtMs: NOW - hours(8), startedAtMs: NOW - hours(8) })?.reason).toBe(
      'its job ran too long: its task is 8.0 hours old, and maxJobHours is 6',
    );
  });

  it('is as old as its container if ECS doesn’t say when the task was created', () => {
    expect(stopOf(PLANS, [], { createdAtMs: undefined, startedAtMs: NOW - hours(8) })?.reason).toContain(
      'is 7.0 hours old',
    );
  });

  it('is stopped in a task that accepts both phases after the longer of two limits', () => {
    const both: Lane = { ...LANE, maxJobMs: { plan: hours(6), apply: hours(12) } };
    expect(stopOf(both, [], { startedAtMs: NOW - hours(12) })).toBeUndefined();
    expect(stopOf(both, [], { startedAtMs: NOW - hours(14) })?.cause).toBe('job-too-long');
  });

  it('begins after the idle time of a warm agent, or after the longest one if the agent is of an earlier deployment', () => {
    const warm: Lane = { ...PLANS, standing: { id: 'abc', warm: { agents: 1, idleSeconds: 4 * 3600 } } };
    const at = (startedBy: string, age: number) => stopOf(warm, [], { startedBy, startedAtMs: NOW - hours(age) });
    expect(at('warm/abc/1', 10)).toBeUndefined();
    expect(at('warm/abc/1', 11)).toBeDefined();
    expect(at('warm/xyz/1', 30)).toBeUndefined();
    expect(at('warm/xyz/1', 31)).toBeDefined();
  });

  it('is never stopped if nobody knows when its task began', () => {
    expect(stopOf(PLANS, [], { createdAtMs: undefined, startedAtMs: undefined })).toBeUndefined();
  });
});

it('a task without a limit, and a task whose agent isn’t busy, is never stopped by its age', () => {
  expect(stopOf(LANE, [job(NOW - hours(29))])).toBeUndefined();
  expect(stopOf(PLANS, [], {}, 'idle')).toBeUndefined();
});
