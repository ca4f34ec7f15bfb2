import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { agentsUsd, OTHERS, OURS } from '../../bench/peers/launchers.ts';
import {
  alwaysOn,
  assareh,
  assarehCount,
  OPERATOR_COOLDOWN,
  operator,
  operatorDemand,
  oulman,
  oulmanDesired,
  oulmanScaleDown,
} from '../../bench/peers/models.ts';
import { DAY, HOUR, POOL_NAME, WORKLOADS, type Workload } from '../../bench/peers/workloads.ts';
import { MAX_AGENTS, playLauncher, playPeer } from '../../bench/peers/world.ts';
import { dollars } from '../../lib/aws/costs.ts';
import type { RunCreated } from '../simulation/scenario.ts';

const MINUTE = 60_000;

/** A day with these runs. */
function day(...runs: readonly (Partial<RunCreated> & { readonly atMs: number })[]): Workload {
  const base: RunCreated = {
    kind: 'run',
    pool: POOL_NAME,
    workspace: 'ws-0',
    operation: 'plan_and_apply',
    approval: 'auto',
    approvalMs: 0,
    planMs: MINUTE,
    applyMs: MINUTE,
    before: [],
    between: [],
  };
  return { name: 'test', description: '', workspaces: 2, runs: runs.map((run, id) => ({ ...base, ...run, id })) };
}

const run = (status: string, workspaceId: string, planOnly = false) => ({ status, workspaceId, planOnly });

it('the operator counts workspaces with runs, and each speculative plan', () => {
  const runs = [
    run('planning', 'a'),
    run('apply_queued', 'a'),
    run('plan_queued', 'b'),
    run('plan_queued', 'b', true),
    run('planning', 'b', true),
    run('pending', 'c'),
    run('planned', 'd'),
  ];
  expect(operatorDemand(runs)).toBe(4);
});

it('the operator waits for its cooldown before it adds an agent for a second run', async () => {
  const runs = day({ atMs: HOUR, planMs: 20 * MINUTE }, { atMs: HOUR + MINUTE, workspace: 'ws-1' });
  const longest = async (cooldown: typeof OPERATOR_COOLDOWN) =>
    Math.max(...(await playPeer(operator(cooldown), runs)).waitsMs);
  expect(await longest(OPERATOR_COOLDOWN)).toBeGreaterThan(2 * MINUTE);
  expect(await longest({ ...OPERATOR_COOLDOWN, upSeconds: 0 })).toBeLessThan(2 * MINUTE);
});

it('the operator kills an agent whose job takes longer than 15 minutes after the pool shrinks', async () => {
  // The second workspace's run ends first, and the newest pod goes first.
  const runs = day(
    { atMs: HOUR, planMs: 8 * MINUTE },
    { atMs: HOUR + 6 * MINUTE, workspace: 'ws-1', planMs: 40 * MINUTE },
  );
  expect((await playPeer(operator(OPERATOR_COOLDOWN), runs)).interrupted).toBe(1);
});

it.each([
  [3, 4, 7],
  [0, 0, 0],
  [90, 20, MAX_AGENTS],
])('oulman wants agents for %d pending runs and %d busy agents: %d', (pending, busy, desired) => {
  expect(oulmanDesired(pending, busy)).toBe(desired);
});

it.each([
  [10, 4, 6, 4],
  [10, 4, 2, 8],
  [10, 4, 0, 10],
])('oulman shrinks from %d to %d agents, of which %d are idle: to %d', (current, desired, idle, result) => {
  expect(oulmanScaleDown(current, desired, idle)).toBe(result);
});

it('oulman never serves speculative plans if nothing else is queued', async () => {
  const speculative = { atMs: HOUR, operation: 'plan_only' } as const;
  expect(await playPeer(oulman, day(speculative))).toMatchObject({ waitsMs: [], neverServed: 1 });
  expect(await playPeer(oulman, day({ atMs: HOUR }))).toMatchObject({ neverServed: 0, interrupted: 0 });
});

it('oulman needs minutes to notice a run among 300 workspaces, because it lists the runs of each one', async () => {
  const late = { ...day({ atMs: HOUR, workspace: 'ws-299' }), workspaces: 300 };
  const [first = 0] = (await playPeer(oulman, late)).waitsMs;
  expect(first).toBeGreaterThan(2 * MINUTE);
});

it('assareh’s counter never falls below zero', () => {
  expect([assarehCount(0, 'sub'), assarehCount(1, 'sub'), assarehCount(1, 'add')]).toEqual([0, 0, 2]);
});

it('assareh’s counter keeps an agent after a failed plan', async () => {
  const { billedMs } = await playPeer(assareh, day({ atMs: HOUR, fails: 'plan' }));
  expect(Math.max(...billedMs)).toBeGreaterThan(20 * HOUR);
});

it('assareh loses jobs if many webhooks come at the same time', async () => {
  const push = Array.from({ length: 30 }, (_, n) => ({ atMs: HOUR, workspace: `ws-${n}` }));
  expect((await playPeer(assareh, day(...push))).neverServed).toBeGreaterThan(0);
});

it('agents that always run are billed all day, and take a job within their poll interval', async () => {
  const { waitsMs, billedMs } = await playPeer(alwaysOn(2), day({ atMs: HOUR }));
  expect(waitsMs).toHaveLength(2);
  expect(Math.max(...waitsMs)).toBeLessThanOrEqual(30_000);
  expect(billedMs.map((ms) => Math.round(ms / HOUR))).toEqual([24, 24]);
});

it('this launcher serves every job of a day with one task each, and its requests are counted', async () => {
  const played = await playLauncher(day({ atMs: HOUR }, { atMs: 2 * HOUR, operation: 'plan_only' }));
  expect(played).toMatchObject({ neverServed: 0, interrupted: 0 });
  expect(played.waitsMs).toHaveLength(3);
  expect(played.billedMs).toHaveLength(3);
  // An idle invocation makes at least one request to each system.
  expect(played.requests.hcpTerraform).toBeGreaterThan(24 * 60);
  expect(played.requests.aws).toBeGreaterThan(24 * 60);
  expect(played.functionSeconds).toBeGreaterThan(0);
});

it('a day has the same result every time', async () => {
  const [quiet] = WORKLOADS;
  if (quiet === undefined) throw new Error('There are no workloads');
  expect(await playPeer(assareh, quiet)).toEqual(await playPeer(assareh, quiet));
});

it.each(WORKLOADS)('the workload "$name" ends before the end of the day', ({ runs }) => {
  expect(Math.max(...runs.map(({ atMs }) => atMs))).toBeLessThan(DAY - 5 * HOUR);
  expect(runs.map(({ id }) => id)).toEqual(runs.map((_, index) => index));
});

it('the prices are those of docs/costs.md', () => {
  const [, table = ''] =
    /<!-- launcher:([\s\S]*?)<!-- \/launcher -->/.exec(readFileSync('docs/costs.md', 'utf8')) ?? [];
  expect(table).toContain(`| **total** | one pool | **${dollars(OURS.idleMonthUsd)}** |`);
  const tenAgents = OTHERS.find(({ name }) => name.startsWith('10 agents'));
  expect(dollars((tenAgents?.idleMonthUsd ?? 0) / 10)).toBe('$36.04');
  expect(agentsUsd({ billedMs: [10 * MINUTE] })).toBeCloseTo(0.0082, 4);
});
