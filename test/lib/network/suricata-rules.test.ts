/** The rules as text, and their decisions about single connections. The egress lab tests them in the real engine. */
import { describe, expect, it } from 'vitest';
import { ruleCapacity, suricataRules } from '../../../lib/network/suricata-rules.ts';
import { type Connection, decision, engineRules } from './reachability/suricata.ts';

const rules = suricataRules(['app.terraform.io', '*.example.com']);
const verdict = (connection: Partial<Connection>, text = rules) =>
  decision(engineRules(text), { protocol: 'tcp', port: 443, ...connection })?.action;

describe('the rules', () => {
  it.each(['app.terraform.io', 'APP.terraform.IO', 'a.example.com', 'a.b.example.com'])(
    'pass TLS to %s, which is allowed',
    (serverName) => {
      expect(verdict({ serverName })).toBe('pass');
    },
  );

  it.each([
    'evil.example.net',
    'x.app.terraform.io',
    'terraform.io',
    'evil-app.terraform.io',
    'app.terraform.io.evil.example.net',
    'example.com',
    'badexample.com',
    '',
    null,
  ])('drop TLS to %j, which is not allowed', (serverName) => {
    expect(verdict({ serverName })).toBe('drop');
  });

  it.each<Partial<Connection>>([
    {},
    { serverName: 'app.terraform.io', port: 8443 },
    { protocol: 'udp' },
    { protocol: 'icmp' },
    { protocol: 'gre' },
  ])('drop a connection that is not TLS on port 443: %o', (connection) => {
    expect(verdict(connection)).toBe('drop');
  });

  it.each([
    [['tfe.example.com', 'app.terraform.io'], 'tfe.example.com', 8443, 'pass'],
    [['tfe.example.com', 'app.terraform.io'], 'app.terraform.io', 443, 'pass'],
    [['tfe.example.com', 'app.terraform.io'], 'app.terraform.io', 8443, 'drop'],
    [['tfe.example.com', 'app.terraform.io'], 'tfe.example.com', 443, 'pass'],
    [['*.example.com'], 'tfe.example.com', 8443, 'pass'],
    [['*.example.com'], 'tfe.example.com', 443, 'pass'],
    [['*.example.com'], 'other.example.com', 8443, 'drop'],
  ])(
    'for %j with the port 8443 for tfe.example.com, decide about %s on port %i: %s',
    (names, serverName, port, action) => {
      const text = suricataRules(names, [{ name: 'tfe.example.com', port: 8443 }]);
      expect(verdict({ serverName, port }, text)).toBe(action);
    },
  );

  it('drop data from a server before the client hello is checked', () => {
    expect(rules).toMatch(
      /^drop tcp any any -> any any \(.*answer to no client hello"; flow:established,to_client; dsize:>0;/m,
    );
  });

  it('each have a message, and only keywords that Network Firewall supports', () => {
    for (const line of rules.split('\n')) {
      expect(line).toMatch(/^(alert|pass|drop) (tls|tcp|udp|icmp|ip) .* \(msg:"agent-launcher: [^"]+"; /);
      expect(line).not.toMatch(/priority|dataset|iprep|lua|threshold|xbits|filestore|geoip/);
    }
  });

  it('use the connection state, not the flags of a SYN, to drop data before the connection', () => {
    expect(rules).toMatch(
      /^drop tcp any any -> any any \(.*data before the connection"; flow:not_established; dsize:>0;/m,
    );
    expect(rules).not.toMatch(/ flags:/);
  });

  it('have all pass rules before the drop rules, because the order is strict', () => {
    const actions = engineRules(rules).map(({ action }) => action);
    expect(actions.lastIndexOf('pass')).toBeLessThan(actions.indexOf('drop'));
  });

  it('have a group whose capacity is twice their number, rounded up to a hundred', () => {
    expect(ruleCapacity(rules)).toBe(100);
    expect(ruleCapacity(suricataRules(Array.from({ length: 200 }, (_, i) => `h${i}.example.com`)))).toBe(500);
  });
});

describe('the text of the rules', () => {
  it('numbers the rules consecutively, because Network Firewall refuses a repeated number', () => {
    const sids = rules.split('\n').map((line) => Number(/sid:(\d+); rev:1;\)$/.exec(line)?.[1]));
    expect(sids).toEqual(sids.map((_, index) => (sids[0] ?? 0) + index));
  });

  it('has one space between keywords, and a list of ports only if there are several', () => {
    expect(rules).not.toMatch(/ {2}/);
    expect(rules).toMatch(/^alert tls \$HOME_NET any -> any 443 \(/);
    expect(suricataRules([], [{ name: 'a.example.com', port: 8443 }])).toMatch(/-> any \[443,8443\] \(/);
  });

  it('drops UDP and ICMP without conditions', () => {
    expect(rules).toMatch(/^drop udp any any -> any any \(msg:"agent-launcher: UDP"; sid:\d+; rev:1;\)$/m);
    expect(rules).toMatch(/^drop icmp any any -> any any \(msg:"agent-launcher: ICMP"; sid:\d+; rev:1;\)$/m);
  });

  it('checks the flow bit that it sets', () => {
    const [, mark] = /flowbits:set,([\w.-]+);/.exec(rules) ?? [];
    expect(mark).toBeDefined();
    expect(rules).toContain(`flowbits:isnotset,${mark};`);
  });
});
