import { describe, expect, it } from 'vitest';
import { checkRefusals } from '../../../../cli/core/doctor/refused-domains.ts';
import { type RefusedKind, refusalsIn } from '../../../../cli/core/refused-domains.ts';
import { NOW } from './builders.ts';

const ID = 'network.refused-domains';
const failure = { reason: 'User: me is not authorized', kind: 'denied' } as const;
const log = (kind: RefusedKind, names: readonly string[], isCut = false) => ({
  kind,
  group: `${kind}s`,
  refused: names.map((name) => ({ atMs: NOW, name })),
  isCut,
});
const check = (...logs: Parameters<typeof refusalsIn>[0]) => checkRefusals(refusalsIn(logs), NOW);

describe('what the network refused', () => {
  it.each([
    [
      [log('lookup', []), log('connection', [])],
      'DNS Firewall refused no lookup of a public domain and the gateways refused no connection.',
    ],
    [[log('lookup', [])], 'DNS Firewall refused no lookup of a public domain.'],
    [[log('connection', [])], 'the gateways refused no connection.'],
  ])('is ok if it is nothing, by the logs that were read', (logs, what) => {
    expect(check(...logs)).toEqual([{ id: ID, severity: 'ok', what: `In the last 24 hours, ${what}` }]);
  });

  it('is a note that names the domains and how to allow them', () => {
    const [finding, ...others] = check(log('lookup', ['a.example.', 'a.example.']), log('connection', ['']));
    expect(others).toEqual([]);
    expect([finding?.severity, finding?.what]).toEqual([
      'note',
      'In the last 24 hours, DNS Firewall refused 2 lookups and the gateways refused one connection: a.example (2 lookups, last at 12:00:00Z) and no server name (1 connection, at 12:00:00Z).',
    ]);
    expect(finding?.todo).toContain('add it to network.allowedDomains, and deploy');
    expect(finding?.todo).toContain('after the launcher has replaced it');
  });

  it('says nothing about gateways if there are none', () => {
    const [finding] = check(log('lookup', ['a.example.']));
    expect(finding?.what).toBe(
      'In the last 24 hours, DNS Firewall refused one lookup: a.example (1 lookup, at 12:00:00Z).',
    );
    expect(finding?.todo).not.toContain('gateway');
  });

  it('without a domain has no advice to allow one', () => {
    const [finding] = check(log('lookup', []), log('connection', ['']));
    expect(finding?.what).toContain('hours, the gateways refused one connection: no server name');
    expect(finding?.todo).toBe(
      'If agents need one of these hosts, configure the job with the host’s domain and TLS: a gateway allows nothing else.',
    );
  });

  it('is at least what was read, if there is more', () => {
    const [finding] = check(log('lookup', [], true), log('connection', ['a.example'], true));
    expect(finding?.what).toBe(
      'In the last 24 hours, the gateways refused at least one connection: a.example (1 connection, at 12:00:00Z). The DNS query log has too many lines to read; the newest have no lookup that was refused.',
    );
  });

  it('is a note without a domain if nothing was found and not everything was read', () => {
    const [finding, ...others] = check(log('lookup', [], true), log('connection', []));
    expect(others).toEqual([]);
    expect([finding?.severity, finding?.what]).toEqual([
      'note',
      'The DNS query log has too many lines to read; the newest have no lookup that was refused.',
    ]);
    expect(finding?.todo).toMatch(/^Nothing, unless a job can’t reach a host: .*runbook/);
  });

  it('is a warning with the permission for a log that can’t be read, and still has the other log', () => {
    expect(
      check({ kind: 'lookup', group: '/aws/vendedlogs/Dns', failure }, log('connection', ['a.example'])).map(
        ({ severity, what, todo }) => [severity, what.split(':')[0], todo?.split(',')[0]],
      ),
    ).toEqual([
      [
        'warning',
        'Could not check which lookups DNS Firewall refused',
        'Allow logs:FilterLogEvents on /aws/vendedlogs/Dns',
      ],
      ['note', 'In the last 24 hours, the gateways refused one connection', 'If agents need one of these domains'],
    ]);
    expect(check({ kind: 'connection', group: 'g', failure })).toHaveLength(1);
  });
});
