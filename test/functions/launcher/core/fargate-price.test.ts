import { describe, expect, it } from 'vitest';
import { billedSeconds, fargateCost, SPOT_PRICE_SHARE } from '../../../../functions/launcher/core/fargate-price.ts';

const ONE_VCPU = { cpu: 1024, memoryMiB: 2048, architecture: 'x86_64' } as const;

describe('the price of a Fargate task', () => {
  it.each([
    ['1 vCPU and 2 GB on x86', ONE_VCPU, 0.04048 + 2 * 0.004445],
    ['1 vCPU and 2 GB on arm64', { ...ONE_VCPU, architecture: 'arm64' as const }, 0.03238 + 2 * 0.00356],
    ['a quarter of a vCPU and half a GB', { ...ONE_VCPU, cpu: 256, memoryMiB: 512 }, 0.01012 + 0.0022225],
    ['the 20 GiB of disk that are included', { ...ONE_VCPU, ephemeralStorageGiB: 20 }, 0.04937],
    ['less disk than is included', { ...ONE_VCPU, ephemeralStorageGiB: 10 }, 0.04937],
    ['120 GiB of disk', { ...ONE_VCPU, ephemeralStorageGiB: 120 }, 0.04937 + 0.0111],
    ['on-demand capacity', { ...ONE_VCPU, capacity: 'on-demand' as const }, 0.04937],
    [
      'Spot, without a discount on the disk',
      { ...ONE_VCPU, capacity: 'spot' as const, ephemeralStorageGiB: 120 },
      0.024685 + 0.0111,
    ],
  ])('of an hour with %s is $%#', (_, task, usd) => {
    expect(fargateCost(task, 3600)).toBeCloseTo(usd, 10);
  });

  it('is for at least one minute, and for each started second', () => {
    expect([0, 5, 60, 60.2, 3599.9].map(billedSeconds)).toEqual([60, 60, 60, 61, 3600]);
    expect(fargateCost(ONE_VCPU, 1)).toBe(fargateCost(ONE_VCPU, 60));
    expect(fargateCost(ONE_VCPU, 60.2)).toBe(fargateCost(ONE_VCPU, 61));
  });

  it('assumes the smallest discount that is reported for Spot, so that no estimate is too low', () => {
    expect(SPOT_PRICE_SHARE).toBe(0.5);
  });
});
