import { expect, it } from 'vitest';
import { UsageError } from '../../cli/io.ts';
import { subjectOf } from '../../cli/job-tasks.ts';

const TASK = '0f9de17a6465404e8b1b2356dc13c2f8';

it.each([
  ['run-CZcmD7eagjhyX0vN', { kind: 'run', runId: 'run-CZcmD7eagjhyX0vN' }],
  [
    'https://app.terraform.io/app/acme/workspaces/network/runs/run-CZcmD7eagjhyX0vN',
    { kind: 'run', runId: 'run-CZcmD7eagjhyX0vN' },
  ],
  [TASK, { kind: 'task', taskId: TASK }],
  [`arn:aws:ecs:eu-central-1:000000000000:task/AgentLauncher/${TASK}`, { kind: 'task', taskId: TASK }],
])('logs understands %s', (text, subject) => {
  expect(subjectOf(text)).toEqual(subject);
});

it.each(['', 'run-', 'ws-1', 'run-a b', 'run-$(id)', '0f9de17a', 'RUN-1'])(
  'logs refuses %j and says what is allowed',
  (text) => {
    expect(() => subjectOf(text)).toThrow(UsageError);
    expect(() => subjectOf(text)).toThrow(/id of a run/);
  },
);
