/** Regression tests for bugs in a tick that the simulation found. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Agent, Standing } from '../../../functions/launcher/core/types.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import type { Pool } from '../../../functions/launcher/ports.ts';
import { type PoolTick, tick } from '../../../functions/launcher/tick.ts';
import {
  APPLY_LANE,
  agent,
  LIMITS,
  minutes,
  NOW,
  PLAN_LANE,
  run,
  seconds,
  stoppedTask,
  task,
} from './core/builders.ts';
import { endless, FakePlatform, FakeTasks, pool, warmPool } from './fakes.ts';

let platform: FakePlatform;
let tasks: FakeTasks;

beforeEach(() => {
  platform = new FakePlatform();
  tasks = new FakeTasks();
});

function tickOf(pools: readonly Pool[], agentsCeiling?: number, now = () => NOW) {
  return tick(pools, { limits: LIMITS, agentsCeiling }, { hcpTerraform: platform, tasks, now }, endless());
}

/** The result of a tick for its only pool. */
async function tickOfOne(one = pool('one'), now = () => NOW) {
  const [part] = (await tickOf([one], undefined, now)).pools;
  if (part === undefined) throw new Error('no part about the pool');
  return part;
}

/** The ids of launched tasks, or the kind of outcome if a launch started no task. */
const startedBy = ({ launches }: PoolTick) => launches.map((one) => (one.kind === 'launched' ? one.taskId : one.kind));

const queue = (name: string, ...ids: string[]) => platform.lists(name, ...ids.map((id) => run({ id })));
const launched = () => tasks.launches.map(({ pool: { name }, job }) => `${name} ${job.key}`);

describe('a job whose client tokens are already used', () => {
  // ECS remembers client tokens for 24 h, but shows stopped tasks for only an hour, and without the attempt tag if the launcher stopped them.
  it.each([1, 7, 40, 900])('gets a launch within one tick after %i attempts of which ECS shows none', async (used) => {
    queue('one', 'run-1');
    tasks.answer = ({ attempt }) =>
      attempt <= used
        ? { kind: 'task', taskId: `old-${attempt}`, lastStatus: 'STOPPED' }
        : { kind: 'task', taskId: 'new', lastStatus: 'PROVISIONING' };
    expect(startedBy(await tickOfOne())).toEqual(['new']);
    expect(tasks.launches.length).toBeLessThan(15);
  });

  it('tries the nearest attempts one by one, so that ticks with slightly different observations choose the same one', async () => {
    queue('one', 'run-1');
    tasks.answer = ({ attempt }) => ({
      kind: 'task',
      taskId: `${attempt}`,
      lastStatus: attempt < 5 ? 'STOPPED' : 'PENDING',
    });
    await tickOf([pool('one')]);
    tasks.stopped = [
      stoppedTask('1', { family: 'launcher-one' }),
      stoppedTask('2', { family: 'launcher-one', attempt: 2 }),
    ];
    platform.agentsOf.set('one', [agent('1', 'exited'), agent('2', 'exited')]);
    await tickOf([pool('one')]);
    expect(tasks.launches.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 3, 4, 5]);
  });
});

