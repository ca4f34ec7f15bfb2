import { type Stack, Token } from 'aws-cdk-lib';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Acknowledgement } from './acknowledgement.ts';
import type { ServedPool } from './agent-pool.ts';

/** What the launcher's rights depend on. */
export interface LauncherRights {
  readonly stack: Stack;
  readonly pools: readonly ServedPool[];
  readonly apiTokenSecret: ISecret;
  readonly cluster: ecs.Cluster;
  /** Name of the cluster in plain text. */
  readonly clusterName: string;
  readonly logGroup: logs.ILogGroup;
}

/**
 * All that the launcher may do. Actions, resource types and condition keys:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerservice.html
 */
export function launcherStatements(rights: LauncherRights): iam.PolicyStatement[] {
  const { stack, cluster } = rights;
  const inThisCluster = { ArnEquals: { 'ecs:cluster': cluster.clusterArn } };
  const tasksOfThisCluster = stack.formatArn({
    service: 'ecs',
    resource: 'task',
    resourceName: `${rights.clusterName}/*`,
  });

  return [
    new iam.PolicyStatement({
      // The families of the pools, in this cluster only, and never with a door for `aws ecs execute-command`.
      // `:*` stands for the revisions: ECS resolves the revision before it asks IAM, so a right on one revision would
      // refuse every launch between a deployment and the next. The condition on the door is a negative one because it
      // must hold, too, when a request does not mention the door at all.
      sid: 'LaunchAgents',
      actions: ['ecs:RunTask'],
      resources: familiesOf(rights).map((family) =>
        stack.formatArn({ service: 'ecs', resource: 'task-definition', resourceName: `${family}:*` }),
      ),
      conditions: { ...inThisCluster, StringNotEqualsIgnoreCase: { 'ecs:enable-execute-command': 'true' } },
    }),
    new iam.PolicyStatement({
      // Tags that say which run a task is for: at its launch only, so the launcher cannot relabel what runs.
      // A task has a random id, hence `/*`.
      sid: 'TagAgentsAtLaunch',
      actions: ['ecs:TagResource'],
      resources: [tasksOfThisCluster],
      conditions: { StringEquals: { 'ecs:CreateAction': 'RunTask' } },
    }),
    new iam.PolicyStatement({
      // ECS takes the roles on from the launcher; these and no others, and only for tasks. It also keeps RunTask's
      // role overrides inside this list.
      sid: 'HandAgentsTheirRoles',
      actions: ['iam:PassRole'],
      resources: rights.pools.flatMap(({ pool }) => [
        pool.executionRole.roleArn,
        ...new Set(pool.lanes.map(({ taskRole }) => taskRole.roleArn)),
      ]),
      conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
    }),
    new iam.PolicyStatement({
      // Tasks of this cluster, whose ids nobody knows beforehand, hence `/*`. The cluster holds nothing but agents.
      sid: 'SeeAndStopAgents',
      actions: ['ecs:DescribeTasks', 'ecs:StopTask'],
      resources: [tasksOfThisCluster],
      conditions: inThisCluster,
    }),
    new iam.PolicyStatement({
      // ListTasks is the one action that cannot name what it works on: IAM knows for it no resource type but
      // container instances, and Fargate has none, so any narrower resource would refuse every call. The condition
      // does what the resource cannot: only lists of this cluster. The answer holds task ARNs and nothing else.
      sid: 'ListAgents',
      actions: ['ecs:ListTasks'],
      resources: ['*'],
      conditions: inThisCluster,
    }),
    new iam.PolicyStatement({
      // The API tokens it polls with, and not the agent tokens. (Whoever holds this role can still start a pool's task with
      // other variables, and so make its agent give its token away: IAM has no condition for RunTask's overrides.)
      sid: 'ReadApiTokens',
      actions: ['secretsmanager:GetSecretValue'],
      resources: apiTokenSecrets(rights).map(secretArnInPolicies),
    }),
    new iam.PolicyStatement({
      // Its own log group, which the stack creates; no right to create groups.
      sid: 'WriteItsLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [rights.logGroup.logGroupArn],
    }),
  ];
}

/** The wildcards in {@link launcherStatements}, one by one: a new one is a finding of cdk-nag's again. */
export function acknowledgedWildcards(rights: LauncherRights): Acknowledgement[] {
  const { stack, clusterName } = rights;
  const region = Token.isUnresolved(stack.region) ? '<AWS::Region>' : stack.region;
  const account = Token.isUnresolved(stack.account) ? '<AWS::AccountId>' : stack.account;
  const ecsArn = (resource: string) => `arn:<AWS::Partition>:ecs:${region}:${account}:${resource}`;
  const wildcard = (resource: string, reason: string) => ({
    id: `AwsSolutions::AwsSolutions-IAM5[Resource::${resource}]`,
    reason,
  });
  return [
    ...familiesOf(rights).map((family) =>
      wildcard(ecsArn(`task-definition/${family}:*`), 'Revisions of one family; see the statement LaunchAgents.'),
    ),
    wildcard(ecsArn(`task/${clusterName}/*`), 'Tasks of one cluster, which have random ids; see SeeAndStopAgents.'),
    wildcard('*', 'ListTasks cannot name a resource; the condition names the cluster. See ListAgents.'),
  ];
}

/** Families of every pool's task definitions. */
function familiesOf({ pools }: LauncherRights): string[] {
  return pools.flatMap(({ pool }) => pool.lanes.map(({ family }) => family));
}

/** Every secret that the launcher polls with, once. */
export function apiTokenSecrets(rights: Pick<LauncherRights, 'apiTokenSecret' | 'pools'>): ISecret[] {
  const secrets = [rights.apiTokenSecret, ...rights.pools.flatMap(({ options }) => options.apiTokenSecret ?? [])];
  return [...new Map(secrets.map((secret) => [secretId(secret), secret])).values()];
}

/** What GetSecretValue is asked for: the complete ARN where it is known, else the name. */
export function secretId(secret: ISecret): string {
  return secret.secretFullArn ?? secret.secretName;
}

/**
 * A secret's ARN ends in six random characters. Of a secret that is known by its name they are not known, and IAM
 * compares with the complete ARN: six question marks stand for them, and for nothing longer.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
 */
function secretArnInPolicies(secret: ISecret): string {
  return secret.secretFullArn ?? `${secret.secretArn}-??????`;
}
