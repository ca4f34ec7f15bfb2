import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, type Clock, clockAt, listAt, type Platform, serveNext, startPlatform, takeJob, textAt } from './client.ts';

type Taken = Awaited<ReturnType<typeof takeJob>>;

const MINUTE_MS = 60_000;

let clock: Clock;
let platform: Platform;
beforeEach(async () => {
  clock = clockAt('2026-03-01T12:00:00Z');
  platform = await startPlatform({ now: clock.now, agentPollMs: 30_000, agentUnknownAfterMs: MINUTE_MS });
});
afterEach(() => platform.close());

async function status({ id }: { readonly id: string }): Promise<unknown> {
  return at(await platform.attributes(`/agents/${id}`), 'status');
}

async function agentCount(): Promise<unknown> {
  return at(await platform.attributes(platform.pool), 'agent-count');
}

describe('a registration', () => {
  it('returns the agent’s id, its pool and its poll interval; the default name is the id', async () => {
    const answer = await platform.registration();
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      agentPoolId: platform.server.agentPool.id,
      agentPoolName: platform.server.agentPool.name,
      organization: platform.server.organization,
      pollIntervalMs: 30_000,
    });
    const id = textAt(answer.body, 'agentId');
    const expected = { name: id, status: 'idle', 'ip-address': '127.0.0.1' };
    expect(await platform.attributes(`/agents/${id}`)).toMatchObject(expected);
  });

  it('is refused at the organization agent limit until an agent exits', async () => {
    const limited = await startPlatform({ agentsCeiling: 1 });
    const first = await limited.register();
    const refused = await limited.registration();
    expect(refused.status).toBe(403);
    expect(textAt(refused.body, 'errors', 0, 'detail')).toContain('may have 1 agents');
    await first.status('exited');
    expect((await limited.registration()).status).toBe(201);
    await limited.close();
  });

  it('is refused if the pool has agents of another architecture', async () => {
    const first = await platform.register({ architecture: 'arm64' });
    expect((await platform.registration({ architecture: 'amd64' })).status).toBe(409);
    await first.status('exited');
    expect((await platform.registration({ architecture: 'amd64' })).status).toBe(201);
  });
});

describe('an agent', () => {
  it('has the status that it reports, and counts in its pool until it exits', async () => {
    await platform.createRun(await platform.workspace('one'));
    const agent = await platform.register({ single: false });
    expect(await status(agent)).toBe('idle');
    const job = await agent.poll();
    expect(await status(agent)).toBe('busy');
    expect(await agentCount()).toBe(1);
    if (job !== undefined) await agent.finish(job);
    await agent.status('idle');
    expect(await status(agent)).toBe('idle');
    await agent.status('exited');
    expect(await status(agent)).toBe('exited');
    expect(await agentCount()).toBe(0);
    expect((await agent.send('POST', `/agents/${agent.id}/poll`)).status).toBe(410);
  });

  it('is unknown after it was silent, and errored five minutes later; only then does its job fail', async () => {
    const runId = await platform.createRun(await platform.workspace('one'));
    const { agent } = await takeJob(platform);
    clock.advance(MINUTE_MS - 1);
    expect(await status(agent)).toBe('busy');
    clock.advance(1);
    expect(await status(agent)).toBe('unknown');
    expect(await agentCount()).toBe(1);
    expect(await platform.runStatus(runId)).toBe('planning');

    clock.advance(5 * MINUTE_MS);
    expect(await status(agent)).toBe('errored');
    expect(await agentCount()).toBe(0);
    expect(await platform.runStatus(runId)).toBe('errored');
    expect((await agent.status('busy')).status).toBe(410);
  });

  it('is no longer unknown after it polls again', async () => {
    const agent = await platform.register();
    clock.advance(2 * MINUTE_MS);
    expect(await status(agent)).toBe('unknown');
    await agent.poll();
    expect(await status(agent)).toBe('idle');
  });

  it('fails its job if it exits during the job', async () => {
    const runId = await platform.createRun(await platform.workspace('one'));
    const { agent } = await takeJob(platform);
    await agent.status('errored');
    expect(await status(agent)).toBe('errored');
    expect(await platform.runStatus(runId)).toBe('errored');
  });

  it('can be deleted after it has exited; before that, the response is 412', async () => {
    const agent = await platform.register();
    expect((await platform.api('DELETE', `/agents/${agent.id}`)).status).toBe(412);
    await agent.status('exited');
    expect((await platform.api('DELETE', `/agents/${agent.id}`)).status).toBe(204);
    expect((await platform.api('GET', `/agents/${agent.id}`)).status).toBe(404);
  });
});

