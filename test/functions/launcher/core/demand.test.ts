import { describe, expect, it } from 'vitest';
import { demandOf, OBSERVED_STATUSES } from '../../../../functions/launcher/core/demand.ts';
import { NOW, run, seconds } from './builders.ts';

describe('the demand of a pool’s runs', () => {
  it.each(['plan_queued', 'apply_queued'])('includes a queued job for a run in %s', (status) => {
    expect(demandOf([run({ status })]).queued).toHaveLength(1);
  });

  it.each(['planning', 'applying'])('includes a running job for a run in %s', (status) => {
    const { queued, running } = demandOf([run({ status })]);
    expect(queued).toEqual([]);
    expect(running).toHaveLength(1);
  });

  // Other launchers have counted each of these statuses as demand, and so kept unnecessary agents.
  it.each([
    ['pending', 'waits for another run of its workspace (hcp-terraform-operator #694)'],
    ['planned', 'waits for a person (#616)'],
    ['cost_estimated', 'waits for a person (#616)'],
    ['policy_override', 'waits for a person (#616)'],
    ['policy_checked', 'waits for a person (#703)'],
    ['policy_soft_failed', 'over'],
    ['planned_and_saved', 'waits for a person'],
    ['post_plan_completed', 'waits for a person'],
    ['post_plan_awaiting_decision', 'waits for a person'],
    ['fetching', 'the platform fetches the configuration'],
    ['pre_plan_running', 'a run task runs'],
    ['queuing', 'about to be queued'],
    ['confirmed', 'about to be queued'],
    ['applied', 'over'],
    ['errored', 'over'],
    ['canceled', 'over'],
    ['discarded', 'over'],
    ['planned_and_finished', 'over'],
    ['force_canceled', 'over'],
  ])('includes no job for a run in %s: %s', (status) => {
    expect(demandOf([run({ status })])).toEqual({ queued: [], running: [], waiting: [], unknownStatuses: [] });
  });

  it.each(['apply_queued', 'applying', 'post_plan_running'])('shows the agent of the plan of a run in %s', (status) => {
    const { endedPlans } = demandOf([run({ status, planAgentName: 'task-1' })]);
    expect(endedPlans).toEqual([expect.objectContaining({ key: 'run-1/plan', agentName: 'task-1' })]);
  });

  it.each([
    ['no agent has its plan', run({ status: 'apply_queued' })],
    ['its plan runs', run({ status: 'planning', planAgentName: 'task-1' })],
    ['it waits for a person', run({ status: 'planned', planAgentName: 'task-1' })],
    ['its status is unknown', run({ status: 'rehearsing', planAgentName: 'task-1' })],
  ])('shows no ended plan of a run if %s', (_, one) => {
    expect(demandOf([one])).not.toHaveProperty('endedPlans');
  });

  it('counts every queued run of a workspace, not just one run per workspace (hcp-terraform-operator #664)', () => {
    const runs = ['run-1', 'run-2', 'run-3'].map((id) => run({ id, workspaceId: 'ws-1' }));
    expect(demandOf(runs).queued).toHaveLength(3);
  });

  it('reports an unknown status, and includes no job for it', () => {
    const { queued, unknownStatuses } = demandOf([
      run({ status: 'rehearsing' }),
      run({ id: 'run-2', status: 'constructor' }),
    ]);
    expect(queued).toEqual([]);
    expect(unknownStatuses).toEqual(['constructor', 'rehearsing']);
  });

  it.each(['post_plan_running', 'policy_checking'])(
    'counts a run in %s as waiting, and neither as queued nor as running',
    (status) => {
      expect(demandOf([run({ status, statusSinceMs: NOW - seconds(90) })])).toMatchObject({
        queued: [],
        running: [],
        waiting: [{ runId: 'run-1', status, sinceMs: NOW - seconds(90) }],
        unknownStatuses: [],
      });
    },
  );

  it('assigns a different stage to each post-plan status, so that their sweeps have different client tokens', () => {
    const stages = ['post_plan_running', 'policy_checking'].map(
      (status) => demandOf([run({ status })]).waiting[0]?.stage,
    );
    expect(stages).toEqual([0, 1]);
  });

  it('counts the wait from the run’s creation if HCP Terraform reports no time for its status', () => {
    expect(demandOf([run({ status: 'post_plan_running' })]).waiting[0]?.sinceMs).toBe(run().createdAtMs);
  });

  it('lists the longest wait first, whatever the order of the run list', () => {
    const waits = (id: string, ago: number) =>
      run({ id, status: 'post_plan_running', statusSinceMs: NOW - seconds(ago) });
    const runs = [waits('run-c', 10), waits('run-b', 90), waits('run-a', 90)];
    const ids = (list: typeof runs) => demandOf(list).waiting.map(({ runId }) => runId);
    expect(ids(runs)).toEqual(['run-a', 'run-b', 'run-c']);
    expect(ids(runs.toReversed())).toEqual(ids(runs));
  });

  it('is read from runs in the statuses of jobs and in post-plan statuses', () => {
    const jobs = OBSERVED_STATUSES.flatMap((status) => {
      const { queued, running, waiting } = demandOf([run({ status })]);
      return [...queued, ...running, ...waiting];
    });
    expect(jobs).toHaveLength(OBSERVED_STATUSES.length);
  });
});

