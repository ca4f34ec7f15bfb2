import { expect, it } from 'vitest';
import { Ec2Rates, type RatedRequest } from '../../../../local/aws/core/ec2/rates.ts';

/** How many requests at the same time have enough tokens. */
function burstOf(rates: Ec2Rates, request: RatedRequest, atMs = 0): number {
  let count = 0;
  while (count < 2_000 && rates.take(request, atMs)) count += 1;
  return count;
}

const one = (action: string, isNarrow = true): RatedRequest => ({ action, instances: 1, isNarrow });

it('each action has the bucket that AWS documents', () => {
  const bursts = [
    one('RunInstances'),
    one('StartInstances'),
    one('StopInstances'),
    one('TerminateInstances'),
    one('ModifyInstanceAttribute'),
    one('CreateTags'),
    one('DescribeInstances'),
    one('DescribeInstances', false),
  ].map((request) => burstOf(new Ec2Rates(), request));
  expect(bursts).toEqual([5, 5, 50, 100, 50, 100, 100, 50]);
});

it('a bucket refills at its rate, and is one action’s own', () => {
  const rates = new Ec2Rates();
  burstOf(rates, one('StartInstances'));
  expect(burstOf(rates, one('StartInstances'), 1_000)).toBe(2);
  expect(burstOf(rates, one('RunInstances'), 1_000)).toBe(5);
});

it('a request also takes one token for each instance', () => {
  const rates = new Ec2Rates();
  const many = { action: 'StartInstances', instances: 600, isNarrow: true };
  expect([rates.take(many, 0), rates.take(many, 0), rates.take({ ...many, instances: 400 }, 0)]).toEqual([
    true,
    false,
    true,
  ]);
});
