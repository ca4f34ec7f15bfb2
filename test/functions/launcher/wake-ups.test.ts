import { describe, expect, it } from 'vitest';
import { wokenBy } from '../../../functions/launcher/wake-ups.ts';

const poll = (untilMs: unknown) => JSON.stringify({ kind: 'poll', untilMs });
const nudge = (runId: unknown) => JSON.stringify({ kind: 'nudge', runId });
const batch = (...bodies: string[]) => ({ Records: bodies.map((body) => ({ body, messageId: 'm', attributes: {} })) });
const NOTHING = { runIds: [] };

describe('the event of an invocation', () => {
  it.each([
    ['the schedule', { source: 'aws.scheduler', 'detail-type': 'Scheduled Event' }],
    ['a person without a payload', {}],
    ['a person with a payload that isn’t an object', 'now'],
    ['a person with null', null],
    ['nobody', undefined],
  ])('contains no wake-ups if the caller is %s', (_, event) => {
    expect(wokenBy(event)).toBeUndefined();
  });

  it('becomes one wake-up, however many messages it has', () => {
    expect(wokenBy(batch(nudge('run-a1'), poll(5), nudge('run-B2'), poll(7), poll(6)))).toEqual({
      untilMs: 7,
      runIds: ['run-a1', 'run-B2'],
    });
  });

  it.each([
    ['a body that isn’t JSON', batch('{')],
    ['a body that isn’t an object', batch('7', 'null', '"poll"')],
    ['an unknown kind', batch('{"kind":"launch"}')],
    ['a poll without a time', batch('{"kind":"poll"}')],
    [
      'a poll with a time that isn’t an integer',
      batch(poll('soon'), poll(1.5), poll(-1), poll(null), '{"kind":"poll","untilMs":1e999}'),
    ],
    ['a poll with an unknown member', batch('{"kind":"poll","untilMs":1,"launch":5}')],
    [
      'a nudge with an id that isn’t a run’s',
      batch(
        nudge('ws-1'),
        nudge('run-'),
        nudge('run-1/../x'),
        nudge('run-1?x'),
        nudge(7),
        nudge(`run-${'a'.repeat(65)}`),
      ),
    ],
    ['no records', { Records: [] }],
    ['records that aren’t a list', { Records: 'x' }],
    ['records without bodies', { Records: [{}, { body: 7 }] }],
  ])('says nothing if it has %s', (_, event) => {
    expect(wokenBy(event)).toEqual(NOTHING);
  });

  it('keeps what can be read of a batch', () => {
    expect(wokenBy(batch('{', nudge('run-1'), '{"kind":"poll"}'))).toEqual({ runIds: ['run-1'] });
  });
});
