/** Worlds in which tasks reach the internet through gateways, and the rules of these worlds. */
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { afterAll, describe, expect, it } from 'vitest';
import { ec2Instance, instanceOf } from '../../functions/launcher/adapters/ec2/answers.ts';
import { instanceActions } from '../../local/aws/services/ec2-instances.ts';
import { startEcs } from '../../local/ecs/server.ts';
import { INTERFACE, RUN, TEMPLATE } from '../local/aws/core/virtual-instances.ts';
import { VirtualTime } from '../local/ecs/core/virtual-ecs.ts';
import { clientSettings } from '../local/ecs/local-ecs.ts';
import { sdkShape } from './ec2-client.ts';
import { RARE_GATEWAY_MUTANTS } from './gateway-mutants.ts';
import { LAUNCHER, type Launcher, loadLauncher } from './launcher.ts';
import { MUTANTS, MutantFolder } from './mutants.ts';
import { scenarioOf } from './profiles.ts';
import { type GatewaysSettings, type Happening, type ScenarioEvent, type ScenarioPool, wholeLane } from './scenario.ts';
import { undisturbed } from './undisturbed.ts';
import { type Outcome, simulate } from './world.ts';

const MINUTE = 60_000;

const POOL: ScenarioPool = {
  name: 'pool-0',
  id: 'apool-0',
  idGiven: true,
  organization: 'org-main',
  apiTokenSecret: 'secret-main',
  lanes: [wholeLane('launcher_all_pool-0')],
  maxAgents: 5,
};
const GATEWAYS: GatewaysSettings = {
  count: 1,
  idleMinutes: 10,
  start: 'before-tasks',
  fixedAddress: false,
  ec2SkewMs: 0,
  usualLagMs: 0,
  terminatedShownMs: 60 * MINUTE,
  pullWaitsMs: 0,
  version: 1,
};

const plan = (planMs = 20_000): Happening => ({
  kind: 'run',
  pool: 'pool-0',
  workspace: 'ws-1',
  operation: 'plan_only',
  approval: 'auto',
  approvalMs: 0,
  planMs,
  applyMs: 0,
  before: [],
  between: [],
});

function worldWith(
  happenings: readonly (readonly [minute: number, what: Happening])[],
  gateways: Partial<GatewaysSettings> = {},
  launcher = LAUNCHER,
): Promise<Outcome> {
  const events = happenings.map(([minute, what], id): ScenarioEvent => ({ ...what, id, atMs: minute * MINUTE }));
  const settings = { ...undisturbed([POOL]), gateways: { ...GATEWAYS, ...gateways } };
  return simulate({ seed: 'gateways', profile: 'calm', settings, events, lastsMs: 60 * MINUTE }, launcher);
}

const folder = new MutantFolder();
afterAll(() => folder.remove());

async function mutant(name: string): Promise<Launcher> {
  const found = [...MUTANTS, ...RARE_GATEWAY_MUTANTS].find((one) => one.name === name);
  if (found === undefined) throw new Error(`No mutant '${name}'`);
  return loadLauncher(folder.write(found));
}

describe('a gateway', () => {
  it('is created once, sleeps between jobs, and is used again while it is awake', async () => {
    const { broken, served, gateways, waitsMs, launches } = await worldWith([
      [30, plan()],
      [36, plan()],
      [58, plan()],
    ]);
    expect(broken).toBeUndefined();
    expect([served, launches]).toEqual([3, 3]);
    expect(gateways).toEqual({ created: 1, started: 2, stopped: 3, ended: 0 });
    const [asleep = 0, awake = 0] = waitsMs;
    expect(asleep).toBeGreaterThan(awake);
  });

  it('that someone terminates is created again, and the job that lost its network ends', async () => {
    const { broken, served, gateways } = await worldWith([
      [30, plan(5 * MINUTE)],
      [33, { kind: 'end-gateway', how: 'terminate' }],
    ]);
    expect(broken).toBeUndefined();
    expect(served).toBe(1);
    expect(gateways).toMatchObject({ created: 2, ended: 1 });
  });

  it('is replaced after a deployment changed it, but not while a job runs', async () => {
    const { broken, gateways } = await worldWith([
      [30, plan(9 * MINUTE)],
      [33, { kind: 'gateway-config' }],
    ]);
    expect(broken).toBeUndefined();
    expect(gateways).toEqual({ created: 2, started: 1, stopped: 2, ended: 1 });
  });

  it('starts at the same time as the task with with-tasks, and the pull waits for it', async () => {
    const both = { start: 'with-tasks', pullWaitsMs: 2 * MINUTE } as const;
    const later = await worldWith([[30, plan()]]);
    const sooner = await worldWith([[30, plan()]], both);
    expect([later.broken, sooner.broken]).toEqual([undefined, undefined]);
    expect([later.served, sooner.served]).toEqual([1, 1]);
    expect(sooner.launches).toBe(1);
  });

  it('that never works is replaced three times at once, and then once per hour', async () => {
    const fault = { kind: 'fault', fault: 'gateway-never-ready', ms: 60 * MINUTE, rate: 1 } as const;
    const outcome = await worldWith([
      [0, fault],
      [1, plan()],
    ]);
    expect(outcome.broken).toBeUndefined();
    expect(outcome.served).toBe(1);
    expect(outcome.gateways?.created).toBe(4);
  });
});

