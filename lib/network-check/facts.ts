/** Reads facts about a VPC: read-only calls, with the user's credentials and region. */
import * as z from 'zod';
import { endpointService } from '../aws/partitions.ts';
import type { DnsFirewallFacts, GroupRule, SecurityGroupFacts, SubnetFacts, VpcFacts, VpcNeeds } from './findings.ts';
import { internetRoutes } from './internet-routes.ts';
import type { AclFacts } from './network-acl.ts';

/** Sends a request to AWS. Resolves with the complete answer, of all its pages. */
export type Ask = (
  service: 'ec2' | 'route53resolver',
  /** Name of the API's action, such as `DescribeVpcs`. */
  action: string,
  input: Readonly<Record<string, unknown>>,
) => Promise<unknown>;

const attribute = (name: string) => z.object({ [name]: z.object({ Value: z.boolean() }) });

const subnetSchema = z.object({
  SubnetId: z.string(),
  VpcId: z.string(),
  AvailabilityZone: z.string(),
  CidrBlock: z.string().optional(),
  AvailableIpAddressCount: z.number(),
  OutpostArn: z.string().optional(),
});

const routeSchema = z.object({
  DestinationCidrBlock: z.string().optional(),
  State: z.string().default('active'),
  GatewayId: z.string().optional(),
  NatGatewayId: z.string().optional(),
  TransitGatewayId: z.string().optional(),
  NetworkInterfaceId: z.string().optional(),
  VpcPeeringConnectionId: z.string().optional(),
  CoreNetworkArn: z.string().optional(),
  LocalGatewayId: z.string().optional(),
  CarrierGatewayId: z.string().optional(),
});

const routeTableSchema = z.object({
  Associations: z.array(z.object({ SubnetId: z.string().optional(), Main: z.boolean().default(false) })).default([]),
  Routes: z.array(routeSchema),
});

const endpointSchema = z.object({
  VpcEndpointId: z.string(),
  ServiceName: z.string(),
  VpcEndpointType: z.string(),
  State: z.string(),
  PrivateDnsEnabled: z.boolean().default(false),
  PolicyDocument: z.string().optional(),
  Groups: z.array(z.object({ GroupId: z.string() })).default([]),
});

const networkAclSchema = z.object({
  NetworkAclId: z.string(),
  Associations: z.array(z.object({ SubnetId: z.string() })).default([]),
  Entries: z.array(
    z.object({
      RuleNumber: z.number(),
      Egress: z.boolean(),
      RuleAction: z.enum(['allow', 'deny']),
      Protocol: z.string(),
      CidrBlock: z.string().optional(),
      PortRange: z.object({ From: z.number(), To: z.number() }).optional(),
    }),
  ),
});

const range = z.object({ CidrIp: z.string().optional(), CidrIpv6: z.string().optional() });
const permissionSchema = z.object({
  IpProtocol: z.string(),
  FromPort: z.number().default(0),
  ToPort: z.number().default(65_535),
  IpRanges: z.array(range).default([]),
  Ipv6Ranges: z.array(range).default([]),
  PrefixListIds: z.array(z.object({ PrefixListId: z.string() })).default([]),
  UserIdGroupPairs: z.array(z.object({ GroupId: z.string().default('a group') })).default([]),
});
const securityGroupSchema = z.object({
  GroupId: z.string(),
  VpcId: z.string(),
  IpPermissions: z.array(permissionSchema),
  IpPermissionsEgress: z.array(permissionSchema),
});

const vpcDescription = z.object({ VpcId: z.string(), DhcpOptionsId: z.string(), CidrBlock: z.string() });
const dhcpOptions = z.object({
  DhcpConfigurations: z.array(z.object({ Key: z.string(), Values: z.array(z.object({ Value: z.string() })) })),
});
const association = z.object({ Name: z.string().optional(), FirewallRuleGroupId: z.string(), Priority: z.number() });

const answers = {
  subnets: z.object({ Subnets: z.array(subnetSchema) }),
  routeTables: z.object({ RouteTables: z.array(routeTableSchema) }),
  endpoints: z.object({ VpcEndpoints: z.array(endpointSchema) }),
  acls: z.object({ NetworkAcls: z.array(networkAclSchema) }),
  securityGroups: z.object({ SecurityGroups: z.array(securityGroupSchema) }),
  vpcs: z.object({ Vpcs: z.array(vpcDescription).min(1) }),
  dhcpOptions: z.object({ DhcpOptions: z.array(dhcpOptions) }),
  associations: z.object({ FirewallRuleGroupAssociations: z.array(association) }),
  firewallConfig: z.object({ FirewallConfig: z.object({ FirewallFailOpen: z.string() }) }),
};

