import { expect, test } from 'vitest';
import { failureOf } from '../../../local/start/failure.ts';
import type { Run } from '../../../local/start/model.ts';

const runWith = (status: string, planStatus: string, log: string): Run =>
  ({
    status,
    plan: { status: planStatus, log: [Buffer.from(log)] },
    apply: { status: 'pending', log: [] },
  }) as unknown as Run;

/** Output of terraform 1.11.4 for a variable whose validation fails. */
const INVALID = `\u001b[31m╷\u001b[0m\u001b[0m
\u001b[31m│\u001b[0m \u001b[0m\u001b[1m\u001b[31mError: \u001b[0m\u001b[0m\u001b[1mInvalid value for variable\u001b[0m
\u001b[31m│\u001b[0m \u001b[0m
\u001b[31m│\u001b[0m \u001b[0m\u001b[0m  on main.tf line 2:
\u001b[31m│\u001b[0m \u001b[0m   2: \u001b[4mvariable "replicas"\u001b[0m {
\u001b[31m│\u001b[0m \u001b[0m    \u001b[90m├────────────────\u001b[0m
\u001b[31m│\u001b[0m \u001b[0m\u001b[0m    \u001b[90m│\u001b[0m \u001b[1mvar.replicas\u001b[0m is 12
\u001b[31m│\u001b[0m \u001b[0m
\u001b[31m│\u001b[0m \u001b[0mThe quota of this account is 9 replicas; ask for fewer.
\u001b[31m│\u001b[0m \u001b[0m
\u001b[31m│\u001b[0m \u001b[0mThis was checked by the validation rule at main.tf:6,3-13.
\u001b[31m╵\u001b[0m\u001b[0m
`;

test('the failure of a run is the summary of Terraform’s error with its explanation', () => {
  expect(failureOf(runWith('errored', 'errored', INVALID))).toBe(
    'Invalid value for variable: The quota of this account is 9 replicas; ask for fewer.',
  );
});

test('the failure is only the summary if Terraform explains nothing', () => {
  expect(failureOf(runWith('errored', 'errored', 'Error: No configuration files'))).toBe('No configuration files');
});

test('a long failure is cut', () => {
  expect(failureOf(runWith('errored', 'errored', `Error: ${'a'.repeat(300)}`))).toHaveLength(160);
});

test('a run that did not err has no failure', () => {
  expect(failureOf(runWith('applied', 'finished', INVALID))).toBeUndefined();
});

test('a run whose log has no error has no explanation', () => {
  expect(failureOf(runWith('errored', 'errored', 'nothing to see'))).toBeUndefined();
});
