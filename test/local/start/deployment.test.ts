import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { agentLogGroup, launcherFunction } from '../../../lib/names.ts';
import { FUNCTION, LauncherLog } from '../../../local/start/deployment.ts';
import { LAUNCHER, taskDefinition } from '../../../local/start/task-definition.ts';
import { type LocalWorld, startWorld } from '../../../local/start/world.ts';
import { EXISTING_VPC, propertiesOf, REGISTRY_IMAGE, templateOf } from '../../lib/synthesis.ts';

/** What the app deploys, to which the local deployment must be similar. */
const template = templateOf({ network: EXISTING_VPC, ...REGISTRY_IMAGE });
const withGateway = templateOf({ network: { egress: 'on-demand' }, ...REGISTRY_IMAGE });

const POOLS = [{ name: 'default', maxAgents: 2 }];
let world: LocalWorld;
let gatewayWorld: LocalWorld;
beforeAll(async () => {
  [world, gatewayWorld] = await Promise.all([startWorld({ pools: POOLS }), startWorld({ pools: POOLS, gateway: {} })]);
});
afterAll(() => Promise.all([world.close(), gatewayWorld.close()]));

/** What the API returns. */
async function api(
  service: 'cloudFormation' | 'cloudWatch' | 'functions' | 'schedules',
  action: string,
  input: object,
  from = world,
) {
  const run = from.ecs.aws[service].service.actions[action];
  if (run === undefined) throw new Error(`There is no action ${action}.`);
  return await run(input);
}

async function outputs(from: LocalWorld): Promise<ReadonlyMap<string, string>> {
  const output = z.object({ OutputKey: z.string(), OutputValue: z.string() });
  const { Stacks } = z
    .object({ Stacks: z.array(z.object({ Outputs: z.array(output) })) })
    .parse(await api('cloudFormation', 'DescribeStacks', { StackName: LAUNCHER }, from));
  return new Map(Stacks[0]?.Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
}

async function alarmNames(from: LocalWorld): Promise<string[]> {
  const alarms = z.object({ MetricAlarms: z.array(z.object({ AlarmName: z.string() })) });
  const { MetricAlarms } = alarms.parse(await api('cloudWatch', 'DescribeAlarms', {}, from));
  return MetricAlarms.map(({ AlarmName }) => AlarmName);
}

function alarmsOf(deployed: typeof template): string[] {
  return propertiesOf(deployed, 'AWS::CloudWatch::Alarm')
    .map(({ AlarmName }) => String(AlarmName))
    .sort();
}

test('the local stack has the outputs of a deployed one, with and without a gateway', async () => {
  expect([...(await outputs(world)).keys()].sort()).toEqual(Object.keys(template.findOutputs('*')).sort());
  const local = await outputs(gatewayWorld);
  expect([...local.keys()].sort()).toEqual(Object.keys(withGateway.findOutputs('*')).sort());
  for (const name of ['GatewayAddress', 'GatewayRunningCost']) {
    expect(local.get(name)).toBe(withGateway.findOutputs(name)[name]?.['Value']);
  }
  expect(local.get('EgressClaim')).toMatch(/^on-demand: /);
  expect((await outputs(world)).get('EgressClaim')).toMatch(/^existing-vpc: /);
});

test.each([
  ['an existing VPC', { network: EXISTING_VPC }, () => world],
  ['a gateway', { network: { egress: 'on-demand' } }, () => gatewayWorld],
] as const)(
  'the local alarms with %s have the names of deployed ones with a queue of wake-ups',
  async (_, network, from) => {
    const polling = templateOf({ ...network, ...REGISTRY_IMAGE, idlePollSeconds: 10 });
    expect(await alarmNames(from())).toEqual(alarmsOf(polling));
  },
);

test('each local pool has the alarms of a deployed one with its own API token', async () => {
  const pools = ['default', 'other'].map((name) => ({
    name,
    maxAgents: 2,
    agentTokenSecret: `agent-launcher/${name}/agent-token`,
    apiTokenSecret: `agent-launcher/${name}/api-token`,
  }));
  const deployed = templateOf({ network: EXISTING_VPC, ...REGISTRY_IMAGE, pools, idlePollSeconds: 10 });
  const twoPools = await startWorld({ pools });
  try {
    expect(await alarmNames(twoPools)).toEqual(alarmsOf(deployed));
  } finally {
    await twoPools.close();
  }
});

test.each([
  ['an existing VPC', template, () => world],
  ['a gateway', withGateway, () => gatewayWorld],
] as const)(
  'the local function with %s has the size, time limit and variables of a deployed one',
  async (_, stack, from) => {
    const deployed = propertiesOf(stack, 'AWS::Lambda::Function').find(
      ({ FunctionName }) => FunctionName === launcherFunction(LAUNCHER),
    );
    expect(FUNCTION).toEqual({ memoryMiB: deployed?.['MemorySize'], timeoutSeconds: deployed?.['Timeout'] });
    const variables = z.object({ Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }) });
    const names = (found: unknown) => Object.keys(variables.parse(found).Environment.Variables);
    const local = names(
      await api('functions', 'GetFunctionConfiguration', { FunctionName: launcherFunction(LAUNCHER) }, from()),
    );
    // The local launcher always has a queue; NODE_OPTIONS is for the bundle.
    const expected = [...names(deployed), 'WAKE_UPS_QUEUE_URL'].filter((name) => name !== 'NODE_OPTIONS');
    expect(local.sort()).toEqual([...new Set(expected)].sort());
  },
);

