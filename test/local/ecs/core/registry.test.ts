import { describe, expect, it } from 'vitest';
import { AGENT_DEFINITION, errorOf, only, virtualEcs } from './virtual-ecs.ts';

const container = (members: object) => ({ containerDefinitions: [{ name: 'agent', image: 'agent', ...members }] });

describe('RegisterTaskDefinition', () => {
  it('counts revisions; the name of a family means its latest active revision', () => {
    const { call } = virtualEcs();
    call('RegisterTaskDefinition', AGENT_DEFINITION);
    expect(call('DescribeTaskDefinition', { taskDefinition: 'agent' }).taskDefinition?.revision).toBe(2);
    call('DeregisterTaskDefinition', { taskDefinition: 'agent:2' });
    expect(call('DescribeTaskDefinition', { taskDefinition: 'agent' }).taskDefinition?.revision).toBe(1);
    expect(call('DescribeTaskDefinition', { taskDefinition: 'agent:2' }).taskDefinition?.status).toBe('INACTIVE');
    expect(call('ListTaskDefinitions', { familyPrefix: 'agent' }).taskDefinitionArns).toEqual([
      'arn:aws:ecs:eu-central-1:000000000000:task-definition/agent:1',
    ]);
    call('RegisterTaskDefinition', AGENT_DEFINITION);
    expect(call('DescribeTaskDefinition', { taskDefinition: 'agent' }).taskDefinition?.revision).toBe(3);
  });

  it('keeps its input, and returns sizes as numbers', () => {
    const { call } = virtualEcs();
    const { taskDefinition } = call('RegisterTaskDefinition', {
      ...AGENT_DEFINITION,
      cpu: '.5 vCPU',
      memory: '1 GB',
      runtimePlatform: { cpuArchitecture: 'ARM64', operatingSystemFamily: 'LINUX' },
      volumes: [{ name: 'work' }],
      ...container({
        dependsOn: [{ containerName: 'other', condition: 'START' }],
        mountPoints: [{ sourceVolume: 'work', containerPath: '/data' }],
        linuxParameters: { initProcessEnabled: true, capabilities: { drop: ['ALL'] } },
        readonlyRootFilesystem: true,
      }),
    });
    expect(taskDefinition).toMatchObject({
      cpu: '512',
      memory: '1024',
      status: 'ACTIVE',
      compatibilities: ['EC2', 'FARGATE'],
      runtimePlatform: { cpuArchitecture: 'ARM64' },
      containerDefinitions: [
        { essential: true, dependsOn: [{ containerName: 'other' }], readonlyRootFilesystem: true },
      ],
    });
  });

  it.each([
    ['cpu and memory that don’t fit together', { cpu: '256', memory: '4096' }, /No Fargate configuration exists/],
    ['memory between two allowed sizes', { cpu: '1024', memory: '2500' }, /No Fargate configuration exists/],
    ['cpu that isn’t a number', { cpu: 'much' }, /Invalid 'cpu'/],
    ['no cpu', { cpu: undefined }, /'cpu' be defined at the task level/],
    ['no memory', { memory: undefined }, /'memory' be defined at the task level/],
    ['another network mode', { networkMode: 'bridge' }, /only supports network mode 'awsvpc'/],
    ['20 GiB of storage', { ephemeralStorage: { sizeInGiB: 20 } }, /21 to 200/],
    ['201 GiB of storage', { ephemeralStorage: { sizeInGiB: 201 } }, /21 to 200/],
    ['a stopTimeout of 121 s', container({ stopTimeout: 121 }), /2 to 120/],
    ['a stopTimeout of 1 s', container({ stopTimeout: 1 }), /2 to 120/],
    ['a privileged container', container({ privileged: true }), /privileged/],
    ['a capability to add', container({ linuxParameters: { capabilities: { add: ['NET_ADMIN'] } } }), /NET_ADMIN/],
    ['tmpfs', container({ linuxParameters: { tmpfs: [{}] } }), /tmpfs/],
    ['extra hosts', container({ extraHosts: [{}] }), /extraHosts/],
    ['a host volume', { volumes: [{ name: 'v', host: { sourcePath: '/' } }] }, /sourcePath/],
    [
      'a mount of an unknown volume',
      container({ mountPoints: [{ sourceVolume: 'v', containerPath: '/v' }] }),
      /Unknown volume 'v'/,
    ],
    [
      'secrets without an execution role',
      { executionRoleArn: undefined, ...container({ secrets: [{ name: 'T', valueFrom: 't' }] }) },
      /executionRoleArn/,
    ],
    [
      'awslogs without its options',
      container({ logConfiguration: { logDriver: 'awslogs', options: {} } }),
      /awslogs-group, awslogs-region, awslogs-stream-prefix/,
    ],
    [
      'a log driver that Fargate doesn’t support',
      container({ logConfiguration: { logDriver: 'json-file' } }),
      /json-file/,
    ],
    [
      'two containers with the same name',
      {
        containerDefinitions: [
          { name: 'a', image: 'x' },
          { name: 'a', image: 'y' },
        ],
      },
      /unique/,
    ],
    ['no essential container', container({ essential: false }), /essential/],
    [
      'eleven containers',
      { containerDefinitions: Array.from({ length: 11 }, (_, i) => ({ name: `c${i}`, image: 'x' })) },
      /at most 10/,
    ],
    ['no container', { containerDefinitions: [] }, /should not be null or empty/],
    ['no image', { containerDefinitions: [{ name: 'a' }] }, /Container.image should not be null or empty/],
    ['a family with a dot', { family: 'a.b' }, /Invalid family/],
    ['no family', { family: undefined }, /Family should not be null or empty/],
  ])('refuses %s', (_what, change, message) => {
    const { call } = virtualEcs();
    expect(String(errorOf(() => call('RegisterTaskDefinition', { ...AGENT_DEFINITION, ...change })))).toMatch(message);
    expect(call('ListTaskDefinitions').taskDefinitionArns).toHaveLength(1);
  });

  it.each([
    [256, [512, 1024, 2048]],
    [512, [1024, 4096]],
    [4096, [8192, 30720]],
    [16384, [32768, 122880]],
  ])('accepts %i CPU units with %j MiB', (cpu, memories) => {
    const { call } = virtualEcs();
    for (const memory of memories) {
      call('RegisterTaskDefinition', { ...AGENT_DEFINITION, cpu: String(cpu), memory: String(memory) });
    }
    expect(call('ListTaskDefinitions').taskDefinitionArns).toHaveLength(1 + memories.length);
  });

  it('accepts a definition that doesn’t support Fargate, but RunTask then refuses it there', () => {
    const { call, run } = virtualEcs();
    call('RegisterTaskDefinition', {
      family: 'ec2',
      containerDefinitions: [{ name: 'a', image: 'x', memory: 64, privileged: true }],
    });
    expect(String(errorOf(() => run({ taskDefinition: 'ec2' })))).toMatch(/does not support launch_type FARGATE/);
  });
});

