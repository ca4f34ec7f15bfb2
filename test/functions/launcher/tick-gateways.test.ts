import { beforeEach, describe, expect, it } from 'vitest';
import type { GatewayInstance } from '../../../functions/launcher/core/gateway-types.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import { gatewaysAllow } from '../../../functions/launcher/gateway-reading.ts';
import type { Pool } from '../../../functions/launcher/ports.ts';
import { errorsOf, type Tick, type TickTime, tick, waitsForGateways } from '../../../functions/launcher/tick.ts';
import { LIMITS, minutes, NOW, run, task } from './core/builders.ts';
import { GATEWAY, gatewayInstance, RULES } from './core/gateway-builders.ts';
import { endless, FakeGateways, FakePlatform, FakeTasks, pool } from './fakes.ts';

const SETTINGS = { limits: LIMITS, agentsCeiling: undefined, gateways: { all: [GATEWAY], rules: RULES } };
const signal = new AbortController().signal;
const trouble = new UpstreamError({ system: 'EC2', fault: 'throttled', what: 'Request limit exceeded' });

let platform: FakePlatform;
let tasks: FakeTasks;
let gateways: FakeGateways;
let nowMs: number;

beforeEach(() => {
  platform = new FakePlatform();
  tasks = new FakeTasks();
  gateways = new FakeGateways();
  nowMs = NOW;
});

const tickOf = (pools: readonly Pool[] = [pool('one')], time: TickTime = endless()): Promise<Tick> =>
  tick(pools, SETTINGS, { hcpTerraform: platform, tasks, gateways, now: () => nowMs }, time);
const queue = (poolName = 'one', id = 'run-1') => platform.lists(poolName, run({ id }));
const shows = (...instances: Partial<GatewayInstance>[]): void => {
  gateways.lists = [instances.map(gatewayInstance)];
};
const launched = () => tasks.launches.map(({ pool: of, job }) => `${of.name} ${job.key}`);
const deferralsOf = ({ pools }: Tick) => pools.flatMap(({ decision }) => decision?.deferrals ?? []);

const ASLEEP = { state: 'stopped', publicAddress: undefined, endRequestedMs: NOW - minutes(20) } as const;
const IDLE = { lastUsedMs: NOW - minutes(30) } as const;

describe('a tick without gateways', () => {
  it('asks EC2 nothing and reports nothing about gateways', async () => {
    queue();
    const settings = { ...SETTINGS, gateways: undefined };
    const ticked = await tick([pool('one')], settings, { hcpTerraform: platform, tasks, now: () => NOW }, endless());
    expect(launched()).toEqual(['one run-1/plan']);
    expect(ticked).not.toHaveProperty('gateways');
  });
});

