import { afterAll, describe, test } from 'vitest';
import { Scratch, type Started, start, until, waysToRun } from './entrypoint-process.ts';

const scratch = new Scratch();
afterAll(() => scratch.release());

/** The agent's own lines, as its documentation and its users show them. */
const TEXT = {
  waiting: '2026-08-24T10:00:01.000Z [INFO]  core: Waiting for next job',
  job: '2026-08-24T10:00:02.000Z [INFO]  core: Job received: job_type=plan job_id=run-abc',
};
const JSON_LOG = {
  waiting: '{"@level":"info","@message":"Waiting for next job","@module":"core","@timestamp":"2026-08-24T10:00:01Z"}',
  job: '{"@level":"info","@message":"Job received","@module":"core","@timestamp":"2026-08-24T10:00:02Z","job_id":"run-abc","job_type":"plan"}',
};
const WINDOW = { AGENT_IDLE_SECONDS: '1' };
const LEFT_ALONE =
  'entrypoint: no job seen in 1 s, but the agent may have one: its log does not end in "Waiting for next job", or Terraform runs. It is left alone.';

/** What the script said after its first line, less its doubt: on a loaded machine a stub may take a window to say a word. */
const saidOf = (run: Started) =>
  run
    .said()
    .slice(1)
    .filter((line) => line !== LEFT_ALONE);

const ways = waysToRun(scratch.directory);
const [way] = ways;

/** Runs that end by themselves, side by side since they only wait. */
async function ended(runs: readonly Started[]): Promise<readonly Started[]> {
  await Promise.all(runs.map((run) => run.ended));
  return runs;
}

const agentsThatLog = (logs: readonly (readonly string[])[], then: string) =>
  ended(logs.map((lines) => start(scratch, way, `${JSON.stringify(lines)}.forEach(say); ${then}`, WINDOW)));

/** The same agent run in every way that this machine has. */
const agentInEveryWay = (lines: readonly string[], then: string) =>
  ways
    .filter(({ missing }) => missing === undefined)
    .map((each) => start(scratch, each, `${JSON.stringify(lines)}.forEach(say); ${then}`, WINDOW));

describe('the idle watchdog, run in every way', { concurrent: true }, () => {
  test('tells an agent that waits longer than the idle window to leave', async ({ expect }) => {
    for (const run of agentInEveryWay([TEXT.waiting], 'onTerm(() => process.exit(0)); stay();')) {
      expect(await run.ended).toEqual({ code: 75, signal: null });
      expect(saidOf(run)[0]).toMatch(/^entrypoint: no job in 1 s: told the agent to leave/);
      expect(run.signals()).toBe(1);
    }
  });

  test('leaves an agent that has a job alone for as long as it takes', async ({ expect }) => {
    const lines = [TEXT.waiting, TEXT.job];
    for (const run of agentInEveryWay(lines, "await after(2200); say('done');")) {
      expect(await run.ended).toEqual({ code: 0, signal: null });
      expect(run.stdout().toString()).toBe(`${[...lines, 'done'].join('\n')}\n`);
      expect(saidOf(run)).toEqual([]);
      expect(run.signals()).toBe(0);
    }
  });

  test('leaves an agent alone whose log it does not understand, and says so once', async ({ expect }) => {
    const garbage = '\u0000\u0001\ufffd%s $(reboot) `reboot` \\';
    for (const run of agentInEveryWay([TEXT.waiting, garbage], 'await after(2600);')) {
      expect(await run.ended).toEqual({ code: 0, signal: null });
      expect(run.said().slice(1)).toEqual([LEFT_ALONE]);
      expect(run.signals()).toBe(0);
    }
  });

  test('does not signal an agent again that ignores its SIGTERM', async ({ expect }) => {
    const runs = agentInEveryWay([TEXT.waiting], 'await after(3200); process.exit(9);');
    for (const run of runs) {
      await until('the idle agent is told', () => saidOf(run).length === 1);
      run.child.kill('SIGTERM');
      await until('the SIGTERM from outside was seen', () => saidOf(run).length === 2);
    }
    for (const run of runs) {
      expect(await run.ended).toEqual({ code: 9, signal: null });
      expect(run.signals()).toBe(1);
    }
  });
});

