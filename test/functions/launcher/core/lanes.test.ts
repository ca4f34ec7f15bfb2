import { describe, expect, it } from 'vitest';
import { demandOf } from '../../../../functions/launcher/core/demand.ts';
import { reconcile, withStanding } from '../../../../functions/launcher/core/reconcile.ts';
import type { Lane, Limits, Run, Task } from '../../../../functions/launcher/core/types.ts';
import {
  APPLY_LANE,
  agent,
  LANE,
  LIMITS,
  minutes,
  NOW,
  PLAN_LANE,
  run,
  seconds,
  stoppedTask,
  supplyOfPool,
  task,
} from './builders.ts';

const SPLIT = [PLAN_LANE, APPLY_LANE];
const planTask = (id: string, overrides: Partial<Task> = {}) =>
  task(id, { family: PLAN_LANE.taskDefinition, startedBy: 'run-0/plan', ...overrides });
const applyTask = (id: string, overrides: Partial<Task> = {}) =>
  task(id, { family: APPLY_LANE.taskDefinition, startedBy: 'run-0/apply', ...overrides });
const planQueued = (id: string, agoMs = seconds(5)) => run({ id, status: 'plan_queued', planQueuedAtMs: NOW - agoMs });
const applyQueued = (id: string, agoMs = seconds(5)) =>
  run({ id, status: 'apply_queued', applyQueuedAtMs: NOW - agoMs });

interface World {
  readonly lanes?: readonly Lane[];
  readonly runs: readonly Run[];
  readonly tasks?: readonly Task[];
  readonly idle?: readonly string[];
  /** The API token can't list agents. */
  readonly hidden?: boolean;
  readonly limits?: Partial<Limits>;
  readonly limitRoom?: number;
}

function decide({ lanes = SPLIT, runs, tasks = [], idle = [], hidden = false, limits, limitRoom }: World) {
  const demand = demandOf(runs);
  const agents = hidden ? undefined : idle.map((name) => agent(name, 'idle'));
  const supply = supplyOfPool({ lanes, tasks, agents, ...demand });
  const seen = { lanes, demand, supply, limitRoom };
  const bounds = { ...LIMITS, ...limits };
  const decision = withStanding(reconcile(seen, bounds, NOW), seen, bounds, NOW);
  return {
    launches: decision.launches.map(({ job, lane }) => `${job.key} in ${lane.taskDefinition}`),
    deferrals: decision.deferrals.map(({ jobKey, cause }) => `${jobKey}: ${cause}`),
    reasons: decision.deferrals.map(({ reason }) => reason),
  };
}

const PLAN_1 = 'run-1/plan in launcher-default-plan';
const APPLY_2 = 'run-2/apply in launcher-default-apply';
/** A task that stopped before its agent registered. */
const broken = ({ taskDefinition: family }: Lane, startedBy: Task['startedBy'], overrides: Partial<Task> = {}) =>
  stoppedTask('broken', {
    family,
    startedBy,
    exitCode: undefined,
    startedAtMs: undefined,
    stopCode: 'TaskFailedToStart',
    stoppedReason: 'CannotPullContainerError',
    ...overrides,
  });
const brokenPlan = broken(PLAN_LANE, 'run-1/plan', { stoppedAtMs: NOW - seconds(5) });

