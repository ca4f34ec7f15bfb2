import { describe, expect, test } from 'vitest';
import {
  agentSecretFinding,
  agentTokenByDefault,
  type Existing,
  planSetup,
  type Step,
  type Wanted,
} from '../../../../cli/core/setup/plan.ts';
import { type Hands, runPlan } from '../../../../cli/core/setup/run-plan.ts';
import { versionOfToken } from '../../../../functions/token-rotation/core/agent-tokens.ts';

const POOL = { id: 'apool-1', name: 'aws', organizationScoped: true, allowedProjectIds: [], agents: 0 };
const TOKEN = { id: 'at-1', description: 'x', createdAtMs: 0, lastUsedAtMs: undefined };
const missing = (name: string) => ({ name, state: 'missing', versions: {} }) as const;
const empty = (name: string) => ({ name, state: 'empty', versions: {} }) as const;
const filled = (name: string, version: string) =>
  ({ name, state: 'has-value', currentVersion: version, versions: { [version]: ['AWSCURRENT'] } }) as const;

const NOTHING: Existing = {
  pool: undefined,
  agentTokens: undefined,
  agentSecret: missing('agent'),
  apiSecret: missing('api'),
};
const EVERYTHING: Existing = {
  pool: POOL,
  agentTokens: [TOKEN],
  agentSecret: filled('agent', versionOfToken('at-1')),
  apiSecret: filled('api', 'v'),
};
const CHANGE = { path: 'organization', from: 'your-org', to: 'acme' };
const FILE = { path: '/cdk.json', shown: 'cdk.json', before: '{}', after: '{}', changes: [CHANGE] };
const WANTED: Wanted = {
  organization: 'acme',
  poolName: 'aws',
  scope: { kind: 'organization' },
  agentToken: 'create',
  tokenDescription: 'token',
  apiToken: 'given',
  file: FILE,
};
const KEEP: Wanted = { ...WANTED, agentToken: 'keep', apiToken: 'keep', file: { ...FILE, changes: [] } };

const inShort = (step: Step): string =>
  'how' in step ? `${step.kind} ${step.how} ${step.secret} after ${step.previous ?? 'nothing'}` : step.kind;
const plan = (existing: Partial<Existing>, wanted: Partial<Wanted> = {}, base = NOTHING) =>
  planSetup({ ...base, ...existing }, { ...WANTED, ...wanted }).map(inShort);

describe('planSetup', () => {
  test('creates everything, and writes the settings last', () => {
    expect(plan({})).toEqual([
      'create-pool',
      'create-agent-token',
      'store-agent-token create agent after nothing',
      'store-api-token create api after nothing',
      'write-settings',
    ]);
  });

  test('does nothing if everything exists', () => {
    expect(plan({}, KEEP, EVERYTHING)).toEqual([]);
  });

  test.each<[string, Partial<Existing>, Partial<Wanted>, string[]]>([
    [
      'fills empty secrets',
      { agentSecret: empty('agent'), apiSecret: empty('api') },
      { agentToken: 'create', apiToken: 'given' },
      ['create-agent-token', 'store-agent-token put agent after nothing', 'store-api-token put api after nothing'],
    ],
    [
      'replaces values only on request',
      {},
      { agentToken: 'given', apiToken: 'given' },
      [`store-agent-token put agent after ${versionOfToken('at-1')}`, 'store-api-token put api after v'],
    ],
    [
      'narrows the scope of a pool',
      {},
      { scope: { kind: 'projects', projects: [{ id: 'prj-1', name: 'a' }] } },
      ['scope-pool'],
    ],
    [
      'widens the scope of a pool',
      { pool: { ...POOL, organizationScoped: false, allowedProjectIds: ['prj-1'] } },
      { scope: { kind: 'organization' } },
      ['scope-pool'],
    ],
    [
      'leaves a scope that is as wanted, in any order',
      { pool: { ...POOL, organizationScoped: false, allowedProjectIds: ['prj-2', 'prj-1'] } },
      {
        scope: {
          kind: 'projects',
          projects: [
            { id: 'prj-1', name: 'a' },
            { id: 'prj-2', name: 'b' },
          ],
        },
      },
      [],
    ],
  ])('%s', (_, existing, wanted, expected) => {
    expect(plan(existing, { ...KEEP, ...wanted }, EVERYTHING)).toEqual(expected);
  });

  test.each<[string, Partial<Existing>, Partial<Wanted>, RegExp]>([
    [
      'a secret that is being deleted',
      { agentSecret: { name: 'agent', state: 'deleted', versions: {} } },
      {},
      /restore-secret --secret-id agent/,
    ],
    [
      'to keep an agent token that is not there',
      { agentSecret: empty('agent') },
      { agentToken: 'keep' },
      /has no agent token to keep/,
    ],
    ['to keep an API token that is not there', {}, { apiToken: 'keep' }, /has no API token to keep/],
  ])('refuses %s', (_, existing, wanted, message) => {
    expect(() => plan(existing, wanted)).toThrow(message);
  });
});

