import { describe, expect, it } from 'vitest';
import { reconcile } from '../../../../functions/launcher/core/reconcile.ts';
import type { Limits, QueuedJob, StartFailure, Supply } from '../../../../functions/launcher/core/types.ts';
import { demandWith, LANE, LIMITS, live, minutes, NOW, queuedJob, seconds, stoppedTask, supply } from './builders.ts';

function decide(
  queued: readonly QueuedJob[],
  has: Partial<Supply> = {},
  limits: Partial<Limits> = {},
  limitRoom: number | undefined = undefined,
) {
  const demand = demandWith({ queued });
  return reconcile({ lanes: [LANE], demand, supply: supply(has), limitRoom }, { ...LIMITS, ...limits }, NOW);
}

const free = (n: number) => ({
  live: Array.from({ length: n }, (_, i) => live(`free-${i}`, 'idle', { startedBy: 'run-0/plan' })),
});
const gone = (n: number) =>
  Array.from({ length: n }, (_, i) => live(`gone-${i}`, 'lingering', { startedBy: 'run-0/plan' }));
const jobs = (n: number) => Array.from({ length: n }, (_, i) => queuedJob(`run-${i + 1}`));
const keys = (decision: ReturnType<typeof decide>) => decision.launches.map(({ job }) => job.key);

function failure(createdAgoMs: number, stoppedAgoMs: number): StartFailure {
  return {
    task: stoppedTask('x'),
    createdAtMs: NOW - createdAgoMs,
    stoppedAtMs: NOW - stoppedAgoMs,
    detail: 'CannotPullContainerError',
  };
}

describe('the number of launches', () => {
  it('is one per queued job without supply', () => {
    expect(keys(decide(jobs(3)))).toEqual(['run-1/plan', 'run-2/plan', 'run-3/plan']);
  });

  it('is zero if nothing is queued', () => {
    expect(decide([])).toEqual({ launches: [], stops: [], deferrals: [] });
  });

  it('is reduced by the number of unclaimed tasks', () => {
    expect(keys(decide(jobs(3), free(2)))).toHaveLength(1);
    expect(keys(decide(jobs(3), free(5)))).toHaveLength(0);
  });

  it('is reduced by the number of foreign idle agents as long as they may still take the jobs', () => {
    const young = [queuedJob('run-1', { queuedAtMs: NOW - seconds(90) + 1 })];
    const old = [queuedJob('run-1', { queuedAtMs: NOW - seconds(90) })];
    expect(keys(decide(young, { foreignIdle: 5 }))).toHaveLength(0);
    expect(keys(decide(old, { foreignIdle: 5 }))).toHaveLength(1);
    expect(keys(decide([...young, ...old], { foreignIdle: 5 }))).toHaveLength(1);
  });

  it('counts only jobs that have waited for standbyMs if the launcher is a standby', () => {
    const standbyMs = seconds(120);
    const young = queuedJob('run-1', { queuedAtMs: NOW - standbyMs + 1 });
    const due = queuedJob('run-2', { queuedAtMs: NOW - standbyMs });
    const decision = decide([due, young], {}, { standbyMs });
    expect(keys(decision)).toEqual(['run-2/plan']);
    expect(decision.launches).toMatchObject([{ reason: '1 queued, 0 unclaimed' }]);
    expect(decision.deferrals).toEqual([
      {
        jobKey: 'run-1/plan',
        cause: 'standby',
        reason: 'this launcher is a standby: it starts an agent for a job only after the job has waited 120 s',
      },
    ]);
    expect(keys(decide([due, young], free(1), { standbyMs }))).toEqual([]);
    expect(keys(decide([due, young], { foreignIdle: 1 }, { standbyMs }))).toEqual(['run-2/plan']);
  });

  it('includes a job that HCP Terraform queued in the future of our clock', () => {
    expect(keys(decide([queuedJob('run-1', { queuedAtMs: NOW + seconds(12) })]))).toEqual(['run-1/plan']);
  });

  it('is at most maxAgents minus all live tasks, including busy ones', () => {
    const other = { startedBy: 'run-0/plan' };
    const has = { live: [live('a', 'busy', other), live('b', 'unresponsive', other)] };
    const decision = decide(jobs(3), has, { maxAgents: 3 });
    expect(keys(decision)).toEqual(['run-1/plan']);
    expect(decision.deferrals).toEqual([
      { jobKey: 'run-2/plan', cause: 'max-agents', reason: '2 live tasks of maxAgents 3' },
      { jobKey: 'run-3/plan', cause: 'max-agents', reason: '2 live tasks of maxAgents 3' },
    ]);
  });

  it('is zero if the live tasks exceed a lowered maxAgents', () => {
    const has = { live: [live('a', 'busy'), live('b', 'busy')] };
    expect(keys(decide(jobs(1), has, { maxAgents: 1 }))).toEqual([]);
  });

  it('ignores lingering tasks, whose agent left minutes ago', () => {
    const decision = decide(jobs(3), { live: gone(2) }, { maxAgents: 2 });
    expect(keys(decision)).toHaveLength(2);
    expect(decision.deferrals).toMatchObject([{ reason: '0 live tasks of maxAgents 2' }]);
    expect(keys(decide(jobs(3), { live: [...gone(1), live('a', 'leaving')] }, { maxAgents: 2 }))).toHaveLength(1);
  });

  it('ignores at most maxAgents lingering tasks, so that the number of billed tasks is bounded', () => {
    expect(keys(decide(jobs(3), { live: gone(3) }, { maxAgents: 2 }))).toHaveLength(1);
    expect(keys(decide(jobs(3), { live: gone(4) }, { maxAgents: 2 }))).toHaveLength(0);
  });

  it('is not bounded by a number of launches per tick', () => {
    expect(keys(decide(jobs(1000), {}, { maxAgents: 1000 }))).toHaveLength(1000);
  });

  it('is at most what the organization agent limit allows', () => {
    const decision = decide(jobs(3), {}, {}, 1);
    expect(keys(decision)).toHaveLength(1);
    expect(decision.deferrals).toMatchObject([{ cause: 'agents-ceiling' }, { cause: 'agents-ceiling' }]);
    expect(keys(decide(jobs(3), {}, {}, -2))).toEqual([]);
  });
});

