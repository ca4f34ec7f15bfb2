import { describe, expect, it } from 'vitest';
import { type CostInput, costOf, peakOf } from '../../../cli/core/cost.ts';
import { costHtml } from '../../../cli/core/cost-html.ts';
import { costJson } from '../../../cli/core/cost-json.ts';
import { csv } from '../../../cli/core/csv.ts';
import { renderCost } from '../../../cli/terminal/cost.ts';
import type { TaskEndedLine } from '../../../functions/launcher/log-lines.ts';
import { HOURS, idleLauncherCost, jobCost, total } from '../../../lib/aws/costs.ts';

const DAY_MS = 86_400_000;
const TO = Date.parse('2026-11-29T12:00:00Z');

function ended(task: string, more: Partial<TaskEndedLine> = {}): TaskEndedLine {
  return {
    message: 'task ended',
    timestamp: '2026-11-28T10:11:00.000Z',
    task,
    pool: 'default',
    launchedFor: 'run-1/plan',
    run: 'run-1',
    workspace: 'ws-1',
    phase: 'plan',
    family: 'AgentLauncher_all_default',
    cpu: 1024,
    memoryMiB: 2048,
    capacity: 'on-demand',
    architecture: 'x86_64',
    outcome: 'ended',
    createdAt: '2026-11-28T10:00:00.000Z',
    stoppedAt: '2026-11-28T10:10:00.000Z',
    seconds: { billed: 600 },
    dollars: 0.01,
    ...more,
  };
}

const SIZE = { cpu: 1024, memoryMiB: 2048, architecture: 'x86_64' } as const;

function input(more: Partial<CostInput> = {}): CostInput {
  return {
    stack: 'AgentLauncher',
    fromMs: TO - 2 * DAY_MS,
    toMs: TO,
    days: 2,
    by: 'pool',
    ended: [],
    pools: [{ name: 'default', maxAgents: 10, sizes: [SIZE] }],
    outputs: { network: '$36.51 per month', idlePoll: undefined, nudge: undefined },
    secrets: 2,
    publicAddresses: false,
    alarms: 7,
    ...more,
  };
}

const keys = (by: CostInput['by'], lines: readonly TaskEndedLine[]) =>
  costOf(input({ by, ended: lines })).rows.map(({ key, tasks, dollars }) => [key, tasks, Number(dollars.toFixed(2))]);

describe('costOf', () => {
  it('groups by pool, workspace and phase, the most expensive first', () => {
    const lines = [
      ended('a'),
      ended('b', { pool: 'other', workspace: 'ws-2', phase: 'apply', dollars: 0.05 }),
      ended('c', { pool: 'other', workspace: 'ws-1', phase: 'plan', dollars: 0.01 }),
    ];
    expect(keys('pool', lines)).toEqual([
      ['other', 2, 0.06],
      ['default', 1, 0.01],
    ]);
    expect(keys('workspace', lines)).toEqual([
      ['ws-2', 1, 0.05],
      ['ws-1', 2, 0.02],
    ]);
    expect(keys('phase', lines)).toEqual([
      ['apply', 1, 0.05],
      ['plan', 2, 0.02],
    ]);
  });

  it('groups by the day on which the task ended in UTC, and shows days without a task', () => {
    const late = ended('a', { stoppedAt: '2026-11-28T00:59:00+02:00' });
    expect(keys('day', [late, ended('b')])).toEqual([
      ['2026-11-27', 1, 0.01],
      ['2026-11-28', 1, 0.01],
      ['2026-11-29', 0, 0],
    ]);
  });

  it('groups warm agents and sweeps without a known job together', () => {
    const { workspace, phase, run, ...warm } = ended('a', { launchedFor: 'warm/plan/1' });
    expect(keys('workspace', [warm])).toEqual([['no known job', 1, 0.01]]);
    expect(keys('phase', [warm])).toEqual([['no known job', 1, 0.01]]);
  });

  it('counts a run with a plan and an apply as one run with two tasks', () => {
    const { fargate } = costOf(input({ ended: [ended('a'), ended('b', { phase: 'apply' })] }));
    expect(fargate).toEqual({ tasks: 2, runs: 1, billedSeconds: 1200, dollars: 0.02 });
  });

  it('adds the idle price of the period from the shared price code and the outputs', () => {
    const { idle, total: sum } = costOf(input({ ended: [ended('a')] }));
    const month = 36.51 + total(idleLauncherCost({ secrets: 2, alarms: 7 }));
    expect(idle.dollarsPerMonth).toBeCloseTo(month);
    expect(idle.dollars).toBeCloseTo((month * 48) / HOURS);
    expect(sum).toBeCloseTo(idle.dollars + 0.01);
  });

  it('counts the queue of the nudges once, because IdlePollCost includes it', () => {
    const nudge = '$0.46 per month';
    const items = (idlePoll: string | undefined) =>
      costOf(input({ outputs: { network: '$1,036.51 per month', idlePoll, nudge } })).idle.parts;
    expect(items(undefined).at(-1)).toEqual({ item: 'queue of the nudges', dollarsPerMonth: 0.46 });
    expect(items('$1.61 per month').at(-1)).toEqual({ item: 'idle polling', dollarsPerMonth: 1.61 });
    expect(items(undefined)[0]).toEqual({ item: 'network', dollarsPerMonth: 1036.51 });
  });

  it('compares with maxAgents and with the peak, at the size of the largest lane', () => {
    const large = { ...SIZE, cpu: 4096, memoryMiB: 8192 };
    const pools = [{ name: 'default', maxAgents: 10, sizes: [SIZE, large] }];
    const { alwaysOn } = costOf(input({ pools, ended: [ended('a'), ended('b')] }));
    const hourly = jobCost({ ...large, seconds: 3600 });
    expect(alwaysOn?.maxAgents).toEqual({ agents: 10, dollars: expect.closeTo(10 * 48 * hourly) });
    expect(alwaysOn?.peak).toEqual({ agents: 2, dollars: expect.closeTo(2 * 48 * hourly) });
  });

  it('adds the public addresses of the tasks, and those of agents that run all the time', () => {
    const lines = [ended('a'), ended('b')];
    const without = costOf(input({ ended: lines }));
    const cost = costOf(input({ ended: lines, publicAddresses: true }));
    expect(without.publicAddresses).toBe(0);
    expect(cost.publicAddresses).toBeCloseTo((1200 / 3600) * 0.005, 8);
    expect(cost.total).toBeCloseTo(without.total + cost.publicAddresses, 8);
    expect((cost.alwaysOn?.peak.dollars ?? 0) - (without.alwaysOn?.peak.dollars ?? 0)).toBeCloseTo(2 * 48 * 0.005);
  });

  it('omits the comparison if a task size is unknown, and says so', () => {
    const cost = costOf(input({ pools: [{ name: 'default', maxAgents: 10, sizes: [] }] }));
    expect(cost.alwaysOn).toBeNull();
    expect(cost.remarks.join()).toContain('task definitions could not be read');
  });

  it.each<[string, Partial<CostInput>, string]>([
    ['that a period without tasks has none in the log', {}, 'has no task that ended in this period'],
    ['when the log begins', { ended: [ended('a')], fromMs: TO - 30 * DAY_MS }, 'ended at 2026-11-28 10:10 UTC.'],
    ['that Spot costs less', { ended: [ended('a', { capacity: 'spot' })] }, 'Spot tasks'],
    [
      'that the network is missing',
      { outputs: { network: undefined, idlePoll: undefined, nudge: undefined } },
      'EgressIdleCost',
    ],
    ['that the alarms are missing', { alarms: undefined }, 'alarms could not be read'],
    ['that the first and the last day are partial', { by: 'day' }, 'The first and the last day are partial'],
  ])('remarks %s', (_, more, text) => {
    expect(costOf(input(more)).remarks.join('\n')).toContain(text);
  });

  it('returns a document that matches its schema', () => {
    const cost = costOf(input({ ended: [ended('a')] }));
    expect(costJson.parse(cost)).toEqual(cost);
  });
});

