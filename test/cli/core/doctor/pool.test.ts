import { describe, expect, it } from 'vitest';
import {
  checkArchitectureChange,
  checkArchitectures,
  checkPool,
  type PoolAnswer,
  type PoolFacts,
} from '../../../../cli/core/doctor/pool.ts';
import { DENIED, lane, pool, shown, target, task } from './builders.ts';

const facts = (more: Partial<PoolFacts> = {}): PoolFacts => ({
  id: 'apool-1',
  name: 'aws',
  organizationScoped: true,
  allowedWorkspaces: 0,
  allowedProjects: 0,
  usedBy: 2,
  agents: { value: [] },
  agentTokens: { value: [12] },
  ...more,
});
const own = { value: new Set(['task1']) };
const problems = (answer: PoolAnswer, ...tasks: [Parameters<typeof checkPool>[2]?]): string[] => {
  const all = checkPool(pool(), { value: answer }, tasks.length === 0 ? own : tasks[0]);
  return shown(all.filter(({ severity }) => severity !== 'ok'));
};

it('a pool whose agents are all tasks of the cluster has no problem', () => {
  expect(problems(facts({ agents: { value: [{ name: 'task1', status: 'busy' }] } }))).toEqual([]);
});

it.each<[string, readonly number[], string]>([
  ['one token', [12], 'The pool aws has one agent token. Its age in days: 12.'],
  ['several tokens', [1, 30], 'The pool aws has 2 agent tokens. Their ages in days: 30, 1.'],
  ['many tokens', [1, 2, 3, 4, 5, 6], 'The pool aws has 6 agent tokens. Their ages in days: 6, 5, 4, 3, 2 and more.'],
])('a pool with %s shows how old they are', (_, value, what) => {
  const all = checkPool(pool(), { value: facts({ agentTokens: { value } }) }, own);
  expect(all.filter(({ id }) => id === 'pool.agent-tokens').map((finding) => finding.what)).toEqual([what]);
});

it.each<[string, PoolAnswer, RegExp]>([
  [
    'a missing pool',
    { missing: true, others: ['gcp', 'azure'] },
    /^error pool\.exists: The pool aws doesn’t exist.*The organization has gcp and azure\./,
  ],
  ['a pool with other letters', { missing: true, others: ['AWS'] }, /the pool’s name is AWS/],
  ['a missing pool in an empty organization', { missing: true, others: [] }, /Create the pool in Settings, Agents/],
  ['a pool with another name', facts({ name: 'aws-2' }), /^error pool\.name: The pool apool-1 has the name aws-2/],
  [
    'a pool that nothing may use',
    facts({ organizationScoped: false }),
    /^error pool\.scope: No workspace and no project/,
  ],
  [
    'a pool without an agent token',
    facts({ agentTokens: { value: [] } }),
    /^error pool\.agent-tokens: The pool aws has no agent token/,
  ],
  ['agent tokens that can’t be read', facts({ agentTokens: DENIED }), /^warning pool\.agent-tokens/],
  ['agents that can’t be listed', facts({ agents: DENIED }), /^warning pool\.agents: .*"Manage agent pools"/],
  [
    'agents without an answer',
    facts({ agents: { failure: { reason: 'status 500', kind: 'failed' } } }),
    /^warning pool\.agents: Could not check/,
  ],
  [
    'a foreign agent',
    facts({ agents: { value: [{ name: 'vm-7', status: 'idle' }] } }),
    /^note pool\.foreign-agents: An agent of pool aws isn’t a task of this cluster: vm-7 \(idle\)/,
  ],
])('%s is exactly one finding', (_, answer, expected) => {
  const found = problems(answer);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(expected);
});

it('agents that exited or errored aren’t foreign agents', () => {
  const agents = { value: ['exited', 'errored'].map((status) => ({ name: status, status })) };
  expect(problems(facts({ agents }))).toEqual([]);
});

it('before the deployment, every agent is a foreign agent', () => {
  expect(problems(facts({ agents: { value: [{ name: 'task1', status: 'idle' }] } }), undefined)[0]).toMatch(/task1/);
});

it('if the cluster’s tasks can’t be read, foreign agents are unknown', () => {
  expect(problems(facts(), DENIED)[0]).toMatch(/^warning pool\.foreign-agents: .*ecs:ListTasks/);
});

it.each([
  [
    { organizationScoped: true, usedBy: 0 },
    'Every workspace of the organization may use it; no workspace uses it yet.',
  ],
  [
    { organizationScoped: false, allowedProjects: 2, allowedWorkspaces: 1, usedBy: 1 },
    '2 projects and one workspace may use it; one workspace uses it.',
  ],
])('the scope %o is described', (more, text) => {
  expect(shown(checkPool(pool(), { value: facts(more) }, own))[0]).toContain(text);
});

it('a pool without an answer is a warning', () => {
  expect(checkPool(pool(), DENIED, own).map(({ severity }) => severity)).toEqual(['warning']);
});

describe('architectures', () => {
  const arm = lane({ task: { value: task({ architecture: 'arm64' }) } });
  it('that differ within a pool are an error', () => {
    expect(shown(checkArchitectures(target({ pools: [pool({ lanes: [lane(), arm] })] })))[0]).toMatch(
      /^error pool\.architecture: .*x86_64 and arm64/,
    );
    expect(checkArchitectures(target())).toEqual([]);
  });

  it('that the next deployment changes are a note', () => {
    const next = target({ pools: [pool({ lanes: [arm] })] });
    expect(shown(checkArchitectureChange(target(), next))[0]).toMatch(/from x86_64 to arm64/);
    expect(checkArchitectureChange(target(), target())).toEqual([]);
    expect(checkArchitectureChange(target({ pools: [] }), next)).toEqual([]);
  });
});
