/** Tests the rules of the simulated vendors. If they were wrong, the simulation would prove nothing. */
import type { RunTaskCommandInput } from '@aws-sdk/client-ecs';
import { afterEach, describe, expect, it } from 'vitest';
import { CAPACITY_UNAVAILABLE } from '../../local/ecs/core/wording.ts';
import { drawRandomIds } from '../../local/hcp-terraform/ids.ts';
import { Containers } from './containers.ts';
import { EcsWorld } from './ecs-world.ts';
import { Faults } from './faults.ts';
import type { Agent, Job } from './hcp-records.ts';
import { HcpWorld } from './hcp-world.ts';
import { scenarioOf } from './profiles.ts';
import { Random } from './random.ts';
import { type RunCreated, type Scenario, type WorldSettings, wholeLane } from './scenario.ts';
import { VirtualTime } from './virtual-time.ts';
import { call, tickRecord } from './wire.ts';

const START = Date.parse('2026-03-01T00:00:00Z');
const seconds = (n: number): number => n * 1000;
const minutes = (n: number): number => n * 60_000;

const SETTINGS: WorldSettings = {
  ...scenarioOf('rules', 'calm').settings,
  pools: [
    {
      name: 'pool-0',
      id: 'apool-0',
      idGiven: true,
      organization: 'org-main',
      apiTokenSecret: 'secret-main',
      lanes: [wholeLane('launcher-pool-0')],
      maxAgents: 5,
    },
  ],
  agentsCeiling: undefined,
  idleWindowMs: minutes(2),
  ecsSkewMs: 0,
  tokenLife: '24h',
  dequeueOrder: 'applies-first',
};

afterEach(drawRandomIds);

const LAUNCH = {
  cluster: 'agents',
  taskDefinition: 'launcher-pool-0',
  networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
};

const RUN: RunCreated = {
  kind: 'run',
  pool: 'pool-0',
  workspace: 'ws-1',
  operation: 'plan_and_apply',
  approval: 'person',
  approvalMs: minutes(1),
  planMs: seconds(30),
  applyMs: seconds(40),
  before: [],
  between: [],
};

function world(settings: Partial<WorldSettings> = {}, faults: Scenario['events'] = []) {
  const all = { ...SETTINGS, ...settings };
  const time = new VirtualTime(START);
  const random = new Random('rules');
  const started: string[] = [];
  /** `1/plan` for the plan of the first run. */
  const nameOf = ({ run, kind }: Job): string => `${run === undefined ? 0 : [...hcp.runs].indexOf(run) + 1}/${kind}`;
  const hcp = new HcpWorld(time, all, random.stream('hcp'), {
    started: (job) => started.push(nameOf(job)),
    waits: () => {},
    waitsNoMore: () => {},
    trace: undefined,
  });
  const scenario: Scenario = { seed: 'rules', profile: 'calm', settings: all, events: faults, lastsMs: 0 };
  const book = new Faults(time, random.stream('faults'), scenario, START);
  const containers = new Containers({ time, settings: all, random: random.stream('c'), faults: book, hcp });
  const ecs = new EcsWorld(time, all, containers, {
    created: (task) => containers.prepare(task, ecs),
    leaves: () => {},
    trace: undefined,
  });
  const runTask = (input: Partial<RunTaskCommandInput>, noSpot = false) =>
    ecs.runTask({ ...LAUNCH, launchType: 'FARGATE', ...input }, noSpot);
  /** Launches a task. @returns the task, and whether it is new */
  const launch = (attempt = 1, job = 'plan') => {
    const before = [...ecs.tasks].length;
    runTask({
      clientToken: `${job}/${attempt}`,
      startedBy: job,
      tags: [{ key: 'agent-launcher:attempt', value: String(attempt) }],
    });
    const task = [...ecs.tasks].find((one) => one.startedBy === job && one.attempt === attempt);
    if (task === undefined) throw new Error('No task was started');
    return { task: [...ecs.tasks].at(-1) ?? task, isNew: [...ecs.tasks].length > before };
  };
  const pass = (ms: number): Promise<void> => {
    const until = time.now() + ms;
    time.at(until, () => {});
    return time.run(() => time.now() >= until);
  };
  const status = (id: number): string | undefined => [...hcp.runs][id - 1]?.status;
  return { time, hcp, ecs, containers, runTask, launch, pass, status, started, nameOf };
}

