import { CfnParameter } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { expect, expectTypeOf, it } from 'vitest';
import type { z } from 'zod';
import { AgentImage } from '../../lib/agent/image.ts';
import { AgentLauncher } from '../../lib/agent-launcher.ts';
import { AWS_REGIONS } from '../../lib/aws/partitions.ts';
import { EgressNetwork, type EgressNetworkProps } from '../../lib/egress-network.ts';
import type { OwnNetwork } from '../../lib/network/egress.ts';
import type { ownNetworkSettings } from '../../lib/settings/network.ts';
import { oneWrongProperty, refusalOf } from './constructs.ts';
import { emptyStack, propertiesOf, stackIn } from './synthesis.ts';

const cidr = '10.90.0.0/20';
const hostname = 'app.terraform.io';
const hub = 'hashicorp/tfc-agent:1.33.0';

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

function networkIn(props: Partial<EgressNetworkProps> = {}): Template {
  const stack = emptyStack();
  new EgressNetwork(stack, 'Network', { cidr, ...props });
  return Template.fromStack(stack);
}

const refusal = (props: unknown) =>
  refusalOf(() => new EgressNetwork(emptyStack(), 'Network', props as EgressNetworkProps));

it('an EgressNetwork has private subnets in two zones, whose only egress path is the NAT gateway', () => {
  const template = networkIn();
  template.resourceCountIs('AWS::EC2::NatGateway', 1);
  const nat = template.findResources('AWS::EC2::Route', {
    Properties: { DestinationCidrBlock: '0.0.0.0/0', NatGatewayId: Match.anyValue(), GatewayId: Match.absent() },
  });
  expect(Object.keys(nat)).toEqual([expect.stringMatching(/Tasks.*1/), expect.stringMatching(/Tasks.*2/)]);
});

it.each([
  ['10.90.0.0/20', '/22'],
  ['10.0.0.0/16', '/18'],
  ['10.0.0.0/22', '/24'],
])('an EgressNetwork gives each private subnet a quarter of %s', (range, mask) => {
  const blocks = propertiesOf(networkIn({ cidr: range }), 'AWS::EC2::Subnet').map(({ CidrBlock }) => CidrBlock);
  expect(blocks.filter((block: string) => block.endsWith(mask))).toHaveLength(2);
  expect(blocks.filter((block: string) => block.endsWith('/28'))).toHaveLength(2);
});

it.each<[string, object, string]>([
  ['cidr', {}, 'private IPv4 range'],
  ['cidr', { cidr: '10.0.0.0/24' }, 'from /16 to /22'],
  ['cidr', { cidr: 10 }, 'from /16 to /22'],
  ['availabilityZones', { cidr, availabilityZones: ['eu-central-1a'] }, 'two zones of one region'],
  ['egress', { cidr, egress: { mode: 'nat-gateway' } }, 'nat-gateway, on-demand, network-firewall, public-ip'],
  ['egress', { cidr, egress: 'nat' }, 'did you mean nat-gateway?'],
  ['egress', { cidr, egress: 'existing-vpc' }, 'use AgentLauncher without EgressNetwork'],
  ['natGateways', { cidr, natGateways: 2 }, 'one or all'],
  ['natGateways', { cidr, egress: 'public-ip', natGateways: 'one' }, 'tasks with public addresses need no NAT'],
  ['natGateway', { cidr, natGateway: 'one' }, 'did you mean natGateways?'],
  ['ipv6', { cidr, egress: 'network-firewall', ipv6: true }, 'would bypass the firewall'],
  ['dnsFirewall', { cidr, egress: 'network-firewall', dnsFirewall: false }, 'remove it'],
  ['hostname', { cidr, hostname: 'https://tfe.acme.example' }, 'remove https://'],
  ['allowedDomains.0', { cidr, allowedDomains: ['*.co.uk'] }, 'anyone can register a name below it'],
  ['awsApiServices', { cidr, awsApiServices: ['s3'] }, 'to allowedPresets'],
  ['images', { cidr, images: hub }, 'into a list'],
  ['images.0', { cidr, images: ['https://docker.io/hashicorp/tfc-agent:1.33.0'] }, 'remove https://'],
  ['images.0', { cidr, images: ['registry.acme.example:5000/agents:7'] }, 'or use AgentImage.copyOf'],
  ['images.0', { cidr, images: [null] }, 'AgentImage.fromReference'],
  ['flowLogRetentionDays', { cidr, flowLogRetentionDays: 12 }, 'use 14'],
  ['dnsQueryLogRetentionDays', { cidr, dnsQueryLogRetentionDays: 7, dnsFirewall: false }, 'no query would be logged'],
  ['firewallLogRetentionDays', { cidr, firewallLogRetentionDays: 7 }, 'set egress to network-firewall'],
  [
    'firewallLogRetentionDays',
    { cidr, firewallLogRetentionDays: RetentionDays.INFINITE },
    'egress to network-firewall',
  ],
  ['natGateways', { cidr, natGateways: RetentionDays.INFINITE }, 'one or all'],
  ['guardDuty', { cidr, guardDuty: 'yes' }, 'true or false'],
  ['gatewayInstanceType', { cidr, egress: 'on-demand', gatewayInstanceType: 'nano' }, 'such as t4g.nano'],
  ['gatewayVolumeKey', { cidr, egress: 'on-demand', gatewayVolumeKey: 'alias/ebs' }, 'a key of aws-cdk-lib/aws-kms'],
  ['fixedAddress', { cidr, fixedAddress: true }, 'set egress to on-demand'],
  ['vpcId', { cidr, vpcId: 'vpc-0123456789abcdef0' }, "a property that doesn't exist"],
])('an EgressNetwork refuses a wrong %s: %j', (path, props, hint) => {
  const message = refusal(props);
  expect(message).toMatch(oneWrongProperty('network Test/Network', path));
  expect(message).toContain(hint);
});

