import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { at, clockAt, listAt, type Platform, serveNext, startPlatform, takeJob, textAt } from './client.ts';

const clock = clockAt('2026-03-01T12:00:00Z');
let platform: Platform;
let otherPoolId: string;
const ids: Record<string, string> = {};

beforeAll(async () => {
  platform = await startPlatform({ now: clock.now });
  const { organization } = platform.server;
  const pool = await platform.create(`/organizations/${organization}/agent-pools`, 'agent-pools', { name: 'other' });
  otherPoolId = textAt(pool.body, 'data', 'id');
  const here = await platform.workspace('here');
  const there = await platform.workspace('there', { 'execution-mode': 'agent', 'agent-pool-id': otherPoolId });
  const create = async (name: string, workspaceId: string, attributes: Record<string, unknown>) => {
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

async function names(path: string): Promise<string[]> {
  const answer = await platform.api('GET', path);
  expect(answer.status).toBe(200);
  return listAt(answer.body, 'data').map((run) => textAt(run, 'attributes', 'message').replace('run ', ''));
}

function organizationRuns(filters: Record<string, string> = {}): Promise<string[]> {
  return names(`${platform.organization}/runs?${new URLSearchParams(filters)}`);
}

describe('the list of runs of an organization', () => {
  it('holds every kind of run of the last year, newest first', async () => {
    expect(await organizationRuns()).toEqual(['empty', 'refresh', 'saved', 'speculative', 'waiting', 'planning']);
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
  ])('%j leaves %j', async (filters, expected) => {
    expect(await organizationRuns(filters)).toEqual(expected);
  });

  it('is paged without totals until there is no next page', async () => {
    const path = `${platform.organization}/runs`;
    const first = await platform.api('GET', `${path}?page%5Bsize%5D=4`);
    expect(at(first.body, 'meta', 'pagination')).toEqual({
      'current-page': 1,
      'prev-page': null,
      'next-page': 2,
      'page-size': 4,
    });
    expect(Object.keys(at(first.body, 'links') ?? {})).toEqual(['self', 'prev', 'next']);
    const second = await platform.send('GET', textAt(first.body, 'links', 'next'), {
      headers: { authorization: `Bearer ${platform.server.apiToken}` },
    });
    expect(at(second.body, 'meta', 'pagination')).toMatchObject({
      'current-page': 2,
      'prev-page': 1,
      'next-page': null,
    });
    expect([...listAt(first.body, 'data'), ...listAt(second.body, 'data')]).toHaveLength(6);
  });

  it('never gives more than 100 a page, and 20 unless asked', async () => {
    const path = `${platform.organization}/runs`;
    expect(at((await platform.api('GET', path)).body, 'meta', 'pagination', 'page-size')).toBe(20);
    expect(at((await platform.api('GET', `${path}?page%5Bsize%5D=500`)).body, 'meta', 'pagination', 'page-size')).toBe(
      100,
    );
  });

  it('includes plans, applies and workspaces, each once', async () => {
    const query = new URLSearchParams({
      'filter[workspace_names]': 'here',
      include: 'plan,apply,workspace,created_by',
    });
    const answer = await platform.api('GET', `${platform.organization}/runs?${query}`);
    const types = listAt(answer.body, 'included').map((each) => textAt(each, 'type'));
    const count = (type: string) => types.filter((each) => each === type).length;
    expect([count('plans'), count('applies'), count('workspaces'), count('users')]).toEqual([4, 4, 1, 1]);
  });
});

describe('the list of runs of a workspace', () => {
  it('leaves plan-only runs out unless they are asked for, and goes back to the beginning', async () => {
    const workspace = await platform.api('GET', `${platform.organization}/workspaces/here`);
    const path = `/workspaces/${textAt(workspace.body, 'data', 'id')}/runs`;
    expect(await names(path)).toEqual(['saved', 'waiting', 'planning', 'old']);
    expect(await names(`${path}?filter%5Boperation%5D=plan_only`)).toEqual(['speculative']);
    const paged = await platform.api('GET', `${path}?page%5Bsize%5D=3`);
    expect(at(paged.body, 'meta', 'pagination')).toMatchObject({ 'total-pages': 2, 'total-count': 4 });
  });
});

describe('the other places where runs are seen', () => {
  it('finds workspaces by the status of their current run, and shows the pool they use', async () => {
    const query = new URLSearchParams({
      'filter[current-run][status]': 'plan_queued,planning',
      include: 'current_run',
    });
    const answer = await platform.api('GET', `${platform.organization}/workspaces?${query}`);
    const found = listAt(answer.body, 'data').map((each) => [
      textAt(each, 'attributes', 'name'),
      textAt(each, 'relationships', 'agent-pool', 'data', 'id'),
    ]);
    // Neither the speculative run nor the saved plan is a current run.
    expect(found).toEqual([
      ['empty', platform.server.agentPool.id],
      ['here', platform.server.agentPool.id],
      ['there', otherPoolId],
    ]);
    const runs = listAt(answer.body, 'included').map((each) => textAt(each, 'id'));
    expect(runs.sort()).toEqual([ids['empty'], ids['planning'], ids['refresh']].sort());
  });

  it('shows the queue with positions, and the capacity', async () => {
    const queue = await platform.api('GET', `${platform.organization}/runs/queue`);
    expect(listAt(queue.body, 'data').map((run) => at(run, 'attributes', 'position-in-queue'))).toEqual([
      1, 2, 3, 4, 5, 6,
    ]);
    const capacity = await platform.api('GET', `${platform.organization}/capacity`);
    expect(at(capacity.body, 'data', 'attributes')).toEqual({ pending: 1, running: 5 });
  });
});
