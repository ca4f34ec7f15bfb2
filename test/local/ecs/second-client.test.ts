import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { only } from './core/virtual-ecs.ts';
import { registerScript, startLocalEcs } from './local-ecs.ts';

/**
 * Tests with AWS's Python SDK and the AWS CLI. These independent clients check responses against AWS's own model. The CLI of
 * Debian 12 (before 2.13) doesn't read `AWS_ENDPOINT_URL`, so each call specifies the endpoint. The boto3 of Debian 12 (1.26)
 * doesn't know `clientToken` of RunTask, so the test doesn't use it there.
 */

const run = promisify(execFile);

type World = Awaited<ReturnType<typeof startLocalEcs>>;
let world: World;

beforeAll(async () => {
  world = await startLocalEcs();
  registerScript(world.server, 'sleeper', 'exec sleep 60');
  registerScript(world.server, 'exits', 'exit 3');
});
afterAll(() => world.close());

const environment = () => ({
  ...process.env,
  ENDPOINT: world.server.url,
  AWS_REGION: world.server.region,
  AWS_DEFAULT_REGION: world.server.region,
  AWS_ACCESS_KEY_ID: world.server.credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: world.server.credentials.secretAccessKey,
  AWS_MAX_ATTEMPTS: '1',
  AWS_PAGER: '',
});

const has = (program: string, args: readonly string[]) =>
  run(program, args).then(
    () => true,
    () => false,
  );

const script = `
import boto3, json, os, sys
from botocore.exceptions import ClientError
ecs, secrets = (boto3.client(name, endpoint_url=os.environ['ENDPOINT']) for name in ('ecs', 'secretsmanager'))
subnet = sys.argv[1]
out = {}
token = {'clientToken': 'token'}
out['tokens'] = 'clientToken' in ecs.meta.service_model.operation_model('RunTask').input_shape.members

def run(**more):
    network = {'awsvpcConfiguration': {'subnets': [subnet]}}
    return ecs.run_task(**{'cluster': 'agents', 'taskDefinition': 'sleeper', 'launchType': 'FARGATE', 'networkConfiguration': network, **more})

def error(work):
    try:
        work()
    except ClientError as fault:
        return {'code': fault.response['Error']['Code'], 'message': fault.response['Error']['Message'],
                'status': fault.response['ResponseMetadata']['HTTPStatusCode'], 'resourceIds': fault.response.get('resourceIds')}

quick = {'Delay': 0.1, 'MaxAttempts': 100}
if not out['tokens']:
    token = {}
job = {'startedBy': 'run-1/plan', 'tags': [{'key': 'run', 'value': 'run-1'}], **token}
first = run(**job)['tasks'][0]
if out['tokens']:
    out['same'] = run(**job)['tasks'][0]['taskArn'] == first['taskArn']
    out['conflict'] = error(lambda: run(count=2, **token))
out['arn'] = first['taskArn']
ecs.get_waiter('tasks_running').wait(cluster='agents', tasks=[first['taskArn']], WaiterConfig=quick)
described = ecs.describe_tasks(cluster='agents', tasks=[first['taskArn'], 'f' * 32], include=['TAGS'])
out['missing'] = described['failures'][0]['reason']
out['tags'] = described['tasks'][0]['tags']
out['startedAt'] = described['tasks'][0]['startedAt'].timestamp()
ecs.stop_task(cluster='agents', task=first['taskArn'], reason='enough')
ecs.get_waiter('tasks_stopped').wait(cluster='agents', tasks=[first['taskArn']], WaiterConfig=quick)
out['stopped'] = {key: ecs.describe_tasks(cluster='agents', tasks=[first['taskArn']])['tasks'][0][key] for key in ('stopCode', 'stoppedReason', 'tags')}
run(count=3)
out['paged'] = len(ecs.get_paginator('list_tasks').paginate(cluster='agents', PaginationConfig={'PageSize': 2}).build_full_result()['taskArns'])
out['unknownCluster'] = error(lambda: ecs.list_tasks(cluster='nowhere'))
created = secrets.create_secret(Name='token', SecretString='one')
secrets.put_secret_value(SecretId=created['ARN'], SecretString='two')
out['secret'] = [secrets.get_secret_value(SecretId='token', VersionStage=stage)['SecretString'] for stage in ('AWSCURRENT', 'AWSPREVIOUS')]
out['unknownSecret'] = error(lambda: secrets.get_secret_value(SecretId='nothing'))
print(json.dumps(out))
`;

it('boto3 sees the same tasks, client tokens, pages, errors and secrets as the JavaScript SDK', async (context) => {
  if (!(await has('python3', ['-c', 'import boto3']))) context.skip('There is no boto3 on this machine.');
  const subnet = world.server.subnets[0]?.id ?? '';
  const { stdout } = await run('python3', ['-c', script, subnet], { env: environment() });
  const { tokens, ...seen } = z.looseObject({ tokens: z.boolean() }).parse(JSON.parse(stdout));
  const first = only(world.server.tasks('agents').filter(({ startedBy }) => startedBy === 'run-1/plan'));
  expect(seen).toEqual({
    arn: first.arn,
    ...(tokens && {
      same: true,
      conflict: { code: 'ConflictException', message: expect.any(String), status: 400, resourceIds: [first.arn] },
    }),
    missing: 'MISSING',
    tags: [{ key: 'run', value: 'run-1' }],
    startedAt: expect.closeTo((first.startedAt ?? 0) / 1000, 2),
    stopped: { stopCode: 'UserInitiated', stoppedReason: 'enough', tags: [] },
    paged: 3,
    unknownCluster: {
      code: 'ClusterNotFoundException',
      message: 'Cluster not found.',
      status: 400,
      resourceIds: null,
    },
    secret: ['two', 'one'],
    unknownSecret: {
      code: 'ResourceNotFoundException',
      message: "Secrets Manager can't find the specified secret.",
      status: 400,
      resourceIds: null,
    },
  });
});

it('the aws CLI runs a task', async (context) => {
  if (!(await has('aws', ['--version']))) context.skip('There is no aws CLI on this machine.');
  const network = `awsvpcConfiguration={subnets=[${world.server.subnets[0]?.id ?? ''}]}`;
  const endpoint = ['--endpoint-url', world.server.url];
  const args = [
    ...endpoint,
    'ecs',
    'run-task',
    '--cluster',
    'agents',
    '--task-definition',
    'exits',
    '--launch-type',
    'FARGATE',
  ];
  const { stdout } = await run('aws', [...args, '--network-configuration', network, '--output', 'json'], {
    env: environment(),
  });
  expect(JSON.parse(stdout)).toMatchObject({
    tasks: [{ lastStatus: 'PROVISIONING', containers: [{ name: 'main' }] }],
    failures: [],
  });
});
