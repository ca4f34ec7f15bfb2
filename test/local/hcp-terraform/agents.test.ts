import { afterEach, describe, expect, it } from 'vitest';
import type { PolledJob } from '../../../local/hcp-terraform/agent-protocol.ts';
import {
  at,
  clockAt,
  listAt,
  type Platform,
  type ScriptedAgent,
  serveNext,
  startPlatform,
  takeJob,
  textAt,
} from './client.ts';

let platform: Platform;
afterEach(() => platform.close());

const MINUTE_MS = 60_000;

async function status(agent: ScriptedAgent): Promise<string> {
  return textAt((await platform.api('GET', `/agents/${agent.id}`)).body, 'data', 'attributes', 'status');
}

async function agentCount(): Promise<unknown> {
  const pool = await platform.api('GET', `/agent-pools/${platform.server.agentPool.id}`);
  return at(pool.body, 'data', 'attributes', 'agent-count');
}

describe('registration', () => {
  it('gives the agent an id, its pool and how often to poll; without a name the id is its name', async () => {
    platform = await startPlatform({ agentPollMs: 30_000 });
    const answer = await platform.registration();
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      agentPoolId: platform.server.agentPool.id,
      agentPoolName: platform.server.agentPool.name,
      organization: platform.server.organization,
      pollIntervalMs: 30_000,
    });
    const id = textAt(answer.body, 'agentId');
    const shown = await platform.api('GET', `/agents/${id}`);
    expect(at(shown.body, 'data', 'attributes')).toMatchObject({ name: id, status: 'idle', 'ip-address': '127.0.0.1' });
  });

  it('is refused over the allowance, which idle, busy and unknown agents use up and gone ones do not', async () => {
    platform = await startPlatform({ agentsCeiling: 1 });
    const first = await platform.register();
    const refused = await platform.registration();
    expect(refused.status).toBe(403);
    expect(textAt(refused.body, 'errors', 0, 'detail')).toContain('may have 1 agents');
    await first.status('exited');
    expect((await platform.registration()).status).toBe(201);
  });

  it('is refused for another architecture while the pool has agents of one', async () => {
    platform = await startPlatform();
    const first = await platform.register({ architecture: 'arm64' });
    expect((await platform.registration({ architecture: 'amd64' })).status).toBe(409);
    await first.status('exited');
    expect((await platform.registration({ architecture: 'amd64' })).status).toBe(201);
  });
});

