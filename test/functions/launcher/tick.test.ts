import { beforeEach, describe, expect, it } from 'vitest';
import type { Agent, Lane } from '../../../functions/launcher/core/types.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import type { Pool } from '../../../functions/launcher/ports.ts';
import { hasLateLaunches, type PoolTick, type TickSettings, tick } from '../../../functions/launcher/tick.ts';
import { APPLY_LANE, agent, LIMITS, minutes, NOW, PLAN_LANE, run, stoppedTask, task } from './core/builders.ts';
import { endless, FakePlatform, FakeTasks, pool, warmPool } from './fakes.ts';

const settings: TickSettings = { limits: LIMITS, agentsCeiling: undefined };
const trouble = (system: 'HCP Terraform' | 'ECS' = 'HCP Terraform') =>
  new UpstreamError({ system, fault: 'unavailable', what: 'it is down' });

let platform: FakePlatform;
let tasks: FakeTasks;

beforeEach(() => {
  platform = new FakePlatform();
  tasks = new FakeTasks();
});

async function tickOf(pools: readonly Pool[], overrides: Partial<TickSettings> = {}): Promise<Map<string, PoolTick>> {
  const ports = { hcpTerraform: platform, tasks, now: () => NOW };
  const ticked = await tick(pools, { ...settings, ...overrides }, ports, endless());
  return new Map(ticked.pools.map((part) => [part.pool.name, part]));
}

const queue = (poolName: string, ...ids: string[]) => platform.lists(poolName, ...ids.map((id) => run({ id })));
/** The result of a tick for its only pool, `one`. */
const tickOfOne = async (overrides: Partial<Pool> = {}) => (await tickOf([pool('one', overrides)])).get('one');
const requests = () => ({ agents: platform.agentsAsked, stopped: tasks.stoppedAsked });
const launched = () => tasks.launches.map(({ pool: of, job, attempt }) => `${of.name} ${job.key}/${attempt}`);

describe('two errors of a pool', () => {
  const down = (system: 'ECS' | 'HCP Terraform', fault: 'unavailable' | 'rejected') =>
    new UpstreamError({ system, fault, what: 'down' });

  it.each([
    ['the first, if the runs got no answer either, perhaps because the tick ran out of time', 'unavailable', 'ECS'],
    ['that of the runs, if HCP Terraform refused the request', 'rejected', 'HCP Terraform'],
  ] as const)('are reported as %s', async (_, fault, system) => {
    tasks.tasks = down('ECS', 'unavailable');
    platform.fails('one', down('HCP Terraform', fault));
    expect((await tickOfOne())?.errors).toMatchObject([{ system }]);
  });
});

describe('launches for which no time is left', () => {
  const answers = (late: readonly string[]) => {
    const { answer } = tasks;
    tasks.answer = (request) => (late.includes(request.job.key) ? { kind: 'late' } : answer(request));
  };

  it('are deferred with the reason, and the other launches are made', async () => {
    queue('one', 'run-1', 'run-2');
    answers(['run-2/plan']);
    const part = await tickOfOne();
    expect(part?.launches).toMatchObject([{ kind: 'launched', launch: { job: { key: 'run-1/plan' } } }]);
    expect(part?.decision?.deferrals).toEqual([
      {
        jobKey: 'run-2/plan',
        cause: 'launch-rate',
        reason: expect.stringMatching(/launch rate or the end of the inv/),
      },
    ]);
    expect(part?.errors).toEqual([]);
  });

  it.each([
    [['run-1/plan'], true],
    [[], false],
  ])('make the tick late: %j', async (late, isLate) => {
    queue('one', 'run-1');
    answers(late);
    const ports = { hcpTerraform: platform, tasks, now: () => NOW };
    expect(hasLateLaunches(await tick([pool('one')], settings, ports, endless()))).toBe(isLate);
  });

  it.each([
    ['ten seconds after the tick has read everything', 60, 10],
    ['the end of the invocation, if no other tick fits in', 17, 17],
    ['the end of the invocation, if that is nearer', 4, 4],
  ])('are those after %s', async (_, hasSeconds, launchSeconds) => {
    queue('one', 'run-1');
    let untilMs = 0;
    const { launch } = tasks;
    tasks.launch = (request, until, signal) => {
      untilMs = until;
      return launch.call(tasks, request, until, signal);
    };
    const ports = { hcpTerraform: platform, tasks, now: () => NOW };
    const time = { ...endless(), launchUntilMs: NOW + hasSeconds * 1000 };
    await tick([pool('one')], settings, ports, time);
    expect((untilMs - NOW) / 1000).toBe(launchSeconds);
  });
});

