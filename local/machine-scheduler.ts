import type { Scheduler } from './aws/core/scheduler.ts';

/** The machine's clock. */
export const machineScheduler: Scheduler = {
  now: () => Date.now(),
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs);
    return () => clearTimeout(timer);
  },
};
