/** Creates the package's constructs for tests, each with only its required properties. */
import type { Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { AgentImage } from '../../lib/agent/image.ts';
import { AgentPool, type AgentPoolProps } from '../../lib/agent/pool.ts';
import { AgentLauncher, type AgentLauncherProps } from '../../lib/agent-launcher.ts';
import { emptyStack } from './synthesis.ts';

export const REGISTRY_AGENT = AgentImage.fromReference('hashicorp/tfc-agent:1.31.0');

/** Creates a new secret. The type is needed because CDK's own classes lack the exact optional properties of their interfaces. */
export const secretIn = (stack: Stack, id: string): ISecret => new Secret(stack, id) as ISecret;

/** Creates a pool that runs an image from a registry. */
export function poolIn(props: Partial<AgentPoolProps> = {}, stack = emptyStack()): { stack: Stack; pool: AgentPool } {
  const pool = new AgentPool(stack, 'Pool', {
    name: 'default',
    launcherName: 'Test',
    agentTokenSecret: Secret.fromSecretNameV2(stack, 'Secret', 'acme/agent-token'),
    image: REGISTRY_AGENT,
    ...props,
  });
  return { stack, pool };
}

/** Creates a launcher with one pool. It creates a VPC, a security group and secrets unless they are given. */
export function launcherIn(
  stack: Stack,
  props: { [Name in keyof AgentLauncherProps]?: AgentLauncherProps[Name] | undefined } = {},
  id = 'Agents',
): AgentLauncher {
  const network = () => {
    const vpc = new ec2.Vpc(stack, `${id}Vpc`, { restrictDefaultSecurityGroup: false }) as ec2.IVpc;
    return { vpc, securityGroups: [new ec2.SecurityGroup(stack, `${id}Group`, { vpc, allowAllOutbound: false })] };
  };
  const pools = () => [{ name: 'default', agentTokenSecret: secretIn(stack, `${id}AgentToken`) }];
  return new AgentLauncher(stack, id, {
    organization: 'acme',
    apiTokenSecret: secretIn(stack, `${id}ApiToken`),
    ...(!('vpc' in props) && network()),
    ...(!('pools' in props) && { pools: pools() }),
    agentImage: REGISTRY_AGENT,
    ...props,
  } as AgentLauncherProps);
}

/** Returns the message of the error that a function throws, or `accepted` if it throws none. */
export function refusalOf(create: () => unknown): string {
  try {
    create();
    return 'accepted';
  } catch (error) {
    return error instanceof Error ? error.message : 'no error';
  }
}

/** Returns a pattern for the whole message about one wrong property of a construct: path, given, allowed, to do. */
export const oneWrongProperty = (construct: string, path: string) =>
  new RegExp(
    `^One property is wrong in the ${construct}; nothing was synthesized\\.\\n\\n {2}${path.replaceAll('.', '\\.')}\\n {4}given: .+\\n {4}allowed: .+\\n {4}to do: .+$`,
  );
