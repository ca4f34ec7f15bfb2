import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
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

let clock: Clock;
let platform: Platform;
const details: string[] = [];
beforeEach(async () => {
  details.length = 0;
  clock = clockAt('2026-03-01T12:00:00.250Z');
  const onEvent = ({ detail }: { readonly detail: string }) => details.push(detail);
  platform = await startPlatform({ now: clock.now, forceCancelCoolOffMs: 10_000, onEvent });
});
afterEach(() => platform.close());

/** A new run in the new workspace `one`. */
async function newRun(attributes: Attributes = {}, workspace: Attributes = {}): Promise<string> {
  return platform.createRun(await platform.workspace('one', workspace), attributes);
}

const actions = (runId: string) => platform.attributes(`/runs/${runId}`).then((run) => at(run, 'actions'));
const operation = (runId: string, phase: 'plan' | 'apply') => platform.attributes(`/runs/${runId}/${phase}`);

async function log(runId: string, phase: 'plan' | 'apply', query = ''): Promise<string> {
  return (await platform.send('GET', `${textAt(await operation(runId, phase), 'log-read-url')}${query}`)).text;
}

describe('a run', () => {
  it('is planned by an agent, waits for approval, and is applied by an agent', async () => {
    const runId = await newRun();
    expect(await platform.runStatus(runId)).toBe('plan_queued');
    expect(await operation(runId, 'plan')).toMatchObject({ status: 'queued', 'execution-details': null });
    expect(await operation(runId, 'apply')).toMatchObject({ status: 'pending', 'execution-details': null });

    clock.advance(7_000);
    const plan = await takeJob(platform, { name: 'planner' });
    const expected = { jobType: 'plan', workspaceName: 'one', isDestroy: false, planOnly: false };
    expect(plan.job).toMatchObject({ jobId: runId, ...expected });
    expect(await platform.runStatus(runId)).toBe('planning');
    expect(await operation(runId, 'plan')).toMatchObject({
      status: 'running',
      'execution-details': {
        mode: 'agent',
        'agent-id': plan.agent.id,
        'agent-name': 'planner',
        'agent-pool-id': platform.server.agentPool.id,
        'agent-pool-name': platform.server.agentPool.name,
      },
    });
    await plan.agent.finish(plan.job, { resourceAdditions: 2 });
    expect(await platform.runStatus(runId)).toBe('planned');
    const finished = { status: 'finished', 'has-changes': true, 'resource-additions': 2 };
    expect(await operation(runId, 'plan')).toMatchObject(finished);
    expect(await actions(runId)).toEqual({
      'is-cancelable': false,
      'is-confirmable': true,
      'is-discardable': true,
      'is-force-cancelable': false,
    });

    clock.advance(60_000);
    const confirmed = await platform.act(runId, 'apply', { comment: 'go' });
    expect([confirmed.status, confirmed.text]).toEqual([202, '']);
    expect(await platform.runStatus(runId)).toBe('apply_queued');
    expect(await operation(runId, 'apply')).toMatchObject({ status: 'agent_queued', 'execution-details': null });
    clock.advance(5_000);
    const apply = await takeJob(platform);
    expect(await platform.runStatus(runId)).toBe('applying');
    await apply.agent.finish(apply.job);
    expect(await platform.runStatus(runId)).toBe('applied');
    expect(at(await platform.run(runId), 'attributes', 'status-timestamps')).toEqual({
      'plan-queueable-at': '2026-03-01T12:00:00+00:00',
      'plan-queued-at': '2026-03-01T12:00:00+00:00',
      'planning-at': '2026-03-01T12:00:07+00:00',
      'planned-at': '2026-03-01T12:00:07+00:00',
      'confirmed-at': '2026-03-01T12:01:07+00:00',
      'queuing-apply-at': '2026-03-01T12:01:07+00:00',
      'apply-queued-at': '2026-03-01T12:01:07+00:00',
      'applying-at': '2026-03-01T12:01:12+00:00',
      'applied-at': '2026-03-01T12:01:12+00:00',
    });
  });

  it('is pending in the response that creates it, even if nothing blocks it', async () => {
    const workspaceId = await platform.workspace('one');
    await platform.configurationVersion(workspaceId);
    await platform.createRun(workspaceId);
    const answer = await platform.requestRun(workspaceId);
    expect(answer.status).toBe(201);
    expect(at(answer.body, 'data', 'attributes')).toMatchObject({
      status: 'pending',
      source: 'tfe-api',
      message: 'Queued manually via the Terraform Enterprise API',
    });
  });

  it('is applied automatically if its workspace has auto-apply', async () => {
    const runId = await newRun({}, { 'auto-apply': true });
    await serveNext(platform);
    expect(await platform.runStatus(runId)).toBe('apply_queued');
  });

  it.each([
    ['a plan without changes', {}, { hasChanges: false }, 'planned_and_finished'],
    ['a speculative plan', { 'plan-only': true, 'auto-apply': true }, {}, 'planned_and_finished'],
    ['an empty apply', { 'allow-empty-apply': true }, { hasChanges: false }, 'planned'],
    ['a saved plan', { 'save-plan': true, 'auto-apply': true }, {}, 'planned_and_saved'],
    ['a saved plan without changes', { 'save-plan': true }, { hasChanges: false }, 'planned_and_finished'],
    ['a plan that failed', {}, { status: 'errored' as const }, 'errored'],
  ])('with %s and %j %j becomes %s', async (_name, attributes, result, expected) => {
    const runId = await newRun(attributes);
    await serveNext(platform, result);
    expect(await platform.runStatus(runId)).toBe(expected);
  });

  it('passes its settings and variables to the agent; its variables override those of the workspace', async () => {
    const workspaceId = await platform.workspace('one', { 'working-directory': 'infra' });
    for (const attributes of [
      { key: 'size', value: 'small', category: 'terraform' },
      { key: 'secret', value: 'hush', category: 'terraform', sensitive: true },
      { key: 'size', value: 'env', category: 'env' },
    ]) {
      await platform.create(`/workspaces/${workspaceId}/vars`, 'vars', attributes);
    }
    await platform.createRun(workspaceId, {
      'is-destroy': true,
      refresh: false,
      'target-addrs': ['a.b'],
      'replace-addrs': ['c.d'],
      variables: [{ key: 'size', value: '"big"' }],
    });
    const { job } = await takeJob(platform);
    expect(job).toMatchObject({
      workingDirectory: 'infra',
      isDestroy: true,
      refresh: false,
      targets: ['a.b'],
      replace: ['c.d'],
      variables: [
        { key: 'secret', value: 'hush', category: 'terraform', hcl: false },
        { key: 'size', value: 'env', category: 'env', hcl: false },
        { key: 'size', value: '"big"', category: 'terraform', hcl: true },
      ],
    });
  });

  it('is queued by default when a configuration is uploaded', async () => {
    const workspaceId = await platform.workspace('one');
    await platform.configurationVersion(workspaceId, { 'auto-queue-runs': true });
    const runs = await platform.api('GET', `/workspaces/${workspaceId}/runs`);
    const expected = { status: 'plan_queued', source: 'tfe-configuration-version' };
    expect(at(runs.body, 'data', 0, 'attributes')).toMatchObject(expected);
  });
});

