import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { ChangeLog } from '../../../../local/start/terminal/change-log.ts';
import { painted, wrapped } from '../../../../local/start/terminal/line.ts';
import { frame, type View } from '../../../../local/start/terminal/screen.ts';
import { GATEWAY, modelOf, run, START, STORY, task } from '../story.ts';

const view: View = {
  startedAt: START,
  columns: 130,
  rows: 30,
  colour: false,
  header: ['where everything is'],
  notes: ['launched one'],
  footer: 'how it ends',
};

test('the table has a row for a run with its state, its waits, its containers and a bar', () => {
  const lines = frame(modelOf(STORY), view);
  const row = lines.find((line) => line.includes('network')) ?? '';
  expect(row).toMatch(
    /^ network +production +apply +✓ applied +7\.0 s +4\.0 s +task-pla task-app +·?░+▒+█+╌+░*▒+█+ *$/,
  );
  expect(lines.join('\n')).toContain('0 queued  0 starting  0 busy  2 done  │  containers: 0 now, 2 so far');
  expect(lines).toEqual(expect.arrayContaining([' where everything is', ' launched one', ' how it ends']));
});

test.each([20, 40, 60, 80, 100, 200])('the table fits into %i columns, even with colors', (columns) => {
  for (const colour of [false, true]) {
    const long = run(0, 'b', 'plan_queued', { workspace: 'a-workspace-with-a-name-that-nobody-can-remember' });
    for (const line of frame(modelOf([...STORY, long]), { ...view, columns, colour })) {
      expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(columns);
    }
  }
});

test('the table drops finished runs first if there are too few rows', () => {
  const events = Array.from({ length: 30 }, (_, index) => [
    run(index, `${index}`, 'plan_queued', { workspace: `ws-${index}`, kind: 'plan' }),
    ...(index === 3 ? [] : [run(index, `${index}`, 'errored', { workspace: `ws-${index}`, kind: 'plan' })]),
  ]).flat();
  const lines = frame(modelOf(events), { ...view, rows: 24 });
  expect(lines.length).toBeLessThan(24);
  expect(lines.some((line) => line.includes('ws-3 '))).toBe(true);
  expect(lines.some((line) => line.includes('ws-29 '))).toBe(true);
  expect(lines.some((line) => line.includes('ws-4 '))).toBe(false);
});

test.each([40, 60, 79])('the table keeps the workspace, the state and the lost jobs at %i columns', (columns) => {
  const events = [...STORY.slice(0, 6), task(6, 'task-plan', 'STOPPED', 'run-a/plan', 137)];
  const text = frame(modelOf(events, 7), { ...view, columns }).join('\n');
  expect(text).toMatch(/ network .*✗ lost/);
  expect(text).toContain('1 lost');
});

test.each([1, 2, 4, 8, 10, 16])('the table keeps the runs at %i rows', (rows) => {
  const events = Array.from({ length: 9 }, (_, index) =>
    run(index, `${index}`, 'plan_queued', { workspace: `ws-${index}` }),
  );
  const lines = frame(modelOf(events), { ...view, rows, columns: 60 });
  expect(lines.length).toBeLessThanOrEqual(Math.max(1, rows - 1));
  expect(lines.filter((line) => line.includes('○ queued')).length).toBeGreaterThanOrEqual(Math.min(6, rows - 2));
});

test('if rows are missing, the footer and the newest note stay longer than everything else around the table', () => {
  const lines = frame(modelOf(STORY), { ...view, rows: 8, notes: ['older', 'newest'] });
  const text = lines.join('\n');
  expect(text).toContain('newest');
  expect(text).toContain('how it ends');
  expect(text).not.toContain('older');
  expect(text).toContain('network');
});

test('the table shows a long note completely', () => {
  const note = `it is lost: ${'because of this and that '.repeat(8)}at the end`;
  const lines = frame(modelOf(STORY), { ...view, columns: 60, notes: [note] });
  expect(lines.join(' ').replaceAll(/\s+/g, ' ')).toContain(note.replaceAll(/\s+/g, ' '));
});

test.each([
  [['planned_and_finished'], '✓ planned'],
  [['planned_and_saved'], '✓ plan saved'],
  [['force_canceled'], '✗ force-ended'],
  [['planned', 'discarded'], '✗ discarded'],
])('the table shows the complete state after %j', (statuses, shown) => {
  const savePlan = statuses.includes('planned_and_saved');
  const events = ['plan_queued', ...statuses].map((status) => run(1, 'a', status, { savePlan }));
  const line = frame(modelOf(events), { ...view, columns: 80 }).find((text) => text.includes('network'));
  expect(line?.slice(31, 47).trim()).toBe(shown);
});

test('the table marks a failed run', () => {
  const lines = frame(modelOf([run(0, 'a', 'plan_queued'), run(1, 'a', 'errored')]), view);
  expect(lines.join('\n')).toContain('✗ errored');
});

test('a text is wrapped between words', () => {
  expect(wrapped('one two  three four', 9)).toEqual(['one two', '  three', '  four']);
  expect(wrapped('', 9)).toEqual(['']);
  expect(wrapped('one two\nthree', 20)).toEqual(['one two', '  three']);
});

test('a line is cut according to its visible width', () => {
  expect(painted([['abc', 'bold'], ['def']], 4, true)).toBe('\u001b[1mabc\u001b[22md');
});

test('without a screen, each change is logged as a line', () => {
  const log = new ChangeLog(START);
  expect(log.next(modelOf(STORY.slice(0, 2), 1), [])).toEqual([
    '   1.0 s  run   network     apply   plan_queued  (run-a)',
  ]);
  expect(log.next(modelOf(STORY.slice(0, 6), 5), [])).toEqual([
    '   5.0 s  run   network     apply   planning after 4.0 s in the queue of production  (run-a)',
    '   5.0 s  task  task-pla production RUNNING for run-a/plan',
  ]);
  expect(log.next(modelOf(STORY.slice(0, 6), 6), [])).toEqual([]);
});

test('the table has a row for the gateway, above the runs', () => {
  const lines = frame(modelOf(STORY, 20, GATEWAY), view);
  const row = lines.findIndex((line) => line.startsWith(' gateway-1 '));
  expect(lines[row]).toMatch(/^ gateway-1 +○ asleep +14\.0 s +t4g\.nano +·?▒+█+▁+·* *$/);
  expect(lines.findIndex((line) => line.includes('network'))).toBe(row + 1);
  expect(frame(modelOf(STORY), view).join('\n')).not.toContain('gateway');
});

test('without a screen, each phase of the gateway is logged once', () => {
  const log = new ChangeLog(START);
  const phases = [0, 2, 2, 5, 18, 20].flatMap((seconds) => {
    const known = GATEWAY.phases.filter(({ atMs }) => atMs <= START + seconds * 1000);
    return log.next(modelOf([], seconds, { ...GATEWAY, phases: known }), []);
  });
  expect(phases.map((line) => line.replace(/:.*/, ''))).toEqual([
    '   0.0 s  gate  gateway-1 asleep',
    '   2.0 s  gate  gateway-1 starting',
    '   5.0 s  gate  gateway-1 awake',
    '  18.0 s  gate  gateway-1 stopping',
    '  20.0 s  gate  gateway-1 asleep',
  ]);
});
