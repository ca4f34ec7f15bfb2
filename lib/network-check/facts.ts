/** Reads facts about a VPC with the AWS CLI: read-only calls, with the user's credentials and region. */
import * as z from 'zod';
import { endpointService } from '../aws/partitions.ts';
import type { GroupRule, SecurityGroupFacts, SubnetFacts, VpcFacts, VpcNeeds } from './findings.ts';
import { internetRoutes } from './internet-routes.ts';
import type { AclFacts } from './network-acl.ts';

/** Runs `aws <arguments> --output json` and returns what it prints. */
export type Ask = (...command: readonly string[]) => unknown;

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

/** Reads everything in {@link VpcFacts}. */
export function vpcFacts(ask: Ask, needs: VpcNeeds, securityGroupIds: readonly string[]): VpcFacts {
  const { vpcId } = needs;
  const inVpc = ['--filters', `Name=vpc-id,Values=${vpcId}`];
  const vpcAttribute = (name: string, key: string) =>
    attribute(key).parse(ask('ec2', 'describe-vpc-attribute', '--vpc-id', vpcId, '--attribute', name))[key]?.Value ===
    true;
  const vpc = answers.vpcs.parse(ask('ec2', 'describe-vpcs', '--vpc-ids', vpcId)).Vpcs[0];
  const tables = answers.routeTables.parse(ask('ec2', 'describe-route-tables', ...inVpc)).RouteTables;
  const lists = answers.acls.parse(ask('ec2', 'describe-network-acls', ...inVpc)).NetworkAcls;
  const subnetFilter = ['--filters', `Name=subnet-id,Values=${needs.subnetIds.join(',')}`];
  const found = answers.endpoints
    .parse(ask('ec2', 'describe-vpc-endpoints', ...inVpc))
    .VpcEndpoints.filter(({ State }) => State.toLowerCase() === 'available');
  const interfaces = found.filter(({ VpcEndpointType }) => VpcEndpointType === 'Interface');
  const s3 = found.filter(
    ({ VpcEndpointType, ServiceName }) => VpcEndpointType === 'Gateway' && endpointService(ServiceName) === 's3',
  );
  const groupIds = [...new Set([...securityGroupIds, ...interfaces.flatMap(groupsOf)])];
  const groups =
    groupIds.length === 0
      ? []
      : answers.securityGroups
          .parse(ask('ec2', 'describe-security-groups', '--group-ids', ...groupIds))
          .SecurityGroups.map(securityGroupFacts);
  return {
    range: vpc?.CidrBlock ?? '',
    dnsSupport: vpcAttribute('enableDnsSupport', 'EnableDnsSupport'),
    dnsHostnames: vpcAttribute('enableDnsHostnames', 'EnableDnsHostnames'),
    resolvers: resolversIn(
      answers.dhcpOptions.parse(
        ask('ec2', 'describe-dhcp-options', '--dhcp-options-ids', vpc?.DhcpOptionsId ?? 'default'),
      ),
    ),
    subnets: answers.subnets
      .parse(ask('ec2', 'describe-subnets', ...subnetFilter))
      .Subnets.map((subnet) =>
        subnetFacts(subnet, tables, lists, new Set(s3.map(({ VpcEndpointId }) => VpcEndpointId))),
      ),
    endpoints: interfaces.map((endpoint) => ({
      service: endpointService(endpoint.ServiceName),
      privateDns: endpoint.PrivateDnsEnabled,
      hasCustomPolicy: !allowsEverything(endpoint.PolicyDocument),
      groups: groups.filter(({ id }) => groupsOf(endpoint).includes(id)),
    })),
    s3HasCustomPolicy: s3.some(({ PolicyDocument }) => !allowsEverything(PolicyDocument)),
    securityGroups: groups.filter(({ id }) => securityGroupIds.includes(id)),
    dnsFirewallRuleGroups: answers.associations
      .parse(ask('route53resolver', 'list-firewall-rule-group-associations', '--vpc-id', vpcId))
      .FirewallRuleGroupAssociations.map(({ Name, FirewallRuleGroupId, Priority }) => ({
        name: Name ?? FirewallRuleGroupId,
        priority: Priority,
      })),
    ...(needs.dnsFirewall && {
      dnsFailsOpen:
        answers.firewallConfig.parse(ask('route53resolver', 'get-firewall-config', '--resource-id', vpcId))
          .FirewallConfig.FirewallFailOpen === 'ENABLED',
    }),
  };
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
