import { describe, expect, it } from 'vitest';
import {
  dollars,
  gatewayHourCost,
  type IdleNetwork,
  idleLauncherCost,
  idleNetworkCost,
  idlePollCost,
  jobCost,
  total,
} from '../../../lib/aws/costs.ts';
import { PRICES } from '../../../lib/aws/prices.ts';
import { DEFAULT_GATEWAY_INSTANCE_TYPE } from '../../../lib/defaults.ts';
import { activePoolHourCost, endedTasksHourCost } from '../launcher-costs.ts';
import { templateOf } from '../synthesis.ts';

it.each<[IdleNetwork, number]>([
  [{}, 0],
  [{ natGateways: 1 }, 36.5],
  [{ interfaceEndpoints: 4 }, 29.2],
  [{ dnsNames: 4 }, 0.002],
  [{ firewallEndpoints: 1 }, 288.35],
  // Each firewall endpoint waives the price of a NAT gateway, but not of its public address.
  [{ natGateways: 1, firewallEndpoints: 1 }, 292.0],
  [{ natGateways: 2, firewallEndpoints: 2 }, 584.0],
  [{ natGateways: 2, firewallEndpoints: 1 }, 292.0 + 36.5],
  [{ gateways: 1 }, 0.64],
  [{ gateways: 2, fixedAddresses: 2 }, 1.28 + 7.3],
])('the idle cost of a network with %o is $%d per month', (network, usd) => {
  expect(total(idleNetworkCost(network))).toBeCloseTo(usd, 6);
});

it('the network costs at most $1 per month while idle, with a gateway that sleeps', () => {
  const { EgressIdleCost } = templateOf({ network: { egress: 'on-demand' } }).toJSON()['Outputs'];
  const [, usd] = /^\$([\d.]+) per month$/.exec(EgressIdleCost.Value) ?? [];
  expect(Number(usd)).toBeLessThanOrEqual(1);
  expect(Number(usd)).toBeGreaterThan(0.6);
});

it('a running gateway has a price if its type is the default one', () => {
  expect(gatewayHourCost(DEFAULT_GATEWAY_INSTANCE_TYPE)).toBeCloseTo(0.0092, 8);
  expect(gatewayHourCost('c7gn.medium')).toBeUndefined();
});

describe('the idle cost of a launcher', () => {
  it('is at most $2.50 per month with one pool and its alarms', () => {
    const alarms = Object.keys(templateOf().findResources('AWS::CloudWatch::Alarm')).length;
    expect(alarms).toBeGreaterThan(0);
    expect(total(idleLauncherCost({ secrets: 2, alarms }))).toBeLessThanOrEqual(2.5);
  });

  it('is the sum of these parts', () => {
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
    expect(endedTasksHourCost()).toBeCloseTo((7 * 0.3) / 730, 8);
  });
});

describe('the cost of idle polling', () => {
  it.each([
    [60, 0],
    [59, 0.692],
    [30, 0.692],
    [20, 0.921],
    [10, 1.609],
    [5, 2.984],
  ])('every %i s is $%d per month, in addition to the scheduled polls', (idlePollSeconds, usd) => {
    expect(total(idlePollCost(idlePollSeconds))).toBeCloseTo(usd, 3);
  });

  it('is less than $2 per month every 10 s', () => {
    expect(total(idlePollCost(10))).toBeLessThan(2);
  });

  it('is the sum of these parts', () => {
    const byItem = Object.fromEntries(idlePollCost(10).map(({ item, usd }) => [item, Number(usd.toFixed(4))]));
    // Five polls per minute between two scheduled ones; five connections with three requests per minute each.
    expect(byItem).toEqual({
      invocations: 0.7738,
      log: 0.1095,
      messages: 0.2628,
      'waiting for messages': 0.2628,
      alarm: 0.2,
    });
  });
});

describe('the cost of a job', () => {
  const size = { cpu: 1024, memoryMiB: 2048, architecture: 'x86_64', seconds: 600 } as const;

  it('depends on its size, architecture, disk, address and time', () => {
    expect(jobCost(size)).toBeCloseTo(0.00823, 5);
    expect(jobCost({ ...size, architecture: 'arm64' })).toBeCloseTo(0.00658, 5);
    expect(jobCost({ ...size, diskGiB: 120 }) - jobCost(size)).toBeCloseTo((100 * 0.000111) / 6, 8);
    expect(jobCost({ ...size, publicAddress: true }) - jobCost(size)).toBeCloseTo(0.005 / 6, 8);
  });

  it('is the cost of one minute if the job takes less', () => {
    expect(jobCost({ ...size, seconds: 5 })).toBe(jobCost({ ...size, seconds: 60 }));
  });
});

it.each(Object.entries(PRICES))(
  'the price %s has a source with a date, or with the word unverified',
  (_, { source }) => {
    expect(source).toMatch(/^https:\/\/aws\.amazon\.com\/.*\(.*(?:20\d\d-\d\d-\d\d|unverified)\)$/);
  },
);

it.each([
  [0, '$0.00'],
  [0.005, '$0.005'],
  [36.505, '$36.51'],
])('the amount %s is written as %s', (usd, text) => {
  expect(dollars(usd)).toBe(text);
});