describe('a pool with a lane for each phase', () => {
  it('launches each job in the lane that accepts it', () => {
    expect(decide({ runs: [planQueued('run-1'), applyQueued('run-2')] }).launches).toEqual([APPLY_2, PLAN_1]);
  });

  it('doesn’t count an agent for plans as supply for applies, or vice versa', () => {
    const idlePlan = { tasks: [planTask('a')], idle: ['a'] };
    expect(decide({ runs: [applyQueued('run-2')], ...idlePlan }).launches).toEqual([APPLY_2]);
    expect(decide({ runs: [planQueued('run-1')], ...idlePlan }).launches).toEqual([]);
    const idleApply = { tasks: [applyTask('b')], idle: ['b'] };
    expect(decide({ runs: [planQueued('run-1')], ...idleApply }).launches).toEqual([PLAN_1]);
    expect(decide({ runs: [applyQueued('run-2')], ...idleApply }).launches).toEqual([]);
  });

  it('launches for the apply if the limit allows one launch, however old the plan is', () => {
    const runs = [planQueued('run-1', minutes(9)), applyQueued('run-2')];
    const { launches, deferrals, reasons } = decide({ runs, limits: { maxAgents: 1 } });
    expect(launches).toEqual([APPLY_2]);
    expect(deferrals).toEqual(['run-1/plan: max-agents']);
    expect(reasons).toEqual(['0 live tasks and 1 launch of maxAgents 1']);
    expect(decide({ runs, limitRoom: 1 })).toMatchObject({
      launches: [APPLY_2],
      deferrals: ['run-1/plan: agents-ceiling'],
    });
  });

  it('counts the live tasks of both lanes against maxAgents', () => {
    const tasks = [planTask('a'), planTask('b')];
    expect(decide({ runs: [applyQueued('run-2')], tasks, limits: { maxAgents: 2 } }).launches).toEqual([]);
    expect(decide({ runs: [applyQueued('run-2')], tasks, limits: { maxAgents: 3 } }).launches).toEqual([APPLY_2]);
  });

  it('still launches for applies while the tasks for plans fail to start', () => {
    const runs = [planQueued('run-1'), applyQueued('run-2')];
    const { launches, deferrals } = decide({ runs, tasks: [brokenPlan] });
    expect(launches).toEqual([APPLY_2]);
    expect(deferrals).toEqual(['run-1/plan: start-failures']);
  });

  it('doesn’t end the back-off of plans because a task for an apply started', () => {
    const tasks = [brokenPlan, applyTask('good', { createdAtMs: NOW - seconds(20) })];
    expect(decide({ runs: [planQueued('run-1')], tasks, idle: ['good'] }).deferrals).toEqual([
      'run-1/plan: start-failures',
    ]);
  });

  it('counts a foreign idle agent only once, in the lane that is served first', () => {
    const runs = [planQueued('run-1'), applyQueued('run-2')];
    expect(decide({ runs, idle: ['foreign'] }).launches).toEqual([PLAN_1]);
    expect(decide({ runs, idle: ['foreign', 'another'] }).launches).toEqual([]);
    expect(decide({ runs: [planQueued('run-1')], idle: ['foreign'] }).launches).toEqual([]);
  });

  it('counts a foreign idle agent for plans if the applies don’t need it', () => {
    const runs = [planQueued('run-1'), applyQueued('run-2')];
    const tasks = [applyTask('own')];
    expect(decide({ runs, tasks, idle: ['own', 'foreign'] }).launches).toEqual([]);
  });

  it('assigns running jobs without an agent’s name to tasks of the same lane if the API token can’t list agents', () => {
    const planning = run({ id: 'run-3', status: 'planning', planQueuedAtMs: NOW - minutes(1) });
    const tasks = [
      planTask('a', { createdAtMs: NOW - seconds(50) }),
      applyTask('b', { createdAtMs: NOW - minutes(2) }),
    ];
    const runs = [planning, planQueued('run-1'), applyQueued('run-2')];
    expect(decide({ runs, tasks, hidden: true }).launches).toEqual([PLAN_1]);
  });
});

describe('a lane on Spot whose tasks fail to start because of a lack of capacity', () => {
  const noRoom = (overrides: Partial<Task> = {}) => ({
    ...brokenPlan,
    stoppedReason: 'Capacity is unavailable at this time. Please try again later or in a different availability zone',
    stoppedAtMs: NOW - minutes(1),
    ...overrides,
  });
  const capacityOf = (tasks: readonly Task[], idle: readonly string[] = []) => {
    const demand = demandOf([planQueued('run-1')]);
    const agents = idle.map((name) => agent(name, 'exited'));
    const supply = supplyOfPool({ lanes: SPLIT, tasks, agents, ...demand });
    return reconcile({ lanes: SPLIT, demand, supply, limitRoom: undefined }, LIMITS, NOW).launches[0]?.lane.capacity;
  };

  it('launches on demand until a task has started', () => {
    expect(capacityOf([])).toBe('spot');
    expect(capacityOf([noRoom()])).toBe('on-demand');
    const up = stoppedTask('up', {
      family: PLAN_LANE.taskDefinition,
      startedBy: 'run-0/plan',
      createdAtMs: NOW - minutes(4),
    });
    expect(capacityOf([noRoom(), up], ['up'])).toBe('spot');
  });

  it('stays on Spot after a failure with a different cause', () => {
    expect(capacityOf([noRoom({ stoppedReason: 'CannotPullContainerError' })])).toBe('spot');
  });
});

it.each(['applying', 'applied', 'errored', 'canceled'])(
  'an apply that an agent took never gets another launch while its run is %s',
  (status) => {
    const taken = run({ id: 'run-2', status, applyQueuedAtMs: NOW - minutes(5), applyingAtMs: NOW - minutes(4) });
    for (const lanes of [SPLIT, [LANE]]) {
      const family = lanes.at(-1)?.taskDefinition ?? '';
      const died = stoppedTask('died', { family, startedBy: 'run-2/apply', exitCode: 137 });
      expect(decide({ lanes, runs: [taken], tasks: [died] })).toMatchObject({ launches: [], deferrals: [] });
      expect(decide({ lanes, runs: [taken] })).toMatchObject({ launches: [], deferrals: [] });
    }
  },
);

