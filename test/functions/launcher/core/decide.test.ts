import { describe, expect, it } from 'vitest';
import { decide, type Member } from '../../../../functions/launcher/core/decide.ts';
import type { Lane, QueuedJob, Supply } from '../../../../functions/launcher/core/types.ts';
import { APPLY_LANE, demandWith, LANE, LIMITS, live, minutes, NOW, PLAN_LANE, queuedJob, supply } from './builders.ts';

const laneOf = (name: string, warmAgents = 0): Lane => ({
  ...LANE,
  taskDefinition: name,
  ...(warmAgents > 0 && { standing: { id: name, warm: { agents: warmAgents, idleSeconds: 3600 } } }),
});

function member(lanes: readonly Lane[], queued: readonly QueuedJob[] = [], has: Partial<Supply> = {}): Member {
  return { state: { lanes, demand: demandWith({ queued }), supply: supply(has) }, limits: LIMITS };
}

/** The launches in all pools, in the order of the pools. */
function launches(limit: number, members: readonly Member[], allCounted = true): string[][] {
  const decisions = decide(members, { agents: limit, allCounted }, NOW);
  return members.map((one) => (decisions.get(one)?.launches ?? []).map(({ job }) => job.key));
}

const jobs = (n: number, of: string) => Array.from({ length: n }, (_, i) => queuedJob(`run-${of}${i + 1}`));

describe('pools that share an organization agent limit', () => {
  it('launch for queued jobs until they reach the limit together', () => {
    const pools = [member([laneOf('a')], jobs(2, 'a')), member([laneOf('b')], jobs(2, 'b'))];
    expect(launches(3, pools)).toEqual([['run-a1/plan', 'run-a2/plan'], ['run-b1/plan']]);
    expect(launches(9, pools).flat()).toHaveLength(4);
  });

  it('launch first for the pool that has the oldest queued job', () => {
    const older = [queuedJob('run-b1', { queuedAtMs: NOW - minutes(3) })];
    expect(launches(1, [member([laneOf('a')], jobs(1, 'a')), member([laneOf('b')], older)])).toEqual([
      [],
      ['run-b1/plan'],
    ]);
  });

  it('launch warm agents after the queued jobs of every pool, up to the limit', () => {
    const warm = member([laneOf('a', 3)], [], { live: [live('x', 'busy', { family: 'a' })], registered: 1 });
    const queued = member([laneOf('b')], jobs(1, 'b'));
    expect(launches(3, [warm, queued])).toEqual([['warm/a/1'], ['run-b1/plan']]);
    expect(launches(2, [warm, queued])).toEqual([[], ['run-b1/plan']]);
    const both = member([laneOf('a', 1)], jobs(1, 'a'));
    expect(launches(3, [both, queued])).toEqual([['run-a1/plan', 'warm/a/1'], ['run-b1/plan']]);
    expect(launches(2, [both, queued])).toEqual([['run-a1/plan'], ['run-b1/plan']]);
  });

  it.each(['leaving', 'lingering', 'errored', 'overdue'] as const)(
    'keep a slot free for a pool whose only task is %s, because that task doesn’t count',
    (state) => {
      const warm = member([laneOf('a', 4)], [], { live: [live('x', 'busy', { family: 'a' })], registered: 1 });
      const other = (of: typeof state | 'busy', registered: number) =>
        member([laneOf('b')], [], { live: [live('y', of, { family: 'b' })], registered });
      expect(launches(4, [warm, other('busy', 1)])[0]).toHaveLength(2);
      expect(launches(4, [warm, other(state, 0)])[0]).toHaveLength(2);
    },
  );

  it('together launch no more warm agents than the limit allows', () => {
    const busy = (family: string) => ({ live: [live(family, 'busy', { family })], registered: 1 });
    const pools = ['a', 'b', 'c'].map((name) => member([laneOf(name, 2)], [], busy(name)));
    expect(launches(7, pools).flat()).toHaveLength(4);
    expect(launches(4, pools).flat()).toHaveLength(1);
  });

  it('launch nothing if the agents of one pool could not be counted', () => {
    expect(launches(9, [member([laneOf('a', 1)], jobs(1, 'a'))], false)).toEqual([[]]);
  });
});

describe('a warm agent', () => {
  it('leaves a slot of the limit for the next job of a pool that has no task', () => {
    const warm = member([laneOf('a', 3)]);
    expect(launches(3, [warm, member([laneOf('b')])]).flat()).toHaveLength(2);
    const running = { live: [live('x', 'busy', { family: 'b' })], registered: 1 };
    expect(launches(3, [warm, member([laneOf('b')], [], running)]).flat()).toHaveLength(2);
    expect(launches(3, [warm]).flat()).toHaveLength(3);
  });

  it('leaves a slot of the limit for a pool that has a task in only one of its two lanes', () => {
    const running = { live: [live('x', 'busy', { family: 'b-plan' })], registered: 1 };
    const other = member([laneOf('b-plan'), laneOf('b-apply')], [], running);
    expect(launches(4, [member([laneOf('a', 3)]), other]).flat()).toHaveLength(2);
  });

  it('leaves a slot of the limit for the next job of the other phase', () => {
    const plans = { ...PLAN_LANE, standing: { id: 'p', warm: { agents: 3, idleSeconds: 3600 } } };
    expect(launches(3, [member([plans, APPLY_LANE])]).flat()).toHaveLength(2);
    const decided = decide([member([plans, APPLY_LANE])], { agents: 3, allCounted: true }, NOW);
    expect([...decided.values()][0]?.deferrals).toEqual([
      {
        jobKey: 'warm/p/3',
        cause: 'agents-ceiling',
        reason:
          'every agent that agentsCeiling allows is registered or starting, the last slot is reserved for jobs of the other lanes',
      },
    ]);
  });
});
