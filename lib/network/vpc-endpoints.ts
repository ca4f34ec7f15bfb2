import { Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { layerBucket } from './allowed-domains.ts';

/** The ECR actions of a pull. Both ECR endpoints allow all of them, because either can receive any of them. https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html */
const PULL = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:BatchGetImage',
  'ecr:GetAuthorizationToken',
  'ecr:GetDownloadUrlForLayer',
];

const { ECR, ECR_DOCKER, CLOUDWATCH_LOGS, SECRETS_MANAGER } = ec2.InterfaceVpcEndpointAwsService;

/** Interface endpoints that a task needs to start. It also needs S3, which has a free gateway endpoint. */
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
  /** AWS services that jobs can use. */
  readonly awsApiServices: readonly string[];
}

export interface LayerEndpointProps extends EndpointsProps {
  /** Buckets that jobs can reach because the allowed domains include their hostnames. */
  readonly buckets: readonly string[];
  /** Buckets of registries other than ECR that serve the tasks' images. */
  readonly registryBuckets: readonly string[];
}

/**
 * Gateway endpoint for S3, where ECR stores image layers. Its traffic bypasses NAT and the firewall, so the endpoint has its own
 * policy. The policy allows reads from the layers' bucket. It allows all actions on buckets with an allowed hostname, because an
 * allowed hostname doesn't limit actions either. If jobs can use S3, it also allows all buckets of this account.
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
 * The interface endpoints that a task needs to start. They keep the traffic of images, logs and secrets inside AWS's network.
 * Each endpoint allows the actions of a task start, for principals of this account. If jobs can use the service, the endpoint
 * allows all of the service's actions.
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

/** A statement of an endpoint's policy. It applies to every principal that meets the condition. */
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
