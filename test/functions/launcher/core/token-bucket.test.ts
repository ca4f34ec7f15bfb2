import { describe, expect, it } from 'vitest';
import { FARGATE_STARTS, RUN_TASK_CALLS, TokenBucket } from '../../../../functions/launcher/core/token-bucket.ts';
import { NOW, seconds } from './builders.ts';

/** Sends calls as fast as the bucket allows. @returns when each of them was sent, in seconds */
function send(bucket: TokenBucket, calls: number, fromMs = NOW): number[] {
  let nowMs = fromMs;
  return Array.from({ length: calls }, () => {
    nowMs += bucket.waitMs(nowMs);
    bucket.take(nowMs);
    return (nowMs - NOW) / 1000;
  });
}

describe('a token bucket', () => {
  it.each([
    ['RunTask calls, less a margin', RUN_TASK_CALLS, 10],
    ['starts of Fargate tasks', FARGATE_STARTS, 100],
  ])('allows the documented burst of %s at once, and 20 per second after that', (_, limit, burst) => {
    const sent = send(new TokenBucket(limit, NOW), burst + 40);
    expect(sent.filter((at) => at === 0)).toHaveLength(burst);
    expect(sent.at(-1)).toBeCloseTo(2, 1);
  });

  it('fills up again, but never beyond the burst', () => {
    const bucket = new TokenBucket(RUN_TASK_CALLS, NOW);
    send(bucket, 10);
    expect(send(bucket, 11, NOW + seconds(60)).slice(9)).toEqual([60, 60.05]);
  });

  it('halves its rate and is empty after a throttled call', () => {
    const bucket = new TokenBucket(RUN_TASK_CALLS, NOW);
    bucket.throttled(NOW, NOW);
    expect(bucket.waitMs(NOW)).toBe(100);
  });

  it('ignores throttled calls that weren’t sent after the last reduction', () => {
    const bucket = new TokenBucket(RUN_TASK_CALLS, NOW);
    bucket.throttled(NOW, NOW + 100);
    bucket.throttled(NOW + 50, NOW + 100);
    expect(bucket.waitMs(NOW + 100)).toBe(100);
    bucket.throttled(NOW + 100, NOW + 100);
    expect(bucket.waitMs(NOW + 100)).toBe(100);
    bucket.throttled(NOW + 101, NOW + 101);
    expect(bucket.waitMs(NOW + 101)).toBe(200);
  });

  it('never becomes slower than one call per second', () => {
    const bucket = new TokenBucket(RUN_TASK_CALLS, NOW);
    for (let i = 0; i < 10; i += 1) bucket.throttled(NOW + i, NOW + i);
    expect(bucket.waitMs(NOW + 9)).toBe(1000);
  });

  it('returns to the documented rate by one call per second in each second', () => {
    const bucket = new TokenBucket(RUN_TASK_CALLS, NOW);
    bucket.throttled(NOW, NOW);
    const slow = send(bucket, 200, NOW);
    const rateAt = (from: number) => slow.filter((at) => at >= from && at < from + 1).length;
    expect([rateAt(0), rateAt(4), rateAt(9)]).toEqual([10, 15, 19]);
  });

  it('doesn’t run backwards if the clock does', () => {
    const bucket = new TokenBucket(RUN_TASK_CALLS, NOW);
    send(bucket, 10);
    expect(bucket.waitMs(NOW - seconds(10))).toBe(50);
    expect(bucket.waitMs(NOW + 50)).toBe(0);
  });
});