/** Reads the VPC, except its DNS Firewall. */
export async function vpcFacts(
  ask: Ask,
  needs: VpcNeeds,
  securityGroupIds: readonly string[],
): Promise<Omit<VpcFacts, keyof DnsFirewallFacts>> {
  const { vpcId } = needs;
  const inVpc = { Filters: [{ Name: 'vpc-id', Values: [vpcId] }] };
  const vpcAttribute = async (name: string, key: string) =>
    attribute(key).parse(await ask('ec2', 'DescribeVpcAttribute', { VpcId: vpcId, Attribute: name }))[key]?.Value ===
    true;
  const vpc = answers.vpcs.parse(await ask('ec2', 'DescribeVpcs', { VpcIds: [vpcId] })).Vpcs[0];
  const [tables, lists, found, dhcp, subnets, dnsSupport, dnsHostnames] = await Promise.all([
    ask('ec2', 'DescribeRouteTables', inVpc).then((answer) => answers.routeTables.parse(answer).RouteTables),
    ask('ec2', 'DescribeNetworkAcls', inVpc).then((answer) => answers.acls.parse(answer).NetworkAcls),
    ask('ec2', 'DescribeVpcEndpoints', inVpc).then((answer) => answers.endpoints.parse(answer).VpcEndpoints),
    ask('ec2', 'DescribeDhcpOptions', { DhcpOptionsIds: [vpc?.DhcpOptionsId ?? 'default'] }),
    ask('ec2', 'DescribeSubnets', {
      Filters: [
        { Name: 'subnet-id', Values: [...new Set([...needs.subnetIds, ...(needs.launcher?.subnetIds ?? [])])] },
      ],
    }),
    vpcAttribute('enableDnsSupport', 'EnableDnsSupport'),
    vpcAttribute('enableDnsHostnames', 'EnableDnsHostnames'),
  ]);
  const available = found.filter(({ State }) => State.toLowerCase() === 'available');
  const interfaces = available.filter(({ VpcEndpointType }) => VpcEndpointType === 'Interface');
  const s3 = available.filter(
    ({ VpcEndpointType, ServiceName }) => VpcEndpointType === 'Gateway' && endpointService(ServiceName) === 's3',
  );
  const s3Ids = new Set(s3.map(({ VpcEndpointId }) => VpcEndpointId));
  const launcherGroupIds = needs.launcher?.securityGroupIds ?? [];
  const groupIds = [...new Set([...securityGroupIds, ...launcherGroupIds, ...interfaces.flatMap(groupsOf)])];
  const groups =
    groupIds.length === 0
      ? []
      : answers.securityGroups
          .parse(await ask('ec2', 'DescribeSecurityGroups', { GroupIds: groupIds }))
          .SecurityGroups.map(securityGroupFacts);
  return {
    range: vpc?.CidrBlock ?? '',
    dnsSupport,
    dnsHostnames,
    resolvers: resolversIn(answers.dhcpOptions.parse(dhcp)),
    subnets: answers.subnets.parse(subnets).Subnets.map((subnet) => subnetFacts(subnet, tables, lists, s3Ids)),
    endpoints: interfaces.map((endpoint) => ({
      service: endpointService(endpoint.ServiceName),
      privateDns: endpoint.PrivateDnsEnabled,
      hasCustomPolicy: !allowsEverything(endpoint.PolicyDocument),
      groups: groups.filter(({ id }) => groupsOf(endpoint).includes(id)),
    })),
    s3HasCustomPolicy: s3.some(({ PolicyDocument }) => !allowsEverything(PolicyDocument)),
    securityGroups: groups.filter(({ id }) => securityGroupIds.includes(id)),
    launcherSecurityGroups: groups.filter(({ id }) => launcherGroupIds.includes(id)),
  };
}

/** What is assumed if DNS Firewall can't be read: that the VPC has no rule groups. */
export const NO_DNS_FIREWALL: DnsFirewallFacts = { dnsFirewallRuleGroups: [] };

/** Reads the VPC's DNS Firewall. */
export async function dnsFirewallFacts(ask: Ask, { vpcId, dnsFirewall }: VpcNeeds): Promise<DnsFirewallFacts> {
  const list = await ask('route53resolver', 'ListFirewallRuleGroupAssociations', { VpcId: vpcId });
  const dnsFirewallRuleGroups = answers.associations
    .parse(list)
    .FirewallRuleGroupAssociations.map(({ Name, FirewallRuleGroupId, Priority }) => ({
      name: Name ?? FirewallRuleGroupId,
      priority: Priority,
    }));
  if (!dnsFirewall) return { dnsFirewallRuleGroups };
  const { FirewallConfig } = answers.firewallConfig.parse(
    await ask('route53resolver', 'GetFirewallConfig', { ResourceId: vpcId }),
  );
  return { dnsFirewallRuleGroups, dnsFailsOpen: FirewallConfig.FirewallFailOpen === 'ENABLED' };
}

