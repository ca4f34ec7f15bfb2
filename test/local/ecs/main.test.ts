import { join } from 'node:path';
import { DescribeTasksCommand, ECSClient, RegisterTaskDefinitionCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { isRunning, until, wordsIn } from '../../processes.ts';
import { newFolder } from '../../temporary-folder.ts';
import { startProgram } from '../program.ts';
import { only } from './core/virtual-ecs.ts';
import { TASK_SIZE } from './local-ecs.ts';

const MAIN = join(import.meta.dirname, '../../../local/ecs/main.ts');

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

const scratch = newFolder('ecs-main');
/** The server as a program whose tasks start at once. */
const startServer = (...args: readonly string[]) =>
  startProgram(process.execPath, [MAIN, '--provision-ms', '0', '--pull-ms', '0', '--boot-ms', '0', ...args]);

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
          command: ['/bin/sh', '-c', `sleep 60 & echo $$ $! >${file}; wait`],
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
  return (await wordsIn(file)).map(Number);
}

describe('the server', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'prints one line when it is ready, and exits with 0 and without leftovers after %s',
    async (signal) => {
      const { child, ended, ready } = startServer();
      const pids = await startStubbornTask(await ready(readyLine), join(scratch, signal));
      expect(pids.filter(isRunning)).toEqual(pids);
      child.kill(signal);
      const { code, stdout } = await ended;
      expect(code).toBe(0);
      expect(pids.filter(isRunning)).toEqual([]);
      expect(stdout.trim().split('\n')).toHaveLength(1);
    },
  );

  it('leaves no process of a task behind when it is killed', async () => {
    const { child, ready } = startServer();
    const pids = await startStubbornTask(await ready(readyLine), join(scratch, 'killed'));
    child.kill('SIGKILL');
    await until('the end of all', () => !pids.some(isRunning));
  });
});

it('npm run local:ecs ends together with npm and leaves nothing behind', async () => {
  const args = ['run', '--silent', 'local:ecs', '--', '--port', '0', '--cluster', 'mine', '--boot-ms', '0'];
  const { child, ready, ended } = startProgram('npm', args);
  const line = await ready(readyLine);
  expect(line).toMatchObject({ cluster: 'mine', region: 'eu-central-1' });
  const pids = await startStubbornTask(line, join(scratch, 'npm'));
  child.kill('SIGTERM');
  await ended;
  await until('the end of all', () => !pids.some(isRunning));
  await expect(fetch(line.url)).rejects.toThrow();
});

it('the ready-made task definitions run until they are stopped, exit with 0, or find no capacity', async () => {
  const program = startServer('--deprovision-ms', '0');
  const ready = await program.ready(readyLine);
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
  const { one, two } = await until('both', described);
  expect(one.containers?.[0]?.name).toBe(ready.container);
  expect(two).toMatchObject({
    stopCode: 'EssentialContainerExited',
    containers: [{ name: ready.container, exitCode: 0 }],
  });
  client.destroy();
  program.child.kill('SIGTERM');
  expect((await program.ended).code).toBe(0);
});

it('a wrong command line is reported with all faults and exit code 2', async () => {
  const { code, stdout, stderr } = await startServer('--port', 'x', '--subnet', 'a', '--region', 'Mars').ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  for (const flag of ['--port: given "x"', '--subnet: given ["a"]; NAME=VALUE', '--region: given "Mars"']) {
    expect(stderr).toContain(flag);
  }
});