describe('the queue of a workspace', () => {
  it('lets one run at a time continue, in order of age, and doesn’t affect other workspaces', async () => {
    const workspaceId = await platform.workspace('one');
    const [first, second] = [await platform.createRun(workspaceId), await platform.createRun(workspaceId)];
    const elsewhere = await platform.createRun(await platform.workspace('two'));
    expect(await platform.runStatus(second)).toBe('pending');
    expect(await platform.runStatus(elsewhere)).toBe('plan_queued');
    await serveNext(platform);
    expect(await platform.runStatus(first)).toBe('planned');
    expect(await platform.runStatus(second)).toBe('pending');
    await platform.act(first, 'discard');
    expect(await platform.runStatus(first)).toBe('discarded');
    expect(await platform.runStatus(second)).toBe('plan_queued');
  });

  it('never blocks speculative or saved plans', async () => {
    const workspaceId = await platform.workspace('one');
    await platform.createRun(workspaceId);
    const speculative = await platform.createRun(workspaceId, { 'plan-only': true });
    const saved = await platform.createRun(workspaceId, { 'save-plan': true });
    expect(await platform.runStatus(speculative)).toBe('plan_queued');
    expect(await platform.runStatus(saved)).toBe('plan_queued');
    expect(at(await platform.attributes(`/workspaces/${workspaceId}`), 'locked')).toBe(true);
  });

  it('is blocked while a user has locked the workspace', async () => {
    const workspaceId = await platform.workspace('one');
    const act = (action: string, body?: Attributes) =>
      platform.api('POST', `/workspaces/${workspaceId}/actions/${action}`, body);
    const lock = await act('lock', { reason: 'repairs' });
    expect(at(lock.body, 'data', 'attributes')).toMatchObject({ locked: true, 'locked-reason': 'repairs' });
    expect((await act('lock')).status).toBe(409);
    const runId = await platform.createRun(workspaceId);
    expect(await platform.runStatus(runId)).toBe('pending');
    await act('unlock');
    expect(await platform.runStatus(runId)).toBe('plan_queued');
    const unlock = await act('unlock');
    expect(unlock.status).toBe(409);
    expect(textAt(unlock.body, 'errors', 0, 'detail')).toContain('is locked by Run');
  });

  it('applies a saved plan on request, and discards saved plans that are older than the state', async () => {
    const workspaceId = await platform.workspace('one');
    const kept = await platform.createRun(workspaceId, { 'save-plan': true });
    const stale = await platform.createRun(workspaceId, { 'save-plan': true });
    await serveNext(platform);
    await serveNext(platform);
    await platform.act(kept, 'apply');
    expect(await platform.runStatus(kept)).toBe('apply_queued');
    const { agent, job } = await takeJob(platform);
    const state = { version: 4, serial: 1, lineage: 'l', outputs: {}, resources: [] };
    await agent.send('PUT', `/jobs/${job.operationId}/state`, state);
    await agent.finish(job);
    expect(await platform.runStatus(kept)).toBe('applied');
    expect(await platform.runStatus(stale)).toBe('discarded');
  });

  it('keeps runs queued with remote execution, and allows no runs with local execution', async () => {
    const runId = await newRun({}, { 'execution-mode': 'remote' });
    expect(await platform.runStatus(runId)).toBe('plan_queued');
    expect(details.join()).toContain('there are no hosted workers here');
    expect(await (await platform.register()).poll()).toBeUndefined();

    const localId = await platform.workspace('local', { 'execution-mode': 'local' });
    await platform.configurationVersion(localId);
    expect((await platform.requestRun(localId)).status).toBe(422);
  });

  it('fails an apply if the workspace stopped using agents after the plan', async () => {
    const workspaceId = await platform.workspace('one');
    const runId = await platform.createRun(workspaceId);
    await serveNext(platform);
    await platform.change(`/workspaces/${workspaceId}`, 'workspaces', { 'execution-mode': 'remote' });
    await platform.act(runId, 'apply');
    expect(await platform.runStatus(runId)).toBe('errored');
    expect(await log(runId, 'apply')).toContain('execution mode');
  });
});

