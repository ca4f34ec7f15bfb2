import { describe, expect, it } from 'vitest';
import {
  agentsOf,
  agentsPage,
  currentRunsOf,
  runsOf,
  runsPage,
  workspacesPage,
} from '../../../../functions/launcher/adapters/hcp-terraform/answers.ts';
import { UpstreamError } from '../../../../functions/launcher/errors.ts';

const meta = { pagination: { 'current-page': 1, 'next-page': null } };
const at = '2026-03-01T12:00:00Z';
const run = (more: Record<string, unknown> = {}, relationships: Record<string, unknown> = {}) => ({
  id: 'run-1',
  attributes: { status: 'planning', 'created-at': '2026-03-01T11:00:00Z', ...more },
  relationships: { workspace: { data: { id: 'ws-1' } }, ...relationships },
});
const runs = (one: unknown, included?: unknown[]) => runsOf(runsPage.parse({ data: [one], meta, included }));

describe('a run in an answer', () => {
  it('has the agent that the included plan names', () => {
    const withPlan = run({}, { plan: { data: { id: 'plan-1' } } });
    const plan = { type: 'plans', id: 'plan-1', attributes: { 'execution-details': { 'agent-name': 'a' } } };
    expect(runs(withPlan, [plan])[0]?.planAgentName).toBe('a');
  });

  it.each([
    ['an included plan without attributes', { type: 'plans', id: 'plan-1' }],
    ['attributes that are null', { type: 'plans', id: 'plan-1', attributes: null }],
    ['execution details that are null', { type: 'plans', id: 'plan-1', attributes: { 'execution-details': null } }],
  ])('has no agent with %s', (_, plan) => {
    expect(runs(run({}, { plan: { data: { id: 'plan-1' } } }), [plan])[0]?.planAgentName).toBeUndefined();
  });

  it('has no agent without a plan, or with one that is null', () => {
    expect(runs(run(), [])[0]?.planAgentName).toBeUndefined();
    expect(runs(run({}, { plan: {} }), [])[0]?.planAgentName).toBeUndefined();
    expect(runs(run({}, { plan: { data: null } }))[0]?.planAgentName).toBeUndefined();
  });

  it('has been in its status since the time of that status, or else since the latest time of the run', () => {
    const since = (status: string, times: unknown) =>
      runs(run({ status, 'status-timestamps': times }))[0]?.statusSinceMs;
    const later = '2026-03-01T13:00:00Z';
    expect(since('planning', { 'planning-at': at, 'apply-queued-at': later })).toBe(Date.parse(at));
    expect(since('cost_estimated', { 'planning-at': at, 'planned-at': later })).toBe(Date.parse(later));
    expect(since('cost_estimated', { 'planning-at': at })).toBe(Date.parse(at));
    expect(since('cost_estimated', {})).toBeUndefined();
  });
});

describe('current runs of workspaces', () => {
  const workspace = (relationships: Record<string, unknown>) => ({ id: 'ws-1', relationships });
  const ofPool = { data: { id: 'apool-1' } };
  const page = (data: unknown[], included: unknown[] = []) => workspacesPage.parse({ data, included, meta });

  it('are those of the pool, and a workspace without a pool or a run has none', () => {
    const data = [
      workspace({ 'agent-pool': ofPool, 'current-run': { data: { id: 'run-1' } } }),
      workspace({ 'agent-pool': { data: { id: 'apool-2' } }, 'current-run': { data: { id: 'run-2' } } }),
      workspace({ 'agent-pool': { data: null }, 'current-run': { data: { id: 'run-3' } } }),
      workspace({ 'current-run': { data: { id: 'run-4' } } }),
      workspace({ 'agent-pool': ofPool, 'current-run': { data: null } }),
      workspace({ 'agent-pool': ofPool, 'current-run': null }),
      workspace({ 'agent-pool': ofPool }),
    ];
    const included = [{ ...run(), type: 'runs' }];
    expect(currentRunsOf(page(data, included), 'apool-1').map(({ id }) => id)).toEqual(['run-1']);
  });

  it('that are not included are an error, and no gap', () => {
    const data = [workspace({ 'agent-pool': ofPool, 'current-run': { data: { id: 'run-1' } } })];
    expect(() => currentRunsOf(page(data), 'apool-1')).toThrow(UpstreamError);
  });

  it('that are malformed are refused, and other included resources are not looked at', () => {
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
