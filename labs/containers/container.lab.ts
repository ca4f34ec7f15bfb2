import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { entrypointText } from '../../lib/agent/entrypoint.ts';
import { until } from '../../test/processes.ts';
import { AgentContainers, ENGINE, engine, engineOk } from './container-engine.ts';

const WAITING = 'echo "2026-08-24T10:00:01.000Z [INFO]  core: Waiting for next job"';
const JOB = 'echo "2026-08-24T10:00:02.000Z [INFO]  core: Job received: job_type=plan job_id=run-abc"';

/** Prints the names of the processes other than the agent whose environment shows it the token. */
const LOOK_FOR_TOKEN = `
unset TFC_AGENT_TOKEN
for process in /proc/[0-9]*; do
  [ "$process" != "/proc/$$" ] || continue
  ! tr '\\0' '\\n' 2>/dev/null <"$process/environ" | grep -q '^TFC_AGENT_TOKEN=' || cat "$process/comm"
done 2>/dev/null
exit 0`;

/** A job that prints which processes show it the token, and which let it read their memory or open their pipes. */
const SPY_ON_TOKEN = `
for process in /proc/[0-9]*; do
  name=$(cat "$process/comm") || continue
  [ "$process" != "/proc/$$" ] || continue
  ! tr '\\0' '\\n' 2>/dev/null <"$process/environ" | grep -q '^TFC_AGENT_TOKEN=' || echo "environ of $name"
  ! (: <"$process/mem") || echo "mem of $name"
  ! ls "$process/fd/" >&2 || echo "fd of $name"
done 2>/dev/null
exit 0`;

/**
 * A job that prints which children of the script let it read their memory, once the watchdog has seen the job. The kernel asks
 * for the same permission as for ptrace (proc(5)).
 */
const SPY_ON_HELPERS = `
sleep 1
for process in /proc/[0-9]*; do
  [ "$(sed 's/^.*) . \\([0-9]*\\) .*/\\1/' "$process/stat")" = 1 ] || continue
  echo "child $(cat "$process/comm")"
  ! (: <"$process/mem") || echo "mem of $(cat "$process/comm")"
done 2>/dev/null
exit 0`;

/** What a job may see: programs of the entrypoint that never had the token, nor the log that the watchdog reads. */
const HARMLESS = /^(?:mem|fd) of (?:cat|timeout)$/;

