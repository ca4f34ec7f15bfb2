/** Tests that nothing is left in the engine, no matter how the local ECS or the demo ends. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { ECSClient, RunTaskCommand } from '@aws-sdk/client-ecs';
import { beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { OWNER_LABEL } from '../../local/ecs/container/create-arguments.ts';
import { removeLeftovers } from '../../local/ecs/container/owner.ts';
import { runInput } from '../../test/local/ecs/local-ecs.ts';
import { until } from '../../test/processes.ts';
import { describeUnless } from '../../test/unless.ts';
import { LocalTasks, NO_ENGINE } from './local-tasks.ts';

const READY = z.object({
  url: z.string(),
  region: z.string(),
  environment: z.object({ AWS_ACCESS_KEY_ID: z.string(), AWS_SECRET_ACCESS_KEY: z.string() }),
});

describeUnless(NO_ENGINE, 'nothing is left in the engine', () => {
  const local = new LocalTasks();
  beforeAll(async () => {
    // Replace the image of the ready-made families with an image that can run any command.
    const container = await local.engine.ok(['create', local.image]);
    await local.engine.ok(['commit', '--change', 'ENTRYPOINT ["/usr/bin/env"]', container, 'busybox']);
    await local.engine.ok(['rm', '--volumes', container]);
  });

  const running = async () => {
    const ids = await local.engine.ok(['ps', '--quiet', '--filter', `label=${OWNER_LABEL}`]);
    return ids.split('\n').filter((id) => id !== '');
  };

  /** Starts a server in a separate process, with a task that ignores SIGTERM. */
  async function start() {
    const child = local.program(['local/ecs/main.ts'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'close');
    const first = once(createInterface({ input: child.stdout ?? Readable.from([]) }), 'line');
    const before = await running();
    const { url, region, environment } = READY.parse(JSON.parse((await first)[0]));
    const credentials = {
      accessKeyId: environment.AWS_ACCESS_KEY_ID,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
    };
    const client = new ECSClient({ endpoint: url, region, credentials });
    const command = ['/bin/sh', '-c', 'trap "" TERM; sleep 600; sleep 600'];
    const overrides = { containerOverrides: [{ name: 'main', command }] };
    await client.send(new RunTaskCommand(runInput(local.world.server, 'runs-until-stopped', { overrides })));
    client.destroy();
    await until('its container runs', async () => (await running()).length > before.length);
    return { child, ended };
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('after %s', async (signal) => {
    const { child, ended } = await start();
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    expect(await local.left()).toEqual([]);
  });

  it('if the server is killed', async () => {
    const { child, ended } = await start();
    child.kill('SIGKILL');
    await ended;
    await until('the engine is empty', async () => (await local.left()).length === 0);
  });

  it('after its next start, if its watchman was killed as well, and the next start keeps the tasks of live servers', async () => {
    const dead = await start();
    const before = await local.left();
    expect(before).toHaveLength(1);
    const alive = await start();
    process.kill(watchmanOf(dead.child.pid ?? 0), 'SIGKILL');
    dead.child.kill('SIGKILL');
    await dead.ended;
    expect(await removeLeftovers(local.engine)).toBe(before.length);
    expect((await local.left()).filter((id) => before.includes(id))).toEqual([]);
    expect(await running()).toHaveLength(1);
    alive.child.kill('SIGTERM');
    await alive.ended;
  });

  const DEMO = ['local/start/main.ts', '--json'];

  it('after `npm start`, which serves every job in a separate container and reports the engine', async () => {
    const child = local.program(DEMO, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout?.on('data', (text) => (stdout += text));
    child.stderr?.on('data', (text) => (stderr += text));
    const [code] = await once(child, 'close');
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ ok: true, agentsLeft: 0, tasksLeft: 0, containers: { reused: 0 } });
    expect(summary.jobs.served).toBe(summary.jobs.total);
    const { kind, version, command } = local.engine;
    expect(stderr).toContain(`${kind} ${version} (${command}), image ${local.image}\n`);
    expect(await local.left()).toEqual([]);
  });

  it('after Ctrl-C in `npm start`', async () => {
    // A terminal sends the signal to the whole process group.
    const child = local.program(DEMO, { stdio: ['ignore', 'ignore', 'inherit'], detached: true });
    const ended = once(child, 'close');
    await until('a container exists', async () => (await local.left()).length > 0);
    process.kill(-(child.pid ?? 0), 'SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(await local.left()).toEqual([]);
  });
});

/** Returns the process id of a server's watchman. */
function watchmanOf(server: number): number {
  const pids = readFileSync(`/proc/${server}/task/${server}/children`, 'utf8').trim().split(' ').map(Number);
  const found = pids.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('watchman'));
  if (found === undefined) throw new Error(`No watchman among the children of ${server}.`);
  return found;
}