it('the list of agents has pages with totals, and a filter by the time of the last ping', async () => {
  const path = `${platform.pool}/agents`;
  await platform.register({ name: 'a' });
  await (await platform.register({ name: 'b' })).status('exited');
  clock.advance(10 * MINUTE_MS);
  await platform.register({ name: 'c' });
  const all = await platform.api('GET', `${path}?page%5Bsize%5D=2`);
  const page = { 'current-page': 1, 'page-size': 2, 'prev-page': null, 'next-page': 2 };
  expect(at(all.body, 'meta', 'pagination')).toEqual({ ...page, 'total-pages': 2, 'total-count': 3 });
  const recent = await platform.api('GET', `${path}?filter%5Blast-ping-since%5D=2026-03-01T12:05:00Z`);
  expect(listAt(recent.body, 'data').map((each) => at(each, 'attributes', 'name'))).toEqual(['c']);
  expect((await platform.api('GET', `${path}?filter%5Blast-ping-since%5D=yesterday`)).status).toBe(400);
  expect((await platform.api('GET', '/agent-pools/apool-nobody/agents')).status).toBe(404);
});

describe('jobs', () => {
  it('go to any agent: applies first, then plans, then speculative plans, each kind in order of age', async () => {
    const toApply = await platform.createRun(await platform.workspace('apply', { 'auto-apply': true }));
    await serveNext(platform);
    platform.server.world.runs.get(toApply)?.timestamps.set('apply-queued-at', clock.now() + 1_000_000);
    const speculative = await platform.createRun(await platform.workspace('speculative'), { 'plan-only': true });
    clock.advance(1_000);
    const older = await platform.createRun(await platform.workspace('older'));
    clock.advance(1_000);
    const younger = await platform.createRun(await platform.workspace('younger'));
    const order: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) order.push((await takeJob(platform)).job.jobId);
    expect(order).toEqual([toApply, older, younger, speculative]);
  });

  it('of an apply go only to agents that accept applies', async () => {
    await platform.createRun(await platform.workspace('one', { 'auto-apply': true }));
    await serveNext(platform);
    expect(await (await platform.register({ accept: ['plan'] })).poll()).toBeUndefined();
    expect((await (await platform.register({ accept: ['apply'] })).poll())?.jobType).toBe('apply');
  });

  it('go only to agents of their pool that accept their type', async () => {
    await platform.createRun(await platform.workspace('one'));
    expect(await (await platform.register({ accept: ['apply'] })).poll()).toBeUndefined();
    const tokens = `/agent-pools/${await platform.agentPool('other')}/authentication-tokens`;
    const token = await platform.create(tokens, 'authentication-tokens', { description: 'other' });
    const stranger = await platform.register({}, textAt(token.body, 'data', 'attributes', 'token'));
    expect(await stranger.poll()).toBeUndefined();
    expect((await (await platform.register()).poll())?.jobType).toBe('plan');
  });

  it('are limited to one per single-mode agent; a second poll returns the same job', async () => {
    await platform.createRun(await platform.workspace('one'));
    await platform.createRun(await platform.workspace('two'));
    const { agent, job } = await takeJob(platform);
    expect(await agent.poll()).toEqual(job);
    await agent.finish(job);
    expect(await agent.poll()).toBeUndefined();
    expect((await (await platform.register()).poll())?.jobType).toBe('plan');
  });

  it('belong to one agent: other agents get 409, and only the first result counts', async () => {
    const runId = await platform.createRun(await platform.workspace('one'));
    const { agent, job } = await takeJob(platform);
    const other = await platform.register();
    expect((await other.finish(job, { status: 'errored' })).status).toBe(409);
    expect((await other.send('GET', `/jobs/${job.operationId}/configuration`)).status).toBe(409);
    expect((await agent.send('GET', `/jobs/${job.operationId}/configuration`)).text).toBe('archive');
    expect((await agent.finish(job)).status).toBe(204);
    expect((await agent.finish(job, { status: 'errored' })).status).toBe(409);
    expect(await platform.runStatus(runId)).toBe('planned');
  });

  it('of an apply get the files of the plan, and store the state for later runs', async () => {
    await platform.createRun(await platform.workspace('one', { 'auto-apply': true }));
    const plan = await takeJob(platform);
    expect((await plan.agent.send('GET', `/jobs/${plan.job.operationId}/state`)).status).toBe(204);
    await plan.agent.send('PUT', `/jobs/${plan.job.operationId}/filesystem`, Buffer.from('files'), 'application/gzip');
    await plan.agent.finish(plan.job);
    const apply = await takeJob(platform);
    expect((await apply.agent.send('GET', `/jobs/${apply.job.operationId}/filesystem`)).text).toBe('files');
    const state = JSON.stringify({ version: 4, serial: 3, lineage: 'l', outputs: {}, resources: [] });
    await apply.agent.send('PUT', `/jobs/${apply.job.operationId}/state`, state);
    expect((await apply.agent.send('GET', `/jobs/${apply.job.operationId}/state`)).text).toBe(state);
  });

  it('that aren’t listed can occupy an agent while a plan is queued', async () => {
    const poolId = platform.server.agentPool.id;
    platform.server.enqueueInternalJob({ poolId, type: 'assessment', durationMs: 5 });
    const runId = await platform.createRun(await platform.workspace('one'));
    const { agent, job } = await takeJob(platform);
    expect(job).toMatchObject({ jobType: 'assessment', durationMs: 5 });
    expect(await status(agent)).toBe('busy');
    expect(await platform.runStatus(runId)).toBe('plan_queued');
    expect((await agent.finish(job)).status).toBe(204);
    expect((await takeJob(platform)).job.jobId).toBe(runId);
  });
});

