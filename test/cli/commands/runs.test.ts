import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { costJson } from '../../../cli/core/cost-json.ts';
import { runsJson } from '../../../cli/core/run-list.ts';
import { type Scene, Stage } from './scene.ts';

let stage: Stage;
let scene: Scene;
beforeAll(async () => {
  stage = await Stage.open();
  scene = await stage.scene();
  const startedAtMs = Date.now();
  const iso = (secondsAgo: number): string => new Date(startedAtMs - secondsAgo * 1000).toISOString();
  const [first, second, warm] = ['1'.repeat(32), '2'.repeat(32), '3'.repeat(32)];
  scene.ended(first, { startedAt: iso(400), stoppedAt: iso(300), queuedSeconds: 38, exitCode: 0 });
  // The same task twice, as after a cold start of the launcher.
  scene.ended(first, { startedAt: iso(400), stoppedAt: iso(300), queuedSeconds: 38, exitCode: 0 });
  scene.ended(second, {
    startedAt: iso(200),
    stoppedAt: iso(100),
    capacity: 'spot',
    workspace: 'ws-Unknown1',
    run: 'run-Unknown1',
    job: 'run-Unknown1/plan',
    outcome: 'interrupted',
    exitCode: 143,
    dollars: 0.0004,
  });
  scene.ended(warm, {
    launchedFor: 'warm/a/1',
    job: undefined,
    run: undefined,
    workspace: undefined,
    phase: undefined,
    stoppedAt: iso(50),
    exitCode: 75,
  });
}, 60_000);
afterAll(() => stage.close());

async function document(...argv: string[]) {
  const { code, stdout, stderr } = await scene.run(['runs', '--json', ...argv]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return runsJson.parse(JSON.parse(stdout));
}

describe('runs', () => {
  test('lists each task once, newest first, with the name that HCP Terraform shows', async () => {
    const { code, stdout, stderr } = await scene.run(['runs']);
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^WORKSPACE +PHASE +START \(UTC\) +WAIT +DURATION +VCPU\/GB +EXIT +COST$/);
    expect(lines.slice(1).map((line) => line.split(/ {2,}/)[0])).toEqual(['warm/a/1', 'ws-Unknown1', scene.workspace]);
    expect(lines[3]).toMatch(/plan +\S+ \S+ +38 s +1 min 40 s +1\/2 +0 +\$0\.0008$/);
    expect(stderr).toContain('3 tasks, 3 min billed, $0.0020. Add --ids for the ids of runs and tasks');
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  });

  test('shows the ids of runs and tasks with --ids, in 80 columns', async () => {
    const { stdout, stderr } = await scene.run(['runs', '--ids']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^RUN +TASK +PHASE +WORKSPACE$/);
    expect(lines[3]).toBe(`${scene.runId}  ${'1'.repeat(32)}  plan   ${scene.workspace}`);
    expect(lines[1]).toMatch(new RegExp(`^– +${'3'.repeat(32)}  warm   warm/a/1$`));
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(stderr).not.toContain('--ids');
  });

  test('prints JSON with the status of each run that the token may see', async () => {
    const { tasks, hasMore } = await document();
    expect(hasMore).toBe(false);
    expect(tasks.map(({ workspace, runStatus }) => [workspace, runStatus])).toEqual([
      [undefined, undefined],
      [undefined, undefined],
      [scene.workspace, 'plan_queued'],
    ]);
    expect(tasks[2]).toMatchObject({ run: scene.runId, queuedSeconds: 38, ranSeconds: 100, outcome: 'ended' });
  });

  test('keeps the newest tasks within --limit, and says that there are more', async () => {
    expect(await document('--limit', '1')).toMatchObject({ tasks: [{ task: '3'.repeat(32) }], hasMore: true });
  });

  test('shows ids if there is no valid token', async () => {
    const { code, stdout, stderr } = await scene.run(['runs'], { TFE_TOKEN: 'wrong' });
    expect(code).toBe(0);
    expect(stdout).toContain(scene.workspaceId.slice(0, 6));
    expect(stderr).toContain('Workspaces are shown by id');
  });

  test('says so if no task ended in this time', async () => {
    scene.later(3600);
    const { code, stdout, stderr } = await scene.run(['runs', '--since', '10m']);
    scene.later(-3600);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('Pass an earlier --since');
  });

  test.each([
    [['--limit', '0'], "argument '0' is invalid. Use an integer from 1 to 500."],
    [['--limit', 'many'], "argument 'many' is invalid. Use an integer from 1 to 500."],
    [['--ids', '--json'], 'Pass either --ids or --json, not both.'],
    [['--pool', 'gpu'], '--pool is "gpu". The launcher has the pools production.'],
    [['--since', '1y'], '--since is "1y"'],
  ])('refuses %j with exit code 2', async (argv, message) => {
    const { code, stderr } = await scene.run(['runs', ...argv]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test('shows a task under the run that its agent executed, by HCP Terraform or by the agent’s log', async () => {
    const iso = (secondsAgo: number): string => new Date(Date.now() - secondsAgo * 1000).toISOString();
    const ids = ['4', '5', '6', '7', '8'].map((digit) => digit.repeat(32));
    const [taker = '', logged = '', waits = '', silent = '', idle = ''] = ids;
    const other = await stage.scene();
    const { runId } = await stage.scene();
    const last = await stage.scene();
    other.takePlan(taker);
    const unseen = { job: undefined, startedAt: iso(60), stoppedAt: iso(10) };
    const own = (id: string) => ({ ...unseen, run: id, launchedFor: `${id}/plan` });
    // Its plan still waits: the task that was started for it took the plan of the other scene.
    last.ended(taker, own(runId));
    last.ended(logged, own(runId));
    last.agentSays(logged, `2026-11-30T07:47:18.883Z [INFO]  core: Job received: job_type=plan job_id=${last.runId}`);
    last.ended(waits, own(runId));
    last.ended(idle, { ...own(other.runId), exitCode: 75 });
    last.ended(silent, own('run-Unknown2'));
    const { stdout } = await last.run(['runs', '--json']);
    const { tasks } = runsJson.parse(JSON.parse(stdout));
    const by = new Map(tasks.map((row) => [row.task, row]));
    expect(by.get(taker)).toMatchObject({ execution: 'known', run: other.runId, workspace: other.workspace });
    expect(by.get(logged)).toMatchObject({ execution: 'known', run: last.runId, workspace: last.workspace });
    expect(by.get(waits)).toMatchObject({ execution: 'another', launchedFor: `${runId}/plan` });
    expect(by.get(waits)).not.toHaveProperty('run');
    expect(by.get(idle)).toMatchObject({ execution: 'none', run: other.runId });
    expect(by.get(silent)).toMatchObject({ execution: 'assumed', run: 'run-Unknown2' });
    const text = await last.run(['runs']);
    expect(text.stdout).toMatch(/^– +other /m);
    expect(text.stdout).toMatch(/ plan\? /);
    expect(text.stderr.replaceAll(/\s+/g, ' ')).toContain('"?": the task was started for this job, but its agent may');

    const cost = await last.run(['cost', '--by', 'workspace', '--json']);
    const { rows, remarks } = costJson.parse(JSON.parse(cost.stdout));
    expect(rows.map(({ key, tasks: count }) => [key, count]).sort()).toEqual(
      [
        ['no known job', 2],
        [other.workspaceId, 1],
        [last.workspaceId, 2],
      ].sort(),
    );
    expect(remarks.join(' ')).toContain('The job of 1 task isn’t known for certain.');
  });
});