describe.skipIf(ENGINE === undefined)(
  `the image in a container${ENGINE === undefined ? ' (skipped: see labs/containers/with-docker.sh)' : ''}`,
  () => {
    const containers = new AgentContainers();
    beforeAll(() => containers.build(), 180_000);
    afterAll(() => containers.release());

    const inspect = (format: string) =>
      JSON.parse(engineOk(['image', 'inspect', '--format', `{{json ${format}}}`, containers.image]));
    const asRoot = (command: string) => containers.asRoot(command);

    test('declares user, volumes, environment and labels that the task definition counts on', async ({ annotate }) => {
      expect(inspect('.Config.User')).toBe('tfc-agent');
      expect(Object.keys(inspect('.Config.Volumes')).sort()).toEqual(['/home/tfc-agent/.tfc-agent', '/tmp']);
      expect(inspect('.Config.Env')).toEqual(
        expect.arrayContaining([
          'TFC_AGENT_SINGLE=true',
          'TFC_AGENT_AUTO_UPDATE=disabled',
          'TFC_AGENT_DATA_DIR=/home/tfc-agent/.tfc-agent',
        ]),
      );
      expect(inspect('.Config.Labels')).toMatchObject({
        'org.opencontainers.image.version': expect.stringMatching(/^\d+\.\d+\.\d+$/),
        'org.opencontainers.image.base.name': expect.stringContaining('tfc-agent'),
      });
      const labels = Object.keys(inspect('.Config.Labels')).length;
      await annotate(
        `user ${inspect('.Config.User')}, volumes ${Object.keys(inspect('.Config.Volumes')).join(' ')}, ${labels} labels`,
      );
    });

    test('has no setuid or setgid file', async ({ annotate }) => {
      const files = Number(asRoot('find / -xdev -type f | wc -l'));
      expect(files).toBeGreaterThan(1000);
      expect(asRoot('find / -xdev -perm /6000 -type f')).toBe('');
      await annotate(`none of ${files} files`);
    });

    test('lets nobody but root write to what it runs', async ({ annotate }) => {
      expect(asRoot('find /opt/agent-launcher /usr/bin /bin/ -perm /022 ! -type l')).toBe('');
      expect(asRoot('find /opt/agent-launcher ! -user 0')).toBe('');
      await annotate(`root's alone: ${asRoot('cd /opt/agent-launcher && stat -c "%n %a" *').split('\n').join(', ')}`);
    });

    test('adds less than 2 MB to its base, apart from the agent itself, whose mode it changes', async ({
      annotate,
    }) => {
      const base = process.env['BASE_IMAGE'];
      if (base === undefined) return;
      const sizes = [containers.image, base].map((image) =>
        Number(engineOk(['image', 'inspect', '--format', '{{.Size}}', image])),
      );
      const agent = Number(asRoot('cat /home/tfc-agent/bin/* | wc -c'));
      const more = (sizes[0] ?? Number.NaN) - (sizes[1] ?? Number.NaN) - agent;
      expect(more).toBeLessThan(2_000_000);
      await annotate(
        `${(more / 1e6).toFixed(1)} MB more, and the agent once more (here ${(agent / 1e6).toFixed(1)} MB)`,
      );
    });

    test("starts the image's own tfc-agent, as somebody who is not root", async ({ annotate }) => {
      const { code, stdout } = containers.run(undefined, { AGENT_IDLE_SECONDS: '1' });
      expect(code).toBe(75); // It was sent away without a job.
      expect(stdout).toContain('Starting: name=given-name arguments=-single');
      await annotate(`exit code ${code} once its idle window was over`);
    });

    test('gives the agent no root, no capability, and just its data directory and /tmp to write to', async ({
      annotate,
    }) => {
      const { code, stdout } = containers.run(`
        id -u
        grep -E '^Cap(Prm|Eff|Bnd)' /proc/self/status | tr -s '\\t' ' '
        for place in /tmp "$TFC_AGENT_DATA_DIR" /home/tfc-agent /opt/agent-launcher /usr/bin /etc /; do
          if (: >"$place/probe") 2>/dev/null; then echo "$place: yes"; else echo "$place: no"; fi
        done`);
      expect(code).toBe(0);
      const [uid, ...rest] = stdout.trimEnd().split('\n');
      expect(Number(uid)).toBeGreaterThan(0);
      expect(rest).toEqual([
        'CapPrm: 0000000000000000',
        'CapEff: 0000000000000000',
        'CapBnd: 0000000000000000',
        '/tmp: yes',
        '/home/tfc-agent/.tfc-agent: yes',
        '/home/tfc-agent: no',
        '/opt/agent-launcher: no',
        '/usr/bin: no',
        '/etc: no',
        '/: no',
      ]);
      await annotate(`uid ${uid}, capabilities 0, writes to two of seven places`);
    });

    test('names the agent with the tools in the image', async ({ annotate }) => {
      // curl reads a file as it reads an answer; the protocol has its tests in entrypoint.test.ts.
      const { code, stdout } = containers.run(
        `echo "$TFC_AGENT_NAME"`,
        { TFC_AGENT_NAME: '', ECS_CONTAINER_METADATA_URI_V4: 'file:///metadata' },
        [
          '--volume',
          `${containers.file('metadata', '{"TaskARN":"arn:aws:ecs:x:1:task/agents/c0ffee"}')}:/metadata/task:ro`,
        ],
      );
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'c0ffee\n' });
      await annotate(`agent ${stdout.trim()}, from the task's metadata`);
    });

    test.for([
      { ending: 'exit 0', code: 0 },
      { ending: 'exit 3', code: 3 },
      { ending: 'kill -KILL $$', code: 137 },
      { ending: 'kill -TERM $$', code: 143 },
    ])('ends with the agent: $ending', async ({ ending, code }, { annotate }) => {
      const { code: found, stdout } = containers.run(`printf 'last words'; ${ending}`);
      expect({ code: found, stdout }).toEqual({ code, stdout: 'last words' });
      await annotate(`exit code ${found}, and its last words`);
    });

    test.for([{ init: [] }, { init: ['--init'] }])(
      'passes one SIGTERM on of many (options: $init)',
      async ({ init }, { annotate }) => {
        const name = containers.start(
          `trap 'echo signal; drained=yes' TERM
         ${WAITING}; ${JOB}
         until [ -e /tmp/finish ]; do sleep 0.1; done
         exit 5`,
          {},
          init,
        );
        const logs = () => engine(['logs', name]);
        await until('the agent has its job', () => logs().stdout.includes('Job received'));
        for (let seen = 1; seen <= 3; seen += 1) {
          engineOk(['kill', '--signal', 'TERM', name]);
          await until('the signal was seen', () => logs().stderr.split('SIGTERM: ').length === seen + 1);
        }
        engineOk(['exec', name, 'touch', '/tmp/finish']);
        expect(engineOk(['wait', name])).toBe('5');
        expect(
          logs()
            .stdout.split('\n')
            .filter((line) => line === 'signal'),
        ).toHaveLength(1);
        await annotate('3 SIGTERMs to the container, 1 to the agent, which ended on its own');
      },
    );

    test('tells an idle agent to leave, once, and no agent that has a job', async ({ annotate }) => {
      const window = { AGENT_IDLE_SECONDS: '1' };
      const count = `trap 'echo signal' TERM; ${WAITING}`;
      const idle = containers.run(`${count}; for _ in 1 2 3; do sleep 1; done`, window);
      expect(idle.stdout.split('\n').filter((line) => line === 'signal')).toHaveLength(1);
      const busy = containers.run(`${count}; ${JOB}; for _ in 1 2 3; do sleep 1; done`, window);
      expect(busy.stdout.split('\n').filter((line) => line === 'signal')).toHaveLength(0);
      await annotate('1 SIGTERM to the idle one in three idle windows, 0 to the busy one');
    });

    test.for([{ init: [] }, { init: ['--init'] }])(
      'keeps no zombies of what an agent leaves behind (options: $init)',
      async ({ init }, { annotate }) => {
        const { stdout } = containers.run(
          `for _ in 1 2 3 4 5; do sh -c 'sleep 0.2 & exit' & done; wait; sleep 1
         cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) \\(.\\) .*/\\1/' | grep -c Z`,
          {},
          init,
        );
        expect(stdout).toBe('0\n');
        await annotate(`${stdout.trim()} zombies of 5 orphans`);
      },
    );

    test('hides the agent token from every other process of the agent: from Terraform', async ({ annotate }) => {
      expect(containers.run(LOOK_FOR_TOKEN).stdout).toBe('');
      await annotate('shown by no process');
    });

    describe('with a compiled agent, which cleared its environment', () => {
      const base = `${process.env['BASE_IMAGE']}`;
      const reading = process.env['READING_AGENT'];
      const others = new Map<string, AgentContainers>();
      const said = new Map<string, string>();
      beforeAll(() => {
        if (reading === undefined) return;
        for (const [name, from, args] of [
          ['readable', base, ['HIDE_AGENT=false']],
          ['reads itself', 'agent-reads-itself', []],
        ] as const) {
          if (name === 'reads itself') {
            const folder = mkdtempSync(join(tmpdir(), 'reading-agent-'));
            copyFileSync(reading, join(folder, 'tfc-agent'));
            const copy = 'COPY tfc-agent /home/tfc-agent/bin/tfc-agent\nRUN chmod 0755 /home/tfc-agent/bin/tfc-agent';
            writeFileSync(join(folder, 'Dockerfile'), `FROM ${base}\nUSER root\n${copy}\nUSER tfc-agent\n`);
            engineOk(['build', '--network', 'none', '--tag', from, folder]);
            rmSync(folder, { recursive: true });
          }
          const image = new AgentContainers();
          said.set(name, image.build(from, args));
          others.set(name, image);
        }
      }, 180_000);
      afterAll(() => {
        for (const image of others.values()) image.release();
        engine(['rmi', '--force', 'agent-reads-itself']);
      });
      const compiled = reading === undefined ? test.skip : test;

      compiled(
        'shows the token to no job: neither its environment, nor its memory, nor its log',
        async ({ annotate }) => {
          expect(asRoot('stat -c "%U %a" /home/tfc-agent/bin/*')).toBe('root 711\nroot 711');
          const { code, stdout, stderr } = containers.run(undefined, {}, containers.job(SPY_ON_TOKEN));
          expect({ code, stderr }).toEqual({
            code: 0,
            stderr: 'entrypoint: agent given-name starts; idle window 300 s\n',
          });
          const seen = stdout.split('\n').filter((line) => / of /.test(line) && !HARMLESS.test(line));
          expect(seen).toEqual([]);
          await annotate('environ, mem and fd of agent, core, shell and tee: refused');
        },
      );

      compiled('lets no job trace the watchdog, whose exit code counts', async ({ annotate }) => {
        const { code, stdout } = containers.run(undefined, {}, containers.job(SPY_ON_HELPERS));
        const lines = stdout.split('\n').filter((line) => /^(?:child|mem of) /.test(line));
        expect({ code, children: lines.length, open: lines.filter((line) => line.startsWith('mem')) }).toEqual({
          code: 0,
          children: 5,
          open: [],
        });
        await annotate('mem of the agent, both tee, the watchdog and the timer: refused');
      });

      compiled('shows it where the agent may be read, which HIDE_AGENT=false asks for', async ({ annotate }) => {
        const image = others.get('readable') ?? containers;
        const { stdout, stderr } = image.run(undefined, {}, image.job(SPY_ON_TOKEN));
        for (const what of ['environ', 'mem', 'fd']) {
          expect(stdout).toContain(`${what} of tfc-agent\n`);
        }
        expect(stderr).toContain(
          '/home/tfc-agent/bin/tfc-agent can be read, so a job may be able to read the agent token',
        );
        await annotate('environ, mem and fd of agent and core: readable, and the log says so');
      });

      compiled('is built readable if the agent must read itself, and says so', async ({ annotate }) => {
        expect(said.get('reads itself')).toContain(
          'WARNING: this agent does not run if it may not read its own program',
        );
        expect(said.get('reads itself')).toContain('open /home/tfc-agent/bin/tfc-agent: permission denied');
        const image = others.get('reads itself') ?? containers;
        const { code, stderr } = image.run(undefined, { AGENT_IDLE_SECONDS: '1' });
        expect(code).toBe(75);
        expect(stderr).toContain('can be read, so a job may be able to read the agent token');
        await annotate('mode 755, a warning in the log of the build and in that of the task');
      });

      const FORGERIES = [
        {
          does: 'sends every signal to every process',
          job: 'for s in USR1 HUP INT TERM USR1; do kill -$s -1; kill -$s 1; done; sleep 2',
        },
        { does: 'kills every process', job: 'kill -USR1 1; kill -KILL -1; kill -USR1 1; sleep 2' },
        {
          does: 'stops the helpers, and goes on when the idle window is over',
          job: `cd /proc; for p in [0-9]*; do case $p-$(cat $p/comm) in $$-*) ;; *-tee|*-sh|*-cat|*-timeout) kill -STOP $p ;; esac; done
            kill -USR1 1; sleep 3; kill -CONT -1`,
        },
        {
          does: 'writes that the agent waits to all that it can open, and ends every timer',
          job: `for n in 1 2 3 4; do for f in /proc/[0-9]*/fd/*; do (${WAITING} >"$f") 2>/dev/null & done
            for p in /proc/[0-9]*; do [ "$(cat $p/comm)" != timeout ] || kill -TERM \${p#/proc/}; done
            kill -USR1 1; sleep 0.5; done`,
        },
      ];
      compiled.for(FORGERIES)('reports no job that $does as an agent without one', async ({ job }, { annotate }) => {
        const trapped = `trap '' HUP INT TERM USR1; ${job}; exit 0`;
        const { code, stderr } = containers.run(undefined, { AGENT_IDLE_SECONDS: '1' }, containers.job(trapped));
        expect(code).not.toBe(75);
        expect(stderr).not.toContain('no job in');
        await annotate(`exit code ${code}, and no such line in the log`);
      });
    });

    test.for([
      { override: 'the command -address', command: ['-address', 'https://attacker.example'], variables: {}, code: 78 },
      { override: 'AGENT_COMMAND', command: [], variables: { AGENT_COMMAND: 'env' }, code: 75 },
      {
        override: 'BASH_ENV and ENV',
        command: [],
        variables: { BASH_ENV: '/proc/self/environ', ENV: '/etc/passwd' },
        code: 75,
      },
      {
        override: 'a function of bash',
        command: [],
        variables: { 'BASH_FUNC_mktemp%%': '() { echo "$token"; }' },
        code: 75,
      },
      { override: 'GODEBUG', command: [], variables: { GODEBUG: 'http2debug=2' }, code: 75 },
      { override: 'LD_DEBUG', command: [], variables: { LD_DEBUG: 'all' }, code: 75 },
    ])('prints no token for a RunTask that overrides $override', async ({ command, variables, code }, { annotate }) => {
      const token = 'token-that-nobody-may-see';
      const options = containers.options(undefined, {
        AGENT_IDLE_SECONDS: '1',
        ...variables,
        TFC_AGENT_TOKEN: token,
      });
      const found = engine(['run', ...options, containers.image, ...command]);
      expect(found.code).toBe(code);
      expect(`${found.stdout}${found.stderr}`).not.toContain(token);
      await annotate(`exit code ${code}, no token`);
    });

    test('is not built on a base whose shell takes functions from the environment', async ({ annotate }) => {
      const base = process.env['BASE_IMAGE'];
      if (base === undefined) return;
      const folder = mkdtempSync(join(tmpdir(), 'bash-base-'));
      const bash = 'RUN bash -c "rm -f /bin/dash /usr/bin/dash; ln -sf bash /bin/sh"';
      writeFileSync(join(folder, 'Dockerfile'), `FROM ${base}\nUSER root\n${bash}\nUSER tfc-agent\n`);
      engineOk(['build', '--network', 'none', '--tag', 'agent-bash-base', folder]);
      rmSync(folder, { recursive: true });
      const image = new AgentContainers();
      try {
        expect(() => image.build('agent-bash-base')).toThrow('/bin/sh takes functions from environment variables');
      } finally {
        image.release();
        engine(['rmi', '--force', 'agent-bash-base']);
      }
      await annotate('no image: "takes functions from environment variables"');
    });

    test("runs with the script's text on an image that has it not", async ({ annotate }) => {
      const base = process.env['BASE_IMAGE'];
      if (base === undefined) return;
      const options = containers
        .options(undefined, { AGENT_IDLE_SECONDS: '1' })
        .filter((option) => option !== '--read-only');
      const { code, stdout } = engine([
        ...['run', ...options, '--entrypoint', '/bin/sh', base],
        ...['-c', entrypointText(), 'entrypoint'],
      ]);
      expect(code).toBe(75);
      expect(stdout).toContain('Starting: name=given-name arguments=-single');
      await annotate(`exit code ${code}, as with the image`);
    });

    test('can hide it neither from within an init process, nor behind a shell that may be read', async ({
      annotate,
    }) => {
      expect(containers.run(LOOK_FOR_TOKEN, {}, ['--init']).stdout).toBe('docker-init\n');
      await annotate('shown by docker-init; on a registry image by its shell');
      const base = process.env['BASE_IMAGE'];
      if (base === undefined) return;
      const { stdout } = engine([
        ...['run', ...containers.options(LOOK_FOR_TOKEN), '--tmpfs', '/tmp', '--entrypoint', '/bin/sh', base],
        ...['-c', entrypointText(), 'entrypoint'],
      ]);
      // The shell, and the watchdog that is a copy of it.
      expect(new Set(stdout.trimEnd().split('\n'))).toEqual(new Set(['sh']));
    });

    const ZOMBIES = "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) \\(.\\) .*/\\1/' | grep -c Z";
    const HOSTILE: readonly { does: string; script: string; code: number; signals: number }[] = [
      { does: 'ignores SIGTERM', script: `${WAITING}; seconds 4; exit 9`, code: 9, signals: 1 },
      {
        does: 'forks a hundred orphans, one of which holds its output and ignores every signal',
        script: `${JOB}
          (trap '' TERM HUP INT; exec sleep 300) &
          n=0; while [ "$n" -lt 100 ]; do n=$((n + 1)); sh -c 'sleep 0.1 & exit' & done
          seconds 4; exit 4`,
        code: 4,
        signals: 0,
      },
      { does: 'dies with its job', script: `${JOB}; seconds 1; kill -KILL $$`, code: 137, signals: 0 },
      {
        does: 'dies while it is asked to leave',
        script: `trap 'echo signal; kill -KILL $$' TERM; ${WAITING}; seconds 9`,
        code: 137,
        signals: 1,
      },
      {
        does: 'logs garbage',
        script: `${WAITING}; head -c 100000 /dev/urandom; seconds 3; exit 3`,
        code: 3,
        signals: 0,
      },
      {
        does: 'logs in another form than today',
        script: `echo 'msg="waiting for work"'; seconds 3; exit 3`,
        code: 3,
        signals: 0,
      },
      { does: 'logs nothing', script: 'seconds 3; exit 3', code: 3, signals: 0 },
      {
        does: 'runs a Stacks job, which runs no hooks',
        script: `${WAITING}; ${JOB.replace('job_type=plan', 'job_type=stack_plan')}; seconds 3; exit 0`,
        code: 0,
        signals: 0,
      },
      {
        does: 'runs a job that logs that the agent waits',
        script: `${WAITING}; ${JOB}; ${WAITING}; seconds 3; exit 0`,
        code: 0,
        signals: 0,
      },
    ];

    describe('sees hostile agents out: their exit code, never two signals, no zombies', () => {
      const prelude = `trap 'echo signal' TERM; seconds() { n=0; while [ $n -lt $(($1 * 10)) ]; do n=$((n + 1)); sleep 0.1; done; echo; echo "zombies $(${ZOMBIES})"; }`;
      let names: string[] = [];
      beforeAll(() => {
        names = HOSTILE.map(({ script }) => containers.start(`${prelude}\n${script}`, { AGENT_IDLE_SECONDS: '1' }));
      });

      for (const [index, { does, code, signals }] of HOSTILE.entries()) {
        test(`one that ${does}`, async ({ annotate }) => {
          const name = `${names[index]}`;
          const found = Number(engineOk(['wait', name]));
          const lines = engine(['logs', name]).stdout.split('\n');
          const received = lines.filter((line) => line === 'signal').length;
          const counts = new Set(lines.filter((line) => line.startsWith('zombies ')));
          // One that dies early may not have counted.
          if (code === 137) counts.add('zombies 0');
          expect({ code: found, signals: received, zombies: [...counts] }).toEqual({
            code,
            signals,
            zombies: ['zombies 0'],
          });
          await annotate(
            `exit code ${found}, ${received} SIGTERM, ${code === 137 ? 'gone before all was counted' : '0 zombies'}`,
          );
        });
      }
    });
  },
);
