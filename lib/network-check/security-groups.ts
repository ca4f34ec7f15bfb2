/** Findings about the agents' security groups. */
import { isPrivate } from '../aws/address-range.ts';
import {
  type GroupRule,
  lets,
  missing,
  note,
  type SecurityGroupFacts,
  type Subject,
  type VpcFinding,
  type VpcNeeds,
} from './findings.ts';

export function* securityGroupFindings(
  groups: readonly SecurityGroupFacts[],
  { vpcId, ports, proxyPorts = [], hostname }: VpcNeeds,
  subject: Subject,
): Iterable<VpcFinding> {
  if (groups.length === 0) return;
  const rules = groups.flatMap(({ outbound }) => outbound);
  const isOpen = (port: number): boolean => rules.some((rule) => lets(rule, port));
  for (const { id, vpcId: other } of groups) {
    if (other !== vpcId)
      yield missing(`security group ${id} belongs to ${other}, a different VPC`, `use groups of ${vpcId}`);
  }
  for (const port of ports.filter(isOpen)) yield* restricted(rules, port, hostname, subject);
  for (const port of new Set([...ports, ...proxyPorts])) {
    if (isOpen(port)) continue;
    yield missing(
      `no security group${subject.ofGroups} allows outbound TCP ${port}`,
      `add an outbound rule, or remove ${subject.groups}`,
    );
  }
  for (const { id, inbound } of groups) {
    if (inbound.length === 0) continue;
    yield note(
      `security group ${id} allows inbound traffic: ${inbound.map(inWords).join(', ')}`,
      `use a group without inbound rules, because ${subject.need} no inbound traffic`,
    );
  }
  if (rules.some(({ protocol, peer }) => protocol === '-1' && peer === '0.0.0.0/0')) {
    yield note('a security group allows all outbound traffic', `${subject.need} TCP 443 only`);
  }
}

/** The finding for a port that is open to some addresses only. */
function* restricted(
  rules: readonly GroupRule[],
  port: number,
  hostname: string,
  subject: Subject,
): Iterable<VpcFinding> {
  const peers = [...new Set(rules.filter((rule) => lets(rule, port)).map(({ peer }) => peer))];
  if (peers.includes('0.0.0.0/0')) return;
  const what = `security groups allow outbound TCP ${port} only to ${peers.join(', ')}`;
  const inside = peers.every((peer) => peer.startsWith('sg-') || peer.includes(':') || isPrivate(peer));
  yield /(?:^|\.)terraform\.io(?::|$)/.test(hostname) && inside
    ? missing(
        `${what}, but the addresses of HCP Terraform are public`,
        `add an outbound rule to 0.0.0.0/0, or remove ${subject.groups}. ${subject.behindProxy}`,
      )
    : note(what, `check that these include ${hostname}, the registries and AWS APIs`);
}

function inWords({ protocol, from, peer }: GroupRule): string {
  return `${protocol === '-1' ? 'everything' : `${protocol} ${from}`} from ${peer}`;
}
