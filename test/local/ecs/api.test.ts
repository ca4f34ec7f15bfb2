import {
  ConflictException,
  CreateClusterCommand,
  DescribeTasksCommand,
  ListTasksCommand,
  RegisterTaskDefinitionCommand,
  RunTaskCommand,
  StopTaskCommand,
  waitUntilTasksRunning,
  waitUntilTasksStopped,
} from '@aws-sdk/client-ecs';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ec2RequestLimit } from '../../../local/ecs/core/wording.ts';
import { until } from '../../processes.ts';
import { only } from './core/virtual-ecs.ts';
import { registerScript, runInput, signedRequest, startLocalEcs, TASK_SIZE } from './local-ecs.ts';

type World = Awaited<ReturnType<typeof startLocalEcs>>;
let world: World;

beforeAll(async () => {
  world = await startLocalEcs();
  registerScript(world.server, 'sleeper', 'exec sleep 60');
});
afterAll(() => world.close());

describe('the AWS SDK', () => {
  it('runs, waits for, lists, describes and stops a task', async () => {
    const { ecs, server } = world;
    await ecs.send(new CreateClusterCommand({ clusterName: 'sdk' }));
    await ecs.send(
      new RegisterTaskDefinitionCommand({
        family: 'sdk',
        ...TASK_SIZE,
        containerDefinitions: [{ name: 'main', image: 'busybox', command: ['sleep', '60'] }],
      }),
    );
    const started = await ecs.send(
      new RunTaskCommand({
        ...runInput(server, 'sdk'),
        cluster: 'sdk',
        startedBy: 'run-1/plan',
        tags: [{ key: 'run', value: 'run-1' }],
      }),
    );
    const { taskArn = '' } = only(started.tasks);
    const tasks = { cluster: 'sdk', tasks: [taskArn] };
    await waitUntilTasksRunning({ client: ecs, maxWaitTime: 10, minDelay: 0.05, maxDelay: 0.1 }, tasks);
    expect((await ecs.send(new ListTasksCommand({ cluster: 'sdk', startedBy: 'run-1/plan' }))).taskArns).toEqual([
      taskArn,
    ]);
    const described = only((await ecs.send(new DescribeTasksCommand({ ...tasks, include: ['TAGS'] }))).tasks);
    expect(described).toMatchObject({
      lastStatus: 'RUNNING',
      launchType: 'FARGATE',
      tags: [{ key: 'run', value: 'run-1' }],
    });
    expect(described.startedAt).toBeInstanceOf(Date);
    await ecs.send(new StopTaskCommand({ cluster: 'sdk', task: taskArn, reason: 'enough' }));
    await waitUntilTasksStopped({ client: ecs, maxWaitTime: 10, minDelay: 0.05, maxDelay: 0.1 }, tasks);
    expect(only((await ecs.send(new DescribeTasksCommand(tasks))).tasks)).toMatchObject({
      stopCode: 'UserInitiated',
      stoppedReason: 'enough',
      containers: [{ exitCode: 143 }],
    });
  });

  it('gets errors of the right class, with their members, status and request ID', async () => {
    const { ecs, server } = world;
    const first = await ecs.send(new RunTaskCommand(runInput(server, 'sleeper', { clientToken: 'conflict' })));
    const again = ecs.send(new RunTaskCommand(runInput(server, 'sleeper', { clientToken: 'conflict', count: 2 })));
    const error = await again.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConflictException);
    expect(error).toMatchObject({
      resourceIds: [only(first.tasks).taskArn],
      $metadata: { httpStatusCode: 400, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    });
    const listing = ecs.send(new ListTasksCommand({ cluster: 'nowhere' }));
    await expect(listing).rejects.toMatchObject({
      name: 'ClusterNotFoundException',
      message: 'Cluster not found.',
      $fault: 'client',
    });
  });

  it('reads and writes secrets that are strings or bytes', async () => {
    const { secrets } = world;
    await secrets.send(new CreateSecretCommand({ Name: 'text', SecretString: 'one' }));
    await secrets.send(new PutSecretValueCommand({ SecretId: 'text', SecretString: 'two' }));
    const value = await secrets.send(new GetSecretValueCommand({ SecretId: 'text' }));
    expect(value).toMatchObject({ SecretString: 'two', VersionStages: ['AWSCURRENT'], CreatedDate: expect.any(Date) });
    await secrets.send(new CreateSecretCommand({ Name: 'bytes', SecretBinary: Uint8Array.of(1, 2, 255) }));
    expect((await secrets.send(new GetSecretValueCommand({ SecretId: 'bytes' }))).SecretBinary).toEqual(
      Uint8Array.of(1, 2, 255),
    );
    const missing = await secrets
      .send(new GetSecretValueCommand({ SecretId: 'nothing' }))
      .catch((reason: unknown) => reason);
    expect(missing).toBeInstanceOf(ResourceNotFoundException);
    expect(missing).toMatchObject({ message: "Secrets Manager can't find the specified secret." });
  });
});

