import { expect, it } from 'vitest';
import { agentsOfOtherTasks } from '../../../../functions/launcher/core/other-launchers.ts';
import type { AgentStatus } from '../../../../functions/launcher/core/types.ts';
import { agent } from './builders.ts';

const OURS = '0123456789abcdef0123456789abcdef';
const THEIRS = 'fedcba9876543210fedcba9876543210';

it.each<[string, string, AgentStatus, boolean]>([
  ['an idle agent named like a task of another cluster', THEIRS, 'idle', true],
  ['a busy one', THEIRS, 'busy', true],
  ['one of a task that our cluster shows', OURS, 'idle', false],
  ['one that has left', THEIRS, 'exited', false],
  ['one that is lost', THEIRS, 'errored', false],
  ['one that is silent', THEIRS, 'unknown', false],
  ['one that a person named', 'build-server-1', 'idle', false],
  ['one named like a container', THEIRS.slice(0, 12), 'idle', false],
  ['one named by its agent id', 'agent-S1Y7tcKxXPJDQAvq', 'busy', false],
  ['one in capital letters', THEIRS.toUpperCase(), 'idle', false],
  ['one with a digit too many', `${THEIRS}0`, 'idle', false],
  ['one with a letter before it', `x${THEIRS}`, 'idle', false],
  ['one with a number after it', `${THEIRS}-1`, 'idle', false],
])('counts %s (%s, %s) as another launcher’s: %s', (_what, name, status, expected) => {
  expect(agentsOfOtherTasks([agent(name, status)], [], new Set([OURS]))).toEqual(expected ? [name] : []);
});

it('lists each name once, in order', () => {
  const agents = [agent(THEIRS, 'busy'), agent(OURS, 'idle'), agent(THEIRS, 'idle')];
  expect(agentsOfOtherTasks(agents, [{ agentName: OURS }], new Set())).toEqual([OURS, THEIRS]);
});

it('counts the agent of a running job even if the token can’t list agents', () => {
  const running = [{ agentName: THEIRS }, { agentName: OURS }, { agentName: 'build-server-1' }, {}];
  expect(agentsOfOtherTasks([], running, new Set([OURS]))).toEqual([THEIRS]);
});
