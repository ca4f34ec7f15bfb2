import { expect, test } from 'vitest';
import { type Incident, recoveriesOf } from '../../../local/start/incidents.ts';
import { announcement } from '../../../local/start/scenario.ts';
import { at, modelOf, run, STORY, task } from './story.ts';

const KILLED: Incident = { kind: 'agent-killed', atMs: at(3), taskId: 'task-old', jobKey: 'run-a/plan' };
const REFUSED: Incident = { kind: 'launch-refused', atMs: at(2), pool: 'production' };
const LAUNCHER: Incident = { kind: 'launcher-killed', atMs: at(4) };
const NOTHING = { invokedAtMs: [], refusals: [] };
const only = (incident: Incident, events = STORY, launcher: Parameters<typeof recoveriesOf>[2] = NOTHING) =>
  recoveriesOf([incident], modelOf(events), launcher)[0];

test('the launcher recovered if an invocation followed', () => {
  expect(only(LAUNCHER, STORY, { ...NOTHING, invokedAtMs: [at(1), at(6)] })).toEqual({
    kind: 'launcher-killed',
    recovered: true,
    text: 'the launcher was killed; the next invocation ended 2.0 s later',
  });
  expect(only(LAUNCHER, STORY, { ...NOTHING, invokedAtMs: [at(1)] })?.recovered).toBe(false);
});

test('a killed agent was survived if another agent took its job', () => {
  expect(only(KILLED)).toEqual({
    kind: 'agent-killed',
    recovered: true,
    text: 'an agent was killed before it got a job; another one took network apply: plan 2.0 s later',
  });
});

test('a killed agent was not survived if its job waits, or if only the killed agent took it', () => {
  expect(only(KILLED, [run(0, 'a', 'plan_queued')])?.recovered).toBe(false);
  expect(only({ ...KILLED, taskId: 'task-plan' })?.recovered).toBe(false);
});

test('a refused launch was survived if an agent took the job later', () => {
  const refusals = [{ atMs: at(3), jobKey: 'run-a/plan' }];
  expect(only(REFUSED, STORY, { ...NOTHING, refusals })).toEqual({
    kind: 'launch-refused',
    recovered: true,
    text: 'ECS refused to launch a task for network apply: plan; an agent took the job 2.0 s later',
  });
  expect(
    only(REFUSED, [run(0, 'a', 'plan_queued'), task(1, 'x', 'PENDING', '')], { ...NOTHING, refusals })?.recovered,
  ).toBe(false);
});

test('a refusal that never came counts as a fault of the demo', () => {
  expect(only(REFUSED)).toMatchObject({ recovered: false, text: 'ECS refused no launch in production' });
});

test.each([
  [true, false],
  [false, false],
  [true, true],
])('the announcement fits 80 columns (with Terraform: %s, with a gateway: %s)', (hasTerraform, hasGateway) => {
  const lines = announcement(hasTerraform, hasGateway);
  expect(lines.some((line) => line.includes('gateway'))).toBe(hasGateway);
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect(lines[0]).toContain(`11 runs in 6 workspaces, with ${hasTerraform ? 17 : 18} jobs`);
});
