/**
 * Amazon EC2: the description of a network. Its owner sets what is described, with the names of AWS's SDKs.
 * https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html
 *
 * At first, there is one VPC with private subnets behind a NAT gateway, which has what agents need.
 */
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { filters, matchesOne } from '../core/ec2/filters.ts';
import type { Place } from '../core/place.ts';
import { validate } from '../core/validation.ts';
import type { JsonService } from '../json-protocol.ts';
import type { QueryService } from '../query-protocol.ts';

type Resource = Readonly<Record<string, unknown>>;

export interface NetworkInput {
  readonly subnets: readonly { readonly id: string; readonly availabilityZone: string }[];
  readonly securityGroups: readonly string[];
}

/** The protocol of EC2, without its actions. */
export const EC2 = {
  protocol: 'ec2',
  version: '2016-11-15',
  namespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
} as const satisfies Omit<QueryService, 'actions'>;

export const LOCAL_VPC = 'vpc-0a1b2c3d4e5f60718';

/** What each action describes. */
interface Kind {
  /** Member of the response in AWS's SDKs. */
  readonly member: string;
  /** Member of a resource with its id. */
  readonly id: string;
  /** Parameter with a list of ids. */
  readonly parameter: string;
  /** Code and text of the error for an id that doesn't exist. https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-error-codes.html */
  readonly missing: readonly [code: string, text: (id: string) => string];
}

const KINDS = {
  DescribeVpcs: kind('Vpcs', 'VpcId', 'VpcId', 'InvalidVpcID.NotFound', 'The vpc ID'),
  DescribeSubnets: kind('Subnets', 'SubnetId', 'SubnetId', 'InvalidSubnetID.NotFound', 'The subnet ID'),
  DescribeRouteTables: kind(
    'RouteTables',
    'RouteTableId',
    'RouteTableId',
    'InvalidRouteTableID.NotFound',
    'The routeTable ID',
  ),
  DescribeSecurityGroups: kind('SecurityGroups', 'GroupId', 'GroupId', 'InvalidGroup.NotFound', 'The security group'),
  DescribeNetworkAcls: kind(
    'NetworkAcls',
    'NetworkAclId',
    'NetworkAclId',
    'InvalidNetworkAclID.NotFound',
    'The networkAcl ID',
  ),
  DescribeVpcEndpoints: kind(
    'VpcEndpoints',
    'VpcEndpointId',
    'VpcEndpointId',
    'InvalidVpcEndpointId.NotFound',
    'The Vpc Endpoint Id',
  ),
  DescribeNatGateways: kind('NatGateways', 'NatGatewayId', 'NatGatewayId', 'NatGatewayNotFound', 'The NAT gateway'),
  DescribeDhcpOptions: kind(
    'DhcpOptions',
    'DhcpOptionsId',
    'DhcpOptionsId',
    'InvalidDhcpOptionID.NotFound',
    'The dhcpOption ID',
  ),
  DescribeAvailabilityZones: kind(
    'AvailabilityZones',
    'ZoneName',
    'ZoneName',
    'InvalidParameterValue',
    'Invalid availability zone:',
  ),
} as const satisfies Readonly<Record<string, Kind>>;

type Described = (typeof KINDS)[keyof typeof KINDS]['member'];

function kind<Member extends string>(
  member: Member,
  id: string,
  parameter: string,
  code: string,
  what: string,
): Kind & { readonly member: Member } {
  return { member, id, parameter, missing: [code, (missing) => `${what} '${missing}' does not exist`] };
}

const vpcAttribute = z.object({
  VpcId: z.string().min(1),
  Attribute: z.enum(['enableDnsSupport', 'enableDnsHostnames', 'enableNetworkAddressUsageMetrics']),
});

export class Network {
  readonly #resources: Map<string, readonly Resource[]>;
  /** DNS attributes of VPCs; both are on unless they are set here. */
  readonly #attributes = new Map<string, boolean>();
  /** Rule groups of DNS Firewall, in the form of Route 53 Resolver's API. */
  dnsFirewallAssociations: readonly Resource[] = [];
  /** VPCs in which DNS Firewall lets queries pass if it fails. */
  readonly failOpen = new Set<string>();
  readonly #place: Place;

