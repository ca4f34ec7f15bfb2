import { expect, it } from 'vitest';
import { agentsOfOtherTasks } from '../../../../functions/launcher/core/other-launchers.ts';
import type { AgentStatus } from '../../../../functions/launcher/core/types.ts';
import { agent } from './builders.ts';

const OURS = '0123456789abcdef0123456789abcdef';
const THEIRS = 'fedcba9876543210fedcba9876543210';

it.each<[string, string, AgentStatus, boolean]>([
  ['an idle agent named like a task of another cluster', THEIRS, 'idle', true],
  ['a busy agent named like a task of another cluster', THEIRS, 'busy', true],
  ['the agent of a task in our cluster', OURS, 'idle', false],
  ['an agent that has left', THEIRS, 'exited', false],
  ['an errored agent', THEIRS, 'errored', false],
  ['an agent that does not respond', THEIRS, 'unknown', false],
  ['an agent that a person named', 'build-server-1', 'idle', false],
  ['an agent named like a container', THEIRS.slice(0, 12), 'idle', false],
  ['an agent named by its agent id', 'agent-S1Y7tcKxXPJDQAvq', 'busy', false],
  ['an agent with a name in capital letters', THEIRS.toUpperCase(), 'idle', false],
  ['an agent whose name has an additional digit', `${THEIRS}0`, 'idle', false],
  ['an agent whose name has a letter in front', `x${THEIRS}`, 'idle', false],
  ['an agent whose name has a number at the end', `${THEIRS}-1`, 'idle', false],
])('%s (%s, %s) seems to belong to another launcher: %s', (_what, name, status, expected) => {
  expect(agentsOfOtherTasks([agent(name, status)], [], new Set([OURS]))).toEqual(expected ? [name] : []);
});

it('agents of another launcher are listed once each, sorted by name', () => {
  const agents = [agent(THEIRS, 'busy'), agent(OURS, 'idle'), agent(THEIRS, 'idle')];
  expect(agentsOfOtherTasks(agents, [{ agentName: OURS }], new Set())).toEqual([OURS, THEIRS]);
});

it('agents of another launcher are found through running jobs even if the API token can’t list agents', () => {
  const running = [{ agentName: THEIRS }, { agentName: OURS }, { agentName: 'build-server-1' }, {}];
  expect(agentsOfOtherTasks([], running, new Set([OURS]))).toEqual([THEIRS]);
});
