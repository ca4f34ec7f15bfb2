import * as cdk from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** Why a finding of cdk-nag doesn't apply. */
export interface Acknowledgement {
  readonly id: string;
  readonly reason: string;
}

/**
 * Records why findings don't apply to a construct, if the app's CDK has `Validations`. An app with an older CDK has no plugin
 * that would report the findings. There, a named import of `Validations` would throw at startup.
 */
export function acknowledge(construct: IConstruct, ...findings: readonly Acknowledgement[]): void {
  const { Validations }: Partial<Pick<typeof cdk, 'Validations'>> = cdk;
  Validations?.of(construct).acknowledge(...findings);
}

/** Acknowledges a wildcard in a statement's resource. The resource is as cdk-nag writes it: see {@link arnInFindings}. */
export function wildcard(resource: string, reason: string): Acknowledgement {
  return { id: `AwsSolutions::AwsSolutions-IAM5[Resource::${resource}]`, reason };
}

/** An ARN as cdk-nag writes it: with placeholders for what the stack doesn't know. @param owner default: the stack's account */
export function arnInFindings(stack: cdk.Stack, service: string, resource: string, owner = stack.account): string {
  const region = cdk.Token.isUnresolved(stack.region) ? '<AWS::Region>' : stack.region;
  const account = cdk.Token.isUnresolved(owner) ? '<AWS::AccountId>' : owner;
  return `arn:<AWS::Partition>:${service}:${region}:${account}:${resource}`;
}

const NIST_HIPAA = ['NIST.800.53.R5', 'HIPAA.Security'] as const;
const STANDARDS = [...NIST_HIPAA, 'PCI.DSS.321'] as const;
const SERVERLESS = ['Serverless'] as const;

/** The rules of cdk-nag's compliance packs that the stack's resources do not meet, each with the packs that contain it. */
const PACKS_OF = {
  CloudWatchAlarmAction: NIST_HIPAA,
  CloudWatchLogGroupEncrypted: STANDARDS,
  EventBusDLQ: SERVERLESS,
  IAMNoInlinePolicy: STANDARDS,
  LambdaAsyncFailureDestination: SERVERLESS,
  LambdaConcurrency: NIST_HIPAA,
  LambdaDLQ: [...NIST_HIPAA, ...SERVERLESS],
  LambdaEventSourceMappingDestination: SERVERLESS,
  LambdaFunctionPublicAccessProhibited: STANDARDS,
  LambdaInsideVPC: STANDARDS,
  LambdaTracing: SERVERLESS,
  SNSEncryptedKMS: STANDARDS,
  SNSRedrivePolicy: SERVERLESS,
  SQSRedrivePolicy: SERVERLESS,
  VPCDefaultSecurityGroupClosed: STANDARDS,
  VPCFlowLogsEnabled: STANDARDS,
  VPCNoUnrestrictedRouteToIGW: STANDARDS,
  VPCSubnetAutoAssignPublicIpDisabled: STANDARDS,
} as const;

/**
 * Reasons why a resource doesn't meet rules of the compliance packs. docs/compliance.md lists them. If a setting removes the
 * finding, the last sentence is `The setting … removes the finding.`
 */
export type Exceptions = Partial<Record<keyof typeof PACKS_OF, string>>;

/** Records why a resource doesn't meet rules, in every pack that contains the rule. */
export function explain(construct: IConstruct, exceptions: Exceptions): void {
  for (const [rule, packs] of Object.entries(PACKS_OF)) {
    const reason = Object.entries(exceptions).find(([name]) => name === rule)?.[1];
    if (reason !== undefined) {
      acknowledge(construct, ...packs.map((pack) => ({ id: `${pack}::${pack}-${rule}`, reason })));
    }
  }
}

/** For every role with permissions. */
export const ROLE_EXCEPTIONS: Exceptions = {
  IAMNoInlinePolicy:
    'The inline policy is deleted with its role, and nobody can attach it to another principal. A managed policy could be attached.',
};

/** For every function. */
export const FUNCTION_EXCEPTIONS: Exceptions = {
  LambdaTracing:
    'The function logs and measures its own steps. X-Ray would add a price and a permission, and its service would receive data about every request.',
};
