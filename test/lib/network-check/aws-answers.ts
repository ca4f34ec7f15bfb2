/** Answers of the AWS CLI about a VPC with one private subnet. */

export const VPC_ID = 'vpc-0123456789abcdef0';
export const SUBNET_ID = 'subnet-0123456789abcdef0';

/** A subnet. */
export const SUBNET = {
  SubnetId: SUBNET_ID,
  VpcId: VPC_ID,
  AvailabilityZone: 'eu-central-1a',
  CidrBlock: '10.0.1.0/24',
  AvailableIpAddressCount: 250,
};

const local = { DestinationCidrBlock: '10.0.0.0/16', GatewayId: 'local', State: 'active' };

/** Returns the main route table, which has a default route to this target. */
export const routesTo = (target: object) => ({
  RouteTables: [{ Associations: [{ Main: true }], Routes: [local, { DestinationCidrBlock: '0.0.0.0/0', ...target }] }],
});

/** Returns the answer to each command. */
export const answersWith = (target: object): Record<string, unknown> => ({
  'describe-vpcs': { Vpcs: [{ VpcId: VPC_ID, CidrBlock: '10.0.0.0/16', DhcpOptionsId: 'dopt-1' }] },
  'describe-vpc-attribute': { EnableDnsSupport: { Value: true }, EnableDnsHostnames: { Value: true } },
  'describe-dhcp-options': {
    DhcpOptions: [{ DhcpConfigurations: [{ Key: 'domain-name-servers', Values: [{ Value: 'AmazonProvidedDNS' }] }] }],
  },
  'describe-subnets': { Subnets: [SUBNET] },
  'describe-route-tables': routesTo(target),
  'describe-vpc-endpoints': { VpcEndpoints: [] },
  'describe-network-acls': { NetworkAcls: [] },
  'list-firewall-rule-group-associations': { FirewallRuleGroupAssociations: [] },
});
