import { describe, expect, it } from 'vitest';
import {
  attemptsFrom,
  clientTokenOf,
  isAlreadyUsed,
  type TokenEvidence,
} from '../../../../functions/launcher/core/client-token.ts';
import { standingJobs } from '../../../../functions/launcher/core/standing.ts';
import { LANE, minutes, NOW, PLAN_LANE, queuedJob, seconds } from './builders.ts';

const evidence = (overrides: Partial<TokenEvidence> = {}): TokenEvidence => ({
  seenTaskIds: new Set(),
  agentNames: new Set(),
  idleAgentNames: new Set(),
  startDeadlineMs: minutes(5),
  nowMs: NOW,
  ...overrides,
});

it('the client token of a launch depends only on the job and the attempt, and never has more than the 64 characters that ECS allows', () => {
  expect(clientTokenOf({ key: 'run-1/plan' }, 3)).toBe('run-1/plan/3');
  expect(clientTokenOf({ key: `run-${'x'.repeat(46)}/apply` }, 10_288)).toHaveLength(62);
});

describe('the attempts of a launch', () => {
  const waited = (ms: number) => queuedJob('run-1', { queuedAtMs: NOW - ms });

  it('start with small steps from the next attempt, and continue with large steps', () => {
    expect(attemptsFrom(3, waited(0), NOW).slice(0, 6)).toEqual([3, 4, 5, 6, 7, 11]);
  });

  it('go up to 64 beyond the next attempt, and end with an attempt that changes every five minutes', () => {
    const last = (ms: number) => attemptsFrom(3, waited(ms), NOW).slice(6);
    expect(last(0)).toEqual([19, 35, 67, 10_000]);
    expect(last(minutes(5) - 1).at(-1)).toBe(10_000);
    expect(last(minutes(5)).at(-1)).toBe(10_001);
    expect(last(minutes(61)).at(-1)).toBe(10_012);
  });

  it('add the earlier attempts of a warm agent only to the last attempt', () => {
    const job = { queuedAtMs: NOW, attemptsBefore: 7 };
    expect(attemptsFrom(3, job, NOW)).toEqual([3, 4, 5, 6, 7, 11, 19, 35, 67, 10_007]);
  });

  it('consist of a single attempt for a sweep', () => {
    expect(attemptsFrom(3, { queuedAtMs: NOW, singleAttempt: true }, NOW)).toEqual([3]);
    expect(attemptsFrom(3, { queuedAtMs: NOW, singleAttempt: false }, NOW)).toHaveLength(10);
  });

  it('are never all used up, even after many tasks whose attempt tags ECS deleted', () => {
    const used = new Set<number>();
    for (let ms = 0; ms < minutes(24 * 60); ms += minutes(6)) {
      const attempt = attemptsFrom(4, waited(ms), NOW).find((one) => !used.has(one));
      expect(attempt).toBeDefined();
      used.add(Number(attempt));
    }
  });

  it('are the same for overlapping ticks, except if five minutes end in between', () => {
    expect(attemptsFrom(2, waited(minutes(61)), NOW)).toEqual(attemptsFrom(2, waited(minutes(64)), NOW));
    expect(attemptsFrom(2, waited(-seconds(9)), NOW)).toEqual(attemptsFrom(2, waited(0), NOW));
  });
});

it('a client token is already used if its task has ended or was counted already', () => {
  const job = queuedJob('run-1', { queuedAtMs: NOW - seconds(30) });
  const spent = (lastStatus: string | undefined, seenIds: string[] = []) =>
    isAlreadyUsed({ taskId: 'a', lastStatus }, { job, lane: LANE }, evidence({ seenTaskIds: new Set(seenIds) }));
  expect(spent('PROVISIONING')).toBe(false);
  expect(spent('RUNNING')).toBe(false);
  expect(spent('RUNNING', ['a'])).toBe(true);
  expect(spent('STOPPED')).toBe(true);
  expect(spent('DEPROVISIONING')).toBe(true);
});

describe('the client token of a live task that was started with other parameters', () => {
  const spent = (family: string, createdAtMs: number | undefined, agents: string[] = []) => {
    const answer = { taskId: 'former', lastStatus: 'RUNNING', family, createdAtMs };
    return isAlreadyUsed(
      answer,
      { job: queuedJob('run-1'), lane: PLAN_LANE },
      evidence({ agentNames: new Set(agents) }),
    );
  };

  it('is already used if the task has a different family and its agent has registered', () => {
    expect(spent(LANE.taskDefinition, NOW, ['former'])).toBe(true);
    expect(spent(LANE.taskDefinition, NOW, ['another'])).toBe(false);
  });

  it('is already used if the task has a different family and its agent did not register in time', () => {
    expect(spent(LANE.taskDefinition, NOW - minutes(5))).toBe(false);
    expect(spent(LANE.taskDefinition, NOW - minutes(5) - 1)).toBe(true);
    expect(spent(LANE.taskDefinition, undefined)).toBe(false);
  });

  it('is not already used if the task has the lane’s own family, because the tick counts the task once ECS lists it', () => {
    expect(spent(PLAN_LANE.taskDefinition, NOW, ['former'])).toBe(false);
    expect(spent(PLAN_LANE.taskDefinition, NOW - minutes(6))).toBe(false);
  });
});

describe('a task that ECS returns by id but can’t describe', () => {
  const answer = { taskId: 't', lastStatus: undefined };
  const spent = (waitedMs: number, idle: readonly string[] = []) =>
    isAlreadyUsed(
      answer,
      { job: queuedJob('run-1', { queuedAtMs: NOW - waitedMs }), lane: LANE },
      evidence({ idleAgentNames: new Set(idle) }),
    );

  it('counts as new if its agent waits for a job, however long the job has waited', () => {
    expect(spent(minutes(61), ['t'])).toBe(false);
    expect(spent(minutes(61), ['other'])).toBe(true);
  });

  it('counts as new if its job has waited for less time than ECS shows a stopped task', () => {
    expect(spent(minutes(6))).toBe(false);
    expect(spent(minutes(60))).toBe(false);
    expect(spent(minutes(60) + 1)).toBe(true);
    expect(spent(minutes(61))).toBe(true);
  });

  it('counts as new for the slot of a warm agent, because its client tokens are at most an hour old', () => {
    const standing = { id: 'abc123', warm: { agents: 1, idleSeconds: 3600 } };
    for (const nowMs of [NOW, NOW + minutes(59), NOW + minutes(60)]) {
      const [place] = standingJobs({ ...LANE, standing }, nowMs);
      if (place === undefined) throw new Error('no place');
      expect(isAlreadyUsed(answer, { job: place, lane: LANE }, evidence({ nowMs }))).toBe(false);
    }
  });
});
