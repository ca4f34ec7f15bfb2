import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Answer,
  type Attributes,
  at,
  type Clock,
  clockAt,
  listAt,
  type Platform,
  serveNext,
  startPlatform,
  takeJob,
  textAt,
} from './client.ts';
import { type Received, signatureOf, startReceiver } from './receiver.ts';

const MINUTE_MS = 60_000;
const KEY = 'hmac-key';

let clock: Clock;
let platform: Platform;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
beforeEach(async () => {
  clock = clockAt('2026-03-01T12:00:00Z');
  platform = await startPlatform({ now: clock.now, runTaskRetriesMs: [5, 5] });
  receiver = await startReceiver();
});
afterEach(async () => {
  receiver.close();
  await platform.close();
});

const newTask = (attributes: Attributes = {}, more: object = {}): Promise<Answer> =>
  platform.create(
    `${platform.organization}/tasks`,
    'tasks',
    { name: 'nudge', url: receiver.url, category: 'task', 'hmac-key': KEY, ...attributes },
    more,
  );

const configure = (taskId: string, attributes: Attributes = {}, relationships: object = {}): Promise<Answer> =>
  platform.create(
    `${platform.organization}/task-configs`,
    'task-configs',
    { global: true, 'enforcement-level': 'advisory', 'allowed-stages': ['pre_plan'], ...attributes },
    {
      relationships: {
        task: { data: { id: taskId, type: 'tasks' } },
        owner: { data: { id: platform.server.organization, type: 'organizations' } },
        ...relationships,
      },
    },
  );

/** Creates a task for every run of the organization. The verification is the first request. */
async function globalTask(attributes: Attributes = {}): Promise<string> {
  const id = textAt((await newTask()).body, 'data', 'id');
  expect((await configure(id, attributes)).status).toBe(201);
  return id;
}

/** Sends a result to the callback in a request. */
function report({ body }: Received, status: string, token = String(body['access_token'])): Promise<Answer> {
  return platform.send('PATCH', String(body['task_result_callback_url']), {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/vnd.api+json' },
    body: { data: { type: 'task-results', attributes: { status, message: 'seen' } } },
  });
}

describe('a run task', () => {
  it('is created only if its URL answers the verification request with 200', async () => {
    receiver.state.status = 201;
    const refused = await newTask();
    expect([refused.status, at(refused.body, 'errors', 0, 'source', 'pointer')]).toEqual([422, '/data/attributes/url']);
    receiver.state.status = 200;
    const created = await newTask();
    expect(created.status).toBe(201);
    expect(at(created.body, 'data', 'attributes')).toEqual({
      category: 'task',
      name: 'nudge',
      url: receiver.url,
      description: '',
      enabled: true,
      'hmac-key': null,
    });
    const { headers, text, body } = await receiver.after(2);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'TFC/1.0 (+https://app.terraform.io; TFC)',
      'x-tfc-task-signature': signatureOf(text, KEY),
    });
    expect(body).toMatchObject({ access_token: 'test-token', task_result_enforcement_level: 'test' });
  });

  it('without an HMAC key gets an empty signature', async () => {
    await newTask({ 'hmac-key': null });
    expect((await receiver.after(1)).headers['x-tfc-task-signature']).toBe('');
  });

  it.each([
    ['a host of another machine', { url: 'https://example.com/' }, 'url'],
    ['no URL', { url: 'nonsense' }, 'url'],
    ['a name with a space', { name: 'two words' }, 'name'],
    ['no category', { category: undefined }, 'category'],
  ])('with %s is refused', async (_, attributes, attribute) => {
    const answer = await newTask(attributes);
    expect([answer.status, at(answer.body, 'errors', 0, 'source', 'pointer')]).toEqual([
      422,
      `/data/attributes/${attribute}`,
    ]);
  });

  it('can be created together with its configuration in one request', async () => {
    const config = {
      type: 'task-configs',
      attributes: { global: true, 'enforcement-level': 'advisory', 'allowed-stages': ['pre_plan', 'pre_apply'] },
      relationships: { owner: { data: { id: platform.server.organization, type: 'organizations' } } },
    };
    const created = await newTask({}, { relationships: { 'task-configs': { data: [config] } } });
    expect(created.status).toBe(201);
    const list = await platform.api('GET', `${platform.organization}/task-configs`);
    expect(listAt(list.body, 'data')).toMatchObject([{ attributes: config.attributes }]);
  });

  it('can be changed and deleted, and its configurations go with it', async () => {
    const id = await globalTask();
    const changed = await platform.change(`/tasks/${id}`, 'tasks', { description: 'new', enabled: false });
    expect(at(changed.body, 'data', 'attributes')).toMatchObject({ description: 'new', enabled: false });
    await platform.createRun(await platform.workspace('one'));
    expect(receiver.received.every(({ body }) => body['access_token'] === 'test-token')).toBe(true);
    expect((await platform.api('DELETE', `/tasks/${id}`)).status).toBe(204);
    const list = await platform.api('GET', `${platform.organization}/task-configs`);
    expect(listAt(list.body, 'data')).toEqual([]);
  });
});