describe('actions on a run', () => {
  it('cancel a queued plan or apply immediately', async () => {
    const queuedPlan = await newRun();
    const queuedApply = await platform.createRun(await platform.workspace('two', { 'auto-apply': true }));
    expect((await platform.act(queuedPlan, 'cancel')).status).toBe(202);
    await serveNext(platform);
    await platform.act(queuedApply, 'cancel');
    expect(await platform.runStatus(queuedPlan)).toBe('canceled');
    expect(await operation(queuedPlan, 'plan')).toMatchObject({ status: 'canceled', 'execution-details': null });
    expect(await platform.runStatus(queuedApply)).toBe('canceled');
    expect(await operation(queuedApply, 'apply')).toMatchObject({ status: 'canceled' });
    expect(await (await platform.register()).poll()).toBeUndefined();
  });

  it('tell the agent of an active run to stop; the run ends with the agent’s result', async () => {
    const runId = await newRun();
    const { agent, job } = await takeJob(platform);
    expect((await agent.status('busy')).body).toEqual({ job: 'continue' });
    await platform.act(runId, 'cancel');
    expect(await platform.runStatus(runId)).toBe('planning');
    expect(at(await platform.run(runId), 'attributes', 'canceled-at')).not.toBeNull();
    expect((await agent.status('busy')).body).toEqual({ job: 'cancel' });
    expect((await platform.act(runId, 'cancel')).status).toBe(409);
    await agent.finish(job, { status: 'canceled' });
    expect(await platform.runStatus(runId)).toBe('canceled');
  });

  it('force a cancel only after a normal cancel and its cool-off period, without waiting for the agent', async () => {
    const runId = await newRun();
    const { agent, job } = await takeJob(platform);
    expect((await platform.act(runId, 'force-cancel')).status).toBe(409);
    await platform.act(runId, 'cancel');
    expect((await platform.act(runId, 'force-cancel')).status).toBe(409);
    clock.advance(10_000);
    expect(await actions(runId)).toMatchObject({ 'is-force-cancelable': true });
    expect((await platform.act(runId, 'force-cancel')).status).toBe(202);
    expect(await platform.runStatus(runId)).toBe('force_canceled');
    expect((await agent.status('busy')).body).toEqual({ job: 'force-cancel' });
    expect((await agent.finish(job, { status: 'canceled' })).status).toBe(204);
    expect(await platform.runStatus(runId)).toBe('force_canceled');
  });

  it('return 409 and change nothing if the status doesn’t allow them', async () => {
    const runId = await newRun();
    for (const action of ['apply', 'discard', 'force-cancel'] as const) {
      const refused = await platform.act(runId, action);
      expect(refused.status).toBe(409);
      expect(refused.body).toEqual({ errors: [{ status: '409', title: 'transition not allowed' }] });
    }
    await serveNext(platform, { hasChanges: false });
    expect((await platform.act(runId, 'cancel')).status).toBe(409);
    expect(await platform.runStatus(runId)).toBe('planned_and_finished');
  });
});