describe('the jobs of launches', () => {
  it('are first the jobs without a live task, then the jobs whose task took another job', () => {
    const has = { live: [live('a', 'busy', { startedBy: 'run-2/plan' })], attempts: new Map([['run-2/plan', 1]]) };
    expect(keys(decide(jobs(3), has))).toEqual(['run-1/plan', 'run-3/plan', 'run-2/plan']);
  });

  it('get an attempt that is one higher than the observed attempts, with the reason', () => {
    const decision = decide(jobs(1), { attempts: new Map([['run-1/plan', 2]]) });
    expect(decision.launches).toMatchObject([
      { attempt: 3, reason: expect.stringContaining('took other jobs or ended') },
    ]);
    expect(decide(jobs(1)).launches).toMatchObject([{ attempt: 1, reason: '1 queued, 0 unclaimed' }]);
  });

  it('depend only on the observation', () => {
    expect(decide(jobs(5), free(1))).toEqual(decide(jobs(5), free(1)));
  });
});

describe('stops', () => {
  it('apply to tasks that can’t be running a job, with the reason', () => {
    const has = { live: [live('late', 'overdue'), live('gone', 'errored')] };
    expect(decide([], has).stops).toEqual([
      { taskId: 'late', cause: 'agent-never-registered', reason: 'its agent did not register within 300 s' },
      { taskId: 'gone', cause: 'agent-errored', reason: 'HCP Terraform reports its agent as errored' },
    ]);
  });

  it('apply to lingering tasks, and the reason contains the evidence', () => {
    const has = { live: [live('silent', 'lingering'), live('known', 'lingering', { exitCode: 137 })] };
    expect(decide([], has).stops).toEqual([
      {
        taskId: 'silent',
        cause: 'agent-left',
        reason: 'its agent left: it deregistered more than 5 minutes ago, and ECS has not stopped the task',
      },
      {
        taskId: 'known',
        cause: 'agent-left',
        reason:
          'its agent left: its container ended with exit code 137 more than 5 minutes ago, and ECS has not stopped the task',
      },
    ]);
  });

  it('apply to a task whose job has run longer than its lane allows', () => {
    const lane = { ...LANE, maxJobMs: { plan: minutes(60) } };
    const running = [{ key: 'run-1/plan', phase: 'plan', agentName: 'a', startedAtMs: NOW - minutes(90) }] as const;
    const tasks = ['a', 'b'].map((id) => live(id, 'busy', { startedAtMs: NOW - minutes(95) }));
    const state = {
      lanes: [lane],
      demand: demandWith({ running }),
      supply: supply({ live: tasks }),
      limitRoom: undefined,
    };
    expect(reconcile(state, LIMITS, NOW).stops).toEqual([
      {
        taskId: 'a',
        cause: 'job-too-long',
        reason: 'its job ran too long: run-1/plan has run for 1.5 hours, and maxJobHours is 1',
      },
    ]);
  });

  it.each(['starting', 'idle', 'busy', 'unresponsive', 'leaving', 'unobserved'] as const)(
    'never apply to a task that is %s',
    (state) => {
      expect(decide([], { live: [live('a', state)] }).stops).toEqual([]);
    },
  );
});

describe('after start failures', () => {
  it('a pool launches nothing until the back-off ends, and reports the cause', () => {
    const decision = decide(jobs(2), { startFailures: [failure(seconds(60), seconds(20))] });
    expect(decision.launches).toEqual([]);
    expect(decision.deferrals[0]).toMatchObject({
      cause: 'start-failures',
      reason: expect.stringMatching(/failed to start once.*CannotPullContainerError/),
    });
  });

  it('a pool makes one trial launch after the back-off, however many jobs wait', () => {
    expect(keys(decide(jobs(20), { startFailures: [failure(seconds(90), seconds(31))] }))).toHaveLength(1);
  });

  it('a pool makes no second trial launch while the first is starting', () => {
    const has = { startFailures: [failure(seconds(90), seconds(31))], live: [live('probe', 'starting')] };
    expect(keys(decide(jobs(2), has))).toEqual([]);
  });

  it('a pool makes no second trial launch while the first has registered but has no job; an older idle agent doesn’t count', () => {
    const startFailures = [failure(seconds(90), seconds(31))];
    const idle = (createdAtMs: number | undefined) => ({ live: [live('idle', 'idle', { createdAtMs })] });
    expect(keys(decide(jobs(2), { startFailures, ...idle(NOW - seconds(30)) }))).toEqual([]);
    expect(keys(decide(jobs(2), { startFailures, ...idle(NOW - seconds(120)) }))).toHaveLength(1);
    expect(keys(decide(jobs(2), { startFailures, ...idle(undefined) }))).toHaveLength(1);
  });
});
