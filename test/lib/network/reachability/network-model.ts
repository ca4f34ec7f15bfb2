/** The network of a synthesized template: subnets with their routes, security groups, gateways, endpoints, firewalls. */
import * as z from 'zod';
import { type AddressRange, parseRange } from '../../../../lib/aws/address-range.ts';
import { type DnsRule, dnsRulesIn } from './dns-rules.ts';
import { type FirewallPolicy, firewallsIn } from './firewall-policy.ts';
import { type GatewayModel, gatewaysIn } from './gateway-filter.ts';
import { optionalText, type Resource, resourcesIn, text } from './template-values.ts';

/** The target of a route. */
export interface Target {
  readonly kind:
    | 'internet-gateway'
    | 'egress-only-gateway'
    | 'nat-gateway'
    | 'gateway'
    | 'firewall'
    | 's3-endpoint'
    | 'unknown';
  readonly id: string;
}

export interface Route {
  /** A range, or `s3` for the addresses of S3 in the region. */
  readonly destination: string;
  readonly target: Target;
}

export interface Subnet {
  readonly id: string;
  readonly cidr: string;
  readonly zone: string;
  readonly mapsPublicAddresses: boolean;
  /** Whether its resources also have a global IPv6 address. */
  readonly hasIpv6: boolean;
  readonly routes: readonly Route[];
}

/** A rule of a security group. The protocol is a name, or `-1` for all of them. */
export interface GroupRule {
  readonly group: string;
  readonly direction: 'in' | 'out';
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
  /** The range, security group or prefix list on the other side. */
  readonly peer: string;
}

export interface Endpoint {
  readonly id: string;
  readonly service: string;
  readonly kind: string;
  readonly groups: readonly string[];
  readonly subnets: readonly string[];
  /** Whether the API's own hostname resolves to the endpoint inside the VPC. */
  readonly privateDns: boolean;
  readonly policy: unknown;
}

export interface NetworkModel {
  readonly vpcRange: AddressRange | undefined;
  readonly subnets: ReadonlyMap<string, Subnet>;
  readonly groupRules: readonly GroupRule[];
  readonly groups: readonly string[];
  readonly endpoints: readonly Endpoint[];
  /** The subnet of every NAT gateway and firewall, by its logical ID. */
  readonly placed: ReadonlyMap<string, string>;
  /** The policy of every firewall, by its logical ID. */
  readonly firewalls: ReadonlyMap<string, FirewallPolicy>;
  /** The gateways of the launcher, by the logical ID of their network interface. */
  readonly gateways: ReadonlyMap<string, GatewayModel>;
  readonly dnsRules: readonly DnsRule[];
  /** The network configuration with which the launcher starts tasks. */
  readonly tasks: { readonly subnets: string[]; readonly groups: string[]; readonly publicAddress: boolean };
}

/** Returns the network of a template. */
export function networkIn(template: unknown): NetworkModel {
  const resources = resourcesIn(template);
  const of = (type: string) => resources.filter((resource) => resource.type === type);
  const vpc = of('AWS::EC2::VPC')[0];
  return {
    vpcRange: vpc === undefined ? undefined : parseRange(text(vpc, 'CidrBlock')),
    subnets: new Map(of('AWS::EC2::Subnet').map((subnet) => [subnet.id, subnetIn(subnet, resources)])),
    groupRules: [
      ...of('AWS::EC2::SecurityGroup').flatMap((group) => [
        ...inlineRules(group, 'SecurityGroupIngress', 'in'),
        ...inlineRules(group, 'SecurityGroupEgress', 'out'),
      ]),
      ...of('AWS::EC2::SecurityGroupIngress').map((rule) =>
        groupRule(refered(text(rule, 'GroupId')), 'in', rule.properties),
      ),
      ...of('AWS::EC2::SecurityGroupEgress').map((rule) =>
        groupRule(refered(text(rule, 'GroupId')), 'out', rule.properties),
      ),
    ],
    groups: of('AWS::EC2::SecurityGroup').map(({ id }) => id),
    endpoints: of('AWS::EC2::VPCEndpoint').map((endpoint) => ({
      id: endpoint.id,
      service: text(endpoint, 'ServiceName').split('.').slice(3).join('.'),
      kind: text(endpoint, 'VpcEndpointType'),
      groups: z.array(z.string()).default([]).parse(endpoint.properties['SecurityGroupIds']).map(refered),
      subnets: z.array(z.string()).default([]).parse(endpoint.properties['SubnetIds']).map(refered),
      privateDns: endpoint.properties['PrivateDnsEnabled'] === true,
      policy: endpoint.properties['PolicyDocument'],
    })),
    placed: new Map([
      ...of('AWS::EC2::NatGateway').map((nat): [string, string] => [nat.id, refered(text(nat, 'SubnetId'))]),
      ...of('AWS::NetworkFirewall::Firewall').map((firewall): [string, string] => [
        firewall.id,
        firewallSubnet(firewall),
      ]),
    ]),
    firewalls: firewallsIn(template),
    gateways: gatewaysIn(template),
    dnsRules: dnsRulesIn(template),
    tasks: tasksIn(of('AWS::Lambda::Function')),
  };
}

