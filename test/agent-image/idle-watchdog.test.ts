/**
 * The idle watchdog reads the agent's log and ends an agent that waits for longer than the idle window. If it
 * misses an idle agent, the agent costs money. If it wrongly reports exit code 75, the launcher believes that no job was lost. So
 * the watchdog doesn't stop an agent if it doesn't understand the log, and no job must be able to forge the exit code.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { until } from '../processes.ts';
import { folderWithAgent, Scratch, type Started, start, waysToRun } from './entrypoint-process.ts';

const scratch = new Scratch();
afterAll(() => scratch.release());

/** Log lines of the agent, as its documentation and its users show them. */
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

/** Returns the output without the first line and without LEFT_ALONE. On a loaded machine, a stub may need a whole window for its first line. */
const saidOf = (run: Started) =>
  run
    .said()
    .slice(1)
    .filter((line) => line !== LEFT_ALONE);

const allWays = waysToRun(scratch.directory);
const [way] = allWays;
const ways = allWays.filter(({ missing }) => missing === undefined);

/** Writes all lines at once. On a loaded machine, an idle window could end between two writes. */
const saying = (lines: readonly string[]) => (lines.length === 0 ? '' : `say(${JSON.stringify(lines.join('\n'))});`);
const LEAVES = 'onTerm(() => process.exit(0)); stay();';

const startAgent = (script: string) => start(scratch, way, script, WINDOW);
const startInEveryWay = (script: string) => ways.map((each) => start(scratch, each, script, WINDOW));

async function expectEnd(run: Started, code: number, signals: number): Promise<void> {
  expect(await run.ended).toEqual({ code, signal: null });
  expect(run.signals()).toBe(signals);
}

/** Runs an agent for each log, in parallel because they only wait. */
async function agentsThatLog(logs: readonly (readonly string[])[], then: string): Promise<readonly Started[]> {
  const runs = logs.map((lines) => startAgent(`${saying(lines)} ${then}`));
  await Promise.all(runs.map((run) => run.ended));
  return runs;
}

describe('the idle watchdog, in every way to run the script', { concurrent: true }, () => {
  test('the watchdog asks an agent to leave if it waits longer than the idle window', async () => {
    for (const run of startInEveryWay(saying([TEXT.waiting]) + LEAVES)) {
      await expectEnd(run, 75, 1);
      expect(saidOf(run)[0]).toMatch(/^entrypoint: no job in 1 s: asked the agent to leave/);
    }
  });

  test('does not stop an agent that has a job, however long the job takes', async () => {
    const lines = [TEXT.waiting, TEXT.job];
    for (const run of startInEveryWay(`${saying(lines)} await after(2200); say('done');`)) {
      await expectEnd(run, 0, 0);
      expect(run.stdout().toString()).toBe(`${[...lines, 'done'].join('\n')}\n`);
      expect(saidOf(run)).toEqual([]);
    }
  });

  test('does not stop an agent if it does not understand the log, and reports this once', async () => {
    const garbage = '\u0000\u0001\ufffd%s $(reboot) `reboot` \\';
    for (const run of startInEveryWay(`${saying([TEXT.waiting, garbage])} await after(2600);`)) {
      await expectEnd(run, 0, 0);
      expect(run.said().slice(1)).toEqual([LEFT_ALONE]);
    }
  });

  test('the watchdog sends no second signal to an agent that ignores its SIGTERM', async () => {
    const runs = startInEveryWay(`${saying([TEXT.waiting])} await after(3200); process.exit(9);`);
    for (const run of runs) {
      await until('the idle agent is asked to leave', () => saidOf(run).length === 1);
      run.child.kill('SIGTERM');
      await until('the SIGTERM from outside was seen', () => saidOf(run).length === 2);
    }
    for (const run of runs) await expectEnd(run, 9, 1);
  });
});

