import { Duration, Stack } from 'aws-cdk-lib';
import type * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { RotatedPoolEnvironment } from '../../functions/token-rotation/contract.ts';
import { acknowledge, explain, FUNCTION_EXCEPTIONS, ROLE_EXCEPTIONS } from '../acknowledgement.ts';
import { rotatedPool, rotationVariables } from '../agent/function-variables.ts';
import type { AgentPool } from '../agent/pool.ts';
import { decryptStatements, encryptStatements, secretArnInPolicies, secretId } from '../agent/secret-id.ts';
import { BUNDLE_ENVIRONMENT, caCertificatesEnvironment, lambdaBundle } from '../bundle/lambda-bundle.ts';
import { type LogGroupOptions, newLogGroup } from '../log-group.ts';
import { tokenRotationFunction, tokenRotationLogGroup } from '../names.ts';
import type { AgentTokenRotationOptions } from '../properties/agent-launcher.ts';
import type { EncryptionKeys } from '../properties/encryption.ts';
import { trustedService } from '../service-trust.ts';
import {
  type ConnectionParts,
  commonProps,
  connectionSecrets,
  connectionStatements,
  connectionValues,
  invokeOnSchedule,
  type LauncherNetwork,
} from './function-parts.ts';
import {
  networkInterfaceStatements,
  type PermissionsInput,
  taskReadStatements,
  taskReadWildcards,
} from './permissions.ts';

export interface TokenRotationProps extends AgentTokenRotationOptions, ConnectionParts {
  /** Name of the cluster, without CDK tokens. The names of the function and its log group begin with it. */
  readonly name: string;
  readonly hostname: string;
  readonly organization: string;
  readonly cluster: ecs.Cluster;
  readonly pools: readonly AgentPool[];
  /** Where the launcher's function runs, and so this one; `undefined` in Lambda's own network. */
  readonly network: LauncherNetwork | undefined;
  readonly architecture: lambda.Architecture;
  readonly codeSigningConfig: lambda.ICodeSigningConfig | undefined;
  readonly logRetention: logs.RetentionDays;
  readonly keys: EncryptionKeys;
  readonly logs: LogGroupOptions;
}

/**
 * It must be shorter than the ten minutes after which a token that no secret contains is revoked. Otherwise an invocation could store a
 * token that another one has revoked.
 */
const TIMEOUT = Duration.minutes(5);

/** The actions of Secrets Manager with which the rotation stores tokens. It reads values as well, as the launcher does. */
export const STORE_ACTIONS = [
  'secretsmanager:DescribeSecret',
  'secretsmanager:ListSecretVersionIds',
  'secretsmanager:PutSecretValue',
] as const;

/** Most invocations have nothing to do. While a rotation is in progress, they look whether the last old task has ended. */
const SCHEDULE = Duration.hours(1);

/**
 * Replaces agent tokens that are old enough: a Lambda function in the network of the launcher's, with its own schedule, role and API token. It
 * needs no reserved concurrency, because overlapping invocations are harmless.
 */
export class TokenRotation extends Construct {
  readonly function: lambda.Function;
  readonly logGroup: logs.LogGroup;
  readonly role: iam.Role;
  readonly scheduleRole: iam.Role;

