import { describe, expect, it } from 'vitest';
import { type EndOutcome, type KnownOfTask, taskEndOf } from '../../../../functions/launcher/core/task-end.ts';
import { STOP_REASON_PREFIX } from '../../../../functions/launcher/core/task-outcome.ts';
import type { RunningJob, Task } from '../../../../functions/launcher/core/types.ts';
import { NOW, seconds, stoppedTask } from './builders.ts';

const at = (second: number) => NOW + seconds(second);
const NOTHING: KnownOfTask = { failedToStart: false };

/** A task that was created at second 0, pulled from 10 to 25, started at 30, and stopped at 400. */
const TASK = stoppedTask('t', {
  startedBy: 'run-1/plan',
  createdAtMs: at(0),
  pullStartedAtMs: at(10),
  pullStoppedAtMs: at(25),
  startedAtMs: at(30),
  executionStoppedAtMs: at(380),
  stoppedAtMs: at(400),
  cpu: 1024,
  memoryMiB: 2048,
  architecture: 'arm64',
  capacity: 'on-demand',
  workspaceId: 'ws-1',
});

const JOB: RunningJob = {
  key: 'run-2/apply',
  phase: 'apply',
  workspaceId: 'ws-2',
  agentName: 't',
  queuedAtMs: at(-20),
  startedAtMs: at(40),
};

const endOf = (task: Partial<Task> = {}, known: Partial<KnownOfTask> = {}) =>
  taskEndOf({ ...TASK, ...task }, { ...NOTHING, ...known });