describe('the order of a tick', () => {
  /** What the tick reads, in order. */
  function readings(): string[] {
    const order: string[] = [];
    const { openRuns, agents } = platform;
    platform.openRuns = (pools, polling) => {
      const answers = openRuns.call(platform, pools, polling);
      return new Map(
        pools.map((one) => [
          one,
          (async () => {
            await polling.needOf(one);
            order.push(`runs of ${one.name}`);
            return (await answers.get(one)) ?? { ok: true, value: [] };
          })(),
        ]),
      );
    };
    platform.agents = (one, sinceMs) => {
      order.push(`agents of ${one.name}`);
      return agents.call(platform, one, sinceMs);
    };
    return order;
  }

  it('is agents before runs if a task is live, so that a job that is taken in between wastes no task', async () => {
    tasks.tasks = [task('t', { family: 'launcher-one' })];
    const order = readings();
    await tickOf([pool('one')]);
    expect(order).toEqual(['agents of one', 'runs of one']);
  });

  it('is runs before agents if no task is live, so that an idle pool costs no request', async () => {
    queue('one', 'run-1');
    const order = readings();
    await tickOf([pool('one'), pool('idle')]);
    expect(order).toEqual(['runs of one', 'runs of idle', 'agents of one']);
  });

  it.each<[string, ConstructorParameters<typeof UpstreamError>[0], string[]]>([
    ['launches nothing', { system: 'HCP Terraform', fault: 'unavailable', what: 'down' }, []],
    [
      'launches by the first reading if only the request budget prevents the second',
      { system: 'HCP Terraform', fault: 'throttled', what: 'budget' },
      ['one run-1/plan/1'],
    ],
  ])('%s if the runs must be read again and that fails', async (_, error, launches) => {
    queue('one', 'run-1');
    platform.agentsOf.set('one', [agent('stranger', 'busy')]);
    const { openRuns } = platform;
    let polls = 0;
    platform.openRuns = (pools, polling) => {
      polls += 1;
      if (polls > 1) platform.fails('one', new UpstreamError(error));
      return openRuns.call(platform, pools, polling);
    };
    await tickOf([pool('one')]);
    expect([polls, launched()]).toEqual([2, launches]);
  });
});