describe('the idle watchdog', { concurrent: true }, () => {
  test('stops an agent whose log shows that it waits, followed only by messages that an idle agent can log', async () => {
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
    const runs = await agentsThatLog(logs, LEAVES);
    expect(runs.map((run) => run.signals())).toEqual([1, 1]);
  });

  const KINDS = [
    'stack_prepare',
    'stack_plan',
    'stack_apply',
    'source_bundle',
    'policy',
    'assessment',
    'test',
    'query',
  ];
  test.each([
    [
      'the watchdog does not stop an agent that logged a job, even in the format of older agents or before another message about waiting',
      [
        [JSON_LOG.waiting, JSON_LOG.job],
        [TEXT.waiting, TEXT.job.replaceAll('_', '.')],
        [TEXT.waiting, TEXT.job, TEXT.waiting],
      ],
    ],
    [
      'the watchdog stops no kind of job, not even a job that runs neither hooks nor a program named terraform',
      KINDS.map((kind) => [TEXT.waiting, TEXT.job.replace('plan', kind), '', TEXT.waiting]),
    ],
  ])('%s', async (_, logs) => {
    const runs = await agentsThatLog(logs, 'await after(1600);');
    expect(runs.map((run) => run.signals())).toEqual(logs.map(() => 0));
    expect(runs.flatMap(saidOf)).toEqual([]);
  });

  test.each([
    [
      'does not stop an agent that logged that it waits, and then a line that could be about a job in an unknown format',
      [
        [TEXT.waiting, '2026-08-24T10:00:02.000Z [INFO]  core: Work item accepted: id=run-abc'],
        [JSON_LOG.waiting, '{"@level":"info","@message":"Work item accepted","@module":"core"}'],
        [TEXT.waiting, '2026-08-24T10:00:02.000Z [ERROR] terraform: exit status 1'],
        [JSON_LOG.waiting, '{"@level":"error","@message":"exit status 1","@module":"terraform"}'],
      ],
    ],
    [
      'the watchdog does not stop an agent that logs nothing, or logs in an unknown format',
      [
        [],
        ['level=info module=core msg="waiting for work"'],
        [
          '{"severity":"INFO","body":"idle","scope":"core"}',
          '{"severity":"INFO","body":"job accepted","scope":"core"}',
        ],
      ],
    ],
  ])('%s', async (_, logs) => {
    const runs = await agentsThatLog(logs, 'await after(1800);');
    expect(runs.map((run) => run.signals())).toEqual(logs.map(() => 0));
    expect(runs.flatMap((run) => run.said().slice(1))).toEqual(logs.map(() => LEFT_ALONE));
  });

  test('checks again after each idle window, and stops an agent that has become idle', async () => {
    const run = startAgent(`say('starting'); await after(1500); ${saying([TEXT.waiting])} ${LEAVES}`);
    expect(await run.ended).toEqual({ code: 75, signal: null });
    expect(run.said()[1]).toBe(LEFT_ALONE);
    expect(run.said()[2]).toMatch(/asked the agent to leave/);
  });

  const MAKES_TERRAFORM = `import { spawn } from 'node:child_process';
     import { symlinkSync } from 'node:fs';
     symlinkSync('/bin/sleep', 'terraform');`;

  test('the watchdog does not stop an agent that runs Terraform, whatever its log says', async () => {
    // Terraform outlives the agent: at each look of the watchdog, either Terraform runs or the agent has ended.
    const run = startAgent(`${MAKES_TERRAFORM}
      import { readFileSync } from 'node:fs';
      const shell = spawn('sh', ['-c', './terraform 4; true']);
      const read = (path) => { try { return readFileSync(path, 'utf8').trim(); } catch { return ''; } };
      const child = () => read('/proc/' + shell.pid + '/task/' + shell.pid + '/children');
      while (read('/proc/' + child() + '/comm') !== 'terraform') await after(10);
      ${saying([TEXT.waiting])}
      await after(2500);
      process.exit(0);`);
    await expectEnd(run, 0, 0);
    expect(run.said()[1]).toBe(LEFT_ALONE);
  });

  test('the watchdog ignores the Terraform of other tasks on the same machine', async () => {
    const script = `${MAKES_TERRAFORM}
      spawn('./terraform', ['3']).on('spawn', () => say('runs')).on('exit', () => process.exit(0));`;
    const other = start(scratch, way, script);
    await until('the other Terraform runs', () => other.stdout().includes('runs'));
    await expectEnd(startAgent(saying([TEXT.waiting]) + LEAVES), 75, 1);
    await other.ended;
  });
});

