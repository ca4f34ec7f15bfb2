import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DescribeTasksCommand, ECSClient, RegisterTaskDefinitionCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { newFolder } from '../../temporary-folder.ts';
import { only } from './core/virtual-ecs.ts';
import { eventually, TASK_SIZE } from './local-ecs.ts';

const ROOT = join(import.meta.dirname, '../../..');
const MAIN = join(ROOT, 'local/ecs/main.ts');

const readyLine = z.strictObject({
  url: z.string(),
  region: z.string(),
  environment: z.strictObject({
    AWS_ENDPOINT_URL: z.string(),
    AWS_REGION: z.string(),
    AWS_DEFAULT_REGION: z.string(),
    AWS_ACCESS_KEY_ID: z.string(),
    AWS_SECRET_ACCESS_KEY: z.string(),
  }),
  cluster: z.string(),
  secondCluster: z.string(),
  taskDefinition: z.string(),
  exitTaskDefinition: z.string(),
  noCapacityTaskDefinition: z.string(),
  container: z.string(),
  subnets: z.array(z.string()).min(1),
  securityGroups: z.array(z.string()).min(1),
});

let scratch: string;
const children = new Set<ChildProcess>();

beforeAll(() => {
  scratch = newFolder('ecs-main');
});
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(scratch, { recursive: true });
});

/** Starts the program and waits for its ready line. */
async function start(command: string, args: readonly string[]) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  const stdout: string[] = [];
  const stderr: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => stdout.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => stderr.push(line));
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const line = await eventually('the ready line', () => stdout[0]);
  return { child, stdout, stderr, ended, ready: readyLine.parse(JSON.parse(line)) };
}

/** A client that is configured only by the printed environment variables, as a user would do it. */
function clientOf({ environment }: z.output<typeof readyLine>): ECSClient {
  return new ECSClient({
    endpoint: environment.AWS_ENDPOINT_URL,
    region: environment.AWS_REGION,
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
    },
  });
}

/** A task whose process has a child, ignores SIGTERM, and writes both process ids to a file. */
async function startStubbornTask(ready: z.output<typeof readyLine>, file: string): Promise<readonly number[]> {
  const client = clientOf(ready);
  await client.send(
    new RegisterTaskDefinitionCommand({
      family: 'stubborn',
      ...TASK_SIZE,
      containerDefinitions: [
        {
          name: 'main',
          image: 'busybox',
          command: ['/bin/sh', '-c', `sleep 60 & echo $$ $! done >${file}; wait`],
        },
      ],
    }),
  );
  await client.send(
    new RunTaskCommand({
      cluster: ready.cluster,
      taskDefinition: 'stubborn',
      networkConfiguration: { awsvpcConfiguration: { subnets: ready.subnets } },
    }),
  );
  client.destroy();
  return eventually('the task', () => {
    try {
      const text = readFileSync(file, 'utf8');
      return text.includes('done') ? text.split(' ').slice(0, 2).map(Number) : undefined;
    } catch {
      return undefined;
    }
  });
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('the server', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'prints one line when it is ready, and exits with 0 and without leftovers after %s',
    async (signal) => {
      const { child, ended, ready, stdout } = await start('node', [
        MAIN,
        '--provision-ms',
        '0',
        '--pull-ms',
        '0',
        '--boot-ms',
        '0',
      ]);
      const pids = await startStubbornTask(ready, join(scratch, signal));
      expect(pids.filter(runs)).toEqual(pids);
      child.kill(signal);
      expect(await ended).toBe(0);
      expect(pids.filter(runs)).toEqual([]);
      expect(stdout).toHaveLength(1);
    },
  );

  it('leaves no process of a task behind when it is killed', async () => {
    const { child, ready } = await start('node', [MAIN, '--provision-ms', '0', '--pull-ms', '0', '--boot-ms', '0']);
    const pids = await startStubbornTask(ready, join(scratch, 'killed'));
    child.kill('SIGKILL');
    await eventually('the end of all', () => (pids.some(runs) ? undefined : true));
  });
});

describe('npm run local:ecs', () => {
  it('ends together with npm and leaves nothing behind', async () => {
    const { child, ready, ended } = await start('npm', [
      'run',
      '--silent',
      'local:ecs',
      '--',
      '--port',
      '0',
      '--cluster',
      'mine',
      '--boot-ms',
      '0',
    ]);
    expect(ready).toMatchObject({ cluster: 'mine', region: 'eu-central-1' });
    const pids = await startStubbornTask(ready, join(scratch, 'npm'));
    child.kill('SIGTERM');
    await ended;
    await eventually('the end of all', () => (pids.some(runs) ? undefined : true));
    await expect(fetch(ready.url)).rejects.toThrow();
  });
});

describe('the ready-made task definitions', () => {
  it('run until they are stopped, exit with 0, or find no capacity', async () => {
    const { child, ready, ended } = await start('node', [
      MAIN,
      '--provision-ms',
      '0',
      '--pull-ms',
      '0',
      '--boot-ms',
      '0',
      '--deprovision-ms',
      '0',
    ]);
    const client = clientOf(ready);
    const run = (taskDefinition: string) =>
      client.send(
        new RunTaskCommand({
          cluster: ready.cluster,
          taskDefinition,
          networkConfiguration: {
            awsvpcConfiguration: { subnets: ready.subnets, securityGroups: ready.securityGroups },
          },
        }),
      );
    const [kept, exits, refused] = await Promise.all([
      run(ready.taskDefinition),
      run(ready.exitTaskDefinition),
      run(ready.noCapacityTaskDefinition),
    ]);
    expect(refused.tasks).toEqual([]);
    expect(only(refused.failures).reason).toMatch(/^Capacity is unavailable at this time/);
    const described = async () => {
      const tasks = [only(kept.tasks).taskArn ?? '', only(exits.tasks).taskArn ?? ''];
      const [one, two] = (await client.send(new DescribeTasksCommand({ cluster: ready.cluster, tasks }))).tasks ?? [];
      return one?.lastStatus === 'RUNNING' && two?.lastStatus === 'STOPPED' ? { one, two } : undefined;
    };
    const { one, two } = await eventually('both', described);
    expect(one.containers?.[0]?.name).toBe(ready.container);
    expect(two).toMatchObject({
      stopCode: 'EssentialContainerExited',
      containers: [{ name: ready.container, exitCode: 0 }],
    });
    client.destroy();
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

describe('a wrong command line', () => {
  it('is reported with all faults and exit code 2', async () => {
    const child = spawn('node', [MAIN, '--port', 'x', '--subnet', 'a', '--region', 'Mars'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
    let stderr = '';
    let stdout = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += String(chunk)));
    child.stdout.on('data', (chunk: Buffer) => (stdout += String(chunk)));
    expect(await ended).toBe(2);
    expect(stdout).toBe('');
    for (const flag of ['--port: given "x"', '--subnet: given ["a"]; NAME=VALUE', '--region: given "Mars"']) {
      expect(stderr).toContain(flag);
    }
  });
});