describe('a tick', () => {
  it('launches one task for each queued job, in its pool', async () => {
    queue('one', 'run-a', 'run-b');
    queue('two', 'run-c');
    await tickOf([pool('one'), pool('two')]);
    expect(launched().sort()).toEqual(['one run-a/plan/1', 'one run-b/plan/1', 'two run-c/plan/1']);
  });

  it('sends no further request when nothing is queued and no task lives', async () => {
    await tickOf([pool('one')]);
    expect(requests()).toEqual({ agents: [], stopped: 0 });
  });

  it('sends no further request for a run that entered a post-plan status less than two minutes ago', async () => {
    platform.lists('one', run({ status: 'post_plan_running', statusSinceMs: NOW - minutes(2) + 1 }));
    await tickOf([pool('one')]);
    expect(requests()).toEqual({ agents: [], stopped: 0 });
    expect(launched()).toEqual([]);
  });

  it('launches one agent for a run that has been in a post-plan status for two minutes', async () => {
    platform.lists('one', run({ status: 'post_plan_running', statusSinceMs: NOW - minutes(2) }));
    await tickOf([pool('one')]);
    expect(launched()).toEqual(['one sweep/run-1/0/1']);
    tasks.stopped = [stoppedTask('t', { family: 'launcher-one', startedBy: 'sweep/run-1/0', exitCode: 75 })];
    await tickOf([pool('one')]);
    expect(launched()).toHaveLength(1);
  });

  it('reports agents named like tasks of another cluster, and not those of other pools of the same cluster', async () => {
    queue('one', 'run-a');
    const [theirs, ours] = ['f'.repeat(32), '0'.repeat(32)];
    tasks.tasks = [task(ours, { family: 'launcher-two' })];
    platform.agentsOf.set('one', [agent(theirs, 'busy'), agent(ours, 'busy')]);
    const parts = await tickOf([pool('one')]);
    expect(parts.get('one')?.observation?.agentsOfOtherTasks).toEqual([theirs]);
    expect(launched()).toEqual(['one run-a/plan/1']);
  });

  it('every tick reports a pool that is no longer visible, and still serves its queued jobs', async () => {
    platform.sights.set('one', { agentsVisible: false, missingError: trouble() });
    const idle = (await tickOf([pool('one')])).get('one');
    expect(idle).toMatchObject({ errors: [{ message: expect.stringContaining('it is down') }] });
    expect(idle?.observation?.agentsVisible).toBe(false);
    queue('one', 'run-a');
    platform.agentsOf.set('one', undefined);
    expect((await tickOf([pool('one')])).get('one')?.errors).toHaveLength(1);
    expect(launched()).toEqual(['one run-a/plan/1']);
    platform.fails('one', trouble());
    expect((await tickOf([pool('one')])).get('one')?.errors).toHaveLength(2);
  });

  it('reads the stopped tasks of a pool if a job runs without a live task, because its task may have ended', async () => {
    platform.lists('one', run({ id: 'run-a', status: 'planning', planAgentName: 'died' }));
    platform.agentsOf.set('one', [agent('died', 'unknown')]);
    tasks.stopped = [stoppedTask('died', { family: 'launcher-one', exitCode: 137 })];
    const supply = (await tickOf([pool('one')])).get('one')?.observation?.supply;
    expect(supply?.outOfMemory).toMatchObject([{ jobKey: 'run-a/plan', sign: 'exit code 137' }]);
    expect(tasks.launches).toEqual([]);
  });

  it('counts only the tasks of the pool’s own family', async () => {
    queue('one', 'run-a');
    tasks.tasks = [task('t', { family: 'launcher-two' })];
    platform.agentsOf.set('two', [agent('t', 'idle')]);
    await tickOf([pool('one'), pool('two')]);
    expect(launched()).toEqual(['one run-a/plan/1']);
  });

  it('counts a task that stopped between two reads as stopped', async () => {
    queue('one', 'run-1');
    tasks.tasks = [task('t', { family: 'launcher-one' })];
    tasks.stopped = [stoppedTask('t', { family: 'launcher-one' })];
    await tickOf([pool('one')]);
    expect(launched()).toEqual(['one run-1/plan/2']);
  });

  it('stops a task whose agent never registered, and the reason identifies the launcher', async () => {
    tasks.tasks = [task('late', { family: 'launcher-one', createdAtMs: NOW - minutes(6) })];
    await tickOf([pool('one')]);
    expect(tasks.stops).toEqual([
      { taskId: 'late', reason: 'agent-launcher: its agent did not register within 300 s' },
    ]);
  });

  it('stops nothing if the API token can’t list the agents', async () => {
    tasks.tasks = [task('late', { family: 'launcher-one', createdAtMs: NOW - minutes(60) })];
    platform.agentsOf.set('one', undefined);
    const ticked = await tickOfOne();
    expect(tasks.stops).toEqual([]);
    expect(ticked?.observation?.agentsVisible).toBe(false);
  });
});