function resolversIn({ DhcpOptions: options }: z.infer<typeof answers.dhcpOptions>): string[] {
  return options
    .flatMap(({ DhcpConfigurations }) => DhcpConfigurations)
    .filter(({ Key }) => Key === 'domain-name-servers')
    .flatMap(({ Values }) => Values.map(({ Value }) => Value));
}

function groupsOf({ Groups }: z.infer<typeof endpointSchema>): string[] {
  return Groups.map(({ GroupId }) => GroupId);
}

const everything = z.strictObject({
  Sid: z.string().optional(),
  Effect: z.literal('Allow'),
  Principal: z.union([z.literal('*'), z.strictObject({ AWS: z.literal('*') })]),
  Action: z.literal('*'),
  Resource: z.literal('*'),
});

const policyOfOne = z.object({ Statement: z.union([everything, z.tuple([everything])]) });

/** Whether a policy is the default policy of an endpoint. This check doesn't evaluate other policies. */
function allowsEverything(policy: string | undefined): boolean {
  if (policy === undefined) return true;
  try {
    return policyOfOne.safeParse(JSON.parse(policy)).success;
  } catch {
    return false;
  }
}

function subnetFacts(
  subnet: z.infer<typeof subnetSchema>,
  tables: readonly z.infer<typeof routeTableSchema>[],
  lists: readonly z.infer<typeof networkAclSchema>[],
  s3Endpoints: ReadonlySet<string>,
): SubnetFacts {
  const id = subnet.SubnetId;
  // A subnet without its own route table uses the VPC's main one.
  const table =
    tables.find(({ Associations }) => Associations.some(({ SubnetId }) => SubnetId === id)) ??
    tables.find(({ Associations }) => Associations.some(({ Main }) => Main));
  const routes = table?.Routes ?? [];
  const acl = lists.find(({ Associations }) => Associations.some(({ SubnetId }) => SubnetId === id));
  return {
    id,
    vpcId: subnet.VpcId,
    zone: subnet.AvailabilityZone,
    freeAddresses: subnet.AvailableIpAddressCount,
    ...internetRoutes(
      routes.flatMap((route) =>
        route.DestinationCidrBlock === undefined ? [] : { range: route.DestinationCidrBlock, target: targetOf(route) },
      ),
    ),
    s3Endpoint: routes.some(
      ({ GatewayId, State }) => GatewayId !== undefined && State === 'active' && s3Endpoints.has(GatewayId),
    ),
    ...(subnet.CidrBlock !== undefined && { range: subnet.CidrBlock }),
    ...(subnet.OutpostArn !== undefined && { outpost: subnet.OutpostArn }),
    ...(acl !== undefined && { acl: aclFacts(acl) }),
  };
}

/** A route that isn't active (`blackhole`) drops the traffic to its range. */
function targetOf(route: z.infer<typeof routeSchema>): string | undefined {
  if (route.State !== 'active') return undefined;
  return (
    route.NatGatewayId ??
    route.TransitGatewayId ??
    route.GatewayId ??
    route.NetworkInterfaceId ??
    route.VpcPeeringConnectionId ??
    route.CoreNetworkArn ??
    route.LocalGatewayId ??
    route.CarrierGatewayId
  );
}

function aclFacts({ NetworkAclId, Entries }: z.infer<typeof networkAclSchema>): AclFacts {
  return {
    id: NetworkAclId,
    rules: Entries.map(({ RuleNumber, Egress, RuleAction, Protocol, CidrBlock, PortRange }) => ({
      number: RuleNumber,
      direction: Egress ? 'out' : 'in',
      allows: RuleAction === 'allow',
      protocol: Protocol,
      ...(CidrBlock !== undefined && { range: CidrBlock }),
      ...(PortRange !== undefined && { ports: { from: PortRange.From, to: PortRange.To } }),
    })),
  };
}

function securityGroupFacts(group: z.infer<typeof securityGroupSchema>): SecurityGroupFacts {
  const peers = (rule: z.infer<typeof permissionSchema>) => [
    ...[...rule.IpRanges, ...rule.Ipv6Ranges].map(({ CidrIp, CidrIpv6 }) => CidrIp ?? CidrIpv6 ?? 'a range'),
    ...rule.PrefixListIds.map(({ PrefixListId }) => PrefixListId),
    ...rule.UserIdGroupPairs.map(({ GroupId }) => GroupId),
  ];
  const rules = (permissions: z.infer<typeof permissionSchema>[]): GroupRule[] =>
    permissions.flatMap((rule) =>
      peers(rule).map((peer) => ({ protocol: rule.IpProtocol, from: rule.FromPort, to: rule.ToPort, peer })),
    );
  return {
    id: group.GroupId,
    vpcId: group.VpcId,
    inbound: rules(group.IpPermissions),
    outbound: rules(group.IpPermissionsEgress),
  };
}
