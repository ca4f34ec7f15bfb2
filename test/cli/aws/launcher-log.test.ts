import { expect, it } from 'vitest';
import { failureIn } from '../../../cli/aws/launcher-log.ts';

const line = (value: unknown): string => JSON.stringify(value);
const report = (record: object): string =>
  line({ time: '2026-11-29T12:00:00.000Z', type: 'platform.report', record: { requestId: 'r', ...record } });
const thrown = (errorType: string, errorMessage: string): string =>
  line({
    timestamp: '2026-11-29T12:00:00.000Z',
    level: 'ERROR',
    requestId: 'r',
    message: { errorType, errorMessage, stackTrace: [] },
  });

it.each([
  ['a timeout in JSON', report({ status: 'timeout' }), 'an invocation timed out'],
  [
    'a timeout in text',
    '2026-11-29T12:00:00.000Z r Task timed out after 60.00 seconds\n',
    'Task timed out after 60.00 seconds',
  ],
  ['a crash of the runtime', report({ status: 'error', errorType: 'Runtime.ExitError' }), 'Runtime.ExitError'],
  [
    'a wrong configuration',
    thrown(
      'ConfigError',
      "The launcher's configuration has 1 fault(s):\n- ECS_CLUSTER: given nothing; allowed: a name",
    ),
    "ConfigError: The launcher's configuration has 1 fault(s): - ECS_CLUSTER: given nothing; allowed: a name",
  ],
  [
    'an exception without the envelope',
    line({ errorType: 'TypeError', errorMessage: 'x is not a function' }),
    'TypeError: x is not a function',
  ],
])('failureIn finds %s', (_, message, expected) => {
  expect(failureIn(message)).toBe(expected);
});

it.each([
  ['a success', report({ status: 'success', metrics: {} })],
  ['the error of a tick, which has its own line', thrown('AggregateError', 'HCP Terraform: …')],
  ['a tick', line({ message: 'tick', level: 'INFO', pools: [] })],
  ['other text', 'START RequestId: r'],
  ['a failed tick in the report', report({ status: 'error', errorType: 'AggregateError' })],
])('failureIn finds nothing in %s', (_, message) => {
  expect(failureIn(message)).toBeUndefined();
});
