import { expect, it } from 'vitest';
import { tasksOfJobs } from '../../../cli/core/job-tasks.ts';

const PLAN = 'run-A/plan';
const ids = (...of: Parameters<typeof tasksOfJobs>) => tasksOfJobs(...of).map(({ id, job }) => [id, job]);

it('tasksOfJobs keeps the task that was started for a job while nothing shows its agent', () => {
  expect(ids('run-A', [{ id: 't1', launchedFor: PLAN }], {})).toEqual([['t1', undefined]]);
});

it('tasksOfJobs keeps the task that executed the job instead of the one that was started for it', () => {
  const tasks = [
    { id: 't1', launchedFor: PLAN },
    { id: 't2', launchedFor: 'run-B/plan' },
  ];
  expect(ids('run-A', tasks, { plan: 't2' })).toEqual([['t2', PLAN]]);
  // An agent of another launcher has the job.
  expect(ids('run-A', tasks, { plan: 'foreign' })).toEqual([]);
});

it('tasksOfJobs believes the launcher, which saw the job of a task that ended', () => {
  const tasks = [
    { id: 't1', launchedFor: PLAN, job: 'run-B/plan' },
    { id: 't2', launchedFor: 'run-B/plan', job: PLAN },
    { id: 't3', launchedFor: PLAN },
    { id: 't4', launchedFor: 'run-A/apply' },
    { id: 't5' },
    { id: 't6', launchedFor: 'sweep/run-A/1' },
  ];
  expect(ids('run-A', tasks, {})).toEqual([
    ['t2', PLAN],
    ['t4', undefined],
  ]);
});

it('tasksOfJobs returns the task of the plan before that of the apply', () => {
  const tasks = [{ id: 'older' }, { id: 'newer' }];
  expect(ids('run-A', tasks, { plan: 'newer', apply: 'older' })).toEqual([
    ['newer', PLAN],
    ['older', 'run-A/apply'],
  ]);
});