describe('an error in one pool', () => {
  it('does not affect other pools if it concerns the runs', async () => {
    platform.fails('one', trouble());
    queue('two', 'run-b');
    const ticked = await tickOf([pool('one'), pool('two')]);
    expect(launched()).toEqual(['two run-b/plan/1']);
    expect(ticked.get('one')?.errors).toHaveLength(1);
    expect(ticked.get('two')?.errors).toEqual([]);
  });

  it('prevents launches in that pool only, if it concerns the agents', async () => {
    queue('one', 'run-a');
    queue('two', 'run-b');
    platform.agentsOf.set('one', trouble());
    const ticked = await tickOf([pool('one'), pool('two')]);
    expect(launched()).toEqual(['two run-b/plan/1']);
    const nothing = { launches: [], stops: [] };
    expect(ticked.get('one')).toMatchObject({
      demand: { queued: [{}] },
      ...nothing,
      errors: [{ fault: 'unavailable' }],
    });
  });

  it.each(['other', 'acme/api-token'])(
    'does not delay the launches of a pool with token %s, if a request gets no answer',
    async (apiTokenSecret) => {
      let answer = (_: { ok: false; error: UpstreamError }): void => {};
      platform.runs.set('slow', new Promise((resolve) => (answer = resolve)));
      queue('quick', 'run-b');
      const ticked = tickOf([pool('slow', { apiTokenSecret }), pool('quick')]);
      await expect.poll(launched).toEqual(['quick run-b/plan/1']);
      answer({ ok: false, error: trouble() });
      expect((await ticked).get('slow')?.errors).toHaveLength(1);
    },
  );

  it('prevents launches in all pools if it concerns ECS’s list of live tasks', async () => {
    queue('one', 'run-a');
    tasks.tasks = trouble('ECS');
    const ticked = await tickOfOne();
    expect(launched()).toEqual([]);
    expect(ticked?.errors).toMatchObject([{ system: 'ECS' }]);
  });
});

