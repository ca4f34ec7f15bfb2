import { expect, it } from 'vitest';
import { foreignAgents } from '../../../../functions/launcher/core/foreign-agents.ts';
import { agent } from './builders.ts';

const OURS = '0123456789abcdef0123456789abcdef';
const OURS_ONLY = new Set([OURS]);

it('idle and busy agents that belong to no task of the cluster are foreign, each once and sorted', () => {
  const agents = [
    agent('z', 'idle'),
    agent('b', 'busy'),
    agent('a', 'idle'),
    agent('a', 'idle'),
    agent(OURS, 'busy'),
    agent('gone', 'exited'),
    agent('broken', 'errored'),
    agent('silent', 'unknown'),
  ];
  expect(foreignAgents(agents, [], OURS_ONLY)).toEqual({ idle: ['a', 'z'], busy: ['b'] });
});

it('a foreign agent with an idle and a busy row counts once, as busy', () => {
  expect(foreignAgents([agent('a', 'idle'), agent('a', 'busy')], [], OURS_ONLY)).toEqual({ idle: [], busy: ['a'] });
});

it('running jobs show busy foreign agents if the API token can’t list agents', () => {
  const running = [{ agentName: 'a' }, { agentName: OURS }, {}];
  expect(foreignAgents(undefined, running, OURS_ONLY)).toEqual({ idle: [], busy: ['a'] });
  // A run shows an agent for minutes after it died. The list knows better.
  expect(foreignAgents([], running, OURS_ONLY)).toEqual({ idle: [], busy: [] });
});