test('the local schedule has the settings of a deployed one', async () => {
  const [deployed] = propertiesOf(template, 'AWS::Scheduler::Schedule');
  const target = z.looseObject({ RetryPolicy: z.unknown() }).parse(deployed?.['Target']);
  expect(await api('schedules', 'GetSchedule', { Name: deployed?.['Name'] })).toMatchObject({
    ScheduleExpression: deployed?.['ScheduleExpression'],
    FlexibleTimeWindow: deployed?.['FlexibleTimeWindow'],
    State: 'ENABLED',
    Target: { RetryPolicy: target.RetryPolicy },
  });
});

test('the local agents write to the log group and the stream that a deployed task definition sets', () => {
  const [deployed] = propertiesOf(template, 'AWS::ECS::TaskDefinition');
  const schema = z.object({
    Name: z.string(),
    LogConfiguration: z.object({ Options: z.record(z.string(), z.unknown()) }),
  });
  const [agent] = z.array(schema).parse(deployed?.['ContainerDefinitions']);
  const { hcpTerraform } = world;
  const local = taskDefinition('default', {
    hcpTerraform,
    region: 'eu-central-1',
    accountId: '000000000000',
    tokenSecret: 'x',
    image: undefined,
  });
  expect(deployed?.['Family']).toBe(local.family);
  const [container] = local.containerDefinitions;
  expect(agent?.Name).toBe(container?.name);
  expect(container?.logConfiguration.options).toMatchObject({
    'awslogs-group': agentLogGroup(LAUNCHER, 'default'),
    'awslogs-stream-prefix': agent?.LogConfiguration.Options['awslogs-stream-prefix'],
  });
});

test('the launcher’s log has one stream per execution environment, and Lambda’s own lines', () => {
  const at = Date.parse('2026-11-29T23:59:59.900Z');
  const log = new LauncherLog(world.ecs, () => at);
  log.line('{"message":"tick"}', 'a'.repeat(32));
  log.invocation({ number: 1, requestId: 'r', startedAt: at - 10, durationMs: 200, error: 'no' }, 'a'.repeat(32));
  log.line('{"message":"tick"}', 'b'.repeat(32));
  const { events } = world.ecs.aws.logs.store.group('/AgentLauncher/launcher');
  const first = `2026/11/29/AgentLauncher-launcher[$LATEST]${'a'.repeat(32)}`;
  const second = `2026/11/29/AgentLauncher-launcher[$LATEST]${'b'.repeat(32)}`;
  expect(events.map(({ stream, timestamp, message }) => [stream, timestamp - at, JSON.parse(message)])).toEqual([
    [first, -10, expect.objectContaining({ type: 'platform.start', record: { requestId: 'r', version: '$LATEST' } })],
    [first, 0, { message: 'tick' }],
    [second, 0, { message: 'tick' }],
    [
      first,
      190,
      expect.objectContaining({ type: 'platform.report', record: expect.objectContaining({ status: 'error' }) }),
    ],
  ]);
});