describe('virtual time', () => {
  it('runs events in the order of their times, and events with the same time in the order of their scheduling', async () => {
    const time = new VirtualTime(0);
    const order: string[] = [];
    time.at(20, () => order.push('c'));
    time.at(10, () => order.push('a'));
    time.at(10, () => order.push('b'));
    for (let i = 0; i < 50; i += 1) time.at(1000 - i, () => order.push(''));
    await time.run(() => time.now() >= 20);
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('finishes all asynchronous work of an event before the next event', async () => {
    const time = new VirtualTime(0);
    const order: string[] = [];
    const work = async (): Promise<void> => {
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
      order.push('woken');
    };
    time.at(1, () => {
      time.woke();
      void work();
    });
    time.at(2, () => order.push('next'));
    await time.run(() => false);
    expect(order).toEqual(['woken', 'next']);
  });

  it('ends sleeps and deadlines at their time', async () => {
    const time = new VirtualTime(0);
    const clock = time.clock();
    const seen: string[] = [];
    const signal = clock.timeout(50);
    clock.sleep(30, signal).then(() => seen.push(`slept until ${time.now()}`));
    clock.sleep(90, signal).catch(() => seen.push(`ended at ${time.now()}`));
    time.at(60, () => {
      time.woke();
      clock.sleep(1, signal).catch(() => seen.push(`refused at ${time.now()}`));
    });
    await time.run(() => false);
    expect(seen).toEqual(['slept until 30', 'ended at 50', 'refused at 60']);
    expect(signal.aborted).toBe(true);
  });
});

describe('random numbers', () => {
  it('are the same for the same seed, differ for each purpose, and are evenly distributed', () => {
    const draw = (seed: string): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(draw('a')).toEqual(draw('a'));
    expect(draw('a')).not.toEqual(draw('b'));
    expect(new Random('a').stream('x').next()).not.toBe(new Random('a').stream('y').next());
    const random = new Random('even');
    const mean = Array.from({ length: 20_000 }, () => random.next()).reduce((sum, n) => sum + n, 0) / 20_000;
    expect(mean).toBeGreaterThan(0.49);
    expect(mean).toBeLessThan(0.51);
  });
});

describe('a request', () => {
  const environment = () => ({
    number: 1,
    alive: true,
    busy: true,
    settled: false,
    knownStopped: new Set<string>(),
    lookupsAtMs: [],
    listedFamilies: new Set<string>(),
    listedAtMs: 0,
    unansweredLaunchAtMs: 0,
    refusedAtMs: [],
    tick: tickRecord(1, 1, 0),
  });

  it('takes effect even if its response is lost, and fails at the deadline', async () => {
    const time = new VirtualTime(0);
    const signal = time.clock().timeout(5000);
    let done = 0;
    const answer = call(time, {
      environment: environment(),
      signal,
      latencyMs: 100,
      timeoutMs: 8000,
      arrive: () => {
        done += 1;
        return 'silence';
      },
      givenUp: (why) => new Error(`${why} at ${time.now()}`),
    });
    const failed = answer.catch((error: unknown) => String(error));
    await time.run(() => false);
    expect([done, await failed]).toEqual([1, 'Error: aborted at 5000']);
  });

  it('never settles if the calling process has ended', async () => {
    const time = new VirtualTime(0);
    const where = environment();
    let ended = false;
    const answer = call(time, {
      environment: where,
      signal: time.clock().timeout(5000),
      latencyMs: 100,
      timeoutMs: 8000,
      arrive: () => ({ value: 'hello' }),
      givenUp: () => new Error('given up'),
    });
    answer.then(
      () => {
        ended = true;
      },
      () => {
        ended = true;
      },
    );
    where.alive = false;
    await time.run(() => false);
    expect(ended).toBe(false);
  });
});

describe('the simulated HCP Terraform', () => {
  it('queues two jobs for a run, with an approval in between, and runs one run of a workspace at a time', async () => {
    const { hcp, launch, pass, status, started } = world();
    hcp.createRun(1, RUN);
    hcp.createRun(2, RUN);
    expect([status(1), status(2)]).toEqual(['plan_queued', 'pending']);
    launch();
    await pass(minutes(2));
    expect([status(1), status(2)]).toEqual(['planned', 'pending']);
    await pass(minutes(2));
    expect(status(1)).toBe('apply_queued');
    launch(1, 'apply');
    await pass(minutes(3));
    expect([status(1), status(2)]).toEqual(['applied', 'plan_queued']);
    expect(started).toEqual(['1/plan', '1/apply']);
  });

  it('doesn’t queue plan-only runs behind other runs', () => {
    const { hcp, status } = world();
    hcp.createRun(1, RUN);
    hcp.createRun(2, { ...RUN, operation: 'plan_only' });
    expect(status(2)).toBe('plan_queued');
  });

  it('cancels a queued run immediately, discards a planned one, and lets the workspace’s next run begin', async () => {
    const { hcp, launch, pass, status } = world();
    hcp.createRun(1, RUN);
    hcp.createRun(2, RUN);
    hcp.cancelRun(1);
    expect([status(1), status(2)]).toEqual(['canceled', 'plan_queued']);
    launch();
    await pass(minutes(2));
    hcp.cancelRun(2);
    expect(status(2)).toBe('discarded');
  });

  it('gives an unlisted job to any agent, and only one job to an agent in single mode', async () => {
    const { hcp, pass, launch, started } = world();
    hcp.queueHidden('pool-0', seconds(20));
    launch();
    await pass(minutes(1));
    hcp.createRun(1, RUN);
    await pass(minutes(3));
    expect(started).toEqual([]);
    expect(hcp.agents('pool-0').map(({ status }) => status)).toEqual(['exited']);
  });

  it('marks a silent agent as unknown, and five minutes later marks the agent and its job as errored', async () => {
    const { hcp, pass, launch, containers, status } = world();
    hcp.createRun(1, { ...RUN, planMs: minutes(20) });
    launch();
    await pass(minutes(1.5));
    containers.among('pool-0', new Random('x'))?.cutOff(minutes(30));
    await pass(seconds(61));
    expect([hcp.agents('pool-0')[0]?.status, status(1)]).toEqual(['unknown', 'planning']);
    await pass(minutes(5));
    expect([hcp.agents('pool-0')[0]?.status, status(1)]).toEqual(['errored', 'errored']);
    const lastPingAt = hcp.agents('pool-0')[0]?.of.lastPingAt;
    await pass(minutes(30));
    expect(hcp.agents('pool-0')[0]?.of).toMatchObject({ reported: 'errored', lastPingAt });
  });

  it('gives an agent only jobs that it accepts', async () => {
    const { hcp, pass, nameOf } = world();
    const taken = (agent: Agent): string | undefined => {
      const job = hcp.dequeue(agent);
      return job && nameOf(job);
    };
    hcp.createRun(1, { ...RUN, planMs: seconds(1), approval: 'auto' });
    const apply = hcp.register('apply', 'pool-0', ['apply']);
    const plan = hcp.register('plan', 'pool-0', ['plan']);
    if (apply === undefined || plan === undefined) throw new Error('no capacity');
    expect(taken(apply)).toBeUndefined();
    expect(taken(plan)).toBe('1/plan');
    hcp.finish(plan, true);
    await pass(seconds(10));
    hcp.queueHidden('pool-0', seconds(5));
    expect(taken(plan)).toBeUndefined();
    expect(taken(apply)).toBe('1/apply');
  });

  it('lets a run wait without a time limit for an agent that evaluates its policies', async () => {
    const { hcp, pass, launch, status } = world();
    hcp.createRun(1, { ...RUN, approvalMs: minutes(30), policyMs: seconds(20) });
    launch();
    await pass(minutes(60 * 12));
    expect(status(1)).toBe('post_plan_running');
    expect(hcp.policyJobs('pool-0')).toHaveLength(1);
    launch(2);
    await pass(minutes(2));
    expect(status(1)).toBe('planned');
  });

  it('evaluates policies itself if no agent of the pool accepts that kind of job', async () => {
    const lanes = [{ ...wholeLane('launcher-pool-0'), accepts: ['plan', 'apply'] as const }];
    const { hcp, pass, launch, status } = world({ pools: SETTINGS.pools.map((pool) => ({ ...pool, lanes })) });
    hcp.createRun(1, { ...RUN, approvalMs: minutes(30), policyMs: seconds(20) });
    launch();
    await pass(minutes(2.5));
    expect(status(1)).toBe('planned');
  });

  it('removes the queued policy evaluation of a canceled run', async () => {
    const { hcp, pass, launch, status } = world();
    hcp.createRun(1, { ...RUN, approvalMs: minutes(30), policyMs: seconds(20) });
    launch();
    await pass(minutes(3));
    hcp.cancelRun(1);
    expect(status(1)).toBe('canceled');
    expect(hcp.queue('pool-0')).toEqual([]);
  });

  it('refuses an agent beyond the organization agent limit', () => {
    const { hcp } = world({ agentsCeiling: 1 });
    expect(hcp.register('a', 'pool-0', ['plan'])).toBeDefined();
    expect(hcp.register('b', 'pool-0', ['plan'])).toBeUndefined();
  });
});

describe('the simulated ECS', () => {
  it('returns ConflictException after a deployment, because the same request has changed parameters', async () => {
    const { ecs, launch, pass } = world();
    const { task } = launch();
    await pass(minutes(10));
    expect(launch()).toEqual({ task, isNew: false });
    ecs.deploy();
    expect(() => launch()).toThrow('already in use');
    expect(launch(2).isNew).toBe(true);
  });

  it.each([
    ['24h', false, true],
    ['task-and-1h', true, true],
  ] as const)('forgets client tokens after their lifetime (%s)', async (tokenLife, afterTwoHours, afterADay) => {
    const { launch, pass } = world({ tokenLife });
    launch();
    await pass(minutes(120));
    expect(launch().isNew).toBe(afterTwoHours);
    await pass(minutes(24 * 60 + 10));
    expect(launch().isNew).toBe(afterADay);
  });

  it('shows tasks in an earlier state if a read is late, and stopped tasks for an hour', async () => {
    const { ecs, launch, pass } = world();
    const { task } = launch();
    await pass(seconds(1));
    expect(ecs.shown(task, seconds(5))).toBeUndefined();
    expect(ecs.shown(task, 0)?.lastStatus).toBe('PROVISIONING');
    await pass(minutes(10));
    expect(ecs.shown(task, 0)?.lastStatus).toBe('STOPPED');
    expect(ecs.shown(task, minutes(9.5))?.lastStatus).not.toBe('STOPPED');
    await pass(minutes(61));
    expect(ecs.shown(task, 0)).toBeUndefined();
  });

  it.each([
    ['forgotten', { tasks: [{ launchType: 'FARGATE' }], failures: [] }],
    ['used-up', undefined],
  ] as const)('treats the client token of a call without Spot capacity as %s', (failedTokens, onDemand) => {
    const { runTask } = world({ failedTokens });
    const capacityProviderStrategy = [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }];
    const spot = { clientToken: 'x', launchType: undefined, capacityProviderStrategy };
    const none = { tasks: [], failures: [{ reason: CAPACITY_UNAVAILABLE }] };
    expect(runTask(spot, true)).toEqual(none);
    if (onDemand === undefined) {
      expect(() => runTask({ clientToken: 'x' })).toThrow('already in use');
      expect(runTask(spot)).toEqual(none);
    } else {
      expect(runTask({ clientToken: 'x' })).toMatchObject(onDemand);
      expect(() => runTask(spot)).toThrow('already in use');
    }
  });

  it('starts a task for a person a second later if ECS throttles the call', async () => {
    const { ecs, pass } = world();
    for (let i = 0; i < 21; i += 1) ecs.startByHand('launcher-pool-0');
    expect([...ecs.tasks]).toHaveLength(20);
    await pass(seconds(2));
    expect([...ecs.tasks].map(({ byLauncher }) => byLauncher)).toEqual(Array.from({ length: 21 }, () => false));
  });

  it('deletes the tags of a task that StopTask stops', async () => {
    const { ecs, launch, pass } = world();
    const { task } = launch();
    expect(ecs.shown(task, 0)?.tags).toHaveLength(1);
    ecs.stopByHand(task, 'enough');
    await pass(minutes(1));
    expect(ecs.shown(task, 0)).toMatchObject({ tags: [], stopCode: 'UserInitiated', stoppedReason: 'enough' });
  });

  it.each([
    ['task-lingers', undefined],
    ['task-lingers-known', 75],
  ] as const)(
    'shows a task as running after its agent left, until someone stops it, with the fault %s',
    async (fault, exitCode) => {
      const { ecs, hcp, launch, pass } = world({}, [{ kind: 'fault', id: 0, atMs: 0, fault, ms: minutes(9), rate: 1 }]);
      const { task } = launch();
      await pass(minutes(90));
      expect(hcp.agents('pool-0').map(({ status }) => status)).toEqual(['exited']);
      const shown = ecs.shown(task, 0);
      expect([shown?.lastStatus, shown?.containers[0]?.exitCode]).toEqual(['RUNNING', exitCode]);
      ecs.stopByHand(task, 'its agent left');
      await pass(minutes(1));
      expect(ecs.shown(task, 0)?.lastStatus).toBe('STOPPED');
    },
  );

  it('can register an agent twice under the same name', async () => {
    const fault = 'start-registers-twice';
    const { hcp, launch, pass } = world({}, [{ kind: 'fault', id: 0, atMs: 0, fault, ms: minutes(1), rate: 1 }]);
    const { task } = launch();
    await pass(minutes(1.5));
    const rows = hcp.agents('pool-0').map(({ name, status }) => [name, status]);
    expect(rows).toEqual([
      [task.id, 'exited'],
      [task.id, 'idle'],
    ]);
  });

  it.each([
    ['start-exit-0-late', 0, 0],
    ['start-leaves-early', 75, 1],
  ] as const)('ends a container long before its idle window, with the fault %s', async (fault, exitCode, agents) => {
    const { ecs, hcp, launch, pass } = world({}, [{ kind: 'fault', id: 0, atMs: 0, fault, ms: minutes(1), rate: 1 }]);
    const { task } = launch();
    await pass(minutes(3.5));
    expect(ecs.shown(task, 0)).toMatchObject({ lastStatus: 'STOPPED', containers: [{ exitCode }] });
    expect(hcp.agents('pool-0')).toHaveLength(agents);
  });

  it.each([
    ['start-image', { stopCode: 'TaskFailedToStart' }],
    ['start-secret', { stopCode: 'TaskFailedToStart' }],
    ['start-eni', { stopCode: 'TaskFailedToStart' }],
    ['start-out-of-memory', { stopCode: 'EssentialContainerExited', containers: [{ exitCode: 137 }] }],
    ['start-exit-1', { stopCode: 'EssentialContainerExited', containers: [{ exitCode: 1 }] }],
    ['start-exit-0', { stopCode: 'EssentialContainerExited', containers: [{ exitCode: 0 }] }],
  ] as const)('shows how a failed start ended, with the fault %s', async (fault, end) => {
    const { ecs, hcp, launch, pass } = world({}, [{ kind: 'fault', id: 0, atMs: 0, fault, ms: minutes(5), rate: 1 }]);
    const { task } = launch();
    await pass(minutes(3));
    expect(ecs.shown(task, 0)).toMatchObject({ lastStatus: 'STOPPED', ...end });
    expect(task.startedAtMs === undefined).toBe(end.stopCode === 'TaskFailedToStart');
    expect(hcp.agents('pool-0')).toEqual([]);
  });

  it('ends a task whose agent found no job within its idle window, but not a task whose agent has a job', async () => {
    const { ecs, hcp, launch, pass } = world();
    const idle = launch(1).task;
    await pass(minutes(1.2));
    expect(idle.lastStatus).toBe('RUNNING');
    await pass(minutes(2.3));
    expect(idle.lastStatus).toBe('STOPPED');
    hcp.createRun(1, { ...RUN, planMs: minutes(8) });
    const busy = launch(2).task;
    await pass(minutes(6));
    expect([busy.lastStatus, [...ecs.live].length]).toEqual(['RUNNING', 1]);
  });
});
