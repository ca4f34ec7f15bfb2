/** Tests that containers of the local ECS follow their task definition and StopTask, as on Fargate. */
import { expect, it } from 'vitest';
import { describeUnless } from '../../test/unless.ts';
import { LocalTasks, NO_ENGINE, shell, UNPRIVILEGED } from './local-tasks.ts';

describeUnless(NO_ENGINE, 'a container of a task', () => {
  const local = new LocalTasks();

  it('matches its definition: not root, no capabilities, and a read-only root with writable volumes', async () => {
    const script = `
      id -un; grep ^CapEff /proc/self/status
      for place in /tmp "$TFC_AGENT_DATA_DIR" /home/tfc-agent /etc /; do
        if (: >"$place/probe") 2>/dev/null; then echo "$place: yes"; else echo "$place: no"; fi
      done
      (: >/etc/probe) 2>&1 | grep -o 'Read-only file system\\|Permission denied'`;
    const mountPoints = [
      { sourceVolume: 'data', containerPath: '/home/tfc-agent/.tfc-agent' },
      { sourceVolume: 'tmp', containerPath: '/tmp' },
    ];
    const volumes = [{ name: 'data' }, { name: 'tmp' }];
    const { lines } = await local.ended([shell(script, { ...UNPRIVILEGED, mountPoints })], { volumes });
    expect(lines).toEqual([
      'tfc-agent',
      'CapEff:\t0000000000000000',
      '/tmp: yes',
      '/home/tfc-agent/.tfc-agent: yes',
      '/home/tfc-agent: no',
      '/etc: no',
      '/: no',
      expect.stringMatching(/Read-only|denied/),
    ]);
  });

  it('that runs as root can’t write to a read-only root file system, but can write to a writable one', async () => {
    const write = 'if (: >/etc/probe) 2>/dev/null; then echo yes; else echo no; fi';
    const readOnly = await local.ended([shell(write, { user: '0', readonlyRootFilesystem: true })]);
    expect(readOnly.lines).toEqual(['no']);
    expect((await local.ended([shell(write, { user: '0' })])).lines).toEqual(['yes']);
  });

  it('shares a volume with the task’s other containers, and root owns a volume that the image does not declare', async () => {
    const volume = { mountPoints: [{ sourceVolume: 'shared', containerPath: '/srv' }], user: '0' };
    const one = shell('stat -c "%U %a" /srv; echo hello >/srv/word', { name: 'one', ...volume, essential: false });
    const two = shell('until [ -s /srv/word ]; do sleep 0.1; done; cat /srv/word', { name: 'two', ...volume });
    const { lines } = await local.ended([one, two], { volumes: [{ name: 'shared' }] });
    expect(lines).toEqual(expect.arrayContaining(['root 755', 'hello']));
  });

  it('has an init process if the definition asks for one', async () => {
    const script = 'cat /proc/1/comm; :';
    expect((await local.ended([shell(script)])).lines).toEqual(['sh']);
    const { lines } = await local.ended([shell(script, { linuxParameters: { initProcessEnabled: true } })]);
    expect(lines).toEqual([expect.stringMatching(/init|catatonit/)]);
  });

  it('gets its metadata endpoint, variables and secrets, and both of its output streams are kept', async () => {
    const token = local.world.server.putSecret('token', 'two\nlines');
    const script = `curl -fsS "$ECS_CONTAINER_METADATA_URI_V4/task"; echo; echo "$GREETING, $PATH" >&2; echo "$TOKEN" >&2`;
    const environment = [
      { name: 'GREETING', value: 'hello' },
      { name: 'PATH', value: '/usr/bin:/bin' },
    ];
    const secrets = [{ name: 'TOKEN', valueFrom: token }];
    const { arn } = await local.ended([shell(script, { environment, secrets })]);
    const [document = ''] = local.lines(arn, 'stdout');
    expect(JSON.parse(document)).toMatchObject({ TaskARN: arn, Containers: [{ Name: 'main', Image: local.image }] });
    expect(local.lines(arn, 'stderr')).toEqual(['hello, /usr/bin:/bin', 'two', 'lines']);
  });

  it('ends its task with its own exit code, and no line of its output is lost', async () => {
    const script = 'i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; printf last; exit 3';
    const { task, lines } = await local.ended([shell(script)]);
    expect(task).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 3 }] });
    expect(lines).toHaveLength(2001);
    expect(lines.at(-1)).toBe('last');
    expect(task.containers[0]?.reason).toBeUndefined();
  });

  it.each([
    [
      'its program does not exist',
      { entryPoint: ['no-such-program'] },
      /^CannotStartContainerError: .*no-such-program.*not found/,
    ],
    [
      'its image does not exist',
      { image: 'localhost:1/nothing/here:1' },
      /^CannotPullContainerError: .*localhost:1\/nothing\/here:1/,
    ],
  ])('fails to start and reports the reason if %s', async (_, container, stoppedReason) => {
    const { task } = await local.ended([container]);
    expect(task).toMatchObject({ stopCode: 'TaskFailedToStart', stoppedReason });
  });

  it('gets one SIGTERM from StopTask, only in its first process, whose exit code is reported', async () => {
    const arn = await local.run([
      shell(`trap 'echo caught; exit 7' TERM
        sh -c 'trap "echo child caught" TERM; sleep 60 & wait' & echo ready; wait`),
    ]);
    await local.printed(arn, 'ready');
    await local.stop(arn);
    expect(local.world.server.task(arn)).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 7 }] });
    expect(local.lines(arn)).toEqual(['ready', 'caught']);
  });

  it('gets SIGKILL after stopTimeout', async () => {
    const arn = await local.run([shell(`trap '' TERM; echo ready; sleep 60; sleep 60`, { stopTimeout: 2 })]);
    await local.printed(arn, 'ready');
    await local.stop(arn);
    const task = local.world.server.task(arn);
    expect(task?.containers[0]?.exitCode).toBe(137);
    expect((task?.executionStoppedAt ?? 0) - (task?.stoppingAt ?? 0)).toBeGreaterThanOrEqual(1990);
  });

  it('ends if StopTask follows immediately after RunTask', async () => {
    const arn = await local.run([shell('sleep 60', { stopTimeout: 2 })]);
    await local.stop(arn);
    expect(local.world.server.task(arn)?.stopCode).toBe('UserInitiated');
  });
});
