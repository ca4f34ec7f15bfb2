/**
 * One CDK app for two environments: the same stack in two accounts, with different pools and sizes. Deploy one with `cdk deploy Staging`
 * and the other with `cdk deploy Production`.
 */
import { AgentLauncher } from 'agent-launcher';
import { AgentImage } from 'agent-launcher/agent-image';
import { EgressNetwork } from 'agent-launcher/egress-network';
import { App, type Environment, Stack } from 'aws-cdk-lib';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';

interface AgentsProps {
  readonly env: Environment;
  /** Agent pool in HCP Terraform. Each environment has its own, so that jobs never run in the other account. */
  readonly pool: string;
  readonly maxAgents: number;
  readonly natGateways: 'one' | 'all';
}

class Agents extends Stack {
  constructor(scope: Construct, id: string, { env, pool, maxAgents, natGateways }: AgentsProps) {
    super(scope, id, { env });
    const secret = (name: string) => Secret.fromSecretNameV2(this, name, `agent-launcher/${name}`);
    const network = new EgressNetwork(this, 'Network', { cidr: '10.90.0.0/20', natGateways });
    const launcher = new AgentLauncher(this, 'Launcher', {
      organization: 'your-org',
      apiTokenSecret: secret('api-token'),
      vpc: network.vpc,
      vpcSubnets: network.taskSubnets,
      securityGroups: [network.securityGroup],
      startAfter: [network],
      agentImage: AgentImage.copyOf('hashicorp/tfc-agent:1.33.0'),
      pools: [{ name: pool, agentTokenSecret: secret('agent-token'), maxAgents }],
    });
    launcher.addOutputs(this);
  }
}

const app = new App();
const region = 'eu-central-1';
new Agents(app, 'Staging', {
  env: { account: '111111111111', region },
  pool: 'aws-staging',
  maxAgents: 5,
  natGateways: 'one',
});
new Agents(app, 'Production', {
  env: { account: '222222222222', region },
  pool: 'aws-production',
  maxAgents: 50,
  natGateways: 'all',
});
