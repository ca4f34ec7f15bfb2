import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Answer, at, listAt, type Platform, serveNext, startPlatform, takeJob, textAt } from './client.ts';

let platform: Platform;
let organization: string;
beforeEach(async () => {
  platform = await startPlatform({ organization: 'my-org' });
  organization = platform.organization;
});
afterEach(() => platform.close());

const poolOf = ({ body }: Answer) => at(body, 'data', 'relationships', 'agent-pool', 'data', 'id');
const idsOf = ({ body }: Answer) => listAt(body, 'data').map((each) => at(each, 'id'));

describe('agent pools', () => {
  it('can be created, found by name, renamed and deleted', async () => {
    const made = await platform.create(`${organization}/agent-pools`, 'agent-pools', { name: 'batch-jobs' });
    expect(made.status).toBe(201);
    const path = `/agent-pools/${textAt(made.body, 'data', 'id')}`;
    const found = await platform.api('GET', `${organization}/agent-pools?q=batch`);
    expect(idsOf(found)).toEqual([textAt(made.body, 'data', 'id')]);
    const expected = { name: 'batch-jobs', 'organization-scoped': true, 'agent-count': 0 };
    expect(at(found.body, 'data', 0, 'attributes')).toMatchObject(expected);
    const renamed = await platform.change(path, 'agent-pools', { name: 'jobs' });
    expect(at(renamed.body, 'data', 'attributes', 'name')).toBe('jobs');
    expect((await platform.api('DELETE', path)).status).toBe(204);
    expect((await platform.api('GET', path)).status).toBe(404);
  });

  it('can’t be deleted while a workspace uses them', async () => {
    const id = await platform.agentPool('used');
    const workspaceId = await platform.workspace('one', { 'execution-mode': 'agent', 'agent-pool-id': id });
    expect((await platform.api('DELETE', `/agent-pools/${id}`)).status).toBe(422);
    const pool = await platform.api('GET', `/agent-pools/${id}`);
    const expected = [{ id: workspaceId, type: 'workspaces' }];
    expect(at(pool.body, 'data', 'relationships', 'workspaces', 'data')).toEqual(expected);
  });

  it('without organization scope reject workspaces that they don’t allow', async () => {
    const id = await platform.agentPool('closed', { 'organization-scoped': false });
    const attributes = { name: 'one', 'execution-mode': 'agent', 'agent-pool-id': id };
    expect((await platform.create(`${organization}/workspaces`, 'workspaces', attributes)).status).toBe(422);
  });
});

describe('workspaces', () => {
  it('use the organization’s default pool unless they have their own', async () => {
    const poolId = await platform.agentPool('special');
    const path = `/workspaces/${await platform.workspace('inheriting')}`;
    const overwrites = (value: boolean) => ({ 'execution-mode': value, 'agent-pool': value });
    const shown = await platform.api('GET', path);
    const expected = { 'execution-mode': 'agent', 'setting-overwrites': overwrites(false) };
    expect(at(shown.body, 'data', 'attributes')).toMatchObject(expected);
    expect(poolOf(shown)).toBe(platform.server.agentPool.id);

    const changed = await platform.change(path, 'workspaces', { 'execution-mode': 'agent', 'agent-pool-id': poolId });
    expect(at(changed.body, 'data', 'attributes', 'setting-overwrites')).toEqual(overwrites(true));
    expect(poolOf(changed)).toBe(poolId);

    const inherited = { 'setting-overwrites': overwrites(false) };
    const back = await platform.change(`${organization}/workspaces/inheriting`, 'workspaces', inherited);
    expect(poolOf(back)).toBe(platform.server.agentPool.id);
  });

  it('follow a change of the organization’s default pool', async () => {
    const id = await platform.agentPool('next');
    const relationships = { 'default-agent-pool': { data: { type: 'agent-pools', id } } };
    const attributes = { 'default-execution-mode': 'agent' };
    await platform.change(organization, 'organizations', attributes, { relationships });
    const runId = await platform.createRun(await platform.workspace('one'));
    expect(idsOf(await platform.api('GET', `${organization}/runs?filter%5Bagent_pool_names%5D=next`))).toEqual([runId]);
  });

  it.each([
    [{ name: 'a b' }, 'name'],
    [{}, 'name'],
    [{ name: 'one', 'execution-mode': 'agent' }, 'agent-pool-id'],
    [{ name: 'one', 'execution-mode': 'remote', 'agent-pool-id': 'apool-x' }, 'agent-pool-id'],
    [{ name: 'one', 'execution-mode': 'agent', 'agent-pool-id': 'apool-nobody' }, 'agent-pool-id'],
    [{ name: 'one', 'execution-mode': 'cloud' }, 'execution-mode'],
  ])('%j are rejected with 422 because of the %s', async (attributes, attribute) => {
    const answer = await platform.create(`${organization}/workspaces`, 'workspaces', attributes);
    expect(answer.status).toBe(422);
    expect(at(answer.body, 'errors', 0, 'source', 'pointer')).toBe(`/data/attributes/${attribute}`);
  });

  it('have unique names, and are deleted together with their runs', async () => {
    const workspaceId = await platform.workspace('one');
    const runId = await platform.createRun(workspaceId);
    const twice = await platform.create(`${organization}/workspaces`, 'workspaces', { name: 'one' });
    expect(twice.status).toBe(422);
    expect((await platform.api('DELETE', `${organization}/workspaces/one`)).status).toBe(204);
    expect((await platform.api('GET', `/runs/${runId}`)).status).toBe(404);
    expect((await platform.api('GET', `/workspaces/${workspaceId}`)).status).toBe(404);
  });
});

