import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
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

/** Runs that end on their own, in parallel since they only wait. */
async function ended(runs: readonly Started[]): Promise<readonly Started[]> {
  await Promise.all(runs.map((run) => run.ended));
  return runs;
}

/** All lines in one write: on a loaded machine an idle window could end between two. */
const saying = (lines: readonly string[]) => (lines.length === 0 ? '' : `say(${JSON.stringify(lines.join('\n'))});`);

const agentsThatLog = (logs: readonly (readonly string[])[], then: string) =>
  ended(logs.map((lines) => start(scratch, way, `${saying(lines)} ${then}`, WINDOW)));

/** The same agent run in every way that this machine has. */
const agentInEveryWay = (lines: readonly string[], then: string) =>
  ways
    .filter(({ missing }) => missing === undefined)
    .map((each) => start(scratch, each, `${saying(lines)} ${then}`, WINDOW));

describe('the idle watchdog, run in every way', { concurrent: true }, () => {
  test('tells an agent that waits longer than the idle window to leave', async ({ expect }) => {
    for (const run of agentInEveryWay([TEXT.waiting], 'onTerm(() => process.exit(0)); stay();')) {
      expect(await run.ended).toEqual({ code: 75, signal: null });
      expect(saidOf(run)[0]).toMatch(/^entrypoint: no job in 1 s: asked the agent to leave/);
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
      await until('the idle agent is asked to leave', () => saidOf(run).length === 1);
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
        '2026-08-24T10:00:01.000Z [INFO]  agent: Core version is up to date: version=1.33.0',
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
    expect(run.said()[2]).toMatch(/asked the agent to leave/);
  });

  test('leaves an agent alone that runs Terraform, whatever its log says', async ({ expect }) => {
    const run = start(
      scratch,
      way,
      `import { spawn } from 'node:child_process';
       import { symlinkSync } from 'node:fs';
       symlinkSync('/bin/sleep', 'terraform');
       spawn('sh', ['-c', './terraform 3; true']).on('exit', () => process.exit(0));
       await after(500);
       say(${JSON.stringify(TEXT.waiting)});`,
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

describe('the exit code 75', { concurrent: true }, () => {
  /** The text of an agent's job: what it does to the processes of the entrypoint, which run as the same user. */
  const helpers = `
    import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
    const quietly = (f) => { try { return f(); } catch { return undefined; } };
    const processes = () => readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).flatMap((pid) => {
      const stat = quietly(() => readFileSync('/proc/' + pid + '/stat', 'utf8'));
      return stat === undefined ? [] : [{ pid: Number(pid), name: stat.split(/[()]/)[1], parent: Number(stat.split(') ')[1].split(' ')[1]) }];
    });
    const children = () => processes().filter(({ pid, parent }) => parent === process.ppid && pid !== process.pid);
    const kill = (pid, signal) => quietly(() => process.kill(pid, signal));
  `;
  const saysThatItIsIdle = JSON.stringify(`${TEXT.waiting}\n`);
  const attacks = [
    { name: 'sends SIGUSR1 to the entrypoint', attack: "kill(process.ppid, 'SIGUSR1');" },
    {
      name: 'sends SIGUSR1 to everything',
      attack: "children().forEach(({ pid }) => kill(pid, 'SIGUSR1')); kill(process.ppid, 'SIGUSR1');",
    },
    {
      name: 'kills every helper and sends SIGUSR1',
      attack: "children().forEach(({ pid }) => kill(pid, 'SIGKILL')); kill(process.ppid, 'SIGUSR1');",
    },
    {
      name: 'stops every helper and sends SIGUSR1',
      attack: "children().forEach(({ pid }) => kill(pid, 'SIGSTOP')); kill(process.ppid, 'SIGUSR1');",
    },
    {
      name: 'ends every timer, which makes an idle window short',
      attack: `${helpersOf('timeout')}.forEach(({ pid }) => kill(pid, 'SIGTERM'));`,
    },
    {
      name: 'logs that the agent waits, by the pipes of its helpers',
      attack: `${helpersOf('tee')}.forEach(({ pid }) => ['0', '1', '2', '8'].forEach((fd) =>
        quietly(() => writeFileSync('/proc/' + pid + '/fd/' + fd, ${saysThatItIsIdle}))));`,
    },
  ];
  function helpersOf(name: string): string {
    return `processes().filter((each) => each.name === '${name}' &&
      quietly(() => readlinkSync('/proc/' + each.pid + '/cwd')) === process.cwd())`;
  }

  test.each(attacks)('is not forged by a job that $name', async ({ attack }) => {
    const job = `${helpers} say(${JSON.stringify(`${TEXT.waiting}\n${TEXT.job}`)}); await after(400);
      for (let n = 0; n < 16; n += 1) { ${attack} await after(100); }
      process.exit(0);`;
    const present = ways.filter(({ missing }) => missing === undefined);
    const runs = present.map((each) => {
      const run = start(scratch, each, job, WINDOW);
      return { run, code: exitCode(run) };
    });
    for (const { run, code } of runs) {
      expect(await code).toBe(0);
      expect(run.stderr().toString()).not.toContain('no job in');
      expect(run.signals()).toBe(0);
    }
  });

  test('is not reported when a job arrives together with the SIGTERM for an idle agent', async ({ expect }) => {
    const agent = `onTerm(async () => { say(${JSON.stringify(TEXT.job)}); await after(300); process.exit(0); }); stay();`;
    for (const run of agentInEveryWay([TEXT.waiting], agent)) {
      expect(await run.ended).toEqual({ code: 0, signal: null });
      expect(run.signals()).toBe(1);
    }
  });

  test.each(['tee', 'entrypoint'])(
    'is not reported when the helper %s was killed and could not see the end',
    async (name) => {
      const found = name === 'tee' ? helpersOf('tee') : "children().filter((each) => each.name !== 'tee')";
      const agent = `${helpers} say(${JSON.stringify(TEXT.waiting)});
      onTerm(() => { ${found}.forEach(({ pid }) => kill(pid, 'SIGKILL')); process.exit(0); }); stay();`;
      const run = start(scratch, way, agent, WINDOW);
      expect(await run.ended).toEqual({ code: 0, signal: null });
      expect(run.signals()).toBe(1);
    },
  );

  test('is reported for an idle agent that ends within the moment of its SIGTERM', async ({ expect }) => {
    const bin = scratch.fresh();
    writeFileSync(join(bin, 'tfc-agent'), `#!/bin/sh\necho '${TEXT.waiting}'\nexec sleep 60\n`);
    chmodSync(join(bin, 'tfc-agent'), 0o755);
    const present = ways.filter(({ missing }) => missing === undefined);
    const runs = Array.from({ length: 4 }, () => present)
      .flat()
      .map((each) => start(scratch, { ...each, path: [bin, ...each.path] }, '', WINDOW));
    expect(await Promise.all(runs.map(async ({ ended }) => (await ended).code))).toEqual(runs.map(() => 75));
  });

  test('and every other one comes through a flood of signals from what a job left behind', async ({ expect }) => {
    const agent = `import { spawn } from 'node:child_process';
      const flood = 'n=0; while [ $n -lt 3000 ]; do n=$((n + 1)); kill -USR1 $1 2>/dev/null || exit; done';
      spawn('sh', ['-c', flood, 'sh', String(process.ppid)], { stdio: 'ignore', detached: true }).unref();
      await after(100);
      process.exit(4);`;
    for (const run of agentInEveryWay([TEXT.waiting, TEXT.job], agent)) {
      expect(await run.ended).toEqual({ code: 4, signal: null });
      expect(run.stderr().toString()).not.toContain('no job in');
    }
  });

  test('is not passed on from an agent that ends with it', async ({ expect }) => {
    const run = start(scratch, way, `say(${JSON.stringify(TEXT.job)}); process.exit(75);`, WINDOW);
    expect(await run.ended).toEqual({ code: 1, signal: null });
    expect(run.said().at(-1)).toBe(
      'entrypoint: the agent ended with 75, which means here that it had no job; reported as 1.',
    );
  });
});

/** The script's own end: helpers that a job stopped hold its output open for longer. */
function exitCode(run: Started): Promise<number | null> {
  return new Promise((resolve) => run.child.on('exit', resolve));
}
