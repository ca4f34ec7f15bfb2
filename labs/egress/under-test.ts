/**
 * What the lab tests: rules, names and settings of one synthesized template. Their hash is written next to the results, so
 * that a unit test notices when the template has changed since.
 */
import { createHash } from 'node:crypto';
import { type DnsRule, dnsRulesIn } from '../../test/lib/network/reachability/dns-rules.ts';
import { firewallsIn } from '../../test/lib/network/reachability/firewall-policy.ts';
import { resourcesIn, text } from '../../test/lib/network/reachability/template-values.ts';
import { templateOf } from '../../test/lib/synthesis.ts';
import { NAMES } from './attempts.ts';

export interface EngineSettings {
  readonly rules: string;
  /** The stateless stage's action. Only `aws:forward_to_sfe` sends packets to the engine. */
  readonly stateless: string;
  readonly order: string;
  readonly streamException: string;
  readonly homeNet: readonly string[];
}

export interface UnderTest {
  readonly engine: EngineSettings;
  readonly dnsRules: readonly DnsRule[];
}

export function underTest(): UnderTest {
  const network = { egress: 'network-firewall', allowedDomains: [NAMES.wildcard], allowedPresets: ['hcp-terraform'] };
  const template = templateOf({ network }).toJSON();
  const [policy] = firewallsIn(template).values();
  if (policy === undefined) throw new Error('The template has no network firewall.');
  const [stateless, ...more] = new Set([...policy.statelessActions, ...policy.statelessFragmentActions]);
  const [order, ...orders] = new Set([policy.order, ...policy.groups.map((group) => group.order)]);
  if (stateless === undefined || order === undefined || more.length + orders.length > 0) {
    throw new Error(
      `The lab supports one stateless action and one rule order, but the policy has more: ${JSON.stringify(policy)}`,
    );
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

export function markOf(tried: UnderTest): string {
  return createHash('sha256').update(JSON.stringify(tried)).digest('hex').slice(0, 16);
}
