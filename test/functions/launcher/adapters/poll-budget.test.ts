import { beforeEach, describe, expect, it } from 'vitest';
import { POLLS_PER_MINUTE, PollBudget } from '../../../../functions/launcher/adapters/hcp-terraform/poll-budget.ts';
import { UpstreamError } from '../../../../functions/launcher/errors.ts';

let nowMs = 0;
let budget = new PollBudget(() => nowMs);
beforeEach(() => {
  nowMs = 1_000_000;
  budget = new PollBudget(() => nowMs);
});

const takeAll = (count = POLLS_PER_MINUTE) => {
  for (let i = 0; i < count; i += 1) budget.take();
};

/** How long the budget says to wait; `undefined` if it allows the request. */
function waitOf(ask: () => unknown): number | undefined {
  try {
    ask();
    return undefined;
  } catch (error) {
    if (error instanceof UpstreamError && error.fault === 'throttled') return error.retryAfterMs;
    throw error;
  }
}

describe('the poll budget', () => {
  it('is 24 of the 30 requests that HCP Terraform allows in a minute', () => {
    expect(POLLS_PER_MINUTE).toBe(24);
    takeAll();
    expect([budget.used, budget.taken]).toEqual([24, 24]);
    expect(waitOf(() => budget.take())).toBe(60_000);
    expect([budget.used, budget.taken]).toEqual([24, 24]);
  });

  it('allows another request as soon as the oldest one is 60 s old, and not earlier', () => {
    budget.take();
    nowMs += 10_000;
    takeAll(23);
    nowMs += 49_999;
    expect(waitOf(() => budget.take())).toBe(1);
    nowMs += 1;
    expect(budget.used).toBe(23);
    expect(waitOf(() => budget.take())).toBeUndefined();
    expect(waitOf(() => budget.take())).toBe(10_000);
    expect(budget.taken).toBe(25);
  });

  it('throws an error with the number of requests, the limit and the time until the next request', () => {
    takeAll();
    nowMs += 100;
    expect(() => budget.take()).toThrow(
      /24 requests.*last 60 s and allows itself 24 \(HCP Terraform allows 30\).*again in 60 s/,
    );
  });

  it('allows no request while HCP Terraform asks to wait, and the longest wait counts', () => {
    budget.blockFor(5_000);
    budget.blockFor(2_000);
    expect(waitOf(() => budget.take())).toBe(5_000);
    nowMs += 4_999;
    expect(waitOf(() => budget.take())).toBe(1);
    nowMs += 1;
    expect(waitOf(() => budget.take())).toBeUndefined();
  });
});

describe('reserved requests', () => {
  it('are not available to other callers until they are released', () => {
    const share = budget.setAside(4);
    takeAll(20);
    expect(waitOf(() => budget.take())).toBeGreaterThan(0);
    share.take();
    expect(budget.used).toBe(21);
    expect(waitOf(() => budget.take())).toBeGreaterThan(0);
    share.release();
    takeAll(3);
    expect(waitOf(() => budget.take())).toBe(60_000);
  });

  it('can be released twice without adding requests to the budget', () => {
    const share = budget.setAside(4);
    share.release();
    share.release();
    takeAll(24);
    expect(waitOf(() => budget.take())).toBe(60_000);
  });

  it('are followed by unreserved requests when they are used up', () => {
    const share = budget.setAside(1);
    share.take();
    share.take();
    share.release();
    expect(budget.used).toBe(2);
    takeAll(22);
    expect(waitOf(() => share.take())).toBe(60_000);
  });

  it('are refused completely if fewer are left, until enough requests are 60 s old', () => {
    takeAll(10);
    nowMs += 1_000;
    takeAll(10);
    expect(waitOf(() => budget.setAside(4))).toBeUndefined();
    nowMs += 1_000;
    // All 24 are taken or set aside: one more waits for the first request, eleven more for the eleventh.
    expect(waitOf(() => budget.setAside(1))).toBe(58_000);
    expect(waitOf(() => budget.setAside(10))).toBe(58_000);
    expect(waitOf(() => budget.setAside(11))).toBe(59_000);
    expect(budget.used).toBe(20);
  });
});

it('a used-up request budget causes an error of the system HCP Terraform', () => {
  takeAll();
  expect(() => budget.take()).toThrow(expect.objectContaining({ system: 'HCP Terraform', fault: 'throttled' }));
});
