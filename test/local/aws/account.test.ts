/** The services that show what an account has and may use. */
import {
  CloudTrailClient,
  DescribeTrailsCommand,
  GetEventSelectorsCommand,
  GetTrailStatusCommand,
} from '@aws-sdk/client-cloudtrail';
import {
  CloudWatchClient,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
} from '@aws-sdk/client-cloudwatch';
import {
  DescribeAvailabilityZonesCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeVpcAttributeCommand,
  DescribeVpcsCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import {
  BatchGetImageCommand,
  DescribeImagesCommand,
  DescribeRepositoriesCommand,
  ECRClient,
} from '@aws-sdk/client-ecr';
import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam';
import {
  GetAccountSettingsCommand,
  InvokeCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
} from '@aws-sdk/client-lambda';
import { CreateSecretCommand, DescribeSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  ListServiceQuotasCommand,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import { ListSubscriptionsByTopicCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetParameterCommand, GetParametersCommand, SSMClient } from '@aws-sdk/client-ssm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EcsServer, fargateVcpus, startEcs } from '../../../local/ecs/server.ts';
import { clientSettings } from '../ecs/local-ecs.ts';

let server: EcsServer;
beforeAll(async () => {
  server = await startEcs();
});
afterAll(() => server.close());

const failure = (answer: Promise<unknown>) =>
  answer.then(
    () => 'no error',
    (error: Error & { $metadata?: { httpStatusCode?: number } }) => [
      error.name,
      error.message,
      error.$metadata?.httpStatusCode,
    ],
  );

it('CloudWatch lists alarms by state and prefix, in pages', async () => {
  const client = new CloudWatchClient(clientSettings(server));
  for (const name of ['L: one', 'L: two', 'M: one']) server.aws.cloudWatch.putAlarm({ name });
  server.aws.cloudWatch.putAlarm({ name: 'L: two', state: 'ALARM', reason: '1 datapoint [2.0] was not less than 1.0' });
  const raised = await client.send(new DescribeAlarmsCommand({ StateValue: 'ALARM', AlarmNamePrefix: 'L: ' }));
  expect(raised.MetricAlarms).toEqual([
    expect.objectContaining({
      AlarmName: 'L: two',
      AlarmArn: 'arn:aws:cloudwatch:eu-central-1:000000000000:alarm:L: two',
      StateValue: 'ALARM',
      StateReason: '1 datapoint [2.0] was not less than 1.0',
      StateUpdatedTimestamp: expect.any(Date),
    }),
  ]);
  const first = await client.send(new DescribeAlarmsCommand({ MaxRecords: 2 }));
  const second = await client.send(new DescribeAlarmsCommand({ MaxRecords: 2, NextToken: first.NextToken }));
  expect([first, second].map(({ MetricAlarms }) => MetricAlarms?.map(({ AlarmName }) => AlarmName))).toEqual([
    ['L: one', 'L: two'],
    ['M: one'],
  ]);
  expect(second.NextToken).toBeUndefined();
});

it('CloudWatch reads metrics from log events in the embedded metric format', async () => {
  const client = new CloudWatchClient(clientSettings(server));
  const { store } = server.aws.logs;
  store.createGroup('/metrics');
  const at = Date.parse('2026-11-29T12:00:00Z');
  const line = (pool: string, value: number | number[]) =>
    JSON.stringify({
      _aws: {
        Timestamp: at,
        CloudWatchMetrics: [
          { Namespace: 'N', Dimensions: [['service', 'pool']], Metrics: [{ Name: 'Launches', Unit: 'Count' }] },
        ],
      },
      service: 'L',
      pool,
      Launches: value,
    });
  store.add('/metrics', 's', line('a', 1), at);
  store.add('/metrics', 's', line('a', [2, 4]), at + 30_000);
  store.add('/metrics', 's', line('a', 8), at + 60_000);
  store.add('/metrics', 's', line('b', 100), at);
  store.add('/metrics', 's', 'no metric "_aws"', at);
  const Dimensions = [
    { Name: 'service', Value: 'L' },
    { Name: 'pool', Value: 'a' },
  ];
  const range = { StartTime: new Date(at), EndTime: new Date(at + 120_000) };
  const Metric = { Namespace: 'N', MetricName: 'Launches', Dimensions };
  const data = await client.send(
    new GetMetricDataCommand({
      ...range,
      MetricDataQueries: [{ Id: 'm1', MetricStat: { Metric, Period: 60, Stat: 'Sum' } }],
    }),
  );
  expect(data.MetricDataResults).toEqual([
    {
      Id: 'm1',
      Label: 'Launches',
      Timestamps: [new Date(at + 60_000), new Date(at)],
      Values: [8, 7],
      StatusCode: 'Complete',
    },
  ]);
  const statistics = await client.send(
    new GetMetricStatisticsCommand({
      ...range,
      Namespace: 'N',
      MetricName: 'Launches',
      Dimensions,
      Period: 300,
      Statistics: ['Average', 'Maximum', 'SampleCount'],
    }),
  );
  expect(statistics.Datapoints).toEqual([{ Timestamp: new Date(at), Average: 15 / 4, Maximum: 8, SampleCount: 4 }]);
});

it('CloudWatch shows a gauge’s value in each period that has begun', async () => {
  const client = new CloudWatchClient(clientSettings(server));
  const metric = { namespace: 'AWS/Usage', name: 'ResourceCount', dimensions: { Service: 'Other', Type: 'Resource' } };
  const remove = [3, 0.5].map((value) => server.aws.cloudWatch.addGauge({ ...metric, value: () => value }));
  const now = Date.now();
  const maxima = async () => {
    const { Datapoints = [] } = await client.send(
      new GetMetricStatisticsCommand({
        Namespace: metric.namespace,
        MetricName: metric.name,
        Dimensions: Object.entries(metric.dimensions).map(([Name, Value]) => ({ Name, Value })),
        StartTime: new Date(now - 900_000),
        EndTime: new Date(now + 900_000),
        Period: 300,
        Statistics: ['Maximum'],
      }),
    );
    return Datapoints.map(({ Maximum }) => Maximum);
  };
  expect(await maxima()).toEqual([3.5, 3.5, 3.5]);
  for (const each of remove) each();
  expect(await maxima()).toEqual([]);
});

it('CloudWatch shows the vCPUs of the live tasks of all clusters', async () => {
  const client = new CloudWatchClient(clientSettings(server));
  const { namespace, name, dimensions } = fargateVcpus(false);
  const now = Date.now();
  const { Datapoints = [] } = await client.send(
    new GetMetricStatisticsCommand({
      Namespace: namespace,
      MetricName: name,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      StartTime: new Date(now - 300_000),
      EndTime: new Date(now),
      Period: 300,
      Statistics: ['Maximum'],
    }),
  );
  expect(Datapoints.map(({ Maximum }) => Maximum)).toEqual([0]);
});

it('SNS lists the subscriptions of a topic, and shows those that are not confirmed', async () => {
  const client = new SNSClient(clientSettings(server));
  const arn = server.aws.topics.put('T', [
    { protocol: 'email', endpoint: 'a&b@acme.example', confirmed: false },
    { protocol: 'https', endpoint: 'https://acme.example/hook' },
  ]);
  const list = (TopicArn: string) => client.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
  const { Subscriptions, NextToken } = await list(arn);
  const shared = { Owner: '000000000000', TopicArn: arn };
  expect(Subscriptions).toEqual([
    { ...shared, SubscriptionArn: 'PendingConfirmation', Protocol: 'email', Endpoint: 'a&b@acme.example' },
    {
      ...shared,
      SubscriptionArn: expect.stringMatching(`^${arn}:[0-9a-f-]{36}$`),
      Protocol: 'https',
      Endpoint: 'https://acme.example/hook',
    },
  ]);
  expect(NextToken).toBeUndefined();
  expect(await failure(list(`${arn}x`))).toEqual(['NotFoundException', 'Topic does not exist', 404]);
  expect(await failure(list('T'))).toEqual(['InvalidParameterException', 'Invalid parameter: TopicArn', 400]);
});

it('CloudTrail shows trails of this region and of others, whether they log, and what', async () => {
  const client = new CloudTrailClient(clientSettings(server));
  const selectors = { AdvancedEventSelectors: [{ FieldSelectors: [{ Field: 'eventCategory', Equals: ['Data'] }] }] };
  server.aws.trails.put({ name: 'shadow', homeRegion: 'us-east-1', isLogging: false, selectors });
  const arn = 'arn:aws:cloudtrail:us-east-1:000000000000:trail/shadow';
  const describe = async (input: object) =>
    (await client.send(new DescribeTrailsCommand(input))).trailList?.map(({ Name }) => Name);
  expect(await describe({})).toEqual(['management-events', 'shadow']);
  expect(await describe({ includeShadowTrails: false })).toEqual(['management-events']);
  expect(await describe({ trailNameList: [arn] })).toEqual(['shadow']);
  const status = (Name: string) => client.send(new GetTrailStatusCommand({ Name }));
  expect([(await status('management-events')).IsLogging, (await status(arn)).IsLogging]).toEqual([true, false]);
  expect(await failure(status('shadow'))).toEqual([
    'TrailNotFoundException',
    'Unknown trail: shadow for the user: 000000000000',
    400,
  ]);
  const selected = await client.send(new GetEventSelectorsCommand({ TrailName: arn }));
  expect(selected).toMatchObject({ TrailARN: arn, ...selectors });
  server.aws.trails.delete('shadow');
  expect(await describe({})).toEqual(['management-events']);
});

it('Lambda shows the account’s limits and event source mappings, and invokes a function', async () => {
  const client = new LambdaClient(clientSettings(server));
  const { functions } = server.aws;
  const its = { environment: {}, memoryMiB: 256, timeoutSeconds: 58 };
  const arn = functions.put({ ...its, name: 'f', logGroup: '/f' });
  functions.put({ ...its, name: 'g', logGroup: '/g', reservedConcurrency: 3 });
  functions.concurrentExecutions = 10;
  const { AccountLimit } = await client.send(new GetAccountSettingsCommand({}));
  expect(AccountLimit).toMatchObject({ ConcurrentExecutions: 10, UnreservedConcurrentExecutions: 7 });

  const queue = 'arn:aws:sqs:eu-central-1:000000000000:q';
  functions.addMapping({ functionName: 'f', eventSourceArn: queue, batchSize: 10, maximumConcurrency: 2 });
  const { EventSourceMappings } = await client.send(new ListEventSourceMappingsCommand({ FunctionName: 'f' }));
  expect(EventSourceMappings).toEqual([
    expect.objectContaining({
      EventSourceArn: queue,
      FunctionArn: arn,
      State: 'Enabled',
      LastModified: expect.any(Date),
      ScalingConfig: { MaximumConcurrency: 2 },
    }),
  ]);

  const invoke = (event: object, more: object = {}) =>
    client.send(new InvokeCommand({ FunctionName: 'f', Payload: Buffer.from(JSON.stringify(event)), ...more }));
  expect(await failure(invoke({}))).toEqual(['ResourceConflictException', expect.stringContaining('Pending'), 409]);
  const events: object[] = [];
  functions.setInvoker('f', async (event) => {
    events.push(event);
    return 'fail' in event ? 'not today' : undefined;
  });
  const fine = await invoke({ a: 1 });
  expect([fine.StatusCode, fine.FunctionError, fine.Payload?.transformToString()]).toEqual([200, undefined, 'null']);
  const failed = await invoke({ fail: true });
  expect([failed.StatusCode, failed.FunctionError]).toEqual([200, 'Unhandled']);
  expect(JSON.parse(failed.Payload?.transformToString() ?? '')).toMatchObject({ errorMessage: 'not today' });
  const later = await invoke({ b: 1 }, { InvocationType: 'Event' });
  expect(later.StatusCode).toBe(202);
  expect((await invoke({ c: 1 }, { InvocationType: 'DryRun' })).StatusCode).toBe(204);
  expect(events).toEqual([{ a: 1 }, { fail: true }, { b: 1 }]);
});

it('EC2 describes the network by ids and filters, with AWS’s errors for what does not exist', async () => {
  const client = new EC2Client(clientSettings(server));
  const [first] = server.subnets;
  const { Subnets } = await client.send(new DescribeSubnetsCommand({ SubnetIds: [first?.id ?? ''] }));
  expect(Subnets).toEqual([
    expect.objectContaining({
      SubnetId: first?.id,
      AvailabilityZone: first?.availabilityZone,
      AvailableIpAddressCount: 250,
      MapPublicIpOnLaunch: false,
    }),
  ]);
  const vpcId = Subnets?.[0]?.VpcId ?? '';
  const all = await client.send(new DescribeSubnetsCommand({ Filters: [{ Name: 'vpc-id', Values: [vpcId, 'x'] }] }));
  expect(all.Subnets).toHaveLength(3);
  const { RouteTables } = await client.send(
    new DescribeRouteTablesCommand({ Filters: [{ Name: 'association.subnet-id', Values: [first?.id ?? ''] }] }),
  );
  expect(RouteTables?.[0]?.Routes).toContainEqual(
    expect.objectContaining({ DestinationCidrBlock: '0.0.0.0/0', NatGatewayId: expect.any(String), State: 'active' }),
  );
  expect(RouteTables?.[0]?.Associations?.map(({ Main }) => Main)).toEqual([true, false, false, false]);
  const { SecurityGroups } = await client.send(
    new DescribeSecurityGroupsCommand({ GroupIds: [...server.securityGroups] }),
  );
  expect(SecurityGroups?.[0]).toMatchObject({
    Description: 'Agents',
    IpPermissionsEgress: [{ FromPort: 443, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
  });
  const dns = new DescribeVpcAttributeCommand({ VpcId: vpcId, Attribute: 'enableDnsSupport' });
  expect((await client.send(dns)).EnableDnsSupport).toEqual({ Value: true });
  server.aws.network.setVpcAttribute(vpcId, 'enableDnsSupport', false);
  expect((await client.send(dns)).EnableDnsSupport).toEqual({ Value: false });
  const { AvailabilityZones } = await client.send(new DescribeAvailabilityZonesCommand({}));
  expect(AvailabilityZones?.[0]).toMatchObject({ ZoneName: 'eu-central-1a', ZoneId: 'euc1-az1', State: 'available' });
  const { Vpcs } = await client.send(new DescribeVpcsCommand({ Filters: [{ Name: 'tag:Name', Values: ['lo*'] }] }));
  expect(Vpcs?.map(({ VpcId, Tags }) => [VpcId, Tags])).toEqual([[vpcId, [{ Key: 'Name', Value: 'local' }]]]);
  const none = await client.send(new DescribeVpcsCommand({ Filters: [{ Name: 'tag:Name', Values: ['other'] }] }));
  expect(none.Vpcs).toEqual([]);

  server.aws.network.set('Subnets', []);
  expect(await failure(client.send(new DescribeSubnetsCommand({ SubnetIds: ['subnet-1'] })))).toEqual([
    'InvalidSubnetID.NotFound',
    "The subnet ID 'subnet-1' does not exist",
    400,
  ]);
  const wrong = new EC2Client({ ...clientSettings(server), credentials: { accessKeyId: 'X', secretAccessKey: 'y' } });
  expect(await failure(wrong.send(new DescribeVpcsCommand({})))).toEqual(['AuthFailure', expect.any(String), 401]);
});

it('IAM shows the service-linked role of ECS, until it is deleted', async () => {
  const client = new IAMClient(clientSettings(server));
  const ask = () => client.send(new GetRoleCommand({ RoleName: 'AWSServiceRoleForECS' }));
  const { Role } = await ask();
  expect(Role).toMatchObject({
    Path: '/aws-service-role/ecs.amazonaws.com/',
    Arn: 'arn:aws:iam::000000000000:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS',
    CreateDate: expect.any(Date),
  });
  const policy: unknown = JSON.parse(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ''));
  expect(policy).toMatchObject({ Statement: [{ Principal: { Service: 'ecs.amazonaws.com' } }] });
  server.aws.roles.delete('AWSServiceRoleForECS');
  expect(await failure(ask())).toEqual([
    'NoSuchEntityException',
    'The role with name AWSServiceRoleForECS cannot be found.',
    404,
  ]);
});

it('SSM shows the version of the bootstrap resources', async () => {
  const client = new SSMClient(clientSettings(server));
  const Name = '/cdk-bootstrap/hnb659fds/version';
  const { Parameter } = await client.send(new GetParameterCommand({ Name }));
  expect(Parameter).toMatchObject({ Name, Value: '30', Type: 'String', LastModifiedDate: expect.any(Date) });
  const both = await client.send(new GetParametersCommand({ Names: [Name, '/x'] }));
  expect([both.Parameters?.length, both.InvalidParameters]).toEqual([1, ['/x']]);
  server.aws.parameters.delete(Name);
  const missing = client.send(new GetParameterCommand({ Name }));
  expect(await failure(missing)).toEqual(['ParameterNotFound', `Parameter ${Name} not found.`, 400]);
});

it('Service Quotas shows the vCPUs of Fargate, as applied and by default', async () => {
  const client = new ServiceQuotasClient(clientSettings(server));
  const quota = { ServiceCode: 'fargate', QuotaCode: 'L-3032A538' };
  server.aws.quotas.set('L-3032A538', 16);
  const { Quota } = await client.send(new GetServiceQuotaCommand(quota));
  expect(Quota).toMatchObject({ QuotaName: 'Fargate On-Demand vCPU resource count', Value: 16, Adjustable: true });
  expect((await client.send(new GetAWSDefaultServiceQuotaCommand(quota))).Quota?.Value).toBe(6);
  const { Quotas } = await client.send(new ListServiceQuotasCommand({ ServiceCode: 'fargate' }));
  expect(Quotas?.map(({ QuotaCode, Value }) => [QuotaCode, Value])).toEqual([
    ['L-3032A538', 16],
    ['L-36FBB829', 4000],
  ]);
  const other = client.send(new GetServiceQuotaCommand({ ...quota, QuotaCode: 'L-0' }));
  expect(await failure(other)).toEqual(['NoSuchResourceException', expect.stringContaining('L-0'), 400]);
});

it('ECR shows images by digest and tag, with AWS’s errors', async () => {
  const client = new ECRClient(clientSettings(server));
  const digest = `sha256:${'a'.repeat(64)}`;
  const repositoryName = 'agents';
  server.aws.repositories.push({ repository: repositoryName, digest, tags: ['1.33.0'], manifest: '{"a":1}' });
  server.aws.repositories.push({ repository: repositoryName, digest: `sha256:${'b'.repeat(64)}` });
  const one = await client.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag: '1.33.0' }] }));
  expect(one.imageDetails).toEqual([
    expect.objectContaining({ imageDigest: digest, imageTags: ['1.33.0'], imagePushedAt: expect.any(Date) }),
  ]);
  expect((await client.send(new DescribeImagesCommand({ repositoryName }))).imageDetails).toHaveLength(2);
  const missing = client.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageTag: 'x' }] }));
  expect(await failure(missing)).toEqual([
    'ImageNotFoundException',
    "The image with imageId {imageDigest:'null', imageTag:'x'} does not exist within the repository with name 'agents' in the registry with id '000000000000'",
    400,
  ]);
  const both = await client.send(
    new BatchGetImageCommand({ repositoryName, imageIds: [{ imageDigest: digest }, { imageTag: 'x' }] }),
  );
  expect(both.images?.map(({ imageManifest }) => imageManifest)).toEqual(['{"a":1}']);
  expect(both.failures).toEqual([
    { imageId: { imageTag: 'x' }, failureCode: 'ImageNotFound', failureReason: 'Requested image not found' },
  ]);
  const other = client.send(new DescribeRepositoriesCommand({ repositoryNames: ['other'] }));
  expect(await failure(other)).toEqual([
    'RepositoryNotFoundException',
    "The repository with name 'other' does not exist in the registry with id '000000000000'",
    400,
  ]);
});

it('Secrets Manager shows the KMS key, the tags and the dates of a secret', async () => {
  const client = new SecretsManagerClient(clientSettings(server));
  const Tags = [{ Key: 'team', Value: 'platform' }];
  await client.send(new CreateSecretCommand({ Name: 's', KmsKeyId: 'alias/x', SecretString: 'v', Tags }));
  const secret = await client.send(new DescribeSecretCommand({ SecretId: 's' }));
  expect(secret).toMatchObject({
    KmsKeyId: 'alias/x',
    Tags,
    CreatedDate: expect.any(Date),
    LastChangedDate: expect.any(Date),
  });
});