  constructor(place: Place, input: NetworkInput) {
    this.#place = place;
    this.#resources = new Map(Object.entries(firstNetwork(place, input)));
  }

  readonly service: QueryService = {
    ...EC2,
    actions: {
      ...Object.fromEntries(
        Object.entries(KINDS).map(([action, described]) => [
          action,
          (input: unknown) => this.#describe(described, input),
        ]),
      ),
      DescribeVpcAttribute: (input) => this.#vpcAttribute(input),
    },
  };

  /** Route 53 Resolver: which rule groups of DNS Firewall a VPC has. */
  readonly resolver: JsonService = {
    protocol: 'json',
    target: 'Route53Resolver',
    messageMember: 'message',
    actions: {
      ListFirewallRuleGroupAssociations: (input) => {
        const { VpcId } = validate(z.object({ VpcId: z.string().optional() }), input, 'ValidationException');
        return {
          FirewallRuleGroupAssociations: this.dnsFirewallAssociations.filter(
            (association) => VpcId === undefined || association['VpcId'] === VpcId,
          ),
        };
      },
      GetFirewallConfig: (input) => {
        const { ResourceId } = validate(z.object({ ResourceId: z.string() }), input, 'ValidationException');
        const FirewallFailOpen = this.failOpen.has(ResourceId) ? 'ENABLED' : 'DISABLED';
        return {
          FirewallConfig: {
            Id: `rslvr-fc-${ResourceId}`,
            ResourceId,
            OwnerId: this.#place.accountId,
            FirewallFailOpen,
          },
        };
      },
    },
  };

  /** The resources of a kind. */
  get(described: Described): readonly Resource[] {
    return this.#resources.get(described) ?? [];
  }

  /** Replaces the resources of a kind. */
  set(described: Described, resources: readonly Resource[]): void {
    this.#resources.set(described, resources);
  }

  /** Sets `enableDnsSupport` or `enableDnsHostnames` of a VPC. */
  setVpcAttribute(vpcId: string, attribute: 'enableDnsSupport' | 'enableDnsHostnames', isOn: boolean): void {
    this.#attributes.set(`${vpcId}/${attribute}`, isOn);
  }

  /** Allows outbound TCP to this port in every security group. */
  allowOutbound(port: number): void {
    const groups = this.get('SecurityGroups').map((group) => ({
      ...group,
      IpPermissionsEgress: [...z.array(z.unknown()).parse(group['IpPermissionsEgress']), outboundTcp(port)],
    }));
    this.set('SecurityGroups', groups);
  }

  #describe({ member, id, parameter, missing }: Kind, input: unknown): object {
    const wanted = validate(z.looseObject({ Filter: filters }), input, 'InvalidParameterValue');
    const all = this.#resources.get(member) ?? [];
    const given = wanted[parameter];
    const ids = given === undefined ? undefined : validate(z.array(z.string()), given, 'InvalidParameterValue');
    for (const one of ids ?? []) {
      if (all.some((resource) => resource[id] === one)) continue;
      throw new ApiError(missing[0], missing[1](one));
    }
    const found = all.filter(
      (resource) =>
        (ids?.includes(String(resource[id])) ?? true) &&
        wanted.Filter.every(({ Name, Value }) => matches(resource, Name, Value)),
    );
    return onTheWire({ [member]: found }) as object;
  }

  #vpcAttribute(input: unknown): object {
    const { VpcId, Attribute } = validate(vpcAttribute, input, 'InvalidParameterValue');
    if (!this.get('Vpcs').some((vpc) => vpc['VpcId'] === VpcId)) {
      const [code, text] = KINDS.DescribeVpcs.missing;
      throw new ApiError(code, text(VpcId));
    }
    const isOn = this.#attributes.get(`${VpcId}/${Attribute}`) ?? Attribute !== 'enableNetworkAddressUsageMetrics';
    return { vpcId: VpcId, [Attribute]: { value: isOn } };
  }
}

