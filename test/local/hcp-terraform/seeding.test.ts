import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, listAt, type Platform, serveNext, startPlatform, takeJob, textAt } from './client.ts';

let platform: Platform;
let organization: string;
beforeEach(async () => {
  platform = await startPlatform({ organization: 'my-org' });
  organization = platform.server.organization;
});
afterEach(() => platform.close());

async function createPool(name: string, attributes: Record<string, unknown> = {}): Promise<string> {
  const answer = await platform.create(`/organizations/${organization}/agent-pools`, 'agent-pools', {
    name,
    ...attributes,
  });
  expect(answer.status).toBe(201);
  return textAt(answer.body, 'data', 'id');
}

describe('agent pools', () => {
  it('are made, found by name, renamed and deleted', async () => {
    const id = await createPool('batch-jobs');
    const found = await platform.api('GET', `/organizations/${organization}/agent-pools?q=batch`);
    expect(listAt(found.body, 'data').map((pool) => at(pool, 'id'))).toEqual([id]);
    expect(at(found.body, 'data', 0, 'attributes')).toMatchObject({
      name: 'batch-jobs',
      'organization-scoped': true,
      'agent-count': 0,
    });
    const renamed = await platform.change(`/agent-pools/${id}`, 'agent-pools', { name: 'jobs' });
    expect(at(renamed.body, 'data', 'attributes', 'name')).toBe('jobs');
    expect((await platform.api('DELETE', `/agent-pools/${id}`)).status).toBe(204);
    expect((await platform.api('GET', `/agent-pools/${id}`)).status).toBe(404);
  });

  it('cannot be deleted while a workspace uses them', async () => {
    const id = await createPool('used');
    const workspaceId = await platform.workspace('one', { 'execution-mode': 'agent', 'agent-pool-id': id });
    expect((await platform.api('DELETE', `/agent-pools/${id}`)).status).toBe(422);
    const pool = await platform.api('GET', `/agent-pools/${id}`);
    expect(at(pool.body, 'data', 'relationships', 'workspaces', 'data')).toEqual([
      { id: workspaceId, type: 'workspaces' },
    ]);
  });

  it('can be closed to workspaces that are not named', async () => {
    const id = await createPool('closed', { 'organization-scoped': false });
    const refused = await platform.create(`/organizations/${organization}/workspaces`, 'workspaces', {
      name: 'one',
      'execution-mode': 'agent',
      'agent-pool-id': id,
    });
    expect(refused.status).toBe(422);
  });
});

describe('workspaces', () => {
  it('use the organization default pool unless they say otherwise, then or later', async () => {
    const poolId = await createPool('special');
    const inheriting = await platform.workspace('inheriting');
    const shown = await platform.api('GET', `/workspaces/${inheriting}`);
    expect(at(shown.body, 'data', 'attributes')).toMatchObject({
      'execution-mode': 'agent',
      'setting-overwrites': { 'execution-mode': false, 'agent-pool': false },
    });
    expect(at(shown.body, 'data', 'relationships', 'agent-pool', 'data', 'id')).toBe(platform.server.agentPool.id);

    const changed = await platform.change(`/workspaces/${inheriting}`, 'workspaces', {
      'execution-mode': 'agent',
      'agent-pool-id': poolId,
    });
    expect(at(changed.body, 'data', 'attributes', 'setting-overwrites')).toEqual({
      'execution-mode': true,
      'agent-pool': true,
    });
    expect(at(changed.body, 'data', 'relationships', 'agent-pool', 'data', 'id')).toBe(poolId);

    const back = await platform.change(`/organizations/${organization}/workspaces/inheriting`, 'workspaces', {
      'setting-overwrites': { 'execution-mode': false, 'agent-pool': false },
    });
    expect(at(back.body, 'data', 'relationships', 'agent-pool', 'data', 'id')).toBe(platform.server.agentPool.id);
  });

  it('follow the organization when its default changes', async () => {
    const poolId = await createPool('next');
    await platform.change(
      `/organizations/${organization}`,
      'organizations',
      { 'default-execution-mode': 'agent' },
      { 'default-agent-pool': { data: { type: 'agent-pools', id: poolId } } },
    );
    const runId = await platform.createRun(await platform.workspace('one'));
    const runs = await platform.api('GET', `/organizations/${organization}/runs?filter%5Bagent_pool_names%5D=next`);
    expect(listAt(runs.body, 'data').map((run) => at(run, 'id'))).toEqual([runId]);
  });

  it.each([
    [{ name: 'a b' }, 'name'],
    [{}, 'name'],
    [{ name: 'one', 'execution-mode': 'agent' }, 'agent-pool-id'],
    [{ name: 'one', 'execution-mode': 'remote', 'agent-pool-id': 'apool-x' }, 'agent-pool-id'],
    [{ name: 'one', 'execution-mode': 'agent', 'agent-pool-id': 'apool-nobody' }, 'agent-pool-id'],
    [{ name: 'one', 'execution-mode': 'cloud' }, 'execution-mode'],
  ])('%j is refused with 422 for its %s', async (attributes, attribute) => {
    const answer = await platform.create(`/organizations/${organization}/workspaces`, 'workspaces', attributes);
    expect(answer.status).toBe(422);
    expect(at(answer.body, 'errors', 0, 'source', 'pointer')).toBe(`/data/attributes/${attribute}`);
  });

  it('are unique by name, and deleted with their runs', async () => {
    const workspaceId = await platform.workspace('one');
    const runId = await platform.createRun(workspaceId);
    const twice = await platform.create(`/organizations/${organization}/workspaces`, 'workspaces', { name: 'one' });
    expect(twice.status).toBe(422);
    expect((await platform.api('DELETE', `/organizations/${organization}/workspaces/one`)).status).toBe(204);
    expect((await platform.api('GET', `/runs/${runId}`)).status).toBe(404);
    expect((await platform.api('GET', `/workspaces/${workspaceId}`)).status).toBe(404);
  });
});

