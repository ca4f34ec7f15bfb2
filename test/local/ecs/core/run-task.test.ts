import { describe, expect, it } from 'vitest';
import { VENDOR_RATES } from '../../../../local/ecs/core/ecs.ts';
import { AGENT_DEFINITION, errorOf, NETWORK, only, PHASES, virtualEcs } from './virtual-ecs.ts';

const HOUR = 3_600_000;
const inNetwork = (awsvpcConfiguration: object) => ({ networkConfiguration: { awsvpcConfiguration } });
const overriding = (container: object) => ({ overrides: { containerOverrides: [container] } });
const SPOT = { launchType: undefined, capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }] };

describe('a repeated clientToken', () => {
  it('returns the task of the first call, and launches nothing', () => {
    const { run, ecs } = virtualEcs();
    const first = only(run({ clientToken: 'run-1/plan/1' }).tasks);
    expect(only(run({ clientToken: 'run-1/plan/1' }).tasks).taskArn).toBe(first.taskArn);
    expect([...ecs.tasks()]).toHaveLength(1);
  });

  it('returns the task of the first call even if the task has stopped or is no longer shown', () => {
    const { run, time, call, runner } = virtualEcs();
    const { taskArn } = only(run({ clientToken: 't' }).tasks);
    time.pass(10_000);
    runner.container(0).events.exited(0);
    time.pass(PHASES.deprovisionMs);
    expect(only(run({ clientToken: 't' }).tasks)).toMatchObject({ taskArn, lastStatus: 'STOPPED' });
    time.pass(2 * HOUR);
    expect(call('DescribeTasks', { cluster: 'agents', tasks: [taskArn] }).failures).toEqual([
      { arn: taskArn, reason: 'MISSING' },
    ]);
    expect(only(run({ clientToken: 't' }).tasks)).toMatchObject({ taskArn, lastStatus: 'STOPPED' });
  });

  it.each([
    ['tags', { tags: [{ key: 'at', value: '2' }] }],
    ['startedBy', { startedBy: 'run-2' }],
    ['count', { count: 2 }],
    ['overrides', overriding({ name: 'agent', command: ['x'] })],
    ['subnets', inNetwork({ subnets: ['subnet-b'], securityGroups: ['sg-1'] })],
  ])('causes a ConflictException with the task’s ARN if the request has different %s', (_what, change) => {
    const { run } = virtualEcs();
    const { taskArn } = only(run({ clientToken: 't' }).tasks);
    expect(errorOf(() => run({ clientToken: 't', ...change }))).toMatchObject({
      code: 'ConflictException',
      status: 400,
      members: { resourceIds: [taskArn] },
    });
  });

  it('doesn’t conflict if only the order of members differs, or if defaults are explicit', () => {
    const { run } = virtualEcs();
    const { taskArn } = only(run({ clientToken: 't' }).tasks);
    const again = run({ count: 1, enableExecuteCommand: false, tags: [], clientToken: 't' });
    expect(only(again.tasks).taskArn).toBe(taskArn);
  });

  it('causes a conflict after a newer revision of the family, unless the rules compare the given text', () => {
    const strict = virtualEcs();
    const { taskArn } = only(strict.run({ clientToken: 't' }).tasks);
    strict.call('RegisterTaskDefinition', AGENT_DEFINITION);
    expect(errorOf(() => strict.run({ clientToken: 't' }))).toMatchObject({ members: { resourceIds: [taskArn] } });

    const lenient = virtualEcs({ clientTokens: { ttlMs: 24 * HOUR, compareRevision: false } });
    const first = only(lenient.run({ clientToken: 't' }).tasks);
    lenient.call('RegisterTaskDefinition', AGENT_DEFINITION);
    expect(only(lenient.run({ clientToken: 't' }).tasks).taskArn).toBe(first.taskArn);
  });

  it('has no effect in another cluster', () => {
    const { run, call } = virtualEcs();
    call('CreateCluster', { clusterName: 'others' });
    const { taskArn } = only(run({ clientToken: 't' }).tasks);
    expect(only(run({ clientToken: 't', cluster: 'others', startedBy: 'x' }).tasks).taskArn).not.toBe(taskArn);
  });

  it('is forgotten after 24 hours', () => {
    const { run, time } = virtualEcs();
    const { taskArn } = only(run({ clientToken: 't' }).tasks);
    time.pass(24 * HOUR - 1);
    expect(only(run({ clientToken: 't' }).tasks).taskArn).toBe(taskArn);
    time.pass(1);
    expect(only(run({ clientToken: 't' }).tasks).taskArn).not.toBe(taskArn);
  });

  it('is forgotten some time after its task stopped, if the rules set that time', () => {
    const { run, time, runner } = virtualEcs({ clientTokens: { ttlMs: 24 * HOUR, afterStoppedMs: HOUR } });
    const { taskArn } = only(run({ clientToken: 't' }).tasks);
    time.pass(2 * HOUR);
    runner.container(0).events.exited(0);
    time.pass(PHASES.deprovisionMs + HOUR - 1);
    expect(only(run({ clientToken: 't' }).tasks).taskArn).toBe(taskArn);
    time.pass(1);
    expect(only(run({ clientToken: 't' }).tasks).taskArn).not.toBe(taskArn);
  });

  it('isn’t remembered if its call launched nothing', () => {
    const { ecs, run } = virtualEcs();
    const over = ecs.capacity.refuse({});
    expect(run({ clientToken: 't' }).tasks).toEqual([]);
    over();
    expect(run({ clientToken: 't', startedBy: 'other' }).tasks).toHaveLength(1);
  });

  it('is used up even if its call launched nothing, if the rules say so', () => {
    const { ecs, run, time } = virtualEcs({ clientTokens: { ttlMs: 24 * HOUR, failedLaunchUsesToken: true } });
    const over = ecs.capacity.refuse({});
    const { failures } = run({ clientToken: 't' });
    over();
    expect(run({ clientToken: 't' })).toMatchObject({ tasks: [], failures });
    expect(errorOf(() => run({ clientToken: 't', startedBy: 'other' }))).toMatchObject({
      members: { resourceIds: [] },
    });
    time.pass(24 * HOUR);
    expect(run({ clientToken: 't' }).tasks).toHaveLength(1);
  });
});

