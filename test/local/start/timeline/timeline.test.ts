import { expect, test } from 'vitest';
import { failOperation } from '../../../../local/hcp-terraform/runs.ts';
import { summarize } from '../../../../local/start/summary.ts';
import { timelineHtml } from '../../../../local/start/timeline/timeline.ts';
import { at, GATEWAY, modelOf, run, START, STORY, task } from '../story.ts';

const facts = {
  durationMs: 20_000,
  terraform: undefined,
  invocations: { total: 1, failed: 0 },
  expected: new Map<string, string>(),
  recoveries: [],
  trouble: undefined,
};
const htmlOf = (events = STORY) => {
  const model = modelOf(events);
  return timelineHtml(model, START, summarize(model, facts));
};

test('the timeline loads nothing and runs no script', () => {
  const html = htmlOf();
  expect(html).not.toMatch(/https?:|<script|<link|@import|url\(|\bsrc=/);
  expect(html).toMatch(/^<!doctype html>\n<html lang="en">/);
});

test('the timeline supports light and dark mode and screen readers', () => {
  const html = htmlOf();
  expect(html).toContain('<meta name="color-scheme" content="light dark">');
  expect(html).toContain(
    'aria-label="network, apply, applied: waits its turn 1.0 s, queued 2.0 s, starting 2.0 s, busy 1.0 s, waits for a person 3.0 s,',
  );
  expect(html).toContain('<th scope="col">Workspace</th>');
});

test('the timeline places each segment at its time, with a tooltip', () => {
  const html = htmlOf();
  expect(html).toContain(
    '<span class="part queued" style="left:5%;width:10%" title="queued (plan) 2.0 s\nfrom 1.0 s to 3.0 s',
  );
  expect(html).toContain(
    '<span class="part busy" style="left:60%;width:15%" title="busy (apply) 3.0 s\nfrom 12.0 s to 15.0 s\ncontainer task-apply">apply</span>',
  );
  expect(html).toContain('<code>task-app</code> <span>network apply</span> <small>exit 0</small>');
});

test('the timeline keeps the last label of its scale inside the chart', () => {
  expect(htmlOf()).toContain('<span class="before" style="left:100%">20 s</span>');
  expect(htmlOf()).toContain('<span style="left:50%">10 s</span>');
});

test('the timeline shows a lost job as lost', () => {
  const html = htmlOf([...STORY.slice(0, 6), task(6, 'task-plan', 'STOPPED', 'run-a/plan', 137)]);
  expect(html).toContain('<span class="part lost" style="left:30%;width:70%" title="lost (plan) 14.0 s');
});

test('the timeline shows problems and a run that did not end', () => {
  const html = htmlOf([run(0, 'b', 'plan_queued')]);
  expect(html).toContain('<strong class="bad">No agent took the job run-b/plan.');
  expect(html).toContain('plan_queued, not ended');
});

test('the timeline shows the product, the date, and how the system survived the faults', () => {
  const model = modelOf(STORY);
  const recoveries = [
    { kind: 'launcher-killed', recovered: true, text: 'the launcher was killed; it came back' },
    { kind: 'agent-killed', recovered: false, text: 'an agent was killed, and nothing followed' },
  ] as const;
  const html = timelineHtml(model, START, summarize(model, { ...facts, recoveries }));
  expect(html).toContain('<p class="product">agent-launcher demo · 2 January 2026</p>');
  expect(html).toContain('<li><span class="good">✓</span> the launcher was killed; it came back</li>');
  expect(html).toContain('<li><span class="bad">✗</span> an agent was killed, and nothing followed</li>');
  expect(html).toContain('The system did not recover: an agent was killed, and nothing followed.');
});

test('the timeline shows why a run errored', () => {
  const html = htmlOf([
    ...STORY.slice(0, 5),
    ({ world }) => {
      const failed = world.runs.get('run-a');
      if (failed === undefined) throw new Error('The story has no run-a');
      failed.plan.log.push(Buffer.from('Error: Invalid value for variable\n\nAsk for fewer.\n'));
      failOperation(failed, failed.plan, 'It failed.', at(9));
    },
  ]);
  expect(html).toContain('<div class="remark">Invalid value for variable: Ask for fewer.</div>');
});

test('the timeline escapes names', () => {
  const html = htmlOf([run(0, 'b', 'plan_queued', { workspace: '<img onerror="x">' })]);
  expect(html).not.toContain('<img');
  expect(html).toContain('&lt;img onerror=&quot;x&quot;&gt;');
});

test('the timeline can be created without any runs', () => {
  expect(htmlOf([])).toContain('0 runs, 0 jobs, 0 containers');
});

test('the timeline has a lane of the gateway, and says which time was skipped', () => {
  const model = modelOf(STORY, 20, { ...GATEWAY, skips: [{ atMs: at(16.5), ms: 600_000 }] });
  const html = timelineHtml(model, START, summarize(model, facts));
  expect(html).toContain(
    'aria-label="gateway-1: asleep 1.0 s, starting 2.0 s, awake 14.0 s, stopping 2.0 s, asleep 1.0 s"',
  );
  expect(html).toContain(
    '<span class="part awake" style="left:15%;width:70%" title="awake 14.0 s\nfrom 3.0 s to 17.0 s">awake</span>',
  );
  expect(html).toContain('At 16.5 s, the demo skipped 10 min');
  expect(htmlOf()).not.toContain('gateway-1');
});