it('logs have markers at the start and the end, and can be read in parts while they grow', async () => {
  const runId = await newRun();
  expect(await log(runId, 'plan')).toBe('');
  const { agent, job } = await takeJob(platform);
  await agent.send('POST', `/jobs/${job.operationId}/log`, 'hello ', 'text/plain');
  await agent.send('POST', `/jobs/${job.operationId}/log`, 'world', 'text/plain');
  expect(await log(runId, 'plan')).toBe('\u0002hello world');
  expect(await log(runId, 'plan', '?limit=4&offset=1')).toBe('hell');
  expect(await log(runId, 'plan', '?limit=100&offset=12')).toBe('');
  await agent.finish(job);
  expect(await log(runId, 'plan')).toBe('\u0002hello world\u0003');
  expect(await log(runId, 'plan', '?limit=100&offset=12')).toBe('\u0003');
});

describe('the redacted plan', () => {
  /** The response after an agent sent this plan and these schemas. */
  async function redacted(planJson: string, providerSchemasJson: string) {
    await newRun();
    const { agent, job } = await takeJob(platform);
    await agent.finish(job, { planJson, providerSchemasJson });
    return platform.api('GET', `/plans/${job.operationId}/json-output-redacted`);
  }

  function redactedPlan(plan: object, schemas: object = { provider_schemas: {} }) {
    const version = { format_version: '1.0' };
    return redacted(JSON.stringify({ format_version: '1.2', ...plan }), JSON.stringify({ ...version, ...schemas }));
  }

  it.each([
    [
      'a completely unknown output, without `after`',
      { actions: ['create'], before: null, after_unknown: true, before_sensitive: false, after_sensitive: false },
    ],
    ['a sensitive unknown output', { actions: ['create'], before: null, after_unknown: true, after_sensitive: true }],
    ['a deleted output', { actions: ['delete'], before: 'x', after: null, after_unknown: false }],
    ['a null output', { actions: ['no-op'], before: null, after: null, after_unknown: false }],
    ['a change without `before` and `after`', { actions: ['no-op'] }],
  ])('contains %s unchanged', async (_what, change) => {
    const answer = await redactedPlan({ output_changes: { o: change } });
    expect(answer.status).toBe(200);
    expect(at(answer.body, 'output_changes', 'o')).toEqual(change);
  });

  it('replaces each sensitive value with a value of the same type', async () => {
    const before = { text: 'a', number: 1, flag: true, list: [1], map: { k: 'v' }, nothing: null };
    const before_sensitive = { text: true, number: true, flag: true, list: true, map: true, nothing: true };
    const change = { actions: ['delete'], before, after: null, before_sensitive };
    const answer = await redactedPlan({ output_changes: { o: change } });
    const expected = { text: 'redacted', number: 0, flag: false, list: [], map: {}, nothing: null };
    expect(at(answer.body, 'output_changes', 'o', 'before')).toEqual(expected);
  });

  it('doesn’t need provider schemas, because Terraform omits them for a configuration without providers', async () => {
    const answer = await redactedPlan({}, {});
    expect(answer.body).toMatchObject({ plan_format_version: '1.2', provider_format_version: '1.0' });
  });

  it.each(['', 'not JSON', '[]', '{}', '{"format_version":1}', '['.repeat(100_000)])(
    'doesn’t exist if the agent sent %.20s as the plan',
    async (planJson) => {
      expect((await redacted(planJson, planJson)).status).toBe(204);
    },
  );

  it('hides sensitive values, whereas the response for the complete plan is a redirect', async () => {
    const runId = await newRun();
    const { agent, job } = await takeJob(platform);
    expect((await platform.api('GET', `/plans/${job.operationId}/json-output`)).status).toBe(204);
    const change = {
      actions: ['update'],
      before: { p: 'old', q: [1] },
      after: { p: 'new', q: [2] },
      before_sensitive: { p: true },
      after_sensitive: { p: true, q: [true] },
    };
    const planJson = JSON.stringify({ format_version: '1.2', resource_changes: [{ address: 'a.b', change }] });
    const providerSchemasJson = JSON.stringify({ format_version: '1.0', provider_schemas: { here: {} } });
    await agent.finish(job, { planJson, providerSchemasJson });
    const redirect = await platform.api('GET', `/runs/${runId}/plan/json-output`);
    expect(redirect.status).toBe(307);
    expect((await platform.send('GET', String(redirect.headers['location']))).text).toBe(planJson);
    const answer = await platform.api('GET', `/plans/${job.operationId}/json-output-redacted`);
    expect(answer.body).toMatchObject({
      plan_format_version: '1.2',
      resource_changes: [{ change: { before: { p: 'redacted', q: [1] }, after: { p: 'redacted', q: [0] } } }],
      provider_schemas: { here: {} },
    });
    expect(listAt(answer.body, 'resource_changes')).toHaveLength(1);
  });
});

it('a run shows any status of the vendor that a test sets, with its time', async () => {
  const runId = await newRun();
  platform.server.showStatus(runId, 'policy_override');
  const run = await platform.attributes(`/runs/${runId}`);
  expect(run).toMatchObject({ status: 'policy_override' });
  expect(at(run, 'status-timestamps', 'policy-override-at')).toBe('2026-03-01T12:00:00+00:00');
  expect(() => platform.server.showStatus('run-Nothing1', 'planned')).toThrow('not found');
});
