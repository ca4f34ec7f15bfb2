import { expect, it } from 'vitest';
import { hasStopped, isEnding } from '../../../cli/core/task-status.ts';
import * as launcher from '../../../functions/launcher/core/supply.ts';

it.each([
  ['PROVISIONING', false, false],
  ['PENDING', false, false],
  ['ACTIVATING', false, false],
  ['RUNNING', false, false],
  ['DEACTIVATING', true, false],
  ['STOPPING', true, false],
  ['DEPROVISIONING', true, false],
  ['STOPPED', true, true],
  ['DELETED', true, true],
])('a task that is %s: it ends: %s, and has stopped: %s, also for the launcher', (lastStatus, ends, stopped) => {
  expect([isEnding({ lastStatus }), hasStopped({ lastStatus })]).toEqual([ends, stopped]);
  expect(launcher.isEnding(lastStatus)).toBe(ends);
});

it('a task that somebody stops is ending, whatever its status', () => {
  expect(isEnding({ lastStatus: 'RUNNING', desiredStatus: 'STOPPED' })).toBe(true);
});