test.each<[string, Partial<Existing>, ReturnType<typeof agentSecretFinding>['finding'], 'create' | 'keep']>([
  ['a missing secret', { agentSecret: missing('agent') }, 'missing', 'create'],
  ['an empty secret', { agentSecret: empty('agent') }, 'empty', 'create'],
  ['a token of the pool', {}, 'valid', 'keep'],
  ['a token that was revoked', { agentTokens: [] }, 'dead', 'create'],
  ['a token of a pool that is gone', { pool: undefined, agentTokens: undefined }, 'dead', 'create'],
  ['a value that was stored by hand', { agentSecret: filled('agent', 'uuid') }, 'unknown', 'keep'],
  [
    'a value that was stored by hand, with a new pool',
    { agentSecret: filled('agent', 'uuid'), pool: undefined },
    'unknown',
    'create',
  ],
  ['tokens that cannot be listed', { agentTokens: undefined }, 'unknown', 'keep'],
])('%s is recognized', (_, existing, finding, byDefault) => {
  expect(agentSecretFinding({ ...EVERYTHING, ...existing }).finding).toBe(finding);
  expect(agentTokenByDefault({ ...EVERYTHING, ...existing })).toBe(byDefault);
});

describe('runPlan', () => {
  const steps = planSetup(NOTHING, WANTED);
  /** Hands that fail at one step, and can't undo some. */
  function handsThat({ failAt, cannotUndo = [] }: { failAt?: Step['kind']; cannotUndo?: readonly Step['kind'][] }) {
    const log: string[] = [];
    const hands: Hands = {
      async perform({ kind }) {
        log.push(kind);
        if (kind === failAt) throw new Error('refused');
      },
      async undo({ kind }) {
        log.push(`undo ${kind}`);
        if (cannotUndo.includes(kind)) throw new Error('stays');
      },
    };
    return { hands, log };
  }
  const never = new AbortController().signal;
  const kinds = (all: readonly { step: Step }[]) => all.map(({ step }) => step.kind);

  test.each(steps.map(({ kind }) => kind))('undoes the steps in reverse order if %s fails', async (failAt) => {
    const { hands, log } = handsThat({ failAt });
    const outcome = await runPlan(steps, hands, never, () => undefined);
    const begun = steps.slice(0, steps.findIndex(({ kind }) => kind === failAt) + 1).map(({ kind }) => kind);
    expect(log).toEqual([...begun, ...begun.toReversed().map((kind) => `undo ${kind}`)]);
    expect(outcome).toMatchObject({ done: false, failed: { kind: failAt }, left: [] });
  });

  test('lists what it could not undo, except tokens of a deleted pool', async () => {
    const { hands } = handsThat({ failAt: 'write-settings', cannotUndo: ['create-agent-token', 'store-api-token'] });
    const outcome = await runPlan(steps, hands, never, () => undefined);
    expect(outcome.done ? [] : kinds(outcome.left)).toEqual(['store-api-token']);
    const other = handsThat({ failAt: 'write-settings', cannotUndo: ['create-agent-token', 'create-pool'] });
    const second = await runPlan(steps, other.hands, never, () => undefined);
    expect(second.done ? [] : kinds(second.left)).toEqual(['create-agent-token', 'create-pool']);
  });

  test('stops between two steps on an interrupt, and undoes them', async () => {
    const controller = new AbortController();
    const { hands, log } = handsThat({});
    const outcome = await runPlan(steps, hands, controller.signal, ({ step }) => {
      if (step.kind === 'create-agent-token') controller.abort(new Error('SIGINT'));
    });
    expect(log).toEqual(['create-pool', 'create-agent-token', 'undo create-agent-token', 'undo create-pool']);
    expect(outcome).toMatchObject({ done: false, failed: undefined });
  });

  test('is done if the interrupt comes during the last step', async () => {
    const controller = new AbortController();
    const outcome = await runPlan(steps, handsThat({}).hands, controller.signal, ({ step }) => {
      if (step.kind === 'write-settings') controller.abort(new Error('SIGINT'));
    });
    expect(outcome).toEqual({ done: true });
  });
});