describe('a task configuration', () => {
  it('is the only one of its task and owner', async () => {
    const id = await globalTask();
    expect((await configure(id)).status).toBe(422);
    expect((await configure('task-unknown')).status).toBe(404);
  });

  it('with projects applies to the workspaces of these projects only', async () => {
    const project = textAt(
      (await platform.create(`${platform.organization}/projects`, 'projects', { name: 'targeted' })).body,
      'data',
      'id',
    );
    const id = textAt((await newTask()).body, 'data', 'id');
    const projects = { projects: { data: [{ id: project, type: 'projects' }] } };
    const created = await configure(id, { global: false }, projects);
    expect(at(created.body, 'data', 'relationships', 'projects')).toMatchObject({ data: [{ id: project }] });
    const outside = await platform.createRun(await platform.workspace('outside'));
    expect(await platform.runStatus(outside)).toBe('plan_queued');
    const workspaceId = textAt(
      (
        await platform.create(
          `${platform.organization}/workspaces`,
          'workspaces',
          { name: 'inside' },
          { relationships: { project: { data: { id: project, type: 'projects' } } } },
        )
      ).body,
      'data',
      'id',
    );
    const inside = await platform.createRun(workspaceId);
    expect(await platform.runStatus(inside)).toBe('pre_plan_running');
    const filter = `filter%5Btarget_type%5D=project&filter%5Btarget_id%5D=${project}`;
    const list = await platform.api('GET', `${platform.organization}/task-configs?${filter}`);
    expect(listAt(list.body, 'data')).toHaveLength(1);

    // A change applies to later runs.
    const configId = textAt(created.body, 'data', 'id');
    expect((await platform.change(`/task-configs/${configId}`, 'task-configs', { global: true })).status).toBe(201);
    const later = await platform.createRun(await platform.workspace('later'));
    expect(await platform.runStatus(later)).toBe('pre_plan_running');
  });
});

