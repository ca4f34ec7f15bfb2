import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { expect, it } from 'vitest';
import { AgentImage } from '../../lib/agent-image.ts';
import { AgentLauncher } from '../../lib/agent-launcher.ts';
import { EgressNetwork, type EgressNetworkProps } from '../../lib/egress-network.ts';
import { emptyStack, testApp } from './synthesis.ts';

const hub = 'hashicorp/tfc-agent:1.33.0';

function networkIn(props: Partial<EgressNetworkProps> = {}): Template {
  const stack = emptyStack();
  new EgressNetwork(stack, 'Network', { cidr: '10.90.0.0/20', ...props });
  return Template.fromStack(stack);
}

it('has private subnets in two zones, whose only egress path is the NAT gateway', () => {
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
])('gives each private subnet a quarter of %s', (cidr, mask) => {
  const blocks = Object.values(networkIn({ cidr }).findResources('AWS::EC2::Subnet')).map(
    (subnet) => subnet['Properties'].CidrBlock,
  );
  expect(blocks.filter((block: string) => block.endsWith(mask))).toHaveLength(2);
  expect(blocks.filter((block: string) => block.endsWith('/28'))).toHaveLength(2);
});

it('refuses a range in which the subnets would be too small', () => {
  expect(() => networkIn({ cidr: '10.0.0.0/24' })).toThrow(/10\.0\.0\.0\/24\. Allowed is a range from \/16 to \/22/);
});

it('refuses more names than DNS Firewall takes in a request', () => {
  const allowedDomains = Array.from({ length: 1_000 }, (_, i) => `host${i}.example.com`);
  expect(() => networkIn({ allowed: { hostname: 'app.terraform.io', allowedDomains } })).toThrow(
    /1006 domains are allowed, and DNS Firewall accepts 1000/,
  );
});

it('keeps its address with an explicit Elastic IP', () => {
  const template = networkIn();
  template.resourceCountIs('AWS::EC2::EIP', 1);
  template.hasResourceProperties('AWS::EC2::NatGateway', {
    AllocationId: { 'Fn::GetAtt': [Match.stringLikeRegexp('NatAddress'), 'AllocationId'] },
  });
});

it('reaches S3, where the layers of images are, without the NAT gateway', () => {
  networkIn().hasResourceProperties('AWS::EC2::VPCEndpoint', {
    VpcEndpointType: 'Gateway',
    RouteTableIds: Match.anyValue(),
  });
});

it('adds no Lambda function', () => {
  networkIn().resourceCountIs('AWS::Lambda::Function', 0);
});

it('writes its egress rules into the security group, which so is never open', () => {
  const template = networkIn({ allowed: { hostname: 'tfe.example.com:8443' } });
  template.hasResourceProperties('AWS::EC2::SecurityGroup', {
    SecurityGroupEgress: [Match.objectLike({ FromPort: 443, ToPort: 443 }), Match.objectLike({ FromPort: 8443 })],
  });
  template.resourceCountIs('AWS::EC2::SecurityGroupEgress', 0);
});

it('writes flow logs when asked, and keeps them as long as asked', () => {
  networkIn().resourceCountIs('AWS::EC2::FlowLog', 0);
  const template = networkIn({ flowLogRetention: RetentionDays.ONE_WEEK });
  template.resourceCountIs('AWS::EC2::FlowLog', 1);
  template.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 7 });
});

function synthesize(image: AgentImage, props: Partial<EgressNetworkProps> = {}): () => Template {
  return () => {
    const stack = new Stack(testApp(), 'Test', { env: { account: '123456789012', region: 'eu-central-1' } });
    const network = new EgressNetwork(stack, 'Network', { cidr: '10.90.0.0/20', ...props });
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
const withoutDns = { mode: 'nat-gateway', natGateways: 'one', vpcEndpoints: 'none', ipv6: false } as const;

const copyOrAdd = "Use AgentImage.copyOf, so that tasks pull from ECR, or add the image to the network's `images`";

it.each([
  [hub, 'registry-1.docker.io, auth.docker.io', copyOrAdd],
  ['registry.acme.example/agents:7', 'registry.acme.example', copyOrAdd],
  [inEcr('999999999999'), '999999999999.dkr.ecr.eu-central-1.amazonaws.com', "Add the image to the network's `images`"],
])('fails at synthesis if a launcher in it pulls %s, whose registry does not resolve', (image, hosts, remedy) => {
  for (const agentImage of [
    AgentImage.fromReference(image),
    AgentImage.fromContainerImage(ContainerImage.fromRegistry(image)),
  ]) {
    expect(synthesize(agentImage)).toThrow(
      `Agent pool aws can't pull its image ${image}. These hosts don't resolve in the EgressNetwork Test/Network: ${hosts}`,
    );
    expect(synthesize(agentImage)).toThrow(`. ${remedy}.`);
  }
});

it.each<[string, AgentImage, Partial<EgressNetworkProps>]>([
  ['that is copied', AgentImage.copyOf(hub), {}],
  ['that is built', AgentImage.fromVersion('1.33.0'), {}],
  ["in the account's ECR", AgentImage.fromReference(inEcr('123456789012')), {}],
  ['among its images', AgentImage.fromReference(hub), { images: [hub] }],
  [
    'whose registry is an allowed domain',
    AgentImage.fromReference('registry.acme.example/agents:7'),
    { allowed: { hostname: 'app.terraform.io', allowedDomains: ['*.acme.example'] } },
  ],
  ['where every name resolves', AgentImage.fromReference(hub), { egress: { ...withoutDns, dnsFirewall: false } }],
])('lets a launcher pull an image %s', (_, image, props) => {
  expect(synthesize(image, props)).not.toThrow();
});
