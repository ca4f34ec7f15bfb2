/**
 * The entrypoint as a process: naming, output, exit codes, signals and settings. Where it matters, every test runs in three
 * ways: as a file, as the text of a task definition, and with BusyBox. The idle watchdog has its own tests.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { entrypointText } from '../../lib/agent/entrypoint.ts';
import { until } from '../processes.ts';
import { folderWithAgent, processesIn, SCRIPT, Scratch, start, TOKEN, waysToRun } from './entrypoint-process.ts';

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

const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7919) % 256));
sent.write('the end', sent.length - 7);
writeFileSync(join(scratch.directory, 'sent'), sent);

/** These variables make the script ask the endpoint for its name. */
const unnamed = (endpoint: string) => ({ TFC_AGENT_NAME: '', ECS_CONTAINER_METADATA_URI_V4: endpoint });

/** Runs the script and its agent to a successful end. @returns the output of the agent */
async function agentOutput(agent: string, variables: Record<string, string> = {}, how = way): Promise<string> {
  const run = start(scratch, how, agent, variables);
  expect(await run.ended).toEqual({ code: 0, signal: null });
  return run.stdout().toString();
}

/** Expects the script to end without starting its agent. @returns what the script logged */
async function refusal(code: number, variables: Record<string, string>, how = way): Promise<readonly string[]> {
  const run = start(scratch, how, "say('started')", variables);
  expect(await run.ended).toEqual({ code, signal: null });
  expect(run.stdout().toString()).toBe('');
  return run.said();
}

