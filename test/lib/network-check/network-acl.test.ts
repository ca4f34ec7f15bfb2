import { describe, expect, it } from 'vitest';
import { type AclRule, passes } from '../../../lib/network-check/network-acl.ts';

const rule = (number: number, allows: boolean, more: Partial<AclRule> = {}): AclRule => ({
  number,
  direction: 'out',
  allows,
  protocol: '6',
  range: '0.0.0.0/0',
  ...more,
});
const https = { from: 443, to: 443 };
const answers = { from: 32_768, to: 60_999 };
const { range: _, ...ofIpv6 } = rule(1, true);

describe('a network ACL', () => {
  it.each<[string, AclRule[], 'all' | 'some' | 'none']>([
    ['without a rule', [], 'none'],
    ['that allows all', [rule(100, true, { protocol: '-1' })], 'all'],
    ['that allows the port', [rule(100, true, { ports: https })], 'all'],
    ['that allows other ports', [rule(100, true, { ports: { from: 80, to: 80 } })], 'none'],
    ['that allows UDP', [rule(100, true, { protocol: '17' })], 'none'],
    ['that allows IPv6', [ofIpv6], 'none'],
    ['that allows the other direction', [rule(100, true, { direction: 'in' })], 'none'],
    ['that allows a range only', [rule(100, true, { range: '10.0.0.0/8' })], 'some'],
    ['that denies first', [rule(100, true), rule(50, false)], 'none'],
    ['that allows first', [rule(50, true), rule(100, false)], 'all'],
    ['that denies a range first', [rule(50, false, { range: '10.0.0.0/8' }), rule(100, true)], 'some'],
    ['that denies a range too late', [rule(150, false, { range: '10.0.0.0/8' }), rule(100, true)], 'all'],
    ['that denies another port first', [rule(50, false, { ports: { from: 22, to: 22 } }), rule(100, true)], 'all'],
  ])('%s allows outbound HTTPS to %s addresses', (_name, rules, expected) => {
    expect(passes({ id: 'acl-1', rules }, 'out', https)).toBe(expected);
  });

  it('allows all, some or none of a range of inbound ports', () => {
    const into = (from: number, to: number, allows = true) =>
      rule(100, allows, { direction: 'in', ports: { from, to } });
    const passed = (...rules: AclRule[]) => passes({ id: 'acl-1', rules }, 'in', answers);
    expect(passed(into(1024, 65_535))).toBe('all');
    expect(passed(into(32_768, 40_000))).toBe('some');
    expect(passed(into(1024, 32_767))).toBe('none');
    expect(passed(into(1024, 65_535), { ...into(40_000, 40_000, false), number: 50 })).toBe('some');
  });
});