/** Whether a resource has one of the values in the member that a filter means: `vpc-id`, `association.subnet-id`, `tag:Name`. */
function matches(resource: Resource, filter: string, values: readonly string[]): boolean {
  const [, tag] = /^tag:(.+)$/.exec(filter) ?? [];
  const tags = z
    .array(z.object({ Key: z.string(), Value: z.string() }))
    .catch([])
    .parse(resource['Tags']);
  const found =
    tag === undefined
      ? valuesAt(resource, filter.split('.').map(memberOf))
      : tags.filter(({ Key }) => Key === tag).map(({ Value }) => Value);
  return found.some((text) => matchesOne(text, values));
}

function memberOf(part: string): string {
  return part.replaceAll(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Filters have the singular of a list's name: `association.subnet-id` is in `Associations`. */
function valuesAt(value: unknown, [first, ...rest]: readonly string[]): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, first === undefined ? [] : [first, ...rest]));
  if (first === undefined) return value === undefined ? [] : [String(value)];
  if (typeof value !== 'object' || value === null) return [];
  const member: unknown = Reflect.get(value, first) ?? Reflect.get(value, `${first}s`);
  return valuesAt(member, rest);
}

/** Members whose name on the wire isn't the SDK's with a small first letter. From AWS's model of EC2. */
const WIRE_NAMES: Readonly<Record<string, string>> = {
  Vpcs: 'vpcSet',
  Subnets: 'subnetSet',
  RouteTables: 'routeTableSet',
  SecurityGroups: 'securityGroupInfo',
  NetworkAcls: 'networkAclSet',
  VpcEndpoints: 'vpcEndpointSet',
  NatGateways: 'natGatewaySet',
  DhcpOptions: 'dhcpOptionsSet',
  AvailabilityZones: 'availabilityZoneInfo',
  Associations: 'associationSet',
  Routes: 'routeSet',
  Entries: 'entrySet',
  Groups: 'groupSet',
  Tags: 'tagSet',
  Values: 'valueSet',
  DhcpConfigurations: 'dhcpConfigurationSet',
  DnsEntries: 'dnsEntrySet',
  NatGatewayAddresses: 'natGatewayAddressSet',
  NetworkInterfaceIds: 'networkInterfaceIdSet',
  RouteTableIds: 'routeTableIdSet',
  SubnetIds: 'subnetIdSet',
  UserIdGroupPairs: 'groups',
};

function onTheWire(value: unknown, parent = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => onTheWire(item, parent));
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [wireName(name, parent), onTheWire(member, name)]),
  );
}

function wireName(name: string, parent: string): string {
  if (parent === 'AvailabilityZones' && name === 'State') return 'zoneState';
  if (parent === 'SecurityGroups' && name === 'Description') return 'groupDescription';
  if (parent === 'NetworkAcls' && name === 'IsDefault') return 'default';
  return WIRE_NAMES[name] ?? name.slice(0, 1).toLowerCase() + name.slice(1);
}

