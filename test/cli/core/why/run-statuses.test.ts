import { expect, it } from 'vitest';
import { meaningOfStatus, RUN_STATUSES, statusInWords } from '../../../../cli/core/why/run-statuses.ts';
import { demandOf, OBSERVED_STATUSES } from '../../../../functions/launcher/core/demand.ts';

const runIn = (status: string) => ({ id: 'run-1', workspaceId: 'ws-1', status, createdAtMs: 0 });

it.each(Object.entries(RUN_STATUSES))(
  'the command and the launcher agree about the status %s',
  (status, { waitsFor, phase }) => {
    const { queued, running, waiting, unknownStatuses } = demandOf([runIn(status)]);
    expect(unknownStatuses).toEqual([]);
    expect(queued.map((job) => job.phase)).toEqual(waitsFor === 'agent' ? [phase] : []);
    expect(running.map((job) => job.phase)).toEqual(waitsFor === 'running' ? [phase] : []);
    expect(waiting.length === 1).toBe(waitsFor === 'policies');
  },
);

it('the command knows every status that the launcher lists', () => {
  expect(OBSERVED_STATUSES.filter((status) => meaningOfStatus(status) === undefined)).toEqual([]);
});

it.each(['constructor', '__proto__', ''])('an unknown status such as %j has no meaning', (status) => {
  expect(meaningOfStatus(status)).toBeUndefined();
});

it('a status in words says what the run does, and contains the status', () => {
  const words = Object.keys(RUN_STATUSES).map((status) => statusInWords({ status, isAutoApply: false }));
  for (const [index, status] of Object.keys(RUN_STATUSES).entries())
    expect(words[index]).toMatch(new RegExp(`\\w \\(${status}\\)$`));
  expect(statusInWords({ status: 'planned', isAutoApply: true })).toBe('HCP Terraform is about to confirm (planned)');
  expect(statusInWords({ status: 'planned_and_saved', isAutoApply: false })).toBe(
    'waits until somebody applies its saved plan (planned_and_saved)',
  );
  expect(statusInWords({ status: 'new_status', isAutoApply: false })).toBe('is in new_status');
});