it('runs in a pool without agents stay queued, and are found only by the filter for this pool', async () => {
  const poolId = await platform.agentPool('lonely');
  const workspaceId = await platform.workspace('one', { 'execution-mode': 'agent', 'agent-pool-id': poolId });
  const runId = await platform.createRun(workspaceId);
  expect(await (await platform.register()).poll()).toBeUndefined();
  const query = 'filter%5Bagent_pool_names%5D=lonely&filter%5Bstatus%5D=plan_queued%2Capply_queued';
  expect(idsOf(await platform.api('GET', `${organization}/runs?${query}`))).toEqual([runId]);
});

describe('configuration versions', () => {
  it('show their upload URL only once, accept one upload, and can be downloaded', async () => {
    const workspaceId = await platform.workspace('one');
    const made = await platform.newConfigurationVersion(workspaceId);
    expect(made.status).toBe(201);
    const id = textAt(made.body, 'data', 'id');
    const uploadUrl = textAt(made.body, 'data', 'attributes', 'upload-url');
    const before = await platform.api('GET', `/configuration-versions/${id}`);
    expect(at(before.body, 'data', 'attributes')).toMatchObject({ status: 'pending', speculative: false });
    expect(before.text).not.toContain('upload-url');
    expect((await platform.requestRun(workspaceId, {}, id)).status).toBe(422);

    expect((await platform.send('PUT', uploadUrl, { body: Buffer.from('tar') })).status).toBe(200);
    expect((await platform.send('PUT', uploadUrl, { body: Buffer.from('again') })).status).toBe(409);
    expect((await platform.send('PUT', '/v1/object/guessed', { body: 'x' })).status).toBe(404);
    expect(await platform.attributes(`/configuration-versions/${id}`)).toMatchObject({ status: 'uploaded' });
    const download = await platform.api('GET', `/configuration-versions/${id}/download`);
    expect(download.status).toBe(302);
    expect((await platform.send('GET', String(download.headers['location']))).text).toBe('tar');
  });

  it('allow only speculative runs if they are speculative', async () => {
    const workspaceId = await platform.workspace('one');
    const versionId = await platform.configurationVersion(workspaceId, { speculative: true });
    const run = await platform.requestRun(workspaceId, {}, versionId);
    expect(at(run.body, 'data', 'attributes', 'plan-only')).toBe(true);
    expect((await platform.requestRun(workspaceId, { 'plan-only': false }, versionId)).status).toBe(422);
  });
});

it('variables can be created, changed and deleted; sensitive values are never shown', async () => {
  const path = `/workspaces/${await platform.workspace('one')}/vars`;
  const variable = { key: 'k', category: 'env' };
  const made = await platform.create(path, 'vars', { ...variable, value: 'hush', sensitive: true });
  expect(made.status).toBe(201);
  expect(made.text).not.toContain('hush');
  const id = textAt(made.body, 'data', 'id');
  expect((await platform.create(path, 'vars', variable)).status).toBe(422);
  const changed = await platform.change(`${path}/${id}`, 'vars', { key: 'l' });
  expect(at(changed.body, 'data', 'attributes', 'key')).toBe('l');
  expect((await platform.api('DELETE', `${path}/${id}`)).status).toBe(204);
  expect(idsOf(await platform.api('GET', path))).toEqual([]);
});

