import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import {
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  type FilterLogEventsCommandInput,
  GetLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import {
  GetFunctionCommand,
  GetFunctionConcurrencyCommand,
  GetFunctionConfigurationCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import {
  GetScheduleCommand,
  SchedulerClient,
  UpdateScheduleCommand,
  type UpdateScheduleCommandInput,
} from '@aws-sdk/client-scheduler';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';
import { clientSettings } from '../ecs/local-ecs.ts';

let server: EcsServer;
beforeAll(async () => {
  server = await startEcs({ aws: { logs: { searchedPerPage: 10 } } });
});
afterAll(() => server.close());

/** The error that AWS's client reports. */
const failure = (answer: Promise<unknown>) =>
  answer.then(
    () => 'no error',
    (error: Error & { $metadata?: { httpStatusCode?: number } }) => [
      error.name,
      error.message,
      error.$metadata?.httpStatusCode,
    ],
  );

describe('CloudFormation', () => {
  const client = () => new CloudFormationClient(clientSettings(server));

  it('describes a stack by its name and by its ARN, with all outputs', async () => {
    const outputs = [
      { key: 'One', value: 'a < b & "c"\n\u0007', description: 'x' },
      { key: 'Two', value: '' },
    ];
    const id = server.aws.cloudFormation.put({ name: 'Launcher', outputs });
    const { Stacks } = await client().send(new DescribeStacksCommand({ StackName: 'Launcher' }));
    expect(Stacks).toEqual([
      expect.objectContaining({
        StackId: id,
        StackName: 'Launcher',
        StackStatus: 'CREATE_COMPLETE',
        CreationTime: expect.any(Date),
        Outputs: [
          { OutputKey: 'One', OutputValue: 'a < b & "c"\n?', Description: 'x' },
          { OutputKey: 'Two', OutputValue: '' },
        ],
      }),
    ]);
    expect(id).toMatch(/^arn:aws:cloudformation:eu-central-1:000000000000:stack\/Launcher\/[0-9a-f-]{36}$/);
    const byId = await client().send(new DescribeStacksCommand({ StackName: id }));
    expect(byId.Stacks).toEqual(Stacks);
    server.aws.cloudFormation.put({ name: 'Launcher', outputs: [], status: 'UPDATE_ROLLBACK_COMPLETE' });
    const updated = await client().send(new DescribeStacksCommand({}));
    expect(updated.Stacks?.[0]).toMatchObject({ StackId: id, StackStatus: 'UPDATE_ROLLBACK_COMPLETE' });
  });

  it('reports a missing stack with AWS’s message', async () => {
    const answer = client().send(new DescribeStacksCommand({ StackName: 'Other' }));
    expect(await failure(answer)).toEqual(['ValidationError', 'Stack with id Other does not exist', 400]);
  });
});

describe('the signature', () => {
  const wrong = () => ({ ...clientSettings(server), credentials: { accessKeyId: 'X', secretAccessKey: 'y' } });
  const wrongSecret = () => ({
    ...clientSettings(server),
    credentials: { ...server.credentials, secretAccessKey: 'y' },
  });

  it('of an unknown key is refused in the words of each protocol', async () => {
    const message = 'The security token included in the request is invalid.';
    const query = new STSClient(wrong()).send(new GetCallerIdentityCommand({}));
    expect(await failure(query)).toEqual(['InvalidClientTokenId', message, 403]);
    const json = new CloudWatchLogsClient(wrong()).send(new DescribeLogGroupsCommand({}));
    expect(await failure(json)).toEqual(['UnrecognizedClientException', message, 400]);
    const rest = new SchedulerClient(wrong()).send(new GetScheduleCommand({ Name: 'x' }));
    expect(await failure(rest)).toEqual(['UnrecognizedClientException', message, 403]);
  });

  it('with a wrong secret is refused', async () => {
    const query = new STSClient(wrongSecret()).send(new GetCallerIdentityCommand({}));
    expect(await failure(query)).toEqual(['SignatureDoesNotMatch', expect.any(String), 403]);
  });

  it('covers the path and the query', async () => {
    const client = new SchedulerClient(clientSettings(server));
    client.middlewareStack.add(
      (next) => (args) => {
        Object.assign(args.request as object, { path: '/schedules/other' });
        return next(args);
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    expect(await failure(client.send(new GetScheduleCommand({ Name: 'x' })))).toEqual([
      'InvalidSignatureException',
      expect.any(String),
      403,
    ]);
  });

  it('is valid for a path and a query with special characters', async () => {
    const client = new LambdaClient(clientSettings(server));
    const name = 'arn:aws:lambda:eu-central-1:000000000000:function:a_b';
    const answer = client.send(new GetFunctionConfigurationCommand({ FunctionName: name, Qualifier: '$LATEST' }));
    expect(await failure(answer)).toEqual([
      'ResourceNotFoundException',
      'Function not found: arn:aws:lambda:eu-central-1:000000000000:function:a_b',
      404,
    ]);
  });
});

describe('Lambda', () => {
  const client = () => new LambdaClient(clientSettings(server));

  it('shows a function with its environment, by name, ARN and partial ARN', async () => {
    const environment = { A: '1', B: '{"c":"d"}' };
    const arn = server.aws.functions.put({
      name: 'f',
      environment,
      memoryMiB: 256,
      timeoutSeconds: 58,
      logGroup: '/x',
    });
    for (const FunctionName of ['f', arn, '000000000000:function:f', 'f:$LATEST']) {
      const shown = await client().send(new GetFunctionConfigurationCommand({ FunctionName }));
      expect(shown).toMatchObject({ FunctionArn: arn, Environment: { Variables: environment }, MemorySize: 256 });
    }
    const { Configuration } = await client().send(new GetFunctionCommand({ FunctionName: 'f' }));
    expect(Configuration?.LoggingConfig).toMatchObject({ LogGroup: '/x', LogFormat: 'JSON' });
    const missing = client().send(new GetFunctionCommand({ FunctionName: 'f', Qualifier: 'live' }));
    expect(await failure(missing)).toEqual(['ResourceNotFoundException', `Function not found: ${arn}:live`, 404]);
  });

  it('shows the reserved concurrency of a function, and nothing if none is reserved', async () => {
    const { functions } = server.aws;
    functions.put({ name: 'g', environment: {}, memoryMiB: 256, timeoutSeconds: 58, logGroup: '/x' });
    const reserved = async () =>
      (await client().send(new GetFunctionConcurrencyCommand({ FunctionName: 'g' }))).ReservedConcurrentExecutions;
    expect(await reserved()).toBeUndefined();
    functions.change('g', { reservedConcurrency: 0 });
    expect(await reserved()).toBe(0);
    const missing = client().send(new GetFunctionConcurrencyCommand({ FunctionName: 'missing' }));
    expect(await failure(missing)).toEqual(['ResourceNotFoundException', expect.any(String), 404]);
  });
});

describe('EventBridge Scheduler', () => {
  const client = () => new SchedulerClient(clientSettings(server));
  const Target = {
    Arn: 'arn:aws:lambda:eu-central-1:000000000000:function:f',
    RoleArn: 'arn:aws:iam::000000000000:role/r',
  };

  it('replaces the whole schedule when it is updated, and reports the change', async () => {
    const changes: unknown[] = [];
    server.aws.schedules.onChange((name, isEnabled) => changes.push([name, isEnabled]));
    server.aws.schedules.put({
      Name: 's',
      Description: 'one tick',
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { ...Target, RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } },
    });
    const before = await client().send(new GetScheduleCommand({ Name: 's' }));
    expect(before).toMatchObject({
      Name: 's',
      GroupName: 'default',
      State: 'ENABLED',
      Description: 'one tick',
      Arn: 'arn:aws:scheduler:eu-central-1:000000000000:schedule/default/s',
      CreationDate: expect.any(Date),
      Target: { ...Target, RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 } },
    });
    const all = { ...before, State: 'DISABLED' } as UpdateScheduleCommandInput;
    await client().send(new UpdateScheduleCommand(all));
    const paused = await client().send(new GetScheduleCommand({ Name: 's', GroupName: 'default' }));
    const { $metadata: _, LastModificationDate: __, ...same } = before;
    expect(paused).toMatchObject({ ...same, State: 'DISABLED' });

    const { ScheduleArn } = await client().send(
      new UpdateScheduleCommand({
        Name: 's',
        ScheduleExpression: 'rate(2 minutes)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target,
      }),
    );
    expect(ScheduleArn).toBe(before.Arn);
    const after = await client().send(new GetScheduleCommand({ Name: 's' }));
    expect(after).toMatchObject({ State: 'ENABLED', ScheduleExpression: 'rate(2 minutes)' });
    expect(after.Description).toBeUndefined();
    expect(after.Target?.RetryPolicy).toEqual({ MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86_400 });
    expect(changes).toEqual([
      ['s', true],
      ['s', false],
      ['s', true],
    ]);
  });

  it('refuses an update without a required member, and a schedule that does not exist', async () => {
    const incomplete = { Name: 's', ScheduleExpression: 'rate(1 minute)' } as never;
    expect(await failure(client().send(new UpdateScheduleCommand(incomplete)))).toEqual([
      'ValidationException',
      "2 validation errors detected: Value null at 'flexibleTimeWindow' failed to satisfy constraint: Member must not be null; Value null at 'target' failed to satisfy constraint: Member must not be null",
      400,
    ]);
    const other = client().send(new GetScheduleCommand({ Name: 'other' }));
    expect(await failure(other)).toEqual(['ResourceNotFoundException', 'Schedule other does not exist.', 404]);
  });
});

describe('STS', () => {
  it('reports the account', async () => {
    const identity = await new STSClient(clientSettings(server)).send(new GetCallerIdentityCommand({}));
    expect(identity).toMatchObject({ Account: '000000000000', Arn: 'arn:aws:iam::000000000000:user/local' });
  });
});

describe('CloudWatch Logs', () => {
  const client = () => new CloudWatchLogsClient(clientSettings(server));
  const group = '/Launcher/agents/default';
  beforeAll(() => {
    const { store } = server.aws.logs;
    store.createGroup(group, 30);
    store.createGroup('/Launcher/launcher');
    for (let index = 0; index < 35; index += 1) {
      store.add(group, `agent/agent/${index % 2}`, JSON.stringify({ message: 'line', index }), 1000 + index);
    }
    // An event that arrives late is in its place.
    store.add(group, 'agent/agent/0', 'late', 1010);
  });

  /** All pages of FilterLogEvents. */
  async function filtered(input: FilterLogEventsCommandInput) {
    const sizes: number[] = [];
    const messages: string[] = [];
    let nextToken: string | undefined;
    do {
      const page = await client().send(
        new FilterLogEventsCommand({ ...input, ...(nextToken !== undefined && { nextToken }) }),
      );
      sizes.push(page.events?.length ?? 0);
      messages.push(...(page.events ?? []).map(({ timestamp, message }) => `${timestamp} ${message}`));
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return { sizes, messages };
  }

  it('returns all events in the order of their times, in pages', async () => {
    const { sizes, messages } = await filtered({ logGroupName: group });
    expect(sizes).toEqual([10, 10, 10, 6]);
    expect(messages.slice(9, 13).map((message) => message.slice(0, 9))).toEqual([
      '1009 {"me',
      '1010 {"me',
      '1010 late',
      '1011 {"me',
    ]);
    const limited = await filtered({ logGroupName: group, limit: 7 });
    expect([limited.sizes, limited.messages]).toEqual([[7, 7, 7, 7, 7, 1], messages]);
    const latest = await filtered({ logGroupName: group, startFromHead: false });
    expect(latest.messages).toEqual(messages.toReversed());
  });

  it('returns empty pages before the page with the match, as AWS may do', async () => {
    const { sizes, messages } = await filtered({ logGroupName: group, filterPattern: '{ $.index = 33 }' });
    expect(sizes).toEqual([0, 0, 0, 1]);
    expect(messages).toEqual(['1033 {"message":"line","index":33}']);
  });

  it('limits events to a time range with both ends, and to streams', async () => {
    const inRange = await filtered({ logGroupName: group, startTime: 1003, endTime: 1005 });
    expect(inRange.messages.map((message) => message.slice(0, 4))).toEqual(['1003', '1004', '1005']);
    const byPrefix = await filtered({ logGroupIdentifier: group, logStreamNamePrefix: 'agent/agent/1', endTime: 1004 });
    expect(byPrefix.messages).toHaveLength(2);
    const byName = await filtered({ logGroupName: group, logStreamNames: ['agent/agent/0'], endTime: 1004 });
    expect(byName.messages).toHaveLength(3);
  });

  it.each<[string, Partial<FilterLogEventsCommandInput>, string, string]>([
    ['a missing group', { logGroupName: '/x' }, 'ResourceNotFoundException', 'The specified log group does not exist.'],
    [
      'a missing stream',
      { logStreamNames: ['x'] },
      'ResourceNotFoundException',
      'The specified log stream does not exist.',
    ],
    ['a wrong token', { nextToken: 'x' }, 'InvalidParameterException', 'The specified nextToken is invalid.'],
    ['a wrong pattern', { filterPattern: '{ $.a = }' }, 'InvalidParameterException', 'Invalid filter pattern'],
    [
      'a limit that is too high',
      { limit: 10_001 },
      'InvalidParameterException',
      "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000",
    ],
    [
      'names and a prefix',
      { logStreamNames: ['a'], logStreamNamePrefix: 'a' },
      'InvalidParameterException',
      'logStreamNamePrefix and logStreamNames cannot both be specified.',
    ],
  ])('refuses %s', async (_what, input, name, message) => {
    const answer = client().send(new FilterLogEventsCommand({ logGroupName: group, ...input }));
    expect(await failure(answer)).toEqual([name, message, 400]);
  });

  it('pages through a stream in both directions', async () => {
    const stream = { logGroupName: group, logStreamName: 'agent/agent/1' };
    const times = ({ events }: { events?: { timestamp?: number | undefined }[] | undefined }) =>
      (events ?? []).map(({ timestamp }) => timestamp);
    const last = await client().send(new GetLogEventsCommand({ ...stream, limit: 2 }));
    expect(times(last)).toEqual([1031, 1033]);
    const earlier = await client().send(
      new GetLogEventsCommand({ ...stream, limit: 2, nextToken: last.nextBackwardToken ?? '' }),
    );
    expect(times(earlier)).toEqual([1027, 1029]);
    const first = await client().send(
      new GetLogEventsCommand({ ...stream, limit: 2, startFromHead: true, endTime: 1003 }),
    );
    expect(times(first)).toEqual([1001]);
    const end = await client().send(
      new GetLogEventsCommand({ ...stream, startFromHead: true, nextToken: last.nextForwardToken ?? '' }),
    );
    expect([times(end), end.nextForwardToken]).toEqual([[], last.nextForwardToken]);
  });

  it('lists groups and streams', async () => {
    const groups = await client().send(new DescribeLogGroupsCommand({ logGroupNamePrefix: '/Launcher/a' }));
    expect(groups.logGroups).toEqual([
      expect.objectContaining({
        logGroupName: group,
        retentionInDays: 30,
        arn: `arn:aws:logs:eu-central-1:000000000000:log-group:${group}:*`,
      }),
    ]);
    const one = await client().send(
      new DescribeLogStreamsCommand({ logGroupName: group, orderBy: 'LastEventTime', descending: true, limit: 1 }),
    );
    expect(one.logStreams).toEqual([
      expect.objectContaining({ logStreamName: 'agent/agent/0', firstEventTimestamp: 1000, lastEventTimestamp: 1034 }),
    ]);
    const two = await client().send(
      new DescribeLogStreamsCommand({
        logGroupName: group,
        orderBy: 'LastEventTime',
        descending: true,
        limit: 1,
        nextToken: one.nextToken ?? '',
      }),
    );
    expect(two.logStreams?.map(({ logStreamName }) => logStreamName)).toEqual(['agent/agent/1']);
    expect(two.nextToken).toBeUndefined();
  });
});
