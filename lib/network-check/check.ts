/** Compares the facts about an existing VPC with what agents need, and reports what is missing. */
import { parseRange } from '../aws/address-range.ts';
import { dnsFindings } from './dns.ts';
import { endpointFindings } from './endpoints.ts';
import {
  AGENTS,
  LAUNCHER,
  LAUNCHER_IN_SUBNETS_OF_AGENTS,
  missing,
  note,
  type Subject,
  type SubnetFacts,
  type VpcFacts,
  type VpcFinding,
  type VpcNeeds,
} from './findings.ts';
import { LONGEST_DEFAULT_PREFIX } from './internet-routes.ts';
import { passes } from './network-acl.ts';
import { securityGroupFindings } from './security-groups.ts';

/** Parts of a network that this check can't see, so the user must check them. */
export const NOT_CHECKED =
  'what is behind the default route (NAT, firewalls, transit gateways, proxies), prefix lists, the policies of endpoints, resolver rules, quotas';

/** All findings. Those that prevent agents from starting come first. */
export function findingsIn(facts: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const ofAgents = [
    ...subnetFindings(withSubnets(facts, needs.subnetIds), needs, AGENTS),
    ...dnsFindings(facts, needs),
    ...endpointFindings(withSubnets(facts, needs.subnetIds), needs, AGENTS),
    ...securityGroupFindings(facts.securityGroups, needs, AGENTS),
  ];
  // Both can be in the same subnets, and then have the same findings. A different remedy is another finding.
  const all = [
    ...new Map(
      [...ofAgents, ...launcherFindings(facts, needs)].map((finding) => [
        `${finding.what}\n${finding.remedy}`,
        finding,
      ]),
    ).values(),
  ];
  return [...all.filter(({ level }) => level === 'missing'), ...all.filter(({ level }) => level === 'note')];
}

/** Findings about the launcher's function, if it runs in the VPC. It uses its own subnets, security groups and AWS APIs. */
function* launcherFindings(facts: VpcFacts, { launcher, ...agents }: VpcNeeds): Iterable<VpcFinding> {
  if (launcher === undefined) return;
  const { subnetIds, services, proxyPorts } = launcher;
  const subject = launcher.hasOwnSubnets ? LAUNCHER : LAUNCHER_IN_SUBNETS_OF_AGENTS;
  // Lambda needs one network interface in each subnet, however many invocations run.
  const needs = { ...agents, subnetIds, services, agents: 1, proxyPorts, guardDuty: false };
  const its = { ...withSubnets(facts, subnetIds), securityGroups: facts.launcherSecurityGroups };
  yield* subnetFindings(its, needs, subject);
  yield* endpointFindings(its, needs, subject);
  yield* securityGroupFindings(its.securityGroups, needs, subject);
}

function withSubnets(facts: VpcFacts, ids: readonly string[]): VpcFacts {
  return { ...facts, subnets: facts.subnets.filter(({ id }) => ids.includes(id)) };
}

function* subnetFindings(facts: VpcFacts, needs: VpcNeeds, subject: Subject): Iterable<VpcFinding> {
  const { subnets } = facts;
  for (const id of needs.subnetIds) {
    if (subnets.some((subnet) => subnet.id === id)) continue;
    yield missing(`subnet ${id} does not exist in this account and region`, `correct ${subject.subnets}`);
  }
  for (const subnet of subnets) yield* findingsOf(subnet, facts, needs, subject);
  if (new Set(subnets.map(({ zone }) => zone)).size === 1) {
    yield note(`all subnets are in one zone: while it is down, ${subject.withoutZone}`, 'add a subnet in another zone');
  }
}

