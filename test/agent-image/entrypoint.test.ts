import { spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { entrypointText } from '../../lib/agent/entrypoint.ts';
import { processesIn, SCRIPT, Scratch, start, TOKEN, until, waysToRun } from './entrypoint-process.ts';

const scratch = new Scratch();
afterAll(() => scratch.release());

const TASK = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const TASK_METADATA = {
  Cluster: 'agents',
  TaskARN: `arn:aws:ecs:eu-central-1:123456789012:task/agents/${TASK}`,
  Containers: [{ Name: 'agent', Labels: { 'com.amazonaws.ecs.task-arn': 'arn:aws:ecs:x:1:task/agents/other' } }],
};
const ways = waysToRun(scratch.directory);

const [way] = ways;

describe('the entrypoint', { concurrent: true }, () => {
  test('tries the metadata endpoint again after an error and a hang', async ({ expect }) => {
    let asked = 0;
    const endpoint = await scratch.metadata((_request, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(500).end('broken');
      else if (asked === 3) response.end(JSON.stringify(TASK_METADATA, null, 2));
    });
    const run = start(scratch, way, 'say(process.env.TFC_AGENT_NAME)', {
      TFC_AGENT_NAME: '',
      ECS_CONTAINER_METADATA_URI_V4: endpoint,
    });
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.stdout().toString()).toBe(`${TASK}\n`);
  });

  test('fails with 69 and does not start the agent when five answers give no name', async ({ expect }) => {
    const answers = ['{}', '{"TaskARN":""}', '{"TaskARN":"task"}', '<html>', ''];
    const endpoint = await scratch.metadata((_request, response) => {
      response.end(answers.shift());
    });
    const run = start(scratch, way, "say('started')", { TFC_AGENT_NAME: '', ECS_CONTAINER_METADATA_URI_V4: endpoint });
    expect(await run.ended).toEqual({ code: 69, signal: null });
    expect(answers).toEqual([]);
    expect(run.stdout().toString()).toBe('');
    expect(run.said()).toEqual([
      `entrypoint: The task metadata endpoint ${endpoint}/task gave no TaskARN in 5 attempts. The agent is not started, since the launcher could not tell which task it is in.`,
    ]);
  });

  test('is not held up by a process that its agent left behind', async ({ expect }) => {
    const run = start(
      scratch,
      way,
      `import { spawn } from 'node:child_process';
       spawn('sleep', ['60'], { stdio: 'inherit', detached: true }).unref();
       say('the last line');
       process.exit(6);`,
    );
    let code: number | null = null;
    run.child.on('exit', (exitCode) => {
      code = exitCode;
    });
    await until('the script has ended', () => code !== null);
    expect(code).toBe(6);
    expect(run.stdout().toString()).toBe('the last line\n');
  });

  describe.each(ways)('run $name', (way) => {
    const { missing } = way;
    const it = missing === undefined ? test : test.skip;

    it("names the agent by the last part of its task's ARN, and sets it up for one job", async ({ expect }) => {
      const asked: (string | undefined)[] = [];
      const endpoint = await scratch.metadata((request, response) => {
        asked.push(request.url);
        response.end(JSON.stringify(TASK_METADATA));
      });
      const run = start(scratch, way, 'say(JSON.stringify({ env: process.env, args: process.argv.slice(2) }))', {
        TFC_AGENT_NAME: '',
        ECS_CONTAINER_METADATA_URI_V4: endpoint,
        TFC_ADDRESS: 'https://tfe.example.com',
        TFC_AGENT_ACCEPT: 'plan',
        AGENT_IDLE_SECONDS: '30',
        http_proxy: 'http://127.0.0.1:1',
      });
      expect(await run.ended).toEqual({ code: 0, signal: null });
      const { env, args } = JSON.parse(run.stdout().toString());
      expect(asked).toEqual(['/v4/0123/task']);
      expect(args).toEqual(['-single']);
      expect(env).toMatchObject({
        TFC_AGENT_NAME: TASK,
        TFC_AGENT_SINGLE: 'true',
        TFC_AGENT_AUTO_UPDATE: 'disabled',
        TFC_ADDRESS: 'https://tfe.example.com',
        TFC_AGENT_ACCEPT: 'plan',
        TFC_AGENT_TOKEN: TOKEN,
      });
      expect(Object.keys(env).filter((name) => name.startsWith('AGENT_'))).toEqual([]);
    });

    it('passes both streams on byte by byte, with no end of line at the end, and loses nothing', async ({ expect }) => {
      const run = start(
        scratch,
        way,
        `const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 256));
       process.stdout.write(bytes);
       process.stderr.write(bytes);
       process.stdout.write('the end');
       process.stderr.write('the end');`,
      );
      expect(await run.ended).toEqual({ code: 0, signal: null });
      const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 256));
      const sent = Buffer.concat([bytes, Buffer.from('the end')]);
      expect(run.stdout().equals(sent)).toBe(true);
      const ownLine = run.stderr().indexOf('\n') + 1;
      expect(run.stderr().subarray(0, ownLine).toString()).toBe(
        'entrypoint: agent given-name starts; idle window 300 s\n',
      );
      expect(run.stderr().subarray(ownLine).equals(sent)).toBe(true);
    });

    it.each([
      { ending: 'exits with 0', agent: 'process.exit(0)', code: 0 },
      { ending: 'exits with 3', agent: 'process.exit(3)', code: 3 },
      { ending: 'is killed by SIGKILL', agent: "process.kill(process.pid, 'SIGKILL'); stay()", code: 137 },
      {
        ending: 'is ended by SIGTERM',
        agent: "process.removeAllListeners('SIGTERM'); process.kill(process.pid); stay()",
        code: 143,
      },
    ])('keeps the exit code of an agent that $ending', async ({ agent, code }) => {
      expect(await start(scratch, way, agent).ended).toEqual({ code, signal: null });
    });

    it('passes one signal on, however many arrive and whichever they are', async ({ expect }) => {
      const run = start(
        scratch,
        way,
        "onTerm(async () => { say('draining'); while (!(await import('node:fs')).existsSync('finish')) await after(20); process.exit(5); }); say('up'); stay();",
      );
      await until('the agent is up', () => run.stdout().includes('up'));
      for (const [index, signal] of (['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM'] as const).entries()) {
        run.child.kill(signal);
        await until(`${signal} was seen`, () => run.said().length === index + 2);
      }
      for (let burst = 0; burst < 50; burst += 1) run.child.kill('SIGTERM');
      await until('the agent drains', () => run.stdout().includes('draining'));
      expect(run.said()[1]).toBe(
        'entrypoint: SIGTERM: asked the agent to leave (SIGTERM). If it has a job, it finishes that first.',
      );
      expect(run.said()[2]).toBe(
        'entrypoint: SIGINT: not passed on, since the agent got SIGTERM already and a second signal would end its job.',
      );
      writeFileSync(join(run.directory, 'finish'), '');
      expect(await run.ended).toEqual({ code: 5, signal: null });
      expect(run.signals()).toBe(1);
    });

    it('passes one signal on when they hail down while the agent is being started', async ({ expect }) => {
      for (let round = 0; round < 3; round += 1) {
        const run = start(scratch, way, 'onTerm(() => process.exit(4)); stay();');
        await until('the agent is about to start', () => run.said().length > 0);
        const hail = setInterval(() => run.child.kill('SIGTERM'), 20);
        const { code } = await run.ended.finally(() => clearInterval(hail));
        // The signal ends an agent that does not listen yet.
        expect([143, 4]).toContain(code);
        expect(run.signals()).toBe(code === 4 ? 1 : 0);
        expect(run.said().filter((line) => line.includes('asked the agent to leave'))).toHaveLength(1);
      }
    }, 120_000);

    it('leaves no process and no file behind', async ({ expect }) => {
      const run = start(scratch, way, "say('up'); await after(200);");
      await run.ended;
      expect(spawnSync('ls', [run.directory], { encoding: 'utf8' }).stdout).toBe('agent.mjs\nbin\nsignals\n');
      await until('no process is left', () => processesIn(run.directory).length === 0);
    });
  });

  test('says what to do where there is neither a metadata endpoint nor a name', async ({ expect }) => {
    const run = start(scratch, way, "say('started')", { TFC_AGENT_NAME: '' });
    expect(await run.ended).toEqual({ code: 78, signal: null });
    expect(run.said().join()).toContain('outside of ECS set TFC_AGENT_NAME');
  });

  test('ends at once, without an agent, by a SIGTERM that comes before the agent is started', async ({ expect }) => {
    let asked = 0;
    const endpoint = await scratch.metadata(() => {
      asked += 1;
    });
    const run = start(scratch, way, "say('started')", { TFC_AGENT_NAME: '', ECS_CONTAINER_METADATA_URI_V4: endpoint });
    await until('the endpoint is asked', () => asked === 1);
    run.child.kill('SIGTERM');
    expect(await run.ended).toEqual({ code: 143, signal: null });
    expect(asked).toBe(1);
    expect(run.stdout().toString()).toBe('');
  });

  test.each(['abc', '-5', '1.5', '0', '007', '100000', ' 5', '5; reboot'])(
    "refuses AGENT_IDLE_SECONDS '%s' with what is allowed",
    async (value) => {
      const run = start(scratch, way, "say('started')", { AGENT_IDLE_SECONDS: value });
      expect(await run.ended).toEqual({ code: 78, signal: null });
      expect(run.stdout().toString()).toBe('');
      expect(run.said()).toEqual([
        `entrypoint: AGENT_IDLE_SECONDS is '${value}'; set an integer from 1 to 99999 seconds, or leave it out for 300.`,
      ]);
    },
  );

  test('overrules what would break single-use or hide jobs, with a message, and lets the rest be', async ({
    expect,
  }) => {
    const run = start(
      scratch,
      way,
      'say([process.env.TFC_AGENT_SINGLE, process.env.TFC_AGENT_LOG_LEVEL, process.env.TFC_AGENT_AUTO_UPDATE].join())',
      { TFC_AGENT_SINGLE: 'false', TFC_AGENT_LOG_LEVEL: 'ERROR', TFC_AGENT_AUTO_UPDATE: 'patch' },
    );
    await run.ended;
    expect(run.stdout().toString()).toBe('true,info,patch\n');
    expect(run.said().slice(0, 2)).toEqual([
      "entrypoint: TFC_AGENT_SINGLE is 'false'; an agent of this pool takes one job, so it is set to true.",
      "entrypoint: TFC_AGENT_LOG_LEVEL is 'ERROR', which hides jobs from the idle watchdog, so it is set to info.",
    ]);
  });

  test('finds tfc-agent on PATH, and says so when there is none', async ({ expect }) => {
    const bin = scratch.fresh();
    writeFileSync(join(bin, 'tfc-agent'), '#!/bin/sh\necho "agent: $*"\n');
    chmodSync(join(bin, 'tfc-agent'), 0o755);
    const found = start(scratch, { ...way, path: [bin] }, '');
    expect(await found.ended).toEqual({ code: 0, signal: null });
    expect(found.stdout().toString()).toBe('agent: -single\n');
    const none = start(scratch, way, '', { PATH: '/usr/bin:/bin' });
    expect(await none.ended).toEqual({ code: 127, signal: null });
    expect(none.said().join()).toContain('no tfc-agent in /home/tfc-agent/bin nor on PATH');
  });

  test.each([
    { given: 'a trailing newline', token: `${TOKEN}\n` },
    { given: 'the line end of Windows', token: `${TOKEN}\r\n` },
    { given: 'a byte order mark and spaces around it', token: `\ufeff \t${TOKEN} \n\n` },
    { given: 'nothing around it', token: TOKEN },
  ])('gives the agent the token without $given', async ({ token }) => {
    for (const each of ways.filter(({ missing }) => missing === undefined)) {
      const run = start(scratch, each, 'say(JSON.stringify(process.env.TFC_AGENT_TOKEN))', { TFC_AGENT_TOKEN: token });
      expect(await run.ended).toEqual({ code: 0, signal: null });
      expect(JSON.parse(run.stdout().toString())).toBe(TOKEN);
    }
  });

  test.each([
    { token: '', found: 'is empty' },
    { token: ' \r\n', found: 'is empty' },
    { token: `${TOKEN}\n${TOKEN}\n`, found: 'has whitespace inside' },
  ])(
    'refuses an agent token that $found, with the name of its secret and without the token',
    async ({ token, found }) => {
      const run = start(scratch, way, "say('started')", {
        TFC_AGENT_TOKEN: token,
        AGENT_TOKEN_SECRET: 'agent-launcher/aws/agent-token',
      });
      expect(await run.ended).toEqual({ code: 78, signal: null });
      expect(run.stdout().toString()).toBe('');
      expect(run.said()).toEqual([
        `entrypoint: The agent token in agent-launcher/aws/agent-token ${found}. Store the agent token of the pool there, and nothing else: aws secretsmanager put-secret-value --secret-id ... --secret-string file://agent-token.txt`,
      ]);
    },
  );

  test('starts no other program in place of the agent, whatever the variables say', async ({ expect }) => {
    const run = start(scratch, way, "say(process.env.AGENT_COMMAND ?? 'unread')", {
      AGENT_COMMAND: 'env; exit 9',
      GODEBUG: 'http2debug=2',
    });
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.stdout().toString()).toBe('env; exit 9\n');
    expect(`${run.stdout()}${run.stderr()}`).not.toContain(TOKEN);
  });

  test.each(['GODEBUG', 'LD_PRELOAD', 'LD_AUDIT'])('passes no %s on that could show the token', async (name) => {
    const run = start(scratch, way, `say(String(process.env.${name}))`, {
      [name]: name === 'GODEBUG' ? 'netdns=go,http2debug=2' : '',
    });
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.stdout().toString()).toBe('undefined\n');
  });

  test('passes another GODEBUG on', async () => {
    const run = start(scratch, way, 'say(process.env.GODEBUG)', { GODEBUG: 'netdns=go' });
    await run.ended;
    expect(run.stdout().toString()).toBe('netdns=go\n');
  });

  test("refuses a container's command, which could give the agent another address", async () => {
    const run = start(
      scratch,
      { ...way, command: [...way.command, '-address', 'https://attacker.example'] },
      "say('started')",
    );
    expect(await run.ended).toEqual({ code: 78, signal: null });
    expect(run.stdout().toString()).toBe('');
    expect(run.said()).toEqual([
      "entrypoint: The container's command is '-address https://attacker.example'; leave it out, and set TFC_AGENT_... variables instead.",
    ]);
  });

  describe('with an address in the entry point, which RunTask cannot override', () => {
    const pinned = { ...way, command: [...way.command, 'https://tfe.example.com'] };
    const agent = "say([process.env.TFC_ADDRESS, ...process.argv.slice(2)].join(' '))";

    test.each([{ variables: {} }, { variables: { TFC_ADDRESS: 'https://tfe.example.com' } }])(
      'starts the agent with that address, given $variables',
      async ({ variables }) => {
        const run = start(scratch, pinned, agent, variables);
        expect(await run.ended).toEqual({ code: 0, signal: null });
        expect(run.stdout().toString()).toBe('https://tfe.example.com -single\n');
      },
    );

    test.each([
      { name: 'TFC_ADDRESS of another host', variables: { TFC_ADDRESS: 'https://attacker.example' }, command: [] },
      { name: 'a command with another address', variables: {}, command: ['https://attacker.example'] },
    ])('refuses $name', async ({ variables, command }) => {
      const way = { ...pinned, command: [...pinned.command, ...command] };
      const run = start(scratch, way, agent, variables);
      expect(await run.ended).toEqual({ code: 78, signal: null });
      expect(run.stdout().toString()).toBe('');
      expect(run.said().join()).toContain('https://attacker.example');
    });
  });

  test('says what to do when it can write nowhere', async ({ expect }) => {
    const run = start(scratch, way, "say('started')", { TMPDIR: '/nonexistent' });
    expect(await run.ended).toEqual({ code: 78, signal: null });
    expect(run.said().join()).toContain('/nonexistent is not writable; mount a volume there');
  });

  test('shows the agent token to the agent alone', async ({ expect }) => {
    const run = start(scratch, way, "say('up'); stay();");
    await until('the agent is up', () => run.stdout().includes('up'));
    const holders = processesIn(run.directory)
      .filter((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(TOKEN))
      .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, 2).join(' '));
    run.child.kill('SIGKILL');
    // The script's own shell has it from the start; the image hides that one (its shell can't be read).
    expect(new Set(holders)).toEqual(new Set([`/bin/sh ${SCRIPT}`, `${process.execPath} agent.mjs`]));
    expect(`${run.stdout()}${run.stderr()}`).not.toContain(TOKEN);
  });
});

describe('its text', () => {
  test('is ASCII and small enough for a task definition', () => {
    const text = Buffer.from(entrypointText());
    expect(text.every((byte) => byte < 128)).toBe(true);
    expect(text.toString()).not.toMatch(/^\s*#/m);
    expect(text.length).toBeLessThan(9 * 1024);
  });

  const shellcheck = spawnSync('shellcheck', ['--version']).error === undefined;
  test.skipIf(!shellcheck)(`passes shellcheck${shellcheck ? '' : ' (skipped: needs shellcheck)'}`, () => {
    const arguments_ = ['--shell=sh', '--enable=all', '--exclude=SC2249,SC2250,SC2312'];
    const ownScripts = ['with-docker.sh', 'stand-in-agent.sh'].map((name) =>
      join(import.meta.dirname, '../../labs/containers', name),
    );
    const found = spawnSync('shellcheck', [...arguments_, SCRIPT, ...ownScripts], { encoding: 'utf8' });
    expect(found.stdout).toBe('');
    expect(found.status).toBe(0);
  });
});
