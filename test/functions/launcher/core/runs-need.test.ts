import { describe, expect, it } from 'vitest';
import { demandOf, queuedCount } from '../../../../functions/launcher/core/demand.ts';
import { reconcile } from '../../../../functions/launcher/core/reconcile.ts';
import { needsMore, runsNeedOf, unlistedIn } from '../../../../functions/launcher/core/runs-need.ts';
import type { LiveState } from '../../../../functions/launcher/core/types.ts';
import { APPLY_LANE, demandWith, LANE, LIMITS, live, NOW, PLAN_LANE, queuedJob, run, supply } from './builders.ts';

const lives = (count: number, state: LiveState, family = LANE.taskDefinition) =>
  Array.from({ length: count }, (_, i) => live(`${state}-${i}`, state, { family, startedBy: `run-${state}${i}/plan` }));

describe('the number of queued jobs that a tick needs to know', () => {
  it('is the number of free tasks and possible launches of each lane', () => {
    const seen = supply({
      live: [
        ...lives(3, 'starting', PLAN_LANE.taskDefinition),
        ...lives(2, 'idle', APPLY_LANE.taskDefinition),
        ...lives(4, 'busy', APPLY_LANE.taskDefinition),
      ],
    });
    expect(runsNeedOf([PLAN_LANE, APPLY_LANE], 20, seen)).toEqual({
      lanes: [
        { phases: PLAN_LANE.phases, unclaimed: 3 },
        { phases: APPLY_LANE.phases, unclaimed: 2 },
      ],
      launches: 11,
    });
  });

  it.each<[string, number, number, number]>([
    ['at most what a tick can launch', 5000, 0, 200],
    ['none at maxAgents', 3, 3, 0],
    ['none above maxAgents', 2, 3, 0],
  ])('allows for launches: %s', (_, maxAgents, busy, launches) => {
    expect(runsNeedOf([LANE], maxAgents, supply({ live: lives(busy, 'busy') })).launches).toBe(launches);
  });

  it('doesn’t count lingering tasks, because they don’t count against maxAgents', () => {
    expect(runsNeedOf([LANE], 3, supply({ live: lives(2, 'lingering') })).launches).toBe(3);
  });

  it.each<[number, number, number, boolean]>([
    [3, 5, 7, true],
    [3, 5, 8, false],
    [3, 0, 0, false],
  ])('with %d free tasks and %d launches, %d known jobs: more are needed: %s', (unclaimed, launches, known, more) => {
    const lane = { phases: LANE.phases, unclaimed };
    expect(needsMore(lane, { lanes: [lane], launches }, known)).toBe(more);
  });
});

describe('queued jobs that weren’t read', () => {
  const unlisted = [{ phases: ['plan'] as const, count: 200 }];

  it('belong to the lane that accepts all their phases', () => {
    expect(unlistedIn(unlisted, PLAN_LANE)).toBe(200);
    expect(unlistedIn(unlisted, APPLY_LANE)).toBe(0);
    expect(unlistedIn([{ phases: ['plan', 'apply'], count: 200 }], PLAN_LANE)).toBe(0);
  });

  it('count as queued', () => {
    expect(queuedCount(demandOf([run()], unlisted))).toBe(201);
    expect(queuedCount(demandOf([run()]))).toBe(1);
  });

  it('get the agents that are free, so that the listed jobs get new ones', () => {
    const demand = demandWith({
      queued: [queuedJob('run-1'), queuedJob('run-2')],
      unlisted: [{ phases: LANE.phases, count: 3 }],
    });
    const decide = (free: number) =>
      reconcile(
        { lanes: [LANE], demand, supply: supply({ live: lives(free, 'idle'), unclaimed: free }), limitRoom: undefined },
        { ...LIMITS, maxAgents: 100 },
        NOW,
      ).launches;
    // The newest job comes first, because the next tick skips as many of the newest jobs as agents are free.
    expect(decide(3).map(({ job, reason }) => [job.key, reason])).toEqual([
      ['run-2/plan', '5 queued, 3 unclaimed'],
      ['run-1/plan', '5 queued, 3 unclaimed'],
    ]);
    expect(decide(4).map(({ job }) => job.key)).toEqual(['run-2/plan']);
    expect(decide(5)).toEqual([]);
  });
});
