/** Checks whether the launcher is paused: its schedule, and the reserved concurrency of its function. */
import { pauseOf } from '../paused.ts';
import type { Switches } from '../switches.ts';
import { couldNotCheck, error, type Finding, type Observed, ok } from './findings.ts';

export type Schedule = Pick<Switches['schedule'], 'enabled' | 'expression'> &
  Partial<Pick<Switches['schedule'], 'changedAtMs'>>;

const WHY = 'No agent starts for queued runs, and no task that hangs is stopped.';

/**
 * What invokes the launcher's function, and whether AWS may run it. `agent-launcher pause` turns both off, which is one finding.
 *
 * @param name of the schedule
 * @param schedule `undefined`: it doesn't exist
 * @param concurrency the function's reserved concurrency; `undefined`: nothing is reserved
 * @param isQueueOn whether a queue of wake-ups can invoke the function; `undefined`: unknown
 */
export function checkSwitches(
  name: string,
  schedule: Observed<Schedule | undefined>,
  concurrency: Observed<number | undefined>,
  isQueueOn?: boolean,
): Finding[] {
  const isScheduleOn = 'value' in schedule ? schedule.value?.enabled : undefined;
  const reservedConcurrency = 'value' in concurrency ? concurrency.value : undefined;
  const pause = pauseOf({ name, isScheduleOn, reservedConcurrency, isQueueOn });
  if (pause === undefined) return [checkSchedule(schedule), checkConcurrency(concurrency)];
  const words = { what: pause.what, why: WHY, todo: pause.todo.join(' ') };
  if (isScheduleOn !== false) return [checkSchedule(schedule), error('deployment.concurrency', words)];
  const off = error('deployment.schedule', words);
  return reservedConcurrency === 0 ? [off] : [off, checkConcurrency(concurrency)];
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
  return ok(id, `The schedule is on: ${schedule.value.expression}.`);
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
  return ok(id, 'AWS may run the launcher’s function.');
}
