/**
 * Invokes a Lambda handler on a schedule, in a separate process: `node host.ts MODULE EVERY_MS TIMEOUT_MS`. With 0 for EVERY_MS, only
 * its parent invokes it. The module exports `handler`, and can be the source or the bundle. As in Lambda, the process is warm after the
 * first invocation and runs one invocation at a time. If an invocation is due while the previous one is running, it starts right afterwards.
 *
 * The process reports each {@link Invocation} to its parent over the IPC channel, and ends together with its parent. The parent can send
 * an {@link InvokeRequest} over the channel. If an invocation is running, the process refuses it. With a `ScheduleSwitch`, the parent turns
 * the schedule off and on.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { type Invocation, type InvokeAnswer, invokeRequest, scheduleSwitch } from './function.ts';

const FUNCTION = 'agent-launcher-local';
const handlerModule = z.object({ handler: z.custom<Handler>((value) => typeof value === 'function') });
type Handler = (event: object, context: object) => Promise<unknown>;

async function main(): Promise<void> {
  const [module = '', everyText, timeoutMs] = process.argv.slice(2);
  const { handler } = handlerModule.parse(await import(pathToFileURL(module).href));
  const everyMs = Number(everyText);
  let running: Promise<string | undefined> | undefined;
  let number = 0;

  const invokeWith = async (event: object): Promise<string | undefined> => {
    number += 1;
    const startedAt = Date.now();
    const own = number;
    const requestId = randomUUID();
    running = invoke(handler, event, contextOf(requestId, startedAt + Number(timeoutMs)));
    const error = await running;
    running = undefined;
    const message: Invocation = {
      number: own,
      requestId,
      startedAt,
      durationMs: Date.now() - startedAt,
      ...(error === undefined ? {} : { error }),
    };
    process.send?.(message);
    return error;
  };

  let isScheduled = true;
  process.on('message', (message) => {
    isScheduled = scheduleSwitch.safeParse(message).data?.isScheduled ?? isScheduled;
    const request = invokeRequest.safeParse(message).data;
    if (request === undefined) return;
    const answer = (rest: Omit<InvokeAnswer, 'id'>): void => void process.send?.({ id: request.id, ...rest });
    if (running !== undefined) answer({ isBusy: true });
    else
      void invokeWith(request.event).then((error) => answer({ isBusy: false, ...(error !== undefined && { error }) }));
  });

  if (everyMs === 0) return;
  for (let due = Date.now(); ; ) {
    await delay(Math.max(0, due - Date.now()));
    while (running !== undefined) await running;
    due = Math.max(due + everyMs, Date.now());
    if (isScheduled) await invokeWith(scheduledEvent());
  }
}

/** The handler's error; `undefined` if the handler succeeded. */
async function invoke(handler: Handler, event: object, context: object): Promise<string | undefined> {
  try {
    await handler(event, context);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html */
function scheduledEvent(): object {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.scheduler',
    account: '000000000000',
    time: new Date().toISOString(),
    region: process.env['AWS_REGION'] ?? '',
    resources: [`arn:aws:scheduler:::schedule/default/${FUNCTION}`],
    detail: '{}',
  };
}

/** The part of Lambda's context that the function and its middleware read. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextOf(awsRequestId: string, deadline: number): object {
  return {
    functionName: FUNCTION,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:${process.env['AWS_REGION'] ?? ''}:000000000000:function:${FUNCTION}`,
    memoryLimitInMB: '256',
    awsRequestId,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

// The parent decides when to end. A terminal's Ctrl-C reaches this process too, so ignore it.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
process.stdout.on('error', () => undefined);
await main();
