import { describe, expect, it } from 'vitest';
import { type RefusedConnection, refusalsIn, refusedDomains, refusedText } from '../../../cli/core/refused-domains.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const at = (secondsAgo: number, name: string): RefusedConnection => ({ atMs: NOW - secondsAgo * 1000, name });
const text = (connections: readonly RefusedConnection[], most = 10) =>
  refusedText(refusalsIn(connections, false), NOW, most);

describe('refused connections', () => {
  it('are counted by name, whatever its case and with or without the dot at its end, with the last time', () => {
    const connections = [at(1, 'once.example'), at(9, 'A.Example.'), at(2, 'a.example'), at(5, 'a.example')];
    expect(text(connections)).toBe('a.example (3 times, last at 11:59:58Z) and once.example (once, at 11:59:59Z)');
  });

  it('with the same number are sorted by their last time', () => {
    expect(refusedDomains(refusalsIn([at(9, 'old.example'), at(1, 'new.example')], false))).toEqual([
      'new.example',
      'old.example',
    ]);
  });

  it('to more names than are shown end with the number of the others', () => {
    expect(text([at(1, 'a.example'), at(2, 'b.example'), at(3, 'c.example')], 1)).toBe(
      'a.example (once, at 11:59:59Z) and 2 more',
    );
  });

  it.each([
    ['', 'connections without a server name'],
    ['203.0.113.7', 'the IP address 203.0.113.7'],
    ['evil.example:22.allowed.example', 'the text "evil.example:22.allowed.example"'],
    ['localhost', 'the text "localhost"'],
    [`${'a'.repeat(64)}.example`, `the text "${'a'.repeat(59)}…"`],
    [`${'a.'.repeat(130)}example`, `the text "${'a.'.repeat(29)}a…"`],
  ])('to %j can not be allowed, and are listed as %j', (name, shown) => {
    const connections = [at(1, name)];
    expect(text(connections)).toBe(`${shown} (once, at 11:59:59Z)`);
    expect(refusedDomains(refusalsIn(connections, false))).toEqual([]);
  });

  it('to a domain of the maximum length are listed with all of it', () => {
    const name = `${`${'a'.repeat(48)}.`.repeat(5)}example1`;
    expect(name).toHaveLength(253);
    expect(refusedDomains(refusalsIn([at(1, name)], false))).toEqual([name]);
  });
});
