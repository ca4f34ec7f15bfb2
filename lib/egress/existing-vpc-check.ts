/** What an existing VPC lacks for agents, told from what AWS says about it. */
import { contains, dotted, PRIVATE_RANGES, parseRange, prefixOf } from './address-range.ts';
import { ASSOCIATION_PRIORITY } from './dns-firewall.ts';
import { endpointFindings } from './existing-vpc-endpoints.ts';
import { type AclFacts, passes } from './network-acl.ts';
import {
  type GroupRule,
  lets,
  missing,
  note,
  type SecurityGroupFacts,
  type SubnetFacts,
  type VpcFacts,
  type VpcFinding,
  type VpcNeeds,
} from './vpc-findings.ts';
import { WIDEST_PART } from './ways-out.ts';

/** What no finding is about, because these facts do not show it. */
export const NOT_LOOKED_AT =
  'what is behind the default route (NAT, firewalls, transit gateways, proxies), what is in prefix lists and in the policies of endpoints, resolver rules, quotas';

/** Everything that the VPC lacks, first what keeps agents from starting. */
export function findingsIn(facts: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const all = [
    ...subnetFindings(facts, needs),
    ...dnsFindings(facts, needs),
    ...endpointFindings(facts, needs),
    ...securityGroupFindings(facts.securityGroups, needs),
  ];
  return [...all.filter(({ level }) => level === 'missing'), ...all.filter(({ level }) => level === 'note')];
}

function subnetFindings(facts: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const { subnets } = facts;
  const found = subnets.flatMap((subnet): VpcFinding[] =>
    subnet.vpcId === needs.vpcId
      ? ofSubnet(subnet, facts, needs)
      : [missing(`subnet ${subnet.id} is in ${subnet.vpcId}`, `give subnets of ${needs.vpcId} in network.subnetIds`)],
  );
  const absent = needs.subnetIds.filter((id) => !subnets.some((subnet) => subnet.id === id));
  const zones = new Set(subnets.map(({ zone }) => zone));
  return [
    ...absent.map((id) =>
      missing(`subnet ${id} does not exist in this account and region`, 'correct network.subnetIds'),
    ),
    ...found,
    ...(subnets.length > 0 && zones.size === 1
      ? [note('all subnets are in one zone: while it is down no agent starts', 'add a subnet of another zone')]
      : []),
  ];
}

function ofSubnet(subnet: SubnetFacts, facts: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const { id, range, outpost } = subnet;
  const unfit = [
    ...(outpost === undefined
      ? []
      : [
          missing(
            `subnet ${id} is on an Outpost (${outpost}), where Fargate runs no tasks`,
            'give subnets of the region in network.subnetIds',
          ),
        ]),
    ...(range === undefined
      ? [
          missing(
            `subnet ${id} has no IPv4 range: agents and this command take IPv4`,
            'give subnets with IPv4, or with both, in network.subnetIds',
          ),
        ]
      : []),
  ];
  if (unfit.length > 0) return unfit;
  return [...roomFindings(subnet, needs), ...wayFindings(subnet, facts, needs), ...aclFindings(subnet, needs)];
}

function roomFindings({ id, freeAddresses }: SubnetFacts, { agents }: VpcNeeds): VpcFinding[] {
  if (freeAddresses >= agents) return [];
  return [
    missing(
      `subnet ${id} has ${freeAddresses} free addresses, and all pools together may have ${agents} agents`,
      'give larger subnets, or lower maxAgents',
    ),
  ];
}

