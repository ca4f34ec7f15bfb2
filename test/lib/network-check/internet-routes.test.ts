import { describe, expect, it } from 'vitest';
import { internetRoutes, type Route } from '../../../lib/network-check/internet-routes.ts';

const by = (target: string, ...ranges: string[]): Route[] => ranges.map((range) => ({ range, target }));
const dead = (...ranges: string[]): Route[] => ranges.map((range) => ({ range }));
const [all, low, high] = ['0.0.0.0/0', '0.0.0.0/1', '128.0.0.0/1'] as const;
const quarters = ['0.0.0.0/2', '64.0.0.0/2', '128.0.0.0/2', '192.0.0.0/2'];
/** All public ranges, as firewall manuals list them. */
const PUBLIC = [
  ...['1.0.0.0/8', '2.0.0.0/7', '4.0.0.0/6', '8.0.0.0/7', '11.0.0.0/8', '12.0.0.0/6', '16.0.0.0/4', '32.0.0.0/3'],
  ...['64.0.0.0/3', '96.0.0.0/6', '100.0.0.0/10', '100.128.0.0/9', '101.0.0.0/8', '102.0.0.0/7', '104.0.0.0/5'],
  ...['112.0.0.0/5', '120.0.0.0/6', '124.0.0.0/7', '126.0.0.0/8', '128.0.0.0/3', '160.0.0.0/5', '168.0.0.0/8'],
  ...['169.0.0.0/9', '169.128.0.0/10', '169.192.0.0/11', '169.224.0.0/12', '169.240.0.0/13', '169.248.0.0/14'],
  ...['169.252.0.0/15', '169.255.0.0/16', '170.0.0.0/7', '172.0.0.0/12', '172.32.0.0/11', '172.64.0.0/10'],
  ...['172.128.0.0/9', '173.0.0.0/8', '174.0.0.0/7', '176.0.0.0/4', '192.0.0.0/9', '192.128.0.0/11', '192.160.0.0/13'],
  ...['192.169.0.0/16', '192.170.0.0/15', '192.172.0.0/14', '192.176.0.0/12', '192.192.0.0/10', '193.0.0.0/8'],
  ...['194.0.0.0/7', '196.0.0.0/6', '200.0.0.0/5', '208.0.0.0/4'],
];

describe('the routes to the internet', () => {
  it.each<[string, Route[], string[], string[]]>([
    ['a default route', by('nat-1', all), ['nat-1'], []],
    ['quarters', by('nat-1', ...quarters), ['nat-1'], []],
    ['every public range', by('nat-1', ...PUBLIC), ['nat-1'], []],
    ['no route', [], [], [all]],
    ['a dead default route', dead(all), [], [all]],
    ['one half', by('nat-1', low), ['nat-1'], [high]],
    ['three quarters', by('nat-1', ...quarters.slice(0, 3)), ['nat-1'], ['192.0.0.0/2']],
    ['a dead half before a default route', [...by('nat-1', all), ...dead(low)], ['nat-1'], [low]],
    [
      'a dead quarter before a half',
      [...by('nat-1', all), ...by('nat-2', low), ...dead('0.0.0.0/2')],
      ['nat-2', 'nat-1'],
      ['0.0.0.0/2'],
    ],
    ['a dead default route after halves', [...dead(all), ...by('nat-1', low, high)], ['nat-1'], []],
    ['a peering route', [...by('nat-1', all), ...by('pcx-1', '198.51.100.0/24')], ['nat-1'], []],
    ['a dead peering route', [...by('nat-1', all), ...dead('198.51.100.0/24')], ['nat-1'], ['198.51.100.0/24']],
    ['a dead route to a private range', [...by('nat-1', all), ...dead('10.9.0.0/16')], ['nat-1'], []],
    ['a route without an address range', [...by('nat-1', all), ...dead('pl-1')], ['nat-1'], []],
  ])('with %s have these targets, and these ranges without a target', (_, routes, targets, nowhere) => {
    const found = internetRoutes(routes);
    expect(found.targets.toSorted()).toEqual(targets.toSorted());
    expect(found.nowhere).toEqual(nowhere);
  });

  it('have no target if only the VPC’s own range has one', () => {
    const { targets, nowhere } = internetRoutes(by('local', '10.0.0.0/16'));
    expect(targets).toEqual([]);
    expect(nowhere).toContain(high);
  });
});
