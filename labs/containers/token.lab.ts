/**
 * Tests which processes can see the agent token. With mode 0711, the kernel prevents a job from reading other processes of its user.
 * A script can't run with that mode, so these tests use a compiled program as the agent. The jobs spy on and attack all other processes.
 */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { entrypointText } from '../../lib/agent/entrypoint.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { describeUnless } from '../../test/unless.ts';
import { WAITING } from './agent-log.ts';
import { AgentContainers, BASE, buildOnBase, check, checkEach, engine, NO_ENGINE } from './container-engine.ts';

const EACH_OTHER_PROCESS = `for process in /proc/[0-9]*; do
  [ "$process" != "/proc/$$" ] || continue`;
const SHOWS_TOKEN = `tr '\\0' '\\n' 2>/dev/null <"$process/environ" | grep -q '^TFC_AGENT_TOKEN='`;

/** An agent that prints the names of other processes if it can read the token in their environment. */
const LOOK_FOR_TOKEN = `
unset TFC_AGENT_TOKEN
${EACH_OTHER_PROCESS}
  ! ${SHOWS_TOKEN} || cat "$process/comm"
done 2>/dev/null
exit 0`;

/** A job that prints in which processes it can read the token, and of which it can read the memory or open the pipes. */
const SPY_ON_TOKEN = `
${EACH_OTHER_PROCESS}
  name=$(cat "$process/comm") || continue
  ! ${SHOWS_TOKEN} || echo "environ of $name"
  ! (: <"$process/mem") || echo "mem of $name"
  ! ls "$process/fd/" >&2 || echo "fd of $name"
done 2>/dev/null
exit 0`;

/**
 * A job that waits until the watchdog has noticed it, and then prints of which children of the script it can read the memory. The
 * kernel requires the same permission for that as for ptrace (proc(5)).
 */
const SPY_ON_HELPERS = `
sleep 1
for process in /proc/[0-9]*; do
  [ "$(sed 's/^.*) . \\([0-9]*\\) .*/\\1/' "$process/stat")" = 1 ] || continue
  echo "child $(cat "$process/comm")"
  ! (: <"$process/mem") || echo "mem of $(cat "$process/comm")"
done 2>/dev/null
exit 0`;

/** Programs of the entrypoint that never had the token or the log. */
const HARMLESS = /^(?:mem|fd) of (?:cat|timeout)$/;
const WINDOW = { AGENT_IDLE_SECONDS: '1' };
const READABLE = 'can be read, so a job may be able to read the agent token';