describe('RunTask', () => {
  it.each<[string, object, RegExp, string?]>([
    ['more than ten tasks', { count: 11 }, /1 to 10/],
    ['a count of zero', { count: 0 }, /1 to 10/],
    ['a count that isn’t a number', { count: '1' }, /count/, 'SerializationException'],
    ['a client token of 65 characters', { clientToken: 'x'.repeat(65) }, /clientToken/],
    ['a client token with a space', { clientToken: 'a b' }, /clientToken/],
    ['a client token that isn’t ASCII', { clientToken: 'ä' }, /clientToken/],
    ['startedBy of 129 characters', { startedBy: 'x'.repeat(129) }, /startedBy/],
    ['startedBy with a dot', { startedBy: 'run.1' }, /startedBy/],
    ['startedBy with a colon', { startedBy: 'run:1' }, /startedBy/],
    ['secrets in the overrides', overriding({ name: 'agent', secrets: [] }), /"secrets"/],
    ['an image in the overrides', overriding({ name: 'agent', image: 'x' }), /"image"/],
    ['an override without a name', overriding({ command: ['x'] }), /container name/],
    ['an override of an unknown container', overriding({ name: 'other' }), /container named other is not a container/],
    [
      'overrides of more than 8192 characters',
      overriding({ name: 'agent', command: ['x'.repeat(8200)] }),
      /at most 8192/,
    ],
    ['an override of cpu that doesn’t fit the memory', { overrides: { cpu: '2048' } }, /No Fargate configuration/],
    ['20 GiB of storage', { overrides: { ephemeralStorage: { sizeInGiB: 20 } } }, /21 to 200/],
    [
      'a request without a network configuration',
      { networkConfiguration: undefined },
      /Network Configuration must be provided/,
    ],
    ['a network configuration without a subnet', inNetwork({ subnets: [] }), /subnets/],
    ['17 subnets', inNetwork({ subnets: Array.from({ length: 17 }, (_, i) => `subnet-${i}`) }), /16/],
    ['six security groups', inNetwork({ subnets: ['subnet-a'], securityGroups: ['1', '2', '3', '4', '5', '6'] }), /5/],
    ['51 tags', { tags: Array.from({ length: 51 }, (_, i) => ({ key: `k${i}`, value: '' })) }, /50/],
    ['a tag key of 129 characters', { tags: [{ key: 'k'.repeat(129), value: '' }] }, /128/],
    ['a tag value of 257 characters', { tags: [{ key: 'k', value: 'v'.repeat(257) }] }, /256/],
    ['a tag that begins with aws:', { tags: [{ key: 'AWS:x', value: '' }] }, /aws:/],
    ['the same tag twice', { tags: ['1', '2'].map((value) => ({ key: 'k', value })) }, /[Dd]uplicate/],
    [
      'a launch type together with a strategy',
      { capacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1 }] },
      /both a launch type and capacity provider strategy/,
    ],
    ['the launch type EC2, because there are no instances', { launchType: 'EC2' }, /No Container Instances/],
    ['a request without a launch type, which means EC2', { launchType: undefined }, /No Container Instances/],
    ['an unknown cluster', { cluster: 'nowhere' }, /Cluster not found/, 'ClusterNotFoundException'],
    ['an unknown family', { taskDefinition: 'nothing' }, /TaskDefinition not found/, 'ClientException'],
    ['an unknown revision', { taskDefinition: 'agent:9' }, /TaskDefinition not found/, 'ClientException'],
    ['a request without a task definition', { taskDefinition: undefined }, /TaskDefinition can not be blank/],
    ['an unknown platform version', { platformVersion: '9.9' }, /platform version/, 'PlatformUnknownException'],
    ['ECS Exec without a task role', { enableExecuteCommand: true }, /taskRoleArn/],
    ['tags that come from a service', { propagateTags: 'SERVICE' }, /SERVICE/],
  ])('refuses %s', (_what, change, message, code = 'InvalidParameterException') => {
    const { run, ecs } = virtualEcs();
    const error = errorOf(() => run(change));
    expect(error).toMatchObject({ code });
    expect(String(error)).toMatch(message);
    expect([...ecs.tasks()]).toEqual([]);
  });

  it('refuses a capacity provider that the cluster doesn’t have', () => {
    const { call, run } = virtualEcs();
    call('CreateCluster', { clusterName: 'plain' });
    expect(String(errorOf(() => run({ cluster: 'plain', ...SPOT })))).toMatch(/not associated with the cluster/);
  });

  it('refuses an inactive task definition', () => {
    const { call, run } = virtualEcs();
    call('DeregisterTaskDefinition', { taskDefinition: 'agent:1' });
    expect(errorOf(() => run({ taskDefinition: 'agent:1' }))).toMatchObject({ code: 'ClientException' });
  });

  it('refuses unknown subnets and security groups if the VPC is strict', () => {
    const { run } = virtualEcs({
      vpc: { subnets: [{ id: 'subnet-a', availabilityZone: 'a' }], securityGroups: ['sg-1'], strict: true },
    });
    expect(run().tasks).toHaveLength(1);
    const errorIn = (network: object) => String(errorOf(() => run(inNetwork(network))));
    expect(errorIn({ subnets: ['subnet-x'] })).toMatch(/subnet-x.*InvalidSubnetID.NotFound/);
    expect(errorIn({ subnets: ['subnet-a'], securityGroups: ['sg-x'] })).toMatch(/sg-x.*InvalidGroup.NotFound/);
  });
});

