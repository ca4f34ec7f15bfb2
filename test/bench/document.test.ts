import { describe, expect, it } from 'vitest';
import { betterThanOurs, type Comparison, judged } from '../../bench/comparison.ts';
import { documentOf, type Measurements, withGatewayStarts, withSimulatedDays } from '../../bench/document.ts';
import { duration, kilobytes, money, number } from '../../bench/format.ts';
import { OTHERS, OURS } from '../../bench/peers/launchers.ts';
import { WORKLOADS } from '../../bench/peers/workloads.ts';
import type { Day } from '../../bench/peers/world.ts';
import { burstPicture, costPicture, niceEnd, waitPicture } from '../../bench/pictures.ts';
import type { Burst } from '../../bench/wire/bursts.ts';

const DAY: Day = {
  waitsMs: [10_000, 20_000, 30_000],
  neverServed: 0,
  interrupted: 0,
  idleMs: 3_000,
  billedMs: [60_000, 60_000, 60_000],
  requests: { hcpTerraform: 900, aws: 600 },
  functionSeconds: 100,
  invocations: 1440,
  activeHours: 1,
};

const [workload] = WORKLOADS;
const [other] = OTHERS;
if (workload === undefined || other === undefined) throw new Error('There is nothing to compare');

/** A day of this launcher, and one of another. */
function comparison(theirs: Partial<Day>): Comparison {
  if (workload === undefined || other === undefined) throw new Error('There is nothing to compare');
  return { workload, ours: judged(OURS, DAY), others: [judged(other, { ...DAY, ...theirs })] };
}

const BURST: Burst = {
  jobs: 200,
  wanted: 200,
  launched: 200,
  firstSeconds: 5,
  lastSeconds: 14,
  idealSeconds: 9,
  launchSeconds: Array.from({ length: 200 }, (_, n) => 5 + n * 0.045),
  launchedTwice: 0,
  surplus: 0,
  throttled: 3,
  tooMany: 0,
  failedTicks: 0,
  runLists: 4,
  otherHcp: 2,
  awsCalls: 250,
  tickCpuSeconds: 0.4,
  peakMiB: 150,
  died: false,
};

const MEASURED: Measurements = {
  date: '2026-11-29',
  commit: 'abc',
  machine: '2 cores',
  bursts: [BURST, { ...BURST, jobs: 1000, wanted: 999, launched: 300, idealSeconds: 48.95 }],
  reactions: [
    { mode: 'idle pool', seconds: [1, 30, 59] },
    { mode: 'nudge', seconds: [0.4, 0.6, 0.9] },
  ],
  gateway: {
    date: '2026-11-30',
    commit: 'def',
    phases: { provision: 10, pull: 20, boot: 1 },
    readySeconds: 8.5,
    jobs: 3,
    variants: [
      { name: 'awake', runTask: [0.02, -0.3, 0.1], running: [0.01, -0.2, 0.2], extraTasks: 0 },
      { name: 'asleep', runTask: [9, 10, 11], running: [9, 10, 11.26], extraTasks: 2 },
    ],
  },
  idle: { runLists: 60, otherHcp: 0, aws: 60 },
  emptyFunctionMiB: 80,
  coldStart: {
    launcherMs: 150,
    clientsMs: 80,
    imports: 15,
    launcherBytes: 1_200_000,
    clientsBytes: 300_000,
    packages: [{ name: 'undici', bytes: 700_000 }],
  },
  comparisons: [comparison({ waitsMs: [], neverServed: 3 })],
};

it('the wait percentiles and the price per 1,000 jobs come from the served jobs', () => {
  expect(judged(OURS, DAY)).toMatchObject({ p50: 20, p95: 30, p99: 30 });
  const { usdPer1000 = 0 } = judged(OURS, DAY);
  expect(usdPer1000).toBeGreaterThan(1000 * 0.0008);
  expect(judged(OURS, { ...DAY, waitsMs: [] })).toMatchObject({ p50: undefined, usdPer1000: undefined });
});

