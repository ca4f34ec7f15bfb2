import { expect, it } from 'vitest';
import { endedIn } from '../../../cli/aws/launcher-lines.ts';
import { taskEnded } from '../task-ended.ts';

it('a task that several lines report as ended appears once, with the first line or the first one with the job', () => {
  const events = [
    taskEnded('a', 1_000, { outcome: 'out-of-memory' }),
    taskEnded('b', 2_000),
    taskEnded('a', 1_000),
    taskEnded('b', 2_000, { job: 'run-9/plan', outcome: 'failed' }),
    taskEnded('b', 2_000, { job: 'run-9/plan' }),
    taskEnded('b', 2_000),
    { message: 'task ended', task: 'of an unknown version' },
  ].map((line) => ({ message: JSON.stringify(line) }));
  const ended = endedIn([...events, { message: 'START RequestId: 1 Version: $LATEST' }]);
  expect(ended.map(({ task, outcome }) => [task, outcome])).toEqual([
    ['a', 'out-of-memory'],
    ['b', 'failed'],
  ]);
});
