/**
 * Invokes a Lambda handler on a schedule, in a separate process: `node host.ts MODULE EVERY_MS TIMEOUT_MS`.
 * The module exports `handler`, and can be the source or the bundle. As in Lambda, the process is warm after the first invocation
 * and runs one invocation at a time. If an invocation is due while the previous one is running, it starts right afterwards.
 *
 * The process reports each {@link Invocation} to its parent over the IPC channel, and ends together with its parent.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import type { Invocation } from './function.ts';

const FUNCTION = 'agent-launcher-local';
const handlerModule = z.object({ handler: z.custom<Handler>((value) => typeof value === 'function') });
type Handler = (event: object, context: object) => Promise<unknown>;

async function main(): Promise<never> {
  const [module = '', everyMs, timeoutMs] = process.argv.slice(2);
  const { handler } = handlerModule.parse(await import(pathToFileURL(module).href));
  let due = Date.now();
  for (let number = 1; ; number += 1) {
    await delay(Math.max(0, due - Date.now()));
    const startedAt = Date.now();
    due = Math.max(due + Number(everyMs), startedAt);
    const error = await invoke(handler, startedAt + Number(timeoutMs));
    const message: Invocation = {
      number,
      durationMs: Date.now() - startedAt,
      ...(error === undefined ? {} : { error }),
    };
    process.send?.(message);
  }
}

/** The handler's error; `undefined` if the handler succeeded. */
async function invoke(handler: Handler, deadline: number): Promise<string | undefined> {
  try {
    await handler(scheduledEvent(), contextOf(deadline));
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
function contextOf(deadline: number): object {
  return {
    functionName: FUNCTION,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:${process.env['AWS_REGION'] ?? ''}:000000000000:function:${FUNCTION}`,
    memoryLimitInMB: '256',
    awsRequestId: randomUUID(),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

// The parent decides when to end. A terminal's Ctrl-C reaches this process too, so ignore it.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
process.stdout.on('error', () => undefined);
await main();
