import { describe, expect, it } from 'vitest';
import { demandOf, OBSERVED_STATUSES } from '../../../../functions/launcher/core/demand.ts';
import { holdsAgent, reconcile, withStanding } from '../../../../functions/launcher/core/reconcile.ts';
import { isStandingKey, isSweepKey, standingShort, warmIdleMs } from '../../../../functions/launcher/core/standing.ts';
import { startFailures, type TaskOutcome } from '../../../../functions/launcher/core/task-outcome.ts';
import type { Lane, LiveState, StartFailure, Supply, Task } from '../../../../functions/launcher/core/types.ts';
import {
  APPLY_LANE,
  demandWith,
  LANE,
  LIMITS,
  live,
  minutes,
  NOW,
  PLAN_LANE,
  queuedJob,
  ranTask,
  run,
  standingJob,
  stoppedTask,
  supply,
  supplyOfPool,
} from './builders.ts';

describe('start failures in a row', () => {
  const at = (agoMs: number, start: TaskOutcome, overrides: Partial<Task> = {}) => ({
    task: stoppedTask(`t${agoMs}`, { createdAtMs: NOW - agoMs, ...overrides }),
    start,
  });

  it.each<TaskOutcome>(['up', 'fruitless', 'served'])('end with a later task that counts as %s', (start) => {
    expect(startFailures([at(minutes(9), 'failed'), at(minutes(5), start)])).toEqual([]);
    expect(startFailures([at(minutes(5), 'failed'), at(minutes(5), start)])).toEqual([]);
    expect(startFailures([at(minutes(4), 'failed'), at(minutes(5), start)])).toHaveLength(1);
  });

  it('contain only the reasons of ECS', () => {
    const [silent] = startFailures([at(minutes(5), 'failed', { stoppedReason: '', exitCode: 1 })]);
    expect(silent?.detail).toBe('exit code 1');
  });

  it('count rounds of agents without a job in the order of their launches, whatever the order of the list', () => {
    const rounds = [30, 20, 10].map((ago) => at(minutes(ago), 'fruitless', { stoppedAtMs: NOW - minutes(ago - 5) }));
    const [first, second, third] = rounds;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three rounds');
    // A task without an agent fails after them, so its message is the newest.
    const failed = at(minutes(2), 'failed');
    expect(startFailures([failed, ...rounds]).map(({ task: { id } }) => id)).toEqual(
      [first, second, third, failed].map(({ task: { id } }) => id),
    );
    for (const order of [
      [first, second, third],
      [third, second, first],
      [second, third, first],
    ])
      expect(startFailures(order)).toHaveLength(3);
  });
});

it('the supply counts a warm agent as never registered if a list that starts exactly at its creation lacks it', () => {
  const createdAtMs = NOW - minutes(5);
  const lanes = [{ ...LANE, standing: { id: 'x', warm: { agents: 1, idleSeconds: 600 } } }];
  const tasks = [ranTask(minutes(2), 0, { createdAtMs, startedBy: 'warm/x/1' })];
  expect(supplyOfPool({ lanes, tasks, agentsSinceMs: createdAtMs }).startFailures).toHaveLength(1);
  expect(supplyOfPool({ lanes, tasks, agentsSinceMs: createdAtMs + 1 }).startFailures).toEqual([]);
});

describe('a sweep and a warm agent', () => {
  it('are recognized by the beginning of their task’s key', () => {
    expect(isSweepKey('sweep/abc/1')).toBe(true);
    for (const other of ['warm/abc/1', 'run-sweep/plan', undefined]) expect(isSweepKey(other)).toBe(false);
    expect(['sweep/abc/1', 'warm/abc/1'].map(isStandingKey)).toEqual([true, true]);
    for (const other of ['run-warm/plan', undefined]) expect(isStandingKey(other)).toBe(false);
  });

  it('wait as long as the settings say', () => {
    const lanes: readonly Lane[] = [{ ...LANE, standing: { id: 'x', warm: { agents: 1, idleSeconds: 300 } } }];
    expect(warmIdleMs(lanes, 'warm/x/1')).toBe(300_000);
    expect(warmIdleMs(lanes, 'warm/y/1')).toBeUndefined();
  });

  it('are launched once per key, starting with those without a task', () => {
    const busy = live('a', 'busy', { startedBy: 'warm/x/2' });
    const wanted = standingShort([standingJob('warm/x/1'), standingJob('warm/x/2')], 0, new Map(), [busy]);
    expect(wanted.map(({ key }) => key)).toEqual(['warm/x/1', 'warm/x/2']);
  });

  it('are launched even if a task in the cluster has no startedBy', () => {
    const foreign = live('a', 'busy', { startedBy: undefined });
    expect(standingShort([standingJob('warm/x/1')], 0, new Map(), [foreign])).toHaveLength(1);
  });

  it('count as queued since the start of their interval', () => {
    const sweeps: Lane = { ...LANE, standing: { id: 'x', sweepMs: minutes(60) } };
    const nowMs = NOW + minutes(2);
    const seen = { lanes: [sweeps], demand: demandWith(), supply: supply(), limitRoom: undefined };
    const [launch] = withStanding({ launches: [], stops: [], deferrals: [] }, seen, LIMITS, nowMs).launches;
    expect(launch?.job.queuedAtMs).toBe(NOW);
  });
});