describe('the list of what others are better at', () => {
  it('has shorter waits with the reason, and what the launcher did worse', () => {
    const [line, ...rest] = betterThanOurs(
      comparison({ waitsMs: [1_000, 1_000, 1_000], interrupted: 2, billedMs: [9e9] }),
    );
    expect(line).toContain('p95 1.0 s instead of 30 s');
    expect(line).toContain(other.because.wait);
    expect(line).toContain('But 2 jobs were interrupted.');
    expect(rest).toEqual([]);
  });

  it('has lower prices', () => {
    expect(betterThanOurs(comparison({ billedMs: [] })).join()).toContain('costs less');
  });

  it('is empty if the difference is small, or if no job was served', () => {
    expect(betterThanOurs(comparison({ waitsMs: [9_500, 19_000, 29_000], billedMs: [9e9] }))).toEqual([]);
    expect(betterThanOurs(comparison({ waitsMs: [], neverServed: 3 }))).toEqual([]);
  });
});

it('the document has no undefined number, and says what was not launched', () => {
  const text = documentOf(MEASURED);
  expect(text).not.toMatch(/NaN|undefined|Infinity/);
  expect(text).toContain('| nudge | 0.6 s | 0.9 s | 0.9 s | 3 |');
  expect(text).toContain('300 of 999');
  expect(text).toContain('| 1.0 × |');
});

it.each([
  ['waits', waitPicture(MEASURED.comparisons)],
  ['costs', costPicture(MEASURED.comparisons)],
  ['bursts', burstPicture(MEASURED.bursts, [200, 1000])],
])('the picture of the %s is well-formed, has a title and colors for dark pages, and keeps text as text', (_, svg) => {
  expect(svg).not.toMatch(/NaN|undefined/);
  expect(svg).toContain('prefers-color-scheme:dark');
  expect(svg).toMatch(/<title id="t">[^<]+<\/title>/);
  const open: string[] = [];
  for (const [, end, tag = '', self] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (end === '/') expect(open.pop()).toBe(tag);
    else if (self !== '/') open.push(tag);
  }
  expect(open).toEqual([]);
  expect(svg.match(/<text /g)?.length).toBeGreaterThan(10);
});

it('the picture of the waits marks jobs that were never served', () => {
  expect(waitPicture(MEASURED.comparisons)).toContain('3 never');
});

it.each([
  [9.4, '9.4 s'],
  [78.2, '78 s'],
  [341, '5.7 min'],
  [1067, '18 min'],
  [9000, '2.5 h'],
])('%d seconds are written as %s', (value, text) => {
  expect(duration(value)).toBe(text);
});

it('numbers have separators of thousands', () => {
  expect([number(1234.5), number(0.25), money(8462.284), kilobytes(1_284_416)]).toEqual([
    '1,235',
    '0.3',
    '$8,462.28',
    '1,284 kB',
  ]);
});

it.each([
  [3, 4],
  [48.9, 60],
  [90, 100],
  [201, 300],
])('an axis for values up to %d ends at %d', (value, end) => {
  expect(niceEnd(value)).toBe(end);
});

it('the table about gateways shows differences, which can be negative, and the tasks that failed', () => {
  const text = documentOf(MEASURED);
  expect(text).toContain('| awake | 0.0 s | 0.1 s | 0.0 s | 0.2 s | 0 |');
  expect(text).toContain('| asleep | 10.0 s | 11.0 s | 10.0 s | 11.3 s | 2 |');
  expect(text).toContain('ready 8.5 s after its start');
});

it('a page gets a new section about gateways, and keeps everything else', () => {
  const page = documentOf(MEASURED);
  expect(withGatewayStarts(page, MEASURED.gateway)).toBe(page);
  const later = { ...MEASURED, gateway: { ...MEASURED.gateway, commit: 'abcdef', variants: [] } };
  expect(withGatewayStarts(page, later.gateway)).toBe(documentOf(later));
  const without = page.replace(/## What does a gateway add[\s\S]*?(?=## How many requests)/, '');
  expect(without).not.toContain('8.5 s');
  expect(withGatewayStarts(without, MEASURED.gateway)).toBe(page);
});

it('a page gets new simulated days, and keeps what was measured on a machine', () => {
  const page = documentOf(MEASURED);
  const slower = { ...MEASURED, comparisons: [comparison({ waitsMs: [90_000, 95_000, 99_000] })] };
  expect(withSimulatedDays(page, MEASURED.comparisons)).toBe(page);
  expect(documentOf(slower)).not.toBe(page);
  expect(withSimulatedDays(page, slower.comparisons)).toBe(documentOf(slower));
});
