/** Finds out from the facts about an existing VPC what it lacks for agents. */
import { contains, dotted, PRIVATE_RANGES, parseRange, prefixOf } from '../aws/address-range.ts';
import { ASSOCIATION_PRIORITY } from '../network/dns-firewall-facts.ts';
import { endpointFindings } from './endpoints.ts';
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
} from './findings.ts';
import { LONGEST_DEFAULT_PREFIX } from './internet-routes.ts';
import { type AclFacts, passes } from './network-acl.ts';

/** What the facts don't show, so no finding covers it. */
export const NOT_CHECKED =
  'what is behind the default route (NAT, firewalls, transit gateways, proxies), prefix lists, the policies of endpoints, resolver rules, quotas';

/** All findings. What prevents agents from starting comes first. */
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
      ? findingsOf(subnet, facts, needs)
      : [missing(`subnet ${subnet.id} is in ${subnet.vpcId}`, `use subnets of ${needs.vpcId} in network.subnetIds`)],
  );
  const absent = needs.subnetIds.filter((id) => !subnets.some((subnet) => subnet.id === id));
  const zones = new Set(subnets.map(({ zone }) => zone));
  return [
    ...absent.map((id) =>
      missing(`subnet ${id} does not exist in this account and region`, 'correct network.subnetIds'),
    ),
    ...found,
    ...(subnets.length > 0 && zones.size === 1
      ? [note('all subnets are in one zone: while it is down, no agent starts', 'add a subnet in another zone')]
      : []),
  ];
}

function findingsOf(subnet: SubnetFacts, facts: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const { id, range, outpost } = subnet;
  const unusable = [
    ...(outpost === undefined
      ? []
      : [
          missing(
            `subnet ${id} is on an Outpost (${outpost}), where Fargate does not run tasks`,
            'use subnets of the region in network.subnetIds',
          ),
        ]),
    ...(range === undefined
      ? [
          missing(
            `subnet ${id} has no IPv4 range, which agents and this command need`,
            'use subnets with IPv4, or with IPv4 and IPv6, in network.subnetIds',
          ),
        ]
      : []),
  ];
  if (unusable.length > 0) return unusable;
  return [...capacityFindings(subnet, needs), ...routeFindings(subnet, facts, needs), ...aclFindings(subnet, needs)];
}

function capacityFindings({ id, freeAddresses }: SubnetFacts, { agents }: VpcNeeds): VpcFinding[] {
  if (freeAddresses >= agents) return [];
  return [
    missing(
      `subnet ${id} has ${freeAddresses} free addresses, but all pools together may have ${agents} agents`,
      'use larger subnets, or lower maxAgents',
    ),
  ];
}

function routeFindings(subnet: SubnetFacts, { endpoints }: VpcFacts, { services }: VpcNeeds): VpcFinding[] {
  const { id, targets, nowhere } = subnet;
  const open = targets.find((target) => /^(?:igw|cagw)-/.test(target));
  if (open !== undefined) {
    return [
      missing(
        `subnet ${id} is public: its default route is the ${open.startsWith('igw-') ? 'internet' : 'carrier'} gateway ${open}, which a task without a public address can't use`,
        'use private subnets whose default route is a NAT gateway, a firewall or a transit gateway; or use egress public-ip',
      ),
    ];
  }
  const byName = (service: string) => endpoints.some((other) => other.service === service && other.privateDns);
  const layers = services.includes('ecr.dkr') && !subnet.s3Endpoint && !byName('s3');
  const wide = nowhere.filter((range) => (prefixOf(range) ?? 0) <= LONGEST_DEFAULT_PREFIX);
  if (wide.length === 0) {
    return [
      ...(nowhere.length === 0
        ? []
        : [
            note(
              `subnet ${id} has routes whose target was deleted (${nowhere.join(', ')})`,
              'check that HCP Terraform, the registries and AWS are not in these ranges, or repair the routes',
            ),
          ]),
      ...(layers
        ? [
            note(
              `subnet ${id} has no gateway endpoint for S3, so image layers come through ${targets.join(' and ')}`,
              'add one to its route table; it is free',
            ),
          ]
        : []),
    ];
  }
  const where =
    targets.length === 0 ? 'no default route' : `no route to ${wide.join(', ')} (missing, or its target was deleted)`;
  const lacking = [...services.filter((service) => !byName(service)), ...(layers ? ['s3 (gateway)'] : [])];
  return [
    missing(
      `subnet ${id} has ${where}${lacking.length === 0 ? '' : `, and no endpoint with private DNS for ${lacking.join(', ')}`}`,
      'add a route to a NAT gateway or to your proxy network: HCP Terraform has no endpoint inside AWS. A proxy alone also works, with HTTPS_PROXY in the environment of the pools and endpoints for these services',
    ),
  ];
}

/** Ports that Linux uses for its end of a connection. Answers arrive there. */
const ANSWERS = { from: 32_768, to: 60_999 };

/**
 * Network ACLs are stateless: they must allow the outbound traffic and also its answers. They don't see queries to the VPC's
 * resolver. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html
 */
