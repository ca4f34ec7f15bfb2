import { Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { NUDGE_ENV } from '../../functions/nudge/contract.ts';
import { explain, FUNCTION_EXCEPTIONS, ROLE_EXCEPTIONS } from '../acknowledgement.ts';
import { decryptStatements, secretArnInPolicies, secretId } from '../agent/secret-id.ts';
import { BUNDLE_ENVIRONMENT, caCertificatesEnvironment, lambdaBundle } from '../bundle/lambda-bundle.ts';
import { type LogGroupOptions, newLogGroup } from '../log-group.ts';
import { nudgeFunction, nudgeLogGroup } from '../names.ts';
import type { EncryptionKeys } from '../properties/encryption.ts';
import { trustedService } from '../service-trust.ts';
import { commonProps, connectionSecrets, connectionStatements } from './function-parts.ts';
import { queueKeyStatement } from './permissions.ts';
import type { TrustedCertificates } from './trusted-certificates.ts';

export interface NudgeProps {
  /** Name of the cluster, without CDK tokens. The names of the function and its log group begin with it. */
  readonly name: string;
  readonly hostname: string;
  /** Secret whose string is the HMAC key, or a JSON object that has it under the key. */
  readonly hmacKeySecret: ISecret;
  readonly hmacKeyJsonKey: string | undefined;
  /** Queue whose messages wake the launcher up. */
  readonly queue: IQueue;
  /**
   * Maximum number of concurrent invocations. It is required, because anyone can send requests to the URL: without it, a flood could
   * use the concurrency of the whole account.
   */
  readonly reservedConcurrentExecutions: number;
  readonly architecture: lambda.Architecture;
  readonly codeSigningConfig: lambda.ICodeSigningConfig | undefined;
  readonly logRetention: logs.RetentionDays;
  /** Certificates to trust in addition to the public ones. */
  readonly trusted?: TrustedCertificates | undefined;
  readonly keys: EncryptionKeys;
  readonly logs: LogGroupOptions;
}

/** A report to HCP Terraform that fails twice takes seven seconds. */
const TIMEOUT = Duration.seconds(10);

/** Receives HCP Terraform's run tasks and notifications at a public URL, and wakes the launcher up. */
export class Nudge extends Construct {
  readonly function: lambda.Function;
  readonly logGroup: logs.LogGroup;
  readonly role: iam.Role;
  /** URL for the run task or the notification. */
  readonly url: string;

  constructor(scope: Construct, id: string, props: NudgeProps) {
    super(scope, id);
    const { keys } = props;
    this.logGroup = newLogGroup(
      this,
      'Logs',
      { logGroupName: nudgeLogGroup(props.name), retention: props.logRetention },
      props.logs,
    );
    // The CDK's default role has a managed policy that can write to every log group of the account.
    const role = new iam.Role(this, 'Role', {
      assumedBy: trustedService(this, 'lambda.amazonaws.com'),
      description: 'Lets the function behind the public URL read its HMAC key and wake the launcher up',
    });
    this.role = role;
    this.function = new lambda.Function(this, 'Function', {
      functionName: nudgeFunction(props.name),
      description: 'Receives run tasks and notifications of HCP Terraform, and wakes the launcher up',
      ...commonProps(this, { ...props, logGroup: this.logGroup }),
      code: lambdaBundle('nudge', props.trusted?.pem),
      memorySize: 256,
      timeout: TIMEOUT,
      role,
      environment: {
        [NUDGE_ENV.hostname]: props.hostname,
        [NUDGE_ENV.hmacKeySecret]: secretId(props.hmacKeySecret),
        ...(props.hmacKeyJsonKey !== undefined && { [NUDGE_ENV.hmacKeyJsonKey]: props.hmacKeyJsonKey }),
        [NUDGE_ENV.wakeUpsQueueUrl]: props.queue.queueUrl,
        ...BUNDLE_ENVIRONMENT,
        ...caCertificatesEnvironment(props.trusted?.pem),
        ...(props.trusted?.secret !== undefined && {
          [NUDGE_ENV.caCertificatesSecret]: secretId(props.trusted.secret),
        }),
      },
      // At INFO, Lambda writes two lines per invocation. In a flood, they would cost more than the invocations.
      systemLogLevelV2: lambda.SystemLogLevel.WARN,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
    });
    explain(role, ROLE_EXCEPTIONS);
    for (const statement of statements(props, this.logGroup)) role.addToPrincipalPolicy(statement);
    for (const statement of decryptStatements(this, [props.hmacKeySecret, ...connectionSecrets(props)], keys.secrets)) {
      role.addToPrincipalPolicy(statement);
    }
    if (keys.queue !== undefined) role.addToPrincipalPolicy(queueKeyStatement(Stack.of(this), keys.queue));
    explain(this.function, {
      ...FUNCTION_EXCEPTIONS,
      LambdaDLQ:
        'A dead-letter queue receives only asynchronous invocations. A function URL invokes synchronously, so its caller gets the error.',
      LambdaFunctionPublicAccessProhibited:
        'HCP Terraform cannot sign requests for IAM. The function checks the HMAC of every request, and can neither read a token nor start a task.',
      LambdaInsideVPC:
        'The function behind the public URL stays outside the VPC, so that a flaw in it reaches nothing inside.',
    });
    // HCP Terraform can't sign requests for IAM. The function checks the HMAC itself.
    this.url = this.function.addFunctionUrl({ authType: lambda.FunctionUrlAuthType.NONE }).url;
  }
}

/** All permissions of the function. It can neither read a token nor start a task. */
function statements({ hmacKeySecret, queue, trusted }: NudgeProps, logGroup: logs.ILogGroup): iam.PolicyStatement[] {
  return [
    new iam.PolicyStatement({
      sid: 'ReadTheHmacKey',
      actions: ['secretsmanager:GetSecretValue'],
      resources: [secretArnInPolicies(hmacKeySecret)],
    }),
    ...connectionStatements(connectionSecrets({ trusted }), 'ReadCaCertificates'),
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
