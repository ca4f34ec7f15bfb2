/** What one invocation does in a pool, and what its log says. The model test shows that it ends no job. */
import { describe, expect, it } from 'vitest';
import { tokenDescription, versionOfToken } from '../../../functions/token-rotation/core/agent-tokens.ts';
import type { AgentToken, PoolAgent, SecretVersion } from '../../../functions/token-rotation/core/rotation.ts';
import { RotationError } from '../../../functions/token-rotation/errors.ts';
import { type RotateDeps, rotate } from '../../../functions/token-rotation/rotate.ts';

const DAY = 86_400_000;
const NOW = 100 * DAY;
const OWNER = { account: '123456789012', region: 'eu-central-1', stack: 'AgentLauncher', pool: 'production' };
const POOL = {
  name: 'production',
  id: 'apool-1',
  organization: 'acme',
  secret: 's',
  families: ['AgentLauncher_all_production'],
  owner: OWNER,
};

const version = (id: string, createdAtMs: number, ...labels: string[]): SecretVersion => ({ id, createdAtMs, labels });
const token = (id: string, description: string, createdAtMs = 0): AgentToken => ({
  id,
  description,
  createdAtMs,
  lastUsedAtMs: 1,
});
const ownToken = (id: string, createdAtMs = 0) =>
  token(id, tokenDescription({ ...OWNER, secret: 's' }, createdAtMs), createdAtMs);

interface World {
  readonly versions: readonly SecretVersion[];
  readonly tokens: readonly AgentToken[];
  readonly agents?: readonly PoolAgent[];
  readonly hasPlace?: boolean;
}

/** Runs one invocation in a world without tasks. */
async function invoked({ versions: before, tokens: existing, agents = [], hasPlace = true }: World) {
  let [versions, tokens, nowMs, changedAtMs] = [before, existing, NOW, 0];
  const created: string[] = [];
  const lines: object[] = [];
  const log = (line: object): void => {
    lines.push(line);
  };
  const deps: RotateDeps = {
    hcpTerraform: {
      poolId: async () => POOL.id,
      tokens: async () => tokens,
      connectedAgents: async () => agents,
      create: async (_, description) => {
        tokens = [...tokens, token('at-new', description, nowMs)];
        created.push('at-new');
        return { id: 'at-new', value: 'new' };
      },
      revoke: async (id) => {
        tokens = tokens.filter((one) => one.id !== id);
      },
    },
    secrets: {
      versions: async () => versions,
      facts: async () => ({ name: 's', changedAtMs }),
      open: async () => {
        if (!hasPlace) throw new RotationError('no place');
        return async (_, id) => {
          const older = versions.map((one) => ({
            ...one,
            labels: one.labels.includes('AWSCURRENT') ? ['AWSPREVIOUS'] : [],
          }));
          versions = [...older, version(id, nowMs, 'AWSCURRENT')];
          changedAtMs = nowMs;
        };
      },
    },
    ecs: { tasks: async () => [] },
    clock: {
      now: () => nowMs,
      sleep: async (ms) => {
        nowMs += ms;
      },
    },
    maxAgeMs: 30 * DAY,
    ignoreOtherAgents: false,
    log: { info: log, warn: log, error: log },
    reportAge: () => undefined,
  };
  await rotate([POOL], deps).catch(log);
  return { line: lines[0], created };
}

describe('an invocation', () => {
  it('creates no token if the secret has no place for it', async () => {
    expect(await invoked({ versions: [], tokens: [], hasPlace: false })).toMatchObject({
      created: [],
      line: { message: 'no place' },
    });
  });

  it('lists the tokens that the value before may be, if somebody stored it by hand', async () => {
    const { line } = await invoked({
      versions: [version('uuid', 0, 'AWSCURRENT')],
      tokens: [token('at-8', 'of a person')],
    });
    expect(line).toMatchObject({
      message:
        'A new agent token is in the secret. The value before was stored by hand, so its token is unknown and may still work. If it is one of these tokens, run: agent-launcher rotate --pool production --old-token ID',
      outcome: 'rested',
      stored: 'at-new',
      unknownTokens: ['at-8'],
    });
  });

  it('lists them also while it waits before it revokes an older token', async () => {
    const { line } = await invoked({
      versions: [version(versionOfToken('at-1'), 0, 'AWSPREVIOUS'), version('uuid', DAY, 'AWSCURRENT')],
      tokens: [ownToken('at-1'), token('at-8', 'of a person')],
    });
    expect(line).toMatchObject({ outcome: 'waiting', old: ['at-1'], unknownTokens: ['at-8'] });
    expect(line).toMatchObject({ message: expect.stringContaining('stored by hand') });
  });

  it('lists no tokens of others if it replaced its own token', async () => {
    const { line } = await invoked({
      versions: [version(versionOfToken('at-1'), 0, 'AWSCURRENT')],
      tokens: [ownToken('at-1'), token('at-8', 'of a person')],
    });
    expect(line).toMatchObject({
      message: 'A new agent token is in the secret. The old one works until no task may use it.',
      outcome: 'waiting',
      stored: 'at-new',
    });
    expect(line).not.toHaveProperty('unknownTokens');
  });

  it('lists no tokens of others if its own token was revoked', async () => {
    const { line } = await invoked({
      versions: [version(versionOfToken('at-1'), 0, 'AWSCURRENT')],
      tokens: [token('at-8', 'of a person')],
    });
    expect(line).toMatchObject({ message: 'A new agent token is in the secret.', outcome: 'rested' });
    expect(line).not.toHaveProperty('unknownTokens');
  });

  it('names the pool in the command for a pool with other agents', async () => {
    const { line } = await invoked({
      versions: [
        version(versionOfToken('at-1'), 0, 'AWSPREVIOUS'),
        version(versionOfToken('at-2'), NOW - DAY, 'AWSCURRENT'),
      ],
      tokens: [ownToken('at-1'), ownToken('at-2', NOW - DAY)],
      agents: [{ name: 'vm-1', status: 'idle' }],
    });
    expect(line).toMatchObject({
      outcome: 'blocked',
      message: expect.stringMatching(/run: agent-launcher rotate --pool production --force$/),
    });
  });

  it('says what happens to a token that another run created a moment ago', async () => {
    const { line, created } = await invoked({
      versions: [version(versionOfToken('at-1'), 0, 'AWSCURRENT')],
      tokens: [ownToken('at-1'), { ...ownToken('at-9', NOW), lastUsedAtMs: undefined }],
    });
    expect(created).toEqual([]);
    expect(line).toMatchObject({
      outcome: 'deferred',
      old: ['at-9'],
      message:
        'Another run seems to be about to store a new token. If none does, a later invocation revokes it ten minutes after its creation, and creates another one.',
    });
  });
});
