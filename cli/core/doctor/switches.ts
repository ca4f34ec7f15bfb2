/** Checks whether the launcher is paused: its schedule, and the reserved concurrency of its function. */
import type { Switches } from '../switches.ts';
import { couldNotCheck, error, type Finding, type Observed, ok } from './findings.ts';

export type Schedule = Pick<Switches['schedule'], 'enabled' | 'expression'> &
  Partial<Pick<Switches['schedule'], 'changedAtMs'>>;

const PAUSED = {
  why: 'The launcher is paused, so no agent starts, and no task that hangs is stopped.',
  todo: 'Ask the person who paused it: an upgrade may be in progress. Then run `agent-launcher resume`.',
};

/**
 * What invokes the launcher's function, and whether AWS may run it. `agent-launcher pause` turns both off, which is one finding.
 *
 * @param schedule `undefined`: it doesn't exist
 * @param concurrency the function's reserved concurrency; `undefined`: nothing is reserved
 */
export function checkSwitches(
  schedule: Observed<Schedule | undefined>,
  concurrency: Observed<number | undefined>,
): Finding[] {
  const isOff = 'value' in schedule && schedule.value?.enabled === false;
  if (isOff && 'value' in concurrency && concurrency.value === 0) {
    const what = 'The launcher’s schedule is off, and the reserved concurrency of its function is 0.';
    return [error('deployment.schedule', { what, ...PAUSED })];
  }
  return [checkSchedule(schedule), checkConcurrency(concurrency)];
}

function checkSchedule(schedule: Observed<Schedule | undefined>): Finding {
  const id = 'deployment.schedule';
  if ('failure' in schedule) {
    return couldNotCheck(id, 'the launcher’s schedule', schedule.failure, 'scheduler:GetSchedule');
  }
  if (schedule.value === undefined) {
    return error(id, {
      what: 'The launcher’s schedule doesn’t exist.',
      why: 'Nothing invokes the launcher, so no agent starts.',
      todo: 'Deploy the stack again.',
    });
  }
  const { enabled, expression } = schedule.value;
  if (enabled) return ok(id, `The schedule is on: ${expression}.`);
  return error(id, { what: 'The launcher’s schedule is off.', ...PAUSED });
}

function checkConcurrency(concurrency: Observed<number | undefined>): Finding {
  const id = 'deployment.concurrency';
  if ('failure' in concurrency) {
    return couldNotCheck(
      id,
      'the function’s reserved concurrency',
      concurrency.failure,
      'lambda:GetFunctionConcurrency',
    );
  }
  if (concurrency.value !== 0) return ok(id, 'AWS may run the launcher’s function.');
  return error(id, {
    what: 'The reserved concurrency of the launcher’s function is 0, so AWS doesn’t run it.',
    ...PAUSED,
  });
}
