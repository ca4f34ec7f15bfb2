import { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Aws } from '../../../cli/aws/clients.ts';
import type { Deployment } from '../../../cli/aws/deployment.ts';
import { readSwitch } from '../../../cli/aws/launcher-state.ts';
import { Interrupted } from '../../../cli/interruption.ts';
import { type EcsServer, startEcs } from '../../../local/ecs/server.ts';
import { clientSettings } from '../../local/ecs/local-ecs.ts';

const LAUNCHER = { name: 'x', functionName: 'x', launcherLogGroup: '/x/launcher' } as Deployment;

let server: EcsServer;

beforeEach(async () => {
  server = await startEcs();
});
afterEach(() => server.close());

/** The clients of the emulator, with other ones for the test. */
const aws = (others: Partial<Aws> = {}): Aws =>
  ({
    logs: async () => new CloudWatchLogsClient(clientSettings(server)),
    lambda: async () => new LambdaClient(clientSettings(server)),
    scheduler: async () => new SchedulerClient(clientSettings(server)),
    ...others,
  }) as Aws;

it('what AWS refuses to show of the launcher is absent', async () => {
  server.aws.logs.store.createGroup(LAUNCHER.launcherLogGroup, 30);
  expect(await readSwitch(aws(), LAUNCHER)).toEqual({ logRetentionDays: 30 });
  const message = 'not authorized';
  server.faults.next('DescribeLogGroups', { kind: 'error', code: 'AccessDeniedException', message });
  expect(await readSwitch(aws(), LAUNCHER)).toEqual({});
});

it.each([new TypeError('our bug'), new Interrupted('Interrupted')])(
  'a fault that no service caused is not hidden: %s',
  async (fault) => {
    const scheduler = () => Promise.reject(fault);
    await expect(readSwitch(aws({ scheduler }), LAUNCHER)).rejects.toBe(fault);
  },
);