describe('a tick with queued jobs', () => {
  it('starts a gateway that is asleep, and defers the launches', async () => {
    queue();
    shows(ASLEEP);
    const ticked = await tickOf();
    expect(gateways.calls).toEqual(['read', 'mark i-1', 'start i-1']);
    expect(launched()).toEqual([]);
    expect(deferralsOf(ticked)).toEqual([
      { jobKey: 'run-1/plan', cause: 'gateway', reason: `gateway ${GATEWAY.name} was asleep and is being started` },
    ]);
    expect(waitsForGateways(ticked)).toBe(true);
    expect(errorsOf(ticked)).toEqual([]);
    expect(ticked.gateways).toMatchObject({
      views: [{ status: 'asleep' }],
      outcomes: [
        { kind: 'mark', outcome: 'done' },
        { kind: 'start', instance: 'i-1', outcome: 'done', reason: 'tasks are wanted' },
      ],
      problems: [],
    });
  });

  describe('with the start of the gateway', () => {
    const together = { ...SETTINGS, gateways: { all: [GATEWAY], rules: { ...RULES, start: 'with-tasks' as const } } };
    const tickTogether = () =>
      tick([pool('one')], together, { hcpTerraform: platform, tasks, gateways, now: () => nowMs }, endless());

    it('launches as soon as EC2 has accepted the start', async () => {
      queue();
      shows(ASLEEP);
      const ticked = await tickTogether();
      expect(gateways.calls).toEqual(['read', 'mark i-1', 'start i-1']);
      expect(launched()).toEqual(['one run-1/plan']);
      expect(waitsForGateways(ticked)).toBe(false);
      expect(ticked.gateways).not.toHaveProperty('hold');
    });

    it('waits if EC2 refused the start, if another tick was faster, or if the start failed', async () => {
      queue();
      const refusal = { cause: 'capacity', detail: 'none', remedy: 'wait' } as const;
      for (const answer of [
        { kind: 'refused', refusal },
        { kind: 'overtaken', detail: 'it stops' },
        trouble,
      ] as const) {
        shows(ASLEEP);
        gateways.answers.set('start', answer);
        expect(waitsForGateways(await tickTogether())).toBe(true);
      }
      expect(launched()).toEqual([]);
    });

    it('waits if the mark could not be made, because another tick could stop the gateway', async () => {
      queue();
      shows(ASLEEP);
      gateways.answers.set('mark', trouble);
      expect(waitsForGateways(await tickTogether())).toBe(true);
      expect(gateways.calls).toContain('start i-1');
      expect(launched()).toEqual([]);
    });
  });

  it('launches through a gateway that is ready', async () => {
    queue();
    shows({});
    const ticked = await tickOf();
    expect(gateways.calls).toEqual(['read', 'check i-1']);
    expect(launched()).toEqual(['one run-1/plan']);
    expect(waitsForGateways(ticked)).toBe(false);
  });

  it('starts the gateway once for several groups of pools', async () => {
    queue('one', 'run-1');
    queue('two', 'run-2');
    shows(ASLEEP);
    const ticked = await tickOf([pool('one'), pool('two')]);
    expect(gateways.calls.filter((call) => call.startsWith('start'))).toHaveLength(1);
    expect(deferralsOf(ticked)).toHaveLength(2);
  });

  it('creates a gateway that doesn’t exist', async () => {
    queue();
    const ticked = await tickOf();
    expect(gateways.calls).toEqual(['read', `create ${GATEWAY.name} after 0 failures`]);
    expect(deferralsOf(ticked)).toMatchObject([
      { cause: 'gateway', reason: expect.stringContaining('is being created') },
    ]);
  });

  it('says why EC2 refused to start the gateway, and what to do', async () => {
    queue();
    shows(ASLEEP);
    const refusal = {
      cause: 'capacity',
      detail: 'InsufficientInstanceCapacity: none',
      remedy: 'choose another type',
    } as const;
    gateways.answers.set('start', { kind: 'refused', refusal });
    const ticked = await tickOf();
    const reason = `gateway ${GATEWAY.name}: InsufficientInstanceCapacity: none; choose another type`;
    expect(deferralsOf(ticked)).toMatchObject([{ cause: 'gateway', reason }]);
    expect(ticked.gateways).toMatchObject({
      problems: [{ gateway: GATEWAY.name, cause: 'refused-capacity', detail: refusal.detail, remedy: refusal.remedy }],
      outcomes: [{ kind: 'mark' }, { kind: 'start', outcome: 'refused', reason: refusal.detail }],
      errors: [],
    });
  });

  it('starts the gateway although its mark could not be made', async () => {
    queue();
    shows(ASLEEP);
    gateways.answers.set('mark', trouble);
    const ticked = await tickOf();
    expect(gateways.calls).toEqual(['read', 'mark i-1', 'start i-1']);
    expect(errorsOf(ticked)).toEqual([trouble]);
    expect(ticked.gateways?.outcomes).toMatchObject([
      { kind: 'mark', outcome: 'failed' },
      { kind: 'start', outcome: 'done' },
    ]);
  });

  it('launches with a young mark although it could not be renewed, but not with an older one', async () => {
    queue();
    gateways.answers.set('mark', trouble);
    shows({ lastUsedMs: NOW - minutes(3) });
    await tickOf();
    expect(launched()).toEqual(['one run-1/plan']);
    shows({ lastUsedMs: NOW - minutes(5) });
    const ticked = await tickOf();
    expect(launched()).toHaveLength(1);
    expect(deferralsOf(ticked)).toMatchObject([
      { cause: 'gateway', reason: expect.stringContaining('could not note') },
    ]);
    gateways.answers.clear();
    await tickOf();
    expect(launched()).toHaveLength(2);
  });

  it('launches nothing if EC2 can’t be read, and does the rest', async () => {
    queue();
    gateways.lists = [trouble];
    platform.listsAgents([]);
    tasks.tasks = [task('overdue', { family: 'launcher-one', createdAtMs: NOW - minutes(9) })];
    const ticked = await tickOf();
    expect(launched()).toEqual([]);
    expect(deferralsOf(ticked)).toMatchObject([
      { cause: 'gateway', reason: expect.stringContaining('could not read') },
    ]);
    expect(ticked.gateways).toMatchObject({ views: [], errors: [trouble] });
    expect(tasks.stops).toMatchObject([{ taskId: 'overdue' }]);
    expect(ticked.pools[0]?.errors).toEqual([]);
  });

  it('reports a bug as an error of the gateways, and does the rest', async () => {
    queue();
    gateways.lists = [new TypeError('a bug')];
    const ticked = await tickOf();
    expect(launched()).toEqual([]);
    expect(errorsOf(ticked)).toMatchObject([
      { fault: 'internal', message: expect.stringContaining('for the gateways') },
    ]);
    expect(deferralsOf(ticked)).toMatchObject([{ cause: 'gateway' }]);
  });

  it('launches nothing if the status checks can’t be read, because they may fail', async () => {
    queue();
    shows({});
    gateways.impaired = trouble;
    const ticked = await tickOf();
    expect(launched()).toEqual([]);
    expect(errorsOf(ticked)).toEqual([trouble]);
  });

  it('replaces a gateway that never became ready', async () => {
    queue();
    shows({ launchedAtMs: NOW - minutes(6) });
    const ticked = await tickOf();
    expect(gateways.calls.at(-1)).toBe(`terminate i-1 until ${NOW + 6000}`);
    expect(ticked.gateways).toMatchObject({ problems: [{ cause: 'never-ready' }] });
  });
});

