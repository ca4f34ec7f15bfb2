import { beforeEach, describe, expect, it } from 'vitest';
import { demandOf } from '../../../functions/launcher/core/demand.ts';
import type { Agent, Lane, Run, Task } from '../../../functions/launcher/core/types.ts';
import { UpstreamError } from '../../../functions/launcher/errors.ts';
import { observePool, readEarly } from '../../../functions/launcher/observe.ts';
import { APPLY_LANE, agent, minutes, NOW, PLAN_LANE, run, seconds, stoppedTask, task } from './core/builders.ts';
import { FakePlatform, FakeTasks, pool } from './fakes.ts';

const FAMILY = 'launcher-one';
/** The list of recent agents covers eleven minutes, including one minute for differences between clocks. */
const RECENT = NOW - minutes(11);
/** A list of agents that is too long to read. */
const tooLong = new UpstreamError({ system: 'HCP Terraform', fault: 'too-long', what: 'more than 5,000 agents' });

/** The members that are absent if no agents were listed. */
const OF_AGENTS = ['agentsSinceMs', 'agentsUnknownFor', 'agentsOfOtherTasks'];

let platform: FakePlatform;
let tasks: FakeTasks;
/** How often the runs were read again. */
let rereads: number;

beforeEach(() => {
  rereads = 0;
  platform = new FakePlatform();
  tasks = new FakeTasks();
});

interface World {
  readonly runs?: readonly Run[];
  readonly live?: readonly Task[];
  readonly lanes?: readonly [Lane, ...Lane[]];
  readonly agentsMatter?: boolean;
  readonly isExtra?: boolean;
  /** The runs if they are read again. */
  readonly again?: readonly Run[];
}

async function observe({ runs = [], live = [], lanes, agentsMatter = false, isExtra = false, again = runs }: World) {
  const one = pool('one', lanes && { lanes });
  const deps = {
    hcpTerraform: platform,
    tasks,
    nowMs: NOW,
    startDeadlineMs: minutes(5),
    isExtra,
    signal: new AbortController().signal,
  };
  const early = await readEarly(one, live, deps);
  const demandAgain = async () => {
    rereads += 1;
    return demandOf(again);
  };
  return observePool({ pool: one, demand: demandOf(runs), liveTasks: live, early, agentsMatter, demandAgain }, deps);
}

/** Answers requests for recent agents with one list, and requests that go back further with a different list. */
function agentsByAge(recent: readonly Agent[], older: readonly Agent[] | Error) {
  platform.agents = async (one, sinceMs) => {
    platform.agentsAsked.push({ pool: one.name, sinceMs });
    if (sinceMs === RECENT) return recent;
    if (older instanceof Error) throw older;
    return older;
  };
}

