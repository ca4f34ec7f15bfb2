import { describe, expect, it } from 'vitest';
import { launchAll, stopAll } from '../../../functions/launcher/act.ts';
import type { Lane, Launch } from '../../../functions/launcher/core/types.ts';
import { APPLY_LANE, minutes, NOW, PLAN_LANE, queuedJob, supply } from './core/builders.ts';
import { endless, FakeTasks, pool } from './fakes.ts';

const depsOf = (tasks: FakeTasks) => ({
  tasks,
  nowMs: NOW,
  startDeadlineMs: minutes(5),
  ...endless(),
});
const launchOf = (runId: string, lane: Lane): Launch => ({ job: queuedJob(runId), lane, attempt: 1, reason: 'queued' });
const onDemand = (lane: Lane): Lane => ({ ...lane, capacity: 'on-demand' });

describe('launching for a pool', () => {
  it.each<[string, readonly [Lane, ...Lane[]], Lane, boolean]>([
    ['replaces Spot in a lane on Spot', [PLAN_LANE, APPLY_LANE], onDemand(PLAN_LANE), true],
    ['is what a lane without Spot always has', [PLAN_LANE, APPLY_LANE], APPLY_LANE, false],
    ['replaces nothing in a lane that a deployment removed', [APPLY_LANE], onDemand(PLAN_LANE), false],
  ])('reports that on-demand capacity %s', async (_, lanes, lane, insteadOfSpot) => {
    const [outcome] = await launchAll(
      pool('one', { lanes }),
      [launchOf('run-1', lane)],
      supply(),
      depsOf(new FakeTasks()),
    );
    expect(outcome).toMatchObject({ kind: 'launched', insteadOfSpot });
  });

  it('makes forty launches at a time, and reports them in the order of the decision', async () => {
    const tasks = new FakeTasks();
    const { answer } = tasks;
    let pending = 0;
    let most = 0;
    tasks.launch = async (request) => {
      pending += 1;
      most = Math.max(most, pending);
      await new Promise((resolve) => setImmediate(resolve));
      pending -= 1;
      const made = answer(request);
      if (made instanceof Error) throw made;
      return made;
    };
    const launches = Array.from({ length: 90 }, (_, i) => launchOf(`run-${i}`, PLAN_LANE));
    const outcomes = await launchAll(pool('one'), launches, supply(), depsOf(tasks));
    expect(most).toBe(40);
    expect(outcomes.map(({ launch }) => launch)).toEqual(launches);
  });
});

it('stopping reports the outcome of each stop', async () => {
  const stop = { taskId: 't', cause: 'agent-errored', reason: 'its agent errored' } as const;
  expect(await stopAll([stop], depsOf(new FakeTasks()))).toEqual([{ kind: 'stopped', stop }]);
});