describe('policy sets in agent mode', () => {
  async function planned(attributes: Record<string, unknown> = {}) {
    const workspaceId = await platform.workspace('one', attributes);
    platform.server.evaluatePoliciesOnAgents(workspaceId, 5);
    const runId = await platform.createRun(workspaceId);
    await serveNext(platform);
    return { runId, workspaceId };
  }

  it('make a run wait after its plan until another agent of the pool has evaluated them', async () => {
    const { runId } = await planned();
    expect(await platform.runStatus(runId)).toBe('post_plan_running');
    const timestamps = at(await platform.attributes(`/runs/${runId}`), 'status-timestamps');
    expect(at(timestamps, 'post-plan-running-at')).toEqual(expect.any(String));
    // The launcher requests the list with these filters.
    const { name } = platform.server.agentPool;
    const filters = `filter%5Bagent_pool_names%5D=${name}&filter%5Bstatus%5D=plan_queued%2Cpost_plan_running`;
    const list = await platform.api('GET', `${platform.organization}/runs?${filters}`);
    expect(at(list.body, 'data', 0, 'id')).toBe(runId);
    const { agent, job } = await takeJob(platform, { accept: ['policy'] });
    expect(job).toMatchObject({ jobType: 'policy', durationMs: 5 });
    await agent.finish(job);
    expect(await platform.runStatus(runId)).toBe('planned');
  });

  it('make a run wait if no agent accepts them', async () => {
    const { runId } = await planned();
    const agent = await platform.register({ accept: ['plan', 'apply'] });
    expect(await agent.poll()).toBeUndefined();
    expect(await platform.runStatus(runId)).toBe('post_plan_running');
  });

  it.each([
    ['fail', ({ agent, job }: Taken) => agent.finish(job, { status: 'errored' })],
    ['lose their agent', ({ agent }: Taken) => agent.status('exited')],
  ])('end a run as errored if they %s', async (_, end) => {
    const { runId } = await planned();
    await end(await takeJob(platform, { accept: ['policy'] }));
    expect(await platform.runStatus(runId)).toBe('errored');
  });

  it('are not evaluated after the run was canceled', async () => {
    const { runId } = await planned();
    await platform.act(runId, 'cancel', {});
    expect(await platform.runStatus(runId)).toBe('canceled');
    const agent = await platform.register({ accept: ['policy'] });
    expect(await agent.poll()).toBeUndefined();
  });

  it('can be removed from a workspace', async () => {
    const { workspaceId, runId } = await planned({ 'auto-apply': true });
    platform.server.evaluatePoliciesOnAgents(workspaceId, undefined);
    const { agent, job } = await takeJob(platform, { accept: ['policy'] });
    await agent.finish(job);
    expect(await platform.runStatus(runId)).toBe('apply_queued');
    await serveNext(platform);
    const next = await platform.createRun(workspaceId);
    await serveNext(platform);
    expect(await platform.runStatus(next)).toBe('apply_queued');
  });
});

describe('agent tokens', () => {
  it('are displayed once, have a time of last use, and stop working for their agents when they are revoked', async () => {
    const runId = await platform.createRun(await platform.workspace('one'));
    const path = `${platform.pool}/authentication-tokens`;
    const made = await platform.create(path, 'authentication-tokens', { description: 'mine' });
    expect(made.status).toBe(201);
    const id = textAt(made.body, 'data', 'id');
    const secret = textAt(made.body, 'data', 'attributes', 'token');
    expect(secret).toMatch(/^\w{14}\.atlasv1\.\w{67}$/);
    expect(at(made.body, 'data', 'attributes', 'last-used-at')).toBeNull();

    const agent = await platform.register({}, secret);
    const job = await agent.poll();
    const shown = await platform.attributes(`/authentication-tokens/${id}`);
    expect(shown).toMatchObject({ token: null, description: 'mine' });
    expect(at(shown, 'last-used-at')).not.toBeNull();
    expect((await platform.api('GET', path)).text).not.toContain('atlasv1');

    expect((await platform.api('DELETE', `/authentication-tokens/${id}`)).status).toBe(204);
    expect((await agent.status('busy')).status).toBe(401);
    expect(job === undefined ? 0 : (await agent.finish(job)).status).toBe(401);
    expect((await platform.registration({}, secret)).status).toBe(401);
    expect(await platform.runStatus(runId)).toBe('planning');
    expect((await platform.registration()).status).toBe(201);
  });

  it('require a description', async () => {
    const answer = await platform.create(`${platform.pool}/authentication-tokens`, 'authentication-tokens', {});
    expect(answer.status).toBe(422);
  });
});