function firstNetwork(
  { region, accountId }: Place,
  { subnets, securityGroups }: NetworkInput,
): Readonly<Record<Described, readonly Resource[]>> {
  const inVpc = { VpcId: LOCAL_VPC, OwnerId: accountId } as const;
  const cidr = '10.0.0.0/16';
  const routeTable = 'rtb-0a1b2c3d4e5f60718';
  const natGateway = 'nat-0a1b2c3d4e5f60718';
  const s3Endpoint = 'vpce-0a1b2c3d4e5f60718';
  const zones = [...new Set(subnets.map(({ availabilityZone }) => availabilityZone))];
  return {
    Vpcs: [
      {
        ...inVpc,
        CidrBlock: cidr,
        DhcpOptionsId: 'dopt-0a1b2c3d4e5f60718',
        State: 'available',
        InstanceTenancy: 'default',
        IsDefault: false,
        Tags: [{ Key: 'Name', Value: 'local' }],
      },
    ],
    Subnets: subnets.map(({ id, availabilityZone }, index) => ({
      ...inVpc,
      SubnetId: id,
      AvailabilityZone: availabilityZone,
      CidrBlock: `10.0.${index}.0/24`,
      AvailableIpAddressCount: 250,
      MapPublicIpOnLaunch: false,
      State: 'available',
    })),
    RouteTables: [
      {
        ...inVpc,
        RouteTableId: routeTable,
        Associations: [
          { RouteTableAssociationId: 'rtbassoc-0a1b2c3d4e5f60718', RouteTableId: routeTable, Main: true },
          ...subnets.map(({ id }, index) => ({
            RouteTableAssociationId: `rtbassoc-0a1b2c3d4e5f6071${index}`,
            RouteTableId: routeTable,
            SubnetId: id,
            Main: false,
          })),
        ],
        Routes: [
          { DestinationCidrBlock: cidr, GatewayId: 'local', Origin: 'CreateRouteTable', State: 'active' },
          { DestinationCidrBlock: '0.0.0.0/0', NatGatewayId: natGateway, Origin: 'CreateRoute', State: 'active' },
          { DestinationPrefixListId: 'pl-0a1b2c3d', GatewayId: s3Endpoint, Origin: 'CreateRoute', State: 'active' },
        ],
      },
    ],
    SecurityGroups: securityGroups.map((id) => ({
      ...inVpc,
      GroupId: id,
      GroupName: id,
      Description: 'Agents',
      IpPermissions: [],
      IpPermissionsEgress: [outboundTcp(443)],
    })),
    NetworkAcls: [
      {
        ...inVpc,
        NetworkAclId: 'acl-0a1b2c3d4e5f60718',
        IsDefault: true,
        Associations: subnets.map(({ id }) => ({ NetworkAclId: 'acl-0a1b2c3d4e5f60718', SubnetId: id })),
        Entries: [true, false].flatMap((Egress) => [
          { RuleNumber: 100, Egress, RuleAction: 'allow', Protocol: '-1', CidrBlock: '0.0.0.0/0' },
          { RuleNumber: 32_767, Egress, RuleAction: 'deny', Protocol: '-1', CidrBlock: '0.0.0.0/0' },
        ]),
      },
    ],
    VpcEndpoints: [
      {
        ...inVpc,
        VpcEndpointId: s3Endpoint,
        VpcEndpointType: 'Gateway',
        ServiceName: `com.amazonaws.${region}.s3`,
        State: 'available',
        RouteTableIds: [routeTable],
        PrivateDnsEnabled: false,
        Groups: [],
      },
    ],
    NatGateways: [
      {
        VpcId: LOCAL_VPC,
        NatGatewayId: natGateway,
        SubnetId: 'subnet-0a1b2c3d4e5f60719',
        State: 'available',
        ConnectivityType: 'public',
        NatGatewayAddresses: [{ AllocationId: 'eipalloc-0a1b2c3d4e5f60718', PublicIp: '203.0.113.10' }],
      },
    ],
    DhcpOptions: [
      {
        OwnerId: accountId,
        DhcpOptionsId: 'dopt-0a1b2c3d4e5f60718',
        DhcpConfigurations: [{ Key: 'domain-name-servers', Values: [{ Value: 'AmazonProvidedDNS' }] }],
      },
    ],
    AvailabilityZones: zones.map((zone, index) => ({
      ZoneName: zone,
      ZoneId: `${region.replace(/^([a-z]{2})-([a-z])[a-z]+-(\d)$/, '$1$2$3')}-az${index + 1}`,
      ZoneType: 'availability-zone',
      RegionName: region,
      GroupName: region,
      NetworkBorderGroup: region,
      OptInStatus: 'opt-in-not-required',
      State: 'available',
      Messages: [],
    })),
  };
}

function outboundTcp(port: number): Resource {
  return {
    IpProtocol: 'tcp',
    FromPort: port,
    ToPort: port,
    IpRanges: [{ CidrIp: '0.0.0.0/0' }],
    Ipv6Ranges: [],
    PrefixListIds: [],
    UserIdGroupPairs: [],
  };
}
