import { describe, expect, test } from 'vitest';
import {
  isOwnToken,
  tokenDescription,
  tokenOfVersion,
  versionOfToken,
} from '../../../../functions/token-rotation/core/agent-tokens.ts';
import {
  isValueOf,
  needsRenewal,
  nextStep,
  ORPHAN_AGE_MS,
  oldestAgeMs,
  QUIET_MS,
  quietSince,
  READ_MARGIN_MS,
  type RotationState,
  type RotationStep,
} from '../../../../functions/token-rotation/core/rotation.ts';

const OWNER = {
  account: '123456789012',
  region: 'eu-central-1',
  stack: 'AgentLauncher',
  pool: 'aws',
  secret: 'acme/agent-token',
};
const STORED = 1_000_000_000;
const SURE = STORED + READ_MARGIN_MS;
const CALM = SURE + QUIET_MS;

const version = (tokenId: string, createdAtMs: number, ...labels: string[]) => ({
  id: versionOfToken(tokenId),
  createdAtMs,
  labels,
});
const token = (id: string, more: { description?: string; createdAtMs?: number; lastUsedAtMs?: number } = {}) => ({
  id,
  description: tokenDescription(OWNER, 0),
  createdAtMs: 0,
  lastUsedAtMs: undefined,
  ...more,
});
const task = (id: string, createdAtMs: number, status = 'RUNNING') => ({
  id,
  createdAtMs,
  status,
  startedBy: undefined,
});
const agent = (name: string, status = 'busy') => ({ name, status, createdAtMs: undefined });

/** The new token is stored, and nothing uses the old one any more. */
const CALM_STATE: RotationState = {
  nowMs: CALM,
  owner: OWNER,
  versions: [version('at-2', STORED, 'AWSCURRENT'), version('at-1', 0, 'AWSPREVIOUS')],
  changedAtMs: STORED,
  tokens: [token('at-1'), token('at-2')],
  tasks: [],
  agents: [],
  named: new Set(),
  rotated: true,
  renewedAtMs: undefined,
  quietSinceMs: SURE,
  force: false,
  patient: false,
};
const BEFORE: Partial<RotationState> = {
  rotated: false,
  versions: [version('at-1', 0, 'AWSCURRENT')],
  tokens: [token('at-1')],
};

const inShort = (step: RotationStep): string => {
  if (step.step === 'revoke') return `revoke ${step.tokens.map(({ id }) => id).join()}`;
  if (step.step === 'wait') return `wait for ${step.tasks.map(({ id }) => id).join() || 'certainty'}`;
  if (step.step === 'ask') return `ask about ${step.agents.map(({ name }) => name).join()}`;
  return step.step;
};