describe('a run with a run task', () => {
  it('waits in pre_plan_running until the task passes, and is then queued', async () => {
    await globalTask();
    const runId = await platform.createRun(await platform.workspace('one'));
    expect(await platform.runStatus(runId)).toBe('pre_plan_running');
    const request = await receiver.after(2);
    expect(request.headers['x-tfc-task-signature']).toBe(signatureOf(request.text, KEY));
    expect(request.body).toMatchObject({
      payload_version: 1,
      stage: 'pre_plan',
      is_speculative: false,
      organization_name: platform.server.organization,
      run_id: runId,
      task_result_enforcement_level: 'advisory',
      task_result_callback_url: expect.stringMatching(
        new RegExp(`^${platform.server.url}/api/v2/task-results/[0-9a-f-]{36}/callback$`),
      ),
      workspace_name: 'one',
    });
    expect(request.body).not.toHaveProperty('plan_json_api_url');

    clock.advance(1_000);
    expect((await report(request, 'running')).status).toBe(200);
    expect(await platform.runStatus(runId)).toBe('pre_plan_running');
    expect((await report(request, 'passed')).status).toBe(200);
    expect(await platform.runStatus(runId)).toBe('plan_queued');
    expect(at(await platform.run(runId), 'attributes', 'status-timestamps')).toMatchObject({
      'pre-plan-running-at': '2026-03-01T12:00:00+00:00',
      'pre-plan-completed-at': '2026-03-01T12:00:01+00:00',
      'plan-queued-at': '2026-03-01T12:00:01+00:00',
    });
  });

  it('goes through all four stages in their order', async () => {
    await globalTask({ 'allowed-stages': ['pre_plan', 'post_plan', 'pre_apply', 'post_apply'] });
    const runId = await platform.createRun(await platform.workspace('one', { 'auto-apply': true }));
    const seen: string[] = [];
    const pass = async (count: number) => {
      seen.push(await platform.runStatus(runId));
      await report(await receiver.after(count), 'passed');
      seen.push(await platform.runStatus(runId));
    };
    await pass(2);
    await serveNext(platform);
    await pass(3);
    await pass(4);
    await serveNext(platform);
    await pass(5);
    expect(seen).toEqual([
      'pre_plan_running',
      'plan_queued',
      'post_plan_running',
      'pre_apply_running',
      'pre_apply_running',
      'apply_queued',
      'post_apply_running',
      'applied',
    ]);
    const stages = await platform.api('GET', `/runs/${runId}/task-stages?include=task_results`);
    expect(listAt(stages.body, 'data').map((stage) => at(stage, 'attributes', 'status'))).toEqual(
      Array(4).fill('passed'),
    );
    expect(listAt(stages.body, 'included')).toHaveLength(4);
    const [stage] = listAt(stages.body, 'data');
    const shown = await platform.api('GET', `/task-stages/${textAt(stage, 'id')}?include=task_results`);
    expect(at(shown.body, 'included', 0, 'attributes')).toMatchObject({ status: 'passed', message: 'seen' });
  });

  it('includes speculative runs, which have no stages of an apply', async () => {
    await globalTask({ 'allowed-stages': ['pre_plan', 'pre_apply'] });
    const runId = await platform.createRun(await platform.workspace('one'), { 'plan-only': true });
    const request = await receiver.after(2);
    expect(request.body['is_speculative']).toBe(true);
    await report(request, 'passed');
    expect(await platform.runStatus(runId)).toBe('plan_queued');
    const stages = await platform.api('GET', `/runs/${runId}/task-stages`);
    expect(listAt(stages.body, 'data')).toHaveLength(1);
  });

  it('sends the request of a confirmed apply after the confirmation', async () => {
    await globalTask({ 'allowed-stages': ['pre_apply'] });
    const runId = await platform.createRun(await platform.workspace('one'));
    await serveNext(platform);
    expect(await platform.runStatus(runId)).toBe('planned');
    expect(receiver.received).toHaveLength(1);
    await platform.act(runId, 'apply');
    const request = await receiver.after(2);
    expect(request.body).toMatchObject({ stage: 'pre_apply', plan_json_api_url: expect.stringContaining('/plans/') });
    await report(request, 'passed');
    expect(await platform.runStatus(runId)).toBe('apply_queued');
  });

  it('waits for the policy sets and the run tasks after its plan, in any order', async () => {
    await globalTask({ 'allowed-stages': ['post_plan'] });
    for (const [name, tasksFirst] of [
      ['one', true],
      ['two', false],
    ] as const) {
      const workspaceId = await platform.workspace(name);
      platform.server.evaluatePoliciesOnAgents(workspaceId, 1);
      const runId = await platform.createRun(workspaceId);
      const before = receiver.received.length;
      await serveNext(platform);
      const request = await receiver.after(before + 1);
      const evaluate = async () => {
        const { agent, job } = await takeJob(platform, { accept: ['policy'] });
        await agent.finish(job);
      };
      if (tasksFirst) await report(request, 'passed');
      else await evaluate();
      expect(await platform.runStatus(runId)).toBe('post_plan_running');
      if (tasksFirst) await evaluate();
      else await report(request, 'passed');
      expect(await platform.runStatus(runId)).toBe('planned');
    }
  });

  it.each([
    ['advisory', 'plan_queued', 'passed'],
    ['mandatory', 'errored', 'failed'],
  ])('whose %s task fails becomes %s', async (level, status, stage) => {
    await globalTask({ 'enforcement-level': level });
    const runId = await platform.createRun(await platform.workspace('one'));
    await report(await receiver.after(2), 'failed');
    expect(await platform.runStatus(runId)).toBe(status);
    const stages = await platform.api('GET', `/runs/${runId}/task-stages`);
    expect(at(stages.body, 'data', 0, 'attributes', 'status')).toBe(stage);
  });

  it('blocks its workspace, and a cancel ends it and its stages', async () => {
    await globalTask();
    const workspaceId = await platform.workspace('one');
    const first = await platform.createRun(workspaceId);
    const second = await platform.createRun(workspaceId);
    expect(await platform.runStatus(second)).toBe('pending');
    const request = await receiver.after(2);
    await platform.act(first, 'cancel');
    expect(await platform.runStatus(first)).toBe('canceled');
    expect(await platform.runStatus(second)).toBe('pre_plan_running');
    expect((await report(request, 'passed')).status).toBe(422);
    const stages = await platform.api('GET', `/runs/${first}/task-stages`);
    expect(at(stages.body, 'data', 0, 'attributes', 'status')).toBe('canceled');
  });
});

