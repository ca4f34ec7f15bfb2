import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { EMPTY_MODEL } from '../../../local/start/model.ts';
import { changeLines, clip, type Frame, frame } from '../../../local/start/screen.ts';
import { at, modelOf, run, START, STORY } from './events.ts';

const view: Frame = {
  now: at(20),
  startedAt: START,
  columns: 130,
  rows: 30,
  colour: false,
  header: ['where everything is'],
  notes: ['launched one'],
  footer: 'how it ends',
};

describe('the table', () => {
  test('has a row for a run with its state, its waits, its containers and a bar', () => {
    const lines = frame(modelOf(STORY), view);
    const row = lines.find((line) => line.includes('network')) ?? '';
    expect(row).toMatch(
      /^ network +production +apply +✓ applied +7\.0 s +4\.0 s +task-pla task-app +·?░+▒+█+╌+░*▒+█+ *$/,
    );
    expect(lines.join('\n')).toContain('0 queued  0 starting  0 busy  2 done  │  containers: 0 now, 2 so far');
    expect(lines).toEqual(expect.arrayContaining([' where everything is', ' launched one', ' how it ends']));
  });

  test.each([80, 100, 200])('fits into %i columns, with colours too', (columns) => {
    for (const colour of [false, true]) {
      const long = run(0, 'b', 'plan_queued', { workspace: 'a-workspace-with-a-name-that-nobody-can-remember' });
      for (const line of frame(modelOf([...STORY, long]), { ...view, columns, colour })) {
        expect(stripVTControlCharacters(line).length).toBeLessThanOrEqual(columns);
      }
    }
  });

  test('fits into the rows: what is over scrolls away first', () => {
    const events = Array.from({ length: 30 }, (_, index) => [
      run(index, `${index}`, 'plan_queued', { workspace: `ws-${index}`, title: 'plan' }),
      ...(index === 3 ? [] : [run(index, `${index}`, 'errored', { workspace: `ws-${index}`, title: 'plan' })]),
    ]).flat();
    const lines = frame(modelOf(events), { ...view, rows: 24 });
    expect(lines.length).toBeLessThan(24);
    expect(lines.some((line) => line.includes('ws-3 '))).toBe(true);
    expect(lines.some((line) => line.includes('ws-29 '))).toBe(true);
    expect(lines.some((line) => line.includes('ws-4 '))).toBe(false);
  });

  test('marks a failed run', () => {
    const lines = frame(modelOf([run(0, 'a', 'plan_queued'), run(1, 'a', 'errored')]), view);
    expect(lines.join('\n')).toContain('✗ errored');
  });
});

test('a line is cut by what is seen of it', () => {
  expect(clip('\u001b[1mabc\u001b[0mdef', 4)).toBe('\u001b[1mabc\u001b[0md');
});

test('where nobody watches a table, each change is a line', () => {
  const before = modelOf(STORY.slice(0, 2));
  const after = modelOf(STORY.slice(0, 7));
  expect(changeLines(EMPTY_MODEL, before, at(1), START)).toEqual([
    '   1.0 s  run   network     apply   plan_queued  (run-a)',
  ]);
  expect(changeLines(before, after, at(5), START)).toEqual([
    '   5.0 s  run   network     apply   planning after 4.0 s in the queue of production  (run-a)',
    '   5.0 s  task  task-pla production RUNNING for run-a/plan',
  ]);
  expect(changeLines(after, after, at(6), START)).toEqual([]);
});
