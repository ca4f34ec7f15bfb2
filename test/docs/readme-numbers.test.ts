/** The README's comparison repeats numbers of docs/performance.md, which the benchmark writes. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { dollars, total } from '../../lib/aws/costs.ts';
import { idleLauncherLines } from '../lib/launcher-costs.ts';

const README = readFileSync('README.md', 'utf8');
const PERFORMANCE = readFileSync('docs/performance.md', 'utf8');

/** The cells of the first row that begins with this name, after a heading. */
function cells(heading: string, name: string): string[] {
  const after = PERFORMANCE.slice(PERFORMANCE.indexOf(heading));
  const row = after.split('\n').find((line) => line.startsWith(`| ${name} |`)) ?? '';
  return row.split(' | ').map((cell) => cell.replaceAll('|', '').trim());
}

test.each([
  ['this launcher', '**this launcher**'],
  ['the operator', 'operator'],
  ['the tuned operator', 'operator, `scaleUpSeconds: 0`'],
  ['ten agents', '10 agents, always on'],
])('the README has the waits on a working day of %s', (_, name) => {
  const [, p50 = '?', p95 = '?'] = cells('### Working day', name);
  expect(README).toContain(`${p50} / ${p95}`);
});

test.each(['**this launcher**', 'operator', '10 agents, always on'])(
  'the README has the price per 1,000 jobs of %s',
  (name) => {
    const price = cells('### Working day', name).at(-1)?.split(' ')[0] ?? '?';
    expect(README).toContain(`| ${price}`);
  },
);

test('the price of an idle month is that of the stack’s template: npm run bench -- --only days', () => {
  expect(cells('A month in which nothing runs:', 'this launcher')[1]).toBe(dollars(total(idleLauncherLines())));
});

test.each(['this launcher', '10 agents, always on'])('the README has the price of an idle month of %s', (name) => {
  expect(README).toContain(cells('A month in which nothing runs:', name)[1] ?? '?');
});

test('the README’s sentence about an idle month has the totals of its table', () => {
  const price = (row: string) =>
    new RegExp(`^\\| ${row}.* \\| \\**(\\$[\\d.]+)\\** \\|$`, 'm').exec(README)?.[1] ?? '?';
  const launcher = price('launcher with its log');
  expect(README).toContain(
    `an idle month costs ${price('\\*\\*total')} with the default network, and ${launcher} in your own VPC`,
  );
});