describeUnless(NO_ENGINE, 'the agent token in a container', () => {
  const containers = new AgentContainers();
  beforeAll(() => containers.build(), 180_000);
  afterAll(() => containers.release());

  check('other processes of the agent, such as Terraform, do not show the agent token', () => {
    expect(containers.run(LOOK_FOR_TOKEN).stdout).toBe('');
    return 'no process shows it';
  });

  const program = process.env['READING_AGENT'];
  describe.skipIf(program === undefined)('with a compiled agent that cleared its environment', () => {
    const readable = new AgentContainers();
    const readsItself = new AgentContainers();
    let log = '';
    beforeAll(() => {
      readable.build(BASE, { HIDE_AGENT: 'false' });
      const folder = newFolder('reading-agent');
      copyFileSync(`${program}`, join(folder, 'tfc-agent'));
      const copy = 'COPY tfc-agent /home/tfc-agent/bin/tfc-agent\nRUN chmod 0755 /home/tfc-agent/bin/tfc-agent';
      log = readsItself.build(buildOnBase('agent-reads-itself', copy, folder));
    }, 180_000);
    afterAll(() => {
      readable.release();
      readsItself.release();
      engine(['rmi', '--force', 'agent-reads-itself']);
    });

    check('a job cannot read the token from an environment, from memory or through pipes', () => {
      expect(containers.asRoot('stat -c "%U %a" /home/tfc-agent/bin/*')).toBe('root 711\nroot 711');
      const { code, stdout, stderr } = containers.run(undefined, {}, containers.job(SPY_ON_TOKEN));
      expect({ code, stderr }).toEqual({ code: 0, stderr: 'entrypoint: agent given-name starts; idle window 300 s\n' });
      const seen = stdout.split('\n').filter((line) => / of /.test(line) && !HARMLESS.test(line));
      expect(seen).toEqual([]);
      return 'environ, mem and fd of agent, core, shell and tee: refused';
    });

    check('a job cannot trace the watchdog, which determines the exit code', () => {
      const { code, stdout } = containers.run(undefined, {}, containers.job(SPY_ON_HELPERS));
      const lines = stdout.split('\n').filter((line) => /^(?:child|mem of) /.test(line));
      const open = lines.filter((line) => line.startsWith('mem'));
      expect({ code, children: lines.length, open }).toEqual({ code: 0, children: 5, open: [] });
      return 'mem of the agent, both tee, the watchdog and the timer: refused';
    });

    check('a job can read the token if it can read the agent’s program, as with HIDE_AGENT=false', () => {
      const { stdout, stderr } = readable.run(undefined, {}, readable.job(SPY_ON_TOKEN));
      for (const what of ['environ', 'mem', 'fd']) expect(stdout).toContain(`${what} of tfc-agent\n`);
      expect(stderr).toContain(`/home/tfc-agent/bin/tfc-agent ${READABLE}`);
      return 'environ, mem and fd of agent and core: readable, and the log says so';
    });

    check('the build leaves the agent’s program readable if the agent does not start otherwise, and logs that', () => {
      expect(log).toContain('WARNING: this agent does not run if it cannot read its own program');
      expect(log).toContain('open /home/tfc-agent/bin/tfc-agent: permission denied');
      const { code, stderr } = readsItself.run(undefined, WINDOW);
      expect(code).toBe(75);
      expect(stderr).toContain(READABLE);
      return 'mode 755, and a warning in the logs of the build and of the task';
    });

    checkEach([
      {
        does: 'sends every signal to every process',
        job: 'for s in USR1 HUP INT TERM USR1; do kill -$s -1; kill -$s 1; done; sleep 2',
      },
      { does: 'kills every process', job: 'kill -USR1 1; kill -KILL -1; kill -USR1 1; sleep 2' },
      {
        does: 'pauses the helpers (SIGSTOP), and resumes them after the idle window',
        job: `cd /proc; for p in [0-9]*; do case $p-$(cat $p/comm) in $$-*) ;; *-tee|*-sh|*-cat|*-timeout) kill -STOP $p ;; esac; done
            kill -USR1 1; sleep 3; kill -CONT -1`,
      },
      {
        does: 'writes "the agent waits" to every file that it can open, and ends every timer',
        job: `for n in 1 2 3 4; do for f in /proc/[0-9]*/fd/*; do (${WAITING} >"$f") 2>/dev/null & done
            for p in /proc/[0-9]*; do [ "$(cat $p/comm)" != timeout ] || kill -TERM \${p#/proc/}; done
            kill -USR1 1; sleep 0.5; done`,
      },
    ])('exit code 75 is not forged by a job that $does', ({ job }) => {
      const trapped = `trap '' HUP INT TERM USR1; ${job}; exit 0`;
      const { code, stderr } = containers.run(undefined, WINDOW, containers.job(trapped));
      expect(code).not.toBe(75);
      expect(stderr).not.toContain('no job in');
      return `exit code ${code}, and no such line in the log`;
    });
  });

  checkEach<{ override: string; command?: string[]; variables?: Record<string, string>; code?: number }>([
    { override: 'the command -address', command: ['-address', 'https://attacker.example'], code: 78 },
    { override: 'AGENT_COMMAND', variables: { AGENT_COMMAND: 'env' } },
    { override: 'BASH_ENV and ENV', variables: { BASH_ENV: '/proc/self/environ', ENV: '/etc/passwd' } },
    { override: 'a function of bash', variables: { 'BASH_FUNC_mktemp%%': '() { echo "$token"; }' } },
    { override: 'GODEBUG', variables: { GODEBUG: 'http2debug=2' } },
    { override: 'LD_DEBUG', variables: { LD_DEBUG: 'all' } },
  ])('no token is printed if RunTask overrides $override', ({ command = [], variables = {}, code = 75 }) => {
    const token = 'token-that-nobody-may-see';
    const options = containers.options(undefined, { ...WINDOW, ...variables, TFC_AGENT_TOKEN: token });
    const found = engine(['run', ...options, containers.image, ...command]);
    expect(found.code).toBe(code);
    expect(`${found.stdout}${found.stderr}`).not.toContain(token);
    return `exit code ${code}, no token`;
  });

  check('no image is built on a base whose shell reads functions from the environment', () => {
    if (BASE === undefined) return 'no base image';
    const tag = buildOnBase('agent-bash-base', 'RUN bash -c "rm -f /bin/dash /usr/bin/dash; ln -sf bash /bin/sh"');
    const image = new AgentContainers();
    try {
      expect(() => image.build(tag)).toThrow('/bin/sh reads functions from environment variables');
    } finally {
      image.release();
      engine(['rmi', '--force', tag]);
    }
    return 'no image: "reads functions from environment variables"';
  });

  check('the token is visible if there is an init process, or if jobs can read the shell’s program', () => {
    expect(containers.run(LOOK_FOR_TOKEN, {}, ['--init']).stdout).toBe('docker-init\n');
    const seen = 'docker-init shows it; with a registry image, the shell does';
    if (BASE === undefined) return seen;
    const options = [...containers.options(LOOK_FOR_TOKEN), '--tmpfs', '/tmp'];
    const { stdout } = containers.runShellOnBase(options, entrypointText(), 'entrypoint');
    // The shell, and the watchdog that is a copy of it.
    expect(new Set(stdout.trimEnd().split('\n'))).toEqual(new Set(['sh']));
    return seen;
  });
});