describe('runs in a pool that nobody serves', () => {
  it('stay queued there, and are seen there alone', async () => {
    const poolId = await createPool('lonely');
    const workspaceId = await platform.workspace('one', { 'execution-mode': 'agent', 'agent-pool-id': poolId });
    const runId = await platform.createRun(workspaceId);
    const elsewhere = await platform.register();
    expect(await elsewhere.poll()).toBeUndefined();
    const query = 'filter%5Bagent_pool_names%5D=lonely&filter%5Bstatus%5D=plan_queued%2Capply_queued';
    const runs = await platform.api('GET', `/organizations/${organization}/runs?${query}`);
    expect(listAt(runs.body, 'data').map((run) => at(run, 'id'))).toEqual([runId]);
  });
});

describe('configuration versions', () => {
  it('show their upload URL once, take one upload, and give it back', async () => {
    const workspaceId = await platform.workspace('one');
    const made = await platform.create(`/workspaces/${workspaceId}/configuration-versions`, 'configuration-versions', {
      'auto-queue-runs': false,
    });
    expect(made.status).toBe(201);
    const id = textAt(made.body, 'data', 'id');
    const uploadUrl = textAt(made.body, 'data', 'attributes', 'upload-url');
    const before = await platform.api('GET', `/configuration-versions/${id}`);
    expect(at(before.body, 'data', 'attributes')).toMatchObject({ status: 'pending', speculative: false });
    expect(before.text).not.toContain('upload-url');

    const early = await platform.create(
      '/runs',
      'runs',
      {},
      {
        workspace: { data: { type: 'workspaces', id: workspaceId } },
        'configuration-version': { data: { type: 'configuration-versions', id } },
      },
    );
    expect(early.status).toBe(422);

    expect((await platform.send('PUT', uploadUrl, { body: Buffer.from('tar') })).status).toBe(200);
    expect((await platform.send('PUT', uploadUrl, { body: Buffer.from('again') })).status).toBe(409);
    expect((await platform.send('PUT', `${platform.server.url}/v1/object/guessed`, { body: 'x' })).status).toBe(404);
    const after = await platform.api('GET', `/configuration-versions/${id}`);
    expect(at(after.body, 'data', 'attributes', 'status')).toBe('uploaded');
    const download = await platform.api('GET', `/configuration-versions/${id}/download`);
    expect(download.status).toBe(302);
    expect((await platform.send('GET', String(download.headers['location']))).text).toBe('tar');
  });

  it('that are speculative make speculative runs only', async () => {
    const workspaceId = await platform.workspace('one');
    const versionId = await platform.configurationVersion(workspaceId, { speculative: true });
    const relationships = {
      workspace: { data: { type: 'workspaces', id: workspaceId } },
      'configuration-version': { data: { type: 'configuration-versions', id: versionId } },
    };
    const run = await platform.create('/runs', 'runs', {}, relationships);
    expect(at(run.body, 'data', 'attributes', 'plan-only')).toBe(true);
    const refused = await platform.create('/runs', 'runs', { 'plan-only': false }, relationships);
    expect(refused.status).toBe(422);
  });
});

describe('variables', () => {
  it('are made, changed, deleted; sensitive values are never shown', async () => {
    const path = `/workspaces/${await platform.workspace('one')}/vars`;
    const made = await platform.create(path, 'vars', { key: 'k', value: 'hush', category: 'env', sensitive: true });
    expect(made.status).toBe(201);
    expect(made.text).not.toContain('hush');
    const id = textAt(made.body, 'data', 'id');
    const again = await platform.create(path, 'vars', { key: 'k', category: 'env' });
    expect(again.status).toBe(422);
    const changed = await platform.change(`${path}/${id}`, 'vars', { key: 'l' });
    expect(at(changed.body, 'data', 'attributes', 'key')).toBe('l');
    expect((await platform.api('DELETE', `${path}/${id}`)).status).toBe(204);
    expect(listAt((await platform.api('GET', path)).body, 'data')).toEqual([]);
  });
});

