/** Facts about a VPC, by the AWS CLI: read-only calls, with the credentials and region of whoever runs it. */
import * as z from 'zod';
import type { SecurityGroupFacts, SubnetFacts, VpcFacts, VpcNeeds } from './existing-vpc-check.ts';

/** Asks AWS: runs `aws <arguments> --output json` and gives what it prints. */
export type Ask = (...command: readonly string[]) => unknown;

const attribute = (name: string) => z.object({ [name]: z.object({ Value: z.boolean() }) });

const subnets = z.object({
  Subnets: z.array(
    z.object({
      SubnetId: z.string(),
      VpcId: z.string(),
      AvailabilityZone: z.string(),
      AvailableIpAddressCount: z.number(),
    }),
  ),
});

const routeTables = z.object({
  RouteTables: z.array(
    z.object({
      Associations: z
        .array(z.object({ SubnetId: z.string().optional(), Main: z.boolean().default(false) }))
        .default([]),
      Routes: z.array(
        z.object({
          DestinationCidrBlock: z.string().optional(),
          DestinationPrefixListId: z.string().optional(),
          State: z.string().default('active'),
          GatewayId: z.string().optional(),
          NatGatewayId: z.string().optional(),
          TransitGatewayId: z.string().optional(),
          NetworkInterfaceId: z.string().optional(),
          VpcPeeringConnectionId: z.string().optional(),
          CoreNetworkArn: z.string().optional(),
          LocalGatewayId: z.string().optional(),
          CarrierGatewayId: z.string().optional(),
        }),
      ),
    }),
  ),
});

const endpoints = z.object({
  VpcEndpoints: z.array(
    z.object({
      ServiceName: z.string(),
      VpcEndpointType: z.string(),
      State: z.string(),
      PrivateDnsEnabled: z.boolean().default(false),
    }),
  ),
});

const range = z.object({ CidrIp: z.string().optional(), CidrIpv6: z.string().optional() });
const permission = z.object({
  IpProtocol: z.string(),
  FromPort: z.number().default(0),
  ToPort: z.number().default(65_535),
  IpRanges: z.array(range).default([]),
  Ipv6Ranges: z.array(range).default([]),
  PrefixListIds: z.array(z.object({ PrefixListId: z.string() })).default([]),
  UserIdGroupPairs: z.array(z.object({ GroupId: z.string().default('a group') })).default([]),
});
const securityGroups = z.object({
  SecurityGroups: z.array(
    z.object({
      GroupId: z.string(),
      VpcId: z.string(),
      IpPermissions: z.array(permission),
      IpPermissionsEgress: z.array(permission),
    }),
  ),
});

const vpcs = z.object({ Vpcs: z.array(z.object({ VpcId: z.string(), DhcpOptionsId: z.string() })).min(1) });
const dhcpOptions = z.object({
  DhcpOptions: z.array(
    z.object({
      DhcpConfigurations: z.array(z.object({ Key: z.string(), Values: z.array(z.object({ Value: z.string() })) })),
    }),
  ),
});
const associations = z.object({
  FirewallRuleGroupAssociations: z.array(
    z.object({ Name: z.string().optional(), FirewallRuleGroupId: z.string(), Priority: z.number() }),
  ),
});

const firewallConfig = z.object({ FirewallConfig: z.object({ FirewallFailOpen: z.string() }) });