const stateOf = (serial: number) =>
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

it('state versions can be created inline or by upload, need the lock and a higher serial, and hide sensitive outputs in lists', async () => {
  const workspace = `/workspaces/${await platform.workspace('one')}`;
  const create = (serial: number, inline: boolean) => {
    const md5 = createHash('md5').update(stateOf(serial)).digest('hex');
    const content = inline ? { state: Buffer.from(stateOf(serial)).toString('base64') } : {};
    const attributes = { serial, md5, lineage: 'line', ...content };
    return platform.create(`${workspace}/state-versions`, 'state-versions', attributes);
  };
  expect((await platform.api('GET', `${workspace}/current-state-version`)).status).toBe(404);
  expect((await create(1, true)).status).toBe(409);
  await platform.api('POST', `${workspace}/actions/lock`);
  expect((await create(1, true)).status).toBe(201);
  expect((await create(1, true)).status).toBe(409);

  const pending = await create(2, false);
  expect(at(pending.body, 'data', 'attributes', 'status')).toBe('pending');
  const uploadUrl = textAt(pending.body, 'data', 'attributes', 'hosted-state-upload-url');
  expect((await platform.send('PUT', uploadUrl, { body: stateOf(2) })).status).toBe(200);
  const current = await platform.attributes(`${workspace}/current-state-version`);
  expect(current).toMatchObject({ serial: 2, status: 'finalized' });
  const download = textAt(current, 'hosted-state-download-url');
  expect((await platform.send('GET', download)).text).toBe(stateOf(2));

  const outputs = await platform.api('GET', `${workspace}/current-state-version-outputs`);
  expect(listAt(outputs.body, 'data').map((each) => at(each, 'attributes'))).toEqual([
    { name: 'names', sensitive: false, type: 'array', value: ['a'], 'detailed-type': ['tuple', ['string']] },
    { name: 'secret', sensitive: true, type: 'string', value: null, 'detailed-type': 'string' },
  ]);
  const secretId = textAt(outputs.body, 'data', 1, 'id');
  expect(await platform.attributes(`/state-version-outputs/${secretId}`)).toMatchObject({ value: 's3' });
});

it('API responses have exactly the attributes and relationships of the real platform', async () => {
  const runId = await platform.createRun(await platform.workspace('one', { 'auto-apply': true }));
  await serveNext(platform);
  const { agent } = await takeJob(platform);
  const keys = async (path: string, ...members: string[]) =>
    Object.keys(at((await platform.api('GET', path)).body, 'data', ...members) ?? {})
      .sort()
      .join(' ');
  expect(await keys(`/runs/${runId}`, 'attributes')).toBe(
    'actions allow-config-generation allow-empty-apply auto-apply canceled-at created-at debugging-mode has-changes is-destroy message permissions plan-only refresh refresh-only replace-addrs save-plan source status status-timestamps target-addrs terraform-version trigger-reason updated-at variables',
  );
  // A run doesn't contain its agent pool, so the launcher needs the filter by pool.
  expect(await keys(`/runs/${runId}`, 'relationships')).toBe(
    'apply comments configuration-version created-by plan policy-checks run-events task-stages workspace',
  );
  // An agent doesn't contain its job.
  expect(await keys(`/agents/${agent.id}`)).toBe('attributes id links type');
  expect(await keys(`/agents/${agent.id}`, 'attributes')).toBe('created-at ip-address last-ping-at name status');
  expect(await keys(platform.pool, 'attributes')).toBe('agent-count created-at name organization-scoped');
  expect(await keys(`/runs/${runId}/apply`, 'attributes')).toBe(
    'execution-details log-read-url resource-additions resource-changes resource-destructions resource-imports status status-timestamps',
  );
});

it('a locked workspace includes the user who locked it', async () => {
  const workspace = `/workspaces/${await platform.workspace('one')}`;
  await platform.api('POST', `${workspace}/actions/lock`, { reason: 'state surgery' });
  const { body } = await platform.api('GET', `${workspace}?include=locked_by`);
  expect(at(body, 'data', 'attributes', 'locked-reason')).toBe('state surgery');
  const id = textAt(body, 'data', 'relationships', 'locked-by', 'data', 'id');
  expect(listAt(body, 'included')).toMatchObject([{ id, type: 'users', attributes: { username: 'owner' } }]);
});