describe('a tick in which nothing is wanted', () => {
  it('asks EC2 once while the gateway sleeps', async () => {
    shows(ASLEEP);
    await tickOf();
    expect(gateways.calls).toEqual(['read']);
  });

  it('stops an idle gateway after it has read everything again', async () => {
    shows(IDLE);
    const ticked = await tickOf();
    expect(gateways.calls).toEqual(['read', 'check i-1', 'read', 'check i-1', `stop i-1 until ${NOW + 6000}`]);
    expect(ticked.gateways?.outcomes).toEqual([
      {
        gateway: GATEWAY.name,
        kind: 'stop',
        instance: 'i-1',
        outcome: 'done',
        reason: 'no task has used it for 30 min',
      },
    ]);
  });

  it('stops it although the runs can’t be read', async () => {
    shows(IDLE);
    platform.fails('one', new UpstreamError({ system: 'HCP Terraform', fault: 'unavailable', what: 'down' }));
    await tickOf();
    expect(gateways.calls.at(-1)).toMatch(/^stop/);
  });

  it('does not stop it if the tasks can’t be read, at the beginning or at the end', async () => {
    shows(IDLE);
    const down = new UpstreamError({ system: 'ECS', fault: 'unavailable', what: 'down' });
    tasks.tasks = down;
    await tickOf();
    expect(gateways.calls).toEqual(['read', 'check i-1']);
    let reads = 0;
    tasks.liveTasks = async () => {
      reads += 1;
      if (reads > 1) throw down;
      return [];
    };
    const ticked = await tickOf();
    expect(gateways.calls.filter((call) => call.startsWith('stop'))).toEqual([]);
    expect(ticked.gateways).toMatchObject({ errors: [down], outcomes: [{ kind: 'stop', outcome: 'failed' }] });
  });

  it('does not stop it if a task has started in the meantime, or is just ending', async () => {
    shows(IDLE);
    let reads = 0;
    tasks.liveTasks = async () => {
      reads += 1;
      return reads > 1 ? [task('new')] : [];
    };
    const withheld = { kind: 'stop', outcome: 'withheld', reason: '1 tasks are alive or ending' };
    expect((await tickOf()).gateways?.outcomes).toMatchObject([withheld]);
    tasks.liveTasks = async () => [];
    tasks.stopped = [task('ending', { lastStatus: 'STOPPING', desiredStatus: 'STOPPED' })];
    expect((await tickOf()).gateways?.outcomes).toMatchObject([withheld]);
    tasks.stopped = [task('ended', { lastStatus: 'STOPPED', desiredStatus: 'STOPPED' })];
    expect((await tickOf()).gateways?.outcomes).toMatchObject([{ kind: 'stop', outcome: 'done' }]);
  });

  it('does not stop it if another tick has used it in the meantime', async () => {
    gateways.lists = [[gatewayInstance(IDLE)], [gatewayInstance({ lastUsedMs: NOW })]];
    expect((await tickOf()).gateways?.outcomes).toMatchObject([
      { kind: 'stop', outcome: 'withheld', reason: 'the gateway has changed in the meantime' },
    ]);
    expect(gateways.calls.filter((call) => call.startsWith('stop'))).toEqual([]);
  });

  it('says when EC2 read so slowly that the stop came too late', async () => {
    shows(IDLE);
    gateways.answers.set('stop', { kind: 'late' });
    expect((await tickOf()).gateways).toMatchObject({ outcomes: [{ kind: 'stop', outcome: 'late' }], errors: [] });
  });

  it('renews the mark while tasks are alive', async () => {
    shows({ lastUsedMs: NOW - minutes(2) });
    tasks.tasks = [task('busy', { family: 'launcher-one', createdAtMs: NOW })];
    await tickOf();
    expect(gateways.calls).toEqual(['read', 'check i-1', 'mark i-1']);
  });

  it('replaces a gateway whose filter is dead without asking for tasks, even if tasks are alive', async () => {
    shows({ problem: 'engine-dead' });
    tasks.tasks = [task('busy', { family: 'launcher-one', createdAtMs: NOW })];
    const ticked = await tickOf();
    expect(gateways.calls.at(-1)).toBe(`terminate i-1 until ${NOW + 6000}`);
    expect(ticked.gateways).toMatchObject({ problems: [{ cause: 'engine-dead' }], errors: [] });
  });

  it('asks for an address that is missing', async () => {
    shows({ publicAddress: undefined });
    await tickOf();
    expect(gateways.calls).toContain('address eni-1');
  });

  it('leaves everything but starts to the schedule if nudges caused it', async () => {
    const nudged = { ...endless(), isExtra: true };
    shows(IDLE);
    await tickOf(undefined, nudged);
    expect(gateways.calls).toEqual(['read', 'check i-1']);
    queue();
    shows(ASLEEP);
    await tickOf(undefined, nudged);
    expect(gateways.calls).toContain('start i-1');
  });

  it('is not longer than the second look: a stop must be sent within six seconds after it began', async () => {
    shows(IDLE);
    const { instances } = gateways;
    gateways.instances = () => {
      nowMs += 700;
      return instances.call(gateways);
    };
    await tickOf();
    // The first reading takes 700 ms. The second one begins then.
    expect(gateways.calls.at(-1)).toBe(`stop i-1 until ${NOW + 700 + 6000}`);
  });
});

describe('the look between two ticks', () => {
  const allow = () => gatewaysAllow(SETTINGS.gateways, gateways, NOW, signal);

  it('says whether launches are allowed, and changes nothing', async () => {
    shows(ASLEEP);
    expect(await allow()).toBe(false);
    shows({});
    expect(await allow()).toBe(true);
    expect(gateways.calls).toEqual(['read', 'read', 'check i-1']);
  });

  it('rejects if EC2 can’t be read', async () => {
    gateways.lists = [trouble];
    await expect(allow()).rejects.toBe(trouble);
  });
});