function wayFindings(subnet: SubnetFacts, { endpoints }: VpcFacts, { services }: VpcNeeds): VpcFinding[] {
  const { id, ways, nowhere } = subnet;
  const open = ways.find((way) => /^(?:igw|cagw)-/.test(way));
  if (open !== undefined) {
    return [
      missing(
        `subnet ${id} is public: its default route is the ${open.startsWith('igw-') ? 'internet' : 'carrier'} gateway ${open}, which a task without a public address cannot use`,
        'give private subnets whose default route is a NAT gateway, a firewall or a transit gateway; or use egress public-ip',
      ),
    ];
  }
  const byName = (service: string) => endpoints.some((other) => other.service === service && other.privateDns);
  const layers = services.includes('ecr.dkr') && !subnet.s3Endpoint && !byName('s3');
  const wide = nowhere.filter((range) => (prefixOf(range) ?? 0) <= WIDEST_PART);
  if (wide.length === 0) {
    return [
      ...(nowhere.length === 0
        ? []
        : [
            note(
              `subnet ${id} has routes to nowhere (${nowhere.join(', ')})`,
              'see that HCP Terraform, the registries and AWS are not in there, or mend them: their targets are gone',
            ),
          ]),
      ...(layers
        ? [
            note(
              `subnet ${id} has no gateway endpoint for S3: image layers go by ${ways.join(' and ')}`,
              'add one to its route table; it is free',
            ),
          ]
        : []),
    ];
  }
  const where = ways.length === 0 ? 'no default route' : `no way to ${wide.join(', ')} (no route, or one that is dead)`;
  const lacking = [...services.filter((service) => !byName(service)), ...(layers ? ['s3 (gateway)'] : [])];
  return [
    missing(
      `subnet ${id} has ${where}${lacking.length === 0 ? '' : `, and no endpoint with its private name for ${lacking.join(', ')}`}`,
      'add a route to a NAT gateway or to your proxy network: HCP Terraform has no endpoint inside AWS. A proxy alone works too, with HTTPS_PROXY in the environment of the pools and endpoints for these services',
    ),
  ];
}

/** Ports that Linux takes for its end of a connection, and so those that answers come to. */
const ANSWERS = { from: 32_768, to: 60_999 };

/**
 * Network ACLs do not remember connections: what goes out must be let out, and its answer in. Questions to the VPC's
 * resolver they do not see. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html
 */
function aclFindings({ id, acl }: SubnetFacts, { ports, proxyPorts = [] }: VpcNeeds): VpcFinding[] {
  if (acl === undefined) {
    return [note(`the network ACL of subnet ${id} is not shown to this account`, 'ask the owner of the VPC')];
  }
  const out = [...new Set([...ports, ...proxyPorts])].map((port) => ({
    what: `TCP ${port} out`,
    passed: passes(acl, 'out', { from: port, to: port }),
  }));
  const answers = {
    what: `the answers in (TCP ${ANSWERS.from} to ${ANSWERS.to})`,
    passed: passes(acl, 'in', ANSWERS),
  };
  return [...out, answers].flatMap(({ what, passed }) => aclFinding(id, acl, what, passed));
}

function aclFinding(id: string, acl: AclFacts, what: string, passed: ReturnType<typeof passes>): VpcFinding[] {
  if (passed === 'all') return [];
  const place = `network ACL ${acl.id} of subnet ${id}`;
  return passed === 'none'
    ? [missing(`${place} does not let ${what}`, 'add rules: TCP 443 out, and TCP 1024 to 65535 in for the answers')]
    : [note(`${place} lets ${what} for some addresses or ports only`, 'see that HCP Terraform and AWS are among them')];
}

/**
 * Addresses of a VPC's own resolver: one in its first range, and one for all VPCs in each protocol.
 * https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
 */
function ownResolvers(vpcRange: string): string[] {
  const first = parseRange(vpcRange)?.first;
  const inRange = first === undefined ? [] : [dotted(first + 2)];
  return ['AmazonProvidedDNS', '169.254.169.253', 'fd00:ec2::253', ...inRange];
}

/** Without DNS host names the private names of endpoints are not answered. Endpoints without such names lose nothing. */
function hostNameFindings({ endpoints }: VpcFacts, services: readonly string[]): VpcFinding[] {
  const lost = endpoints.filter(({ privateDns }) => privateDns).map(({ service }) => service);
  if (lost.length === 0) return [];
  const level = lost.some((service) => services.includes(service)) ? missing : note;
  return [
    level(
      `the VPC has no DNS host names (enableDnsHostnames is off), so the names of its endpoints (${lost.join(', ')}) lead outside`,
      'switch it on: aws ec2 modify-vpc-attribute',
    ),
  ];
}

function dnsFindings(facts: VpcFacts, { dnsFirewall, services }: VpcNeeds): VpcFinding[] {
  const own = ownResolvers(facts.range);
  const others = facts.resolvers.filter((resolver) => !own.includes(resolver));
  return [
    ...(facts.dnsSupport
      ? []
      : [missing('the VPC resolves no names (enableDnsSupport is off)', 'switch it on: aws ec2 modify-vpc-attribute')]),
    ...(facts.dnsHostnames ? [] : hostNameFindings(facts, services)),
    ...(others.length === 0
      ? []
      : [
          dnsFirewall
            ? missing(
                `DHCP names other resolvers (${others.join(', ')}): DNS Firewall sees no question to them`,
                'let these resolvers forward to the VPC’s, or leave network.dnsFirewall out and limit names there',
              )
            : note(
                `DHCP names other resolvers (${others.join(', ')})`,
                'see that they answer for HCP Terraform and AWS',
              ),
        ]),
    ...(facts.dnsFirewallRuleGroups.length === 0
      ? []
      : [
          note(
            `DNS Firewall is attached already (${facts.dnsFirewallRuleGroups.map(({ name, priority }) => `${name}: priority ${priority}`).join(', ')})`,
            `see that it allows the names in docs/network.md; rule groups are asked in the order of their priorities, this stack’s has ${ASSOCIATION_PRIORITY}`,
          ),
        ]),
    ...(dnsFirewall ? ownDnsFirewallFindings(facts) : []),
  ];
}

