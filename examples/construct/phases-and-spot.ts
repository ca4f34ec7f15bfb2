import { AgentLauncher } from 'agent-launcher';
import { AgentImage } from 'agent-launcher/agent-image';
import { App, Stack } from 'aws-cdk-lib';
import { Vpc } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';

const stack = new Stack(new App(), 'Platform');
const bucket = new Bucket(stack, 'Artifacts');

const launcher = new AgentLauncher(stack, 'Agents', {
  organization: 'your-org',
  apiTokenSecret: Secret.fromSecretNameV2(stack, 'ApiToken', 'agent-launcher/api-token'),
  vpc: new Vpc(stack, 'Vpc', { maxAzs: 2, natGateways: 1 }),
  agentImage: AgentImage.copyOf('hashicorp/tfc-agent:1.33.0'),
  pools: [
    {
      name: 'aws',
      agentTokenSecret: Secret.fromSecretNameV2(stack, 'AgentToken', 'agent-launcher/aws/agent-token'),
      maxAgents: 20,
      phases: {
        // A plan is repeated when AWS takes its Spot task back. Applies never run on Spot.
        plan: { capacity: 'spot', cpu: 1024, memoryLimitMiB: 2048 },
        apply: {},
      },
    },
  ],
});

// Everyone who can queue a plan can use the plan's role, so it only reads.
const pool = launcher.pool('aws');
bucket.grantRead(pool.taskRoleOf('plan'));
bucket.grantReadWrite(pool.taskRoleOf('apply'));
pool
  .taskRoleOf('apply')
  .addToPrincipalPolicy(new PolicyStatement({ actions: ['ec2:DescribeSubnets', 'ec2:CreateTags'], resources: ['*'] }));
launcher.addOutputs();