describe('the promises about gateways', () => {
  it.each(['gateways', 'gateway-faults'] as const)('are kept in worlds of the profile %s', async (profile) => {
    for (let world = 0; world < 3; world += 1) {
      const outcome = await simulate(scenarioOf(`test.${world}`, profile), LAUNCHER);
      expect(outcome.broken).toBeUndefined();
      expect(outcome.gateways?.created).toBeGreaterThan(0);
    }
  });

  it('are kept while the status checks of a gateway fail, and a launcher that ignores them breaks one', async () => {
    const ignores = await mutant('gateways: tasks start while the status checks of a gateway fail');
    for (const [seed, profile] of [
      ['base.384', 'all'],
      ['g2.142', 'gateway-faults'],
    ] as const) {
      expect((await simulate(scenarioOf(seed, profile), LAUNCHER)).broken).toBeUndefined();
      expect((await simulate(scenarioOf(seed, profile), ignores)).broken).toMatchObject({ promise: 10 });
    }
  });

  it.each([
    ['gateways: a gateway is never stopped', 11, [[30, plan()]]],
    ['gateways: a stopped gateway isn’t started again', 1, [[30, plan()]]],
    ['gateways: with before-tasks, tasks start at the same time as the gateway', 10, [[30, plan()]]],
    ['gateways: a gateway is stopped while tasks are alive', 10, [[30, plan(20 * MINUTE)]]],
    [
      'gateways: a deployment replaces a gateway while tasks are alive',
      10,
      [
        [30, plan(9 * MINUTE)],
        [33, { kind: 'gateway-config' }],
      ],
    ],
    [
      'gateways: a gateway that fails is replaced without a limit',
      11,
      [
        [0, { kind: 'fault', fault: 'gateway-never-ready', ms: 60 * MINUTE, rate: 1 }],
        [1, plan()],
      ],
    ],
  ] as const)('find the mutant %s', async (name, promise, happenings) => {
    expect((await worldWith(happenings, {}, await mutant(name))).broken).toMatchObject({ promise });
  });

  it('count a stop that is decided in time, even if each call of EC2 takes almost two seconds', async () => {
    for (let world = 0; world < 2; world += 1) {
      const { settings, ...scenario } = scenarioOf(`slow.${world}`, 'gateways');
      const outcome = await simulate({ ...scenario, settings: { ...settings, slowAnswers: true } }, LAUNCHER);
      expect(outcome.broken).toBeUndefined();
    }
  });
});

describe('the simulated EC2 client', () => {
  it('returns an instance as the SDK does after it read EC2’s XML', async () => {
    const time = new VirtualTime();
    const server = await startEcs({ scheduler: time });
    try {
      const { instances } = server.aws;
      instances.interfaces.put(INTERFACE);
      instances.interfaces.associateAddress(INTERFACE.id, true);
      instances.templates.putImage(TEMPLATE.imageId);
      instances.templates.put(TEMPLATE);
      const { id } = instances.run({ ...RUN, tags: { 'agent-launcher:config': '4f2a' } });
      time.pass(10_000);
      instances.stop([id]);
      const place = { region: 'eu-central-1', accountId: '123456789012' };
      const actions = instanceActions(instances, { place, now: () => time.now(), rates: false });
      const read = (answer: unknown) => {
        const { Reservations } = Object(answer);
        return Reservations.map((one: { Instances: unknown[] }) => one.Instances.map((it) => ec2Instance.parse(it)));
      };
      const simulated = read(sdkShape(await actions['DescribeInstances']?.({})));
      const real = read(await new EC2Client(clientSettings(server)).send(new DescribeInstancesCommand({})));
      expect(simulated).toEqual(real);
      expect(instanceOf(simulated[0][0])).toMatchObject({ id, state: 'stopping', config: '4f2a' });
    } finally {
      await server.close();
    }
  });
});