describe('Fargate capacity', () => {
  it('is limited by the vCPU quota: RunTask then returns no task but a failure with the reason', () => {
    const { run, time, runner } = virtualEcs({ quotas: { onDemandVcpus: 2 } });
    expect(run({ count: 3 })).toMatchObject({
      tasks: [{ cpu: '1024' }, { cpu: '1024' }],
      failures: [{ reason: "You've reached the limit on the number of vCPUs you can run concurrently" }],
    });
    expect(run().tasks).toEqual([]);
    time.pass(10_000);
    runner.container(0).events.exited(0);
    time.pass(PHASES.deprovisionMs);
    expect(run().tasks).toHaveLength(1);
  });

  it('has a separate quota for Spot', () => {
    const { run } = virtualEcs({ quotas: { onDemandVcpus: 1, spotVcpus: 1 } });
    expect(run().tasks).toHaveLength(1);
    expect(only(run(SPOT).tasks).capacityProviderName).toBe('FARGATE_SPOT');
    expect(run().tasks).toEqual([]);
    expect(run(SPOT).tasks).toEqual([]);
  });

  it('can be missing in one zone only', () => {
    const { ecs, run } = virtualEcs();
    ecs.capacity.refuse({ availabilityZone: 'eu-central-1a' });
    expect(run().failures?.[0]?.reason).toMatch(/Capacity is unavailable at this time/);
    const both = inNetwork({ subnets: ['subnet-a', 'subnet-b'] });
    const zones = [1, 2, 3].map(() => only(run(both).tasks).availabilityZone);
    expect(new Set(zones)).toEqual(new Set(['eu-central-1b']));
  });

  it('can be missing for Spot only, or for a number of tasks', () => {
    const { ecs, run } = virtualEcs();
    ecs.capacity.refuse({ capacityProvider: 'FARGATE_SPOT', times: 1, reason: 'RESOURCE:ENI' });
    expect(run().tasks).toHaveLength(1);
    expect(run(SPOT).failures).toEqual([{ reason: 'RESOURCE:ENI' }]);
    expect(run(SPOT).tasks).toHaveLength(1);
  });

  it('is divided between providers by base and weight', () => {
    const { run } = virtualEcs();
    const { tasks } = run({
      count: 10,
      launchType: undefined,
      capacityProviderStrategy: [
        { capacityProvider: 'FARGATE', base: 2, weight: 1 },
        { capacityProvider: 'FARGATE_SPOT', weight: 3 },
      ],
    });
    expect(tasks?.filter(({ capacityProviderName }) => capacityProviderName === 'FARGATE')).toHaveLength(4);
  });
});

