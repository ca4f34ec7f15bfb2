import { expect, it } from 'vitest';
import { checkSwitches, type ObservedSwitches } from '../../../../cli/core/doctor/switches.ts';
import { DENIED, shown } from './builders.ts';

const ON = { value: { enabled: true, expression: 'rate(1 minute)' } };
const OFF = { value: { enabled: false, expression: 'rate(1 minute)' } };

const check = (more: Partial<ObservedSwitches>) =>
  checkSwitches('AgentLauncher', { schedule: ON, concurrency: { value: undefined }, queues: { value: [] }, ...more });
const queue = (state: string) => ({ value: [{ id: 'q', state }] });

it('a paused launcher is one finding, which may be on purpose', () => {
  expect(shown(check({ schedule: OFF, concurrency: { value: 0 } }))).toEqual([
    'error deployment.schedule: The launcher is paused: its schedule AgentLauncher is off, and the reserved concurrency of its function is 0. Queued runs wait. ' +
      'No agent starts for queued runs, and no task that hangs is stopped. ' +
      "Ask the person who paused it: an upgrade may be in progress. If you don't know who it was, look for the event UpdateSchedule: " +
      '`aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=UpdateSchedule`. ' +
      'When the work is done, run `agent-launcher resume`.',
  ]);
});

it.each([
  ['on', ON, 'ok'],
  ['off', OFF, 'error'],
  ['missing', { value: undefined }, 'error'],
  ['unreadable', DENIED, 'warning'],
] as const)('a schedule that is %s is reported as it matters', (_, schedule, severity) => {
  expect(check({ schedule }).map((finding) => finding.severity)).toEqual([severity, 'ok']);
});

it.each([
  ['0', { value: 0 }, 'error'],
  ['1', { value: 1 }, 'ok'],
  ['not set', { value: undefined }, 'ok'],
  ['unreadable', DENIED, 'warning'],
] as const)('a reserved concurrency that is %s is reported as it matters', (_, concurrency, severity) => {
  expect(check({ concurrency }).map((finding) => finding.severity)).toEqual(['ok', severity]);
});

it.each<[string, Partial<ObservedSwitches>, (string | RegExp)[]]>([
  ['on', { queues: queue('Enabled') }, ['ok', 'ok']],
  ['off', { queues: queue('Disabled') }, ['ok', 'ok', /^warning deployment\.queue: .* its queue of wake-ups is off/]],
  ['unreadable', { queues: DENIED }, ['ok', 'ok', /^warning deployment\.queue: .*lambda:ListEventSourceMappings/]],
  [
    'on while the schedule is off',
    { schedule: OFF, queues: queue('Enabled') },
    [/^error deployment\.schedule: The launcher is partly paused: .*Its queue of wake-ups is still on/, 'ok'],
  ],
  [
    'off while the schedule is off',
    { schedule: OFF, queues: queue('Disabled') },
    [/^error deployment\.schedule: The launcher is paused: .*, and nothing else invokes it/, 'ok'],
  ],
])('a queue of wake-ups that is %s is reported as it matters', (_, switches, expected) => {
  expect(shown(check(switches))).toEqual(
    expected.map((one) => expect.stringMatching(one instanceof RegExp ? one : new RegExp(`^${one} `))),
  );
});
