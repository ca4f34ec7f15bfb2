import { describe, expect, it } from 'vitest';
import {
  checkAlarms,
  checkStack,
  checkTasks,
  checkTicks,
  checkVersion,
  checkWaiting,
  runbookHeading,
  type Ticks,
} from '../../../../cli/core/doctor/deployment.ts';
import type { TickLine } from '../../../../functions/launcher/log-lines.ts';
import { DENIED, NOW, shown } from './builders.ts';

it.each([
  ['CREATE_COMPLETE', 'ok'],
  ['UPDATE_COMPLETE', 'ok'],
  ['UPDATE_IN_PROGRESS', 'note'],
  ['UPDATE_ROLLBACK_IN_PROGRESS', 'note'],
  ['UPDATE_ROLLBACK_COMPLETE', 'warning'],
  ['IMPORT_ROLLBACK_COMPLETE', 'warning'],
  ['ROLLBACK_COMPLETE', 'error'],
  ['UPDATE_ROLLBACK_FAILED', 'error'],
  ['DELETE_FAILED', 'error'],
])('a stack with the status %s is reported as %s', (status, severity) => {
  expect(checkStack('AgentLauncher', status).severity).toBe(severity);
});

/** How long ago the last tick may have been. */
const SILENT_MS = 300_000;

describe('ticks', () => {
  const line = (agoMs: number, more: Partial<TickLine['pools'][number]> = {}): TickLine => ({
    message: 'tick',
    timestamp: new Date(NOW - agoMs).toISOString(),
    durationMs: 500,
    runListRequests: 1,
    pools: [{ pool: 'aws', ...more }],
  });
  const ticks = (more: Partial<Ticks>): Ticks => ({ searchedMs: 600_000, ticks: 10, withErrors: 0, ...more });
  const found = (more: Partial<Ticks>, paused = false): string[] =>
    shown(checkTicks({ value: ticks(more) }, { silentMs: SILENT_MS, paused }, NOW)).filter(
      (text) => !text.startsWith('ok'),
    );
  const error = { system: 'ECS', fault: 'unavailable', message: 'ECS did not answer.' };
  const rejected = { system: 'HCP Terraform', fault: 'rejected', message: 'HCP Terraform rejects the API token.' };

  it('without errors are ok', () => {
    expect(
      shown(checkTicks({ value: ticks({ last: line(20_000) }) }, { silentMs: SILENT_MS, paused: false }, NOW)),
    ).toEqual(['ok deployment.last-tick: The last tick was 20 seconds ago and had no errors.']);
  });

  it.each<[string, Partial<Ticks>, RegExp]>([
    [
      'none at all',
      {},
      /^error deployment\.last-tick: The launcher has not ticked in the last 10 minutes\..*"Launcher silent"/,
    ],
    [
      'an old one',
      { last: line(SILENT_MS + 1) },
      /^error deployment\.last-tick: The launcher has not ticked since 2026-11-29T11:5/,
    ],
    [
      'one with an error',
      { last: line(1_000, { errors: [error] }), withErrors: 1 },
      /^error deployment\.last-tick: .*pool aws: ECS: ECS did not answer\..*"Ticks fail"/,
    ],
    [
      'one with a rejected token',
      { last: line(1_000, { errors: [rejected] }) },
      /^error deployment\.token-rejected: .*"API token rejected"/,
    ],
    ['earlier errors', { last: line(1_000), withErrors: 3 }, /^note deployment\.earlier-ticks: 3 of the last 10 ticks/],
    [
      'one with a warning',
      { last: line(1_000, { warning: 'the API token can’t list the pool’s agents' }) },
      /^warning deployment\.tick-warning/,
    ],
  ])('%s are exactly one finding', (_, more, expected) => {
    const all = found(more);
    expect(all).toHaveLength(1);
    expect(all[0]).toMatch(expected);
  });

  it('are not expected while the launcher is paused', () => {
    expect(found({}, true)).toEqual([]);
  });

  describe('after a change of the stack or its schedule', () => {
    const changed = (agoMs: number, more: Partial<Ticks> = {}): string[] =>
      shown(checkTicks({ value: ticks(more) }, { silentMs: SILENT_MS, paused: false, changedAtMs: NOW - agoMs }, NOW));

    it.each([{}, { last: line(SILENT_MS + 60_000) }])('are not missing yet: %o', (more) => {
      const [finding = '', ...others] = changed(120_000, more);
      expect(others).toEqual([]);
      expect(finding).toMatch(
        /^note deployment\.last-tick: The launcher has not ticked yet\..* changed 2 minutes ago\./,
      );
      expect(finding).toContain('Run doctor again in 3 minutes.');
    });

    it('are missing when the time is over', () => {
      expect(changed(SILENT_MS)[0]).toMatch(/^error deployment\.last-tick: The launcher has not ticked in the last/);
    });
  });

  it('with a rejected token say how to replace it, and name the system once', () => {
    const message = 'HCP Terraform: the API token in secret acme/api-token was rejected, also after reading it again';
    const [finding = ''] = found({ last: line(1_000, { errors: [{ ...rejected, message }] }) });
    expect(finding).toMatch(/failed for pool aws: HCP Terraform: the API token/);
    expect(finding).toMatch(/"Manage agent pools".*--secret-id acme\/api-token /);
  });

  it('with the same error in two pools have one finding that names both', () => {
    const last = { ...line(1_000), pools: ['aws', 'gcp'].map((pool) => ({ pool, errors: [error] })) };
    expect(found({ last })).toHaveLength(1);
    expect(found({ last })[0]).toContain('failed for the pools aws and gcp: ECS: ECS did not answer.');
  });

  it('that can’t be read are a warning', () => {
    expect(checkTicks(DENIED, { silentMs: SILENT_MS, paused: false }, NOW).map(({ severity }) => severity)).toEqual([
      'warning',
    ]);
  });
});

