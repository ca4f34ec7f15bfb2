import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { WakeUp } from '../contract.ts';
import { ProxyError, UpstreamError } from '../errors.ts';
import type { WakeUps } from '../ports.ts';

/** Implements the port `WakeUps` with SQS. */
export class SqsWakeUps implements WakeUps {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  async send(wakeUp: WakeUp, delaySeconds: number, signal: AbortSignal): Promise<void> {
    const input = { QueueUrl: this.#queueUrl, MessageBody: JSON.stringify(wakeUp), DelaySeconds: delaySeconds };
    await this.#client.send(new SendMessageCommand(input), { abortSignal: signal }).catch((error: unknown) => {
      throw asUpstreamError(error);
    });
  }
}

/** Errors that don't go away on their own. */
const REJECTED: Readonly<Record<string, string>> = {
  QueueDoesNotExist: 'the queue of wake-ups does not exist; deploy the stack again',
  AccessDenied: 'the function’s role is not allowed to send to the queue of wake-ups; deploy the stack again',
  AccessDeniedException: 'the function’s role is not allowed to send to the queue of wake-ups; deploy the stack again',
};

function asUpstreamError(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  if (error instanceof ProxyError) {
    return new UpstreamError({
      system: 'SQS',
      fault: error.fault,
      what: error.message,
      request: 'SendMessage',
      cause: error,
    });
  }
  const name = error instanceof Error ? error.name : 'unknown';
  const remedy = REJECTED[name];
  return new UpstreamError({
    system: 'SQS',
    fault: remedy === undefined ? 'unavailable' : 'rejected',
    what: remedy ?? `the wake-up could not be sent (${name})`,
    request: 'SendMessage',
    cause: error,
  });
}
