import { Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { layerBucket } from './allowed-domains.ts';

/** The ECR actions of a pull; both endpoints of ECR may receive any of them. https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html */
const PULL = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:BatchGetImage',
  'ecr:GetAuthorizationToken',
  'ecr:GetDownloadUrlForLayer',
];

const { ECR, ECR_DOCKER, CLOUDWATCH_LOGS, SECRETS_MANAGER } = ec2.InterfaceVpcEndpointAwsService;

/** Interface endpoints of a task start. The fifth endpoint, S3, is a gateway endpoint and free. */
const INTERFACES = {
  EcrApi: { api: 'ecr', service: ECR, actions: PULL },
  EcrDocker: { api: 'ecr', service: ECR_DOCKER, actions: PULL },
  Logs: { api: 'logs', service: CLOUDWATCH_LOGS, actions: ['logs:CreateLogStream', 'logs:PutLogEvents'] },
  SecretsManager: { api: 'secretsmanager', service: SECRETS_MANAGER, actions: ['secretsmanager:GetSecretValue'] },
};

export interface EndpointsProps {
  readonly vpc: ec2.Vpc;
  /** Subnets of the tasks. */
  readonly subnets: ec2.SubnetSelection;
  /** Services that jobs may use. */
  readonly awsApiServices: readonly string[];
}

export interface LayerEndpointProps extends EndpointsProps {
  /** Buckets that jobs may reach because their hostname is allowed. */
  readonly buckets: readonly string[];
  /** Buckets of registries other than ECR that serve the tasks' images. */
  readonly registryBuckets: readonly string[];
}

/**
 * Gateway endpoint for S3, where ECR stores image layers. Its traffic bypasses NAT and the firewall, so its policy is a separate
 * control. It allows reading the layers' bucket, and all actions on buckets whose hostname is allowed, because a hostname
 * doesn't limit methods. If jobs may use S3, it also allows buckets of this account.
 */
export function layerEndpoint(scope: Construct, props: LayerEndpointProps): void {
  const { vpc, subnets, awsApiServices, buckets, registryBuckets } = props;
  const { region, account, partition } = Stack.of(scope);
  const arnOf = (bucket: string): string => `arn:${partition}:s3:::${bucket}`;
  const endpoint = vpc.addGatewayEndpoint('S3', { service: ec2.GatewayVpcEndpointAwsService.S3, subnets: [subnets] });
  const layers = [layerBucket(region), ...registryBuckets].map((bucket) => `${arnOf(bucket)}/*`);
  endpoint.addToPolicy(allow('ImageLayers', ['s3:GetObject'], layers));
  if (buckets.length > 0) {
    const byName = buckets.flatMap((bucket) => [arnOf(bucket), `${arnOf(bucket)}/*`]);
    endpoint.addToPolicy(allow('BucketsAllowedByName', ['s3:*'], byName));
  }
  if (awsApiServices.includes('s3')) {
    endpoint.addToPolicy(allow('BucketsOfThisAccount', ['s3:*'], ['*'], { 'aws:ResourceAccount': account }));
  }
}

export interface TaskEndpointsProps extends EndpointsProps {
  readonly securityGroup: ec2.ISecurityGroup;
}

/**
 * The interface endpoints of a task start, so that images, logs and secrets stay inside AWS's network. Each allows the actions
 * of a task start, for principals of this account. If jobs may use the service, the endpoint allows all its actions.
 */
export function taskEndpoints(scope: Construct, props: TaskEndpointsProps): void {
  const { account } = Stack.of(scope);
  const securityGroup = new ec2.SecurityGroup(scope, 'EndpointSecurityGroup', {
    vpc: props.vpc as ec2.IVpc,
    description: 'Endpoints: HTTPS from agents in, nothing out',
    allowAllOutbound: false,
  });
  securityGroup.addIngressRule(props.securityGroup, ec2.Port.tcp(443), 'Agents');
  for (const [id, { api, service, actions }] of Object.entries(INTERFACES)) {
    const endpoint = props.vpc.addInterfaceEndpoint(id, {
      service,
      subnets: props.subnets,
      securityGroups: [securityGroup],
      // The CDK's default rule would admit the whole VPC.
      open: false,
      privateDnsEnabled: true,
    });
    const allowed = props.awsApiServices.includes(api) ? [`${api}:*`] : actions;
    endpoint.addToPolicy(allow('TaskStart', allowed, ['*'], { 'aws:PrincipalAccount': account }));
  }
}

/** A statement of an endpoint's policy, for every principal on which the condition is true. */
function allow(
  sid: string,
  actions: string[],
  resources: string[],
  equals?: Readonly<Record<string, string>>,
): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid,
    principals: [new iam.AnyPrincipal()],
    actions,
    resources,
    ...(equals !== undefined && { conditions: { StringEquals: equals } }),
  });
}
