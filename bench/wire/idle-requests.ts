/** The requests of a warm function in an hour in which nothing is queued. */
import type { Deployment } from '../../test/journey/deployment.ts';
import { System } from './system.ts';
import { waited } from './wait.ts';

/** Shorter than the schedule. Even so, the function stays within its budget of 24 run lists per minute. */
const EVERY_MS = 3_000;
const INVOCATIONS = 12;
const INVOCATIONS_PER_HOUR = 60;

export interface IdleRequests {
  readonly runLists: number;
  readonly otherHcp: number;
  readonly aws: number;
}

export async function measureIdleHour(deployment: Deployment): Promise<IdleRequests> {
  const system = await System.start(deployment, { everyMs: EVERY_MS });
  const count = () => ({ ...system.hcpRequests, aws: system.awsCalls().all });
  try {
    // The first invocation is cold: it reads the API token, and looks up the pool.
    if (!(await waited(30_000, () => system.invocations.length > 0))) throw new Error('The function does not start');
    const before = count();
    const first = system.invocations.length;
    if (!(await waited(INVOCATIONS * EVERY_MS * 2, () => system.invocations.length >= first + INVOCATIONS))) {
      throw new Error('The function stopped');
    }
    const after = count();
    const perHour = (name: 'runLists' | 'others' | 'aws') =>
      ((after[name] - before[name]) / (system.invocations.length - first)) * INVOCATIONS_PER_HOUR;
    return { runLists: perHour('runLists'), otherHcp: perHour('others'), aws: perHour('aws') };
  } finally {
    await system.close();
  }
}
