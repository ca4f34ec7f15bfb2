import { expect, it } from 'vitest';
import { callbackPath } from '../../../../functions/nudge/core/callback-url.ts';
import { RecentSignatures } from '../../../../functions/nudge/core/recent.ts';
import { announcesJob } from '../../../../functions/nudge/core/triggers.ts';

const PATH = '/api/v2/task-results/5ea8d46c-2ceb-42cd-83f2-82e54697bddd/callback';

it.each(['app.terraform.io', 'app.eu.terraform.io', 'tfe.example.com:8443'])(
  'a callback on the configured host %s has a path',
  (hostname) => {
    expect(callbackPath(`https://${hostname}${PATH}`, hostname)).toBe(PATH);
  },
);

it.each([
  'https://app.eu.terraform.io',
  'https://bpp.terraform.io',
  'http://app.terraform.io/',
  'https://app.terraform.io:8443',
  'https://app.terraform.io.example.com',
])('a callback on %s has no path if the configured host is app.terraform.io', (origin) => {
  expect(callbackPath(`${origin}${PATH}`, 'app.terraform.io')).toBeUndefined();
});

it.each([
  '/api/v2/task-results/guid/callback?x=1',
  '/api/v2/task-results/guid/callback#x',
  '/api/v2/task-results/../organizations/callback',
  '/api/v2/task-results//callback',
  '/api/v2/runs/run-1/actions/apply',
  '/',
])('a callback has no path if it is not the documented one: %s', (path) => {
  expect(callbackPath(`https://app.terraform.io${path}`, 'app.terraform.io')).toBeUndefined();
});

it('the memory of signatures is bounded, and forgets the oldest one first', () => {
  const recent = new RecentSignatures();
  for (let n = 0; n <= 1_000; n += 1) recent.add(`${n}`);
  expect([recent.has('0'), recent.has('1'), recent.has('1000')]).toEqual([false, true, true]);
});

it('one nudging trigger among several announces a job', () => {
  expect(announcesJob(['run:completed', 'run:planning'])).toBe(true);
  expect(announcesJob(['run:completed'])).toBe(false);
});
