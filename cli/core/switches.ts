/** Whether AWS invokes the launcher, and which switches a pause or a resume has to change. */
import type { PauseFacts } from './paused.ts';

export interface Switches {
  readonly schedule: {
    readonly enabled: boolean;
    /** EventBridge Scheduler's expression, such as `rate(1 minute)`. */
    readonly expression: string;
    /** Milliseconds since the epoch. */
    readonly changedAtMs: number | undefined;
  };
  /** Maximum number of instances of the function; `undefined`: the function has no limit. */
  readonly reservedConcurrency: number | undefined;
  /** Connections from queues to the function, with Lambda's states: https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html */
  readonly queues: readonly { readonly id: string; readonly state: string }[];
}

export type Change =
  | { readonly kind: 'concurrency'; readonly value: number | undefined }
  | { readonly kind: 'schedule'; readonly enabled: boolean }
  | { readonly kind: 'queue'; readonly id: string; readonly enabled: boolean };

/** An invocation that began before a pause can launch tasks for this long: the function's timeout is 58 s. */
export const LAST_INVOCATION_MS = 60_000;

/** `paused`: nothing invokes the launcher. `partly`: some switches are off, but something can still invoke it. */
export type Invocation = 'on' | 'paused' | 'partly';

export function invocationOf({ schedule, reservedConcurrency, queues }: Switches): Invocation {
  if (reservedConcurrency === 0) return 'paused';
  const on = [schedule.enabled, ...queues.map(({ state }) => isOn(state))];
  if (on.every(Boolean)) return 'on';
  return on.some(Boolean) ? 'partly' : 'paused';
}

/** The switches that could be read. The others are `undefined`. */
export interface KnownSwitches {
  readonly schedule: Pick<Switches['schedule'], 'enabled'> | undefined;
  readonly reservedConcurrency: Switches['reservedConcurrency'];
  readonly queues: Switches['queues'] | undefined;
}

/** The switches in the words of a pause. @param name of the schedule */
export function pauseFactsOf({ schedule, reservedConcurrency, queues }: KnownSwitches, name: string): PauseFacts {
  return {
    name,
    isScheduleOn: schedule?.enabled,
    reservedConcurrency,
    isQueueOn: queues?.some(({ state }) => isOn(state)),
    isQueueOff: queues?.some(({ state }) => !isOn(state)) === true,
  };
}

/** The changes that pause the launcher, in order. Empty if everything is off already. */
export function changesToPause({ schedule, reservedConcurrency, queues }: Switches): Change[] {
  return [
    // It stops everything at once, so it comes first.
    ...(reservedConcurrency === 0 ? [] : [{ kind: 'concurrency', value: 0 } as const]),
    ...(schedule.enabled ? [{ kind: 'schedule', enabled: false } as const] : []),
    ...queues.filter(({ state }) => isOn(state)).map(({ id }) => ({ kind: 'queue', id, enabled: false }) as const),
  ];
}

/**
 * The changes that resume the launcher, in order. Empty if everything is on already.
 *
 * @param configured the reserved concurrency in the stack's template. While it is unknown, the function's concurrency isn't changed
 */
export function changesToResume(
  { schedule, reservedConcurrency, queues }: Switches,
  configured: number | undefined | 'unknown',
): Change[] {
  const isRestored = reservedConcurrency === 0 && configured !== 0 && configured !== 'unknown';
  return [
    ...queues.filter(({ state }) => !isOn(state)).map(({ id }) => ({ kind: 'queue', id, enabled: true }) as const),
    ...(schedule.enabled ? [] : [{ kind: 'schedule', enabled: true } as const]),
    // A limit other than 0 isn't a pause, and somebody may have set it on purpose.
    ...(isRestored ? [{ kind: 'concurrency', value: configured } as const] : []),
  ];
}

export function describeChange(change: Change): string {
  if (change.kind === 'schedule') return `the schedule is ${change.enabled ? 'on' : 'off'}`;
  if (change.kind === 'queue') return `the queue of wake-ups is ${change.enabled ? 'on' : 'off'}`;
  if (change.value === 0) return 'the function can no longer run (reserved concurrency 0)';
  return change.value === undefined
    ? 'the function can run again'
    : `the function can run again (reserved concurrency ${change.value}, as configured)`;
}

/** Whether a queue can invoke the function. */
function isOn(state: string): boolean {
  return state !== 'Disabled' && state !== 'Disabling' && state !== 'Deleting';
}