describe('the slot of a warm agent', () => {
  const [lane] = pool('one').lanes;
  const hour = NOW - (NOW % minutes(60));
  const taskAt = async (nowMs: number) => startedBy(await tickOfOne(warmPool('one', 1), () => nowMs));
  /** After a deployment, ECS answers each known client token with a conflict, and doesn't describe the conflict's task. */
  const conflicting = (): void => {
    const remembered = new Map<number, string>();
    tasks.answer = ({ attempt }) => {
      const taskId = remembered.get(attempt);
      if (taskId !== undefined) return { kind: 'task', taskId, lastStatus: undefined };
      remembered.set(attempt, `task-${remembered.size + 1}`);
      return { kind: 'task', taskId: `task-${remembered.size}`, lastStatus: 'PROVISIONING' };
    };
  };

  it('is filled again if its client token belongs to a task that ECS no longer shows', async () => {
    conflicting();
    expect(await taskAt(hour)).toEqual(['task-1']);
    expect(await taskAt(hour + minutes(130))).toEqual(['task-2']);
  });

  it('isn’t filled twice while ECS doesn’t show its task yet', async () => {
    conflicting();
    for (const later of [0, 10, 60, 290]) expect(await taskAt(hour + seconds(later))).toEqual(['task-1']);
    expect(tasks.launches.every(({ attempt }) => attempt === tasks.launches[0]?.attempt)).toBe(true);
  });

  // There is a tick every ten seconds. Each launches as late as possible, and ECS shows each task as late as possible.
  it.each([
    ['warm agents', { id: 'one', warm: { agents: 3, idleSeconds: 3600 } }, 3],
    ['sweeps', { id: 'one', sweepMs: minutes(10) }, 1],
  ])(
    'is not filled twice around a full hour by %s, while ECS does not show its task yet',
    async (_, standing, most) => {
      for (const beginsMs of [49, 53.9, 54.9, 59.5].map((n) => hour + minutes(n))) {
        const pools = [pool('one', { maxAgents: most, lanes: [{ ...lane, standing }] })];
        const made = new Map<string, { id: string; key: string; attempt: number; atMs: number }>();
        let nowMs = beginsMs;
        tasks = new FakeTasks();
        tasks.answer = ({ job, attempt }) => {
          const token = `${job.key}/${attempt}`;
          const known = made.get(token) ?? {
            id: `task-${made.size}`,
            key: job.key,
            attempt,
            atMs: nowMs + seconds(55),
          };
          made.set(token, known);
          return { kind: 'task', taskId: known.id, lastStatus: 'PROVISIONING' };
        };
        for (; nowMs < beginsMs + minutes(30); nowMs += seconds(10)) {
          const shown = [...made.values()].flatMap(({ id, key, attempt, atMs }) =>
            nowMs - atMs < minutes(5)
              ? []
              : [task(id, { family: 'launcher-one', startedBy: key as `${string}/plan`, attempt, createdAtMs: atMs })],
          );
          tasks.tasks = shown;
          // Slow starts: no agent registers before ECS shows its task.
          platform.agentsOf.set(
            'one',
            shown.map(({ id }) => agent(id, 'idle')),
          );
          await tickOf(pools, most, () => nowMs);
        }
        expect({ beginsMs, tasks: made.size }).toEqual({ beginsMs, tasks: most });
      }
    },
  );
});

describe('a job whose task has another family, after `phases` was set or removed', () => {
  // ECS answers the client token with a ConflictException that contains the id of the task from before the deployment.
  const FORMER = 'launcher-one';
  const MINUTE_AGO = NOW - seconds(60);
  const DEADLINE = LIMITS.startDeadlineMs;
  const split = pool('one', { lanes: [PLAN_LANE, APPLY_LANE] });
  const remembered = (createdAtMs: number | undefined, status?: 'busy' | 'idle') => {
    tasks.tasks = [task('former', { family: FORMER, startedBy: 'run-1/plan', createdAtMs: createdAtMs ?? MINUTE_AGO })];
    platform.agentsOf.set('one', status === undefined ? [] : [agent('former', status)]);
    tasks.answer = ({ job, attempt }) =>
      job.key === 'run-1/plan' && attempt === 1
        ? { kind: 'task', taskId: 'former', lastStatus: 'RUNNING', family: FORMER, createdAtMs }
        : { kind: 'task', taskId: `${job.key}/${attempt}`, lastStatus: 'PROVISIONING' };
  };
  const startedTasks = async () => startedBy(await tickOfOne(split));

  it.each<[string, number | undefined, 'busy' | 'idle' | undefined, string[]]>([
    ['an agent at once if the agent of that task took another job', MINUTE_AGO, 'busy', ['run-1/plan/2']],
    ['no second task while the agent of that task is about to register', NOW - DEADLINE, undefined, ['former']],
    ['no second task if that task’s creation time is unknown', undefined, undefined, ['former']],
    ['no second task while the idle agent of that task may take the job', MINUTE_AGO, 'idle', []],
    ['an agent if that task has none after the start deadline', NOW - DEADLINE - 1, undefined, ['run-1/plan/2']],
  ])('gets %s, and the same in the next tick', async (_, createdAtMs, status, expected) => {
    queue('one', 'run-1');
    remembered(createdAtMs, status);
    expect([await startedTasks(), await startedTasks()]).toEqual([expected, expected]);
    expect(tasks.stops).toEqual([]);
  });

  it('gets an agent at once if a running job shows that the agent of that task took a different job', async () => {
    const other = run({ id: 'run-2', status: 'planning', planAgentName: 'former' });
    platform.lists('one', run(), other);
    remembered(MINUTE_AGO);
    platform.agentsOf.set('one', undefined);
    expect(await startedTasks()).toEqual(['run-1/plan/2']);
  });

  it('gets an agent if that task is idle and counts for another job', async () => {
    queue('one', 'run-1', 'run-2');
    remembered(MINUTE_AGO, 'idle');
    expect(await startedTasks()).toEqual(['run-1/plan/2']);
  });
});

