import { afterAll, describe, expect, test } from 'vitest';
import { Scratch, start, until, waysToRun } from './entrypoint-process.ts';

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

const ways = waysToRun(scratch.directory);
const [way] = ways;
if (way === undefined) throw new Error('There is no way to run the script.');

describe.each(ways)('the idle watchdog, run $name', { concurrent: true }, (each) => {
  const it = each.missing === undefined ? test : test.skip;

  it('tells an agent that waits longer than the idle window to leave', async ({ expect }) => {
    const run = start(
      scratch,
      each,
      `say(${JSON.stringify(TEXT.waiting)}); onTerm(() => process.exit(0)); stay();`,
      WINDOW,
    );
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.said()[1]).toMatch(/^entrypoint: no job in 1 s: told the agent to leave/);
    expect(run.signals()).toBe(1);
  });

  it('leaves an agent that has a job alone for as long as it takes', async ({ expect }) => {
    const lines = [TEXT.waiting, TEXT.job];
    const run = start(scratch, each, `${JSON.stringify(lines)}.forEach(say); await after(2200); say('done');`, WINDOW);
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.stdout().toString()).toBe(`${[...lines, 'done'].join('\n')}\n`);
    expect(run.said()).toHaveLength(1);
    expect(run.signals()).toBe(0);
  });

  it('leaves an agent alone whose log it does not understand, and says so once', async ({ expect }) => {
    const garbage = '\u0000\u0001\ufffd%s $(reboot) `reboot` \\';
    const lines = [TEXT.waiting, garbage];
    const run = start(scratch, each, `${JSON.stringify(lines)}.forEach(say); await after(2500);`, WINDOW);
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.said().slice(1)).toEqual([LEFT_ALONE]);
    expect(run.signals()).toBe(0);
  });

  it('does not signal an agent again that ignores its SIGTERM', async ({ expect }) => {
    const run = start(
      scratch,
      each,
      `say(${JSON.stringify(TEXT.waiting)}); await after(3200); process.exit(9);`,
      WINDOW,
    );
    await until('the idle agent is told', () => run.said().length === 2);
    run.child.kill('SIGTERM');
    await until('the SIGTERM from outside was seen', () => run.said().length === 3);
    expect(await run.ended).toEqual({ code: 9, signal: null });
    expect(run.signals()).toBe(1);
  });
});

describe('the idle watchdog', { concurrent: true }, () => {
  test.each([
    { log: 'nothing at all', lines: [] },
    { log: 'in JSON', lines: [JSON_LOG.waiting] },
    {
      log: 'lines that an idle agent may log too',
      lines: [
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
    },
  ])('tells an agent to leave that logged $log', async ({ lines }) => {
    const run = start(
      scratch,
      way,
      `${JSON.stringify(lines)}.forEach(say); onTerm(() => process.exit(0)); stay();`,
      WINDOW,
    );
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.signals()).toBe(1);
  });

  test.each([
    { log: 'in JSON', lines: [JSON_LOG.waiting, JSON_LOG.job] },
    { log: 'as older agents do', lines: [TEXT.waiting, TEXT.job.replaceAll('_', '.')] },
    { log: 'and that it waits once more', lines: [TEXT.waiting, TEXT.job, TEXT.waiting] },
  ])('leaves an agent alone that logged a job $log', async ({ lines }) => {
    const run = start(scratch, way, `${JSON.stringify(lines)}.forEach(say); await after(1600);`, WINDOW);
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.said()).toHaveLength(1);
    expect(run.signals()).toBe(0);
  });

  test.each([
    { line: '2026-08-24T10:00:02.000Z [INFO]  core: Work item accepted: id=run-abc' },
    { line: '{"@level":"info","@message":"Work item accepted","@module":"core"}' },
    { line: '2026-08-24T10:00:02.000Z [ERROR] terraform: exit status 1' },
    { line: '{"@level":"error","@message":"exit status 1","@module":"terraform"}' },
  ])('leaves an agent alone that went on to log $line', async ({ line }) => {
    const lines = [TEXT.waiting, line];
    const run = start(scratch, way, `${JSON.stringify(lines)}.forEach(say); await after(1600);`, WINDOW);
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.said().slice(1)).toEqual([LEFT_ALONE]);
    expect(run.signals()).toBe(0);
  });

  test('looks again after each window, and tells an agent that is idle by then', async ({ expect }) => {
    const run = start(
      scratch,
      way,
      `say('starting'); await after(1500); say(${JSON.stringify(TEXT.waiting)}); onTerm(() => process.exit(0)); stay();`,
      WINDOW,
    );
    expect(await run.ended).toEqual({ code: 0, signal: null });
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
    const run = start(scratch, way, 'onTerm(() => process.exit(0)); stay();', WINDOW);
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.signals()).toBe(1);
    await other.ended;
  });
});