describe('the jobs', () => {
  it('have a key from run and phase, and the time that HCP Terraform reports', () => {
    const { queued } = demandOf([
      run({ id: 'run-a', workspaceId: 'ws-a', planQueuedAtMs: NOW - seconds(7) }),
      run({
        id: 'run-b',
        status: 'apply_queued',
        planQueuedAtMs: NOW - seconds(90),
        applyQueuedAtMs: NOW - seconds(3),
      }),
    ]);
    expect(queued).toEqual([
      { key: 'run-a/plan', runId: 'run-a', workspaceId: 'ws-a', phase: 'plan', queuedAtMs: NOW - seconds(7) },
      { key: 'run-b/apply', runId: 'run-b', workspaceId: 'ws-1', phase: 'apply', queuedAtMs: NOW - seconds(3) },
    ]);
  });

  it('come oldest first, whatever the order of the run list', () => {
    const runs = [
      run({ id: 'run-c', planQueuedAtMs: NOW - seconds(1) }),
      run({ id: 'run-b', planQueuedAtMs: NOW - seconds(9) }),
      run({ id: 'run-a', planQueuedAtMs: NOW - seconds(9) }),
    ];
    const keys = (list: typeof runs) => demandOf(list).queued.map(({ key }) => key);
    expect(keys(runs)).toEqual(['run-a/plan', 'run-b/plan', 'run-c/plan']);
    expect(keys(runs.toReversed())).toEqual(keys(runs));
  });

  it('wait since the run’s creation if HCP Terraform reports no queue time', () => {
    expect(demandOf([run()]).queued[0]?.queuedAtMs).toBe(run().createdAtMs);
  });

  it('contain the name of the agent that executes them', () => {
    const { running } = demandOf([
      run({ status: 'planning', planAgentName: 'task-1', planQueuedAtMs: 1, planningAtMs: 2 }),
      run({ id: 'run-2', status: 'applying', planAgentName: 'task-1', applyAgentName: 'task-2' }),
    ]);
    expect(running).toMatchObject([
      { key: 'run-1/plan', agentName: 'task-1', queuedAtMs: 1, startedAtMs: 2 },
      { key: 'run-2/apply', phase: 'apply', agentName: 'task-2' },
    ]);
  });

  it('appear only once if shifted pages list a run twice, and the last occurrence counts', () => {
    expect(demandOf([run(), run({ status: 'planning' })])).toMatchObject({
      queued: [],
      running: [{ key: 'run-1/plan' }],
    });
  });
});
