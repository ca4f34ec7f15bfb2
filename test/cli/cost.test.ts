/** `cost` against the local system, over HTTP. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { costJson } from '../../cli/core/cost-json.ts';
import { newFolder } from '../temporary-folder.ts';
import { startSystem, type TestSystem } from './system.ts';
import { taskEnded } from './task-ended.ts';

const DAY_MS = 86_400_000;
const folder = newFolder('cost');

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem({ launcher: false });
  const add = (task: string, daysAgo: number, more: Parameters<typeof taskEnded>[2] = {}): void => {
    const at = Date.now() - daysAgo * DAY_MS - 60_000;
    system.addLogEvent({ group: 'launcher', message: taskEnded(task, at, more), at: at + 5_000 });
  };
  add('a', 0);
  add('a', 0);
  add('b', 1, { workspace: 'ws-other', dollars: 0.05, phase: 'apply' });
  add('c', 5, { dollars: 0.02 });
  add('old', 40);
  // A new function instance logs the tasks of the last hour again.
  const again = taskEnded('earlier', Date.now() - 30 * DAY_MS - 2_400_000);
  system.addLogEvent({ group: 'launcher', message: again, at: Date.now() - 30 * DAY_MS + 600_000 });
  system.addLogEvent({ group: 'launcher', message: { message: 'task ended', task: 'of an unknown version' } });
}, 60_000);
afterAll(() => system.close());

test('cost adds up each task once, and the idle price and the comparison', async () => {
  const { code, stdout, stderr } = await system.run(['cost', '--json', '--by', 'workspace']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const cost = costJson.parse(JSON.parse(stdout));
  expect(cost.fargate).toEqual({ tasks: 3, runs: 1, billedSeconds: 1800, dollars: expect.closeTo(0.08) });
  expect(cost.rows.map(({ key, tasks }) => [key, tasks])).toEqual([
    ['ws-other', 1],
    ['ws-network', 2],
  ]);
  expect(cost.idle.parts.map(({ item }) => item)).toEqual(['network', 'launcher, secrets and alarms']);
  expect(cost.alwaysOn?.maxAgents.agents).toBe(4);
  expect(cost.alwaysOn?.maxAgents.dollars).toBeGreaterThan(50);
  expect(cost.alwaysOn?.peak.agents).toBe(1);
});

test('--by workspace shows the names that the token may see, and otherwise ids', async () => {
  const { id } = await system.world.api.createWorkspace({ name: 'network', poolId: system.hcpTerraform.agentPool.id });
  const at = Date.now() + 48 * DAY_MS;
  const message = taskEnded('named', at, { workspace: id, dollars: 0.5 });
  // Another day than that of the other tests, which see only what ended before.
  const now = () => Date.now() + 50 * DAY_MS;
  system.addLogEvent({ group: 'launcher', message, at });
  const text = await system.run(['cost', '--by', 'workspace', '--days', '20'], { now });
  expect(text.stdout).toMatch(/^network +1 /m);
  const json = await system.run(['cost', '--by', 'workspace', '--days', '20', '--json'], { now });
  expect(costJson.parse(JSON.parse(json.stdout)).rows).toMatchObject([{ key: id, name: 'network' }]);
  const csv = await system.run(['cost', '--by', 'workspace', '--days', '20', '--csv'], { now });
  expect(csv.stdout).toBe(`workspace,name,tasks,runs,billed_seconds,dollars\r\n${id},network,1,1,600,0.5\r\n`);
  const all = await system.run(['cost', '--by', 'workspace']);
  expect(all.stdout).toMatch(/^ws-other +1 /m);
});

test('--days limits the period', async () => {
  const { stdout } = await system.run(['cost', '--json', '--days', '3']);
  expect(costJson.parse(JSON.parse(stdout))).toMatchObject({ days: 3, fargate: { tasks: 2 } });
});

test('the text has a bar chart, and fits 80 columns', async () => {
  const { stdout } = await system.run(['cost', '--by', 'phase'], { columns: 80, env: { NO_COLOR: '1' } });
  expect(stdout).toMatch(/^apply +1 +1 +0\.2 +\$0\.05\d* +█{22}$/m);
  expect(stdout).toMatch(/^plan +2 +1 +0\.3 +\$0\.03 +█+/m);
  expect(stdout).toMatch(/^ {2}4 agents \(maxAgents\) +\$\d+\.\d\d$/m);
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
});

test('--csv prints one line per group', async () => {
  const { stdout } = await system.run(['cost', '--by', 'phase', '--csv']);
  expect(stdout).toBe('phase,tasks,runs,billed_seconds,dollars\r\napply,1,1,600,0.05\r\nplan,2,1,1200,0.03\r\n');
});

test('--html writes a page, and says where', async () => {
  const { code, stdout, stderr } = await system.run(['cost', '--html', 'cost.html', '--by', 'day'], { cwd: folder });
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toBe(`Wrote ${join(folder, 'cost.html')}.\n`);
  expect(readFileSync(join(folder, 'cost.html'), 'utf8')).toContain('<svg role="img"');
});

test('--html says what to do if the file can’t be written', async () => {
  const { code, stderr } = await system.run(['cost', '--html', 'missing/cost.html'], { cwd: folder });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Could not write .*missing\/cost\.html \(ENOENT\)\. Choose a file in a folder that exists/);
});

test.each([
  [['--by', 'team'], 'Allowed choices are pool, workspace, day, phase'],
  [['--days', '0'], 'Use an integer from 1 to 400.'],
  [['--csv', '--json'], "cannot be used with option '--json'"],
])('cost refuses %s', async (argv, message) => {
  const { code, stderr } = await system.run(['cost', ...argv]);
  expect(code).toBe(2);
  expect(stderr).toContain(message);
});

test('a launcher without tasks costs what it costs idle, and the text says that the log has none', async () => {
  const { code, stdout } = await system.run(['cost', '--days', '1'], { now: () => Date.now() + 100 * DAY_MS });
  expect(code).toBe(0);
  expect(stdout).toContain('The log has no task that ended in this period.');
});