describe('the end of a task', () => {
  it('has the time of each part, from the timestamps of both vendors', () => {
    expect(endOf({}, { job: JOB, queuedAtMs: at(-7) })).toMatchObject({
      queuedSeconds: 60,
      seconds: { launching: 7, provisioning: 10, pulling: 15, booting: 5, waiting: 10, working: 340, billed: 390 },
    });
  });

  it('leaves out a part that did not happen or that nobody shows', () => {
    const never = { pullStartedAtMs: undefined, pullStoppedAtMs: undefined, startedAtMs: undefined };
    expect(endOf(never).seconds).toEqual({ billed: 0 });
    expect(endOf(never)).not.toHaveProperty('queuedSeconds');
    expect(endOf({ pullStoppedAtMs: undefined }).seconds).toEqual({ provisioning: 10, billed: 390 });
  });

  it('works until the task stopped, if ECS doesn’t show when the container ended', () => {
    expect(endOf({ executionStoppedAtMs: undefined }, { job: JOB }).seconds.working).toBe(360);
  });

  it('has no negative time, although the vendors’ clocks differ', () => {
    const { seconds: parts } = endOf({}, { job: { ...JOB, startedAtMs: at(29) }, queuedAtMs: at(1) });
    expect(parts).toMatchObject({ launching: 0, waiting: 0 });
  });

  it('bills one minute for a task that ended earlier, and nothing for one without an image pull', () => {
    const short = endOf({ stoppedAtMs: at(20) });
    expect(short.seconds.billed).toBe(60);
    expect(short.dollars).toBeCloseTo((0.03238 + 2 * 0.00356) / 60, 10);
    expect(endOf({ pullStartedAtMs: undefined }).dollars).toBe(0);
  });

  it('costs half on Spot, and more with a larger disk', () => {
    const { dollars } = endOf();
    expect(dollars).toBeCloseTo((390 / 3600) * 0.0395, 10);
    expect(endOf({ capacity: 'spot' }).dollars).toBeCloseTo(dollars / 2, 10);
    expect(endOf({ ephemeralStorageGiB: 120 }).dollars).toBeCloseTo(dollars + (390 / 3600) * 0.0111, 10);
  });

  it('uses the defaults of ECS for what ECS doesn’t show', () => {
    const unknown = { cpu: undefined, memoryMiB: undefined, architecture: undefined, capacity: undefined };
    const shown = { cpu: 0, memoryMiB: 0, architecture: 'x86_64', capacity: 'on-demand', dollars: 0 };
    expect(endOf(unknown)).toMatchObject(shown);
  });

  it.each<[string, Partial<Task>, Partial<KnownOfTask>, Record<string, unknown>]>([
    [
      'the job that its agent executed',
      {},
      { job: JOB },
      { job: 'run-2/apply', runId: 'run-2', phase: 'apply', workspaceId: 'ws-2' },
    ],
    [
      'the job that it was launched for, if no other is known',
      {},
      {},
      { runId: 'run-1', phase: 'plan', workspaceId: 'ws-1' },
    ],
    [
      'the workspace that the launch remembered, if ECS deleted the tags',
      { workspaceId: undefined },
      { workspaceId: 'ws-9' },
      { runId: 'run-1', workspaceId: 'ws-9' },
    ],
    [
      'the workspace in its tag, if the list of runs lacks it',
      {},
      { job: { ...JOB, key: 'run-1/plan', workspaceId: undefined } },
      { job: 'run-1/plan', workspaceId: 'ws-1' },
    ],
  ])('names %s', (_, task, known, expected) => {
    expect(endOf(task, known)).toMatchObject({ launchedFor: 'run-1/plan', ...expected });
  });

  it('doesn’t name the workspace of a different job', () => {
    expect(endOf({}, { job: { ...JOB, workspaceId: undefined } })).not.toHaveProperty('workspaceId');
  });

  it.each([
    ['warm/main/3', 'warm/main/3'],
    ['sweep/run-1/0', 'sweep/run-1/0'],
    ['by-hand', 'by-hand'],
    ['someone/plan', 'someone/plan'],
    ['run-1/plan/2', 'run-1/plan/2'],
    [undefined, 'unknown'],
  ])('of a task started by %s has no run', (startedBy, launchedFor) => {
    const end = endOf({ startedBy });
    expect(end.launchedFor).toBe(launchedFor);
    for (const member of ['job', 'runId', 'phase', 'workspaceId']) expect(end).not.toHaveProperty(member);
  });

  it.each<[EndOutcome, string, Partial<Task>, boolean?]>([
    ['ended', 'its agent had a job', { exitCode: 0 }],
    ['ended', 'its agent left because it got no job', { exitCode: 75 }],
    ['failed', 'its container exited with an error', { exitCode: 1 }],
    ['failed', 'ECS shows no exit code', { exitCode: undefined }],
    ['out-of-memory', 'ECS says so', { exitCode: 137, containerReason: 'OutOfMemoryError: killed' }],
    ['out-of-memory', 'the container was killed and nobody stopped the task', { exitCode: 137 }],
    ['stopped', 'the launcher stopped it', { stopCode: 'UserInitiated', stoppedReason: `${STOP_REASON_PREFIX}late` }],
    ['stopped', 'a person stopped it before it started', { stopCode: 'UserInitiated', startedAtMs: undefined }],
    ['interrupted', 'AWS took the Spot capacity back', { stopCode: 'SpotInterruption', exitCode: 137 }],
    ['interrupted', 'AWS replaced the host', { stopCode: 'TerminationNotice' }],
    ['failed-to-start', 'ECS could not start it', { stopCode: 'TaskFailedToStart' }],
    ['failed-to-start', 'its container never started', { startedAtMs: undefined, stopCode: undefined }],
    ['failed-to-start', 'its agent never registered', { exitCode: 1 }, true],
    ['failed-to-start', 'it ran out of memory before its agent registered', { exitCode: 137 }, true],
    ['ended', 'AWS has added a stop code', { stopCode: 'SomethingNew', exitCode: 0 }],
  ])('is "%s" if %s', (outcome, _, task, failedToStart = false) => {
    expect(endOf(task, { failedToStart }).outcome).toBe(outcome);
  });
});
