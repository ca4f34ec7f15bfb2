/** What the functions of a launcher have in common: how Lambda runs them, where they log, and the schedule that invokes some of them. */
import { type Duration, Stack } from 'aws-cdk-lib';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { explain, ROLE_EXCEPTIONS } from '../acknowledgement.ts';
import type { ConnectionValues } from '../agent/function-variables.ts';
import { secretArnInPolicies, secretId } from '../agent/secret-id.ts';
import { hasJsonLogs } from '../aws/lambda-features.ts';
import type { LauncherOptions } from '../properties/agent-launcher.ts';
import type { EncryptionKeys } from '../properties/encryption.ts';
import { trustedService } from '../service-trust.ts';
import type { TrustedCertificates } from './trusted-certificates.ts';

/** Where a function runs in a VPC. */
export interface LauncherNetwork {
  readonly vpc: ec2.IVpc;
  readonly subnets: readonly ec2.ISubnet[];
  readonly securityGroups: readonly ec2.ISecurityGroup[];
}

export interface CommonParts {
  readonly logGroup: logs.ILogGroup;
  readonly architecture: lambda.Architecture;
  readonly codeSigningConfig: lambda.ICodeSigningConfig | undefined;
  /** `undefined`: Lambda's own network. */
  readonly network?: LauncherNetwork | undefined;
  readonly keys: EncryptionKeys;
}

/** The properties that all functions of the launcher have. */
export function commonProps(
  scope: Construct,
  { logGroup, architecture, codeSigningConfig, network, keys }: CommonParts,
): Omit<lambda.FunctionProps, 'code'> {
  return {
    runtime: lambda.Runtime.NODEJS_24_X,
    architecture,
    ...(codeSigningConfig !== undefined && { codeSigningConfig }),
    handler: 'index.handler',
    ...(network !== undefined && {
      vpc: network.vpc,
      vpcSubnets: { subnets: [...network.subnets] },
      securityGroups: [...network.securityGroups],
    }),
    ...(keys.environment !== undefined && { environmentEncryption: keys.environment }),
    logGroup,
    ...(hasJsonLogs(Stack.of(scope).region) && {
      loggingFormat: lambda.LoggingFormat.JSON,
      applicationLogLevelV2: lambda.ApplicationLogLevel.INFO,
      systemLogLevelV2: lambda.SystemLogLevel.INFO,
    }),
  };
}

/** How the launcher and the rotation reach HCP Terraform and AWS. */
export interface ConnectionParts {
  /** Certificates to trust in addition to the public ones. */
  readonly trusted?: TrustedCertificates | undefined;
  /** The proxy. */
  readonly launcher?:
    | Pick<LauncherOptions, 'httpsProxy' | 'noProxy' | 'httpsProxyCredentialsSecret' | 'httpsProxyCredentialsJsonKey'>
    | undefined;
}

export function connectionValues({ trusted, launcher = {} }: ConnectionParts): ConnectionValues {
  const { httpsProxy, noProxy, httpsProxyCredentialsSecret: login, httpsProxyCredentialsJsonKey } = launcher;
  return {
    httpsProxy,
    noProxy,
    httpsProxyCredentialsSecret: login && secretId(login),
    httpsProxyCredentialsJsonKey,
    caCertificatesSecret: trusted?.secret && secretId(trusted.secret),
  };
}

/** The secrets that a function needs to connect, in addition to the API tokens. */
export function connectionSecrets({ trusted, launcher }: ConnectionParts): ISecret[] {
  return [trusted?.secret, launcher?.httpsProxyCredentialsSecret].flatMap((secret) => secret ?? []);
}

/** Lets a function read what it needs to connect: certificates to trust, or the login of the proxy. */
export function connectionStatements(
  secrets: readonly ISecret[],
  sid = 'ReadConnectionSecrets',
): iam.PolicyStatement[] {
  if (secrets.length === 0) return [];
  return [
    new iam.PolicyStatement({
      sid,
      actions: ['secretsmanager:GetSecretValue'],
      resources: secrets.map(secretArnInPolicies),
    }),
  ];
}

export interface InvocationSchedule {
  readonly name: string;
  readonly description: string;
  readonly rate: Duration;
  readonly retryAttempts: number;
  /** Maximum age of an event. EventBridge Scheduler's minimum is a minute. */
  readonly maxEventAge: Duration;
  /** Statement ID and description of the role that invokes the function. */
  readonly role: { readonly sid: string; readonly description: string };
}

/** Creates a schedule that invokes the function. @returns the schedule's role */
export function invokeOnSchedule(
  scope: Construct,
  target: lambda.Function,
  { name, description, rate, retryAttempts, maxEventAge, role: its }: InvocationSchedule,
): iam.Role {
  const role = new iam.Role(scope, 'ScheduleRole', {
    assumedBy: trustedService(scope, 'scheduler.amazonaws.com'),
    description: its.description,
  });
  role.addToPrincipalPolicy(
    new iam.PolicyStatement({
      sid: its.sid,
      actions: ['lambda:InvokeFunction'],
      resources: [target.functionArn],
    }),
  );
  const schedule = new scheduler.Schedule(scope, 'Schedule', {
    scheduleName: name,
    description,
    schedule: scheduler.ScheduleExpression.rate(rate),
    timeWindow: scheduler.TimeWindow.off(),
    // The CDK would also grant every version and alias of the function.
    target: new LambdaInvoke(target, { role: role.withoutPolicyUpdates(), retryAttempts, maxEventAge }),
  });
  explain(role, ROLE_EXCEPTIONS);
  // The role's policy is a separate resource to which the schedule doesn't refer, so CloudFormation needs the dependency.
  schedule.node.addDependency(role);
  return role;
}