/** What this stack's own DNS Firewall meets in the VPC. */
function ownDnsFirewallFindings({ dnsFirewallRuleGroups, dnsFailsOpen }: VpcFacts): VpcFinding[] {
  const taken = dnsFirewallRuleGroups.filter(({ priority }) => priority === ASSOCIATION_PRIORITY);
  return [
    ...taken.map(({ name }) =>
      note(
        `${name} has the priority ${ASSOCIATION_PRIORITY}, which this stack’s rule group takes`,
        'nothing if it is this stack’s own; else give it another priority, or deploying fails: a VPC has each priority once',
      ),
    ),
    ...(dnsFailsOpen === true
      ? [
          note(
            'DNS Firewall fails open in this VPC: when it cannot decide, every name resolves',
            'leave it if that is wanted for the VPC; else aws route53resolver update-firewall-config --firewall-fail-open DISABLED',
          ),
        ]
      : []),
  ];
}

function securityGroupFindings(
  groups: readonly SecurityGroupFacts[],
  { vpcId, ports, proxyPorts = [], hostname }: VpcNeeds,
): VpcFinding[] {
  if (groups.length === 0) return [];
  const rules = groups.flatMap(({ outwards }) => outwards);
  const closed = [...new Set([...ports, ...proxyPorts])].filter((port) => !rules.some((rule) => lets(rule, port)));
  return [
    ...groups
      .filter((group) => group.vpcId !== vpcId)
      .map(({ id, vpcId: other }) => missing(`security group ${id} is in ${other}`, `give groups of ${vpcId}`)),
    ...ports.filter((port) => !closed.includes(port)).flatMap((port) => narrowed(rules, port, hostname)),
    ...closed.map((port) =>
      missing(`no security group lets TCP ${port} out`, `add a rule outwards, or leave network.securityGroupIds out`),
    ),
    ...groups
      .filter(({ inwards }) => inwards.length > 0)
      .map(({ id, inwards }) =>
        note(
          `security group ${id} lets in: ${inwards.map(inWords).join(', ')}`,
          'agents need nothing to come in; use a group without rules inwards',
        ),
      ),
    ...(rules.some(({ protocol, peer }) => protocol === '-1' && peer === '0.0.0.0/0')
      ? [note('a security group lets everything out', 'TCP 443 is all that agents need')]
      : []),
  ];
}

/** What is said of a port that leaves to some addresses only. */
function narrowed(rules: readonly GroupRule[], port: number, hostname: string): VpcFinding[] {
  const peers = [...new Set(rules.filter((rule) => lets(rule, port)).map(({ peer }) => peer))];
  if (peers.includes('0.0.0.0/0')) return [];
  const what = `security groups let TCP ${port} out only to ${peers.join(', ')}`;
  const inside = peers.every((peer) => peer.startsWith('sg-') || peer.includes(':') || isPrivate(peer));
  return /(?:^|\.)terraform\.io(?::|$)/.test(hostname) && inside
    ? [
        missing(
          `${what}, and HCP Terraform is at public IPv4 addresses`,
          'add a rule outwards to 0.0.0.0/0, or leave network.securityGroupIds out. Behind a proxy this is right: set HTTPS_PROXY in the environment of the pools',
        ),
      ]
    : [note(what, `see that ${hostname}, the registries and AWS APIs are among them`)];
}

function inWords({ protocol, from, peer }: GroupRule): string {
  return `${protocol === '-1' ? 'everything' : `${protocol} ${from}`} from ${peer}`;
}

function isPrivate(peer: string): boolean {
  const range = parseRange(peer);
  return PRIVATE_RANGES.some((text) => {
    const outer = parseRange(text);
    return outer !== undefined && range !== undefined && contains(outer, range);
  });
}
