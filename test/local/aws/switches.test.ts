/** What turns a function on and off: its concurrency, and its event source mappings. And what the stack's template says about it. */
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
  GetTemplateCommand,
} from '@aws-sdk/client-cloudformation';
import {
  DeleteFunctionConcurrencyCommand,
  GetFunctionConcurrencyCommand,
  InvokeCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  PutFunctionConcurrencyCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';
import { clientSettings } from '../ecs/local-ecs.ts';

const FunctionName = 'launcher';

let server: EcsServer;
let lambda: LambdaClient;
let cloudFormation: CloudFormationClient;
beforeAll(async () => {
  server = await startEcs();
  lambda = new LambdaClient(clientSettings(server));
  cloudFormation = new CloudFormationClient(clientSettings(server));
  server.aws.functions.put({
    name: FunctionName,
    environment: {},
    memoryMiB: 256,
    timeoutSeconds: 58,
    logGroup: '/launcher',
  });
});
afterAll(() => server.close());

describe('the reserved concurrency of a function', () => {
  const reserved = async () =>
    (await lambda.send(new GetFunctionConcurrencyCommand({ FunctionName }))).ReservedConcurrentExecutions;

  it('is absent, can be 0, and is absent again after it was deleted', async () => {
    expect(await reserved()).toBeUndefined();
    await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
    expect(await reserved()).toBe(0);
    await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
    expect(await reserved()).toBeUndefined();
  });

  it('prevents every invocation if it is 0', async () => {
    await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
    const client = new LambdaClient({ ...clientSettings(server), maxAttempts: 1 });
    await expect(client.send(new InvokeCommand({ FunctionName }))).rejects.toMatchObject({
      name: 'TooManyRequestsException',
      Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
    });
    await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
  });

  it('is refused for a function that does not exist', async () => {
    const input = { FunctionName: 'other', ReservedConcurrentExecutions: 1 };
    await expect(lambda.send(new PutFunctionConcurrencyCommand(input))).rejects.toThrow('Function not found: arn:aws:');
  });
});

describe('an event source mapping', () => {
  const state = async () =>
    (await lambda.send(new ListEventSourceMappingsCommand({ FunctionName }))).EventSourceMappings?.[0]?.State;

  it('is disabled and enabled in two steps, and refuses a change in between', async () => {
    const eventSourceArn = 'arn:aws:sqs:eu-central-1:000000000000:wake-ups';
    const UUID = server.aws.functions.addMapping({ functionName: FunctionName, eventSourceArn, batchSize: 10 });
    expect(await state()).toBe('Enabled');
    const update = (Enabled: boolean) => lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }));
    server.aws.functions.transitionMs = 60_000;
    expect((await update(false)).State).toBe('Disabling');
    await expect(update(true)).rejects.toMatchObject({ name: 'ResourceInUseException' });
    server.aws.functions.transitionMs = 0;
    expect(await state()).toBe('Disabled');
    expect((await update(true)).State).toBe('Enabled');
  });

  it('that does not exist can’t be changed', async () => {
    const update = new UpdateEventSourceMappingCommand({ UUID: 'none', Enabled: true });
    await expect(lambda.send(update)).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  });
});

describe('a stack', () => {
  const resource = {
    logicalId: 'Function',
    physicalId: FunctionName,
    type: 'AWS::Lambda::Function',
    properties: { A: 1 },
  };

  it('is found by the physical id of a resource, with its template', async () => {
    const id = server.aws.cloudFormation.put({ name: 'Launcher', outputs: [], resources: [resource] });
    const { StackResources } = await cloudFormation.send(
      new DescribeStackResourcesCommand({ PhysicalResourceId: FunctionName }),
    );
    expect(StackResources).toEqual([
      expect.objectContaining({ StackName: 'Launcher', StackId: id, LogicalResourceId: 'Function' }),
    ]);
    const { TemplateBody } = await cloudFormation.send(new GetTemplateCommand({ StackName: 'Launcher' }));
    expect(JSON.parse(TemplateBody ?? '')).toEqual({
      Resources: { Function: { Type: 'AWS::Lambda::Function', Properties: { A: 1 } } },
    });
  });

  it('is not found by a physical id that it doesn’t have', async () => {
    const describe = new DescribeStackResourcesCommand({ PhysicalResourceId: 'other' });
    await expect(cloudFormation.send(describe)).rejects.toMatchObject({ name: 'ValidationError' });
  });
});
