/** EC2's instances on the wire, with AWS's SDK for JavaScript. */
import {
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  type DescribeInstancesCommandInput,
  DescribeNetworkInterfacesCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  ModifyNetworkInterfaceAttributeCommand,
  paginateDescribeInstances,
  RunInstancesCommand,
  type RunInstancesCommandInput,
  StartInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterEach, describe, expect, it } from 'vitest';
import { unauthorized } from '../../../local/aws/core/ec2/wording.ts';
import type { InstancesOptions } from '../../../local/aws/services.ts';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';
import { VirtualTime } from '../ecs/core/virtual-ecs.ts';
import { clientSettings } from '../ecs/local-ecs.ts';
import { INTERFACE, TEMPLATE } from './core/virtual-instances.ts';

let server: EcsServer | undefined;
afterEach(() => server?.close());

const START = Date.parse('2026-11-24T06:00:00Z');

/** A server in virtual time, with the launch template `lt-1`. */
async function start(instances: InstancesOptions = {}) {
  const time = new VirtualTime();
  const started = await startEcs({ scheduler: time, aws: { instances } });
  server = started;
  const { aws } = started;
  aws.instances.interfaces.put(INTERFACE);
  aws.instances.templates.putImage(TEMPLATE.imageId);
  aws.instances.templates.put(TEMPLATE);
  const client = new EC2Client(clientSettings(started));
  const run = async (more: Partial<RunInstancesCommandInput> = {}) => {
    const LaunchTemplate = { LaunchTemplateId: TEMPLATE.id, Version: '1' };
    const { Instances = [] } = await client.send(
      new RunInstancesCommand({ LaunchTemplate, MinCount: 1, MaxCount: 1, ...more }),
    );
    return Instances[0] ?? {};
  };
  const list = async (input: DescribeInstancesCommandInput = {}) => {
    const { Reservations = [] } = await client.send(new DescribeInstancesCommand(input));
    return Reservations.flatMap(({ Instances = [] }) => Instances);
  };
  return { server: started, time, client, run, list, instances: aws.instances };
}

const failure = (answer: Promise<unknown>) =>
  answer.then(
    () => 'no error',
    (error: Error & { $metadata?: { httpStatusCode?: number } }) => [
      error.name,
      error.message,
      error.$metadata?.httpStatusCode,
    ],
  );

