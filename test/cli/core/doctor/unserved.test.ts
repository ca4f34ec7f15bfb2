import { expect, it } from 'vitest';
import { checkUnserved, type OtherPools } from '../../../../cli/core/doctor/unserved.ts';
import type { WaitingRun } from '../../../../cli/core/unserved.ts';
import { DENIED, NOW, shown } from './builders.ts';

const MINUTE_MS = 60_000;
const run = (id: string, minutes: number): WaitingRun => ({
  id,
  workspace: 'network',
  queuedAtMs: NOW - minutes * MINUTE_MS,
});
const others = (more: Partial<OtherPools> = {}): OtherPools => ({
  count: 2,
  withoutAgents: [{ name: 'lonely', waiting: [] }],
  unreadRuns: 0,
  unreadPools: 0,
  ...more,
});
const check = (value: OtherPools | undefined) => checkUnserved('acme', { value }, NOW);

it('a run that waits for three minutes in a pool without agents is a warning', () => {
  const withoutAgents = [{ name: 'lonely', waiting: [run('run-1', 3), run('run-2', 0)] }];
  expect(shown(check(others({ withoutAgents })))).toEqual([
    'warning pool.unserved: 2 runs wait in the pool lonely, which has no agents and isn’t a pool of this launcher: ' +
      'run-1 of workspace network (3 min), run-2 of workspace network (under 1 s). ' +
      'Unless another launcher or an agent serves this pool, its runs wait forever. ' +
      'If this launcher should serve the pool, run `agent-launcher setup --pool lonely`, which adds it to the settings, and deploy. ' +
      'Or choose a pool of this launcher for the workspace in HCP Terraform: Settings > General > Execution Mode.',
  ]);
});

it('a run that waits for less than three minutes is a note, because another launcher may start an agent', () => {
  const withoutAgents = [{ name: 'lonely', waiting: [run('run-1', 2.9)] }];
  expect(shown(check(others({ withoutAgents })))[0]).toMatch(
    /^note pool\.unserved: One run waits in the pool lonely, .*If another launcher serves the pool, its agent comes within three minutes/,
  );
});

it('each pool with waiting runs is one finding', () => {
  const withoutAgents = [
    { name: 'a', waiting: [run('run-1', 9)] },
    { name: 'b', waiting: [] },
    { name: 'c', waiting: [run('run-2', 9)] },
  ];
  expect(check(others({ withoutAgents })).map(({ what }) => / pool (\w+),/.exec(what)?.[1])).toEqual(['a', 'c']);
});

it.each([
  ['there are no other pools', others({ count: 0, withoutAgents: [] }), 'This launcher serves every agent pool'],
  ['the only other pool has agents', others({ count: 1, withoutAgents: [] }), 'in the other agent pool of acme'],
  ['no run waits in the other pools', others(), 'in the 2 other agent pools of acme'],
])('is ok if %s', (_, value, text) => {
  expect(check(value)).toEqual([{ id: 'pool.unserved', severity: 'ok', what: expect.stringContaining(text) }]);
});

it('says which runs and pools it did not look up', () => {
  const findings = check(others({ unreadRuns: 1, unreadPools: 7 }));
  expect(findings.map(({ severity }) => severity)).toEqual(['note', 'note']);
  expect(findings[0]?.what).toContain('One more run of acme waits');
  expect(findings[1]?.what).toContain('didn’t check 7 more agent pools');
});

it('is a note if the token can’t list pools, and a warning if HCP Terraform didn’t answer', () => {
  expect(check(undefined).map(({ severity }) => severity)).toEqual(['note']);
  expect(checkUnserved('acme', DENIED, NOW).map(({ severity }) => severity)).toEqual(['warning']);
});
