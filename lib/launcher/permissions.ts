import { ArnFormat, type Stack } from 'aws-cdk-lib';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import { type Acknowledgement, arnInFindings, wildcard } from '../acknowledgement.ts';
import type { AgentPool } from '../agent/pool.ts';
import { decryptStatements, secretArnInPolicies, secretId } from '../agent/secret-id.ts';
import { launcherFunction } from '../names.ts';
import type { Gateways } from '../network/gateways.ts';
import type { EncryptionKeys } from '../properties/encryption.ts';
import { connectionStatements } from './function-parts.ts';
import { gatewayStatements, gatewayWildcards } from './gateway-permissions.ts';

/** The resources that the launcher's permissions refer to. */
export interface PermissionsInput {
  readonly stack: Stack;
  readonly pools: readonly AgentPool[];
  readonly apiTokenSecret: ISecret;
  /** Secrets that the launcher needs to connect: certificates, or the login of a proxy. */
  readonly connectionSecrets: readonly ISecret[];
  readonly cluster: ecs.Cluster;
  /** Name of the cluster, without CDK tokens. */
  readonly name: string;
  readonly logGroup: logs.ILogGroup;
  /** Queue of the messages that invoke the launcher, if there is one. */
  readonly wakeUps: sqs.IQueue | undefined;
  /** Whether the function runs in a VPC. */
  readonly inVpc: boolean;
  readonly keys: Pick<EncryptionKeys, 'secrets' | 'queue'>;
  /** Gateways that the launcher starts, if the network has any. */
  readonly gateways?: Gateways | undefined;
}

/**
 * All permissions of the launcher. Actions, resource types and condition keys:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
 */
export function launcherStatements(input: PermissionsInput): iam.PolicyStatement[] {
  const { stack, cluster, keys } = input;
  const inThisCluster = { ArnEquals: { 'ecs:cluster': cluster.clusterArn } };
  const tasksOfThisCluster = stack.formatArn({ service: 'ecs', resource: 'task', resourceName: `${input.name}/*` });

  return [
    new iam.PolicyStatement({
      // Starts tasks of the pools' families, in this cluster only, and never with `aws ecs execute-command` enabled.
      // `:*` means all revisions. ECS resolves the revision before it asks IAM, so a permission for one revision would deny
      // every launch after a new revision is registered. The condition on execute-command is negative because it must
      // also hold if a request doesn't contain this parameter.
      sid: 'LaunchAgents',
      actions: ['ecs:RunTask'],
      resources: familiesOf(input).map((family) =>
        stack.formatArn({ service: 'ecs', resource: 'task-definition', resourceName: `${family}:*` }),
      ),
      conditions: { ...inThisCluster, StringNotEqualsIgnoreCase: { 'ecs:enable-execute-command': 'true' } },
    }),
    new iam.PolicyStatement({
      // Tags each task with the run that it was started for. Only at launch, so the launcher can't change the tags of a running
      // task. A task has a random id, so the resource ends in `/*`.
      sid: 'TagAgentsAtLaunch',
      actions: ['ecs:TagResource'],
      resources: [tasksOfThisCluster],
      conditions: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
    }),
    new iam.PolicyStatement({
      // The launcher passes only these roles to ECS, and only for tasks. This also restricts RunTask's role overrides.
      sid: 'HandAgentsTheirRoles',
      actions: ['iam:PassRole'],
      resources: input.pools.flatMap(({ executionRole, lanes }) => [
        executionRole.roleArn,
        ...new Set(lanes.map(({ taskRole }) => taskRole.roleArn)),
      ]),
      conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    }),
    new iam.PolicyStatement({
      // Describes and stops tasks of this cluster, which contains only agents. Task IDs are random, so the resource ends in `/*`.
      sid: 'SeeAndStopAgents',
      actions: ['ecs:DescribeTasks', 'ecs:StopTask'],
      resources: [tasksOfThisCluster],
      conditions: inThisCluster,
    }),
    new iam.PolicyStatement({
      // IAM supports only container instances as the resource of ListTasks, and Fargate has none. So any narrower resource
      // would deny every call. The condition restricts the action to this cluster instead. The response contains only
      // task ARNs.
      sid: 'ListAgents',
      actions: ['ecs:ListTasks'],
      resources: ['*'],
      conditions: inThisCluster,
    }),
    new iam.PolicyStatement({
      // Reads the API tokens that it polls with, but not the agent tokens. (Anyone holding this role can still start a pool's
      // task with different variables, and so obtain its agent token: IAM has no condition for RunTask's overrides.)
      sid: 'ReadApiTokens',
      actions: ['secretsmanager:GetSecretValue'],
      resources: apiTokenSecrets(input).map(secretArnInPolicies),
    }),
    ...connectionStatements(input.connectionSecrets),
    new iam.PolicyStatement({
      // Writes to its own log group, which the stack creates. It can't create log groups.
      sid: 'WriteItsLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [input.logGroup.logGroupArn],
    }),
    ...(input.wakeUps === undefined ? [] : wakeUpStatements(input.wakeUps)),
    ...(input.inVpc ? networkInterfaceStatements(stack, launcherFunction(input.name)) : []),
    ...(input.gateways === undefined ? [] : gatewayStatements(stack, input.gateways)),
    ...(input.wakeUps === undefined || keys.queue === undefined ? [] : [queueKeyStatement(stack, keys.queue)]),
    ...decryptStatements(stack, [...apiTokenSecrets(input), ...input.connectionSecrets], keys.secrets),
  ];
}

