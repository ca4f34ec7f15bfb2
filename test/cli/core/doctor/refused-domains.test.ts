import { describe, expect, it } from 'vitest';
import { checkRefusals } from '../../../../cli/core/doctor/refused-domains.ts';
import { refusalsIn } from '../../../../cli/core/refused-domains.ts';
import { DENIED, NOW } from './builders.ts';

const check = (names: readonly string[], isCut = false) =>
  checkRefusals(
    {
      value: refusalsIn(
        names.map((name) => ({ atMs: NOW, name })),
        isCut,
      ),
    },
    NOW,
  );

describe('what the gateways refused', () => {
  it('is ok if it is nothing', () => {
    expect(check([])).toEqual({
      id: 'network.refused-domains',
      severity: 'ok',
      what: 'The gateways refused no connection in the last 24 hours.',
    });
  });

  it('is a note that names the domains and how to allow them', () => {
    const { severity, what, todo } = check(['a.example', 'a.example', '']);
    expect([severity, what]).toEqual([
      'note',
      'The gateways refused 3 connections in the last 24 hours: a.example (2 times, last at 12:00:00Z) and connections without a server name (once, at 12:00:00Z).',
    ]);
    expect(todo).toContain('add it to network.allowedDomains, and deploy');
  });

  it('without a domain has no advice to allow one', () => {
    const { what, todo } = check(['']);
    expect(what).toContain('refused one connection in');
    expect(todo).not.toContain('allowedDomains');
  });

  it('is at least what was read, if there is more', () => {
    expect(check(['a.example'], true).what).toContain('refused at least one connection in');
  });

  it('that can’t be read is a warning with the permission', () => {
    const { severity, todo } = checkRefusals(DENIED, NOW);
    expect([severity, todo]).toEqual(['warning', expect.stringContaining('logs:FilterLogEvents')]);
  });
});