describe('the entrypoint', { concurrent: true }, () => {
  test('queries the metadata endpoint again after an error and after a timeout', async () => {
    let asked = 0;
    const endpoint = await scratch.metadata((_request, response) => {
      asked += 1;
      if (asked === 1) response.writeHead(500).end('broken');
      else if (asked === 3) response.end(JSON.stringify(TASK_METADATA, null, 2));
    });
    expect(await agentOutput('say(process.env.TFC_AGENT_NAME)', unnamed(endpoint))).toBe(`${TASK}\n`);
  });

  test('exits with 69 and does not start the agent if five responses contain no name', async () => {
    const answers = ['{}', '{"TaskARN":""}', '{"TaskARN":"task"}', '<html>', ''];
    const endpoint = await scratch.metadata((_request, response) => {
      response.end(answers.shift());
    });
    expect(await refusal(69, unnamed(endpoint))).toEqual([
      `entrypoint: The task metadata endpoint ${endpoint}/task returned no TaskARN in 5 attempts. The agent was not started, because the launcher could not match it with its task.`,
    ]);
    expect(answers).toEqual([]);
  });

  test('ends when its agent ends, even if the agent left a process behind', async () => {
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

    it("names the agent by the last part of its task's ARN, and sets it up for one job", async () => {
      const asked: (string | undefined)[] = [];
      const endpoint = await scratch.metadata((request, response) => {
        asked.push(request.url);
        response.end(JSON.stringify(TASK_METADATA));
      });
      const agent = 'say(JSON.stringify({ env: process.env, args: process.argv.slice(2) }))';
      const variables = {
        ...unnamed(endpoint),
        TFC_ADDRESS: 'https://tfe.example.com',
        TFC_AGENT_ACCEPT: 'plan',
        AGENT_IDLE_SECONDS: '30',
        http_proxy: 'http://127.0.0.1:1',
      };
      const { env, args } = JSON.parse(await agentOutput(agent, variables, way));
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

    it('forwards both streams byte by byte, even without a final line end', async () => {
      const run = start(
        scratch,
        way,
        `import { readFileSync } from 'node:fs';
         const sent = readFileSync('../sent');
         process.stdout.write(sent);
         process.stderr.write(sent);`,
      );
      expect(await run.ended).toEqual({ code: 0, signal: null });
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

    it('forwards only one signal to the agent if several different signals arrive', async () => {
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
        'entrypoint: SIGINT: not forwarded, because the agent already got SIGTERM and a second signal would end its job.',
      );
      writeFileSync(join(run.directory, 'finish'), '');
      expect(await run.ended).toEqual({ code: 5, signal: null });
      expect(run.signals()).toBe(1);
    });

    it('forwards only one signal if several arrive while the agent starts', async () => {
      for (let round = 0; round < 3; round += 1) {
        const run = start(scratch, way, 'onTerm(() => process.exit(4)); stay();');
        await until('the agent is about to start', () => run.said().length > 0);
        const hail = setInterval(() => run.child.kill('SIGTERM'), 20);
        const { code } = await run.ended.finally(() => clearInterval(hail));
        // An agent without a handler yet is ended by the signal.
        expect([143, 4]).toContain(code);
        expect(run.signals()).toBe(code === 4 ? 1 : 0);
        expect(run.said().filter((line) => line.includes('asked the agent to leave'))).toHaveLength(1);
      }
    }, 120_000);

    it('the entrypoint leaves no process and no file behind', async () => {
      const run = start(scratch, way, "say('up'); await after(200);");
      await run.ended;
      expect(readdirSync(run.directory).sort()).toEqual(['agent.mjs', 'bin', 'signals']);
      await until('no process is left', () => processesIn(run.directory).length === 0);
    });
  });

  test('ends immediately if a SIGTERM arrives before it starts the agent', async () => {
    let asked = 0;
    const endpoint = await scratch.metadata(() => {
      asked += 1;
    });
    const run = start(scratch, way, "say('started')", unnamed(endpoint));
    await until('the endpoint is asked', () => asked === 1);
    run.child.kill('SIGTERM');
    expect(await run.ended).toEqual({ code: 143, signal: null });
    expect(asked).toBe(1);
    expect(run.stdout().toString()).toBe('');
  });

  test.each(['abc', '-5', '1.5', '0', '007', '100000', ' 5', '5; reboot'])(
    "refuses AGENT_IDLE_SECONDS '%s' and reports what is allowed",
    async (value) => {
      expect(await refusal(78, { AGENT_IDLE_SECONDS: value })).toEqual([
        `entrypoint: AGENT_IDLE_SECONDS is '${value}'; set an integer from 1 to 99999 seconds, or leave it out for 300.`,
      ]);
    },
  );

  test('the entrypoint overrides variables that would give an agent several jobs or hide its jobs, logs that, and keeps the others', async () => {
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

  test('finds tfc-agent on PATH, and reports it if there is none', async () => {
    const bin = folderWithAgent(scratch, 'echo "agent: $*"');
    expect(await agentOutput('', {}, { ...way, path: [bin] })).toBe('agent: -single\n');
    const said = await refusal(127, { PATH: '/usr/bin:/bin' });
    expect(said.join()).toContain('no tfc-agent in /home/tfc-agent/bin or on PATH');
  });

  test.each([
    { given: 'a trailing newline', token: `${TOKEN}\n` },
    { given: 'the line end of Windows', token: `${TOKEN}\r\n` },
    { given: 'a byte order mark and spaces around it', token: `\ufeff \t${TOKEN} \n\n` },
    { given: 'nothing around it', token: TOKEN },
  ])('gives the agent the token without $given', async ({ token }) => {
    for (const each of ways.filter(({ missing }) => missing === undefined)) {
      const output = await agentOutput(
        'say(JSON.stringify(process.env.TFC_AGENT_TOKEN))',
        { TFC_AGENT_TOKEN: token },
        each,
      );
      expect(JSON.parse(output)).toBe(TOKEN);
    }
  });

  test.each([
    { token: '', found: 'is empty' },
    { token: ' \r\n', found: 'is empty' },
    { token: `${TOKEN}\n${TOKEN}\n`, found: 'has whitespace inside' },
  ])('refuses an agent token that $found, and reports its secret but not the token', async ({ token, found }) => {
    const secret = 'agent-launcher/aws/agent-token';
    expect(await refusal(78, { TFC_AGENT_TOKEN: token, AGENT_TOKEN_SECRET: secret })).toEqual([
      `entrypoint: The agent token in ${secret} ${found}. Store the agent token of the pool there, and nothing else: aws secretsmanager put-secret-value --secret-id ... --secret-string file://agent-token.txt`,
    ]);
  });

  test('explains an empty agent token under a key without advice that would delete the other keys', async () => {
    expect(await refusal(78, { TFC_AGENT_TOKEN: ' ', AGENT_TOKEN_SECRET: 'acme/tokens:agent' })).toEqual([
      'entrypoint: The agent token in acme/tokens under the key agent is empty. Store a JSON object that has the agent token of the pool under this key, and keep its other keys: aws secretsmanager put-secret-value --secret-id ... --secret-string file://secret.json',
    ]);
  });

  test('the entrypoint starts no other program instead of the agent, whatever the variables are', async () => {
    const run = start(scratch, way, "say(process.env.AGENT_COMMAND ?? 'unread')", {
      AGENT_COMMAND: 'env; exit 9',
      GODEBUG: 'http2debug=2',
    });
    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.stdout().toString()).toBe('env; exit 9\n');
    expect(`${run.stdout()}${run.stderr()}`).not.toContain(TOKEN);
  });

  test.each([
    ['does not forward GODEBUG if it could show the token', 'GODEBUG', 'netdns=go,http2debug=2', 'undefined'],
    ['does not forward LD_PRELOAD', 'LD_PRELOAD', '', 'undefined'],
    ['does not forward LD_AUDIT', 'LD_AUDIT', '', 'undefined'],
    ['forwards another GODEBUG', 'GODEBUG', 'netdns=go', 'netdns=go'],
  ])('%s', async (_, name, value, forwarded) => {
    expect(await agentOutput(`say(String(process.env.${name}))`, { [name]: value })).toBe(`${forwarded}\n`);
  });

  test.each([
    ['outside of ECS without a name', { TFC_AGENT_NAME: '' }, 'Outside ECS, set TFC_AGENT_NAME'],
    ['without a writable directory', { TMPDIR: '/nonexistent' }, '/nonexistent is not writable; mount a volume there'],
  ])('reports a remedy if it runs %s', async (_, variables: Record<string, string>, says) => {
    expect((await refusal(78, variables)).join()).toContain(says);
  });

  test("refuses a container's command, which could give the agent another address", async () => {
    const command = [...way.command, '-address', 'https://attacker.example'];
    expect(await refusal(78, {}, { ...way, command })).toEqual([
      "entrypoint: The container's command is '-address https://attacker.example'; leave it out, and set TFC_AGENT_... variables instead.",
    ]);
  });

  describe('with an address in the entry point, which RunTask cannot override', () => {
    const pinned = { ...way, command: [...way.command, 'https://tfe.example.com'] };
    const agent = "say([process.env.TFC_ADDRESS, ...process.argv.slice(2)].join(' '))";

    test.each([{ variables: {} }, { variables: { TFC_ADDRESS: 'https://tfe.example.com' } }])(
      'starts the agent with that address, given $variables',
      async ({ variables }) => {
        expect(await agentOutput(agent, variables, pinned)).toBe('https://tfe.example.com -single\n');
      },
    );

    test.each([
      { name: 'TFC_ADDRESS of another host', variables: { TFC_ADDRESS: 'https://attacker.example' }, command: [] },
      { name: 'a command with another address', variables: {}, command: ['https://attacker.example'] },
    ])('the entrypoint refuses $name', async ({ variables, command }) => {
      const said = await refusal(78, variables, { ...pinned, command: [...pinned.command, ...command] });
      expect(said.join()).toContain('https://attacker.example');
    });
  });

  test('the entrypoint shows the agent token only to the agent', async () => {
    const run = start(scratch, way, "say('up'); stay();");
    await until('the agent is up', () => run.stdout().includes('up'));
    const holders = processesIn(run.directory)
      .filter((pid) => readFileSync(`/proc/${pid}/environ`, 'utf8').includes(TOKEN))
      .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, 2).join(' '));
    run.child.kill('SIGKILL');
    // The script's own shell has the token from the start. In the image, nobody can read that shell.
    expect(new Set(holders)).toEqual(new Set([`/bin/sh ${SCRIPT}`, `${process.execPath} agent.mjs`]));
    expect(`${run.stdout()}${run.stderr()}`).not.toContain(TOKEN);
  });
});

test('the text of the entrypoint is ASCII and small enough for a task definition', () => {
  const text = Buffer.from(entrypointText());
  expect(text.every((byte) => byte < 128)).toBe(true);
  expect(text.toString()).not.toMatch(/^\s*#/m);
  expect(text.length).toBeLessThan(9 * 1024);
});