describe('nextStep', () => {
  test.each<[string, Partial<RotationState>, string]>([
    ['begins if there is one token', BEFORE, 'renew'],
    ['begins if the secret is empty', { ...BEFORE, versions: [], tokens: [] }, 'renew'],
    [
      'begins if the secret was filled by hand',
      { ...BEFORE, versions: [{ id: 'uuid', createdAtMs: 0, labels: ['AWSCURRENT'] }] },
      'renew',
    ],
    ['begins if the token in the secret was revoked', { ...BEFORE, tokens: [] }, 'renew'],
    [
      'begins although an unfinished run left a token that it never stored',
      { ...BEFORE, tokens: [token('at-1'), token('at-9', { createdAtMs: CALM })] },
      'renew',
    ],
    [
      'begins although the pool has tokens of others',
      { ...BEFORE, tokens: [token('at-1'), token('at-8', { description: 'mine' })] },
      'renew',
    ],
    ['finishes an earlier run instead of beginning again', { rotated: false }, 'revoke at-1'],
    [
      'finishes an earlier run with the tokens of several rotations',
      {
        rotated: false,
        versions: [...CALM_STATE.versions, version('at-0', 0)],
        tokens: [token('at-0', { lastUsedAtMs: 1 }), token('at-1'), token('at-2')],
      },
      'revoke at-0,at-1',
    ],
    [
      'finishes with a token that the user named',
      { rotated: false, named: new Set(['at-8']), tokens: [token('at-2'), token('at-8', { description: 'mine' })] },
      'revoke at-8',
    ],
    ['revokes the old token if nothing uses it', {}, 'revoke at-1'],
    ['waits until no task can have read the old version', { nowMs: SURE - 1 }, 'wait for certainty'],
    ['waits until ECS shows the last tasks', { nowMs: CALM - 1 }, 'wait for certainty'],
    [
      'waits until it has seen no old task for some time',
      { nowMs: CALM + 1_000, quietSinceMs: CALM },
      'wait for certainty',
    ],
    ['waits if this is the first look', { quietSinceMs: undefined }, 'wait for certainty'],
    ['waits although the clock of this machine is ahead', { renewedAtMs: STORED + 1 }, 'wait for certainty'],
    ['waits for a running task from before', { tasks: [task('t-1', STORED - 1)] }, 'wait for t-1'],
    [
      'waits for a task that started just after, because it may have read the old version',
      { tasks: [task('t-1', SURE - 1)] },
      'wait for t-1',
    ],
    ['waits for a task that is ending', { tasks: [task('t-1', 0, 'DEPROVISIONING')] }, 'wait for t-1'],
    ['waits for a task that is starting', { tasks: [task('t-1', 0, 'PROVISIONING')] }, 'wait for t-1'],
    [
      'waits for a task that may have read a newer version, because somebody moved AWSCURRENT back',
      {
        nowMs: CALM + 600_000,
        quietSinceMs: CALM,
        versions: [version('at-2', STORED, 'AWSPREVIOUS'), version('at-1', 0, 'AWSCURRENT')],
        changedAtMs: CALM,
        tasks: [task('t-1', CALM - 1)],
      },
      'wait for t-1',
    ],
    [
      'waits until it is certain after somebody moved AWSCURRENT back',
      { changedAtMs: CALM, versions: [version('at-2', STORED), version('at-1', 0, 'AWSCURRENT')] },
      'wait for certainty',
    ],
    ['does not wait for a stopped task', { tasks: [task('t-1', 0, 'STOPPED')] }, 'revoke at-1'],
    ['does not wait for a task with the new token', { tasks: [task('t-1', SURE)] }, 'revoke at-1'],
    ['asks about an agent that is no task of the stack', { agents: [agent('vm-1')] }, 'ask about vm-1'],
    ['asks about an agent with an unknown status', { agents: [agent('vm-1', 'unknown')] }, 'ask about vm-1'],
    [
      'does not ask about agents of its tasks',
      { tasks: [task('t-1', SURE), task('t-2', 0, 'STOPPED')], agents: [agent('t-1'), agent('t-2', 'unknown')] },
      'revoke at-1',
    ],
    ['does not ask again after the user allowed it', { agents: [agent('vm-1')], force: true }, 'revoke at-1'],
    [
      'waits for its own tasks even if the user allowed the rest',
      { tasks: [task('t-1', 0)], force: true },
      'wait for t-1',
    ],
    [
      'stops if somebody else replaced the value',
      { versions: [{ id: 'uuid', createdAtMs: 1, labels: ['AWSCURRENT'] }] },
      'conflict',
    ],
    ['stops if somebody else revoked the new token', { tokens: [token('at-1')] }, 'conflict'],
    ['is done when the old token is gone', { tokens: [token('at-2')] }, 'done'],
    ['never revokes tokens of others', { tokens: [token('at-2'), token('at-8', { description: 'mine' })] }, 'done'],
    [
      'never revokes tokens of another stack',
      { tokens: [token('at-2'), token('at-8', { description: tokenDescription({ ...OWNER, stack: 'Other' }, 0) })] },
      'done',
    ],
    [
      'never revokes an unused token of another secret, because it may be the value of that one',
      {
        nowMs: ORPHAN_AGE_MS,
        tokens: [token('at-2'), token('at-8', { description: tokenDescription({ ...OWNER, secret: 'acme/next' }, 0) })],
      },
      'done',
    ],
    [
      'never revokes a used token that is in no version, because tasks may have read it from another secret',
      { nowMs: ORPHAN_AGE_MS, tokens: [token('at-2'), token('at-9', { lastUsedAtMs: 1 })] },
      'done',
    ],
    [
      'revokes the token of another stack if this secret contains it',
      { tokens: [token('at-2'), token('at-1', { description: 'agent-launcher of another stack' })] },
      'revoke at-1',
    ],
    [
      'never revokes an unused token that may be the value that was stored by hand',
      {
        ...BEFORE,
        rotated: true,
        nowMs: ORPHAN_AGE_MS + STORED,
        versions: [{ id: 'uuid', createdAtMs: STORED, labels: ['AWSCURRENT'] }],
        tokens: [token('at-9', { createdAtMs: STORED })],
      },
      'conflict',
    ],
    [
      'revokes an abandoned token that is younger than the value that was stored by hand',
      {
        ...BEFORE,
        nowMs: ORPHAN_AGE_MS + STORED + 60_001,
        versions: [{ id: 'uuid', createdAtMs: STORED, labels: ['AWSCURRENT'] }],
        tokens: [token('at-9', { createdAtMs: STORED + 60_001 })],
      },
      'revoke at-9',
    ],
    [
      'revokes an abandoned token before it creates another one',
      { ...BEFORE, nowMs: ORPHAN_AGE_MS, tokens: [token('at-1'), token('at-9', { createdAtMs: 0 })] },
      'revoke at-9',
    ],
    [
      'defers a new token while another run may store one, if nobody waits',
      { ...BEFORE, patient: true, tokens: [token('at-1'), token('at-9', { createdAtMs: CALM })] },
      'defer',
    ],
    ['begins although nobody waits', { ...BEFORE, patient: true }, 'renew'],
    [
      'revokes an abandoned token that no secret ever had',
      { nowMs: ORPHAN_AGE_MS, tokens: [token('at-2'), token('at-9', { createdAtMs: 0 })] },
      'revoke at-9',
    ],
    [
      'leaves a young token that no secret has yet, because another run may store it',
      { nowMs: ORPHAN_AGE_MS - 1, tokens: [token('at-2'), token('at-9', { createdAtMs: 0 })] },
      'done',
    ],
  ])('%s', (_, state, expected) => {
    expect(inShort(nextStep({ ...CALM_STATE, ...state }))).toBe(expected);
  });

  test('reports at the end which tokens it left', () => {
    const tokens = [token('at-2'), token('at-8', { description: 'mine' }), token('at-9', { createdAtMs: CALM })];
    expect(nextStep({ ...CALM_STATE, tokens })).toMatchObject({
      step: 'done',
      foreign: [{ id: 'at-8' }],
      young: [{ id: 'at-9' }],
    });
  });
});

