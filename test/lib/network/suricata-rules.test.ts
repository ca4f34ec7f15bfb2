/** The rules as text and as parsed. The egress lab tests them in a real engine. */
import { describe, expect, it } from 'vitest';
import { ruleCapacity, suricataRules } from '../../../lib/network/suricata-rules.ts';
import { decision, parsedRules, type Seen } from './reachability/firewall-rules.ts';

const rules = suricataRules(['app.terraform.io', '*.example.com']);
const verdict = (seen: Partial<Seen>) =>
  decision(parsedRules(rules), { protocol: 'tcp', port: 443, ...seen })?.action ?? 'none';

describe('the rules', () => {
  it('pass exactly the allowed domains', () => {
    for (const serverName of ['app.terraform.io', 'APP.terraform.IO', 'a.example.com', 'a.b.example.com']) {
      expect(verdict({ serverName }), serverName).toBe('pass');
    }
    for (const serverName of [
      'evil.example.net',
      'x.app.terraform.io',
      'terraform.io',
      'evil-app.terraform.io',
      'app.terraform.io.evil.example.net',
      'example.com',
      'badexample.com',
      '',
      null,
    ]) {
      expect(verdict({ serverName }), String(serverName)).toBe('drop');
    }
  });

  it('drop everything that is not TLS on port 443', () => {
    expect(verdict({})).toBe('drop');
    expect(verdict({ serverName: 'app.terraform.io', port: 8443 })).toBe('drop');
    for (const protocol of ['udp', 'icmp', 'other'] as const) expect(verdict({ protocol }), protocol).toBe('drop');
  });

  it('pass a host with another port on that port, and no other host there', () => {
    const elsewhere = parsedRules(
      suricataRules(['tfe.example.com', 'app.terraform.io'], [{ name: 'tfe.example.com', port: 8443 }]),
    );
    const at = (serverName: string, port: number) => decision(elsewhere, { protocol: 'tcp', port, serverName })?.action;
    expect(at('tfe.example.com', 8443)).toBe('pass');
    expect(at('app.terraform.io', 443)).toBe('pass');
    expect(at('app.terraform.io', 8443)).toBe('drop');
    expect(at('tfe.example.com', 443)).toBe('pass');
  });

  it('pass a host with another port even if a wildcard covers it', () => {
    const covered = parsedRules(suricataRules(['*.example.com'], [{ name: 'tfe.example.com', port: 8443 }]));
    const at = (serverName: string, port: number) => decision(covered, { protocol: 'tcp', port, serverName })?.action;
    expect(at('tfe.example.com', 8443)).toBe('pass');
    expect(at('tfe.example.com', 443)).toBe('pass');
    expect(at('other.example.com', 8443)).toBe('drop');
  });

  it('drop data from a server before the client hello is checked', () => {
    expect(rules).toMatch(
      /^drop tcp any any -> any any \(.*answer to no client hello"; flow:established,to_client; dsize:>0;/m,
    );
  });

  it('each have a number and a message, and no keyword that Network Firewall lacks', () => {
    const lines = rules.split('\n');
    const sids = lines.map((line) => /sid:(\d+); rev:1;\)$/.exec(line)?.[1]);
    expect(new Set(sids).size).toBe(lines.length);
    for (const line of lines) {
      expect(line).toMatch(/^(alert|pass|drop) (tls|tcp|udp|icmp|ip) .* \(msg:"agent-launcher: [^"]+"; /);
      expect(line).not.toMatch(/priority|dataset|iprep|lua|threshold|xbits|filestore|geoip/);
    }
  });

  it('drop data before the connection by its state, whatever flags a SYN has', () => {
    expect(rules).toMatch(
      /^drop tcp any any -> any any \(.*data before the connection"; flow:not_established; dsize:>0;/m,
    );
    expect(rules).not.toMatch(/ flags:/);
  });

  it('pass before they drop, because the order is strict', () => {
    const actions = parsedRules(rules).map(({ action }) => action);
    expect(actions.lastIndexOf('pass')).toBeLessThan(actions.indexOf('drop'));
  });

  it('have a group with spare capacity, in steps', () => {
    expect(ruleCapacity(rules)).toBe(100);
    expect(ruleCapacity(suricataRules(Array.from({ length: 200 }, (_, i) => `h${i}.example.com`)))).toBe(500);
  });
});

describe('the text of the rules', () => {
  it('numbers the rules consecutively, because Network Firewall refuses a repeated number', () => {
    const sids = [...rules.matchAll(/sid:(\d+);/g)].map(([, sid]) => Number(sid));
    expect(sids).toHaveLength(rules.split('\n').length);
    expect(sids).toEqual(sids.map((_, index) => (sids[0] ?? 0) + index));
  });

  it('has one space between keywords, and writes a single port without a list', () => {
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