describe('a job whose client token is in use although ECS reports no task', () => {
  // A launch without Spot capacity may use up its client token. After a deployment without Spot, that client token causes a conflict.
  const conflict = new UpstreamError({
    system: 'ECS',
    fault: 'rejected',
    what: 'ConflictException',
    request: 'RunTask',
  });
  const outcomesAfter = async (waitedMs: number) => {
    platform.lists('one', run({ id: 'run-1', planQueuedAtMs: NOW - waitedMs }));
    tasks.answer = ({ job, attempt }) =>
      attempt === 1
        ? { kind: 'nameless-conflict', error: conflict }
        : { kind: 'task', taskId: `${job.key}/${attempt}`, lastStatus: 'PROVISIONING' };
    return startedBy(await tickOfOne());
  };

  it('gets an agent with the next client token once a task with the first client token would be visible', async () => {
    expect(await outcomesAfter(seconds(301))).toEqual(['run-1/plan/2']);
  });

  it('gets no agent as long as a task with the first client token may not be visible, because an overlapping tick may have started one', async () => {
    expect(await outcomesAfter(seconds(300))).toEqual(['failed']);
  });
});

describe('an organization agent limit that pools with different API tokens share', () => {
  const pools = [pool('one'), pool('two', { apiTokenSecret: 'acme/other-token' })];

  it('applies to all these pools together', async () => {
    queue('one', 'run-1');
    queue('two', 'run-2');
    await tickOf(pools, 1);
    expect(launched()).toEqual(['one run-1/plan']);
  });

  it('counts the agents of a pool without work', async () => {
    queue('one', 'run-1');
    platform.agentsOf.set('two', [agent('foreign', 'busy')]);
    await tickOf(pools, 1);
    expect(launched()).toEqual([]);
  });

  // Time passes during the tick: each call of the clock returns a later time.
  const days = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;
  const schedule = { days, fromMinute: 8 * 60, toMinute: 18 * 60, timeZone: 'UTC' };
  it.each<[string, Standing]>([
    ['a schedule', { id: 'one', warm: { agents: 3, idleSeconds: 3600, schedule } }],
    ['a sweep', { id: 'one', sweepMs: minutes(60) }],
  ])('counts the agents of all pools when %s becomes due while a tick is under way', async (_, standing) => {
    const [lane] = pool('one').lanes;
    platform.agentsOf.set(
      'two',
      ['a', 'b', 'c'].map((name) => agent(name, 'busy')),
    );
    const eight = NOW - minutes(4 * 60);
    for (let asked = 0; asked < 8; asked += 1) {
      let questions = 0;
      const now = () => {
        questions += 1;
        return questions > asked ? eight : eight - 100;
      };
      await tickOf([pool('one', { lanes: [{ ...lane, standing }] }), pool('two')], 3, now);
    }
    expect(launched()).toEqual([]);
  });

  it('doesn’t affect another organization', async () => {
    queue('one', 'run-1');
    queue('else', 'run-2');
    await tickOf([...pools, pool('else', { organization: 'other' })], 1);
    expect(launched().sort()).toEqual(['else run-2/plan', 'one run-1/plan']);
  });
});

