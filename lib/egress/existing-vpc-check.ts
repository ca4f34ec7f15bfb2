/** What an existing VPC lacks for agents, told from what AWS says about it. */
import { contains, PRIVATE_RANGES, parseRange } from './address-range.ts';
import { ASSOCIATION_PRIORITY } from './dns-firewall.ts';

/** What is known of a VPC: answers of the EC2 and Route 53 Resolver APIs, cut down to what is looked at. */
export interface VpcFacts {
  readonly dnsSupport: boolean;
  readonly dnsHostnames: boolean;
  /** Resolvers that DHCP tells; `AmazonProvidedDNS` is the VPC's own. */
  readonly resolvers: readonly string[];
  readonly subnets: readonly SubnetFacts[];
  readonly endpoints: readonly { readonly service: string; readonly privateDns: boolean }[];
  readonly securityGroups: readonly SecurityGroupFacts[];
  /** DNS Firewall rule groups that are attached already, with their places in the order of questions. */
  readonly dnsFirewallRuleGroups: readonly { readonly name: string; readonly priority: number }[];
  /** Whether everything resolves when DNS Firewall cannot decide; absent: not asked. */
  readonly dnsFailsOpen?: boolean;
}

export interface SubnetFacts {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly freeAddresses: number;
  /** Where `0.0.0.0/0` leads: `nat-…`, `igw-…`, `tgw-…`, `vpce-…`, a core network's ARN, …; absent: nowhere. */
  readonly defaultRoute?: string;
  /** Whether it has a gateway endpoint to S3 or a route that stands for it. */
  readonly s3Endpoint: boolean;
}

export interface SecurityGroupFacts {
  readonly id: string;
  readonly vpcId: string;
  readonly inwards: readonly string[];
  readonly outwards: readonly OutwardRule[];
}

export interface OutwardRule {
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
  readonly peer: string;
}

/** What agents need of the VPC. */
export interface VpcNeeds {
  readonly vpcId: string;
  readonly subnetIds: readonly string[];
  readonly hostname: string;
  /** Agents of all pools at once. */
  readonly agents: number;
  readonly ports: readonly number[];
  /** Services without which no task starts, as endpoints are called: `ecr.api`, `ecr.dkr`, `logs`, `secretsmanager`. */
  readonly services: readonly string[];
  readonly dnsFirewall: boolean;
}

/** Something that is missing, or that should be known. */
export interface VpcFinding {
  readonly level: 'missing' | 'note';
  readonly what: string;
  readonly remedy: string;
}

/** Everything that the VPC lacks, first what keeps agents from starting. */
export function findingsIn(facts: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const all = [
    ...subnetFindings(facts, needs),
    ...dnsFindings(facts, needs),
    ...securityGroupFindings(facts.securityGroups, needs),
  ];
  return [...all.filter(({ level }) => level === 'missing'), ...all.filter(({ level }) => level === 'note')];
}

const missing = (what: string, remedy: string): VpcFinding => ({ level: 'missing', what, remedy });
const note = (what: string, remedy: string): VpcFinding => ({ level: 'note', what, remedy });

function subnetFindings({ subnets, endpoints }: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const found = subnets.flatMap((subnet): VpcFinding[] => {
    const { id, defaultRoute = '', freeAddresses } = subnet;
    if (subnet.vpcId !== needs.vpcId) {
      return [missing(`subnet ${id} is in ${subnet.vpcId}`, `give subnets of ${needs.vpcId} in network.subnetIds`)];
    }
    const room =
      freeAddresses < needs.agents
        ? [
            missing(
              `subnet ${id} has ${freeAddresses} free addresses, and all pools together may have ${needs.agents} agents`,
              'give larger subnets, or lower maxAgents',
            ),
          ]
        : [];
    if (/^(?:igw|cagw)-/.test(defaultRoute)) {
      return [
        ...room,
        missing(
          `subnet ${id} is public: its default route is the ${defaultRoute.startsWith('igw-') ? 'internet' : 'carrier'} gateway ${defaultRoute}, which a task without a public address cannot use`,
          'give private subnets whose default route is a NAT gateway, a firewall or a transit gateway; or use egress public-ip',
        ),
      ];
    }
    if (defaultRoute === '') {
      const lacking = needs.services.filter((service) => !endpoints.some((endpoint) => endpoint.service === service));
      return [
        ...room,
        missing(
          `subnet ${id} has no default route${lacking.length === 0 ? '' : `, and the VPC no endpoint for ${lacking.join(', ')}`}`,
          'add a route to a NAT gateway or to your proxy network: HCP Terraform has no endpoint inside AWS. A proxy alone works too, with HTTPS_PROXY in the environment of the pools and endpoints for these services',
        ),
      ];
    }
    const layers =
      subnet.s3Endpoint || !needs.services.includes('ecr.dkr')
        ? []
        : [
            note(
              `subnet ${id} has no gateway endpoint for S3: image layers go by ${defaultRoute}`,
              'add one to its route table; it is free',
            ),
          ];
    return [...room, ...layers];
  });
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

function dnsFindings(facts: VpcFacts, { dnsFirewall }: VpcNeeds): VpcFinding[] {
  const others = facts.resolvers.filter((resolver) => resolver !== 'AmazonProvidedDNS');
  const withoutNames = facts.endpoints.filter(({ privateDns }) => !privateDns);
  return [
    ...(facts.dnsSupport
      ? []
      : [missing('the VPC resolves no names (enableDnsSupport is off)', 'switch it on: aws ec2 modify-vpc-attribute')]),
    ...(facts.dnsHostnames || facts.endpoints.length === 0
      ? []
      : [
          missing(
            'the VPC has endpoints and no DNS host names (enableDnsHostnames is off), so their names lead outside',
            'switch it on: aws ec2 modify-vpc-attribute',
          ),
        ]),
    ...withoutNames.map(({ service }) =>
      note(
        `the endpoint for ${service} has no private DNS: tasks ask the public name and go outside`,
        'switch private DNS on, or allow its public name on the way out',
      ),
    ),
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
  { vpcId, ports, hostname }: VpcNeeds,
): VpcFinding[] {
  if (groups.length === 0) return [];
  const rules = groups.flatMap(({ outwards }) => outwards);
  const closed = ports.filter((port) => !rules.some((rule) => lets(rule, port)));
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
          `security group ${id} lets in: ${inwards.join(', ')}`,
          'agents need nothing to come in; use a group without rules inwards',
        ),
      ),
    ...(rules.some(({ protocol, peer }) => protocol === '-1' && peer === '0.0.0.0/0')
      ? [note('a security group lets everything out', 'TCP 443 is all that agents need')]
      : []),
  ];
}

function lets({ protocol, from, to }: OutwardRule, port: number): boolean {
  return protocol === '-1' || (protocol === 'tcp' && from <= port && port <= to);
}

/** What is said of a port that leaves to some addresses only. */
function narrowed(rules: readonly OutwardRule[], port: number, hostname: string): VpcFinding[] {
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

function isPrivate(peer: string): boolean {
  const range = parseRange(peer);
  return PRIVATE_RANGES.some((text) => {
    const outer = parseRange(text);
    return outer !== undefined && range !== undefined && contains(outer, range);
  });
}
