import { describe, expect, it } from 'vitest';
import {
  agentPool,
  agentPoolsPage,
  agentsOf,
  agentsPage,
  currentRunsOf,
  runsOf,
  runsPage,
  workspacesPage,
} from '../../../../functions/launcher/adapters/hcp-terraform/answers.ts';

const meta = { pagination: { 'current-page': 1, 'next-page': null } };
const at = '2026-03-01T12:00:00Z';
const LATER = '2026-03-01T13:00:00Z';
const run = (more: Record<string, unknown> = {}, relationships: Record<string, unknown> = {}) => ({
  id: 'run-1',
  attributes: { status: 'planning', 'created-at': '2026-03-01T11:00:00Z', ...more },
  relationships: { workspace: { data: { id: 'ws-1' } }, ...relationships },
});
const runs = (one: unknown, included?: unknown[]) => runsOf(runsPage.parse({ data: [one], meta, included }));

describe('a run in an answer', () => {
  it('has the agent of the included plan', () => {
    const withPlan = run({}, { plan: { data: { id: 'plan-1' } } });
    const plan = { type: 'plans', id: 'plan-1', attributes: { 'execution-details': { 'agent-name': 'a' } } };
    expect(runs(withPlan, [plan])[0]?.planAgentName).toBe('a');
  });

  it.each([
    ['an included plan without attributes', { type: 'plans', id: 'plan-1' }],
    ['attributes that are null', { type: 'plans', id: 'plan-1', attributes: null }],
    ['execution details that are null', { type: 'plans', id: 'plan-1', attributes: { 'execution-details': null } }],
  ])('has no agent if it has %s', (_, plan) => {
    expect(runs(run({}, { plan: { data: { id: 'plan-1' } } }), [plan])[0]?.planAgentName).toBeUndefined();
  });

  it('has no agent if its plan is missing or null', () => {
    expect(runs(run(), [])[0]?.planAgentName).toBeUndefined();
    expect(runs(run({}, { plan: {} }), [])[0]?.planAgentName).toBeUndefined();
    expect(runs(run({}, { plan: { data: null } }))[0]?.planAgentName).toBeUndefined();
  });

  it('can have different agents for its plan and its apply', () => {
    const both = run({}, { plan: { data: { id: 'plan-1' } }, apply: { data: { id: 'apply-1' } } });
    const operation = (type: string, id: string, details: unknown) => ({
      type,
      id,
      attributes: { 'execution-details': details },
    });
    const plan = operation('plans', 'plan-1', { 'agent-name': 'task-p' });
    const apply = operation('applies', 'apply-1', { 'agent-name': 'task-a' });
    expect(runs(both, [plan, apply])).toMatchObject([{ planAgentName: 'task-p', applyAgentName: 'task-a' }]);
    expect(runs(both, [operation('applies', 'apply-1', null)])).toMatchObject([
      { planAgentName: undefined, applyAgentName: undefined },
    ]);
  });

  // HashiCorp documents only some of the keys of `status-timestamps`.
  it.each([
    ['the time of that status', 'planning', { 'planning-at': at, 'apply-queued-at': LATER }, at],
    [
      'the time of that status, not a later time',
      'post_plan_running',
      { 'planned-at': LATER, 'post-plan-running-at': at },
      at,
    ],
    ['the latest time if that status has no time', 'cost_estimated', { 'planning-at': at, 'planned-at': LATER }, LATER],
    ['the only time if that status has no time', 'cost_estimated', { 'planning-at': at }, at],
    ['the latest valid time', 'planned', { 'planned-at': at, 'x-at': 'soon', 'y-at': null, 'z-at': {} }, at],
    ['no known time if there are no times', 'cost_estimated', {}, undefined],
    ['no known time if there are no timestamps', 'post_plan_running', null, undefined],
  ])('has been in its status since %s', (_, status, times, expected) => {
    const [seen] = runs(run({ status, 'status-timestamps': times }));
    expect(seen?.statusSinceMs).toBe(expected && Date.parse(expected));
  });
});

