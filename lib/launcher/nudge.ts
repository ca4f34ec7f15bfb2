import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { NUDGE_ENV } from '../../functions/nudge/contract.ts';
import { secretId } from '../agent/secret-id.ts';
import { BUNDLE_ENVIRONMENT, lambdaBundle } from '../bundle/lambda-bundle.ts';
import { nudgeFunction, nudgeLogGroup } from '../names.ts';
import { secretArnInPolicies } from './permissions.ts';

export interface NudgeProps {
  /** Name of the cluster, without CDK tokens. The names of the function and its log group begin with it. */
  readonly name: string;
  readonly hostname: string;
  /** Secret whose string is the HMAC key. */
  readonly hmacKeySecret: ISecret;
  /** Queue whose messages wake the launcher up. */
  readonly queue: IQueue;
  /**
   * Maximum number of concurrent invocations. It is required, because anyone can send requests to the URL: without it, a flood could
   * use the concurrency of the whole account.
   */
  readonly reservedConcurrentExecutions: number;
  readonly logRetention: logs.RetentionDays;
}

/** A report to HCP Terraform that fails twice takes seven seconds. */
const TIMEOUT = Duration.seconds(10);

/** Receives HCP Terraform's run tasks and notifications at a public URL, and wakes the launcher up. */
export class Nudge extends Construct {
  readonly function: lambda.Function;
  readonly logGroup: logs.LogGroup;
  /** URL for the run task or the notification. */
  readonly url: string;

  constructor(scope: Construct, id: string, props: NudgeProps) {
    super(scope, id);
    this.logGroup = new logs.LogGroup(this, 'Logs', {
      logGroupName: nudgeLogGroup(props.name),
      retention: props.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // The CDK's default role has a managed policy that can write to every log group of the account.
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: 'Lets the function behind the public URL read its HMAC key and wake the launcher up',
    });
    this.function = new lambda.Function(this, 'Function', {
      functionName: nudgeFunction(props.name),
      description: 'Receives run tasks and notifications of HCP Terraform, and wakes the launcher up',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambdaBundle('nudge'),
      handler: 'index.handler',
      memorySize: 256,
      timeout: TIMEOUT,
      role,
      environment: {
        [NUDGE_ENV.hostname]: props.hostname,
        [NUDGE_ENV.hmacKeySecret]: secretId(props.hmacKeySecret),
        [NUDGE_ENV.wakeUpsQueueUrl]: props.queue.queueUrl,
        ...BUNDLE_ENVIRONMENT,
      },
      logGroup: this.logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: lambda.ApplicationLogLevel.INFO,
      // At INFO, Lambda writes two lines per invocation. In a flood, they would cost more than the invocations.
      systemLogLevelV2: lambda.SystemLogLevel.WARN,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
    });
    for (const statement of statements(props, this.logGroup)) role.addToPrincipalPolicy(statement);
    props.hmacKeySecret.encryptionKey?.grantDecrypt(role);
    // HCP Terraform can't sign requests for IAM. The function checks the HMAC itself.
    this.url = this.function.addFunctionUrl({ authType: lambda.FunctionUrlAuthType.NONE }).url;
  }
}

/** All permissions of the function. It can neither read a token nor start a task. */
function statements({ hmacKeySecret, queue }: NudgeProps, logGroup: logs.ILogGroup): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      sid: 'ReadTheHmacKey',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [secretArnInPolicies(hmacKeySecret)],
    }),
    new iam.PolicyStatement({
      sid: 'WakeTheLauncherUp',
      actions: ['sqs:SendMessage'],
      resources: [queue.queueArn],
    }),
    new iam.PolicyStatement({
      sid: 'WriteItsLog',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    }),
  ];
}