describe('a bug while one pool is processed', () => {
  /** An exception like that of a library, whose message contains the data that it was reading. */
  const bug = () => new RangeError('Invalid value: first.atlasv1.token-that-must-not-show');
  const internal = { system: 'launcher', fault: 'internal', message: expect.stringMatching(/a bug.*RangeError at /) };

  const INPUTS = [
    ['a pool’s runs', () => platform.runs.set('one', Promise.reject(bug()))],
    ['a pool’s agents', () => platform.agentsOf.set('one', bug())],
  ] as const;
  const breakLaunches = () => {
    const { answer } = tasks;
    tasks.answer = (request) => (request.pool.name === 'one' ? bug() : answer(request));
  };

  beforeEach(() => {
    queue('one', 'run-a');
    queue('two', 'run-b');
  });

  it.each([...INPUTS, ['a pool’s launches', breakLaunches] as const])(
    'a bug in %s causes an error in that pool, and the other pool is still served',
    async (_, breakIt) => {
      breakIt();
      const ticked = await tickOf([pool('one'), pool('two')]);
      expect(ticked.get('one')?.errors).toMatchObject([internal]);
      expect(ticked.get('two')?.errors).toEqual([]);
      expect(launched()).toContain('two run-b/plan/1');
      expect(JSON.stringify(ticked.get('one'))).not.toContain('atlasv1');
      expect(String(ticked.get('one')?.errors[0])).not.toContain('atlasv1');
    },
  );

  it.each(INPUTS)(
    'in %s prevents launches in the other pools with the same organization agent limit, but not in other organizations',
    async (_, breakIt) => {
      breakIt();
      const pools = [pool('one'), pool('two'), pool('three', { organization: 'other' })];
      queue('three', 'run-c');
      const ticked = await tickOf(pools, { agentsCeiling: 5 });
      expect(ticked.get('one')?.errors).toMatchObject([internal]);
      expect(ticked.get('two')).toMatchObject({ errors: [], decision: { deferrals: [{ cause: 'agents-ceiling' }] } });
      expect(launched()).toEqual(['three run-c/plan/1']);
    },
  );

  it('in the pool’s launches doesn’t affect the other launches under an organization agent limit', async () => {
    breakLaunches();
    const ticked = await tickOf([pool('one'), pool('two')], { agentsCeiling: 5 });
    expect(ticked.get('one')?.errors).toMatchObject([internal]);
    expect(ticked.get('two')).toMatchObject({ errors: [], launches: [{ kind: 'launched' }] });
  });

  it.each([undefined, 5])(
    'in the list of live tasks causes an error in every pool (agentsCeiling %s)',
    async (agentsCeiling) => {
      tasks.tasks = bug();
      const ticked = await tickOf([pool('one'), pool('two')], { agentsCeiling });
      expect([...ticked.values()].map(({ errors }) => errors)).toMatchObject([[internal], [internal]]);
      expect(launched()).toEqual([]);
    },
  );

  it('in the list of live tasks is reported, even if the runs of no pool can be read', async () => {
    tasks.tasks = bug();
    for (const name of ['one', 'two']) platform.fails(name, trouble());
    const ticked = await tickOf([pool('one'), pool('two')]);
    expect([...ticked.values()].map(({ errors }) => errors)).toMatchObject([
      [{ fault: 'internal' }],
      [{ fault: 'internal' }],
    ]);
  });

  it('in a request for several pools causes an error in each of these pools', async () => {
    const { openRuns } = platform;
    platform.openRuns = (pools, polling) => {
      if (pools.some(({ name }) => name === 'one')) throw bug();
      return openRuns.call(platform, pools, polling);
    };
    const ticked = await tickOf([pool('one'), pool('two', { apiTokenSecret: 'other' })]);
    expect(ticked.get('one')?.errors).toMatchObject([internal]);
    expect(launched()).toEqual(['two run-b/plan/1']);
  });

  it('is reported by its type and place even if the thrown value isn’t an Error', async () => {
    platform.runs.set('one', Promise.reject('first.atlasv1.token-that-must-not-show'));
    const [error] = (await tickOf([pool('one')])).get('one')?.errors ?? [];
    expect(error?.message).toMatch(/unexpected string without a stack trace; please open an issue/);
  });
});