describe('the idle watchdog', { concurrent: true }, () => {
  test('tells an agent to leave that logged that it waits, and after it what an idle agent may log as well', async ({
    expect,
  }) => {
    const logs = [
      [JSON_LOG.waiting],
      [
        '2026-08-24T10:00:00.000Z [INFO]  core: a line of its start that is not known here',
        TEXT.waiting,
        '2026-08-24T10:00:01.000Z [INFO]  agent: Core version is up to date: version=1.31.0',
        '2026-08-24T10:00:31.000Z [ERROR] core: Failed to fetch a job:',
        '  error=',
        '  | timeout',
        '{"@level":"warn","@message":"poll failed","@module":"core"}',
        '2026-08-24T10:00:31.000Z [WARN]  notice: This version is old',
        '2026-08-24T10:00:31.000Z [DEBUG] http: GET',
        '',
      ],
    ];
    const runs = await agentsThatLog(logs, 'onTerm(() => process.exit(0)); stay();');
    expect(runs.map((run) => run.signals())).toEqual(logs.map(() => 1));
  });

  test('leaves an agent alone that logged a job in JSON, as older agents do, or that it waits once more', async ({
    expect,
  }) => {
    const logs = [
      [JSON_LOG.waiting, JSON_LOG.job],
      [TEXT.waiting, TEXT.job.replaceAll('_', '.')],
      [TEXT.waiting, TEXT.job, TEXT.waiting],
    ];
    const runs = await agentsThatLog(logs, 'await after(1600);');
    expect(runs.map((run) => run.signals())).toEqual(logs.map(() => 0));
    expect(runs.flatMap(saidOf)).toEqual([]);
  });

  test('leaves an agent alone that went on to log what may be a job by another name', async ({ expect }) => {
    const logs = [
      [TEXT.waiting, '2026-08-24T10:00:02.000Z [INFO]  core: Work item accepted: id=run-abc'],
      [JSON_LOG.waiting, '{"@level":"info","@message":"Work item accepted","@module":"core"}'],
      [TEXT.waiting, '2026-08-24T10:00:02.000Z [ERROR] terraform: exit status 1'],
      [JSON_LOG.waiting, '{"@level":"error","@message":"exit status 1","@module":"terraform"}'],
    ];
    const runs = await agentsThatLog(logs, 'await after(1800);');
    expect(runs.map((run) => run.signals())).toEqual(logs.map(() => 0));
    expect(runs.flatMap((run) => run.said().slice(1))).toEqual(logs.map(() => LEFT_ALONE));
  });

  test('leaves an agent alone that says nothing, or says it in another form than today', async ({ expect }) => {
    const logs = [
      [],
      ['level=info module=core msg="waiting for work"'],
      ['{"severity":"INFO","body":"idle","scope":"core"}', '{"severity":"INFO","body":"job accepted","scope":"core"}'],
    ];
    const runs = await agentsThatLog(logs, 'await after(1800);');
    expect(runs.map((run) => run.signals())).toEqual(logs.map(() => 0));
    expect(runs.flatMap((run) => run.said().slice(1))).toEqual(logs.map(() => LEFT_ALONE));
  });

  test('leaves every kind of job alone, also those that run neither hooks nor a program named terraform', async ({
    expect,
  }) => {
    const kinds = [
      'stack_prepare',
      'stack_plan',
      'stack_apply',
      'source_bundle',
      'policy',
      'assessment',
      'test',
      'query',
    ];
    const logs = kinds.map((kind) => [TEXT.waiting, TEXT.job.replace('plan', kind), '', TEXT.waiting]);
    const runs = await agentsThatLog(logs, 'await after(1600);');
    expect(runs.map((run) => run.signals())).toEqual(logs.map(() => 0));
  });

  test('looks again after each window, and tells an agent that is idle by then', async ({ expect }) => {
    const run = start(
      scratch,
      way,
      `say('starting'); await after(1500); say(${JSON.stringify(TEXT.waiting)}); onTerm(() => process.exit(0)); stay();`,
      WINDOW,
    );
    expect(await run.ended).toEqual({ code: 75, signal: null });
    expect(run.said()[1]).toBe(LEFT_ALONE);
    expect(run.said()[2]).toMatch(/told the agent to leave/);
  });

  test('leaves an agent alone that runs Terraform, whatever its log says', async ({ expect }) => {
    const run = start(
      scratch,
      way,
      `import { spawn } from 'node:child_process';
       import { symlinkSync } from 'node:fs';
       symlinkSync('/bin/sleep', 'terraform');
       say(${JSON.stringify(TEXT.waiting)});
       spawn('sh', ['-c', './terraform 2; true']).on('exit', () => process.exit(0));`,
      WINDOW,
    );
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.said()[1]).toBe(LEFT_ALONE);
    expect(run.signals()).toBe(0);
  });

  test("minds no other task's Terraform on the same machine", async ({ expect }) => {
    const other = start(
      scratch,
      way,
      `import { spawn } from 'node:child_process';
       import { symlinkSync } from 'node:fs';
       symlinkSync('/bin/sleep', 'terraform');
       spawn('./terraform', ['3']).on('spawn', () => say('runs')).on('exit', () => process.exit(0));`,
    );
    await until('the other Terraform runs', () => other.stdout().includes('runs'));
    const run = start(
      scratch,
      way,
      `say(${JSON.stringify(TEXT.waiting)}); onTerm(() => process.exit(0)); stay();`,
      WINDOW,
    );
    expect(await run.ended).toEqual({ code: 75, signal: null });
    expect(run.signals()).toBe(1);
    await other.ended;
  });
});
