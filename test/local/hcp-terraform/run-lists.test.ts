import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Attributes,
  at,
  clockAt,
  listAt,
  type Platform,
  serveNext,
  startPlatform,
  takeJob,
  textAt,
} from './client.ts';

const clock = clockAt('2026-03-01T12:00:00Z');
let platform: Platform;
let otherPoolId: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  platform = await startPlatform({ now: clock.now });
  otherPoolId = await platform.agentPool('other');
  const here = await platform.workspace('here');
  const there = await platform.workspace('there', { 'execution-mode': 'agent', 'agent-pool-id': otherPoolId });
  const create = async (name: string, workspaceId: string, attributes: Attributes) => {
    clock.advance(1_000);
    ids[name] = await platform.createRun(workspaceId, { message: `run ${name}`, ...attributes });
  };
  await create('old', here, { 'auto-apply': true });
  await serveNext(platform);
  await serveNext(platform);
  clock.advance(400 * 86_400_000);
  await create('planning', here, {});
  await takeJob(platform);
  await create('waiting', here, { 'is-destroy': true });
  await create('speculative', here, { 'plan-only': true });
  await create('saved', here, { 'save-plan': true });
  await create('refresh', there, { 'refresh-only': true });
  await create('empty', await platform.workspace('empty'), { 'allow-empty-apply': true });
});
afterAll(() => platform.close());

const list = async (path: string, query: Record<string, string> = {}) => {
  const answer = await platform.api('GET', `${path}?${new URLSearchParams(query)}`);
  expect(answer.status).toBe(200);
  return answer.body;
};
const organizationRuns = (query: Record<string, string> = {}) => list(`${platform.organization}/runs`, query);
const names = (body: unknown) =>
  listAt(body, 'data').map((run) => textAt(run, 'attributes', 'message').replace('run ', ''));

describe('the list of runs of an organization', () => {
  it('contains all kinds of runs from the last year, newest first', async () => {
    expect(names(await organizationRuns())).toEqual([
      'empty',
      'refresh',
      'saved',
      'speculative',
      'waiting',
      'planning',
    ]);
  });

  it.each([
    [{ 'filter[timeframe]': '2026' }, ['old']],
    [{ 'filter[timeframe]': 'year', 'filter[status_group]': 'final' }, []],
    [{ 'filter[status]': 'plan_queued' }, ['empty', 'refresh', 'saved', 'speculative']],
    [{ 'filter[status]': 'planning,pending' }, ['waiting', 'planning']],
    [{ 'filter[status_group]': 'non_final' }, ['empty', 'refresh', 'saved', 'speculative', 'waiting', 'planning']],
    [{ 'filter[status_group]': 'discardable' }, []],
    [{ 'filter[agent_pool_names]': 'other' }, ['refresh']],
    [
      { 'filter[agent_pool_names]': 'other,local', 'filter[status]': 'plan_queued' },
      ['empty', 'refresh', 'saved', 'speculative'],
    ],
    [{ 'filter[agent_pool_names]': 'nobody' }, []],
    [{ 'filter[workspace_names]': 'there,empty' }, ['empty', 'refresh']],
    [{ 'filter[operation]': 'plan_only' }, ['speculative']],
    [{ 'filter[operation]': 'save_plan,destroy' }, ['saved', 'waiting']],
    [{ 'filter[operation]': 'refresh_only,empty_apply,plan_and_apply,action_only' }, ['empty', 'refresh', 'planning']],
    [{ 'filter[source]': 'tfe-ui' }, []],
    [{ 'filter[source]': 'tfe-api', 'filter[status]': 'pending' }, ['waiting']],
    [{ 'search[basic]': 'saved' }, ['saved']],
    [{ 'search[user]': 'owner', 'filter[status]': 'pending' }, ['waiting']],
    [{ 'search[commit]': 'abcdef' }, []],
  ])('with %j contains %j', async (filters, expected) => {
    expect(names(await organizationRuns(filters))).toEqual(expected);
  });

  it('has pages without totals, and the last page has no next page', async () => {
    const first = await organizationRuns({ 'page[size]': '4' });
    const pagination = { 'current-page': 1, 'prev-page': null, 'next-page': 2, 'page-size': 4 };
    expect(at(first, 'meta', 'pagination')).toEqual(pagination);
    expect(Object.keys(at(first, 'links') ?? {})).toEqual(['self', 'prev', 'next']);
    const headers = { authorization: `Bearer ${platform.server.apiToken}` };
    const second = (await platform.send('GET', textAt(first, 'links', 'next'), { headers })).body;
    const next = { 'current-page': 2, 'prev-page': 1, 'next-page': null };
    expect(at(second, 'meta', 'pagination')).toMatchObject(next);
    expect([...listAt(first, 'data'), ...listAt(second, 'data')]).toHaveLength(6);
  });

  it('has 20 runs per page by default, and at most 100', async () => {
    const size = (body: unknown) => at(body, 'meta', 'pagination', 'page-size');
    expect(size(await organizationRuns())).toBe(20);
    expect(size(await organizationRuns({ 'page[size]': '500' }))).toBe(100);
  });

  it('can include plans, applies, workspaces and users, each once', async () => {
    const include = 'plan,apply,workspace,created_by';
    const body = await organizationRuns({ 'filter[workspace_names]': 'here', include });
    const types = listAt(body, 'included').map((each) => textAt(each, 'type'));
    const count = (type: string) => types.filter((each) => each === type).length;
    expect([count('plans'), count('applies'), count('workspaces'), count('users')]).toEqual([4, 4, 1, 1]);
  });
});

it('the list of runs of a workspace contains plan-only runs only on request, and has no limit on the age of runs', async () => {
  const workspace = await platform.api('GET', `${platform.organization}/workspaces/here`);
  const path = `/workspaces/${textAt(workspace.body, 'data', 'id')}/runs`;
  expect(names(await list(path))).toEqual(['saved', 'waiting', 'planning', 'old']);
  expect(names(await list(path, { 'filter[operation]': 'plan_only' }))).toEqual(['speculative']);
  const paged = await list(path, { 'page[size]': '3' });
  expect(at(paged, 'meta', 'pagination')).toMatchObject({ 'total-pages': 2, 'total-count': 4 });
});

describe('other responses with runs', () => {
  it('the list of workspaces has a filter by the status of the current run, and shows the pool', async () => {
    const query = { 'filter[current-run][status]': 'plan_queued,planning', include: 'current_run' };
    const body = await list(`${platform.organization}/workspaces`, query);
    const found = listAt(body, 'data').map((each) => [
      textAt(each, 'attributes', 'name'),
      textAt(each, 'relationships', 'agent-pool', 'data', 'id'),
    ]);
    // Neither the speculative run nor the saved plan is a current run.
    expect(found).toEqual([
      ['empty', platform.server.agentPool.id],
      ['here', platform.server.agentPool.id],
      ['there', otherPoolId],
    ]);
    const runs = listAt(body, 'included').map((each) => textAt(each, 'id'));
    expect(runs.sort()).toEqual([ids['empty'], ids['planning'], ids['refresh']].sort());
  });

  it('the run queue shows positions, and the capacity document shows totals', async () => {
    const queue = await list(`${platform.organization}/runs/queue`);
    const positions = listAt(queue, 'data').map((run) => at(run, 'attributes', 'position-in-queue'));
    expect(positions).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await platform.attributes(`${platform.organization}/capacity`)).toEqual({ pending: 1, running: 5 });
  });
});
