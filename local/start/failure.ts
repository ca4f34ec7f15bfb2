/** Why a run errored, from the log of its plan or apply. */
import { stripVTControlCharacters } from 'node:util';
import type { Run } from './model.ts';

/** Longest explanation, in characters. */
const LONGEST = 160;

/** The first error in the run's log, as one sentence; `undefined` if the run did not err or its log has no error. */
export function failureOf({ status, plan, apply }: Pick<Run, 'status' | 'plan' | 'apply'>): string | undefined {
  if (status !== 'errored') return undefined;
  const failed = [apply, plan].find((operation) => operation.status === 'errored');
  const text = stripVTControlCharacters(Buffer.concat(failed?.log ?? []).toString('utf8'));
  const lines = text.split('\n').map((line) => line.replace(/^[\s│╷╵]+/, '').trim());
  const at = lines.findIndex((line) => line.startsWith('Error: '));
  if (at === -1) return undefined;
  // After the summary and the source code, Terraform writes the explanation.
  const explanation = lines
    .slice(at + 1)
    .filter((line) => line !== '' && !/^(on .* line \d+|\d+:|├|│|This was checked by)/.test(line))
    .find((line) => /[.!?]$/.test(line));
  const summary = (lines[at] ?? '').replace('Error: ', '');
  const whole = explanation === undefined ? summary : `${summary}: ${explanation}`;
  return whole.length > LONGEST ? `${whole.slice(0, LONGEST - 1)}…` : whole;
}