/** Lists and describes the tasks of the cluster. */
export function taskReadStatements({
  stack,
  cluster,
  name,
}: Pick<PermissionsInput, 'stack' | 'cluster' | 'name'>): iam.PolicyStatement[] {
  const conditions = { ArnEquals: { 'ecs:cluster': cluster.clusterArn } };
  return [
    new iam.PolicyStatement({
      // Task IDs are random, so the resource ends in `/*`.
      sid: 'DescribeAgents',
      actions: ['ecs:DescribeTasks'],
      resources: [stack.formatArn({ service: 'ecs', resource: 'task', resourceName: `${name}/*` })],
      conditions,
    }),
    // See ListAgents of the launcher.
    new iam.PolicyStatement({ sid: 'ListAgents', actions: ['ecs:ListTasks'], resources: ['*'], conditions }),
  ];
}

/** Lists each wildcard of {@link taskReadStatements}. */
export function taskReadWildcards({
  stack,
  name,
  inVpc,
  gateways,
}: Pick<PermissionsInput, 'stack' | 'name' | 'inVpc' | 'gateways'>): Acknowledgement[] {
  const others = [
    ...(inVpc ? [' Only the Lambda service can use the EC2 actions. See DenyThemToItsCode.'] : []),
    ...(gateways === undefined
      ? []
      : [' Describe actions of EC2 support no narrower resource either. See SeeGateways.']),
  ];
  return [
    wildcard(
      arnInFindings(stack, 'ecs', `task/${name}/*`),
      'Tasks of one cluster, whose ids are random; see SeeAndStopAgents.',
    ),
    wildcard(
      '*',
      `ListTasks supports no narrower resource; the condition restricts it to the cluster. See ListAgents.${others.join('')}`,
    ),
  ];
}

/** https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html#events-sqs-permissions */
function wakeUpStatements({ queueArn }: sqs.IQueue): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      // Sends the message that causes the next poll.
      sid: 'SendWakeUps',
      actions: ['sqs:SendMessage'],
      resources: [queueArn],
    }),
    new iam.PolicyStatement({
      // Lambda uses the function's role to receive and delete messages. The function itself does neither.
      sid: 'ReceiveWakeUps',
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      resources: [queueArn],
    }),
  ];
}

/** The EC2 actions with which Lambda manages the network interfaces of a function in a VPC. */
const NETWORK_INTERFACES = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
];

/**
 * Lambda creates the network interfaces of a function in a VPC with the function's role, when the function is created and not when it
 * runs. These are the permissions that AWS documents, and those of its policy AWSLambdaVPCAccessExecutionRole without the log.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
export function networkInterfaceStatements(stack: Stack, functionName: string): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      // The Describe actions support no narrower resource. AWS also documents all resources for the other actions: Lambda checks
      // the role before a network interface exists. The next statement limits who can use them.
      sid: 'LetLambdaAttachItToTheVpc',
      actions: NETWORK_INTERFACES,
      resources: ['*'],
    }),
    new iam.PolicyStatement({
      // Only the Lambda service can use these permissions: this denies them to the function's own code. A request of Lambda itself
      // doesn't have the condition key. https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-best-practice
      sid: 'DenyThemToItsCode',
      effect: iam.Effect.DENY,
      actions: NETWORK_INTERFACES,
      resources: ['*'],
      conditions: {
        ArnEquals: {
          'lambda:SourceFunctionArn': stack.formatArn({
            service: 'lambda',
            resource: 'function',
            resourceName: functionName,
            arnFormat: ArnFormat.COLON_RESOURCE_NAME,
          }),
        },
      },
    }),
  ];
}

/** Lists each wildcard of {@link launcherStatements}. cdk-nag reports a wildcard that isn't listed. */
export function acknowledgedWildcards(input: PermissionsInput): Acknowledgement[] {
  const { stack } = input;
  return [
    ...familiesOf(input).map((family) =>
      wildcard(
        arnInFindings(stack, 'ecs', `task-definition/${family}:*`),
        'Revisions of one family; see the statement LaunchAgents.',
      ),
    ),
    ...taskReadWildcards(input),
    ...(input.gateways === undefined ? [] : gatewayWildcards(stack)),
  ];
}

/** Families of every pool's task definitions. */
function familiesOf({ pools }: PermissionsInput): string[] {
  return pools.flatMap(({ lanes }) => lanes.map(({ family }) => family));
}

/** Every secret that the launcher polls with, without duplicates. */
export function apiTokenSecrets(input: Pick<PermissionsInput, 'apiTokenSecret' | 'pools'>): ISecret[] {
  const secrets = [input.apiTokenSecret, ...input.pools.flatMap(({ options }) => options.apiTokenSecret ?? [])];
  return [...new Map(secrets.map((secret) => [secretId(secret), secret])).values()];
}

/** Lets a role write encrypted messages to a queue and, if it receives from it, read them. */
export function queueKeyStatement(stack: Stack, key: IKey): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'EncryptWakeUps',
    actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
    resources: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': `sqs.${stack.region}.${stack.urlSuffix}` } },
  });
}
