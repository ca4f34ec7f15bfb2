/** Checks whether the launcher is paused: its schedule, its queue of wake-ups, and the reserved concurrency of its function. */
import { pauseOf } from '../paused.ts';
import { pauseFactsOf, type Switches } from '../switches.ts';
import { couldNotCheck, error, type Finding, type Observed, ok, warning } from './findings.ts';

export type Schedule = Pick<Switches['schedule'], 'enabled' | 'expression'> &
  Partial<Pick<Switches['schedule'], 'changedAtMs'>>;

export interface ObservedSwitches {
  /** `undefined`: it doesn't exist. */
  readonly schedule: Observed<Schedule | undefined>;
  /** The function's reserved concurrency; `undefined`: nothing is reserved. */
  readonly concurrency: Observed<number | undefined>;
  readonly queues: Observed<Switches['queues']>;
}

const WHY = 'No agent starts for queued runs, and no task that hangs is stopped.';

/**
 * What invokes the launcher's function, and whether AWS may run it. `agent-launcher pause` turns everything off, which is one finding.
 *
 * @param name of the schedule
 */
export function checkSwitches(name: string, { schedule, concurrency, queues }: ObservedSwitches): Finding[] {
  const known = {
    schedule: valueIn(schedule),
    reservedConcurrency: valueIn(concurrency),
    queues: valueIn(queues),
  };
  const pause = pauseOf(pauseFactsOf(known, name));
  const unread =
    'failure' in queues
      ? [couldNotCheck('deployment.queue', 'the queue of wake-ups', queues.failure, 'lambda:ListEventSourceMappings')]
      : [];
  if (pause === undefined) return [checkSchedule(schedule), checkConcurrency(concurrency), ...unread];
  const todo = pause.todo.join(' ');
  if (pause.ticks) {
    const why = 'A wake-up starts no tick, so jobs wait longer for their agent.';
    const off = warning('deployment.queue', { what: pause.what, why, todo });
    return [checkSchedule(schedule), checkConcurrency(concurrency), off];
  }
  const words = { what: pause.what, why: WHY, todo };
  if (known.schedule?.enabled !== false) {
    return [checkSchedule(schedule), error('deployment.concurrency', words), ...unread];
  }
  const off = error('deployment.schedule', words);
  return known.reservedConcurrency === 0 ? [off] : [off, checkConcurrency(concurrency), ...unread];
}

function valueIn<T>(observed: Observed<T>): T | undefined {
  return 'value' in observed ? observed.value : undefined;
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
