/** Stop codes and statuses that the launcher doesn't know. They must not cause a stop or a second launch. */
import { TaskStopCode } from '@aws-sdk/client-ecs';
import { describe, expect, it } from 'vitest';
import { isAlreadyUsed } from '../../../../functions/launcher/core/client-token.ts';
import { demandOf } from '../../../../functions/launcher/core/demand.ts';
import { reconcile } from '../../../../functions/launcher/core/reconcile.ts';
import { isEnding, isLive } from '../../../../functions/launcher/core/supply.ts';
import { STOP_CODES } from '../../../../functions/launcher/core/task-outcome.ts';
import type { Agent, Task } from '../../../../functions/launcher/core/types.ts';
import {
  agent,
  LANE,
  LIMITS,
  minutes,
  NOW,
  queuedJob,
  run,
  seconds,
  stoppedTask,
  supplyOfPool,
  task,
} from './builders.ts';

const NEW_STATUS = 'CHECKPOINTING';

function decide(tasks: readonly Task[], agents: readonly Agent[] | undefined = []) {
  const demand = demandOf([run()]);
  const supply = supplyOfPool({ tasks, agents, queued: demand.queued });
  return { supply, ...reconcile({ lanes: [LANE], demand, supply, limitRoom: undefined }, LIMITS, NOW) };
}

describe('a task whose status is new to the launcher', () => {
  const young = task('t', { lastStatus: NEW_STATUS });
  const old = task('t', { lastStatus: NEW_STATUS, createdAtMs: NOW - LIMITS.startDeadlineMs - seconds(1) });

  it('is live, so its job gets no second launch', () => {
    expect(isEnding(NEW_STATUS)).toBe(false);
    expect(isLive(young)).toBe(true);
    expect(decide([young])).toMatchObject({ supply: { unclaimed: 1 }, launches: [], stops: [] });
  });

  it('isn’t stopped if its agent has not registered within the start deadline, and counts towards maxAgents', () => {
    expect(decide([old])).toMatchObject({ supply: { live: [{ state: 'unobserved' }] }, stops: [] });
    expect(decide([{ ...old, lastStatus: 'RUNNING' }]).stops).toMatchObject([{ taskId: 't' }]);
  });

  it.each(['PROVISIONING', 'PENDING', 'ACTIVATING', 'RUNNING'])(
    'isn’t treated like a task in %s, which is stopped after the start deadline',
    (status) => {
      expect(decide([{ ...old, lastStatus: status }]).stops).toHaveLength(1);
    },
  );

  it('has the state of its agent once the agent has registered', () => {
    expect(decide([old], [agent('t', 'idle')])).toMatchObject({ supply: { live: [{ state: 'idle' }] }, stops: [] });
    expect(decide([old], [agent('t', 'busy')])).toMatchObject({ supply: { live: [{ state: 'busy' }] }, stops: [] });
  });

  it('has ended if its desired status is STOPPED', () => {
    expect(isLive({ ...young, desiredStatus: 'STOPPED' })).toBe(false);
  });

  it('is live if its desired status is new to the launcher', () => {
    expect(isLive({ ...young, desiredStatus: 'DRAINING' })).toBe(true);
  });

  it('counts as the task of a launch, and its client token isn’t used up', () => {
    const answer = { taskId: 'new', lastStatus: NEW_STATUS };
    const launch = { job: queuedJob('run-1', { queuedAtMs: NOW - minutes(90) }), lane: LANE };
    const evidence = {
      seenTaskIds: new Set<string>(),
      agentNames: new Set<string>(),
      idleAgentNames: new Set<string>(),
      startDeadlineMs: minutes(5),
      nowMs: NOW,
    };
    expect(isAlreadyUsed(answer, launch, evidence)).toBe(false);
  });
});

describe('a stop code', () => {
  const failures = (ended: Task, agents: readonly Agent[] | undefined = []) =>
    decide([ended], agents).supply.startFailures;
  const never = { startedAtMs: undefined, exitCode: undefined, stoppedReason: undefined };

  it('is known if the SDK lists it', () => {
    expect([...STOP_CODES.keys()].toSorted()).toEqual(Object.values(TaskStopCode).toSorted());
  });

  it.each(['EssentialContainerExited', 'TaskFailedToStart', undefined])(
    '%s leaves the failure to the task',
    (stopCode) => {
      expect(failures(stoppedTask('t', { ...never, stopCode }))).toMatchObject([{ detail: 'ECS gave no reason' }]);
      expect(failures(stoppedTask('t', { stopCode, exitCode: 1 }))).toHaveLength(1);
    },
  );

  it('is ignored for a task that had started if it is unknown, so the task is neither a failure nor a success', () => {
    expect(failures(stoppedTask('t', { stopCode: 'SomethingNew', exitCode: 1 }))).toEqual([]);
    expect(failures(stoppedTask('t', { stopCode: 'SomethingNew', exitCode: 1 }), undefined)).toEqual([]);
  });

  it('is part of the reason if it is unknown and the task never started, which remains a failure', () => {
    const ended = stoppedTask('t', { ...never, stopCode: 'SomethingNew', stoppedReason: 'New words', exitCode: 1 });
    expect(failures(ended)).toMatchObject([{ detail: 'New words; stop code SomethingNew; exit code 1' }]);
    expect(decide([{ ...ended, createdAtMs: NOW - seconds(40), stoppedAtMs: NOW - seconds(5) }])).toMatchObject({
      launches: [],
      deferrals: [{ cause: 'start-failures' }],
    });
  });
});
