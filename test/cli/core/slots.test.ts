import { expect, it } from 'vitest';
import { slotsText } from '../../../cli/core/slots.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const slot = (n: number) => ({ taskId: `t${n}`, startedFor: `run-S${n}/plan`, createdAtMs: NOW - 56_000 });
const job = (n: number, agentName: string | undefined = `t${n}`) => ({
  job: `run-J${n}/apply`,
  agentName,
  workspace: `w${n}`,
  sinceMs: NOW - 60_000,
});

it('lists at most five of the jobs that the agents execute', () => {
  const numbers = [1, 2, 3, 4, 5, 6, 7];
  expect(
    slotsText(
      numbers.map(slot),
      numbers.map((n) => job(n)),
      NOW,
    ),
  ).toBe(
    `7 agents are busy: ${[1, 2, 3, 4, 5].map((n) => `apply of run-J${n} in workspace w${n} for 1 min`).join(', ')} and 2 more.`,
  );
});

it('says what the other tasks were started for, and that their agents can take another job', () => {
  expect(slotsText([slot(1), slot(2)], [job(1)], NOW)).toBe(
    '1 agent is busy: apply of run-J1 in workspace w1 for 1 min. 1 other task was started for the plan of run-S2 56 s ago; its agent may have taken another job, because an agent takes any queued job of its pool.',
  );
});

it('ignores jobs of foreign agents, and counts jobs whose agent is unknown', () => {
  expect(slotsText([slot(1)], [job(9, 'foreign')], NOW)).toMatch(/^1 task was started for the plan of run-S1/);
  const { agentName: _, ...nameless } = job(9);
  expect(slotsText([slot(1)], [nameless], NOW)).toBe('1 agent is busy: apply of run-J9 in workspace w9 for 1 min.');
});

it('shows what tasks were started for if HCP Terraform could not be read, and nothing without a task', () => {
  const warm = { taskId: 'w', startedFor: 'warm/default/1' };
  expect(slotsText([slot(1), warm], undefined, NOW)).toMatch(
    /^2 tasks were started for the plan of run-S1 56 s ago and warm\/default\/1; their agents may have taken/,
  );
  expect(slotsText([], [], NOW)).toBe('');
});

it('claims no agent for jobs without the name of their agent if there are more of them than tasks', () => {
  const nameless = [1, 2, 3].map((n) => ({ ...job(n), agentName: undefined }));
  expect(slotsText([slot(1), slot(2)], nameless, NOW)).toBe(
    '3 jobs of this pool run, some perhaps on agents that the launcher didn’t start: ' +
      'apply of run-J1 in workspace w1 for 1 min, apply of run-J2 in workspace w2 for 1 min and apply of run-J3 in workspace w3 for 1 min.',
  );
  expect(slotsText([slot(1), slot(2)], nameless.slice(1), NOW)).toMatch(/^2 agents are busy: /);
});
