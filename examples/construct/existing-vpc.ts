import { AgentLauncher } from 'agent-launcher';
import { AgentImage } from 'agent-launcher/agent-image';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Peer, Port, SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';

const stack = new Stack(new App(), 'Platform');
const vpc = Vpc.fromVpcAttributes(stack, 'Vpc', {
  vpcId: 'vpc-0123456789abcdef0',
  availabilityZones: ['eu-central-1a', 'eu-central-1b'],
  privateSubnetIds: ['subnet-0123456789abcdef0', 'subnet-0123456789abcdef1'],
});

// Agents need no ingress, and egress on TCP 443.
const agents = new SecurityGroup(stack, 'AgentsGroup', { vpc, allowAllOutbound: false });
agents.addEgressRule(Peer.anyIpv4(), Port.tcp(443), 'HTTPS');

const secret = (pool: string) => Secret.fromSecretNameV2(stack, `Token-${pool}`, `agent-launcher/${pool}/agent-token`);
new AgentLauncher(stack, 'Agents', {
  organization: 'your-org',
  apiTokenSecret: Secret.fromSecretNameV2(stack, 'ApiToken', 'agent-launcher/api-token'),
  vpc,
  securityGroups: [agents],
  agentImage: AgentImage.copyOf('hashicorp/tfc-agent:1.33.0'),
  // Both pools together never have more agents than the organization's plan allows.
  agentsCeiling: 20,
  oldestQueued: Duration.minutes(10),
  pools: [
    { name: 'platform', agentTokenSecret: secret('platform'), maxAgents: 10 },
    { name: 'products', agentTokenSecret: secret('products'), maxAgents: 20 },
  ],
}).addOutputs();