describe('an instance', () => {
  it('shows what EC2 shows while it is pending, running, stopped and terminated', async () => {
    const { time, client, run, list } = await start();
    await client.send(
      new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: 'eni-1', AssociatePublicIpAddress: true }),
    );
    time.pass(700);
    const created = await run({
      ClientToken: 'one',
      TagSpecifications: [
        { ResourceType: 'instance', Tags: [{ Key: 'agent-launcher:created', Value: 'now' }] },
        { ResourceType: 'volume', Tags: [{ Key: 'of', Value: 'the volume' }] },
      ],
    });
    const id = created.InstanceId ?? '';
    expect(id).toMatch(/^i-[0-9a-f]{17}$/);
    expect(created).toMatchObject({
      State: { Code: 0, Name: 'pending' },
      InstanceType: 't4g.nano',
      ImageId: 'ami-1',
      Architecture: 'arm64',
      ClientToken: 'one',
      // EC2 shows whole seconds.
      LaunchTime: new Date(START),
      Placement: { AvailabilityZone: 'eu-central-1a' },
      SubnetId: 'subnet-1',
      VpcId: 'vpc-1',
      PrivateIpAddress: '10.0.9.4',
      Tags: [
        { Key: 'agent-launcher:gateway', Value: 'L/gateway-1' },
        { Key: 'agent-launcher:created', Value: 'now' },
      ],
      NetworkInterfaces: [{ NetworkInterfaceId: 'eni-1', Attachment: { DeviceIndex: 0, DeleteOnTermination: false } }],
    });
    expect(created).not.toHaveProperty('PublicIpAddress');

    time.pass(8_000);
    const [running] = await list({ InstanceIds: [id] });
    expect(running).toMatchObject({ State: { Code: 16, Name: 'running' }, PublicIpAddress: '198.51.100.1' });
    expect(running?.NetworkInterfaces?.[0]?.Association).toMatchObject({
      PublicIp: '198.51.100.1',
      IpOwnerId: 'amazon',
    });
    expect(running).not.toHaveProperty('StateReason');

    expect(await client.send(new StopInstancesCommand({ InstanceIds: [id] }))).toMatchObject({
      StoppingInstances: [
        { InstanceId: id, CurrentState: { Code: 64, Name: 'stopping' }, PreviousState: { Code: 16, Name: 'running' } },
      ],
    });
    time.pass(10_000);
    const [stopped] = await list();
    expect(stopped).toMatchObject({
      State: { Code: 80, Name: 'stopped' },
      StateReason: {
        Code: 'Client.UserInitiatedShutdown',
        Message: 'Client.UserInitiatedShutdown: User initiated shutdown',
      },
      StateTransitionReason: 'User initiated (2026-11-24 06:00:08 GMT)',
      PrivateIpAddress: '10.0.9.4',
    });
    expect(stopped).not.toHaveProperty('PublicIpAddress');

    const started = await client.send(new StartInstancesCommand({ InstanceIds: [id] }));
    expect(started.StartingInstances).toMatchObject([
      { CurrentState: { Name: 'pending' }, PreviousState: { Name: 'stopped' } },
    ]);
    time.pass(6_000);
    expect(await list()).toMatchObject([{ State: { Name: 'running' }, LaunchTime: new Date(START + 18_000) }]);

    const terminate = () => client.send(new TerminateInstancesCommand({ InstanceIds: [id] }));
    expect(await failure(terminate())).toEqual([
      'OperationNotPermitted',
      `The instance '${id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.`,
      400,
    ]);
    await client.send(new ModifyInstanceAttributeCommand({ InstanceId: id, DisableApiTermination: { Value: false } }));
    expect((await terminate()).TerminatingInstances).toMatchObject([
      { CurrentState: { Code: 32, Name: 'shutting-down' } },
    ]);
    time.pass(30_000);
    const [terminated] = await list();
    expect(terminated).toMatchObject({ State: { Code: 48, Name: 'terminated' }, NetworkInterfaces: [] });
    expect(terminated).not.toHaveProperty('PrivateIpAddress');
    expect(terminated?.Tags).toHaveLength(2);
  });

  it('has tags that can be added, replaced and removed', async () => {
    const { client, run, list } = await start();
    const { InstanceId: id = '' } = await run();
    const tags = async () => (await list())[0]?.Tags;
    await client.send(
      new CreateTagsCommand({
        Resources: [id],
        Tags: [
          { Key: 'agent-launcher:gateway', Value: 'other' },
          { Key: 'a', Value: '' },
        ],
      }),
    );
    expect(await tags()).toEqual([
      { Key: 'agent-launcher:gateway', Value: 'other' },
      { Key: 'a', Value: '' },
    ]);
    await client.send(new DeleteTagsCommand({ Resources: [id], Tags: [{ Key: 'agent-launcher:gateway' }] }));
    expect(await tags()).toEqual([{ Key: 'a', Value: '' }]);
  });
});

