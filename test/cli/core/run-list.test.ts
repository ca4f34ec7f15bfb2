import { describe, expect, it } from 'vitest';
import type { ExecutedLine } from '../../../cli/core/executed-jobs.ts';
import { idTableOf, legendOf, newestTasks, rowOf, runsJson, tableOf } from '../../../cli/core/run-list.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');

function ended(task: string, stoppedAt: string, changes: Partial<ExecutedLine> = {}): ExecutedLine {
  return {
    message: 'task ended',
    execution: 'known',
    timestamp: stoppedAt,
    task,
    pool: 'default',
    launchedFor: 'run-1/plan',
    job: 'run-1/plan',
    run: 'run-1',
    workspace: 'ws-1',
    phase: 'plan',
    family: 'AgentLauncher_all_default',
    cpu: 1024,
    memoryMiB: 2048,
    capacity: 'on-demand',
    architecture: 'x86_64',
    outcome: 'ended',
    exitCode: 0,
    startedAt: '2026-11-29T11:00:00Z',
    stoppedAt,
    queuedSeconds: 41,
    seconds: { billed: 200 },
    dollars: 0.0027,
    ...changes,
  };
}

describe('newestTasks', () => {
  it('returns the newest task first', () => {
    const { lines, hasMore } = newestTasks(
      [ended('a', '2026-11-29T11:03:00Z', { outcome: 'out-of-memory' }), ended('b', '2026-11-29T11:05:00Z')],
      { limit: 10 },
    );
    expect(lines.map(({ task, outcome }) => [task, outcome])).toEqual([
      ['b', 'ended'],
      ['a', 'out-of-memory'],
    ]);
    expect(hasMore).toBe(false);
  });

  it('keeps the newest tasks of the pool, and says that there are more', () => {
    const lines = [1, 2, 3].map((minute) =>
      ended(`t${minute}`, `2026-11-29T11:0${minute}:00Z`, { pool: minute === 3 ? 'gpu' : 'default' }),
    );
    expect(newestTasks(lines, { limit: 1, pool: 'default' })).toEqual({ lines: [lines[1]], hasMore: true });
  });
});

const ROWS = [
  rowOf(ended('a', '2026-11-29T11:03:05Z'), { workspace: 'network-production-eu-central-1-and-more' }),
  rowOf(
    ended('b', '2026-11-28T11:30:00Z', {
      startedAt: '2026-11-28T11:00:00Z',
      capacity: 'spot',
      outcome: 'interrupted',
      exitCode: 143,
    }),
    {},
  ),
  rowOf(
    ended('c', '2026-11-29T11:02:00Z', {
      startedAt: undefined,
      exitCode: undefined,
      queuedSeconds: undefined,
      outcome: 'failed-to-start',
      dollars: 0,
    }),
    { workspace: 'dns' },
  ),
  rowOf(
    ended('d', '2026-11-29T11:05:00Z', {
      launchedFor: 'warm/a/1',
      job: undefined,
      run: undefined,
      workspace: undefined,
      phase: undefined,
      exitCode: 75,
    }),
    {},
  ),
];

describe('tableOf', () => {
  it('fits 80 columns and shows what happened to each task', () => {
    const lines = tableOf(ROWS, NOW, 80);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "WORKSPACE       PHASE  START (UTC)  WAIT   DURATION  VCPU/GB   EXIT         COST
      network-produ…  plan   today 11:00  41 s  3 min 5 s  1/2       0         $0.0027
      ws-1            plan   11-28 11:00  41 s     30 min  1/2 spot  143 spot  $0.0027
      dns             plan   today 11:02     –          –  1/2       no start  $0.0000
      warm/a/1        warm   today 11:00  41 s      5 min  1/2       75        $0.0027"
    `);
  });

  it('shows more of a long name on a wide terminal', () => {
    expect(tableOf(ROWS, NOW, 100)[1]).toContain('network-production-eu-central-1-a…');
  });
});

it('a row says whether its task executed the job, and the legend explains the marks', () => {
  const assumed = rowOf(ended('a', '2026-11-29T11:03:05Z', { execution: 'assumed' }), { workspace: 'dns' });
  const none = { job: undefined, run: undefined, workspace: undefined, phase: undefined };
  const another = rowOf(ended('b', '2026-11-29T11:04:05Z', { ...none, execution: 'another' }), {});
  const [, first, second] = tableOf([assumed, another], NOW, 80);
  expect(first).toMatch(/^dns +plan\? /);
  expect(second).toMatch(/^– +other /);
  expect(idTableOf([another], 80)[1]).toMatch(/^– +b +other +–$/);
  expect(legendOf([assumed, another])).toEqual([
    expect.stringMatching(/^"\?": the task was started for this job, but its agent may have taken another one$/),
    expect.stringMatching(/^"other": the job that the task was started for waits, or another agent took it$/),
  ]);
  expect(legendOf(ROWS)).toEqual([]);
});

it('the rows match the schema of the JSON document', () => {
  const document = { since: '2026-11-22T12:00:00.000Z', tasks: ROWS, hasMore: false };
  expect(runsJson.parse(JSON.parse(JSON.stringify(document)))).toEqual(document);
});

it('a row has the duration by the times of ECS', () => {
  expect(ROWS[0]).toMatchObject({ ranSeconds: 185, billedSeconds: 200, queuedSeconds: 41 });
});

it('the wait comes from HCP Terraform if no tick of the launcher saw the job while it ran', () => {
  const runNow = { status: 'applied', queuedSeconds: { plan: 12, apply: 30 } };
  expect(rowOf(ended('a', '2026-11-29T11:03:05Z', { queuedSeconds: undefined }), { runNow })).toMatchObject({
    queuedSeconds: 12,
    runStatus: 'applied',
  });
  expect(rowOf(ended('a', '2026-11-29T11:03:05Z', { queuedSeconds: 38 }), { runNow }).queuedSeconds).toBe(38);
  const noPhase = ended('a', '2026-11-29T11:03:05Z', { queuedSeconds: undefined, phase: undefined });
  expect(rowOf(noPhase, { runNow }).queuedSeconds).toBeUndefined();
});