describe('rate limits', () => {
  it('allow 20 calls immediately and then 20 per second', () => {
    const { run, time } = virtualEcs({ rates: VENDOR_RATES });
    for (let call = 0; call < 20; call += 1) run({ clientToken: 'same' });
    expect(errorOf(() => run())).toMatchObject({ code: 'ThrottlingException', message: 'Rate exceeded', status: 400 });
    time.pass(50);
    expect(run().tasks).toHaveLength(1);
    time.pass(60_000);
    for (let call = 0; call < 20; call += 1) run({ clientToken: 'same' });
    expect(errorOf(() => run())).toMatchObject({ code: 'ThrottlingException' });
  });

  it('allow 100 tasks immediately and then 20 per second, separately for On-Demand and Spot', () => {
    const { run, time } = virtualEcs({ rates: VENDOR_RATES });
    for (let call = 0; call < 10; call += 1) run({ count: 10 });
    expect(errorOf(() => run())).toMatchObject({ code: 'ThrottlingException' });
    expect(run(SPOT).tasks).toHaveLength(1);
    time.pass(500);
    expect(run({ count: 10 }).tasks).toHaveLength(10);
  });
});

describe('a new task', () => {
  it('has the size and storage of its overrides, and tags from three sources', () => {
    const { call, run } = virtualEcs();
    call('RegisterTaskDefinition', {
      ...AGENT_DEFINITION,
      tags: [
        { key: 'from', value: 'definition' },
        { key: 'own', value: 'x' },
      ],
    });
    const task = only(
      run({
        networkConfiguration: NETWORK,
        overrides: { cpu: '2 vCPU', memory: '4 GB', ephemeralStorage: { sizeInGiB: 50 } },
        propagateTags: 'TASK_DEFINITION',
        enableECSManagedTags: true,
        tags: [{ key: 'own', value: 'y' }],
      }).tasks,
    );
    expect(task).toMatchObject({ cpu: '2048', memory: '4096', ephemeralStorage: { sizeInGiB: 50 } });
    expect(task.tags).toEqual([
      { key: 'from', value: 'definition' },
      { key: 'own', value: 'y' },
      { key: 'aws:ecs:clusterName', value: 'agents' },
    ]);
  });

  it('has an ARN in AWS’s format', () => {
    const { run } = virtualEcs();
    expect(only(run().tasks).taskArn).toMatch(/^arn:aws:ecs:eu-central-1:000000000000:task\/agents\/[0-9a-f]{32}$/);
  });
});
