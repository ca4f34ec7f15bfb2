/**
 * Two overlapping ticks both stop a gateway. The second request arrives as late as it can: the tick that sends it reads EC2 at the last moment at which
 * EC2 may still show the gateway running, and the request takes all of its time. In the meantime, jobs are queued, and ticks start the gateway again.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { ec2Instance, instanceOf } from '../../../functions/launcher/adapters/ec2/answers.ts';
import { GATEWAY_TAGS } from '../../../functions/launcher/contract.ts';
import type { GatewayInstance, GatewayStart } from '../../../functions/launcher/core/gateway-types.ts';
import type { Gateways } from '../../../functions/launcher/ports.ts';
import { TickGateways } from '../../../functions/launcher/tick-gateways.ts';
import { ApiError } from '../../../local/aws/core/api-error.ts';
import type { Instances } from '../../../local/aws/core/ec2/instances.ts';
import { instanceDocument } from '../../../local/aws/services/ec2-documents.ts';
import { INTERFACE, RUN, TEMPLATE, virtualInstances } from '../../local/aws/core/virtual-instances.ts';
import { sdkShape } from '../../simulation/ec2-client.ts';
import { minutes, seconds } from './core/builders.ts';
import { GATEWAY, RULES } from './core/gateway-builders.ts';
import { FakeTasks } from './fakes.ts';

const PLACE = { region: 'eu-central-1', accountId: '123456789012' };
const NAME = 'L/gateway-1';

/** From the start of an instance until its filter works. */
const FILTER_MS = seconds(3);
/** EC2 shows what is older than this. */
const LAG_MS = 9_900;
/** From the second look of a tick until its request to stop the gateway arrives. */
const ARRIVES_MS = seconds(11);

let time: ReturnType<typeof virtualInstances>['time'];
let instances: Instances;
let id: string;

/** EC2, as the launcher's port sees it, without delay. */
class Ec2 implements Gateways {
  async instances(): Promise<readonly GatewayInstance[]> {
    return instances.all().map((one) => instanceOf(ec2Instance.parse(sdkShape(instanceDocument(one, PLACE)))));
  }
  async impairedSinceMs() {
    return new Map<string, number>();
  }
  async create(): Promise<never> {
    throw new Error('the gateway has an instance');
  }
  async start(instanceId: string) {
    try {
      instances.start([instanceId]);
      return { kind: 'done' } as const;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { kind: 'overtaken', detail: error.code } as const;
    }
  }
  async mark(instanceId: string, usedSinceMs: number, nowMs: number) {
    const text = (ms: number) => new Date(ms).toISOString();
    instances.tag([instanceId], {
      [GATEWAY_TAGS.lastUsed]: text(nowMs),
      [GATEWAY_TAGS.usedSince]: text(usedSinceMs),
    });
  }
  async requestAddress(networkInterfaceId: string) {
    instances.interfaces.associateAddress(networkInterfaceId, true);
  }
  async stop(instanceId: string) {
    instances.stop([instanceId]);
    return { kind: 'done' } as const;
  }
  async terminate(): Promise<never> {
    throw new Error('nothing is wrong with the gateway');
  }
}

function tickWith(gateways: Gateways, start: GatewayStart): TickGateways {
  return new TickGateways({
    gateways,
    tasks: new FakeTasks(),
    settings: {
      all: [{ ...GATEWAY, name: NAME, networkInterfaceId: INTERFACE.id, config: 'config-1' }],
      rules: { ...RULES, start },
    },
    families: [],
    liveTasks: Promise.resolve({ ok: true, value: [] }),
    now: () => time.now(),
    nowMs: time.now(),
    signal: new AbortController().signal,
    isExtra: false,
  });
}

beforeEach(async () => {
  const times = { createMs: seconds(4), startMs: seconds(4), stopMs: seconds(5) };
  ({ time, instances } = virtualInstances({ times }));
  instances.interfaces.associateAddress(INTERFACE.id, true);
  instances.templates.put({ ...TEMPLATE, version: 2, tags: { ...TEMPLATE.tags, [GATEWAY_TAGS.config]: 'config-1' } });
  instances.onChange(({ id: changed, state, tags, launchedAt }) => {
    const isReady = Date.parse(tags[GATEWAY_TAGS.ready] ?? '') >= launchedAt;
    if (state !== 'running' || isReady) return;
    time.after(FILTER_MS, () => {
      if (instances.get(changed)?.state === 'running')
        instances.tag([changed], { [GATEWAY_TAGS.ready]: new Date(time.now()).toISOString() });
    });
  });
  ({ id } = instances.run({ ...RUN, version: '2' }));
  await new Ec2().mark(id, time.now(), time.now());
  time.pass(minutes(30));
});

describe.each(['before-tasks', 'with-tasks'] as const)('the late stop of an overlapping tick, with %s', (start) => {
  it('cuts off no task, because launches wait until it has arrived', async () => {
    const ec2 = new Ec2();
    const shown = await ec2.instances();
    const stoppedMs = time.now();
    expect(await tickWith(ec2, start).finish()).toMatchObject({ outcomes: [{ kind: 'stop', outcome: 'done' }] });
    let arrivedMs = 0;
    const stale = Object.assign(new Ec2(), {
      instances: async () => shown,
      stop: async () => {
        time.after(ARRIVES_MS, () => {
          instances.stop([id]);
          arrivedMs = time.now();
        });
        return { kind: 'done' };
      },
    });
    time.after(LAG_MS, () => void tickWith(stale, start).finish());
    const stateThen: (string | undefined)[] = [];
    instances.onChange(({ state }) => {
      if (stateThen.at(-1) !== state) stateThen.push(state);
    });
    // A tick begins every second.
    const launchedMs: number[] = [];
    for (let second = 1; second <= 120; second += 1) {
      time.pass(seconds(1));
      await new Promise((resolve) => setImmediate(resolve));
      if ((await tickWith(ec2, start).wanted()).kind === 'allowed') launchedMs.push(time.now());
    }
    expect(arrivedMs - stoppedMs).toBeGreaterThan(seconds(20));
    expect(stateThen).toEqual(['stopped', 'pending', 'running', 'stopping', 'stopped', 'pending', 'running']);
    expect(launchedMs[0]).toBeGreaterThan(arrivedMs);
    expect(launchedMs.length).toBeGreaterThan(60);
  });
});

describe.each(['before-tasks', 'with-tasks'] as const)('a gateway that has slept for minutes, with %s', (start) => {
  it('is used as soon as its start allows it', async () => {
    const ec2 = new Ec2();
    await tickWith(ec2, start).finish();
    time.pass(minutes(5));
    const startedMs = time.now();
    let launchedMs = Number.NaN;
    while (Number.isNaN(launchedMs) && time.now() < startedMs + minutes(2)) {
      if ((await tickWith(ec2, start).wanted()).kind === 'allowed') launchedMs = time.now();
      time.pass(seconds(1));
    }
    const startMs = seconds(4) + FILTER_MS;
    expect(launchedMs - startedMs).toBe(start === 'with-tasks' ? 0 : startMs);
  });
});