describe('a token that exists when somebody stores a value by hand', () => {
  const version = { createdAtMs: 10 * 60_000 };
  test.each([
    ['an agent used it after the value was stored', 0, 12 * 60_000, 'probably'],
    ['an agent used it within the difference of the clocks', 0, 10.5 * 60_000, 'maybe'],
    ['no agent used it', 10.5 * 60_000, undefined, 'maybe'],
    ['it is younger than the value', 12 * 60_000, 13 * 60_000, 'not'],
  ] as const)('if %s', (_, createdAtMs, lastUsedAtMs, expected) => {
    expect(isValueOf({ id: 'at-1', description: '', createdAtMs, lastUsedAtMs }, version)).toBe(expected);
  });
});

describe('the quiet time', () => {
  const old = [token('at-1')];
  test.each<[string, RotationStep, number | undefined, number | undefined]>([
    ['begins with the first look without an old task', { step: 'wait', tasks: [], old }, undefined, CALM],
    ['goes on while no old task is visible', { step: 'wait', tasks: [], old }, SURE, SURE],
    ['goes on during other steps', { step: 'renew' }, SURE, SURE],
    ['ends with an old task', { step: 'wait', tasks: [task('t-1', 0)], old }, SURE, undefined],
  ])('%s', (_, step, before, after) => {
    expect(quietSince(step, { nowMs: CALM, quietSinceMs: before })).toBe(after);
  });
});