it('ListTaskDefinitions has pages in either sort order', () => {
  const { call } = virtualEcs();
  for (let index = 0; index < 3; index += 1)
    call('RegisterTaskDefinition', { ...AGENT_DEFINITION, family: `f${index}` });
  const first = call('ListTaskDefinitions', { maxResults: 3, sort: 'DESC' });
  const second = call('ListTaskDefinitions', { maxResults: 3, sort: 'DESC', nextToken: first.nextToken });
  const families = [...(first.taskDefinitionArns ?? []), ...(second.taskDefinitionArns ?? [])].map(
    (arn) => arn.split('/')[1],
  );
  expect(families).toEqual(['f2:1', 'f1:1', 'f0:1', 'agent:1']);
});

describe('clusters', () => {
  it('are created once, show their numbers of tasks, and can be deleted when they are empty', () => {
    const { call, run, time } = virtualEcs();
    call('CreateCluster', { clusterName: 'agents', tags: [{ key: 'late', value: '' }] });
    run({ count: 2 });
    time.pass(10_000);
    run();
    expect(
      call('DescribeClusters', { clusters: ['agents', 'nowhere'], include: ['STATISTICS', 'TAGS'] }),
    ).toMatchObject({
      clusters: [{ clusterName: 'agents', status: 'ACTIVE', runningTasksCount: 2, pendingTasksCount: 1, tags: [] }],
      failures: [{ arn: 'arn:aws:ecs:eu-central-1:000000000000:cluster/nowhere', reason: 'MISSING' }],
    });
    expect(errorOf(() => call('DeleteCluster', { cluster: 'agents' }))).toMatchObject({
      code: 'ClusterContainsTasksException',
    });
    call('CreateCluster', { clusterName: 'empty' });
    call('DeleteCluster', { cluster: 'arn:aws:ecs:eu-central-1:000000000000:cluster/empty' });
    expect(call('ListClusters')).toEqual({ clusterArns: ['arn:aws:ecs:eu-central-1:000000000000:cluster/agents'] });
  });

  it('have a default strategy, which RunTask uses if the request has none', () => {
    const { call, run } = virtualEcs();
    const strategy = [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }];
    call('PutClusterCapacityProviders', {
      cluster: 'agents',
      capacityProviders: ['FARGATE_SPOT'],
      defaultCapacityProviderStrategy: strategy,
    });
    expect(only(run({ launchType: undefined }).tasks).capacityProviderName).toBe('FARGATE_SPOT');
  });
});

describe('tags', () => {
  it('are added, replaced and removed on clusters, task definitions and tasks', () => {
    const { call, run } = virtualEcs();
    const { taskArn } = only(run().tasks);
    const arns = [
      'arn:aws:ecs:eu-central-1:000000000000:cluster/agents',
      'arn:aws:ecs:eu-central-1:000000000000:task-definition/agent:1',
      taskArn,
    ];
    for (const resourceArn of arns) {
      call('TagResource', {
        resourceArn,
        tags: [
          { key: 'a', value: '1' },
          { key: 'b', value: '1' },
        ],
      });
      call('TagResource', { resourceArn, tags: [{ key: 'b', value: '2' }] });
      call('UntagResource', { resourceArn, tagKeys: ['a'] });
      expect(call('ListTagsForResource', { resourceArn }).tags).toEqual([{ key: 'b', value: '2' }]);
    }
  });

  it('are limited to 50 per resource', () => {
    const { call } = virtualEcs();
    const resourceArn = 'arn:aws:ecs:eu-central-1:000000000000:cluster/agents';
    const tags = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ key: `k${from + index}`, value: '' }));
    call('TagResource', { resourceArn, tags: tags(0, 50) });
    expect(errorOf(() => call('TagResource', { resourceArn, tags: tags(50, 1) }))).toMatchObject({
      code: 'InvalidParameterException',
    });
  });
});