describe('the peak', () => {
  const between = (from: string, to: string) =>
    ended(from, { createdAt: `2026-11-28T${from}:00Z`, stoppedAt: `2026-11-28T${to}:00Z` });

  it('is the maximum number of tasks at the same time', () => {
    expect(peakOf([between('10:00', '10:10'), between('10:05', '10:20'), between('10:08', '10:09')])).toBe(3);
  });

  it('doesn’t count a task that ends when another one starts', () => {
    expect(peakOf([between('10:00', '10:10'), between('10:10', '10:20')])).toBe(1);
  });

  it('uses the billed time of a task whose beginning is unknown', () => {
    const { createdAt, ...unknown } = ended('a');
    expect(peakOf([unknown, between('10:01', '10:02')])).toBe(2);
  });

  it('is 0 without tasks', () => {
    expect(peakOf([])).toBe(0);
  });
});

describe('the text', () => {
  it('fits 80 columns, and shows the most expensive group with the longest bar', () => {
    const many = Array.from({ length: 30 }, (_, index) =>
      ended(`t${index}`, { workspace: `ws-${'x'.repeat(16)}${index}`, dollars: 0.01 * (index + 1) }),
    );
    const lines = renderCost(costOf(input({ by: 'workspace', ended: many })), 80, (_, text) => text);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines[3]).toMatch(/^ws-x+29 .*\$0\.30 {2}█{22}$/);
    expect(lines.join('\n')).toMatch(/^10 others +10 +\d+ +1\.7 +\$0\.55/m);
    expect(lines.join('\n')).toMatch(/^total +30 +1 +5\.0 +\$4\.65$/m);
  });

  it('shows every day', () => {
    const lines = renderCost(costOf(input({ by: 'day', days: 40, fromMs: TO - 40 * DAY_MS })), 80, (_, text) => text);
    expect(lines.filter((line) => /^2026-/.test(line))).toHaveLength(41);
  });
});

describe('the page', () => {
  const page = costHtml(costOf(input({ by: 'workspace', ended: [ended('a', { workspace: 'ws-<script>&"' })] })));

  it('is complete in itself: it refers to no other file and has no script', () => {
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">/);
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|https?:/);
  });

  it('describes the chart to people who can’t see it, and repeats it as a table', () => {
    expect(page).toContain('<svg role="img" aria-labelledby="chart-title chart-text"');
    expect(page).toMatch(/<desc id="chart-text">1 bars?\. The longest one is ws-/);
    expect(page).toContain('<th scope="row">ws-&#60;script&#62;&#38;&#34;</th>');
  });

  it('has colours for light and for dark', () => {
    expect(page).toContain('color-scheme: light dark');
    expect(page).toContain('@media (prefers-color-scheme: dark)');
  });
});

it('CSV quotes what would break a line', () => {
  expect(
    csv([
      ['a', 1],
      ['b,"c"', 2],
    ]),
  ).toBe('a,1\r\n"b,""c""",2\r\n');
});