describe('the age of a token', () => {
  const DAY = 86_400_000;
  const state = { nowMs: 30 * DAY, versions: CALM_STATE.versions, tokens: CALM_STATE.tokens };
  const byHand = [{ id: 'uuid', createdAtMs: 20 * DAY, labels: ['AWSCURRENT'] }];

  test.each([
    ['is reached', { tokens: [token('at-2', { createdAtMs: 0 })] }, true],
    ['is not reached', { tokens: [token('at-2', { createdAtMs: 1 })] }, false],
    ['does not matter if the secret is empty', { versions: [] }, true],
    ['does not matter if the token was revoked', { tokens: [token('at-1', { createdAtMs: DAY })] }, true],
    ['is that of the version if the secret was filled by hand', { versions: byHand, tokens: [] }, false],
    ['is that of an old version that was filled by hand', { nowMs: 50 * DAY, versions: byHand, tokens: [] }, true],
    [
      'is that of an earlier token that still works after somebody stored a value by hand',
      { versions: [...byHand, version('at-1', 0, 'AWSPREVIOUS')], tokens: [token('at-1', { createdAtMs: 0 })] },
      true,
    ],
    [
      'is not that of an earlier token that was revoked',
      { versions: [...byHand, version('at-1', 0, 'AWSPREVIOUS')], tokens: [] },
      false,
    ],
  ])('decides about a new one: %s', (_, more, due) => {
    expect(needsRenewal({ ...state, ...more }, 30 * DAY)).toBe(due);
  });

  test.each([
    ['of the current token', { tokens: [token('at-2', { createdAtMs: 28 * DAY })] }, 2],
    ['of an old token that is not revoked yet', { tokens: [token('at-2', { createdAtMs: DAY }), token('at-1')] }, 30],
    ['of no other token', { tokens: [token('at-2', { createdAtMs: DAY }), token('at-8')] }, 29],
    ['of a version that was filled by hand', { versions: byHand, tokens: [] }, 10],
    ['of the version of a revoked token', { versions: [version('at-2', DAY, 'AWSCURRENT')], tokens: [] }, 29],
    ['of a token from the future', { tokens: [token('at-2', { createdAtMs: 31 * DAY })] }, 0],
  ])('is that %s', (_, more, days) => {
    expect(oldestAgeMs({ ...state, ...more })).toBe(days * DAY);
  });

  test('is unknown if the secret is empty', () => {
    expect(oldestAgeMs({ ...state, versions: [] })).toBeUndefined();
  });
});

describe('an agent token', () => {
  test('is the id of the version that contains it', () => {
    const id = versionOfToken('at-2rG2oYU9JEvfaqji');
    expect(tokenOfVersion(id)).toBe('at-2rG2oYU9JEvfaqji');
    expect(id.length).toBeGreaterThanOrEqual(32);
    expect(id.length).toBeLessThanOrEqual(64);
    expect(versionOfToken('at-1')).toHaveLength(32);
    expect(tokenOfVersion(versionOfToken('at-1'))).toBe('at-1');
  });

  test.each(['', 'EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE', 'agent-launcher-token-user-1'])(
    'is unknown in the version %s',
    (id) => {
      expect(tokenOfVersion(id)).toBeUndefined();
    },
  );

  test.each([
    ['another pool whose name begins alike', { pool: 'aws2' }],
    ['another stack', { stack: 'AgentLauncher2' }],
    ['another account', { account: '210987654321' }],
    ['another region', { region: 'eu-west-1' }],
    ['another secret', { secret: 'acme/agent-token2' }],
  ])('does not belong to %s', (_, other) => {
    const description = tokenDescription({ ...OWNER, ...other }, 0);
    expect(isOwnToken(description, OWNER)).toBe(false);
    expect(isOwnToken(description, { ...OWNER, ...other })).toBe(true);
  });
});
