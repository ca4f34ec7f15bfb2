import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReceivingQueue } from '../../../local/ecs/core/queues.ts';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';

let nowMs: number;
let aws: EcsServer;
let client: SQSClient;
let queue: ReceivingQueue;
let url: string;

beforeEach(async () => {
  nowMs = Date.parse('2026-03-01T00:00:00Z');
  aws = await startEcs({ scheduler: { now: () => nowMs, after: () => () => undefined } });
  ({ queue, url } = aws.createQueue('wake-ups', { visibilityTimeout: 60, messageRetentionPeriod: 120 }));
  client = new SQSClient({ endpoint: aws.url, region: aws.region, credentials: aws.credentials, maxAttempts: 1 });
});

afterEach(async () => {
  client.destroy();
  await aws.close();
});

describe('an emulated queue', () => {
  const send = (input: { MessageBody: string; DelaySeconds?: number }) =>
    client.send(new SendMessageCommand({ QueueUrl: url, ...input }));

  it.each([
    [-1, 'Value -1 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.'],
    [901, 'Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.'],
  ])('refuses a delay of %i s in the vendor’s words', async (DelaySeconds, message) => {
    await expect(send({ MessageBody: 'x', DelaySeconds })).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message,
    });
  });

  it.each([0, 900])('accepts a delay of %i s', async (DelaySeconds) => {
    expect(await send({ MessageBody: 'x', DelaySeconds })).toMatchObject({
      MessageId: expect.stringMatching(/^[\w-]{36}$/),
    });
  });

  it('refuses an empty body', async () => {
    await expect(send({ MessageBody: '' })).rejects.toMatchObject({ name: 'MissingParameter' });
  });

  it('shows a received message again after the visibility timeout, until it is deleted', async () => {
    await send({ MessageBody: 'x' });
    const [first] = queue.receive();
    nowMs += 59_999;
    expect(queue.receive()).toEqual([]);
    nowMs += 1;
    expect(queue.receive()).toMatchObject([{ id: first?.id, body: 'x', receiveCount: 2 }]);
    queue.delete(first?.id ?? '');
    nowMs += 59_000;
    expect(queue.receive()).toEqual([]);
  });

  it('forgets a message when its retention period has passed, so that it isn’t received a third time', async () => {
    await send({ MessageBody: 'x', DelaySeconds: 1 });
    nowMs += 1_000;
    expect(queue.receive()).toHaveLength(1);
    nowMs += 60_000;
    expect(queue.receive()).toHaveLength(1);
    nowMs += 60_000;
    expect(queue.receive()).toEqual([]);
  });

  it('delivers at most ten messages at once, in the order in which they become visible', async () => {
    for (let i = 0; i < 11; i += 1) await send({ MessageBody: `${i}`, DelaySeconds: 11 - i });
    nowMs += 11_000;
    expect(queue.receive().map(({ body }) => body)).toEqual(['10', '9', '8', '7', '6', '5', '4', '3', '2', '1']);
    expect(queue.receive().map(({ body }) => body)).toEqual(['0']);
  });

  it('doesn’t exist for a client with another name', async () => {
    await expect(client.send(new SendMessageCommand({ QueueUrl: `${url}-2`, MessageBody: 'x' }))).rejects.toMatchObject(
      {
        name: 'QueueDoesNotExist',
        message: 'The specified queue does not exist.',
      },
    );
  });

  it('refuses a body of more than 1 MiB', async () => {
    await expect(send({ MessageBody: 'x'.repeat(1_048_577) })).rejects.toMatchObject({ name: 'InvalidParameterValue' });
  });
});