describe('jobs that wait', () => {
  const places = { region: 'eu-central-1', pools: [{ name: 'aws', maxAgents: 2 }] };
  const waiting = (pool: Partial<TickLine['pools'][number]>): string[] => {
    const last: TickLine = {
      message: 'tick',
      timestamp: new Date(NOW).toISOString(),
      durationMs: 500,
      runListRequests: 1,
      pools: [{ pool: 'aws', ...pool }],
    };
    return shown(checkWaiting(last, places));
  };
  const launch = { job: 'run-1/plan', reason: 'queued', outcome: 'refused' };

  it('without a reason in the last tick are no finding', () => {
    expect(waiting({ queued: 1, live: { starting: 1 } })).toEqual([]);
    expect(waiting({ queued: 0, live: { busy: 2 } })).toEqual([]);
    expect(checkWaiting(undefined, places)).toEqual([]);
  });

  it('because ECS refuses tasks are an error with the cause and the remedy', () => {
    const texts = { cause: 'access', detail: 'AccessDenied: no', remedy: 'the role may not do this. Deploy again' };
    expect(waiting({ launches: [{ ...launch, ...texts }] })).toEqual([
      'error deployment.launches-refused: ECS refuses to start agents of pool aws (access): AccessDenied: no. Jobs wait for an agent. The role may not do this. Deploy again. A run that waits: `agent-launcher why run-1`.',
    ]);
  });

  it.each([
    [{}, /No task of this launcher is live\. So other tasks of the account use the quota in eu-central-1/],
    [{ busy: 1 }, /Or lower maxAgents: this launcher has 1 live task\./],
  ])('because of the quota have a remedy that fits the live tasks %j', (live, expected) => {
    const texts = { cause: 'quota', detail: 'reached the limit', remedy: 'Raise it, or lower maxAgents' };
    const [finding = ''] = waiting({ live, launches: [{ ...launch, ...texts }] });
    expect(finding).toMatch(/^error deployment\.launches-refused: .*\(quota\): Reached the limit\./);
    expect(finding).toMatch(expected);
  });

  it('because tasks fail to start are an error with the remedy, also if the line has none', () => {
    const detail = 'CannotPullContainerError: 429 Too Many Requests - Server message: toomanyrequests';
    expect(waiting({ startFailures: [{ task: 't', detail, cause: 'image', remedy: 'do this' }] })[0]).toMatch(
      /^error deployment\.start-failures: .*toomanyrequests\. Jobs wait for an agent\. Do this\.$/,
    );
    expect(waiting({ startFailures: [{ task: 't', detail }] })[0]).toMatch(/The registry’s pull limit is used up/);
  });

  it('because an agent can’t register come with the command that prints its log', () => {
    const remedy = 'the agent ended before it registered. Find the cause in its log. Common causes are others';
    expect(waiting({ startFailures: [{ task: 't1', detail: 'exit code 1', cause: 'agent', remedy }] })[0]).toContain(
      'Find the cause in its log (`agent-launcher logs t1`).',
    );
  });

  it('for a free slot are a note, because they continue on their own', () => {
    const deferrals = [{ jobKey: 'run-2/plan', cause: 'max-agents', reason: '2 live tasks of maxAgents 2' }];
    const expected =
      /^note deployment\.pool-full: Pool aws is full: 2 live tasks of maxAgents 2 \(1 busy, 1 idle\), 1 queued\. .*raise maxAgents \(now 2\): run `agent-launcher setup --pool aws --max-agents 4`/;
    expect(waiting({ queued: 1, live: { busy: 1, idle: 1 }, deferrals })[0]).toMatch(expected);
    expect(waiting({ queued: 1, live: { busy: 1, idle: 1 } })[0]).toMatch(expected);
  });

  it('for another limit are a note with the reason', () => {
    const deferrals = [{ jobKey: 'run-2/plan', cause: 'agents-ceiling', reason: 'every agent is registered' }];
    expect(waiting({ deferrals })).toEqual([
      expect.stringMatching(/^note deployment\.launches-deferred: .*1 job now \(agents-ceiling\): Every agent/),
    ]);
  });
});