function* findingsOf(subnet: SubnetFacts, facts: VpcFacts, needs: VpcNeeds, subject: Subject): Iterable<VpcFinding> {
  const { id, vpcId, range, outpost } = subnet;
  if (vpcId !== needs.vpcId) {
    yield missing(
      `subnet ${id} belongs to ${vpcId}, a different VPC`,
      `use subnets of ${needs.vpcId} in ${subject.subnets}`,
    );
    return;
  }
  if (outpost !== undefined && subject.onOutpost !== undefined) {
    yield missing(
      `subnet ${id} is on an Outpost (${outpost}), ${subject.onOutpost}`,
      `use subnets of the region in ${subject.subnets}`,
    );
  }
  if (range === undefined) {
    yield missing(
      `subnet ${id} has no IPv4 range, which ${subject.who} and this command need`,
      `use subnets with an IPv4 range in ${subject.subnets}`,
    );
  }
  if (outpost !== undefined || range === undefined) return;
  if (subnet.freeAddresses < needs.agents) yield subject.lacksAddresses(id, subnet.freeAddresses, needs.agents);
  yield* routeFindings(subnet, facts, needs, subject);
  yield* aclFindings(subnet, needs);
}

function* routeFindings(
  { id, targets, nowhere, s3Endpoint }: SubnetFacts,
  { endpoints }: VpcFacts,
  { services }: VpcNeeds,
  subject: Subject,
): Iterable<VpcFinding> {
  const open = targets.find((target) => /^(?:igw|cagw)-/.test(target));
  if (open !== undefined) {
    yield missing(
      `subnet ${id} is public: its default route is the ${open.startsWith('igw-') ? 'internet' : 'carrier'} gateway ${open}, ${subject.publicSubnet}`,
      subject.publicRemedy,
    );
    return;
  }
  const byName = (service: string) => endpoints.some((other) => other.service === service && other.privateDns);
  const layers = services.includes('ecr.dkr') && !s3Endpoint && !byName('s3');
  const wide = nowhere.filter((range) => (parseRange(range)?.prefix ?? 0) <= LONGEST_DEFAULT_PREFIX);
  if (wide.length > 0) {
    const where =
      targets.length === 0 ? 'no default route' : `no route to ${wide.join(', ')} (missing, or its target was deleted)`;
    const lacking = [...services.filter((service) => !byName(service)), ...(layers ? ['s3 (gateway)'] : [])];
    yield missing(
      `subnet ${id} has ${where}${lacking.length === 0 ? '' : `, and no endpoint with private DNS for ${lacking.join(', ')}`}`,
      `add a route to a NAT gateway or to the network of your proxy: HCP Terraform has no endpoint inside AWS. ${subject.proxyRemedy}`,
    );
    return;
  }
  if (nowhere.length > 0) {
    yield note(
      `some routes of subnet ${id} lead to a deleted target (${nowhere.join(', ')})`,
      'repair the routes, or check that these ranges contain no address of HCP Terraform, the registries and AWS',
    );
  }
  if (layers) {
    yield note(
      `subnet ${id} has no gateway endpoint for S3, so downloads of image layers use ${targets.join(' and ')}`,
      'add a gateway endpoint for S3 to its route table; it is free',
    );
  }
}

/** Ports that Linux uses as the source ports of connections. Responses arrive at these ports. */
const ANSWERS = { from: 32_768, to: 60_999 };

/**
 * Network ACLs are stateless: they must allow the outbound traffic and also the inbound responses. They don't filter queries to
 * the VPC's resolver. https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html
 */
function* aclFindings({ id, acl }: SubnetFacts, { ports, proxyPorts = [] }: VpcNeeds): Iterable<VpcFinding> {
  if (acl === undefined) {
    yield note(`this account can't see the network ACL of subnet ${id}`, 'ask the owner of the VPC');
    return;
  }
  const place = `network ACL ${acl.id} of subnet ${id}`;
  for (const port of new Set([...ports, ...proxyPorts])) {
    yield* aclFinding(place, `outbound TCP ${port}`, passes(acl, 'out', { from: port, to: port }));
  }
  yield* aclFinding(place, `inbound responses (TCP ${ANSWERS.from} to ${ANSWERS.to})`, passes(acl, 'in', ANSWERS));
}

function* aclFinding(place: string, what: string, passed: ReturnType<typeof passes>): Iterable<VpcFinding> {
  if (passed === 'none') {
    yield missing(
      `${place} does not allow ${what}`,
      'add rules: outbound TCP 443, and inbound TCP 1024 to 65535 for the responses',
    );
  }
  if (passed === 'some') {
    yield note(
      `${place} allows ${what} for some addresses or ports only`,
      'check that these include HCP Terraform and AWS',
    );
  }
}
