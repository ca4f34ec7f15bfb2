import { Stack } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { layerBucket } from './allowed-domains.ts';
import { LAUNCHER_ACTIONS, type LauncherApi } from './launcher-apis.ts';

/** The ECR actions of a pull. Both ECR endpoints allow all of them, because either can receive any of them. https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html */
const PULL = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:BatchGetImage',
  'ecr:GetAuthorizationToken',
  'ecr:GetDownloadUrlForLayer',
];

/** ID of the endpoint of Secrets Manager. */
const SECRETS = 'SecretsManager';

const { ECR, ECR_DOCKER, ECS, CLOUDWATCH_LOGS, SECRETS_MANAGER, SQS } = ec2.InterfaceVpcEndpointAwsService;

/** Interface endpoints that a task needs to start. It also needs S3, which has a free gateway endpoint. */
const INTERFACES = {
  EcrApi: { api: 'ecr', service: ECR, actions: PULL },
  EcrDocker: { api: 'ecr', service: ECR_DOCKER, actions: PULL },
  Logs: { api: 'logs', service: CLOUDWATCH_LOGS, actions: ['logs:CreateLogStream', 'logs:PutLogEvents'] },
  [SECRETS]: { api: 'secretsmanager', service: SECRETS_MANAGER, actions: ['secretsmanager:GetSecretValue'] },
};

const LAUNCHER_INTERFACES = {
  ecs: { id: 'LauncherEcs', service: ECS },
  sqs: { id: 'LauncherSqs', service: SQS },
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
  /** Group that admits the launcher, if the launcher runs in the VPC. It is added to the endpoint of Secrets Manager. */
  readonly launcher?: ec2.ISecurityGroup | undefined;
}

/**
 * The interface endpoints that a task needs to start. They keep the traffic of images, logs and secrets inside AWS's network.
 * Each endpoint allows the actions of a task start, for principals of this account. If jobs can use the service, the endpoint
 * allows all of the service's actions.
 *
 * @returns the endpoint of Secrets Manager
 */
export function taskEndpoints(scope: Construct, props: TaskEndpointsProps): ec2.InterfaceVpcEndpoint {
  const { account } = Stack.of(scope);
  const securityGroup = new ec2.SecurityGroup(scope, 'EndpointSecurityGroup', {
    vpc: props.vpc as ec2.IVpc,
    description: 'Endpoints: HTTPS from agents in, nothing out',
    allowAllOutbound: false,
  });
  securityGroup.addIngressRule(props.securityGroup, ec2.Port.tcp(443), 'Agents');
  const endpointOf = (id: keyof typeof INTERFACES, ...groups: readonly ec2.ISecurityGroup[]) => {
    const { api, service, actions } = INTERFACES[id];
    const endpoint = props.vpc.addInterfaceEndpoint(id, {
      service,
      subnets: props.subnets,
      securityGroups: [securityGroup, ...groups],
      // The CDK's default rule would admit the whole VPC.
      open: false,
      privateDnsEnabled: true,
    });
    const allowed = props.awsApiServices.includes(api) ? [`${api}:*`] : actions;
    endpoint.addToPolicy(allow('TaskStart', allowed, ['*'], { 'aws:PrincipalAccount': account }));
    return endpoint;
  };
  endpointOf('EcrApi');
  endpointOf('EcrDocker');
  endpointOf('Logs');
  return endpointOf(SECRETS, ...(props.launcher === undefined ? [] : [props.launcher]));
}

/**
 * Allows more actions through an endpoint, for one role. If the role belongs to another stack than the endpoint, every principal of the
 * account gets them: the role's stack already refers to the network's stack, so a reference to the role would be circular.
 */
export function allowThrough(
  endpoint: ec2.InterfaceVpcEndpoint,
  sid: string,
  actions: string[],
  role: iam.IRole,
): void {
  const stack = Stack.of(endpoint);
  const statement = allow(sid, actions, ['*'], { 'aws:PrincipalAccount': stack.account });
  if (Stack.of(role) === stack) statement.addCondition('ArnEquals', { 'aws:PrincipalArn': role.roleArn });
  endpoint.addToPolicy(statement);
}

/** A group of endpoints that admits only the launcher. */
export function launcherEndpointGroup(
  scope: Construct,
  vpc: ec2.IVpc,
  launcher: ec2.ISecurityGroup,
): ec2.ISecurityGroup {
  const group = new ec2.SecurityGroup(scope, 'LauncherEndpointSecurityGroup', {
    vpc,
    description: 'Endpoints: HTTPS from the launcher in, nothing out',
    allowAllOutbound: false,
  });
  group.addIngressRule(launcher, ec2.Port.tcp(443), 'Launcher');
  return group;
}

export interface LauncherEndpointsProps extends Pick<EndpointsProps, 'vpc' | 'subnets'> {
  readonly apis: readonly LauncherApi[];
  readonly securityGroup: ec2.ISecurityGroup;
}

/**
 * Interface endpoints of the APIs that the launcher needs and jobs may not use. In the whole VPC, the API's hostname resolves to
 * the endpoint, which admits only the launcher.
 */
export function launcherEndpoints(scope: Construct, props: LauncherEndpointsProps): void {
  const { account } = Stack.of(scope);
  for (const api of props.apis) {
    const { id, service } = LAUNCHER_INTERFACES[api];
    const endpoint = props.vpc.addInterfaceEndpoint(id, {
      service,
      subnets: props.subnets,
      securityGroups: [props.securityGroup],
      open: false,
      privateDnsEnabled: true,
    });
    endpoint.addToPolicy(allow('Launcher', [...LAUNCHER_ACTIONS[api]], ['*'], { 'aws:PrincipalAccount': account }));
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