describe('the protocol', () => {
  const ECS = 'AmazonEC2ContainerServiceV20141113';
  const UNKNOWN = 'com.amazon.coral.service#UnknownOperationException';
  const post = async (target: string, body: string) =>
    fetch(world.server.url, await signedRequest(world.server, target, body));

  it.each([
    ['an unknown action', `${ECS}.CreateService`, '{}', UNKNOWN],
    ['an action with the name of a JavaScript property', `${ECS}.constructor`, '{}', UNKNOWN],
    ['an unknown service', 'DynamoDB_20120810.GetItem', '{}', UNKNOWN],
    ['a body that isn’t JSON', `${ECS}.ListTasks`, '<xml/>', 'SerializationException'],
    ['JSON that isn’t an object', `${ECS}.ListTasks`, '[]', 'SerializationException'],
    ['a value with the wrong type', `${ECS}.ListTasks`, '{"maxResults":"x"}', 'SerializationException'],
  ])('answers %s with an error of AWS’s protocol', async (_what, target, body, type) => {
    const response = await post(target, body);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/x-amz-json-1.1');
    expect(response.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await response.json()).toEqual({ __type: type, message: expect.any(String) });
  });

  it('rejects a body of more than 4 MiB after reading it, and records the call', async () => {
    const response = await post('secretsmanager.ListSecrets', ' '.repeat(4 * 1024 * 1024 + 1));
    expect(response.status).toBe(413);
    expect(await response.json()).toEqual({ __type: 'SerializationException', Message: 'The request is too long.' });
    expect(world.server.calls().at(-1)).toMatchObject({ action: 'ListSecrets', status: 413 });
    expect((await post('secretsmanager.ListSecrets', `{}${' '.repeat(4 * 1024 * 1024 - 2)}`)).status).toBe(200);
  });

  it.each([
    ['POST', '/other'],
    ['PUT', '/'],
    ['OPTIONS', '/'],
  ])('answers %s %s with an empty 404', async (method, path) => {
    const response = await fetch(world.server.url + path, { method });
    expect([response.status, await response.text()]).toEqual([404, '']);
  });

  it('treats null as an absent member, and ignores unknown members', async () => {
    const response = await post(`${ECS}.ListTasks`, '{"cluster":"agents","family":null,"future":1}');
    expect(response.status).toBe(200);
  });

  it('has timestamps in seconds', async () => {
    await post('secretsmanager.CreateSecret', '{"Name":"timed","SecretString":"x"}');
    const response = await post('secretsmanager.GetSecretValue', '{"SecretId":"timed"}');
    const body: unknown = await response.json();
    expect(body).toMatchObject({ CreatedDate: expect.closeTo(Date.now() / 1000, -2) });
  });
});

