/** What the agents' security groups lack. */
import { isPrivate } from '../aws/address-range.ts';
import {
  type GroupRule,
  lets,
  missing,
  note,
  type SecurityGroupFacts,
  type VpcFinding,
  type VpcNeeds,
} from './findings.ts';

export function securityGroupFindings(
  groups: readonly SecurityGroupFacts[],
  { vpcId, ports, proxyPorts = [], hostname }: VpcNeeds,
): VpcFinding[] {
  if (groups.length === 0) return [];
  const rules = groups.flatMap(({ outbound }) => outbound);
  const closed = [...new Set([...ports, ...proxyPorts])].filter((port) => !rules.some((rule) => lets(rule, port)));
  return [
    ...groups
      .filter((group) => group.vpcId !== vpcId)
      .map(({ id, vpcId: other }) => missing(`security group ${id} is in ${other}`, `use groups of ${vpcId}`)),
    ...ports.filter((port) => !closed.includes(port)).flatMap((port) => restricted(rules, port, hostname)),
    ...closed.map((port) =>
      missing(
        `no security group allows outbound TCP ${port}`,
        `add an outbound rule, or remove network.securityGroupIds`,
      ),
    ),
    ...groups
      .filter(({ inbound }) => inbound.length > 0)
      .map(({ id, inbound }) =>
        note(
          `security group ${id} allows inbound traffic: ${inbound.map(inWords).join(', ')}`,
          'agents need no inbound traffic; use a group without inbound rules',
        ),
      ),
    ...(rules.some(({ protocol, peer }) => protocol === '-1' && peer === '0.0.0.0/0')
      ? [note('a security group allows all outbound traffic', 'agents need TCP 443 only')]
      : []),
  ];
}

/** The finding for a port that is open to some addresses only. */
function restricted(rules: readonly GroupRule[], port: number, hostname: string): VpcFinding[] {
  const peers = [...new Set(rules.filter((rule) => lets(rule, port)).map(({ peer }) => peer))];
  if (peers.includes('0.0.0.0/0')) return [];
  const what = `security groups allow outbound TCP ${port} only to ${peers.join(', ')}`;
  const inside = peers.every((peer) => peer.startsWith('sg-') || peer.includes(':') || isPrivate(peer));
  return /(?:^|\.)terraform\.io(?::|$)/.test(hostname) && inside
    ? [
        missing(
          `${what}, but HCP Terraform has public IPv4 addresses`,
          'add an outbound rule to 0.0.0.0/0, or remove network.securityGroupIds. Behind a proxy this is correct: set HTTPS_PROXY in the environment of the pools',
        ),
      ]
    : [note(what, `check that ${hostname}, the registries and AWS APIs are among them`)];
}

function inWords({ protocol, from, peer }: GroupRule): string {
  return `${protocol === '-1' ? 'everything' : `${protocol} ${from}`} from ${peer}`;
}