it('a pool without lanes lets any agent take any job, and launches for the oldest job first', () => {
  const runs = [planQueued('run-1', minutes(1)), applyQueued('run-2')];
  const one = { lanes: [LANE], runs };
  expect(decide({ ...one, limits: { maxAgents: 1 } }).launches).toEqual(['run-1/plan in launcher-default']);
  expect(decide({ ...one, tasks: [task('a'), task('b')], idle: ['a', 'b'] }).launches).toEqual([]);
  expect(decide({ ...one, idle: ['foreign'] }).launches).toHaveLength(1);
});

describe('warm agents and sweeps', () => {
  const warm = { id: 'apply', warm: { agents: 2, idleSeconds: 3600 } };
  const lanes = [PLAN_LANE, { ...APPLY_LANE, standing: warm }];

  it('are launched after the queued jobs of every lane', () => {
    const runs = [planQueued('run-1')];
    expect(decide({ lanes, runs, limits: { maxAgents: 1 } }).launches).toEqual([PLAN_1]);
    expect(decide({ lanes, runs, limits: { maxAgents: 2 } }).launches).toEqual([
      PLAN_1,
      'warm/apply/1 in launcher-default-apply',
    ]);
  });

  it('don’t add a second trial launch while tasks fail to start', () => {
    const failing = [broken(APPLY_LANE, 'run-2/apply', { stoppedAtMs: NOW - minutes(1) })];
    expect(decide({ lanes, runs: [applyQueued('run-2')], tasks: failing }).launches).toEqual([APPLY_2]);
    expect(decide({ lanes, runs: [], tasks: failing }).launches).toEqual(['warm/apply/1 in launcher-default-apply']);
  });

  it('don’t add a second trial launch in a lane without Spot capacity', () => {
    const short = {
      ...brokenPlan,
      stoppedReason: 'Capacity is unavailable at this time',
      stoppedAtMs: NOW - minutes(1),
    };
    const spot = [{ ...PLAN_LANE, standing: { id: 'plan', warm: { agents: 2, idleSeconds: 3600 } } }, APPLY_LANE];
    expect(decide({ lanes: spot, runs: [planQueued('run-1')], tasks: [short] }).launches).toEqual([PLAN_1]);
  });

  it('don’t use up the trial launch of another lane', () => {
    const failing = { ...brokenPlan, stoppedAtMs: NOW - minutes(1) };
    const runs = [planQueued('run-1'), applyQueued('run-2')];
    expect(decide({ runs, tasks: [failing] }).launches).toEqual([APPLY_2, PLAN_1]);
  });
});

describe('a slot for the jobs of another lane', () => {
  const warm = {
    ...PLAN_LANE,
    capacity: 'on-demand',
    standing: { id: 'p', warm: { agents: 3, idleSeconds: 3600 } },
  } as const;
  const lanes = [warm, APPLY_LANE];
  const names = (n: number) => Array.from({ length: n }, (_, i) => `warm-${i + 1}`);
  const idle = (n: number) => ({
    tasks: names(n).map((id) => planTask(id, { startedBy: `warm/old/${id}` })),
    idle: names(n),
  });

  it('stays free while warm agents are launched', () => {
    const { launches, reasons } = decide({ lanes, runs: [], limits: { maxAgents: 3 } });
    expect(launches).toHaveLength(2);
    expect(reasons).toEqual(['0 live tasks of maxAgents 3, the last slot is reserved for jobs of the other lanes']);
    expect(decide({ lanes, runs: [], limits: { maxAgents: 1 } }).launches).toEqual([]);
  });

  it('isn’t reserved if the other lane has a task or gets one in this tick', () => {
    expect(decide({ lanes, runs: [], tasks: [applyTask('b')], limits: { maxAgents: 3 } }).launches).toHaveLength(2);
    expect(decide({ lanes, runs: [applyQueued('run-2')], limits: { maxAgents: 3 } }).launches).toHaveLength(3);
  });

  it('isn’t reserved if there is no other lane', () => {
    const alone = { ...LANE, standing: warm.standing };
    expect(decide({ lanes: [alone], runs: [], limits: { maxAgents: 3 } }).launches).toHaveLength(3);
  });

  it('can be used by a sweep, because the sweep’s agent leaves after 90 seconds', () => {
    const sweeping = { ...PLAN_LANE, standing: { id: 'p', sweepMs: minutes(60) } };
    expect(decide({ lanes: [sweeping, APPLY_LANE], runs: [], limits: { maxAgents: 1 } }).launches).toHaveLength(1);
  });

  it('becomes free when warm agents leave after a deployment lowered maxAgents, because they aren’t replaced first', () => {
    const runs = [applyQueued('run-2', minutes(20))];
    const limits = { maxAgents: 2 };
    expect(decide({ lanes, runs, limits, ...idle(3) }).launches).toEqual([]);
    expect(decide({ lanes, runs, limits, ...idle(2) }).launches).toEqual([]);
    expect(decide({ lanes, runs, limits, ...idle(1) }).launches).toEqual([APPLY_2]);
    expect(decide({ lanes, runs: [], limits, ...idle(1) }).launches).toEqual([]);
  });
});
