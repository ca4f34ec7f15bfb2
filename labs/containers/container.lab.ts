/**
 * The image and its entrypoint in a container with the restrictions of the task definition: content and permissions, exit
 * codes, signals and zombies. A shell script replaces the agent, so that it can behave in any way.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { entrypointText } from '../../lib/agent/entrypoint.ts';
import { until } from '../../test/processes.ts';
import { describeUnless } from '../../test/unless.ts';
import { JOB, WAITING } from './agent-log.ts';
import { AgentContainers, BASE, check, checkEach, engine, engineOk, inspected, NO_ENGINE } from './container-engine.ts';

const signalsIn = (stdout: string): number => stdout.split('\n').filter((line) => line === 'signal').length;

describeUnless(NO_ENGINE, 'the image in a container', () => {
  const containers = new AgentContainers();
  beforeAll(() => containers.build(), 180_000);
  afterAll(() => containers.release());

  const asRoot = (command: string) => containers.asRoot(command);

  check('the image declares the user, volumes, environment and labels that the task definition relies on', () => {
    const { User, Volumes, Env, Labels } = inspected(containers.image, '.Config');
    expect(User).toBe('tfc-agent');
    expect(Object.keys(Volumes).sort()).toEqual(['/home/tfc-agent/.tfc-agent', '/tmp']);
    expect(Env).toEqual(
      expect.arrayContaining([
        'TFC_AGENT_SINGLE=true',
        'TFC_AGENT_AUTO_UPDATE=disabled',
        'TFC_AGENT_DATA_DIR=/home/tfc-agent/.tfc-agent',
      ]),
    );
    expect(Labels).toMatchObject({
      'org.opencontainers.image.version': expect.stringMatching(/^\d+\.\d+\.\d+$/),
      'org.opencontainers.image.base.name': expect.stringContaining('tfc-agent'),
    });
    return `user ${User}, volumes ${Object.keys(Volumes).join(' ')}, ${Object.keys(Labels).length} labels`;
  });

  check('the image has no setuid or setgid file', () => {
    const files = Number(asRoot('find / -xdev -type f | wc -l'));
    expect(files).toBeGreaterThan(1000);
    expect(asRoot('find / -xdev -perm /6000 -type f')).toBe('');
    return `none of ${files} files`;
  });

  check('only root can write to the programs that the image runs', () => {
    expect(asRoot('find /opt/agent-launcher /usr/bin /bin/ -perm /022 ! -type l')).toBe('');
    expect(asRoot('find /opt/agent-launcher ! -user 0')).toBe('');
    return `only root: ${asRoot('cd /opt/agent-launcher && stat -c "%n %a" *').split('\n').join(', ')}`;
  });

  check(
    'the image is less than 2 MB larger than its base, plus the size of the agent (the change of the agent’s file mode stores a second copy)',
    () => {
      if (BASE === undefined) return 'not measured';
      const agent = Number(asRoot('cat /home/tfc-agent/bin/* | wc -c'));
      const more = inspected(containers.image, '.Size') - inspected(BASE, '.Size') - agent;
      expect(more).toBeLessThan(2_000_000);
      return `${(more / 1e6).toFixed(1)} MB more, and the agent once more (here ${(agent / 1e6).toFixed(1)} MB)`;
    },
  );

  check('the container starts the image’s own tfc-agent, not as root', () => {
    const { code, stdout } = containers.run(undefined, { AGENT_IDLE_SECONDS: '1' });
    expect(code).toBe(75); // The watchdog ended it because it had no job.
    expect(stdout).toContain('Starting: name=given-name arguments=-single');
    return `exit code ${code} at the end of its idle window`;
  });

  check('the agent has no root and no capabilities, and can write only to its data directory and /tmp', () => {
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
    return `uid ${uid}, capabilities 0, writes to two of seven directories`;
  });

  check('the container finds the agent’s name with tools that the image contains', () => {
    // curl reads a file like a response. The tests of the protocol are in entrypoint.test.ts.
    const metadata = containers.file('metadata', '{"TaskARN":"arn:aws:ecs:x:1:task/agents/c0ffee"}');
    const { code, stdout } = containers.run(
      'echo "$TFC_AGENT_NAME"',
      { TFC_AGENT_NAME: '', ECS_CONTAINER_METADATA_URI_V4: 'file:///metadata' },
      ['--volume', `${metadata}:/metadata/task:ro`],
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'c0ffee\n' });
    return `agent ${stdout.trim()}, from the task's metadata`;
  });

  checkEach([
    { ending: 'exit 0', code: 0 },
    { ending: 'exit 3', code: 3 },
    { ending: 'kill -KILL $$', code: 137 },
    { ending: 'kill -TERM $$', code: 143 },
  ])('the container ends with its agent after $ending', ({ ending, code }) => {
    const { code: found, stdout } = containers.run(`printf 'last words'; ${ending}`);
    expect({ code: found, stdout }).toEqual({ code, stdout: 'last words' });
    return `exit code ${found}, and its last words`;
  });

  const INIT_OPTIONS = [
    { how: 'without an init process', init: [] },
    { how: 'with an init process', init: ['--init'] },
  ];
  checkEach<{ how: string; init: string[] }>(INIT_OPTIONS)(
    'the container forwards only one of many SIGTERMs, $how',
    async ({ init }) => {
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
      expect(signalsIn(logs().stdout)).toBe(1);
      return '3 SIGTERMs to the container, 1 to the agent, which ended on its own';
    },
  );

  check('the watchdog sends one SIGTERM to an idle agent, and none to an agent with a job', () => {
    const window = { AGENT_IDLE_SECONDS: '1' };
    const count = `trap 'echo signal' TERM; ${WAITING}`;
    const idle = containers.run(`${count}; for _ in 1 2 3; do sleep 1; done`, window);
    expect(signalsIn(idle.stdout)).toBe(1);
    const busy = containers.run(`${count}; ${JOB}; for _ in 1 2 3; do sleep 1; done`, window);
    expect(signalsIn(busy.stdout)).toBe(0);
    return '1 SIGTERM to the idle one in three idle windows, 0 to the busy one';
  });

  checkEach<{ how: string; init: string[] }>(INIT_OPTIONS)(
    'the processes that an agent leaves behind do not become zombies, $how',
    ({ init }) => {
      const { stdout } = containers.run(
        `for _ in 1 2 3 4 5; do sh -c 'sleep 0.2 & exit' & done; wait; sleep 1
         cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) \\(.\\) .*/\\1/' | grep -c Z`,
        {},
        init,
      );
      expect(stdout).toBe('0\n');
      return `${stdout.trim()} zombies of 5 orphans`;
    },
  );

  check('the script also runs on an image that does not contain it, if the command passes its text', () => {
    if (BASE === undefined) return 'no base image';
    const options = containers.options(undefined, { AGENT_IDLE_SECONDS: '1' });
    const writable = options.filter((option) => option !== '--read-only');
    const { code, stdout } = containers.runShellOnBase(writable, entrypointText(), 'entrypoint');
    expect(code).toBe(75);
    expect(stdout).toContain('Starting: name=given-name arguments=-single');
    return `exit code ${code}, as with the image`;
  });
});