/** Everything about a VPC that {@link VpcFacts} holds. */
export function vpcFacts(ask: Ask, needs: VpcNeeds, securityGroupIds: readonly string[]): VpcFacts {
  const { vpcId } = needs;
  const inVpc = ['--filters', `Name=vpc-id,Values=${vpcId}`];
  const vpcAttribute = (name: string, key: string) =>
    attribute(key).parse(ask('ec2', 'describe-vpc-attribute', '--vpc-id', vpcId, '--attribute', name))[key]?.Value ===
    true;
  const vpc = vpcs.parse(ask('ec2', 'describe-vpcs', '--vpc-ids', vpcId)).Vpcs[0];
  const tables = routeTables.parse(ask('ec2', 'describe-route-tables', ...inVpc)).RouteTables;
  const subnetFilter = ['--filters', `Name=subnet-id,Values=${needs.subnetIds.join(',')}`];
  const found = endpoints.parse(ask('ec2', 'describe-vpc-endpoints', ...inVpc)).VpcEndpoints;
  return {
    dnsSupport: vpcAttribute('enableDnsSupport', 'EnableDnsSupport'),
    dnsHostnames: vpcAttribute('enableDnsHostnames', 'EnableDnsHostnames'),
    resolvers: resolversIn(
      dhcpOptions.parse(ask('ec2', 'describe-dhcp-options', '--dhcp-options-ids', vpc?.DhcpOptionsId ?? 'default')),
    ),
    subnets: subnets
      .parse(ask('ec2', 'describe-subnets', ...subnetFilter))
      .Subnets.map((subnet) => subnetFacts(subnet, tables)),
    endpoints: found
      .filter(({ VpcEndpointType, State }) => VpcEndpointType === 'Interface' && State.toLowerCase() === 'available')
      .map(({ ServiceName, PrivateDnsEnabled }) => ({
        service: ServiceName.split('.').slice(3).join('.'),
        privateDns: PrivateDnsEnabled,
      })),
    securityGroups:
      securityGroupIds.length === 0
        ? []
        : securityGroups
            .parse(ask('ec2', 'describe-security-groups', '--group-ids', ...securityGroupIds))
            .SecurityGroups.map(securityGroupFacts),
    dnsFirewallRuleGroups: associations
      .parse(ask('route53resolver', 'list-firewall-rule-group-associations', '--vpc-id', vpcId))
      .FirewallRuleGroupAssociations.map(({ Name, FirewallRuleGroupId, Priority }) => ({
        name: Name ?? FirewallRuleGroupId,
        priority: Priority,
      })),
    ...(needs.dnsFirewall && {
      dnsFailsOpen:
        firewallConfig.parse(ask('route53resolver', 'get-firewall-config', '--resource-id', vpcId)).FirewallConfig
          .FirewallFailOpen === 'ENABLED',
    }),
  };
}

function resolversIn({ DhcpOptions: options }: z.infer<typeof dhcpOptions>): string[] {
  return options
    .flatMap(({ DhcpConfigurations }) => DhcpConfigurations)
    .filter(({ Key }) => Key === 'domain-name-servers')
    .flatMap(({ Values }) => Values.map(({ Value }) => Value));
}

function subnetFacts(
  subnet: z.infer<typeof subnets>['Subnets'][number],
  tables: z.infer<typeof routeTables>['RouteTables'],
): SubnetFacts {
  const id = subnet.SubnetId;
  // A subnet without a table of its own has the VPC's main one.
  const table =
    tables.find(({ Associations }) => Associations.some(({ SubnetId }) => SubnetId === id)) ??
    tables.find(({ Associations }) => Associations.some(({ Main }) => Main));
  const routes = (table?.Routes ?? []).filter(({ State }) => State === 'active');
  const way = routes.find(({ DestinationCidrBlock }) => DestinationCidrBlock === '0.0.0.0/0');
  const target =
    way?.NatGatewayId ??
    way?.TransitGatewayId ??
    way?.GatewayId ??
    way?.NetworkInterfaceId ??
    way?.VpcPeeringConnectionId ??
    way?.CoreNetworkArn ??
    way?.LocalGatewayId ??
    way?.CarrierGatewayId;
  return {
    id,
    vpcId: subnet.VpcId,
    zone: subnet.AvailabilityZone,
    freeAddresses: subnet.AvailableIpAddressCount,
    ...(target !== undefined && { defaultRoute: target }),
    s3Endpoint: routes.some(
      ({ DestinationPrefixListId, GatewayId }) =>
        DestinationPrefixListId !== undefined && GatewayId?.startsWith('vpce-'),
    ),
  };
}

function securityGroupFacts(group: z.infer<typeof securityGroups>['SecurityGroups'][number]): SecurityGroupFacts {
  const peers = (rule: z.infer<typeof permission>) => [
    ...[...rule.IpRanges, ...rule.Ipv6Ranges].map(({ CidrIp, CidrIpv6 }) => CidrIp ?? CidrIpv6 ?? 'a range'),
    ...rule.PrefixListIds.map(({ PrefixListId }) => PrefixListId),
    ...rule.UserIdGroupPairs.map(({ GroupId }) => GroupId),
  ];
  return {
    id: group.GroupId,
    vpcId: group.VpcId,
    inwards: group.IpPermissions.flatMap((rule) =>
      peers(rule).map(
        (peer) => `${rule.IpProtocol === '-1' ? 'everything' : `${rule.IpProtocol} ${rule.FromPort}`} from ${peer}`,
      ),
    ),
    outwards: group.IpPermissionsEgress.flatMap((rule) =>
      peers(rule).map((peer) => ({ protocol: rule.IpProtocol, from: rule.FromPort, to: rule.ToPort, peer })),
    ),
  };
}
