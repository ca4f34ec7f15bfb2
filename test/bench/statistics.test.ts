import { expect, it } from 'vitest';
import { bytesByPackage } from '../../bench/cold-start.ts';
import { idealLaunches, idealLaunchSeconds, median, percentile } from '../../bench/statistics.ts';
import { failedTick } from '../../bench/wire/tick-line.ts';

it.each([
  [0.5, 50],
  [0.95, 95],
  [0.99, 99],
  [1, 100],
  [0, 1],
])('the percentile %d of 1 to 100 is %d', (share, value) => {
  const values = Array.from({ length: 100 }, (_, n) => 100 - n);
  expect(percentile(values, share)).toBe(value);
});

it('a list without values has no percentile', () => {
  expect(percentile([], 0.5)).toBeUndefined();
});

it('the median of an even number of values is the lower one of the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2);
});

it.each([
  [1, 0],
  [20, 0],
  [100, 4],
  [200, 9],
  [1000, 49],
])('ECS can launch %d jobs in %d s', (jobs, seconds) => {
  expect(idealLaunchSeconds(jobs)).toBe(seconds);
  expect(idealLaunches(seconds, jobs)).toBe(jobs);
});

it('ECS launches no more jobs than there are', () => {
  expect(idealLaunches(10, 50)).toBe(50);
  expect(idealLaunches(1, 50)).toBe(40);
});

it('the bytes of a bundle belong to the innermost package, and other files to their folder', () => {
  const inputs = {
    'node_modules/a/x.js': { bytesInOutput: 1 },
    'node_modules/a/node_modules/@s/b/y.js': { bytesInOutput: 5 },
    'node_modules/@s/b/z.js': { bytesInOutput: 2 },
    'functions/launcher/core/decide.ts': { bytesInOutput: 3 },
  };
  expect(bytesByPackage(inputs)).toEqual([
    { name: '@s/b', bytes: 7 },
    { name: 'functions/launcher', bytes: 3 },
    { name: 'a', bytes: 1 },
  ]);
});

it.each([
  ['{"level":"INFO","message":"tick","pools":[]}', false],
  ['{"level":"ERROR","message":"tick with errors","pools":[]}', true],
  ['{"_aws":{"Timestamp":1},"QueuedJobs":1}', undefined],
  ['{"level":"WARN","message":"a run of a nudge could not be read"}', undefined],
])('the failure of a tick is read from the line %s', (line, failed) => {
  expect(failedTick(line)).toBe(failed);
});
