import { expect, test } from 'vitest';
import { decisionsOf } from '../../../local/start/decisions.ts';

test('the log line of a tick is converted to its decisions, and other lines are ignored', () => {
  const line = JSON.stringify({
    level: 'INFO',
    message: 'tick',
    pools: [
      { pool: 'production', launches: [{ job: 'run-a/plan', outcome: 'launched', task: '0123456789abcdef' }] },
      {
        pool: 'sandbox',
        deferrals: [{ jobKey: 'run-b/plan', cause: 'max-agents' }],
        errors: [{ message: 'no answer' }],
      },
      { pool: 'idle' },
    ],
  });
  expect(decisionsOf(line, (key) => `<${key}>`)).toEqual([
    'production: launched 01234567 for <run-a/plan>',
    'sandbox: not now (max-agents): <run-b/plan>',
    'sandbox: no answer',
  ]);
  expect(decisionsOf('{"_aws":{}}', String)).toEqual([]);
  expect(decisionsOf('no JSON', String)).toEqual([]);
});
