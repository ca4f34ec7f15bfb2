import { type Stack, Token } from 'aws-cdk-lib';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Acknowledgement } from '../acknowledgement.ts';
import type { AgentPool } from '../agent/pool.ts';
import { secretId } from '../agent/secret-id.ts';

/** The resources that the launcher's permissions refer to. */
export interface PermissionsInput {
  readonly stack: Stack;
  readonly pools: readonly AgentPool[];
  readonly apiTokenSecret: ISecret;
  readonly cluster: ecs.Cluster;
  /** Name of the cluster, without CDK tokens. */
  readonly name: string;
  readonly logGroup: logs.ILogGroup;
  /** Queue of the messages that invoke the launcher, if there is one. */
  readonly wakeUps: sqs.IQueue | undefined;
}

/**
 * All permissions of the launcher. Actions, resource types and condition keys:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
 */
export function launcherStatements(input: PermissionsInput): iam.PolicyStatement[] {
  const { stack, cluster } = input;
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
    new iam.PolicyStatement({
      // Writes to its own log group, which the stack creates. It can't create log groups.
      sid: 'WriteItsLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [input.logGroup.logGroupArn],
    }),
    ...(input.wakeUps === undefined ? [] : wakeUpStatements(input.wakeUps)),
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

/** Lists each wildcard of {@link launcherStatements}. cdk-nag reports a wildcard that isn't listed. */
export function acknowledgedWildcards(input: PermissionsInput): Acknowledgement[] {
  const { stack, name } = input;
  const region = Token.isUnresolved(stack.region) ? '<AWS::Region>' : stack.region;
  const account = Token.isUnresolved(stack.account) ? '<AWS::AccountId>' : stack.account;
  const ecsArn = (resource: string) => `arn:<AWS::Partition>:ecs:${region}:${account}:${resource}`;
  const wildcard = (resource: string, reason: string) => ({
    id: `AwsSolutions::AwsSolutions-IAM5[Resource::${resource}]`,
    reason,
  });
  return [
    ...familiesOf(input).map((family) =>
      wildcard(ecsArn(`task-definition/${family}:*`), 'Revisions of one family; see the statement LaunchAgents.'),
    ),
    wildcard(ecsArn(`task/${name}/*`), 'Tasks of one cluster, whose ids are random; see SeeAndStopAgents.'),
    wildcard(
      '*',
      'ListTasks supports no narrower resource; the condition restricts it to the cluster. See ListAgents.',
    ),
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

/**
 * A secret's ARN ends in six random characters. They are unknown if the secret is configured by name, but IAM compares the
 * complete ARN. So the ARN in the policy ends in six question marks, which match exactly these characters.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
 */
export function secretArnInPolicies(secret: ISecret): string {
  return secret.secretFullArn ?? `${secret.secretArn}-??????`;
}
