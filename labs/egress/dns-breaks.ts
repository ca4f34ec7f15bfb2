/** The deliberate changes to the rules of DNS Firewall. `breaks.ts` has those of the network firewall. */
import type { DnsRule } from '../../test/lib/network/reachability/dns-rules.ts';
import { NAMES } from './attempts.ts';
import type { Break } from './try-breaks.ts';

const each = (change: (rule: DnsRule) => Partial<DnsRule>) => (rules: readonly DnsRule[]) =>
  rules.map((rule) => ({ ...rule, ...change(rule) }));
const domains = (change: (name: string) => string) =>
  each((rule) => ({ domains: rule.domains.map((name) => (name === '*' ? name : change(name))) }));

export const DNS_BREAKS: readonly Break<readonly DnsRule[]>[] = [
  {
    name: 'DNS: nothing is blocked',
    apply: (rules) => rules.filter(({ action }) => action !== 'BLOCK'),
    shows: [NAMES.stranger, `c2VjcmV0.${NAMES.stranger}`, 'ec2.eu-central-1.amazonaws.com'],
  },
  {
    name: 'DNS: other names raise an alert and are not blocked',
    apply: each(({ action }) => (action === 'BLOCK' ? { action: 'ALERT' } : {})),
    shows: [NAMES.stranger, 'terraform.io'],
  },
  {
    name: 'DNS: the block rule comes before the allow rule',
    apply: (rules) => rules.toReversed(),
    shows: [NAMES.allowed, NAMES.below],
  },
  {
    name: 'DNS: redirections are inspected',
    apply: each(() => ({ redirection: 'INSPECT_REDIRECTION_DOMAIN' })),
    shows: ['registry.terraform.io'],
  },
  {
    name: 'DNS: a wildcard loses its dot',
    apply: domains((name) => name.replace(/^\*\./, '*')),
    shows: ['modules.example.com', 'evilmodules.example.com'],
  },
  {
    name: 'DNS: only the end of a name is compared',
    apply: domains((name) => (name.startsWith('*') ? name : `*${name}`)),
    shows: [`evil${NAMES.allowed}`, `x.${NAMES.allowed}`],
  },
];