describe('the five statuses', () => {
  it('goes idle, busy, idle and exited as the agent says, and counts the first two', async () => {
    platform = await startPlatform();
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

  it('calls a silent agent unknown, and errored five minutes later; its job fails then, and not before', async () => {
    const clock = clockAt('2026-03-01T12:00:00Z');
    platform = await startPlatform({ now: clock.now, agentUnknownAfterMs: MINUTE_MS });
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

  it('takes an unknown agent back when it is heard of again', async () => {
    const clock = clockAt('2026-03-01T12:00:00Z');
    platform = await startPlatform({ now: clock.now, agentUnknownAfterMs: MINUTE_MS });
    const agent = await platform.register();
    clock.advance(2 * MINUTE_MS);
    expect(await status(agent)).toBe('unknown');
    await agent.poll();
    expect(await status(agent)).toBe('idle');
  });

  it('fails the job of an agent that leaves in the middle of it', async () => {
    platform = await startPlatform();
    const runId = await platform.createRun(await platform.workspace('one'));
    const { agent } = await takeJob(platform);
    await agent.status('errored');
    expect(await status(agent)).toBe('errored');
    expect(await platform.runStatus(runId)).toBe('errored');
  });

  it('deletes agents that are gone, 412 for others', async () => {
    platform = await startPlatform();
    const agent = await platform.register();
    expect((await platform.api('DELETE', `/agents/${agent.id}`)).status).toBe(412);
    await agent.status('exited');
    expect((await platform.api('DELETE', `/agents/${agent.id}`)).status).toBe(204);
    expect((await platform.api('GET', `/agents/${agent.id}`)).status).toBe(404);
  });
});

describe('the list of agents', () => {
  it('is paged with totals, and leaves out those not heard of since a time', async () => {
    const clock = clockAt('2026-03-01T12:00:00Z');
    platform = await startPlatform({ now: clock.now });
    const path = `/agent-pools/${platform.server.agentPool.id}/agents`;
    await platform.register({ name: 'a' });
    await (await platform.register({ name: 'b' })).status('exited');
    clock.advance(10 * MINUTE_MS);
    await platform.register({ name: 'c' });
    const all = await platform.api('GET', `${path}?page%5Bsize%5D=2`);
    expect(at(all.body, 'meta', 'pagination')).toEqual({
      'current-page': 1,
      'page-size': 2,
      'prev-page': null,
      'next-page': 2,
      'total-pages': 2,
      'total-count': 3,
    });
    const recent = await platform.api('GET', `${path}?filter%5Blast-ping-since%5D=2026-03-01T12:05:00Z`);
    expect(listAt(recent.body, 'data').map((each) => at(each, 'attributes', 'name'))).toEqual(['c']);
    expect((await platform.api('GET', `${path}?filter%5Blast-ping-since%5D=yesterday`)).status).toBe(400);
    expect((await platform.api('GET', '/agent-pools/apool-nobody/agents')).status).toBe(404);
  });
});

describe('who gets which job', () => {
  it('gives applies before plans before speculative plans, the oldest first, to any agent that asks', async () => {
    const clock = clockAt('2026-03-01T12:00:00Z');
    platform = await startPlatform({ now: clock.now });
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

  it('gives an apply to an agent for applies, and to none for plans', async () => {
    platform = await startPlatform();
    await platform.createRun(await platform.workspace('one', { 'auto-apply': true }));
    await serveNext(platform);
    expect(await (await platform.register({ accept: ['plan'] })).poll()).toBeUndefined();
    expect((await (await platform.register({ accept: ['apply'] })).poll())?.jobType).toBe('apply');
  });

  it('gives an agent only what it accepts, and only from its own pool', async () => {
    platform = await startPlatform();
    await platform.createRun(await platform.workspace('one'));
    expect(await (await platform.register({ accept: ['apply'] })).poll()).toBeUndefined();
    const pool = await platform.api('POST', `/organizations/${platform.server.organization}/agent-pools`, {
      data: { type: 'agent-pools', attributes: { name: 'other' } },
    });
    const token = await platform.api('POST', `/agent-pools/${textAt(pool.body, 'data', 'id')}/authentication-tokens`, {
      data: { type: 'authentication-tokens', attributes: { description: 'other' } },
    });
    const stranger = await platform.register({}, textAt(token.body, 'data', 'attributes', 'token'));
    expect(await stranger.poll()).toBeUndefined();
    expect((await (await platform.register()).poll())?.jobType).toBe('plan');
  });

  it('gives a single-mode agent one job and no second, and repeats it when the answer was lost', async () => {
    platform = await startPlatform();
    await platform.createRun(await platform.workspace('one'));
    await platform.createRun(await platform.workspace('two'));
    const { agent, job } = await takeJob(platform);
    expect(await agent.poll()).toEqual(job);
    await agent.finish(job);
    expect(await agent.poll()).toBeUndefined();
    expect((await (await platform.register()).poll())?.jobType).toBe('plan');
  });

  it('lets nobody else touch a job: another agent of the same token gets 409, a result counts once', async () => {
    platform = await startPlatform();
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

  it('carries state and the saved filesystem from plan to apply, and state to the next run', async () => {
    platform = await startPlatform();
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

  it('lets a job that no runs list shows take an agent away from a queued plan', async () => {
    platform = await startPlatform();
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
    platform = await startPlatform();
    const workspaceId = await platform.workspace('one', attributes);
    platform.server.evaluatePoliciesOnAgents(workspaceId, 5);
    const runId = await platform.createRun(workspaceId);
    const plan = await takeJob(platform);
    await plan.agent.finish(plan.job);
    await plan.agent.status('exited');
    return { runId, workspaceId };
  }

  it('keep a run after its plan until another agent of the pool has evaluated them', async () => {
    const { runId } = await planned();
    expect(await platform.runStatus(runId)).toBe('post_plan_running');
    const run = await platform.api('GET', `/runs/${runId}`);
    expect(at(run.body, 'data', 'attributes', 'status-timestamps', 'post-plan-running-at')).toEqual(expect.any(String));
    // As the launcher asks for it.
    const { organization, agentPool } = platform.server;
    const filters = `filter%5Bagent_pool_names%5D=${agentPool.name}&filter%5Bstatus%5D=plan_queued%2Cpost_plan_running`;
    const list = await platform.api('GET', `/organizations/${organization}/runs?${filters}`);
    expect(at(list.body, 'data', 0, 'id')).toBe(runId);
    const { agent, job } = await takeJob(platform, { accept: ['policy'] });
    expect(job).toMatchObject({ jobType: 'policy', durationMs: 5 });
    await agent.finish(job);
    expect(await platform.runStatus(runId)).toBe('planned');
  });

  it('leave a run where it is when no agent accepts them', async () => {
    const { runId } = await planned();
    const agent = await platform.register({ accept: ['plan', 'apply'] });
    expect(await agent.poll()).toBeUndefined();
    expect(await platform.runStatus(runId)).toBe('post_plan_running');
  });

  it.each([
    ['fail', async (agent: ScriptedAgent, job: PolledJob) => agent.finish(job, { status: 'errored' })],
    ['lose their agent', async (agent: ScriptedAgent) => agent.status('exited')],
  ])('error the run when they %s', async (_, end) => {
    const { runId } = await planned();
    const { agent, job } = await takeJob(platform, { accept: ['policy'] });
    await end(agent, job);
    expect(await platform.runStatus(runId)).toBe('errored');
  });

  it('are evaluated by nobody once the run is canceled', async () => {
    const { runId } = await planned();
    await platform.api('POST', `/runs/${runId}/actions/cancel`, {});
    expect(await platform.runStatus(runId)).toBe('canceled');
    const agent = await platform.register({ accept: ['policy'] });
    expect(await agent.poll()).toBeUndefined();
  });

  it('can be taken away', async () => {
    const { workspaceId, runId } = await planned({ 'auto-apply': true });
    platform.server.evaluatePoliciesOnAgents(workspaceId, undefined);
    const { agent, job } = await takeJob(platform, { accept: ['policy'] });
    await agent.finish(job);
    expect(await platform.runStatus(runId)).toBe('apply_queued');
    const apply = await takeJob(platform);
    await apply.agent.finish(apply.job);
    const next = await platform.createRun(workspaceId);
    const plan = await takeJob(platform);
    await plan.agent.finish(plan.job);
    expect(await platform.runStatus(next)).toBe('apply_queued');
  });
});

describe('agent tokens', () => {
  it('shows a token once, tells when it was used, and turns its agents away as soon as it is revoked', async () => {
    platform = await startPlatform();
    const runId = await platform.createRun(await platform.workspace('one'));
    const path = `/agent-pools/${platform.server.agentPool.id}/authentication-tokens`;
    const made = await platform.api('POST', path, {
      data: { type: 'authentication-tokens', attributes: { description: 'mine' } },
    });
    expect(made.status).toBe(201);
    const id = textAt(made.body, 'data', 'id');
    const secret = textAt(made.body, 'data', 'attributes', 'token');
    expect(secret).toMatch(/^\w{14}\.atlasv1\.\w{67}$/);
    expect(at(made.body, 'data', 'attributes', 'last-used-at')).toBeNull();

    const agent = await platform.register({}, secret);
    const job = await agent.poll();
    const shown = await platform.api('GET', `/authentication-tokens/${id}`);
    expect(at(shown.body, 'data', 'attributes')).toMatchObject({ token: null, description: 'mine' });
    expect(at(shown.body, 'data', 'attributes', 'last-used-at')).not.toBeNull();
    expect((await platform.api('GET', path)).text).not.toContain('atlasv1');

    expect((await platform.api('DELETE', `/authentication-tokens/${id}`)).status).toBe(204);
    expect((await agent.status('busy')).status).toBe(401);
    expect(job === undefined ? 0 : (await agent.finish(job)).status).toBe(401);
    expect((await platform.registration({}, secret)).status).toBe(401);
    expect(await platform.runStatus(runId)).toBe('planning');
    expect((await platform.registration()).status).toBe(201);
  });

  it('wants a description', async () => {
    platform = await startPlatform();
    const answer = await platform.api('POST', `/agent-pools/${platform.server.agentPool.id}/authentication-tokens`, {
      data: { type: 'authentication-tokens', attributes: {} },
    });
    expect(answer.status).toBe(422);
  });
});