it('an EgressNetwork reports all faults at once, and refuses missing properties in JavaScript', () => {
  expect(refusal({ cidr: '10.0.0.0/8', guardDuty: 1, egress: 'nat-gateway', natGateways: 2 })).toMatch(
    /^3 properties are wrong/,
  );
  expect(refusal(undefined)).toMatch(/^One property is wrong in the network Test\/Network/);
});

it('an EgressNetwork accepts values that only CloudFormation knows, and logs that never expire', () => {
  const stack = emptyStack();
  const token = new CfnParameter(stack, 'Hostname').valueAsString;
  const props = { cidr, hostname: token, allowedDomains: [`${token}.acme.example`] };
  expect(() => new EgressNetwork(stack, 'Network', props)).not.toThrow();
  networkIn({ flowLogRetentionDays: RetentionDays.INFINITE }).resourceCountIs('AWS::EC2::FlowLog', 1);
});

it('an EgressNetwork refuses more domains than DNS Firewall accepts in one request', () => {
  const awsApiServices = Array.from({ length: 40 }, (_, index) => `service-${index}`);
  const allowed = { allowedPresets: ['aws-apis'], awsApiServices, awsApiRegions: AWS_REGIONS.slice(0, 40) };
  expect(refusal({ cidr, hostname, ...allowed })).toMatch(/ awsApiRegions\n.*domains\n.*1000 domains in total/);
});

it('an EgressNetwork has the options of the settings, because their schema parses them', () => {
  expectTypeOf<OwnNetwork>().toExtend<DeepReadonly<z.input<typeof ownNetworkSettings>>>();
  expectTypeOf<DeepReadonly<z.input<typeof ownNetworkSettings>>>().toExtend<OwnNetwork>();
});

it('an EgressNetwork keeps its public address, because it creates an Elastic IP', () => {
  const template = networkIn();
  template.resourceCountIs('AWS::EC2::EIP', 1);
  template.hasResourceProperties('AWS::EC2::NatGateway', {
    AllocationId: { 'Fn::GetAtt': [Match.stringLikeRegexp('NatAddress'), 'AllocationId'] },
  });
});

it('an EgressNetwork reaches S3, which stores the layers of images, without the NAT gateway', () => {
  networkIn().hasResourceProperties('AWS::EC2::VPCEndpoint', {
    VpcEndpointType: 'Gateway',
    RouteTableIds: Match.anyValue(),
  });
});

it('an EgressNetwork adds no Lambda function', () => {
  networkIn().resourceCountIs('AWS::Lambda::Function', 0);
});