describe('current runs of workspaces', () => {
  const workspace = (relationships: Record<string, unknown>) => ({ id: 'ws-1', relationships });
  const ofPool = { data: { id: 'apool-1' } };
  const page = (data: unknown[], included: unknown[] = []) => workspacesPage.parse({ data, included, meta });

  it('include only the runs of the pool, and skip workspaces without a pool or a run', () => {
    const data = [
      workspace({ 'agent-pool': ofPool, 'current-run': { data: { id: 'run-1' } } }),
      workspace({ 'agent-pool': { data: { id: 'apool-2' } }, 'current-run': { data: { id: 'run-2' } } }),
      workspace({ 'agent-pool': { data: null }, 'current-run': { data: { id: 'run-3' } } }),
      workspace({ 'current-run': { data: { id: 'run-4' } } }),
      workspace({ 'agent-pool': ofPool, 'current-run': { data: null } }),
      workspace({ 'agent-pool': ofPool, 'current-run': {} }),
      workspace({ 'agent-pool': ofPool, 'current-run': null }),
      workspace({ 'agent-pool': ofPool }),
    ];
    const included = [{ ...run(), type: 'runs' }];
    expect(currentRunsOf(page(data, included), 'apool-1').map(({ id }) => id)).toEqual(['run-1']);
  });

  it('are rejected if they are malformed, while included resources of other types are ignored', () => {
    expect(() => page([], [{ type: 'runs', id: 'run-1' }])).toThrow();
    expect(page([], [{ type: 'users' }]).included).toHaveLength(1);
  });
});

it('a name is kept up to 255 characters, and a longer one is replaced by its length', () => {
  const named = (name: string) =>
    agentsOf(agentsPage.parse({ data: [{ id: 'agent-1', attributes: { name, status: 'idle' } }], meta }))[0]?.name;
  expect(named('a'.repeat(255))).toBe('a'.repeat(255));
  expect(named('a'.repeat(256))).toBe('a text of 256 characters');
});

describe('what the launcher reads of a run', () => {
  it('includes its ids, its status and its times in any time zone', () => {
    const times = {
      'plan-queued-at': '2026-03-01T12:00:01Z',
      'planning-at': '2026-03-01T12:00:02.5+00:00',
      'apply-queued-at': '2026-03-01T13:00:03+01:00',
      'applying-at': '2026-03-01T12:00:04Z',
    };
    const second = (n: number) => Date.parse(at) + n * 1000;
    expect(runs(run({ status: 'plan_queued', 'status-timestamps': times }))).toEqual([
      {
        id: 'run-1',
        workspaceId: 'ws-1',
        status: 'plan_queued',
        createdAtMs: Date.parse('2026-03-01T11:00:00Z'),
        statusSinceMs: second(1),
        planQueuedAtMs: second(1),
        planningAtMs: second(2.5),
        applyQueuedAtMs: second(3),
        applyingAtMs: second(4),
        planAgentName: undefined,
        applyAgentName: undefined,
      },
    ]);
  });

  it.each([{ 'plan-queued-at': null }, null])('has no job times if the timestamps are %j', (times) => {
    expect(runs(run({ 'status-timestamps': times }))).toMatchObject([
      { planQueuedAtMs: undefined, planningAtMs: undefined, applyQueuedAtMs: undefined, applyingAtMs: undefined },
    ]);
  });

  it('has no time where HCP Terraform sends none, null or a value that isn’t a time', () => {
    const times = { 'planning-at': null, 'planned-at': 'soon', 'queuing-at': at };
    expect(runs(run({ status: 'planned', 'status-timestamps': times }))[0]).toMatchObject({
      statusSinceMs: Date.parse(at),
      planQueuedAtMs: undefined,
      planningAtMs: undefined,
    });
  });

  // The key of a run becomes part of ECS's clientToken and startedBy, which limit the characters and the length.
  it.each(['xrun-1', 'run-', 'run-1/plan', 'run-ä', `run-${'a'.repeat(47)}`])('is refused with the id %s', (id) => {
    expect(() => runs({ ...run(), id })).toThrow();
    expect(runs({ ...run(), id: `run-${'a'.repeat(46)}` })).toHaveLength(1);
  });

  it.each(['xws-1', 'ws-', 'ws-1/2', `ws-${'a'.repeat(61)}`])('is refused with the workspace id %s', (id) => {
    expect(() => runs(run({}, { workspace: { data: { id } } }))).toThrow();
    expect(runs(run({}, { workspace: { data: { id: `ws-${'a'.repeat(60)}` } } }))).toHaveLength(1);
  });

  it.each([['plan-queued-at'], ['planning-at'], ['apply-queued-at'], ['applying-at']])(
    'is rejected if %s is not a time, because the order of the queue depends on it',
    (key) => {
      expect(() => runs(run({ 'status-timestamps': { [key]: 'yesterday' } }))).toThrow();
    },
  );

  it('is rejected without pagination, because the launcher would miss the rest of the list', () => {
    for (const without of [{}, { pagination: {} }]) {
      expect(() => runsPage.parse({ data: [], meta: without })).toThrow();
    }
  });
});