describe('if ECS answers a launch with', () => {
  beforeEach(() => queue('one', 'run-1', 'run-2'));

  it('a refusal, the launch is reported as refused and the other launches continue', async () => {
    const refusal = { cause: 'capacity', detail: 'Capacity is unavailable', remedy: 'wait' } as const;
    tasks.answer = ({ job, attempt }) =>
      job.key === 'run-1/plan'
        ? { kind: 'refused', refusal }
        : { kind: 'task', taskId: `t-${attempt}`, lastStatus: 'PROVISIONING' };
    const ticked = await tickOfOne();
    expect(ticked).toMatchObject({
      launches: [
        { kind: 'refused', refusal },
        { kind: 'launched', taskId: 't-1' },
      ],
      errors: [],
    });
  });

  it('nothing, the tick has an error and the other launches continue', async () => {
    tasks.answer = ({ job }) =>
      job.key === 'run-1/plan' ? trouble('ECS') : { kind: 'task', taskId: 't', lastStatus: 'PENDING' };
    const ticked = await tickOfOne();
    expect(ticked).toMatchObject({
      launches: [{ kind: 'failed' }, { kind: 'launched' }],
      errors: [{ system: 'ECS' }],
    });
  });

  it('a stopped task, the launch is repeated at once with the next attempt', async () => {
    queue('one', 'run-1');
    tasks.answer = ({ attempt }) => ({
      kind: 'task',
      taskId: `t-${attempt}`,
      lastStatus: attempt < 3 ? 'STOPPED' : 'PROVISIONING',
    });
    const ticked = await tickOfOne();
    expect(launched()).toEqual(['one run-1/plan/1', 'one run-1/plan/2', 'one run-1/plan/3']);
    expect(ticked?.launches).toMatchObject([{ kind: 'launched', attempt: 3 }]);
  });

  it('a task that was counted already, the launch is repeated at once with the next attempt', async () => {
    queue('one', 'run-1');
    tasks.tasks = [task('old', { family: 'launcher-one', startedBy: 'run-1/plan', attempt: undefined })];
    platform.agentsOf.set('one', [agent('old', 'busy')]);
    tasks.answer = ({ attempt }) => ({ kind: 'task', taskId: attempt < 3 ? 'old' : 'new', lastStatus: 'RUNNING' });
    await tickOf([pool('one')]);
    expect(launched()).toEqual(['one run-1/plan/2', 'one run-1/plan/3']);
  });

  it('a new task, the jobs of an incomplete list of runs are served', async () => {
    queue('one', 'run-1');
    platform.sights.set('one', { agentsVisible: true, unread: 'queued-jobs' });
    const ticked = await tickOf([pool('one'), pool('two')]);
    expect(ticked.get('one')).toMatchObject({ unread: 'queued-jobs', launches: [{ kind: 'launched' }] });
    expect(ticked.get('two')).not.toHaveProperty('unread');
  });

  it('tasks of used client tokens only, the launch waits for the next tick and the other launches continue', async () => {
    queue('one', 'run-1');
    tasks.answer = () => ({ kind: 'task', taskId: 't', lastStatus: 'STOPPED' });
    const ticked = await tickOfOne();
    expect(ticked?.launches).toMatchObject([{ kind: 'spent' }]);
    expect(ticked?.errors).toEqual([]);
  });

  it('a task of a lane on Spot, the tick reports if it runs on demand because ECS refused Spot or earlier tasks did not start', async () => {
    const one = pool('one', { lanes: [PLAN_LANE, APPLY_LANE] });
    const instead = async () =>
      (await tickOf([one])).get('one')?.launches.map((outcome) => outcome.kind === 'launched' && outcome.insteadOfSpot);
    queue('one', 'run-a');
    expect(await instead()).toEqual([false]);
    const answer = { kind: 'task', lastStatus: 'PROVISIONING' } as const;
    tasks.answer = () => ({ ...answer, taskId: 'new', insteadOfSpot: true });
    expect(await instead()).toEqual([true]);
    tasks.answer = () => ({ ...answer, taskId: 'new' });
    tasks.stopped = [
      stoppedTask('no-room', {
        family: PLAN_LANE.taskDefinition,
        startedAtMs: undefined,
        stopCode: 'TaskFailedToStart',
        stoppedReason: 'Capacity is unavailable at this time.',
      }),
    ];
    expect(await instead()).toEqual([true]);
    expect(tasks.launches.map(({ lane }) => lane.capacity)).toEqual(['spot', 'spot', 'on-demand']);
  });

  it('a task, but a stop fails, the tick has an error', async () => {
    tasks.stop = async () => {
      throw trouble('ECS');
    };
    tasks.tasks = [task('late', { family: 'launcher-one', createdAtMs: NOW - minutes(6) })];
    const ticked = await tickOfOne();
    expect(ticked?.errors).toMatchObject([{ system: 'ECS' }]);
  });
});