describe('state versions', () => {
  const state = (serial: number) =>
    JSON.stringify({
      version: 4,
      terraform_version: '1.11.4',
      serial,
      lineage: 'line',
      outputs: {
        names: { value: ['a'], type: ['tuple', ['string']] },
        secret: { value: 's3', type: 'string', sensitive: true },
      },
      resources: [],
    });
  const body = (text: string, serial: number, inline: boolean) => ({
    data: {
      type: 'state-versions',
      attributes: {
        serial,
        md5: createHash('md5').update(text).digest('hex'),
        lineage: 'line',
        ...(inline ? { state: Buffer.from(text).toString('base64') } : {}),
      },
    },
  });

  it('need the lock and a rising serial, inline or by upload, and show outputs without the sensitive ones', async () => {
    const workspaceId = await platform.workspace('one');
    const path = `/workspaces/${workspaceId}/state-versions`;
    expect((await platform.api('GET', `/workspaces/${workspaceId}/current-state-version`)).status).toBe(404);
    expect((await platform.api('POST', path, body(state(1), 1, true))).status).toBe(409);
    await platform.api('POST', `/workspaces/${workspaceId}/actions/lock`);
    expect((await platform.api('POST', path, body(state(1), 1, true))).status).toBe(201);
    expect((await platform.api('POST', path, body(state(1), 1, true))).status).toBe(409);

    const pending = await platform.api('POST', path, body(state(2), 2, false));
    expect(at(pending.body, 'data', 'attributes', 'status')).toBe('pending');
    const uploadUrl = textAt(pending.body, 'data', 'attributes', 'hosted-state-upload-url');
    expect((await platform.send('PUT', uploadUrl, { body: state(2) })).status).toBe(200);
    const current = await platform.api('GET', `/workspaces/${workspaceId}/current-state-version`);
    expect(at(current.body, 'data', 'attributes')).toMatchObject({ serial: 2, status: 'finalized' });
    const download = textAt(current.body, 'data', 'attributes', 'hosted-state-download-url');
    expect((await platform.send('GET', download)).text).toBe(state(2));

    const outputs = await platform.api('GET', `/workspaces/${workspaceId}/current-state-version-outputs`);
    expect(listAt(outputs.body, 'data').map((each) => at(each, 'attributes'))).toEqual([
      { name: 'names', sensitive: false, type: 'array', value: ['a'], 'detailed-type': ['tuple', ['string']] },
      { name: 'secret', sensitive: true, type: 'string', value: null, 'detailed-type': 'string' },
    ]);
    const secretId = textAt(outputs.body, 'data', 1, 'id');
    const secret = await platform.api('GET', `/state-version-outputs/${secretId}`);
    expect(at(secret.body, 'data', 'attributes', 'value')).toBe('s3');
  });
});

describe('what the answers carry', () => {
  it('is nothing that the platform does not have', async () => {
    const workspaceId = await platform.workspace('one', { 'auto-apply': true });
    const runId = await platform.createRun(workspaceId);
    await serveNext(platform);
    const { agent } = await takeJob(platform);
    const keys = (value: unknown, ...path: string[]) => Object.keys(at(value, ...path) ?? {}).sort();
    const run = (await platform.api('GET', `/runs/${runId}`)).body;
    expect(keys(run, 'data', 'attributes')).toEqual(
      'actions allow-config-generation allow-empty-apply auto-apply canceled-at created-at debugging-mode has-changes is-destroy message permissions plan-only refresh refresh-only replace-addrs save-plan source status status-timestamps target-addrs terraform-version trigger-reason updated-at variables'.split(
        ' ',
      ),
    );
    // No run names its agent pool: that is the whole reason for the filter by pool.
    expect(keys(run, 'data', 'relationships')).toEqual(
      'apply comments configuration-version created-by plan policy-checks run-events task-stages workspace'.split(' '),
    );
    // No agent names its job.
    const shown = (await platform.api('GET', `/agents/${agent.id}`)).body;
    expect(keys(shown, 'data')).toEqual(['attributes', 'id', 'links', 'type']);
    expect(keys(shown, 'data', 'attributes')).toEqual(['created-at', 'ip-address', 'last-ping-at', 'name', 'status']);
    const pool = (await platform.api('GET', platform.pool)).body;
    expect(keys(pool, 'data', 'attributes')).toEqual(['agent-count', 'created-at', 'name', 'organization-scoped']);
    const apply = (await platform.api('GET', `/runs/${runId}/apply`)).body;
    expect(keys(apply, 'data', 'attributes')).toEqual(
      'execution-details log-read-url resource-additions resource-changes resource-destructions resource-imports status status-timestamps'.split(
        ' ',
      ),
    );
  });
});