describe('the exit code 75', { concurrent: true }, () => {
  /** A job's functions that find and attack the processes of the entrypoint, which run as the same user. */
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
  const signalChildren = (signal: string) => `children().forEach(({ pid }) => kill(pid, '${signal}'));`;
  const USR1 = "kill(process.ppid, 'SIGUSR1');";
  const attacks = [
    { name: 'sends SIGUSR1 to the entrypoint', attack: USR1 },
    { name: 'sends SIGUSR1 to everything', attack: signalChildren('SIGUSR1') + USR1 },
    { name: 'kills every helper and sends SIGUSR1', attack: signalChildren('SIGKILL') + USR1 },
    { name: 'stops every helper and sends SIGUSR1', attack: signalChildren('SIGSTOP') + USR1 },
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

  test.each(attacks)('exit code 75 is not forged by a job that $name', async ({ attack }) => {
    const job = `${helpers} say(${JSON.stringify(`${TEXT.waiting}\n${TEXT.job}`)}); await after(400);
      for (let n = 0; n < 16; n += 1) { ${attack} await after(100); }
      process.exit(0);`;
    const runs = startInEveryWay(job).map((run) => ({ run, code: exitCode(run) }));
    for (const { run, code } of runs) {
      expect(await code).toBe(0);
      expect(run.stderr().toString()).not.toContain('no job in');
      expect(run.signals()).toBe(0);
    }
  });

  test('exit code 75 is not reported if a job arrives together with the SIGTERM for an idle agent', async () => {
    const agent = `${saying([TEXT.waiting])} onTerm(async () => { say(${JSON.stringify(TEXT.job)}); await after(300); process.exit(0); }); stay();`;
    for (const run of startInEveryWay(agent)) await expectEnd(run, 0, 1);
  });

  test.each(['tee', 'entrypoint'])(
    'exit code 75 is not reported if the helper %s was killed and could not see the end',
    async (name) => {
      const found = name === 'tee' ? helpersOf('tee') : "children().filter((each) => each.name !== 'tee')";
      const agent = `${helpers} say(${JSON.stringify(TEXT.waiting)});
      onTerm(() => { ${found}.forEach(({ pid }) => kill(pid, 'SIGKILL')); process.exit(0); }); stay();`;
      await expectEnd(startAgent(agent), 0, 1);
    },
  );

  test('exit code 75 is reported for an idle agent that ends immediately on its SIGTERM', async () => {
    const bin = folderWithAgent(scratch, `echo '${TEXT.waiting}'\nexec sleep 60`);
    const runs = Array.from({ length: 4 }, () => ways)
      .flat()
      .map((each) => start(scratch, { ...each, path: [bin, ...each.path] }, '', WINDOW));
    expect(await Promise.all(runs.map(async ({ ended }) => (await ended).code))).toEqual(runs.map(() => 75));
  });

  test('is not forged, and no other exit code is lost, if a process that a job left behind sends thousands of signals', async () => {
    const agent = `${saying([TEXT.waiting, TEXT.job])}
      import { spawn } from 'node:child_process';
      const flood = 'n=0; while [ $n -lt 3000 ]; do n=$((n + 1)); kill -USR1 $1 2>/dev/null || exit; done';
      spawn('sh', ['-c', flood, 'sh', String(process.ppid)], { stdio: 'ignore', detached: true }).unref();
      await after(100);
      process.exit(4);`;
    for (const run of startInEveryWay(agent)) {
      expect(await run.ended).toEqual({ code: 4, signal: null });
      expect(run.stderr().toString()).not.toContain('no job in');
    }
  });

  test('exit code 75 is not forwarded if the agent itself ends with it', async () => {
    const run = startAgent(`${saying([TEXT.job])} process.exit(75);`);
    expect(await run.ended).toEqual({ code: 1, signal: null });
    expect(run.said().at(-1)).toBe(
      'entrypoint: the agent ended with exit code 75, which is reserved for agents without a job. The entrypoint exits with 1 instead.',
    );
  });
});

/** Waits for the end of the process, but not for its output, which helpers hold open if a job stopped them. */
function exitCode(run: Started): Promise<number | null> {
  return new Promise((resolve) => run.child.on('exit', resolve));
}
