import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Nudge } from '../contract.ts';
import type { WakeUp } from '../ports.ts';

/** Sends wake-ups to an SQS queue. */
export function wakeUpsIn(client: SQSClient, queueUrl: string): WakeUp {
  return async (runId) => {
    const nudge: Nudge = { kind: 'nudge', runId };
    await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(nudge) }));
  };
}
