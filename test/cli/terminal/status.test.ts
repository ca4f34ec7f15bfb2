import { expect, it } from 'vitest';
import type { Status } from '../../../cli/core/status-json.ts';
import { renderStatus } from '../../../cli/terminal/status.ts';

const STATUS: Status = {
  at: '2026-11-29T12:00:00.000Z',
  stack: { name: 'AgentLauncher', status: 'UPDATE_COMPLETE', region: 'eu-central-1', account: '111122223333' },
  launcher: {
    state: 'running',
    version: '0.2.0',
    schedule: 'rate(1 minute)',
    lastTick: { at: '2026-11-29T11:59:56.000Z', secondsAgo: 4, durationMs: 300, errors: 0 },
  },
  pools: [
    {
      name: 'default',
      maxAgents: 20,
      queued: 3,
      oldestQueuedSeconds: 12,
      starting: 2,
      busy: 5,
      idle: 1,
      unknown: 0,
      leaving: 0,
      foreign: 0,
      live: 8,
      queueFrom: 'hcp-terraform',
      agentsFrom: 'hcp-terraform',
    },
  ],
  gateways: [],
  alarms: { total: 7, on: [] },
  today: { since: '2026-11-29T00:00:00.000Z', tasks: 41, runs: 20, failed: 0, dollars: 0.37 },
  problems: [],
  notes: [],
};

const render = (status: Status) => renderStatus(status, 80, (_, text) => text);

it('the status shows the launcher, its alarms, the day and a table of pools', () => {
  expect(render(STATUS)).toEqual([
    'AgentLauncher in eu-central-1: UPDATE_COMPLETE, at 12:00:00Z',
    'Launcher  running · last tick 4 s ago · rate(1 minute) · version 0.2.0',
    'Alarms    none of 7 is on',
    'Today     41 tasks ended for 20 runs · $0.37 · since midnight UTC',
    '',
    'POOL     QUEUED  OLDEST  STARTING  BUSY  IDLE  UNKNOWN  FOREIGN  TASKS',
    'default       3     12s         2     5     1        0        0   8/20',
  ]);
});

it('the status shows problems with what to do, and then the notes', () => {
  const problems = [{ what: 'The launcher is paused: jobs wait.', do: 'Run: agent-launcher resume' }];
  expect(render({ ...STATUS, problems, notes: ['There is no token.'] }).slice(7)).toEqual([
    '',
    '✗ The launcher is paused: jobs wait.',
    '  → Run: agent-launcher resume',
    '',
    '· There is no token.',
  ]);
});

it('the status fits 80 columns with long names, large numbers and long messages', () => {
  const pool = STATUS.pools[0];
  if (pool === undefined) throw new Error('The fixture has no pool.');
  const large = {
    queued: 12_345,
    oldestQueuedSeconds: 400_000,
    starting: 1_000,
    busy: 10_000,
    idle: 1_000,
    unknown: 1_000,
  };
  const lines = render({
    ...STATUS,
    stack: { ...STATUS.stack, name: 'A'.repeat(30), status: 'UPDATE_ROLLBACK_COMPLETE' },
    launcher: {
      ...STATUS.launcher,
      state: 'failing',
      lastTick: { at: '2026-11-29T10:12:34.000Z', secondsAgo: 1, durationMs: 1, errors: 12 },
    },
    pools: [{ ...pool, ...large, name: 'p'.repeat(90), foreign: 100, live: 1_000, maxAgents: 1_000 }],
    alarms: { total: 70, on: [{ name: 'a', since: null }] },
    today: { since: STATUS.at, tasks: 10_000, runs: 5_000, failed: 1_000, dollars: 12_345.67 },
    problems: [{ what: `Pool x: ${'word '.repeat(40)}`, do: 'do '.repeat(60) }],
  });
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
});

it('the status shows unknown numbers as a dash', () => {
  const pool = STATUS.pools[0];
  if (pool === undefined) throw new Error('The fixture has no pool.');
  const unknown = {
    queued: null,
    oldestQueuedSeconds: null,
    starting: null,
    busy: null,
    idle: null,
    unknown: null,
    foreign: null,
  };
  const lines = render({ ...STATUS, alarms: null, today: null, pools: [{ ...pool, ...unknown }] });
  expect(lines[2]).toBe('Alarms    unknown');
  expect(lines.at(-1)).toMatch(/^default( +–){7} +8\/20$/);
});

it('the status shows the gateways of the tasks, if there are any', () => {
  const gateway = { name: 'AgentLauncher/gateway-1', state: 'awake', instance: 'i-1', ageDays: 3.4, startSeconds: 9 };
  const asleep = { ...gateway, name: 'AgentLauncher/gateway-2', state: 'asleep', ageDays: 0.2, startSeconds: null };
  const lines = (...gateways: Status['gateways']) =>
    render({ ...STATUS, gateways }).filter((line) => line.startsWith('Gateways'));
  expect(lines(gateway, asleep)).toEqual(['Gateways  gateway-1 awake, started in 9 s, 3 d old · gateway-2 asleep']);
  expect(lines()).toEqual([]);
});

it.each([
  ['awake', 'green'],
  ['problem', 'red'],
  ['unhealthy', 'red'],
  ['asleep', undefined],
])('the state %s of a gateway is %s', (state, colour) => {
  const gateways = [{ name: 'a/gateway-1', state, instance: null, ageDays: null, startSeconds: null }];
  const painted = renderStatus({ ...STATUS, gateways }, 80, (style, text) => `<${style}>${text}`);
  const line = painted.find((one) => one.startsWith('Gateways'));
  expect(line).toBe(`Gateways  gateway-1 ${colour === undefined ? '' : `<${colour}>`}${state}`);
});