describe('a decision', () => {
  const failure = (createdAgoMs: number, stoppedAgoMs: number): StartFailure => ({
    task: stoppedTask('f'),
    createdAtMs: NOW - createdAgoMs,
    stoppedAtMs: NOW - stoppedAgoMs,
    detail: 'exit code 1',
  });
  const jobs = (n: number) => Array.from({ length: n }, (_, i) => queuedJob(`run-${i + 1}`));
  const decide = (queued: ReturnType<typeof jobs>, has: Partial<Supply> = {}, limits = {}, limitRoom?: number) =>
    reconcile(
      { lanes: [LANE], demand: demandWith({ queued }), supply: supply(has), limitRoom },
      { ...LIMITS, ...limits },
      NOW,
    );

  it('counts the agents of other launchers among the unclaimed ones', () => {
    const { launches } = decide(jobs(3), { foreignIdle: 1, live: [live('a', 'idle', { startedBy: 'run-9/plan' })] });
    expect(launches.map(({ reason }) => reason)).toEqual(['3 queued, 2 unclaimed']);
  });

  it('gives maxAgents as the reason if two limits allow the same number', () => {
    const { deferrals } = decide(jobs(1), {}, { maxAgents: 0 }, 0);
    expect(deferrals).toMatchObject([{ cause: 'max-agents' }]);
  });

  it('makes a trial launch exactly at the end of the back-off', () => {
    const startFailures = [failure(minutes(2), LIMITS.backOffBaseMs)];
    expect(decide(jobs(1), { startFailures }).launches).toHaveLength(1);
    expect(decide(jobs(1), { startFailures: [failure(minutes(2), LIMITS.backOffBaseMs - 1)] }).launches).toEqual([]);
  });

  it('doesn’t treat a leaving task as a trial launch', () => {
    const startFailures = [failure(minutes(9), minutes(8))];
    const leaving = live('a', 'leaving', { createdAtMs: NOW - minutes(1) });
    expect(decide(jobs(1), { startFailures, live: [leaving] }).launches).toHaveLength(1);
  });
});

describe('warm agents of one phase', () => {
  const plans: Lane = { ...PLAN_LANE, standing: { id: 'p', warm: { agents: 3, idleSeconds: 3600 } } };
  const NOTHING = { launches: [], stops: [], deferrals: [] };
  const seen = (lanes: readonly Lane[], has: Partial<Supply> = {}) => ({
    lanes,
    demand: demandWith(),
    supply: supply(has),
    limitRoom: undefined,
  });

  it('leave a slot for the other phase if that phase’s only task is lingering', () => {
    const lingering = { live: [live('a', 'lingering', { family: APPLY_LANE.taskDefinition })] };
    const limits = { ...LIMITS, maxAgents: 3 };
    expect(withStanding(NOTHING, seen([plans, APPLY_LANE], lingering), limits, NOW).launches).toHaveLength(2);
    expect(withStanding(NOTHING, seen([plans]), limits, NOW).launches).toHaveLength(3);
  });

  it('leave a slot for the other phase if the tick launches for a job of the same phase as well', () => {
    const demand = demandOf([run()]);
    const both = { ...seen([plans, APPLY_LANE]), demand };
    const limits = { ...LIMITS, maxAgents: 3 };
    const whole = withStanding(reconcile(both, limits, NOW), both, limits, NOW);
    expect(whole.launches.map(({ job }) => job.key)).toEqual(['run-1/plan', 'warm/p/1']);
  });

  it('can use up the organization agent limit if no other lane or pool needs a slot', () => {
    const alone = { ...seen([plans]), limitRoom: 3 };
    expect(withStanding(NOTHING, alone, LIMITS, NOW).launches).toHaveLength(3);
  });
});

it.each<[LiveState, boolean]>([
  ['starting', true],
  ['idle', true],
  ['busy', true],
  ['unresponsive', true],
  ['unobserved', true],
  ['overdue', false],
  ['errored', false],
  ['leaving', false],
  ['lingering', false],
])('a task that is %s counts against the organization agent limit: %s', (state, counts) => {
  expect(holdsAgent(state)).toBe(counts);
});

it('the list of runs covers runs that need an agent, have one, or may wait for one after their plan', () => {
  expect(OBSERVED_STATUSES).toEqual([
    'plan_queued',
    'apply_queued',
    'planning',
    'applying',
    'post_plan_running',
    'policy_checking',
  ]);
});