describe('DescribeInstances', () => {
  async function three() {
    const system = await start();
    for (const index of [2, 3]) {
      system.instances.interfaces.put({ ...INTERFACE, id: `eni-${index}` });
      const tags = { 'agent-launcher:gateway': `L/gateway-${index}` };
      system.instances.templates.put({ ...TEMPLATE, id: `lt-${index}`, networkInterfaceId: `eni-${index}`, tags });
    }
    const ids: string[] = [];
    for (const index of [1, 2, 3]) {
      const LaunchTemplate = { LaunchTemplateId: `lt-${index}`, Version: '1' };
      ids.push((await system.run({ LaunchTemplate })).InstanceId ?? '');
      system.time.pass(4_000);
    }
    const found = async (input: DescribeInstancesCommandInput) =>
      (await system.list(input)).map(({ InstanceId }) => ids.indexOf(InstanceId ?? ''));
    return { ...system, ids, found };
  }

  it('filters by tags, states and ids, with wildcards', async () => {
    const { ids, found } = await three();
    const byTag = (...Values: string[]) => ({ Filters: [{ Name: 'tag:agent-launcher:gateway', Values }] });
    expect(await found(byTag('L/gateway-1', 'L/gateway-3'))).toEqual([0, 2]);
    expect(await found(byTag('L/*'))).toEqual([0, 1, 2]);
    expect(await found(byTag('L/gateway-?', 'x'))).toEqual([0, 1, 2]);
    expect(await found(byTag('gateway-1'))).toEqual([]);
    const running = { Name: 'instance-state-name', Values: ['running'] };
    expect(await found({ Filters: [running] })).toEqual([0, 1]);
    expect(await found({ Filters: [running, { Name: 'instance-id', Values: [ids[1] ?? ''] }] })).toEqual([1]);
    expect(await found({ InstanceIds: [ids[2] ?? ''], Filters: [running] })).toEqual([]);
    expect(await failure(found({ Filters: [{ Name: 'other', Values: ['x'] }] }))).toEqual([
      'InvalidParameterValue',
      "The filter 'other' is invalid",
      400,
    ]);
  });

  it('pages through the instances', async () => {
    const { client, ids, instances } = await three();
    for (let index = 4; index <= 12; index += 1) {
      instances.interfaces.put({ ...INTERFACE, id: `eni-${index}` });
      instances.templates.put({ ...TEMPLATE, id: `lt-${index}`, networkInterfaceId: `eni-${index}` });
      ids.push(instances.run({ templateId: `lt-${index}`, version: '1', clientToken: undefined, tags: {} }).id);
    }
    const pages: number[] = [];
    const all: string[] = [];
    for await (const { Reservations = [] } of paginateDescribeInstances({ client, pageSize: 5 }, {})) {
      pages.push(Reservations.length);
      all.push(...Reservations.flatMap(({ Instances = [] }) => Instances.map(({ InstanceId }) => InstanceId ?? '')));
    }
    expect([pages, all]).toEqual([[5, 5, 2], ids]);
  });

  it('refuses what EC2 refuses', async () => {
    const { found, ids } = await three();
    expect(await failure(found({ InstanceIds: ['i-0'] }))).toEqual([
      'InvalidInstanceID.NotFound',
      "The instance ID 'i-0' does not exist",
      400,
    ]);
    expect(await failure(found({ InstanceIds: ids, MaxResults: 5 }))).toEqual([
      'InvalidParameterCombination',
      'The parameter instancesSet cannot be used with the parameter maxResults',
      400,
    ]);
    expect(await failure(found({ MaxResults: 4 }))).toEqual(['InvalidParameterValue', expect.any(String), 400]);
    expect(await failure(found({ NextToken: 'x' }))).toEqual(['InvalidParameterValue', expect.any(String), 400]);
    expect(await failure(found({ DryRun: true }))).toEqual(['DryRunOperation', expect.any(String), 412]);
  });

  it('shows an instance only after the read lag', async () => {
    const { time, run, list } = await start({ times: { readLagMs: 2_000 } });
    const { InstanceId: id = '' } = await run();
    expect((await failure(list({ InstanceIds: [id] })))[0]).toBe('InvalidInstanceID.NotFound');
    time.pass(2_000);
    expect(await list({ InstanceIds: [id] })).toHaveLength(1);
  });
});

it('DescribeInstanceStatus shows the status checks, and since when they fail', async () => {
  const { time, client, run, instances } = await start();
  const { InstanceId: id = '' } = await run();
  const statuses = async (IncludeAllInstances = false) =>
    (await client.send(new DescribeInstanceStatusCommand({ IncludeAllInstances }))).InstanceStatuses?.map(
      ({ InstanceState, InstanceStatus }) => [InstanceState?.Name, InstanceStatus?.Status],
    );
  expect([await statuses(), await statuses(true)]).toEqual([[], [['pending', 'not-applicable']]]);
  time.pass(8_000);
  expect(await statuses()).toEqual([['running', 'initializing']]);
  time.pass(120_000);
  expect(await statuses()).toEqual([['running', 'ok']]);
  const repair = instances.impair(id);
  const impaired = await client.send(new DescribeInstanceStatusCommand({ InstanceIds: [id] }));
  expect(impaired.InstanceStatuses?.[0]?.InstanceStatus).toEqual({
    Status: 'impaired',
    Details: [{ Name: 'reachability', Status: 'failed', ImpairedSince: new Date(START + 128_000) }],
  });
  repair();
  expect(await statuses()).toEqual([['running', 'ok']]);
});

