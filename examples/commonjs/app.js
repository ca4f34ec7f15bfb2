// A CDK app in CommonJS JavaScript. The package is an ES module, which Node.js loads with `require` since 22.12.
const { AgentLauncher } = require('agent-launcher');
const { AgentImage } = require('agent-launcher/agent-image');
const { EgressNetwork } = require('agent-launcher/egress-network');
const { App, Stack } = require('aws-cdk-lib');
const { Secret } = require('aws-cdk-lib/aws-secretsmanager');

const stack = new Stack(new App(), 'Platform');
const network = new EgressNetwork(stack, 'Network', { cidr: '10.90.0.0/20' });
const launcher = new AgentLauncher(stack, 'Agents', {
  organization: 'your-org',
  apiTokenSecret: Secret.fromSecretNameV2(stack, 'ApiToken', 'agent-launcher/api-token'),
  vpc: network.vpc,
  vpcSubnets: network.taskSubnets,
  securityGroups: [network.securityGroup],
  startAfter: [network],
  agentImage: AgentImage.copyOf('hashicorp/tfc-agent:1.33.0'),
  pools: [
    {
      name: 'aws',
      agentTokenSecret: Secret.fromSecretNameV2(stack, 'AgentToken', 'agent-launcher/aws/agent-token'),
    },
  ],
});
launcher.addOutputs();