  constructor(scope: Construct, id: string, props: TokenRotationProps) {
    super(scope, id);
    const { keys } = props;
    this.logGroup = newLogGroup(
      this,
      'Logs',
      { logGroupName: tokenRotationLogGroup(props.name), retention: props.logRetention },
      props.logs,
    );
    // The CDK's default role has a managed policy that can write to every log group of the account.
    const role = new iam.Role(this, 'Role', {
      assumedBy: trustedService(this, 'lambda.amazonaws.com'),
      description: "Lets the rotation read its API token, store agent tokens and list the cluster's tasks",
    });
    this.role = role;
    this.function = new lambda.Function(this, 'Function', {
      functionName: tokenRotationFunction(props.name),
      description: 'Replaces agent tokens that are old enough, without ending a job',
      ...commonProps(this, { ...props, logGroup: this.logGroup }),
      code: lambdaBundle('token-rotation', props.trusted?.pem),
      memorySize: 256,
      timeout: TIMEOUT,
      role,
      environment: {
        ...rotationVariables({
          hostname: props.hostname,
          apiTokenSecret: secretId(props.apiTokenSecret),
          apiTokenJsonKey: props.apiTokenJsonKey,
          pools: Stack.of(this).toJsonString(environmentOf(props)),
          cluster: props.name,
          days: props.maxAge.toDays(),
          ignoreOtherAgents: props.ignoreOtherAgents ?? false,
          account: Stack.of(this).account,
          stack: Stack.of(this).stackName,
          ...connectionValues(props),
        }),
        ...BUNDLE_ENVIRONMENT,
        ...caCertificatesEnvironment(props.trusted?.pem),
        // The metrics get the launcher's dimension.
        POWERTOOLS_SERVICE_NAME: props.name,
      },
      retryAttempts: 2,
    });
    const input = { ...props, stack: Stack.of(this), inVpc: props.network !== undefined };
    for (const statement of statements(props, this.logGroup, input)) role.addToPrincipalPolicy(statement);
    const agentTokens = props.pools.map(({ options }) => options.agentTokenSecret);
    for (const statement of [
      ...decryptStatements(this, [props.apiTokenSecret, ...connectionSecrets(props)], keys.secrets),
      ...encryptStatements(this, agentTokens, keys.secrets),
    ]) {
      role.addToPrincipalPolicy(statement);
    }
    acknowledge(role, ...taskReadWildcards(input));
    explain(role, ROLE_EXCEPTIONS);
    const nextHour = 'The next hourly invocation continues the rotation, and an alarm reports one that fails.';
    explain(this.function, {
      ...FUNCTION_EXCEPTIONS,
      LambdaDLQ: nextHour,
      LambdaAsyncFailureDestination: nextHour,
      LambdaConcurrency: 'Overlapping invocations are harmless, and only the hourly schedule invokes the function.',
      LambdaInsideVPC:
        'The function needs only HCP Terraform and AWS APIs, and accepts no connections. The setting launcher.vpc removes the finding.',
    });
    this.scheduleRole = invokeOnSchedule(this, this.function, {
      name: tokenRotationFunction(props.name),
      description: 'Rotation of agent tokens',
      rate: SCHEDULE,
      retryAttempts: 2,
      maxEventAge: SCHEDULE,
      role: { sid: 'InvokeTheRotation', description: 'Lets the schedule invoke the rotation of agent tokens' },
    });
  }
}

function environmentOf({ organization, pools }: TokenRotationProps): RotatedPoolEnvironment[] {
  return pools.map(({ options }) =>
    rotatedPool({
      ...options,
      organization: options.organization ?? organization,
      secret: secretId(options.agentTokenSecret),
      jsonKey: options.agentTokenJsonKey,
    }),
  );
}

/**
 * All permissions of the function. It can neither start nor stop a task. It can't read agent tokens, except in JSON: it must keep the other
 * keys when it stores a token.
 */
function statements(
  { apiTokenSecret, pools, ...connection }: TokenRotationProps,
  logGroup: logs.ILogGroup,
  input: Pick<PermissionsInput, 'stack' | 'cluster' | 'name' | 'inVpc'>,
): iam.PolicyStatement[] {
  const inJson = pools.filter(({ options }) => options.agentTokenJsonKey !== undefined);
  return [
    new iam.PolicyStatement({
      sid: 'ReadItsApiToken',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [secretArnInPolicies(apiTokenSecret)],
    }),
    new iam.PolicyStatement({
      sid: 'StoreAgentTokens',
      actions: [...STORE_ACTIONS],
      resources: [...new Set(pools.map(({ options }) => secretArnInPolicies(options.agentTokenSecret)))],
    }),
    ...(inJson.length === 0
      ? []
      : [
          new iam.PolicyStatement({
            sid: 'ReadOtherKeysOfAgentTokens',
            actions: ['secretsmanager:GetSecretValue'],
            resources: inJson.map(({ options }) => secretArnInPolicies(options.agentTokenSecret)),
          }),
        ]),
    ...connectionStatements(connectionSecrets(connection)),
    ...taskReadStatements(input),
    ...(input.inVpc ? networkInterfaceStatements(input.stack, tokenRotationFunction(input.name)) : []),
    new iam.PolicyStatement({
      sid: 'WriteItsLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    }),
  ];
}
