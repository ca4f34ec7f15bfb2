/** Tasks of the ECS emulator in a real container engine: run by `npm run lab:local-containers`, or in yours by CONTAINER_ENGINE. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ECSClient, RunTaskCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { EcsTasks } from '../../functions/launcher/adapters/ecs/client.ts';
import { supplyOf } from '../../functions/launcher/core/supply.ts';
import { TickReport } from '../../functions/launcher/report.ts';
import { buildAgentImage } from '../../local/ecs/container/agent-image.ts';
import { OWNER_LABEL } from '../../local/ecs/container/create-arguments.ts';
import { type ContainerEngine, findEngine } from '../../local/ecs/container/engine.ts';
import { removeLeftovers } from '../../local/ecs/container/owner.ts';
import { ContainerRunner } from '../../local/ecs/container-runner.ts';
import { pool } from '../../test/functions/launcher/fakes.ts';
import { only } from '../../test/local/ecs/core/virtual-ecs.ts';
import { eventually, runInput, startLocalEcs, TASK_SIZE } from '../../test/local/ecs/local-ecs.ts';

const ENGINE = process.env['CONTAINER_ENGINE'];
const ROOT = join(import.meta.dirname, '../..');
const UNPRIVILEGED = {
  user: 'tfc-agent',
  readonlyRootFilesystem: true,
  linuxParameters: { capabilities: { drop: ['ALL'] }, initProcessEnabled: false },
};

describe.skipIf(ENGINE === undefined)(
  `tasks in containers${ENGINE === undefined ? ' (no CONTAINER_ENGINE)' : ''}`,
  () => {
    let engine: ContainerEngine;
    let world: Awaited<ReturnType<typeof startLocalEcs>>;
    let image: string;
    const children = new Set<ChildProcess>();

    beforeAll(async () => {
      engine = await findEngine(ENGINE);
      const built = await buildAgentImage({ engine, progress: console.log });
      image = built.reference;
      world = await startLocalEcs({ runner: (host) => ContainerRunner.open({ engine, hostFiles: [] }, host) });
      console.log(`${engine.kind} ${engine.version}, ${image}`);
    });
    afterAll(async () => {
      await world?.close();
      for (const child of children) child.kill('SIGKILL');
    });
    afterEach(async () => {
      // Whatever a test did: when its tasks have stopped, nothing of them is in the engine.
      for (const task of world.server.tasks()) if (task.lastStatus !== 'STOPPED') await stop(task.arn);
      await eventually('an empty engine', async () => ((await left()).length === 0 ? true : undefined));
    });

    /** Containers and volumes of anybody. */
    async function left(): Promise<string[]> {
      const filter = ['--filter', `label=${OWNER_LABEL}`];
      const containers = await engine.ok(['ps', '--all', '--quiet', ...filter]);
      const volumes = await engine.ok(['volume', 'ls', '--quiet', ...filter]);
      return `${containers}\n${volumes}`.split('\n').filter((line) => line !== '');
    }

    let families = 0;
    async function run(containers: readonly object[], more: object = {}): Promise<string> {
      families += 1;
      const family = `family-${families}`;
      world.server.registerTaskDefinition({
        family,
        ...TASK_SIZE,
        executionRoleArn: 'arn:aws:iam::000000000000:role/execution',
        containerDefinitions: containers.map((definition) => ({ name: 'main', image, ...definition })),
        ...more,
      });
      const { tasks, failures } = await world.ecs.send(new RunTaskCommand(runInput(world.server, family)));
      expect(failures ?? []).toEqual([]);
      return only(tasks).taskArn ?? '';
    }
    const shell = (script: string, more: object = {}): object => ({ entryPoint: ['/bin/sh', '-c', script], ...more });
    const reaching = (arn: string, status: string) =>
      eventually(`${status} of ${arn}`, () => {
        const task = world.server.task(arn);
        return task?.lastStatus === status ? task : undefined;
      });
    const lines = (arn: string, stream?: string) =>
      world.server
        .logs(arn)
        .filter((line) => stream === undefined || line.stream === stream)
        .map(({ text }) => text);
    const printed = (arn: string, text: string) =>
      eventually(text, () => (lines(arn).includes(text) ? true : undefined));
    async function stop(arn: string): Promise<void> {
      await world.ecs.send(new StopTaskCommand({ cluster: 'agents', task: arn }));
      await reaching(arn, 'STOPPED');
    }
    async function outputOf(container: object, more: object = {}): Promise<string[]> {
      const arn = await run([container], more);
      await reaching(arn, 'STOPPED');
      return lines(arn);
    }

    describe('a container', () => {
      it('is what its definition says: not root, without capabilities, on a read-only root with writable volumes', async () => {
        const script = `
        id -un; grep ^CapEff /proc/self/status
        for place in /tmp "$TFC_AGENT_DATA_DIR" /home/tfc-agent /etc /; do
          if (: >"$place/probe") 2>/dev/null; then echo "$place: yes"; else echo "$place: no"; fi
        done
        (: >/etc/probe) 2>&1 | grep -o 'Read-only file system\\|Permission denied'`;
        const arn = await run(
          [
            shell(script, {
              ...UNPRIVILEGED,
              mountPoints: [
                { sourceVolume: 'data', containerPath: '/home/tfc-agent/.tfc-agent' },
                { sourceVolume: 'tmp', containerPath: '/tmp' },
              ],
            }),
          ],
          { volumes: [{ name: 'data' }, { name: 'tmp' }] },
        );
        await reaching(arn, 'STOPPED');
        expect(lines(arn)).toEqual([
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

      it('that is root can’t write to a read-only root either, and can to one that is not', async () => {
        const write = 'if (: >/etc/probe) 2>/dev/null; then echo yes; else echo no; fi';
        expect(await outputOf(shell(write, { user: '0', readonlyRootFilesystem: true }))).toEqual(['no']);
        expect(await outputOf(shell(write, { user: '0' }))).toEqual(['yes']);
      });

      it('shares a volume with the others of its task; one that the image does not declare is root’s', async () => {
        const volume = { mountPoints: [{ sourceVolume: 'shared', containerPath: '/srv' }], user: '0' };
        const arn = await run(
          [
            shell('stat -c "%U %a" /srv; echo hello >/srv/word', { name: 'one', ...volume, essential: false }),
            shell('until [ -s /srv/word ]; do sleep 0.1; done; cat /srv/word', { name: 'two', ...volume }),
          ],
          { volumes: [{ name: 'shared' }] },
        );
        await reaching(arn, 'STOPPED');
        expect(lines(arn)).toEqual(expect.arrayContaining(['root 755', 'hello']));
      });

      it('has an init process when that is asked for, else its own', async () => {
        const name = 'cat /proc/1/comm';
        expect(await outputOf(shell(`${name}; :`))).toEqual(['sh']);
        const linuxParameters = { initProcessEnabled: true };
        expect(await outputOf(shell(`${name}; :`, { linuxParameters }))).toEqual([
          expect.stringMatching(/init|catatonit/),
        ]);
      });

      it('finds its task at the metadata endpoint, its variables and its secrets, and both streams are kept', async () => {
        const token = world.server.putSecret('token', 'two\nlines');
        const script = `curl -fsS "$ECS_CONTAINER_METADATA_URI_V4/task"; echo; echo "$GREETING, $PATH" >&2; echo "$TOKEN" >&2`;
        const arn = await run([
          shell(script, {
            environment: [
              { name: 'GREETING', value: 'hello' },
              { name: 'PATH', value: '/usr/bin:/bin' },
            ],
            secrets: [{ name: 'TOKEN', valueFrom: token }],
          }),
        ]);
        await reaching(arn, 'STOPPED');
        const [document = ''] = lines(arn, 'stdout');
        expect(JSON.parse(document)).toMatchObject({ TaskARN: arn, Containers: [{ Name: 'main', Image: image }] });
        expect(lines(arn, 'stderr')).toEqual(['hello, /usr/bin:/bin', 'two', 'lines']);
      });

      it('ends its task with its own exit code, and after its last word', async () => {
        const arn = await run([shell('i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done; printf last; exit 3')]);
        const task = await reaching(arn, 'STOPPED');
        expect(task).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ exitCode: 3 }] });
        expect(lines(arn)).toHaveLength(2001);
        expect(lines(arn).at(-1)).toBe('last');
        expect(task.containers[0]?.reason).toBeUndefined();
      });

      it('that lacks its program, or whose image nobody has, fails to start and says why', async () => {
        const task = await reaching(await run([{ entryPoint: ['no-such-program'] }]), 'STOPPED');
        expect(task).toMatchObject({
          stopCode: 'TaskFailedToStart',
          stoppedReason: /^CannotStartContainerError: .*no-such-program.*not found/,
        });
        const other = await reaching(await run([{ image: 'localhost:1/nothing/here:1' }]), 'STOPPED');
        expect(other).toMatchObject({
          stopCode: 'TaskFailedToStart',
          stoppedReason: /^CannotPullContainerError: .*localhost:1\/nothing\/here:1/,
        });
      });
    });

    describe('memory', () => {
      // `tail` keeps what has no end of line.
      const HOG = 'tail /dev/zero';

      it('of the task is a hard bound: who passes it is killed, and ECS’s words say so', async () => {
        const task = await reaching(await run([shell(`exec ${HOG}`, UNPRIVILEGED)]), 'STOPPED');
        expect(task).toMatchObject({
          stopCode: 'EssentialContainerExited',
          stoppedReason: 'Essential container in task exited',
          containers: [{ exitCode: 137, reason: 'OutOfMemoryError: Container killed due to memory usage' }],
        });
      });

      it('that a child of the first process uses is reported as well, with the exit code of the first', async () => {
        const task = await reaching(await run([shell(`${HOG}; exit 4`, { memory: 64 })]), 'STOPPED');
        expect(task).toMatchObject({ containers: [{ exitCode: 4, reason: /^OutOfMemoryError/ }] });
      });

      it.each([
        ['the agent', `exec ${HOG}`, 'OutOfMemoryError'],
        ['what the agent had started', `${HOG}; exit 4`, 'OutOfMemoryError'],
      ])('is reported by the launcher when %s used it: the run, the size and the setting', async (_, script, sign) => {
        const arn = await run([shell(script, { name: 'agent', ...UNPRIVILEGED })]);
        await reaching(arn, 'STOPPED');
        const family = `family-${families}`;
        const lanes = [{ phases: ['plan', 'apply'], taskDefinition: family, capacity: 'on-demand' }] as const;
        const placement = { cluster: 'agents', subnets: [], securityGroups: [], assignPublicIp: 'DISABLED' } as const;
        const tasks = await new EcsTasks(world.ecs, placement).recentlyStoppedTasks(
          [family],
          AbortSignal.timeout(5000),
        );
        const id = arn.slice(arn.lastIndexOf('/') + 1);
        // For some minutes a run still names the agent that died with it.
        const running = [{ key: 'run-1/apply', phase: 'apply', agentName: id }] as const;
        const agents = [{ id: 'agent-1', name: id, status: 'unknown' }] as const;
        const nowMs = Date.now();
        const supply = supplyOf({ lanes, tasks, agents, running, queued: [] }, 300_000, nowMs);
        const demand = { queued: [], running, waiting: [], unknownStatuses: [] };
        const warnings: [string, Record<string, unknown>][] = [];
        const ignore = (): void => {};
        new TickReport({
          logger: { info: ignore, error: ignore, warn: (...line) => warnings.push(line) },
          metrics: { addMetric: ignore, addDimension: ignore, publishStoredMetrics: ignore },
          pollBudget: () => ({ usedInLastMinute: 0, taken: [], perMinute: 24 }),
        }).report({
          startedAtMs: nowMs,
          endedAtMs: nowMs,
          pools: [
            {
              pool: pool('production', { lanes: [lanes[0]] }),
              observation: { demand, supply, agentsVisible: true },
              launches: [],
              stops: [],
              errors: [],
            },
          ],
        });
        expect(warnings).toEqual([
          [
            'out of memory',
            {
              pool: 'production',
              task: id,
              job: 'run-1/apply',
              sign,
              memoryMiB: 512,
              remedy: expect.stringMatching(/^the task was killed for its memory: raise memoryMiB of pool production/),
            },
          ],
        ]);
      });
    });

    describe('StopTask', () => {
      it('sends one SIGTERM, to the first process alone, whose exit code counts', async () => {
        const arn = await run([
          shell(`trap 'echo caught; exit 7' TERM
          sh -c 'trap "echo child caught" TERM; sleep 60 & wait' & echo ready; wait`),
        ]);
        await printed(arn, 'ready');
        await stop(arn);
        expect(world.server.task(arn)).toMatchObject({ stopCode: 'UserInitiated', containers: [{ exitCode: 7 }] });
        expect(lines(arn)).toEqual(['ready', 'caught']);
      });

      it('kills after stopTimeout', async () => {
        const arn = await run([shell(`trap '' TERM; echo ready; sleep 60; sleep 60`, { stopTimeout: 2 })]);
        await printed(arn, 'ready');
        await stop(arn);
        const task = world.server.task(arn);
        expect(task?.containers[0]?.exitCode).toBe(137);
        expect((task?.executionStoppedAt ?? 0) - (task?.stoppingAt ?? 0)).toBeGreaterThanOrEqual(1990);
      });

      it('right after RunTask ends it too', async () => {
        const arn = await run([shell('sleep 60', { stopTimeout: 2 })]);
        await stop(arn);
        expect(world.server.task(arn)?.stopCode).toBe('UserInitiated');
      });
    });

    describe('nothing is left', () => {
      beforeAll(async () => {
        // The name of the server's ready-made families, for an image that runs any command.
        const container = await engine.ok(['create', image]);
        await engine.ok(['commit', '--change', 'ENTRYPOINT ["/usr/bin/env"]', container, 'busybox']);
        await engine.ok(['rm', '--volumes', container]);
      });

      const running = async () =>
        (await engine.ok(['ps', '--quiet', '--filter', `label=${OWNER_LABEL}`])).split('\n').filter((id) => id !== '');

      /** The server alone, with a task that ignores SIGTERM. */
      async function start() {
        const child = spawn(process.execPath, ['local/ecs/main.ts', '--containers', '--engine', engine.command], {
          cwd: ROOT,
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        children.add(child);
        const ended = once(child, 'close');
        const first = once(createInterface({ input: child.stdout }), 'line');
        const before = await running();
        const [line] = await first;
        const environment = z.object({ AWS_ACCESS_KEY_ID: z.string(), AWS_SECRET_ACCESS_KEY: z.string() });
        const ready = z.object({ url: z.string(), region: z.string(), environment }).parse(JSON.parse(line));
        const credentials = {
          accessKeyId: ready.environment.AWS_ACCESS_KEY_ID,
          secretAccessKey: ready.environment.AWS_SECRET_ACCESS_KEY,
        };
        const client = new ECSClient({ endpoint: ready.url, region: ready.region, credentials });
        const input = runInput(world.server, 'runs-until-stopped', {
          overrides: {
            containerOverrides: [{ name: 'main', command: ['/bin/sh', '-c', 'trap "" TERM; sleep 600; sleep 600'] }],
          },
        });
        await client.send(new RunTaskCommand(input));
        client.destroy();
        await eventually('its container', async () => ((await running()).length > before.length ? true : undefined));
        return { child, ended };
      }

      it.each(['SIGTERM', 'SIGINT'] as const)('after %s', async (signal) => {
        const { child, ended } = await start();
        child.kill(signal);
        expect(await ended).toEqual([0, null]);
        expect(await left()).toEqual([]);
      });

      it('when the server is killed', async () => {
        const { child, ended } = await start();
        child.kill('SIGKILL');
        await ended;
        await eventually('an empty engine', async () => ((await left()).length === 0 ? true : undefined));
      });

      it('by the next start, when its watchman was killed as well; and what is alive stays', async () => {
        const dead = await start();
        const before = await left();
        expect(before).toHaveLength(1);
        const alive = await start();
        process.kill(watchmanOf(dead.child.pid ?? 0), 'SIGKILL');
        dead.child.kill('SIGKILL');
        await dead.ended;
        expect(await removeLeftovers(engine)).toBe(before.length);
        expect((await left()).filter((id) => before.includes(id))).toEqual([]);
        expect(await running()).toHaveLength(1);
        alive.child.kill('SIGTERM');
        await alive.ended;
      });
    });

    describe('npm start -- --containers', () => {
      const arguments_ = ['local/start/main.ts', '--containers', '--engine', ENGINE ?? '', '--json'];

      it('serves every job in a separate container, and says in what', async () => {
        const child = spawn(process.execPath, arguments_, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
        children.add(child);
        let [stdout, stderr] = ['', ''];
        child.stdout.on('data', (text) => (stdout += text));
        child.stderr.on('data', (text) => (stderr += text));
        const [code] = await once(child, 'close');
        expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
        const summary = JSON.parse(stdout);
        expect(summary).toMatchObject({ ok: true, agentsLeft: 0, tasksLeft: 0, containers: { reused: 0 } });
        expect(summary.jobs.served).toBe(summary.jobs.total);
        expect(stderr).toContain(`${engine.kind} ${engine.version} (${engine.command}), image ${image}\n`);
        expect(await left()).toEqual([]);
      });

      it('leaves no container at Ctrl-C', async () => {
        // A separate process group, to which a terminal sends the signal.
        const child = spawn(process.execPath, arguments_, {
          cwd: ROOT,
          stdio: ['ignore', 'ignore', 'inherit'],
          detached: true,
        });
        children.add(child);
        const ended = once(child, 'close');
        await eventually('a container', async () => ((await left()).length > 0 ? true : undefined));
        process.kill(-(child.pid ?? 0), 'SIGINT');
        expect(await ended).toEqual([130, null]);
        expect(await left()).toEqual([]);
      });
    });
  },
);

/** The one child of a server that is a shell. */
function watchmanOf(server: number): number {
  const pids = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8').trim().split(' ').map(Number);
  const found = pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('watchman'));
  if (found === undefined) throw new Error(`No watchman among the children of ${server}.`);
  return found;
}
