/**
 * The switches that decide whether AWS invokes the launcher: its schedule, the queue of wake-ups, and the function's reserved concurrency.
 *
 * A launcher is paused if its function may not run at all (reserved concurrency 0). That stops the schedule, messages and people. `pause` also turns off the
 * schedule and the queue, because a deployment of the function may restore its concurrency. A deployment restores the schedule or the queue only if
 * it changes them.
 */
import {
  DeleteFunctionConcurrencyCommand,
  type EventSourceMappingConfiguration,
  GetFunctionConcurrencyCommand,
  ListEventSourceMappingsCommand,
  PutFunctionConcurrencyCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { GetScheduleCommand, UpdateScheduleCommand } from '@aws-sdk/client-scheduler';
import type { Switches } from '../core/switches.ts';
import type { Io } from '../io.ts';
import type { Aws } from './clients.ts';
import type { Deployment } from './deployment.ts';
import { ask, awsFailure, nameOfAwsError } from './errors.ts';

/** Errors that mean "another change is in progress". */
const BUSY = new Set(['ConflictException', 'ResourceConflictException', 'ResourceInUseException']);
const ATTEMPTS = 6;
const PAUSE_MS = 5_000;

type Launcher = Pick<Deployment, 'name' | 'functionName'>;

export async function readSwitches(aws: Aws, { name, functionName }: Launcher): Promise<Switches> {
  const [schedule, reservedConcurrency, queues] = await Promise.all([
    readSchedule(aws, name),
    readConcurrency(aws, functionName),
    readQueues(aws, functionName),
  ]);
  return { schedule, reservedConcurrency, queues };
}

/** The connections from queues to the function. */
export async function readQueues(aws: Aws, functionName: string): Promise<Switches['queues']> {
  const mappings = await mappingsOf(aws, functionName);
  return mappings.map(({ UUID = '', State = '' }) => ({ id: UUID, state: State }));
}

export async function readSchedule(aws: Aws, name: string): Promise<Switches['schedule']> {
  const scheduler = await aws.scheduler();
  const schedule = await ask(`read the schedule ${name}`, scheduler.send(new GetScheduleCommand({ Name: name })));
  return {
    enabled: schedule.State !== 'DISABLED',
    expression: schedule.ScheduleExpression ?? '',
    changedAtMs: (schedule.LastModificationDate ?? schedule.CreationDate)?.getTime(),
  };
}

/** The function's reserved concurrency; `undefined` if nothing is reserved. */
export async function readConcurrency(aws: Aws, functionName: string): Promise<number | undefined> {
  const lambda = await aws.lambda();
  const answer = await ask(
    `read the concurrency of the function ${functionName}`,
    lambda.send(new GetFunctionConcurrencyCommand({ FunctionName: functionName })),
  );
  return answer.ReservedConcurrentExecutions;
}

/** Limits how many instances of the function may run. @param concurrency `undefined`: no limit of the function */
export async function setConcurrency(
  aws: Aws,
  functionName: string,
  concurrency: number | undefined,
  io: Waiting,
): Promise<void> {
  const lambda = await aws.lambda();
  await whenFree(`change the concurrency of the function ${functionName}`, io, async () => {
    if (concurrency === undefined) {
      await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName: functionName }));
      return;
    }
    const input = { FunctionName: functionName, ReservedConcurrentExecutions: concurrency };
    await lambda.send(new PutFunctionConcurrencyCommand(input));
  });
}

/**
 * Turns the schedule on or off. UpdateSchedule resets every member that the request lacks, so this writes back what it read:
 * https://docs.aws.amazon.com/scheduler/latest/APIReference/API_UpdateSchedule.html
 */
export async function setSchedule(aws: Aws, name: string, enabled: boolean, io: Waiting): Promise<void> {
  const scheduler = await aws.scheduler();
  await whenFree(`turn the schedule ${name} ${enabled ? 'on' : 'off'}`, io, async () => {
    // Read again before each attempt: a conflict means that somebody changed the schedule.
    const { $metadata, Arn, CreationDate, LastModificationDate, ...members } = await scheduler.send(
      new GetScheduleCommand({ Name: name }),
    );
    await scheduler.send(
      new UpdateScheduleCommand({
        ...members,
        Name: name,
        ScheduleExpression: members.ScheduleExpression,
        FlexibleTimeWindow: members.FlexibleTimeWindow,
        Target: members.Target,
        State: enabled ? 'ENABLED' : 'DISABLED',
      }),
    );
  });
}

/** Turns the connection from a queue to the function on or off. */
export async function setQueue(aws: Aws, id: string, enabled: boolean, io: Waiting): Promise<void> {
  const lambda = await aws.lambda();
  await whenFree(`turn the event source mapping ${id} ${enabled ? 'on' : 'off'}`, io, () =>
    lambda.send(new UpdateEventSourceMappingCommand({ UUID: id, Enabled: enabled })),
  );
}

type Waiting = Pick<Io, 'sleep' | 'interrupted'>;

/** Repeats a change while AWS answers that another change is in progress. Rejects with a `CommandError` if the user doesn't want to wait. */
async function whenFree(what: string, io: Waiting, change: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await change();
      return;
    } catch (error) {
      const isFinal = attempt === ATTEMPTS || !BUSY.has(nameOfAwsError(error));
      if (isFinal || (await isInterrupted(io))) throw awsFailure(what, error);
    }
  }
}

/** Waits until a change may be possible. @returns whether the user stopped the command meanwhile */
async function isInterrupted({ sleep, interrupted }: Waiting): Promise<boolean> {
  try {
    await sleep(PAUSE_MS, interrupted);
  } catch (error) {
    if (!interrupted.aborted) throw error;
  }
  return interrupted.aborted;
}

async function mappingsOf(aws: Aws, functionName: string): Promise<EventSourceMappingConfiguration[]> {
  const lambda = await aws.lambda();
  const mappings: EventSourceMappingConfiguration[] = [];
  let Marker: string | undefined;
  do {
    const page = await ask(
      `read the event source mappings of the function ${functionName}`,
      lambda.send(
        new ListEventSourceMappingsCommand({ FunctionName: functionName, ...(Marker !== undefined && { Marker }) }),
      ),
    );
    mappings.push(...(page.EventSourceMappings ?? []));
    Marker = page.NextMarker;
  } while (Marker !== undefined && Marker !== '');
  return mappings;
}