function aclFindings({ id, acl }: SubnetFacts, { ports, proxyPorts = [] }: VpcNeeds): VpcFinding[] {
  if (acl === undefined) {
    return [note(`this account can't see the network ACL of subnet ${id}`, 'ask the owner of the VPC')];
  }
  const out = [...new Set([...ports, ...proxyPorts])].map((port) => ({
    what: `outbound TCP ${port}`,
    passed: passes(acl, 'out', { from: port, to: port }),
  }));
  const answers = {
    what: `inbound answers (TCP ${ANSWERS.from} to ${ANSWERS.to})`,
    passed: passes(acl, 'in', ANSWERS),
  };
  return [...out, answers].flatMap(({ what, passed }) => aclFinding(id, acl, what, passed));
}

function aclFinding(id: string, acl: AclFacts, what: string, passed: ReturnType<typeof passes>): VpcFinding[] {
  if (passed === 'all') return [];
  const place = `network ACL ${acl.id} of subnet ${id}`;
  return passed === 'none'
    ? [
        missing(
          `${place} does not allow ${what}`,
          'add rules: outbound TCP 443, and inbound TCP 1024 to 65535 for the answers',
        ),
      ]
    : [
        note(
          `${place} allows ${what} for some addresses or ports only`,
          'check that HCP Terraform and AWS are among them',
        ),
      ];
}

/**
 * Addresses of a VPC's resolver: one in its first range, and one per protocol that all VPCs share.
 * https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
 */
function ownResolvers(vpcRange: string): string[] {
  const first = parseRange(vpcRange)?.first;
  const inRange = first === undefined ? [] : [dotted(first + 2)];
  return ['AmazonProvidedDNS', '169.254.169.253', 'fd00:ec2::253', ...inRange];
}

/** Without DNS hostnames, the private hostnames of endpoints don't resolve. Endpoints without private DNS aren't affected. */
function hostNameFindings({ endpoints }: VpcFacts, services: readonly string[]): VpcFinding[] {
  const lost = endpoints.filter(({ privateDns }) => privateDns).map(({ service }) => service);
  if (lost.length === 0) return [];
  const level = lost.some((service) => services.includes(service)) ? missing : note;
  return [
    level(
      `the VPC has no DNS hostnames (enableDnsHostnames is off), so the hostnames of its endpoints (${lost.join(', ')}) lead to public addresses`,
      'turn it on: aws ec2 modify-vpc-attribute',
    ),
  ];
}

function dnsFindings(facts: VpcFacts, { dnsFirewall, services }: VpcNeeds): VpcFinding[] {
  const own = ownResolvers(facts.range);
  const others = facts.resolvers.filter((resolver) => !own.includes(resolver));
  return [
    ...(facts.dnsSupport
      ? []
      : [missing('the VPC has no DNS (enableDnsSupport is off)', 'turn it on: aws ec2 modify-vpc-attribute')]),
    ...(facts.dnsHostnames ? [] : hostNameFindings(facts, services)),
    ...(others.length === 0
      ? []
      : [
          dnsFirewall
            ? missing(
                `DHCP sets other resolvers (${others.join(', ')}), and DNS Firewall sees no query to them`,
                'let these resolvers forward to the VPC’s, or remove network.dnsFirewall and limit domains there',
              )
            : note(`DHCP sets other resolvers (${others.join(', ')})`, 'check that they resolve HCP Terraform and AWS'),
        ]),
    ...(facts.dnsFirewallRuleGroups.length === 0
      ? []
      : [
          note(
            `another DNS Firewall rule group is attached (${facts.dnsFirewallRuleGroups.map(({ name, priority }) => `${name}: priority ${priority}`).join(', ')})`,
            `check that it allows the domains in docs/network.md; rule groups are evaluated in the order of their priorities, and this stack’s has ${ASSOCIATION_PRIORITY}`,
          ),
        ]),
    ...(dnsFirewall ? ownDnsFirewallFindings(facts) : []),
  ];
}

/** What affects this stack's DNS Firewall in the VPC. */
function ownDnsFirewallFindings({ dnsFirewallRuleGroups, dnsFailsOpen }: VpcFacts): VpcFinding[] {
  const taken = dnsFirewallRuleGroups.filter(({ priority }) => priority === ASSOCIATION_PRIORITY);
  return [
    ...taken.map(({ name }) =>
      note(
        `${name} has the priority ${ASSOCIATION_PRIORITY}, which this stack’s rule group uses`,
        'nothing if it belongs to this stack; otherwise change its priority, or the deployment fails: a VPC can have each priority once',
      ),
    ),
    ...(dnsFailsOpen === true
      ? [
          note(
            'DNS Firewall fails open in this VPC: when it cannot decide, every domain resolves',
            'keep it if you want that for the VPC; otherwise aws route53resolver update-firewall-config --firewall-fail-open DISABLED',
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

function isPrivate(peer: string): boolean {
  const range = parseRange(peer);
  return PRIVATE_RANGES.some((text) => {
    const outer = parseRange(text);
    return outer !== undefined && range !== undefined && contains(outer, range);
  });
}