it.each([
  ['nothing is included', []],
  ['only a resource of another type is included', [{ type: 'users', id: 'user-1' }]],
  ['a resource of another type has its id and its shape', [{ ...run(), type: 'plans' }]],
])('a current run that is missing among the included resources causes an error with its id if %s', (_, included) => {
  const relationships = { 'agent-pool': { data: { id: 'apool-1' } }, 'current-run': { data: { id: 'run-1' } } };
  const answer = workspacesPage.parse({ data: [{ id: 'ws-1', relationships }], included, meta });
  expect(() => currentRunsOf(answer, 'apool-1')).toThrow(
    expect.objectContaining({
      name: 'UpstreamError',
      system: 'HCP Terraform',
      fault: 'unexpected-answer',
      message: expect.stringContaining('does not include the current run run-1'),
    }),
  );
});

it('a list of workspaces is rejected if a workspace has no valid id', () => {
  const data = [{ id: 'x', relationships: {} }];
  expect(() => workspacesPage.parse({ data, included: [], meta })).toThrow();
});

describe('an agent in an answer', () => {
  const agentOf = (attributes: Record<string, unknown>) =>
    agentsOf(agentsPage.parse({ data: [{ id: 'agent-1', attributes }], meta }))[0];

  it.each(['idle', 'busy', 'unknown', 'errored', 'exited'])('has the status %s', (status) => {
    expect(agentOf({ name: 'a', status })?.status).toBe(status);
  });

  it('has an unknown status if HCP Terraform’s status is new, so that nothing is stopped because of it', () => {
    expect(agentOf({ name: 'a', status: 'rehearsing' })?.status).toBe('unknown');
  });

  it('has its id as its name if it has no name, and the time of its last ping', () => {
    expect(agentOf({ status: 'idle', 'last-ping-at': at })).toEqual({
      id: 'agent-1',
      name: 'agent-1',
      status: 'idle',
      lastPingMs: Date.parse(at),
    });
  });

  it.each([null, 'never'])('has no last ping if HCP Terraform reports %j', (ping) => {
    expect(agentOf({ name: 'a', status: 'idle', 'last-ping-at': ping })?.lastPingMs).toBeUndefined();
  });
});

describe('an agent pool in an answer', () => {
  it('has a name, and an id that begins with apool-', () => {
    const one = { id: 'apool-1', attributes: { name: 'default' } };
    expect(agentPoolsPage.parse({ data: [one], meta }).data).toEqual([one]);
    for (const wrong of [{ ...one, id: 'my-apool-1' }, { id: 'apool-1' }, { ...one, attributes: {} }]) {
      expect(() => agentPoolsPage.parse({ data: [wrong], meta })).toThrow();
    }
  });

  it('has a name if it is requested by its id', () => {
    expect(agentPool.parse({ data: { attributes: { name: 'default' } } }).data.attributes.name).toBe('default');
    for (const wrong of [{}, { data: {} }, { data: { attributes: {} } }]) {
      expect(() => agentPool.parse(wrong)).toThrow();
    }
  });
});