it('an EgressNetwork has its egress rules inside the security group, so the group is never open', () => {
  const template = networkIn({ hostname: 'tfe.example.com:8443' });
  template.hasResourceProperties('AWS::EC2::SecurityGroup', {
    SecurityGroupEgress: [Match.objectLike({ FromPort: 443, ToPort: 443 }), Match.objectLike({ FromPort: 8443 })],
  });
  template.resourceCountIs('AWS::EC2::SecurityGroupEgress', 0);
});

it.each([
  [{}, [30, 30]],
  [{ flowLogRetentionDays: RetentionDays.ONE_WEEK, dnsQueryLogRetentionDays: RetentionDays.ONE_DAY }, [1, 7]],
  [{ flowLogRetentionDays: 0 }, [30]],
  [{ dnsQueryLogRetentionDays: 0 }, [30]],
  [{ dnsFirewall: false }, [30]],
  [{ dnsFirewall: false, flowLogRetentionDays: 0, dnsQueryLogRetentionDays: 0 }, []],
])('an EgressNetwork with %o keeps its flow logs and its DNS query log for %o days', (props, days) => {
  const template = networkIn(props);
  const groups = propertiesOf(template, 'AWS::Logs::LogGroup').map(({ RetentionInDays }) => RetentionInDays);
  expect(groups.sort((a, b) => a - b)).toEqual(days);
  const count = (type: string) => Object.keys(template.findResources(type)).length;
  expect(count('AWS::EC2::FlowLog') + count('AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation')).toBe(
    days.length,
  );
});

/** Synthesizes a launcher with this image in an EgressNetwork. */
function synthesize(image: AgentImage, props: Partial<EgressNetworkProps> = {}): () => Template {
  return () => {
    const stack = stackIn();
    const network = new EgressNetwork(stack, 'Network', { cidr, ...props });
    new AgentLauncher(stack, 'Agents', {
      organization: 'acme',
      apiTokenSecret: Secret.fromSecretNameV2(stack, 'ApiToken', 'acme/api-token'),
      pools: [{ name: 'aws', agentTokenSecret: Secret.fromSecretNameV2(stack, 'AgentToken', 'acme/agent-token') }],
      vpc: network.vpc,
      vpcSubnets: network.taskSubnets,
      securityGroups: [network.securityGroup],
      agentImage: image,
    });
    return Template.fromStack(stack);
  };
}

const inEcr = (account: string) => `${account}.dkr.ecr.eu-central-1.amazonaws.com/agents:7`;

const copyOrAdd = "Use AgentImage.copyOf, so that tasks pull from ECR, or add the image to the network's `images`";

it.each([
  [hub, 'registry-1.docker.io, auth.docker.io', copyOrAdd],
  ['registry.acme.example/agents:7', 'registry.acme.example', copyOrAdd],
  [inEcr('999999999999'), '999999999999.dkr.ecr.eu-central-1.amazonaws.com', "Add the image to the network's `images`"],
])(
  'synthesis fails if an agent pool in an EgressNetwork pulls %s, because %s do not resolve',
  (image, hosts, remedy) => {
    for (const agentImage of [
      AgentImage.fromReference(image),
      AgentImage.fromContainerImage(ContainerImage.fromRegistry(image)),
    ]) {
      expect(synthesize(agentImage)).toThrow(
        `Agent pool aws can't pull its image ${image}. These hosts don't resolve in the EgressNetwork Test/Network: ${hosts}`,
      );
      expect(synthesize(agentImage)).toThrow(`. ${remedy}.`);
    }
  },
);

it.each<[string, AgentImage, Partial<EgressNetworkProps>]>([
  ['that AgentImage copies', AgentImage.copyOf(hub), {}],
  ['that AgentImage builds', AgentImage.fromVersion('1.33.0'), {}],
  ["in the account's ECR", AgentImage.fromReference(inEcr('123456789012')), {}],
  ['that the option `images` contains', AgentImage.fromReference(hub), { images: [hub] }],
  [
    'whose registry is an allowed domain',
    AgentImage.fromReference('registry.acme.example/agents:7'),
    { allowedDomains: ['*.acme.example'] },
  ],
  ['without DNS Firewall', AgentImage.fromReference(hub), { dnsFirewall: false }],
])('an agent pool in an EgressNetwork can pull an image %s', (_, image, props) => {
  expect(synthesize(image, props)).not.toThrow();
});
