import { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SqsWakeUps } from '../../../../functions/launcher/adapters/wake-ups.ts';
import type { WakeUp } from '../../../../functions/launcher/contract.ts';
import { wokenBy } from '../../../../functions/launcher/wake-ups.ts';
import type { ReceivingQueue } from '../../../../local/ecs/core/queues.ts';
import { type EcsServer, startEcs } from '../../../../local/ecs/server.ts';

const { signal } = new AbortController();
const UNTIL_MS = 1_772_323_260_000;
const POLL: WakeUp = { kind: 'poll', untilMs: UNTIL_MS };
let nowMs: number;
let aws: EcsServer;
let client: SQSClient;
let queue: ReceivingQueue;
let url: string;

beforeEach(async () => {
  nowMs = UNTIL_MS - 60_000;
  const scheduler = { now: () => nowMs, after: () => () => undefined };
  aws = await startEcs({ scheduler });
  ({ queue, url } = aws.createQueue('wake-ups', { visibilityTimeout: 60, messageRetentionPeriod: 120 }));
  const { region, credentials } = aws;
  client = new SQSClient({ endpoint: aws.url, region, credentials, maxAttempts: 1 });
});

afterEach(async () => {
  client.destroy();
  await aws.close();
});

describe('a wake-up', () => {
  it('invokes the launcher after its delay, and the launcher can read it', async () => {
    await new SqsWakeUps(client, url).send(POLL, 10, signal);
    nowMs += 9_999;
    expect(queue.receive()).toEqual([]);
    nowMs += 1;
    const records = queue.receive().map(({ body }) => ({ body }));
    expect(wokenBy({ Records: records })).toEqual({ untilMs: UNTIL_MS, runIds: [] });
  });

  it.each([
    ['a queue that doesn’t exist', 'rejected', 1, 'the queue of wake-ups does not exist'],
    ['a delay that SQS refuses', 'unavailable', 901, 'InvalidParameterValue'],
  ])('reports %s as an error of SQS', async (what, fault, delaySeconds, message) => {
    const target = what.startsWith('a queue') ? url.replace('wake-ups', 'other') : url;
    await expect(new SqsWakeUps(client, target).send(POLL, delaySeconds, signal)).rejects.toMatchObject({
      system: 'SQS',
      fault,
      message: expect.stringContaining(message),
    });
  });

  it('reports a missing permission with its remedy', async () => {
    const message = 'User is not authorized to perform: sqs:sendmessage';
    aws.faults.next('SendMessage', { kind: 'error', code: 'AccessDeniedException', message, status: 403 });
    await expect(new SqsWakeUps(client, url).send(POLL, 1, signal)).rejects.toMatchObject({
      fault: 'rejected',
      message: expect.stringContaining('deploy the stack again'),
    });
  });

  it('is not sent after the invocation’s deadline', async () => {
    await expect(new SqsWakeUps(client, url).send(POLL, 1, AbortSignal.abort())).rejects.toMatchObject({
      fault: 'unavailable',
    });
    expect(aws.calls()).toEqual([]);
  });
});
