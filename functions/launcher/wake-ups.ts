/** The schema of wake-ups. The launcher reads them from the event of an invocation. */
import * as z from 'zod';
import type { WakeUp } from './contract.ts';
import type { WokenBy } from './core/wake-up.ts';

/** A wake-up. A run id becomes part of a request's path, so its characters are restricted. */
export const wakeUp = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('poll'), untilMs: z.int().positive() }),
  z.strictObject({ kind: z.literal('nudge'), runId: z.string().regex(/^run-[A-Za-z0-9]{1,64}$/) }),
]) satisfies z.ZodType<WakeUp>;

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event */
const batch = z.object({ Records: z.array(z.object({ body: z.string() })) });

/**
 * The wake-ups in the event of an invocation; `undefined` if the event has no `Records`, so that the schedule or a person invoked the
 * function. Records that can't be read still wake the launcher, but say nothing.
 */
export function wokenBy(event: unknown): WokenBy | undefined {
  if (typeof event !== 'object' || event === null || !('Records' in event)) return undefined;
  const wakeUps = (batch.safeParse(event).data?.Records ?? []).flatMap(({ body }) => wakeUpIn(body) ?? []);
  const ends = wakeUps.flatMap((one) => (one.kind === 'poll' ? one.untilMs : []));
  return {
    ...(ends.length > 0 && { untilMs: ends.reduce((latest, end) => Math.max(latest, end)) }),
    runIds: wakeUps.flatMap((one) => (one.kind === 'nudge' ? one.runId : [])),
  };
}

function wakeUpIn(body: string): WakeUp | undefined {
  try {
    return wakeUp.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}