describe('alarms', () => {
  const alarm = {
    name: 'AgentLauncher: A job waits too long (aws)',
    description: 'A job has waited. Runbook: docs/runbook.md, "A job waits too long".',
    reason: 'Threshold Crossed',
    sinceMs: NOW,
  };
  it('in the state ALARM are errors with their heading in the runbook', () => {
    expect(shown(checkAlarms({ value: [alarm] }))).toEqual([
      'error deployment.alarms: The alarm "AgentLauncher: A job waits too long (aws)" is in the state ALARM since 2026-11-29 12:00 UTC. A job has waited. Follow docs/runbook.md, "A job waits too long".',
    ]);
    expect(runbookHeading('AgentLauncher: Launcher silent')).toBe('Launcher silent');
  });

  it('without one are ok, and unreadable ones a warning', () => {
    expect(checkAlarms({ value: [] })[0]?.severity).toBe('ok');
    expect(checkAlarms(DENIED)[0]?.severity).toBe('warning');
  });
});

it.each([
  ['young', [3], 'ok'],
  ['old', [3, 25, 49], 'warning'],
  ['missing', [], 'ok'],
])('tasks that are %s are reported as it matters', (_, hours, severity) => {
  const value = hours.map((each) => ({
    id: `task${each}`,
    createdAtMs: NOW - each * 3_600_000,
    lastStatus: 'RUNNING',
    desiredStatus: 'RUNNING',
  }));
  const finding = checkTasks({ value }, 24, NOW);
  expect(finding.severity).toBe(severity);
  if (severity === 'warning')
    expect(finding.what).toContain('task25 (25 hours, RUNNING) and task49 (49 hours, RUNNING)');
});

it('an old task that stops needs no advice, and a task without a time isn’t old', () => {
  const stopping = { id: 'a', createdAtMs: NOW - 48 * 3_600_000, lastStatus: 'RUNNING', desiredStatus: 'STOPPED' };
  const fresh = { id: 'b', createdAtMs: undefined, lastStatus: 'PROVISIONING', desiredStatus: 'RUNNING' };
  expect(checkTasks({ value: [stopping, fresh] }, 24, NOW)).toMatchObject({
    severity: 'ok',
    what: 'One task is live, none for more than 24 hours.',
  });
});

it.each([
  ['0.2.0', '0.2.0', 'ok'],
  ['0.1.0', '0.2.0', 'note'],
  [undefined, '0.2.0', 'note'],
])('the deployed version %s and the command %s are reported as %s', (deployed, command, severity) => {
  expect(checkVersion(deployed, command).severity).toBe(severity);
});