describe('the callback', () => {
  let request: Received;
  let runId: string;
  beforeEach(async () => {
    await globalTask();
    runId = await platform.createRun(await platform.workspace('one'));
    request = await receiver.after(2);
  });

  it('accepts only the token in its request', async () => {
    for (const token of ['wrong', platform.server.apiToken, '']) {
      expect((await report(request, 'passed', token)).status).toBe(401);
    }
    const other = {
      ...request,
      body: { ...request.body, task_result_callback_url: `${platform.server.url}/api/v2/task-results/x/callback` },
    };
    expect((await report(other, 'passed')).status).toBe(401);
    expect(await platform.runStatus(runId)).toBe('pre_plan_running');
  });

  it('accepts only the documented statuses, and nothing after the final one', async () => {
    expect((await report(request, 'done')).status).toBe(422);
    expect((await report(request, 'passed')).status).toBe(200);
    for (const status of ['passed', 'failed', 'running']) expect((await report(request, status)).status).toBe(422);
  });

  it('requires the media type of JSON:API', async () => {
    const answer = await platform.send('PATCH', String(request.body['task_result_callback_url']), {
      headers: { authorization: `Bearer ${String(request.body['access_token'])}`, 'content-type': 'application/json' },
      body: {},
    });
    expect(answer.status).toBe(415);
  });

  it('keeps a task alive with an update every 10 minutes, but for 60 minutes at most', async () => {
    for (let minutes = 9; minutes < 60; minutes += 9) {
      clock.advance(9 * MINUTE_MS);
      expect((await report(request, 'running')).status).toBe(200);
    }
    expect(await platform.runStatus(runId)).toBe('pre_plan_running');
    clock.advance(6 * MINUTE_MS);
    expect(await platform.runStatus(runId)).toBe('plan_queued');
  });

  it('is too late if there was no update for 10 minutes, and an advisory task then lets the run continue', async () => {
    clock.advance(10 * MINUTE_MS - 1);
    expect(await platform.runStatus(runId)).toBe('pre_plan_running');
    clock.advance(1);
    expect(await platform.runStatus(runId)).toBe('plan_queued');
    expect((await report(request, 'passed')).status).toBe(422);
    const stages = await platform.api('GET', `/runs/${runId}/task-stages?include=task_results`);
    expect(at(stages.body, 'included', 0, 'attributes')).toMatchObject({
      status: 'errored',
      message: 'The task sent no update for 10 minutes.',
    });
  });
});

describe('a request that isn’t answered with 200', () => {
  it('is repeated, and then succeeds', async () => {
    await globalTask();
    receiver.state.status = 429;
    const runId = await platform.createRun(await platform.workspace('one'));
    await receiver.after(3);
    receiver.state.status = 200;
    await report(await receiver.after(4), 'passed');
    expect(await platform.runStatus(runId)).toBe('plan_queued');
  });

  it('makes the task unreachable after the last repetition', async () => {
    await globalTask();
    receiver.state.status = 503;
    const runId = await platform.createRun(await platform.workspace('one'));
    await vi.waitFor(async () => expect(await platform.runStatus(runId)).toBe('plan_queued'), { timeout: 10_000 });
    expect(receiver.received).toHaveLength(4);
    const stages = await platform.api('GET', `/runs/${runId}/task-stages?include=task_results`);
    expect(at(stages.body, 'included', 0, 'attributes', 'status')).toBe('unreachable');
  });
});
