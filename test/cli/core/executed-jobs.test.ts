import { describe, expect, it } from 'vitest';
import { executedLines, jobIn, type RunAgents, runsOf } from '../../../cli/core/executed-jobs.ts';
import type { TaskEndedLine } from '../../../functions/launcher/log-lines.ts';
import { taskEnded } from '../task-ended.ts';

/** A task that was started for the plan of a run, without a known job. */
function launchedFor(task: string, launched: string, changes: Partial<TaskEndedLine> = {}): TaskEndedLine {
  const [run, phase] = launched.split('/');
  return taskEnded(task, Date.parse('2026-11-29T12:00:00Z'), {
    launchedFor: launched,
    job: undefined,
    run,
    workspace: `ws-${run}`,
    phase: phase === 'apply' ? 'apply' : 'plan',
    ...changes,
  });
}

const runs = (of: Record<string, RunAgents>) => new Map(Object.entries(of));
const shown = (lines: readonly TaskEndedLine[], of: Record<string, RunAgents>) =>
  executedLines(lines, runs(of)).map(({ task, run, phase, workspace, execution }) => [
    task,
    run,
    phase,
    workspace,
    execution,
  ]);

describe('executedLines', () => {
  it('shows two agents that swapped their jobs under the runs that they executed', () => {
    const lines = [launchedFor('t1', 'run-A/apply'), launchedFor('t2', 'run-B/plan')];
    expect(
      shown(lines, {
        'run-A': { workspaceId: 'ws-a', agents: { plan: 't0', apply: 't2' } },
        'run-B': { workspaceId: 'ws-b', agents: { plan: 't1' } },
      }),
    ).toEqual([
      ['t1', 'run-B', 'plan', 'ws-b', 'known'],
      ['t2', 'run-A', 'apply', 'ws-a', 'known'],
    ]);
  });

  it('keeps the job that the launcher saw', () => {
    const line = launchedFor('t1', 'run-A/plan', { job: 'run-B/plan', run: 'run-B', workspace: 'ws-b' });
    expect(shown([line], { 'run-C': { agents: { plan: 't1' } } })).toEqual([['t1', 'run-B', 'plan', 'ws-b', 'known']]);
  });

  it.each([
    ['another agent took it', { agents: { plan: 't9' } }],
    ['it still waits', { status: 'plan_queued', agents: {} }],
  ])("doesn't show a task under the job that it was started for if %s", (_, run) => {
    expect(shown([launchedFor('t1', 'run-A/plan')], { 'run-A': run })).toEqual([
      ['t1', undefined, undefined, undefined, 'another'],
    ]);
  });

  it('assumes the job that the task was started for if nothing shows an agent', () => {
    const line = launchedFor('t1', 'run-A/plan');
    const expected = [['t1', 'run-A', 'plan', 'ws-run-A', 'assumed']];
    expect(shown([line], {})).toEqual(expected);
    expect(shown([line], { 'run-A': { status: 'applied', agents: {} } })).toEqual(expected);
  });

  it.each([
    ['failed to start', { outcome: 'failed-to-start' as const }],
    ['left because it got no job', { exitCode: 75 }],
    ['is a warm agent without a known job', { launchedFor: 'warm/a/1' }],
  ])('says that an agent took no job if it %s', (_, changes) => {
    const lines = [launchedFor('t1', 'run-A/plan', changes)];
    expect(shown(lines, { 'run-A': { agents: { plan: 't9' } } })[0]?.at(-1)).toBe('none');
  });

  it('takes the job from the agent’s log if HCP Terraform shows none', () => {
    const logged = new Map([['t1', { run: 'run-B', phase: 'apply' as const }]]);
    const [line] = executedLines([launchedFor('t1', 'run-A/plan')], runs({}), logged);
    expect(line).toMatchObject({ job: 'run-B/apply', run: 'run-B', phase: 'apply', execution: 'known' });
    // The workspace of the job that it was started for is another one.
    expect(line?.workspace).toBeUndefined();
  });
});

it('runsOf returns the executed runs and those that the tasks were started for, each once', () => {
  const lines = [
    launchedFor('t1', 'run-A/plan', { job: 'run-B/plan', run: 'run-B' }),
    launchedFor('t2', 'run-B/plan'),
    launchedFor('t3', 'warm/a/1', { run: undefined }),
  ];
  expect(runsOf(lines)).toEqual(['run-B', 'run-A']);
});

it.each([
  ['run-A/plan', { run: 'run-A', phase: 'plan' }],
  ['run-A/apply', { run: 'run-A', phase: 'apply' }],
  ['warm/a/1', undefined],
  ['sweep/run-A/1', undefined],
  ['run-A/destroy', undefined],
])('jobIn reads %s', (key, job) => {
  expect(jobIn(key)).toEqual(job);
});
