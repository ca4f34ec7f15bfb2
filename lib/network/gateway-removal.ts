import { CustomResource, Duration, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct, type IDependable } from 'constructs';
import type { GatewayRemovalProperties } from '../../functions/gateway-removal/contract.ts';
import { GATEWAY_TAGS } from '../../functions/launcher/contract.ts';
import {
  acknowledge,
  arnInFindings,
  explain,
  FUNCTION_EXCEPTIONS,
  ROLE_EXCEPTIONS,
  wildcard,
} from '../acknowledgement.ts';
import { BUNDLE_ENVIRONMENT, lambdaBundle } from '../bundle/lambda-bundle.ts';
import { DEFAULT_LOG_RETENTION_DAYS } from '../defaults.ts';
import { type LogGroupOptions, newLogGroup } from '../log-group.ts';
import { trustedService } from '../service-trust.ts';

export interface GatewayRemovalProps {
  /** Scope of the custom resource: the VPC's scope, so that a replaced VPC loses its own gateways only. */
  readonly ground: Construct;
  /** Names of the gateways: the values of their tag. */
  readonly gateways: readonly string[];
  /** What the gateways use. CloudFormation deletes it after the gateways. */
  readonly after: readonly IDependable[];
  readonly logs?: LogGroupOptions | undefined;
}

/** What all functions of a launcher have in common. */
export interface FunctionOptions {
  readonly architecture: lambda.Architecture;
  readonly codeSigningConfig: lambda.ICodeSigningConfig | undefined;
  readonly environmentKey: IKey | undefined;
}

/** Maximum duration of a removal: Lambda's maximum. An instance ends within a few minutes. */
const TIMEOUT = Duration.minutes(15);

/**
 * Ends the instances of gateways when the stack is deleted, or when it gets another network. The launcher creates them, so CloudFormation
 * doesn't know them, and it can't delete an interface that an instance still has.
 */
export class GatewayRemoval extends Construct {
  private readonly function: lambda.Function;

  constructor(scope: Construct, id: string, { ground, gateways, after, logs }: GatewayRemovalProps) {
    super(scope, id);
    const { partition, region, account } = Stack.of(this);
    const logGroup = newLogGroup(this, 'Logs', { retention: DEFAULT_LOG_RETENTION_DAYS }, logs);
    const role = new iam.Role(this, 'Role', {
      assumedBy: trustedService(this, 'lambda.amazonaws.com'),
      description: 'Ends the instances of gateways before CloudFormation deletes what they use',
    });
    const instances = `arn:${partition}:ec2:${region}:${account}:instance/*`;
    const ofTheseGateways = { [`aws:ResourceTag/${GATEWAY_TAGS.gateway}`]: gateways };
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        // DescribeInstances supports no narrower resource.
        sid: 'FindGateways',
        actions: ['ec2:DescribeInstances'],
        resources: ['*'],
      }),
    );
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        // An instance's ID is random, so the resource ends in `/*`. The launcher gives the tag of the condition to gateways only.
        sid: 'EndGateways',
        actions: ['ec2:TerminateInstances'],
        resources: [instances],
        conditions: { StringEquals: ofTheseGateways },
      }),
    );
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        // Only the termination protection: with other attributes, the role could change what an instance runs.
        sid: 'UnprotectGateways',
        actions: ['ec2:ModifyInstanceAttribute'],
        resources: [instances],
        conditions: { StringEquals: { ...ofTheseGateways, 'ec2:Attribute': 'DisableApiTermination' } },
      }),
    );
    role.addToPrincipalPolicy(
      new iam.PolicyStatement({
        sid: 'WriteItsLog',
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [logGroup.logGroupArn],
      }),
    );
    explain(role, ROLE_EXCEPTIONS);
    acknowledge(
      role,
      wildcard('*', 'DescribeInstances supports no narrower resource; see FindGateways.'),
      wildcard(
        arnInFindings(Stack.of(this), 'ec2', 'instance/*'),
        'Instances with the tag of these gateways, whose IDs are random; see EndGateways.',
      ),
    );
    this.function = new lambda.Function(this, 'Function', {
      description: 'Ends the instances of gateways before CloudFormation deletes what they use',
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambdaBundle('gateway-removal'),
      handler: 'index.handler',
      memorySize: 256,
      timeout: TIMEOUT,
      role,
      environment: BUNDLE_ENVIRONMENT,
      logGroup,
      retryAttempts: 0,
    });
    const noRetry = 'CloudFormation waits for the result, and a removal that fails makes the deployment fail.';
    explain(this.function, {
      ...FUNCTION_EXCEPTIONS,
      LambdaDLQ: noRetry,
      LambdaAsyncFailureDestination: noRetry,
      LambdaConcurrency: 'Only a deployment invokes the function, once for each network.',
      LambdaInsideVPC:
        'It needs only the API of EC2, and the network has no egress path without the gateways that it ends.',
    });
    // The policy is a separate resource. Without this dependency, CloudFormation could delete it before the removal.
    this.function.node.addDependency(role);
    const properties: GatewayRemovalProperties = { TagKey: GATEWAY_TAGS.gateway, Gateways: gateways };
    const resource = new CustomResource(ground, 'GatewayRemoval', {
      resourceType: 'Custom::GatewayRemoval',
      serviceToken: this.function.functionArn,
      serviceTimeout: TIMEOUT.plus(Duration.minutes(1)),
      properties,
    });
    resource.node.addDependency(this.function, ...after);
  }

  /** Makes the function like those of the launcher. */
  configure({ architecture, codeSigningConfig, environmentKey }: FunctionOptions): void {
    const created = this.function.node.defaultChild;
    if (!(created instanceof lambda.CfnFunction)) return;
    created.architectures = [architecture.name];
    if (codeSigningConfig !== undefined) created.codeSigningConfigArn = codeSigningConfig.codeSigningConfigArn;
    if (environmentKey !== undefined) created.kmsKeyArn = environmentKey.keyArn;
  }
}
