/** Compares the facts about an existing VPC with what agents need, and reports what is missing. */
import { parseRange } from '../aws/address-range.ts';
import { dnsFindings } from './dns.ts';
import { endpointFindings } from './endpoints.ts';
import { missing, note, type SubnetFacts, type VpcFacts, type VpcFinding, type VpcNeeds } from './findings.ts';
import { LONGEST_DEFAULT_PREFIX } from './internet-routes.ts';
import { passes } from './network-acl.ts';
import { securityGroupFindings } from './security-groups.ts';

/** Parts of a network that this check can't see, so the user must check them. */
export const NOT_CHECKED =
  'what is behind the default route (NAT, firewalls, transit gateways, proxies), prefix lists, the policies of endpoints, resolver rules, quotas';

/** All findings. Those that prevent agents from starting come first. */
export function findingsIn(facts: VpcFacts, needs: VpcNeeds): VpcFinding[] {
  const all = [
    ...subnetFindings(facts, needs),
    ...dnsFindings(facts, needs),
    ...endpointFindings(facts, needs),
    ...securityGroupFindings(facts.securityGroups, needs),
  ];
  return [...all.filter(({ level }) => level === 'missing'), ...all.filter(({ level }) => level === 'note')];
}

function* subnetFindings(facts: VpcFacts, needs: VpcNeeds): Iterable<VpcFinding> {
  const { subnets } = facts;
  for (const id of needs.subnetIds) {
    if (subnets.some((subnet) => subnet.id === id)) continue;
    yield missing(`subnet ${id} does not exist in this account and region`, 'correct network.subnetIds');
  }
  for (const subnet of subnets) yield* findingsOf(subnet, facts, needs);
  if (new Set(subnets.map(({ zone }) => zone)).size === 1) {
    yield note('all subnets are in one zone: while it is down, no agent starts', 'add a subnet in another zone');
  }
}

function* findingsOf(subnet: SubnetFacts, facts: VpcFacts, needs: VpcNeeds): Iterable<VpcFinding> {
  const { id, vpcId, range, outpost } = subnet;
  if (vpcId !== needs.vpcId) {
    yield missing(
      `subnet ${id} belongs to ${vpcId}, a different VPC`,
      `use subnets of ${needs.vpcId} in network.subnetIds`,
    );
    return;
  }
  if (outpost !== undefined) {
    yield missing(
      `subnet ${id} is on an Outpost (${outpost}), where Fargate does not run tasks`,
      'use subnets of the region in network.subnetIds',
    );
  }
  if (range === undefined) {
    yield missing(
      `subnet ${id} has no IPv4 range, which agents and this command need`,
      'use subnets with an IPv4 range in network.subnetIds',
    );
  }
  if (outpost !== undefined || range === undefined) return;
  yield* capacityFindings(subnet, needs);
  yield* routeFindings(subnet, facts, needs);
  yield* aclFindings(subnet, needs);
}

function* capacityFindings({ id, freeAddresses }: SubnetFacts, { agents }: VpcNeeds): Iterable<VpcFinding> {
  if (freeAddresses >= agents) return;
  yield missing(
    `subnet ${id} has ${freeAddresses} free addresses, but all pools together may have ${agents} agents`,
    'use larger subnets, or lower maxAgents',
  );
}

function* routeFindings(
  { id, targets, nowhere, s3Endpoint }: SubnetFacts,
  { endpoints }: VpcFacts,
  { services }: VpcNeeds,
): Iterable<VpcFinding> {
  const open = targets.find((target) => /^(?:igw|cagw)-/.test(target));
  if (open !== undefined) {
    yield missing(
      `subnet ${id} is public: its default route is the ${open.startsWith('igw-') ? 'internet' : 'carrier'} gateway ${open}, which a task without a public address can't use`,
      'use private subnets whose default route is a NAT gateway, a firewall or a transit gateway; or use egress public-ip',
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
      'add a route to a NAT gateway or to the network of your proxy: HCP Terraform has no endpoint inside AWS. A proxy alone also works, with HTTPS_PROXY in the environment of the pools and endpoints for these services',
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
