import { describe, expect, it } from 'vitest';
import {
  allowingText,
  isPublicDomain,
  type Refusals,
  type Refused,
  type RefusedKind,
  refusalsIn,
  refusedDomains,
  refusedText,
} from '../../../cli/core/refused-domains.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const at = (secondsAgo: number, name: string): Refused => ({ atMs: NOW - secondsAgo * 1000, name });
const of = (logs: Partial<Record<RefusedKind, readonly Refused[]>>): Refusals =>
  refusalsIn(
    (['lookup', 'connection'] as const).flatMap((kind) => {
      const refused = logs[kind];
      return refused === undefined ? [] : [{ kind, group: kind, refused, isCut: false }];
    }),
  );
const text = (connection: readonly Refused[], most = 10) => refusedText(of({ connection }), NOW, most);

describe('refused names', () => {
  it('are counted whatever their case and with or without the dot at their end, with the last time', () => {
    const connections = [at(1, 'once.example'), at(9, 'A.Example.'), at(2, 'a.example'), at(5, 'a.example')];
    expect(text(connections)).toBe(
      'a.example (3 connections, last at 11:59:58Z) and once.example (1 connection, at 11:59:59Z)',
    );
  });

  it('of both logs are counted together', () => {
    const refusals = of({
      lookup: [at(9, 'a.example.'), at(9, 'a.example.'), at(7, 'b.example.')],
      connection: [at(3, 'a.example')],
    });
    expect(refusedText(refusals, NOW, 10)).toBe(
      'a.example (2 lookups and 1 connection, last at 11:59:57Z) and b.example (1 lookup, at 11:59:53Z)',
    );
    expect(refusals.read.map(({ kind, count }) => [kind, count])).toEqual([
      ['lookup', 3],
      ['connection', 1],
    ]);
  });

  it('with the same number are sorted by their last time', () => {
    expect(refusedDomains(of({ connection: [at(9, 'old.example'), at(1, 'new.example')] }))).toEqual([
      'new.example',
      'old.example',
    ]);
  });

  it('end with the number of the others if there are more than are shown', () => {
    expect(text([at(1, 'a.example'), at(2, 'b.example'), at(3, 'c.example')], 1)).toBe(
      'a.example (1 connection, at 11:59:59Z) and 2 more',
    );
  });

  it.each([
    ['', 'no server name'],
    ['203.0.113.7', 'the IP address 203.0.113.7'],
    ['evil.example:22.allowed.example', 'the text "evil.example:22.allowed.example"'],
    ['localhost', 'the text "localhost"'],
    [`${'a'.repeat(64)}.example`, `the text "${'a'.repeat(59)}…"`],
    [`${'a.'.repeat(130)}example`, `the text "${'a.'.repeat(29)}a…"`],
  ])('such as %j can not be allowed, and are listed as %j', (name, shown) => {
    const connections = [at(1, name)];
    expect(text(connections)).toBe(`${shown} (1 connection, at 11:59:59Z)`);
    expect(refusedDomains(of({ connection: connections }))).toEqual([]);
  });

  it('that are domains of the maximum length are listed with all of it', () => {
    const name = `${`${'a'.repeat(48)}.`.repeat(5)}example1`;
    expect(name).toHaveLength(253);
    expect(refusedDomains(of({ connection: [at(1, name)] }))).toEqual([name]);
  });
});

it.each([
  ['registry.npmjs.org.', true],
  ['_dns.Example.COM.', true],
  ['internal.example.', true],
  ['registry.npmjs.org.ec2.internal.', false],
  ['registry.npmjs.org.eu-central-1.compute.internal.', false],
  ['4.3.2.10.in-addr.arpa.', false],
  ['localhost.', false],
  ['.', false],
])('a lookup of %s asks for a public domain: %s', (name, isPublic) => {
  expect(isPublicDomain(name)).toBe(isPublic);
});

it('how to allow a domain includes the wait for a new gateway only if there are gateways', () => {
  const failure = { reason: 'denied', kind: 'denied' } as const;
  expect(allowingText('it', of({ lookup: [] }))).not.toContain('gateway');
  expect(allowingText('it', of({ connection: [] }))).toContain('after the launcher has replaced it');
  expect(allowingText('it', refusalsIn([{ kind: 'connection', group: 'g', failure }]))).toContain('gateway');
});
