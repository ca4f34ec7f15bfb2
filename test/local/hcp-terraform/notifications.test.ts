import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Answer,
  type Attributes,
  at,
  listAt,
  type Platform,
  serveNext,
  startPlatform,
  takeJob,
  textAt,
} from './client.ts';
import { signatureOf, startReceiver } from './receiver.ts';

let platform: Platform;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let workspaceId: string;
beforeEach(async () => {
  platform = await startPlatform();
  receiver = await startReceiver();
  workspaceId = await platform.workspace('one', { 'auto-apply': true });
});
afterEach(async () => {
  receiver.close();
  await platform.close();
});

const ALL = ['run:created', 'run:planning', 'run:needs_attention', 'run:applying', 'run:completed', 'run:errored'];

const notify = (attributes: Attributes = {}, path = `/workspaces/${workspaceId}`): Promise<Answer> =>
  platform.create(`${path}/notification-configurations`, 'notification-configurations', {
    'destination-type': 'generic',
    name: 'nudge',
    url: receiver.url,
    token: 'key',
    enabled: true,
    triggers: ALL,
    ...attributes,
  });

const triggers = () => receiver.received.map(({ body }) => at(body, 'notifications', 0, 'trigger'));

describe('a notification', () => {
  it('is verified before it is enabled, with a signed request about no run', async () => {
    receiver.state.status = 404;
    expect((await notify()).status).toBe(400);
    receiver.state.status = 204;
    const created = await notify();
    expect(created.status).toBe(201);
    const { headers, text, body } = await receiver.after(2);
    expect(headers['x-tfe-notification-signature']).toBe(signatureOf(text, 'key'));
    expect(body).toMatchObject({ run_id: null, notifications: [{ trigger: 'verification', run_status: null }] });
    expect(at(created.body, 'data', 'attributes')).toMatchObject({
      token: null,
      'delivery-responses': [{ code: '204', successful: 'true', url: receiver.url }],
    });
  });

  it('is sent at each event of a run that it has a trigger for, with the run and a signature', async () => {
    await notify();
    const runId = await platform.createRun(workspaceId);
    await receiver.after(2);
    await serveNext(platform);
    await receiver.after(3);
    // Two events right after each other could arrive in any order.
    const { agent, job } = await takeJob(platform);
    await receiver.after(4);
    await agent.finish(job);
    const { headers, text, body } = await receiver.after(5);
    expect(triggers()).toEqual(['verification', 'run:created', 'run:planning', 'run:applying', 'run:completed']);
    expect(headers['x-tfe-notification-signature']).toBe(signatureOf(text, 'key'));
    expect(body).toMatchObject({
      payload_version: 1,
      run_id: runId,
      workspace_id: workspaceId,
      organization_name: platform.server.organization,
      notifications: [{ trigger: 'run:completed', run_status: 'applied' }],
    });
    expect(at(body, 'notifications', 0)).not.toHaveProperty('trigger_type');
  });

  it('is not sent for speculative plans, for other workspaces, for other triggers, and while it is disabled', async () => {
    const id = textAt((await notify({ triggers: ['run:errored'] })).body, 'data', 'id');
    await platform.createRun(workspaceId, { 'plan-only': true });
    await platform.createRun(await platform.workspace('other'));
    const canceled = await platform.createRun(workspaceId);
    await platform.act(canceled, 'cancel');
    await receiver.after(2);
    await platform.change(`/notification-configurations/${id}`, 'notification-configurations', { enabled: false });
    await platform.act(await platform.createRun(workspaceId), 'cancel');
    expect(triggers()).toEqual(['verification', 'run:errored']);
  });

  it('of a project covers all of its workspaces, and contains the trigger that was configured', async () => {
    const project = platform.server.world.organizations.get(platform.server.organization)?.defaultProjectId ?? '';
    await notify({ triggers: ['run:created', 'run:run_canceled'] }, `/projects/${project}`);
    await platform.act(await platform.createRun(await platform.workspace('later')), 'cancel');
    await receiver.after(3);
    const events = receiver.received.map(({ body }) => at(body, 'notifications', 0));
    expect(
      events.slice(1).toSorted((a, b) => String(at(a, 'trigger')).localeCompare(String(at(b, 'trigger')))),
    ).toMatchObject([
      { trigger: 'run:created', trigger_type: 'run:created' },
      { trigger: 'run:errored', trigger_type: 'run:run_canceled', run_status: 'canceled' },
    ]);
  });

  it('is sent once, whatever the response is, and the configuration shows the response', async () => {
    const id = textAt((await notify({ triggers: ['run:created'] })).body, 'data', 'id');
    receiver.state.status = 500;
    await platform.createRun(workspaceId);
    await receiver.after(2);
    await vi.waitFor(async () => {
      const shown = await platform.attributes(`/notification-configurations/${id}`);
      expect(at(shown, 'delivery-responses', 0)).toMatchObject({
        code: '500',
        body: 'thanks',
        headers: { 'x-own': ['header'] },
        successful: 'false',
      });
    });
    expect(receiver.received).toHaveLength(2);
  });

  it('can be listed, verified again and deleted', async () => {
    const id = textAt((await notify()).body, 'data', 'id');
    const list = await platform.api('GET', `/workspaces/${workspaceId}/notification-configurations`);
    expect(listAt(list.body, 'data')).toMatchObject([{ id }]);
    const verify = () => platform.api('POST', `/notification-configurations/${id}/actions/verify`);
    expect((await verify()).status).toBe(200);
    receiver.state.status = 500;
    expect((await verify()).status).toBe(400);
    expect((await platform.api('DELETE', `/notification-configurations/${id}`)).status).toBe(204);
    expect((await platform.api('GET', `/notification-configurations/${id}`)).status).toBe(404);
  });

  it.each([
    ['an unknown trigger', { triggers: ['run:queued'] }, 'triggers'],
    ['a host of another machine', { url: 'https://example.com/' }, 'url'],
    ['another destination', { 'destination-type': 'slack' }, 'destination-type'],
    ['no name', { name: '' }, 'name'],
  ])('with %s is refused', async (_, attributes, attribute) => {
    const answer = await notify(attributes);
    expect([answer.status, at(answer.body, 'errors', 0, 'source', 'pointer')]).toEqual([
      422,
      `/data/attributes/${attribute}`,
    ]);
  });
});