describe('a stop of a task without a working agent', () => {
  const late = task('late', { family: 'launcher-one', createdAtMs: NOW - minutes(6) });
  beforeEach(() => {
    tasks.tasks = [late];
  });
  const working = agent('late', 'busy', { id: 'agent-2' });
  const left = agent('late', 'exited', { lastPingMs: NOW - minutes(6) });
  const errored = agent('late', 'errored');

  it.each<[string, Agent[], RegExp]>([
    ['never registered', [], /did not register/],
    ['left', [left], /its agent left/],
    ['errored', [errored], /errored/],
  ])('is carried out if a second list also shows that its agent %s', async (_, agents, reason) => {
    platform.listsAgents(agents);
    await tickOfOne();
    expect(tasks.stops).toMatchObject([{ taskId: 'late', reason: expect.stringMatching(reason) }]);
  });

  it.each<[string, Agent[], Agent[] | undefined]>([
    ['finds the agent that had not registered', [], [agent('late', 'busy')]],
    ['is not allowed for an agent that had not registered', [], undefined],
    ['finds that the agent that left registered again', [left], [left, working]],
    ['is not allowed for an agent that left', [left], undefined],
    ['finds that the errored agent registered again', [errored], [errored, working]],
    ['is not allowed for an errored agent', [errored], undefined],
  ])('is not carried out if the second list %s', async (_, first, second) => {
    platform.listsAgents(first, second);
    const ticked = await tickOfOne();
    expect([tasks.stops, ticked?.errors]).toEqual([[], []]);
  });

  it('is deferred and causes an error of the tick if the second list fails, while launches continue', async () => {
    queue('one', 'run-9');
    platform.listsAgents([], trouble());
    const ticked = await tickOfOne();
    expect(tasks.stops).toEqual([]);
    expect(ticked?.errors).toMatchObject([{ fault: 'unavailable' }]);
    expect(launched()).toEqual(['one run-9/plan/1']);
  });

  it('is carried out without a second list if ECS knows the exit code', async () => {
    tasks.tasks = [{ ...late, exitCode: 0, executionStoppedAtMs: NOW - minutes(6) }];
    platform.agentsOf.set('one', [agent('late', 'busy')]);
    await tickOfOne();
    expect(tasks.stops).toMatchObject([{ taskId: 'late' }]);
    expect(platform.agentsAsked).toHaveLength(1);
  });

  it('happens in the same tick as the launch for the job that waited for the task’s slot', async () => {
    queue('one', 'run-9');
    platform.listsAgents([left]);
    await tickOfOne({ maxAgents: 1 });
    expect([launched(), tasks.stops.length]).toEqual([['one run-9/plan/1'], 1]);
  });
});

