import { describe, expect, it } from 'vitest';
import { dollars, idleNetworkCost, jobCost, total } from '../../../lib/aws/costs.ts';
import { PRICES } from '../../../lib/aws/prices.ts';
import { activePoolHourCost, idleLauncherCost } from '../launcher-costs.ts';
import { templateOf } from '../synthesis.ts';

const nothing = { natGateways: 0, firewallEndpoints: 0, interfaceEndpoints: 0, dnsNames: 0 };
const idle = (network: Partial<typeof nothing>) => total(idleNetworkCost({ ...nothing, ...network }));

describe('a network, idle', () => {
  it('costs what its gateways and endpoints cost by the hour', () => {
    expect(idle({})).toBe(0);
    expect(idle({ natGateways: 1 })).toBeCloseTo(36.5, 6);
    expect(idle({ interfaceEndpoints: 4 })).toBeCloseTo(29.2, 6);
    expect(idle({ dnsNames: 4 })).toBeCloseTo(0.002, 6);
  });

  it('waives one NAT gateway per firewall endpoint, and not its public address', () => {
    expect(idle({ natGateways: 1, firewallEndpoints: 1 })).toBeCloseTo(292.0, 6);
    expect(idle({ natGateways: 2, firewallEndpoints: 2 })).toBeCloseTo(584.0, 6);
    expect(idle({ natGateways: 2, firewallEndpoints: 1 })).toBeCloseTo(292.0 + 36.5, 6);
    expect(idle({ firewallEndpoints: 1 })).toBeCloseTo(288.35, 6);
  });
});

describe('a launcher, idle', () => {
  it('costs at most two dollars a month with one pool and everything that watches it', () => {
    const alarms = Object.keys(templateOf().findResources('AWS::CloudWatch::Alarm')).length;
    expect(alarms).toBeGreaterThan(0);
    expect(total(idleLauncherCost({ secrets: 2, alarms }))).toBeLessThanOrEqual(2.0);
  });

  it('costs what each part costs', () => {
    const byItem = Object.fromEntries(
      idleLauncherCost({ secrets: 2, alarms: 7 }).map(({ item, usd }) => [item, Number(usd.toFixed(4))]),
    );
    expect(byItem).toEqual({
      launcher: 0.1548,
      "launcher's log": 0.0219,
      secrets: 0.8,
      'reading the API token': 0.0037,
      alarms: 0.7,
      'custom metrics': 0.3,
    });
    expect(activePoolHourCost()).toBeCloseTo((6 * 0.3) / 730, 8);
  });
});

describe('a job', () => {
  const size = { cpu: 1024, memoryMiB: 2048, architecture: 'x86_64', seconds: 600 } as const;

  it('costs its size and its time', () => {
    expect(jobCost(size)).toBeCloseTo(0.00823, 5);
    expect(jobCost({ ...size, architecture: 'arm64' })).toBeCloseTo(0.00658, 5);
    expect(jobCost({ ...size, diskGiB: 120 }) - jobCost(size)).toBeCloseTo((100 * 0.000111) / 6, 8);
    expect(jobCost({ ...size, publicAddress: true }) - jobCost(size)).toBeCloseTo(0.005 / 6, 8);
  });

  it('is billed for a minute at least', () => {
    expect(jobCost({ ...size, seconds: 5 })).toBe(jobCost({ ...size, seconds: 60 }));
  });
});

describe('every price', () => {
  it.each(Object.entries(PRICES))(
    '%s says where it is from, and when it was read or that it was not',
    (_, { source }) => {
      expect(source).toMatch(/^https:\/\/aws\.amazon\.com\/.*\(.*(?:20\d\d-\d\d-\d\d|unverified)\)$/);
    },
  );
});

describe('amounts', () => {
  it.each([
    [0, '$0.00'],
    [0.005, '$0.005'],
    [36.505, '$36.51'],
  ])('%s is written as %s', (usd, text) => {
    expect(dollars(usd)).toBe(text);
  });

  it('have a source each', () => {
    for (const { source } of Object.values(PRICES)) expect(source).toMatch(/^https:\/\//);
  });
});
