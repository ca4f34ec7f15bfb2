/**
 * Invokes a function with the messages of a queue, like Lambda's event source mapping for SQS:
 * https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
 *
 * A batch that succeeds is deleted. A batch that fails becomes visible again after the queue's visibility timeout.
 */

/** A queue as its consumer sees it. */
export interface MappedQueue {
  readonly arn: string;
  receive(): readonly MappedMessage[];
  delete(id: string): void;
}

export interface MappedMessage {
  readonly id: string;
  readonly body: string;
  readonly sentAtMs: number;
  readonly receiveCount: number;
}

export interface MappingSettings {
  readonly queue: MappedQueue;
  /** Invokes the function. @returns the error that the handler threw, if there was one */
  readonly invoke: (event: object) => Promise<string | undefined>;
  /** Whether the mapping is enabled. A disabled mapping receives no message. Default: always. */
  readonly isEnabled?: () => boolean;
  /** Maximum number of invocations at the same time. */
  readonly maxConcurrency: number;
  readonly region: string;
}

export interface EventSourceMapping {
  stop(): void;
}

/** Long polling notices a new message at once. The emulated queue is checked this often instead. */
const RECEIVE_EVERY_MS = 50;

export function mapQueue({
  queue,
  invoke,
  isEnabled = () => true,
  maxConcurrency,
  region,
}: MappingSettings): EventSourceMapping {
  let running = 0;
  const receive = async (): Promise<void> => {
    if (running >= maxConcurrency || !isEnabled()) return;
    const batch = queue.receive();
    if (batch.length === 0) return;
    running += 1;
    const error = await invoke({ Records: batch.map((message) => recordOf(message, queue.arn, region)) }).catch(String);
    running -= 1;
    if (error === undefined) for (const { id } of batch) queue.delete(id);
  };
  const timer = setInterval(() => void receive(), RECEIVE_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event */
function recordOf({ id, body, sentAtMs, receiveCount }: MappedMessage, arn: string, region: string): object {
  return {
    messageId: id,
    receiptHandle: id,
    body,
    attributes: { ApproximateReceiveCount: String(receiveCount), SentTimestamp: String(sentAtMs) },
    messageAttributes: {},
    eventSource: 'aws:sqs',
    eventSourceARN: arn,
    awsRegion: region,
  };
}
