import { createHash } from 'node:crypto';
import * as z from 'zod';
import { ApiError } from '../../aws/core/api-error.ts';
import type { Place } from './arns.ts';

/** Attributes of a standard queue, in seconds. */
export interface QueueAttributes {
  readonly visibilityTimeout: number;
  readonly messageRetentionPeriod: number;
}

export interface QueueMessage {
  readonly id: string;
  readonly body: string;
  readonly sentAtMs: number;
  /** How often the message was received, including this time. */
  readonly receiveCount: number;
}

/** The part of a queue that its consumer uses. */
export interface ReceivingQueue {
  readonly name: string;
  readonly arn: string;
  /** Receives up to ten visible messages. They are invisible until the visibility timeout has passed. */
  receive(): readonly QueueMessage[];
  /** Deletes a message that was received. */
  delete(id: string): void;
}

/**
 * Each error's code in the query protocol. Range and wording of the errors come from clients' tests and other emulators, such as
 * https://github.com/localstack/localstack/blob/main/localstack-core/localstack/services/sqs/models.py; not compared with AWS.
 */
export const QUERY_ERRORS: Readonly<Record<string, string>> = {
  'com.amazonaws.sqs#QueueDoesNotExist': 'AWS.SimpleQueueService.NonExistentQueue',
  'com.amazon.coral.service#InvalidParameterValueException': 'InvalidParameterValue',
  'com.amazon.coral.service#MissingRequiredParameterException': 'MissingParameter',
};

interface Stored extends QueueMessage {
  receiveCount: number;
  visibleAtMs: number;
}

const MAX_BATCH = 10;
const MAX_BODY_BYTES = 1_048_576;

const sendRequest = z.object({
  QueueUrl: z.string(),
  MessageBody: z.string(),
  DelaySeconds: z.int().optional(),
});

/** A standard queue. It delivers each message once and in the order in which messages become visible; SQS promises neither. */
class Queue implements ReceivingQueue {
  readonly name: string;
  readonly arn: string;
  readonly #attributes: QueueAttributes;
  readonly #now: () => number;
  #messages: Stored[] = [];

  constructor(name: string, arn: string, attributes: QueueAttributes, now: () => number) {
    this.name = name;
    this.arn = arn;
    this.#attributes = attributes;
    this.#now = now;
  }

  send(id: string, body: string, delaySeconds: number): void {
    const sentAtMs = this.#now();
    this.#messages.push({ id, body, sentAtMs, receiveCount: 0, visibleAtMs: sentAtMs + delaySeconds * 1000 });
  }

  receive(): readonly QueueMessage[] {
    const now = this.#now();
    const { messageRetentionPeriod, visibilityTimeout } = this.#attributes;
    this.#messages = this.#messages.filter(({ sentAtMs }) => now < sentAtMs + messageRetentionPeriod * 1000);
    const batch = this.#messages
      .filter(({ visibleAtMs }) => visibleAtMs <= now)
      .sort((a, b) => a.visibleAtMs - b.visibleAtMs)
      .slice(0, MAX_BATCH);
    for (const message of batch) {
      message.receiveCount += 1;
      message.visibleAtMs = now + visibilityTimeout * 1000;
    }
    return batch.map(({ id, body, sentAtMs, receiveCount }) => ({ id, body, sentAtMs, receiveCount }));
  }

  delete(id: string): void {
    this.#messages = this.#messages.filter((message) => message.id !== id);
  }
}

/** Amazon SQS: standard queues and SendMessage. Consumers in this process receive from the queues directly. */
export class Queues {
  readonly #place: Place;
  readonly #now: () => number;
  readonly #hex: (digits: number) => string;
  readonly #queues = new Map<string, Queue>();

  constructor(place: Place, now: () => number, hex: (digits: number) => string) {
    this.#place = place;
    this.#now = now;
    this.#hex = hex;
  }

  /** All actions by name. An action returns the API's response or throws {@link ApiError}. */
  readonly actions: Readonly<Record<string, (input: unknown) => object>> = {
    SendMessage: (input) => this.#send(input),
  };

  create(name: string, attributes: QueueAttributes): ReceivingQueue {
    const { region, accountId } = this.#place;
    const queue = new Queue(name, `arn:aws:sqs:${region}:${accountId}:${name}`, attributes, this.#now);
    this.#queues.set(name, queue);
    return queue;
  }

  #send(input: unknown): object {
    const parsed = sendRequest.safeParse(input);
    if (!parsed.success) throw new ApiError('com.amazon.coral.service#SerializationException', 'Unexpected field type');
    const { QueueUrl, MessageBody, DelaySeconds = 0 } = parsed.data;
    const queue = this.#queues.get(QueueUrl.split('/').at(-1) ?? '');
    if (queue === undefined) {
      throw new ApiError('com.amazonaws.sqs#QueueDoesNotExist', 'The specified queue does not exist.');
    }
    if (MessageBody === '') {
      throw new ApiError(
        'com.amazon.coral.service#MissingRequiredParameterException',
        'The request must contain the parameter MessageBody.',
      );
    }
    if (Buffer.byteLength(MessageBody) > MAX_BODY_BYTES) {
      throw invalid(
        `One or more parameters are invalid. Reason: Message must be shorter than ${MAX_BODY_BYTES} bytes.`,
      );
    }
    if (DelaySeconds < 0 || DelaySeconds > 900) {
      throw invalid(
        `Value ${DelaySeconds} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.`,
      );
    }
    const id = this.#hex(32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    queue.send(id, MessageBody, DelaySeconds);
    return { MessageId: id, MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') };
  }
}

function invalid(message: string): ApiError {
  return new ApiError('com.amazon.coral.service#InvalidParameterValueException', message);
}
