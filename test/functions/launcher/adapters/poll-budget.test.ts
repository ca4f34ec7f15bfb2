import { beforeEach, describe, expect, it } from 'vitest';
import { POLLS_PER_MINUTE, PollBudget } from '../../../../functions/launcher/adapters/hcp-terraform/poll-budget.ts';

let nowMs: number;
let budget: PollBudget;

beforeEach(() => {
  nowMs = 1_000_000;
  budget = new PollBudget(() => nowMs);
});

const waitOf = (take: () => unknown): number | undefined => {
  try {
    take();
  } catch (error) {
    expect(error).toMatchObject({ name: 'UpstreamError', system: 'HCP Terraform', fault: 'throttled' });
    return (error as { retryAfterMs: number }).retryAfterMs;
  }
  return undefined;
};
const take = () => waitOf(() => budget.take());

describe('the poll budget of one API token', () => {
  it('has 24 requests in any 60 s', () => {
    expect(POLLS_PER_MINUTE).toBe(24);
    for (let n = 0; n < 24; n += 1) {
      expect(take()).toBeUndefined();
      nowMs += 1_000;
    }
    expect([budget.used, budget.taken]).toEqual([24, 24]);
    expect(take()).toBe(36_000);
    nowMs += 35_999;
    expect(take()).toBe(1);
    nowMs += 1;
    expect([budget.used, budget.taken]).toEqual([23, 24]);
    expect(take()).toBeUndefined();
    expect([budget.used, budget.taken]).toEqual([24, 25]);
    // The next one is free when the second request is a minute old.
    expect(take()).toBe(1_000);
  });

  it('says in its error what is used, what is allowed, and when it asks again', () => {
    for (let n = 0; n < 24; n += 1) budget.take();
    nowMs += 1;
    expect(() => budget.take()).toThrow(
      /24 requests of run lists in the last 60 s, of 24 that the launcher allows itself \(the platform allows 30\); it asks again in 60 s/,
    );
  });

  it('has none while the platform asks to wait, as long as the longest wait says', () => {
    budget.blockFor(5_000);
    budget.blockFor(2_000);
    expect(take()).toBe(5_000);
    nowMs += 4_999;
    expect(take()).toBe(1);
    nowMs += 1;
    expect(take()).toBeUndefined();
  });

  it('waits for the later of the platform and its own window', () => {
    for (let n = 0; n < 24; n += 1) budget.take();
    budget.blockFor(5_000);
    expect(take()).toBe(60_000);
    budget.blockFor(70_000);
    expect(take()).toBe(70_000);
  });
});

describe('requests that are set aside', () => {
  it('are taken by their owner alone', () => {
    const share = budget.setAside(4);
    for (let n = 0; n < 20; n += 1) expect(take()).toBeUndefined();
    expect(take()).toBeGreaterThan(0);
    for (let n = 0; n < 4; n += 1) share.take();
    expect(budget.used).toBe(24);
    expect(waitOf(() => share.take())).toBeGreaterThan(0);
  });

  it('may be exceeded by what nobody has set aside', () => {
    const share = budget.setAside(1);
    const other = budget.setAside(22);
    share.take();
    share.take();
    expect(waitOf(() => share.take())).toBeGreaterThan(0);
    other.take();
    expect(budget.used).toBe(3);
  });

  it('are free again once they are released, and those that were taken are not', () => {
    const share = budget.setAside(20);
    share.take();
    expect(waitOf(() => budget.setAside(5))).toBeGreaterThan(0);
    share.release();
    share.release();
    budget.setAside(23);
    expect(waitOf(() => budget.setAside(1))).toBeGreaterThan(0);
  });

  it('fit whole or not at all', () => {
    budget.setAside(20);
    expect(waitOf(() => budget.setAside(5))).toBeDefined();
    expect(waitOf(() => budget.setAside(4))).toBeUndefined();
  });

  it('wait until as many requests are a minute old as are missing', () => {
    for (let n = 0; n < 24; n += 1) {
      budget.take();
      nowMs += 1_000;
    }
    expect(waitOf(() => budget.setAside(3))).toBe(38_000);
  });
});
