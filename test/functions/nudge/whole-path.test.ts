/** The nudge's bundle together with the emulator of HCP Terraform: from a new run to the message that wakes the launcher up. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeBundle } from '../../../lib/bundle/lambda-bundle.ts';
import { type FunctionUrl, startFunctionUrl } from '../../../local/lambda/function-url.ts';
import { at, type Platform, serveNext, startPlatform, textAt } from '../../local/hcp-terraform/client.ts';
import { newFolder } from '../../temporary-folder.ts';
import { startAws } from './aws.ts';
import { KEY } from './platform.ts';

let platform: Platform;
let aws: Awaited<ReturnType<typeof startAws>>;
let nudge: FunctionUrl;

beforeAll(async () => {
  const folder = newFolder('nudge');
  writeBundle('nudge', folder);
  platform = await startPlatform();
  aws = await startAws(KEY);
  nudge = await startFunctionUrl({
    module: join(folder, 'index.mjs'),
    environment: aws.environment(platform.server.hostname, platform.server.caFile),
    concurrency: 5,
    timeoutMs: 30_000,
  });
}, 60_000);
afterAll(async () => {
  await nudge.close();
  aws.close();
  await platform.close();
});

const until = (runId: string, status: string) =>
  expect.poll(() => platform.runStatus(runId), { timeout: 10_000, interval: 20 }).toBe(status);

const createTask = (hmacKey: string, name: string) =>
  platform.create(`${platform.organization}/tasks`, 'tasks', {
    name,
    url: nudge.url,
    category: 'task',
    'hmac-key': hmacKey,
  });

it('a run task with another key cannot be created, because its verification request gets 401', async () => {
  expect((await createTask('another-key-of-32-characters-0000', 'wrong')).status).toBe(422);
});

it('plans, speculative plans and confirmed applies are announced, and their runs continue at once', async () => {
  const task = await createTask(KEY, 'agent-launcher');
  expect(task.status).toBe(201);
  await platform.create(
    `${platform.organization}/task-configs`,
    'task-configs',
    { global: true, 'enforcement-level': 'mandatory', 'allowed-stages': ['pre_plan', 'pre_apply'] },
    {
      relationships: {
        task: { data: { id: textAt(task.body, 'data', 'id'), type: 'tasks' } },
        owner: { data: { id: platform.server.organization, type: 'organizations' } },
      },
    },
  );
  const workspaceId = await platform.workspace('one');
  const speculative = await platform.createRun(workspaceId, { 'plan-only': true });
  await until(speculative, 'plan_queued');
  await serveNext(platform);

  const runId = await platform.createRun(workspaceId);
  await until(runId, 'plan_queued');
  await serveNext(platform);
  expect(await platform.runStatus(runId)).toBe('planned');
  await platform.act(runId, 'apply');
  await until(runId, 'apply_queued');

  expect(aws.messages).toEqual([speculative, runId, runId].map((id) => ({ kind: 'nudge', runId: id })));
  const stages = await platform.api('GET', `/runs/${runId}/task-stages?include=task_results`);
  expect(at(stages.body, 'included', 0, 'attributes')).toMatchObject({
    status: 'passed',
    message: 'The agent launcher knows about this run.',
  });
});

it('a notification of a new run is announced', async () => {
  const workspaceId = await platform.workspace('two');
  const created = await platform.create(
    `/workspaces/${workspaceId}/notification-configurations`,
    'notification-configurations',
    {
      'destination-type': 'generic',
      name: 'nudge',
      url: nudge.url,
      token: KEY,
      enabled: true,
      triggers: ['run:created'],
    },
  );
  expect(created.status).toBe(201);
  const before = aws.messages.length;
  const runId = await platform.createRun(workspaceId);
  await expect.poll(() => aws.messages.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(before + 2);
  // One from the notification, and one from the run task of the test above.
  expect(aws.messages.slice(before)).toEqual(Array(2).fill({ kind: 'nudge', runId }));
});