describe('an idle pool', () => {
  it('costs no request, and its stopped tasks aren’t listed', async () => {
    const seen = await observe({});
    expect(seen).toMatchObject({
      startsUnread: true,
      agentsVisible: true,
      supply: { live: [], foreignIdle: 0, registered: 0 },
    });
    for (const property of OF_AGENTS) expect(seen).not.toHaveProperty(property);
    expect([platform.agentsAsked, tasks.stoppedAsked]).toEqual([[], 0]);
  });

  it('has its agents listed if other pools need their number', async () => {
    platform.agentsOf.set('one', [agent('theirs', 'idle')]);
    const seen = await observe({ agentsMatter: true });
    expect(seen).toMatchObject({
      startsUnread: true,
      agentsSinceMs: RECENT,
      supply: { foreignIdle: 1, registered: 1 },
    });
    expect(tasks.stoppedAsked).toBe(0);
  });

  it('shows the tasks that have ended since the pool was active, without those that are stopping', async () => {
    expect(await observe({})).not.toHaveProperty('ended');
    const ended = stoppedTask('ended', { family: FAMILY });
    tasks.ended = [ended, { ...ended, id: 'stopping', lastStatus: 'DEPROVISIONING' }];
    const seen = await observe({});
    expect(seen).toMatchObject({ startsUnread: true, ended: [{ id: 'ended' }] });
    expect(seen.ended).toHaveLength(1);
    expect(seen.supply.seenTaskIds.size).toBe(0);
  });

  it('becomes active because of a known task that ECS’s list of live tasks lacks', async () => {
    tasks.ended = [task('unlisted', { family: FAMILY })];
    const seen = await observe({});
    expect(seen).not.toHaveProperty('startsUnread');
    expect(seen.supply.live).toMatchObject([{ task: { id: 'unlisted' }, state: 'starting' }]);
    expect([tasks.stoppedAsked, tasks.endedAsked]).toEqual([1, 1]);
    expect(platform.agentsAsked).toEqual([{ pool: 'one', sinceMs: RECENT }]);
  });

  it('is not asked for ended tasks by a tick that only a nudge caused', async () => {
    expect(await observe({ isExtra: true })).not.toHaveProperty('ended');
    expect(tasks.endedAsked).toBe(0);
  });

  it('can’t be observed if its ended tasks can’t be read', async () => {
    const error = new UpstreamError({ system: 'ECS', fault: 'unavailable', what: 'no answer' });
    tasks.ended = error;
    await expect(observe({})).rejects.toBe(error);
  });

  it('has invisible agents if an earlier lookup showed that', async () => {
    platform.sights.set('one', { agentsVisible: false });
    expect((await observe({})).agentsVisible).toBe(false);
  });

  it.each<[string, World]>([
    ['a queued job', { runs: [run()] }],
    ['a job that runs without a task', { runs: [run({ status: 'planning' })] }],
    ['a live task', { live: [task('t', { family: FAMILY })] }],
    [
      'a warm agent in one of two lanes',
      { lanes: [{ ...PLAN_LANE, standing: { id: 'p', warm: { agents: 1, idleSeconds: 600 } } }, APPLY_LANE] },
    ],
    ['a sweep that may still fail', { lanes: [{ ...PLAN_LANE, standing: { id: 'p', sweepMs: minutes(60) } }] }],
  ])('becomes active because of %s: its stopped tasks and agents are read', async (_, world) => {
    const seen = await observe(world);
    expect(seen).not.toHaveProperty('startsUnread');
    expect([tasks.stoppedAsked, tasks.endedAsked]).toEqual([1, 0]);
    expect(platform.agentsAsked[0]).toEqual({ pool: 'one', sinceMs: RECENT });
  });

  it('shows the stopped tasks of an active pool as ended', async () => {
    tasks.stopped = [stoppedTask('ended', { family: FAMILY })];
    expect(await observe({ runs: [run()] })).toMatchObject({ ended: [{ id: 'ended' }] });
  });

  it('doesn’t become active because of a task of another pool', async () => {
    expect(await observe({ live: [task('t', { family: 'launcher-two' })] })).toMatchObject({ startsUnread: true });
  });
});

