/** What the lab tries: rules, names and settings of one synthesized template, and a mark by which its results know them. */
import { createHash } from 'node:crypto';
import { type DnsRule, dnsRulesIn } from '../../test/lib/network/reachability/dns-rules.ts';
import { firewallsIn } from '../../test/lib/network/reachability/firewall-policy.ts';
import { resourcesIn, text } from '../../test/lib/network/reachability/template-values.ts';
import { templateOf } from '../../test/lib/synthesis.ts';
import { NAMES } from './attempts.ts';

/** What an engine is set up with. */
export interface EngineSettings {
  readonly rules: string;
  /** What becomes of a packet before any rule sees it: `aws:forward_to_sfe` is the engine's, others never come to it. */
  readonly stateless: string;
  readonly order: string;
  readonly streamException: string;
  readonly homeNet: readonly string[];
}

export interface UnderTest {
  readonly engine: EngineSettings;
  readonly dnsRules: readonly DnsRule[];
}

/** Reads all of it out of the template of `network-firewall`, with HCP Terraform's names and one wildcard. */
export function underTest(): UnderTest {
  const network = { egress: 'network-firewall', allowedDomains: [NAMES.wildcard], allowedPresets: ['hcp-terraform'] };
  const template = templateOf({ network }).toJSON();
  const [policy] = firewallsIn(template).values();
  if (policy === undefined) throw new Error('The template has no network firewall.');
  const [stateless, ...more] = new Set([...policy.statelessActions, ...policy.statelessFragmentActions]);
  const [order, ...orders] = new Set([policy.order, ...policy.groups.map((group) => group.order)]);
  if (stateless === undefined || order === undefined || more.length + orders.length > 0) {
    throw new Error(`The lab can do one stateless action and one order: ${JSON.stringify(policy)}`);
  }
  const vpc = resourcesIn(template).filter(({ type }) => type === 'AWS::EC2::VPC');
  return {
    engine: {
      rules: policy.groups.map(({ rules }) => rules).join('\n'),
      stateless,
      order,
      streamException: policy.streamException,
      // AWS sets the VPC's range there automatically.
      homeNet: policy.homeNet ?? vpc.map((each) => text(each, 'CidrBlock')),
    },
    dnsRules: dnsRulesIn(template),
  };
}

/** A mark that is another when anything is that the lab tries. */
export function markOf(tried: UnderTest): string {
  return createHash('sha256').update(JSON.stringify(tried)).digest('hex').slice(0, 16);
}