/** Returns the logical ID in `<Id>` or `<Id.Attribute>`. Other texts stay the same. */
function refered(value: string): string {
  return /^<([^.>]+)(?:\.[^>]+)?>$/.exec(value)?.[1] ?? value;
}

function firewallSubnet(firewall: Resource): string {
  const mappings = z.array(z.looseObject({ SubnetId: z.string() })).parse(firewall.properties['SubnetMappings']);
  const [mapping] = mappings;
  if (mapping === undefined || mappings.length > 1) throw new Error(`${firewall.id} has ${mappings.length} subnets`);
  return refered(mapping.SubnetId);
}

function subnetIn(subnet: Resource, resources: readonly Resource[]): Subnet {
  const tables = resources
    .filter(
      ({ type, properties }) =>
        type.endsWith('SubnetRouteTableAssociation') && properties['SubnetId'] === `<${subnet.id}>`,
    )
    .map((association) => text(association, 'RouteTableId'));
  const routes = resources
    .filter(({ type, properties }) => type === 'AWS::EC2::Route' && tables.includes(String(properties['RouteTableId'])))
    .map((route) => ({
      destination:
        optionalText(route, 'DestinationCidrBlock') ?? optionalText(route, 'DestinationIpv6CidrBlock') ?? 'unknown',
      target: targetOf(route),
    }));
  const gateways = resources.filter(
    ({ type, properties }) =>
      type === 'AWS::EC2::VPCEndpoint' &&
      properties['VpcEndpointType'] === 'Gateway' &&
      z
        .array(z.string())
        .parse(properties['RouteTableIds'])
        .some((table) => tables.includes(table)),
  );
  return {
    id: subnet.id,
    cidr: text(subnet, 'CidrBlock'),
    zone: String(subnet.properties['AvailabilityZone']),
    mapsPublicAddresses: subnet.properties['MapPublicIpOnLaunch'] === true,
    hasIpv6: subnet.properties['Ipv6CidrBlock'] !== undefined,
    routes: [
      ...routes,
      ...gateways.map(({ id }) => ({ destination: 's3', target: { kind: 's3-endpoint' as const, id } })),
    ],
  };
}

function targetOf(route: Resource): Target {
  const [name, kind] =
    (
      [
        ['NatGatewayId', 'nat-gateway'],
        ['NetworkInterfaceId', 'gateway'],
        ['VpcEndpointId', 'firewall'],
        ['EgressOnlyInternetGatewayId', 'egress-only-gateway'],
        ['GatewayId', 'internet-gateway'],
      ] as const
    ).find(([property]) => route.properties[property] !== undefined) ?? (['', 'unknown'] as const);
  return { kind, id: refered(optionalText(route, name) ?? '') };
}

function inlineRules(group: Resource, property: string, direction: 'in' | 'out'): GroupRule[] {
  return z
    .array(z.record(z.string(), z.unknown()))
    .default([])
    .parse(group.properties[property])
    .map((rule) => groupRule(group.id, direction, rule));
}

const ruleSchema = z.looseObject({
  IpProtocol: z.union([z.string(), z.number()]).transform(String),
  FromPort: z.number().default(0),
  ToPort: z.number().default(65_535),
  CidrIp: z.string().optional(),
  CidrIpv6: z.string().optional(),
  SourceSecurityGroupId: z.string().optional(),
  DestinationSecurityGroupId: z.string().optional(),
  SourcePrefixListId: z.string().optional(),
  DestinationPrefixListId: z.string().optional(),
});

const PROTOCOLS: Readonly<Record<string, string>> = { '1': 'icmp', '6': 'tcp', '17': 'udp' };

function groupRule(group: string, direction: 'in' | 'out', given: unknown): GroupRule {
  const rule = ruleSchema.parse(given);
  const peer =
    rule.CidrIp ??
    rule.CidrIpv6 ??
    rule.SourceSecurityGroupId ??
    rule.DestinationSecurityGroupId ??
    rule.SourcePrefixListId ??
    rule.DestinationPrefixListId ??
    'anything';
  const protocol = PROTOCOLS[rule.IpProtocol] ?? rule.IpProtocol;
  return { group, direction, protocol, from: rule.FromPort, to: rule.ToPort, peer: refered(peer) };
}

function tasksIn(functions: readonly Resource[]): NetworkModel['tasks'] {
  for (const { properties } of functions) {
    const { Variables: variables } = z
      .looseObject({ Variables: z.record(z.string(), z.unknown()).default({}) })
      .default({ Variables: {} })
      .parse(properties['Environment']);
    if (variables['TASK_SUBNETS'] === undefined) continue;
    return {
      subnets: String(variables['TASK_SUBNETS']).split(',').map(refered),
      groups: String(variables['TASK_SECURITY_GROUPS']).split(',').map(refered),
      publicAddress: variables['TASK_ASSIGN_PUBLIC_IP'] === 'ENABLED',
    };
  }
  throw new Error('No function of the template starts tasks.');
}