describe('an injected fault', () => {
  const throttled = { kind: 'error', code: 'ThrottlingException', message: 'Rate exceeded' } as const;

  it('replaces the action for the given number of matching calls', async () => {
    const { ecs, server } = world;
    const before = server.tasks('agents').length;
    const isFirst = (input: unknown) => JSON.stringify(input).includes('"startedBy":"faulty"');
    server.faults.next('RunTask', throttled, { times: 2, when: isFirst });
    const faulty = () => ecs.send(new RunTaskCommand(runInput(server, 'sleeper', { startedBy: 'faulty' })));
    await expect(faulty()).rejects.toMatchObject({ name: 'ThrottlingException', message: 'Rate exceeded' });
    await ecs.send(new RunTaskCommand(runInput(server, 'sleeper')));
    await expect(faulty()).rejects.toMatchObject({ name: 'ThrottlingException' });
    await faulty();
    expect(server.tasks('agents').length).toBe(before + 2);
    expect(server.faults.waiting).toBe(0);
  });

  it('can drop the response after the task was created; a retry with the same client token returns that task', async () => {
    const { ecs, server } = world;
    server.faults.next('RunTask', { kind: 'lost-response' });
    const input = runInput(server, 'sleeper', { clientToken: 'lost', startedBy: 'lost' });
    await expect(ecs.send(new RunTaskCommand(input))).rejects.toThrow();
    const created = only(server.tasks('agents').filter(({ startedBy }) => startedBy === 'lost'));
    expect(only((await ecs.send(new RunTaskCommand(input))).tasks).taskArn).toBe(created.arn);
  });

  it('can break the connection before the action runs', async () => {
    const { ecs, server } = world;
    server.faults.next('RunTask', { kind: 'reset' });
    await expect(ecs.send(new RunTaskCommand(runInput(server, 'sleeper', { startedBy: 'reset' })))).rejects.toThrow();
    expect(server.tasks('agents').some(({ startedBy }) => startedBy === 'reset')).toBe(false);
  });

  it('can return an error after the action ran, and can return a malformed response', async () => {
    const { ecs, server } = world;
    server.faults.next('RunTask', { kind: 'error-after', code: 'ServerException', status: 500 });
    const run = ecs.send(new RunTaskCommand(runInput(server, 'sleeper', { startedBy: 'after' })));
    await expect(run).rejects.toMatchObject({ name: 'ServerException', $metadata: { httpStatusCode: 500 } });
    expect(server.tasks('agents').some(({ startedBy }) => startedBy === 'after')).toBe(true);
    server.faults.next('*', { kind: 'malformed', body: '<html>' });
    await expect(ecs.send(new ListTasksCommand({ cluster: 'agents' }))).rejects.toThrow();
  });

  it('can delay the response or never send it', async () => {
    const { ecs, server } = world;
    server.faults.next('ListTasks', { kind: 'hang' });
    const hanging = ecs.send(new ListTasksCommand({ cluster: 'agents' }), { abortSignal: AbortSignal.timeout(50) });
    await expect(hanging).rejects.toMatchObject({ name: 'AbortError' });
    server.faults.next('ListTasks', { kind: 'delay', delayMs: 100 });
    const before = performance.now();
    await ecs.send(new ListTasksCommand({ cluster: 'agents' }));
    expect(performance.now() - before).toBeGreaterThanOrEqual(99);
  });

  it('can be EC2 throttling, which looks like a wrong parameter, and can be removed', async () => {
    const { ecs, server } = world;
    server.faults.next('RunTask', {
      kind: 'error',
      code: 'InvalidParameterException',
      message: ec2RequestLimit('sg-1'),
    });
    const run = () => ecs.send(new RunTaskCommand(runInput(server, 'sleeper')));
    await expect(run()).rejects.toMatchObject({ name: 'InvalidParameterException', message: /RequestLimitExceeded/ });
    const takeBack = server.faults.next('RunTask', throttled, { times: 100 });
    takeBack();
    await run();
  });
});

it('a client that retries launches only one task after a lost response, because the SDK repeats its client token', async () => {
  const retrying = await startLocalEcs({}, 3);
  try {
    const { ecs, server } = retrying;
    registerScript(server, 'sleeper', 'exec sleep 60');
    server.faults.next('RunTask', { kind: 'lost-response' });
    const { tasks } = await ecs.send(new RunTaskCommand(runInput(server, 'sleeper')));
    expect(server.tasks().map(({ arn }) => arn)).toEqual([only(tasks).taskArn]);
    expect(server.calls().map(({ action, status }) => `${action} ${status}`)).toEqual(['RunTask 0', 'RunTask 200']);
  } finally {
    await retrying.close();
  }
});

describe('the server', () => {
  it('reports that its port is in use', async () => {
    await expect(startLocalEcs({ port: world.server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('gives access to tasks and logs in process, and reports their changes', async () => {
    const { server, ecs } = world;
    registerScript(server, 'talker', 'echo hello; echo trouble >&2; exit 4');
    const changes: string[] = [];
    const forget = server.onTaskChange((task) => {
      if (task.definition.family === 'talker') changes.push(task.lastStatus);
    });
    const run = await ecs.send(new RunTaskCommand(runInput(server, 'talker')));
    const arn = only(run.tasks).taskArn ?? '';
    await until('the end', () => server.task(arn)?.lastStatus === 'STOPPED');
    forget();
    expect(changes.at(-1)).toBe('STOPPED');
    expect(server.logs(arn)).toEqual(
      expect.arrayContaining([
        { at: expect.any(Number), container: 'main', stream: 'stdout', text: 'hello' },
        { at: expect.any(Number), container: 'main', stream: 'stderr', text: 'trouble' },
      ]),
    );
    expect(server.task(arn)?.containers[0]?.exitCode).toBe(4);
  });
});