it('DescribeNetworkInterfaces shows which instance has the interface', async () => {
  const { client, run } = await start();
  const shown = async () =>
    (await client.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: ['eni-1'] }))).NetworkInterfaces;
  expect(await shown()).toMatchObject([{ NetworkInterfaceId: 'eni-1', Status: 'available', SourceDestCheck: false }]);
  const { InstanceId } = await run();
  expect(await shown()).toMatchObject([{ Status: 'in-use', Attachment: { InstanceId, DeviceIndex: 0 } }]);
  const missing = client.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: ['eni-9'] }));
  expect((await failure(missing))[0]).toBe('InvalidNetworkInterfaceID.NotFound');
});

describe('EC2 refuses', () => {
  it('a client token with other parameters', async () => {
    const { run } = await start();
    await run({ ClientToken: 'one' });
    const LaunchTemplate = { LaunchTemplateId: 'lt-1', Version: '$Latest' };
    expect(await failure(run({ ClientToken: 'one', LaunchTemplate }))).toEqual([
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
      400,
    ]);
  });

  it('an interface in use, with the code of EC2', async () => {
    const { run } = await start();
    await run();
    expect(await failure(run())).toEqual(['InvalidNetworkInterface.InUse', 'Interface: [eni-1] in use.', 400]);
  });

  it('an instance without capacity, with a status that SDKs treat as a fault of the server', async () => {
    const { run, instances } = await start();
    instances.refuse({ cause: 'capacity', times: 1 });
    const [name, message, status] = await failure(run());
    expect([name, status]).toEqual(['InsufficientInstanceCapacity', 500]);
    expect(message).toContain(
      'We currently do not have sufficient t4g.nano capacity in the Availability Zone you requested',
    );
  });

  it('more vCPUs than the account’s quota', async () => {
    const {
      server: { aws },
      run,
    } = await start();
    aws.quotas.set('L-1216C47A', 1);
    expect((await failure(run()))[0]).toBe('VcpuLimitExceeded');
  });

  it('requests beyond its rates, if the server applies them', async () => {
    const { time, client } = await start({ rates: true });
    const call = () => failure(client.send(new StartInstancesCommand({ InstanceIds: ['i-0'] })));
    const codes: unknown[] = [];
    for (let index = 0; index < 6; index += 1) codes.push((await call())[0]);
    expect(codes).toEqual([...Array<string>(5).fill('InvalidInstanceID.NotFound'), 'RequestLimitExceeded']);
    expect(await call()).toEqual([
      'RequestLimitExceeded',
      'Request limit exceeded. Account 000000000000 has been throttled on ec2:StartInstances because it exceeded its request rate limit.',
      503,
    ]);
    time.pass(500);
    expect((await call())[0]).toBe('InvalidInstanceID.NotFound');
  });

  it('an action that the caller may not do, if a test says so', async () => {
    const {
      server: { faults },
      run,
    } = await start();
    const { code, message, status } = unauthorized('RunInstances');
    faults.next('RunInstances', { kind: 'error', code, message, status });
    expect(await failure(run())).toEqual(['UnauthorizedOperation', expect.stringContaining('ec2:RunInstances'), 403]);
  });

  it('parameters that this emulator does not know', async () => {
    const { run, client } = await start();
    expect(await failure(run({ KeyName: 'x' }))).toEqual([
      'UnknownParameter',
      'The parameter KeyName is not recognized',
      400,
    ]);
    const nothing = client.send(new StopInstancesCommand({ InstanceIds: [] }));
    expect(await failure(nothing)).toEqual([
      'MissingParameter',
      'The request must contain the parameter InstanceId',
      400,
    ]);
  });
});
