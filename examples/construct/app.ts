import { AgentLauncher } from 'agent-launcher';
import { AgentImage } from 'agent-launcher/agent-image';
import { App, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';

const stack = new Stack(new App(), 'Platform');
const vpc = new Vpc(stack, 'Vpc', { maxAzs: 2, natGateways: 1 });
const bucket = new Bucket(stack, 'Artifacts');

const launcher = new AgentLauncher(stack, 'Agents', {
  organization: 'your-org',
  apiTokenSecret: Secret.fromSecretNameV2(stack, 'ApiToken', 'agent-launcher/api-token'),
  vpc,
  agentImage: AgentImage.copyOf('hashicorp/tfc-agent:1.33.0'),
  pools: [
    {
      name: 'aws',
      agentTokenSecret: Secret.fromSecretNameV2(stack, 'AgentToken', 'agent-launcher/aws/agent-token'),
      maxAgents: 10,
    },
  ],
});

bucket.grantRead(launcher.pool('aws'));
launcher.addOutputs();
