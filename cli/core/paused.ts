/** The words for a launcher that is paused. `status`, `doctor` and `why` use the same ones. */

/** What is known about the switches. */
export interface PauseFacts {
  /** Name of the schedule. */
  readonly name: string;
  /** `undefined`: unknown, as with the others. */
  readonly isScheduleOn: boolean | undefined;
  readonly reservedConcurrency: number | undefined;
  /** Whether a queue of wake-ups can invoke the function. `false` also if there is no queue. */
  readonly isQueueOn: boolean | undefined;
  /** Whether there is a queue of wake-ups that is off. */
  readonly isQueueOff: boolean;
}

export interface Pause {
  readonly what: string;
  /** What to do, in order. */
  readonly todo: readonly string[];
  /** Whether the schedule still starts ticks, so that queued runs continue without anybody's help. */
  readonly ticks: boolean;
}

/** @returns `undefined` if nothing is off */
export function pauseOf({
  name,
  isScheduleOn,
  reservedConcurrency,
  isQueueOn,
  isQueueOff,
}: PauseFacts): Pause | undefined {
  const isScheduleOff = isScheduleOn === false;
  if (reservedConcurrency === 0) {
    return isScheduleOff
      ? pause(
          `The launcher is paused: its schedule ${name} is off, and the reserved concurrency of its function is 0. Queued runs wait.`,
          SCHEDULE,
        )
      : pause(
          'The launcher is paused: the reserved concurrency of its function is 0, so AWS doesn’t run it. Queued runs wait.',
          CONCURRENCY,
        );
  }
  if (isScheduleOff && isQueueOn === true) {
    return pause(
      `The launcher is partly paused: its schedule ${name} is off. Its queue of wake-ups is still on, so only a wake-up starts a tick. Queued runs wait until then.`,
      SCHEDULE,
    );
  }
  if (isScheduleOff) {
    const others = isQueueOn === false ? ', and nothing else invokes it' : '';
    return pause(`The launcher is paused: its schedule ${name} is off${others}. Queued runs wait.`, SCHEDULE);
  }
  if (!isQueueOff) return undefined;
  return pause(
    'The launcher is partly paused: its queue of wake-ups is off. Its schedule is still on, so queued runs wait for the next tick of the schedule.',
    QUEUE,
    { ticks: true },
  );
}

/** Events of CloudTrail. The names of Lambda's events end with a version, so the command lists all of Lambda's. */
const SCHEDULE = eventsOf('AttributeKey=EventName,AttributeValue=UpdateSchedule', 'UpdateSchedule');
const CONCURRENCY = eventsOf('AttributeKey=EventSource,AttributeValue=lambda.amazonaws.com', 'PutFunctionConcurrency');
const QUEUE = eventsOf('AttributeKey=EventSource,AttributeValue=lambda.amazonaws.com', 'UpdateEventSourceMapping');

function eventsOf(attribute: string, event: string): string {
  return `If you don't know who it was, look for the event ${event}: \`aws cloudtrail lookup-events --lookup-attributes ${attribute}\`.`;
}

function pause(what: string, who: string, { ticks } = { ticks: false }): Pause {
  return {
    what,
    ticks,
    todo: [
      'Ask the person who paused it: an upgrade may be in progress.',
      who,
      'When the work is done, run `agent-launcher resume`.',
    ],
  };
}
