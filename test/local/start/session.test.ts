/** A local session obeys the switches with which AWS stops invoking the launcher. */
import { join } from 'node:path';
import {
  DeleteFunctionConcurrencyCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  PutFunctionConcurrencyCommand,
  UpdateEventSourceMappingCommand,
} from '@aws-sdk/client-lambda';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENV } from '../../../functions/launcher/contract.ts';
import { launcherFunction } from '../../../lib/names.ts';
import { Session } from '../../../local/start/session.ts';
import { LAUNCHER } from '../../../local/start/task-definition.ts';
import { type LocalWorld, startWorld } from '../../../local/start/world.ts';
import { until } from '../../processes.ts';
import { newFolder } from '../../temporary-folder.ts';
import { clientSettings } from '../ecs/local-ecs.ts';

const FunctionName = launcherFunction(LAUNCHER);
const EVERY_MS = 200;
/** Longer than several intervals of the schedule. */
const QUIET_MS = 1_200;

let world: LocalWorld;
let session: Session;
let lambda: LambdaClient;
let sqs: SQSClient;
beforeAll(async () => {
  world = await startWorld({
    pools: [{ name: 'production', maxAgents: 1 }],
    activePollSeconds: 0,
    rateLimits: 'off',
  });
  session = new Session(world, join(newFolder('session'), 'launcher.log'), { invokedEveryMs: EVERY_MS });
  lambda = new LambdaClient(clientSettings(world.ecs));
  sqs = new SQSClient(clientSettings(world.ecs));
}, 60_000);
afterAll(() => session.close());

const total = (): number => session.invocations.total;
const invokedAgain = async (): Promise<void> => {
  const before = total();
  await until('an invocation', () => total() > before);
};
const quiet = (): Promise<unknown> => {
  let last = total();
  let sinceMs = Date.now();
  return until('a time without an invocation', () => {
    if (total() !== last) {
      last = total();
      sinceMs = Date.now();
    }
    return Date.now() - sinceMs >= QUIET_MS;
  });
};
const wakeUp = (MessageBody: string) =>
  sqs.send(new SendMessageCommand({ QueueUrl: world.launcherEnvironment[ENV.wakeUpsQueueUrl], MessageBody }));

test('with the reserved concurrency 0, neither the schedule nor a message invokes the launcher', async () => {
  await invokedAgain();
  await lambda.send(new PutFunctionConcurrencyCommand({ FunctionName, ReservedConcurrentExecutions: 0 }));
  await quiet();
  const before = total();
  await wakeUp('refused');
  await quiet();
  expect(total()).toBe(before);
  await lambda.send(new DeleteFunctionConcurrencyCommand({ FunctionName }));
  await invokedAgain();
});

test('a disabled event source mapping leaves a message in the queue', async () => {
  const { EventSourceMappings: [{ UUID } = {}] = [] } = await lambda.send(
    new ListEventSourceMappingsCommand({ FunctionName }),
  );
  world.ecs.aws.functions.transitionMs = 0;
  await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled: false }));
  await wakeUp('kept');
  await invokedAgain();
  await invokedAgain();
  // The launcher has run on its schedule, and the message is still in the queue.
  expect(world.wakeUps.receive().map(({ body }) => body)).toContain('kept');
});