describe('the agents of a pool', () => {
  const old = (id: string, ageMs = minutes(30)) => task(id, { family: FAMILY, createdAtMs: NOW - ageMs });

  it('are listed only once if the recent agents include those of all tasks', async () => {
    platform.agentsOf.set('one', [agent('t', 'busy')]);
    const seen = await observe({ live: [old('t')] });
    expect(platform.agentsAsked).toEqual([{ pool: 'one', sinceMs: RECENT }]);
    expect(seen).toMatchObject({ agentsSinceMs: RECENT, supply: { live: [{ state: 'busy' }] } });
  });

  it.each([
    ['exactly as far back as the recent ones', minutes(10), 1],
    ['a millisecond further', minutes(10) + 1, 2],
  ])('are listed again only if a task without an agent is older than the list: %s', async (_, ageMs, lists) => {
    await observe({ live: [old('t', ageMs)] });
    expect(platform.agentsAsked).toHaveLength(lists);
  });

  it('are listed since a minute before the oldest task without an agent', async () => {
    agentsByAge([], [agent('t', 'idle')]);
    const seen = await observe({ live: [old('t'), old('u', minutes(20))] });
    expect(platform.agentsAsked[1]?.sinceMs).toBe(NOW - minutes(31));
    expect(seen).toMatchObject({ agentsSinceMs: NOW - minutes(31), agentsVisible: true });
    expect(seen).not.toHaveProperty('agentsUnknownFor');
  });

  it('are listed since before a stopped task whose job still waits, but not for a task that served its job', async () => {
    const ended = {
      family: FAMILY,
      createdAtMs: NOW - minutes(40),
      startedAtMs: NOW - minutes(39),
      stoppedAtMs: NOW - minutes(5),
    };
    tasks.stopped = [stoppedTask('done', { ...ended, startedBy: 'run-9/plan' })];
    await observe({ runs: [run()] });
    expect(platform.agentsAsked).toHaveLength(1);
    tasks.stopped = [stoppedTask('lost', { ...ended, startedBy: 'run-1/plan' })];
    await observe({ runs: [run()] });
    expect(platform.agentsAsked.at(-1)?.sinceMs).toBe(NOW - minutes(41));
  });

  it('are unknown for older tasks if the full list is too long', async () => {
    agentsByAge([agent('young', 'idle')], tooLong);
    const live = [old('t'), old('edge', minutes(10)), old('young', seconds(30)), old('unlisted', seconds(30))];
    const seen = await observe({ live });
    expect(seen).toMatchObject({ agentsSinceMs: RECENT, agentsUnknownFor: ['t'] });
    expect(seen.supply.live.map(({ task: { id }, state }) => [id, state])).toEqual([
      ['t', 'unobserved'],
      ['edge', 'overdue'],
      ['young', 'idle'],
      ['unlisted', 'starting'],
    ]);
  });

  it('are an error if the list fails for another reason', async () => {
    const down = new UpstreamError({ system: 'HCP Terraform', fault: 'unavailable', what: 'it is down' });
    agentsByAge([], down);
    await expect(observe({ live: [old('t')] })).rejects.toBe(down);
  });

  it('are invisible if the API token can’t list them', async () => {
    platform.agentsOf.set('one', undefined);
    const seen = await observe({ runs: [run()] });
    expect(seen).toMatchObject({ agentsVisible: false });
    for (const property of OF_AGENTS) expect(seen).not.toHaveProperty(property);
  });
});

describe('a job that is taken between two requests', () => {
  const queued = run({ id: 'run-1', status: 'plan_queued' });
  const planning = run({ id: 'run-1', status: 'planning', planAgentName: 'stranger' });
  const mine = (id: string, more: Partial<Task> = {}) => task(id, { family: 'launcher-one', ...more });
  const busy = [agent('stranger', 'busy')];

  it('isn’t counted as queued: an agent without a task has become busy, so the runs are read again', async () => {
    platform.listsAgents(busy);
    const { demand } = await observe({ runs: [queued], again: [planning] });
    expect([demand.queued, rereads]).toEqual([[], 1]);
  });

  it.each<[string, World, readonly Agent[]]>([
    ['no agent is busy', { runs: [queued] }, [agent('stranger', 'idle')]],
    ['the runs show the job of every busy agent', { runs: [queued, { ...planning, id: 'run-2' }] }, busy],
    ['no job is queued', { runs: [planning] }, busy],
    ['the agents were listed before the runs', { runs: [queued], live: [mine('t')] }, busy],
  ])('costs no further request if %s', async (_, world, agents) => {
    platform.listsAgents(agents);
    await observe(world);
    expect(rereads).toBe(0);
  });

  it('doesn’t hide the newer row of an agent that registered twice, if only the longer list has both', async () => {
    const old = mine('twice', { createdAtMs: NOW - minutes(60) });
    const first = agent('twice', 'exited', { id: 'agent-1', lastPingMs: NOW - minutes(50) });
    agentsByAge([], [first, agent('twice', 'busy', { id: 'agent-2', lastPingMs: NOW })]);
    const { supply } = await observe({ runs: [queued], live: [old] });
    expect(supply.live.map(({ state }) => state)).toEqual(['busy']);
  });

  it('keeps the state that an agent had before the runs were read, if older agents are listed afterwards', async () => {
    const old = mine('old', { createdAtMs: NOW - minutes(60) });
    const { id } = agent('a', 'idle');
    agentsByAge(
      [agent('a', 'idle')],
      [agent('a', 'busy', { id, lastPingMs: NOW }), agent('b', 'busy', { lastPingMs: NOW })],
    );
    const { supply } = await observe({ runs: [queued], live: [mine('a'), mine('b'), old] });
    expect(Object.fromEntries(supply.live.map(({ task: { id: name }, state }) => [name, state]))).toMatchObject({
      a: 'idle',
      b: 'starting',
    });
  });
});