describe('an organization agent limit', () => {
  const warmIn = (lane: Lane): Lane => ({ ...lane, standing: { id: 'w', warm: { agents: 1, idleSeconds: 3600 } } });

  it('costs no request while no pool has work', async () => {
    await tickOf([pool('one'), pool('two')], { agentsCeiling: 3 });
    expect(requests()).toEqual({ agents: [], stopped: 0 });
  });

  it('counts the agents of idle pools if one of two lanes of another pool has a warm agent', async () => {
    await tickOf([pool('one', { lanes: [PLAN_LANE, warmIn(APPLY_LANE)] }), pool('two')], { agentsCeiling: 3 });
    expect(platform.agentsAsked.map(({ pool: asked }) => asked)).toContain('two');
  });

  it('counts the agents of idle pools for the warm agents of a pool whose runs can’t be read', async () => {
    platform.fails('one', trouble());
    await tickOf([pool('one', { lanes: [warmIn(PLAN_LANE)] }), pool('two')], { agentsCeiling: 3 });
    expect(platform.agentsAsked.map(({ pool: asked }) => asked)).toEqual(['two']);
  });

  it('counts no agents of idle pools because of a pool whose runs can’t be read', async () => {
    platform.fails('one', trouble());
    await tickOf([pool('one'), pool('two')], { agentsCeiling: 3 });
    expect(platform.agentsAsked).toEqual([]);
  });

  it('leaves the agents of idle pools unread if it is absent and another pool has work', async () => {
    queue('one', 'run-a');
    await tickOf([pool('one'), pool('two')]);
    expect(platform.agentsAsked.map(({ pool: asked }) => asked)).toEqual(['one']);
  });

  it('counts the tasks of a pool that HCP Terraform doesn’t know, and the agents of other pools only once', async () => {
    queue('one', 'run-a');
    platform.fails('two', trouble());
    platform.sights.set('two', { agentsVisible: false, notFound: true });
    tasks.tasks = [
      task('t', { family: 'launcher-two' }),
      task('busy', { family: 'launcher-one', startedBy: 'run-z/plan' }),
    ];
    platform.agentsOf.set('one', [agent('busy', 'busy')]);
    await tickOf([pool('one'), pool('two')], { agentsCeiling: 3 });
    expect(launched()).toEqual(['one run-a/plan/1']);
  });

  it('is shared by the pools, and the oldest job comes first', async () => {
    platform.lists('one', run({ id: 'run-young', planQueuedAtMs: NOW - 1000 }));
    platform.lists('two', run({ id: 'run-old', planQueuedAtMs: NOW - 9000 }));
    const ticked = await tickOf([pool('one'), pool('two')], { agentsCeiling: 1 });
    expect(launched()).toEqual(['two run-old/plan/1']);
    expect(ticked.get('one')?.decision?.deferrals).toMatchObject([{ cause: 'agents-ceiling' }]);
  });

  it('counts the agents of pools that have nothing to do', async () => {
    queue('one', 'run-a');
    platform.agentsOf.set('two', [agent('somebody-elses', 'busy')]);
    await tickOf([pool('one'), pool('two')], { agentsCeiling: 1 });
    expect(launched()).toEqual([]);
  });

  it('defers the warm agents that don’t fit, with the reason', async () => {
    const ticked = await tickOf([warmPool('one', 3)], { agentsCeiling: 1 });
    expect(ticked.get('one')?.decision?.deferrals).toMatchObject([
      { jobKey: 'warm/one/2', cause: 'agents-ceiling', reason: expect.stringContaining('agentsCeiling') },
      { jobKey: 'warm/one/3', cause: 'agents-ceiling' },
    ]);
  });

  it('counts the agents of other pools before it allows a warm agent', async () => {
    platform.agentsOf.set('two', [agent('somebody-elses', 'busy')]);
    await tickOf([warmPool('one', 1), pool('two')], { agentsCeiling: 1 });
    expect(launched()).toEqual([]);
  });

  it('counts the agents of other pools before it allows a sweep for a run that waits after its plan', async () => {
    platform.lists('one', run({ status: 'post_plan_running', statusSinceMs: NOW - minutes(3) }));
    platform.agentsOf.set('two', [agent('elsewhere', 'busy')]);
    const parts = await tickOf([pool('one'), pool('two')], { agentsCeiling: 1 });
    expect(launched()).toEqual([]);
    expect(parts.get('one')?.decision?.deferrals).toMatchObject([{ jobKey: 'sweep/run-1/0', cause: 'agents-ceiling' }]);
  });

  it('the tick continues without a pool that HCP Terraform doesn’t know, and counts that pool’s tasks', async () => {
    queue('one', 'run-a');
    platform.fails('two', trouble());
    platform.sights.set('two', { agentsVisible: false, notFound: true });
    tasks.tasks = [task('t', { family: 'launcher-two' })];
    expect((await tickOf([pool('one'), pool('two')], { agentsCeiling: 1 })).get('two')?.errors).toHaveLength(1);
    expect(launched()).toEqual([]);
    await tickOf([pool('one'), pool('two')], { agentsCeiling: 2 });
    expect(launched()).toEqual(['one run-a/plan/1']);
  });

  it('allows no launch while a pool can’t be observed although it may exist', async () => {
    queue('one', 'run-a');
    platform.fails('two', trouble());
    await tickOf([pool('one'), pool('two')], { agentsCeiling: 5 });
    expect(launched()).toEqual([]);
  });

  it('allows no launch while the agents of one pool can’t be counted', async () => {
    queue('one', 'run-a');
    platform.agentsOf.set('two', trouble());
    const ticked = await tickOf([pool('one'), pool('two')], { agentsCeiling: 5 });
    expect(launched()).toEqual([]);
    expect(ticked.get('one')?.decision?.deferrals[0]?.reason).toContain('could not be counted');
  });
});