describe('warm agents whose containers exited with 0', () => {
  const one = warmPool('one', 1);
  const ended = (id: string, agoMinutes: number) =>
    stoppedTask(id, {
      family: 'launcher-one',
      startedBy: 'warm/one/1',
      createdAtMs: NOW - minutes(agoMinutes + 3),
      startedAtMs: NOW - minutes(agoMinutes + 2),
      stoppedAtMs: NOW - minutes(agoMinutes),
    });

  it('count as start failures if the list of the last minutes lacks them, and delay the next launch', async () => {
    tasks.stopped = [ended('new', 1)];
    expect((await tickOfOne(one)).observation?.supply.startFailures).toHaveLength(1);
    platform.agentsOf.set('one', [agent('new', 'exited')]);
    expect((await tickOfOne(one)).observation?.supply.startFailures).toEqual([]);
  });

  it('don’t count as start failures if they are older than the list of the last minutes', async () => {
    tasks.stopped = [ended('old', 40)];
    const { observation } = await tickOfOne(one);
    expect(platform.agentsAsked).toHaveLength(1);
    expect(observation?.supply.startFailures).toEqual([]);
    expect(launched()).toHaveLength(1);
  });
});

describe('a task for which the full list of agents is too long (more than 5,000 pinged since its start)', () => {
  const silent = task('silent', { family: 'launcher-one', startedBy: 'run-9/plan', createdAtMs: NOW - minutes(90) });
  const tooLong = new UpstreamError({ system: 'HCP Terraform', fault: 'too-long', what: 'too long' });
  const listing = (recent: readonly Agent[], older: UpstreamError): void => {
    platform.agents = async (_, sinceMs) => {
      if (sinceMs < NOW - minutes(12)) throw older;
      return recent;
    };
  };

  it('doesn’t delay its pool, serves no job and isn’t stopped', async () => {
    queue('one', 'run-1');
    tasks.tasks = [silent];
    listing([], tooLong);
    const seen = await tickOfOne();
    expect(launched()).toEqual(['one run-1/plan']);
    expect(seen).toMatchObject({ stops: [], errors: [], observation: { agentsUnknownFor: ['silent'] } });
    expect(seen.observation?.supply.live).toMatchObject([{ state: 'unobserved' }]);
  });

  it('doesn’t keep the launcher from using the list of the last minutes', async () => {
    const young = task('young', { family: 'launcher-one', createdAtMs: NOW - minutes(9) });
    tasks.tasks = [silent, young, task('busy', { family: 'launcher-one', createdAtMs: NOW - minutes(80) })];
    listing([agent('busy', 'busy')], tooLong);
    const seen = await tickOfOne();
    expect(seen.observation?.supply.live.map(({ state }) => state)).toEqual(['unobserved', 'overdue', 'busy']);
    expect(tasks.stops.map(({ taskId }) => taskId)).toEqual(['young']);
  });

  it('isn’t a start failure after its end, unless two pieces of evidence say so', async () => {
    const over = { family: 'launcher-one', startedBy: 'run-9/plan', createdAtMs: NOW - minutes(40), exitCode: 1 };
    tasks.stopped = [
      stoppedTask('perhaps', { ...over, startedAtMs: NOW - minutes(39) }),
      stoppedTask('surely', { ...over, startedAtMs: undefined, stopCode: 'TaskFailedToStart' }),
    ];
    queue('one', 'run-1');
    listing([], tooLong);
    const seen = await tickOfOne();
    expect(seen.observation?.supply.startFailures.map(({ task: { id } }) => id)).toEqual(['surely']);
  });

  describe('with an errored agent in the list of the last minutes', () => {
    const old = task('old', { family: 'launcher-one', createdAtMs: NOW - minutes(1440) });
    const errored = agent('old', 'errored', { lastPingMs: NOW - minutes(6) });

    it('is stopped, as is a younger task whose agent never registered', async () => {
      tasks.tasks = [old, task('young', { family: 'launcher-one', createdAtMs: NOW - minutes(6) })];
      listing([errored], tooLong);
      const seen = await tickOfOne();
      expect(tasks.stops.map(({ taskId }) => taskId)).toEqual(['old', 'young']);
      expect(seen.errors).toEqual([]);
    });

    it('isn’t stopped if the second list contains a busy agent with the same name', async () => {
      tasks.tasks = [old];
      const lists = [[errored], [errored, agent('old', 'busy', { id: 'agent-2' })]];
      platform.agents = async (_, sinceMs) => {
        if (sinceMs < NOW - minutes(12)) throw tooLong;
        return lists.shift();
      };
      const seen = await tickOfOne();
      expect(seen).toMatchObject({ decision: { stops: [{ taskId: 'old' }] }, stops: [], errors: [] });
    });
  });
});
