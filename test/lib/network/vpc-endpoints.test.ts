import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { describe, expect, it } from 'vitest';
import { layerEndpoint, taskEndpoints } from '../../../lib/network/vpc-endpoints.ts';
import { testApp } from '../synthesis.ts';

const PULL = [
  'ecr:BatchCheckLayerAvailability',
  'ecr:BatchGetImage',
  'ecr:GetAuthorizationToken',
  'ecr:GetDownloadUrlForLayer',
];

function network() {
  const stack = new Stack(testApp(), 'Test', { env: { region: 'eu-central-1', account: '123456789012' } });
  const vpc = new ec2.Vpc(stack, 'Vpc', {
    maxAzs: 1,
    natGateways: 0,
    subnetConfiguration: [
      { name: 'Tasks', subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
      { name: 'Other', subnetType: ec2.SubnetType.PRIVATE_ISOLATED },
    ],
  });
  return { stack, vpc, subnets: { subnetGroupName: 'Tasks' } };
}

/** The template of a VPC with the gateway endpoint, and its policy's statements. */
function withLayers(props: { buckets?: string[]; registryBuckets?: string[]; awsApiServices?: string[] } = {}) {
  const { stack, vpc, subnets } = network();
  layerEndpoint(stack, { vpc, subnets, awsApiServices: [], buckets: [], registryBuckets: [], ...props });
  const template = Template.fromStack(stack);
  const [endpoint] = Object.values(template.findResources('AWS::EC2::VPCEndpoint'));
  return { template, statements: endpoint?.['Properties'].PolicyDocument.Statement as object[] };
}

/** The template of a VPC with the interface endpoints. */
function withTaskStart(awsApiServices: string[] = []) {
  const { stack, vpc, subnets } = network();
  const securityGroup = new ec2.SecurityGroup(stack, 'Agents', { vpc: vpc as ec2.IVpc });
  taskEndpoints(stack, { vpc, subnets, awsApiServices, securityGroup });
  const template = Template.fromStack(stack);
  const endpoints = Object.values(template.findResources('AWS::EC2::VPCEndpoint')).map(
    ({ Properties }): Record<string, unknown> => Properties,
  );
  return { template, endpoints };
}

const anyone = { AWS: '*' };
const arn = (path: string) => ({ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:s3:::${path}`]] });

describe('the gateway endpoint for S3', () => {
  it('allows reading the image layers of the region and nothing else by default', () => {
    const { template, statements } = withLayers();
    expect(statements).toEqual([
      {
        Sid: 'ImageLayers',
        Effect: 'Allow',
        Principal: anyone,
        Action: 's3:GetObject',
        Resource: arn('prod-eu-central-1-starport-layer-bucket/*'),
      },
    ]);
    template.hasResourceProperties('AWS::EC2::VPCEndpoint', {
      VpcEndpointType: 'Gateway',
      ServiceName: { 'Fn::Join': ['', ['com.amazonaws.', { Ref: 'AWS::Region' }, '.s3']] },
    });
  });

  it('is in the route tables of the tasks’ subnets only', () => {
    const { template } = withLayers();
    const [tables] = Object.values(template.findResources('AWS::EC2::VPCEndpoint')).map(
      ({ Properties }) => Properties.RouteTableIds,
    );
    expect(tables).toEqual([{ Ref: expect.stringMatching(/^VpcTasksSubnet1RouteTable/) }]);
  });

  it('allows reading the buckets of other registries that serve images', () => {
    expect(withLayers({ registryBuckets: ['registry-layers'] }).statements).toEqual([
      expect.objectContaining({
        Action: 's3:GetObject',
        Resource: [arn('prod-eu-central-1-starport-layer-bucket/*'), arn('registry-layers/*')],
      }),
    ]);
  });

  it('allows every action on buckets whose hostname is allowed', () => {
    const [, ...others] = withLayers({ buckets: ['modules', 'states'] }).statements;
    expect(others).toEqual([
      {
        Sid: 'BucketsAllowedByName',
        Effect: 'Allow',
        Principal: anyone,
        Action: 's3:*',
        Resource: [arn('modules'), arn('modules/*'), arn('states'), arn('states/*')],
      },
    ]);
  });

  it('allows the buckets of this account if jobs may use S3', () => {
    const [, ...others] = withLayers({ awsApiServices: ['ec2', 's3'] }).statements;
    expect(others).toEqual([
      {
        Sid: 'BucketsOfThisAccount',
        Effect: 'Allow',
        Principal: anyone,
        Action: 's3:*',
        Resource: '*',
        Condition: { StringEquals: { 'aws:ResourceAccount': '123456789012' } },
      },
    ]);
  });
});

describe('the interface endpoints of task startup', () => {
  it.each([
    ['ecr.api', PULL],
    ['ecr.dkr', PULL],
    ['logs', ['logs:CreateLogStream', 'logs:PutLogEvents']],
    ['secretsmanager', 'secretsmanager:GetSecretValue'],
  ])('allow %s the actions of task startup, for this account', (service, actions) => {
    const endpoint = withTaskStart().endpoints.find(
      ({ ServiceName }) => ServiceName === `com.amazonaws.eu-central-1.${service}`,
    );
    expect(endpoint).toMatchObject({
      VpcEndpointType: 'Interface',
      PrivateDnsEnabled: true,
      SubnetIds: [{ Ref: expect.stringMatching(/^VpcTasksSubnet1Subnet/) }],
      PolicyDocument: {
        Statement: [
          {
            Sid: 'TaskStart',
            Effect: 'Allow',
            Principal: anyone,
            Action: actions,
            Resource: '*',
            Condition: { StringEquals: { 'aws:PrincipalAccount': '123456789012' } },
          },
        ],
      },
    });
  });

  it('are these four', () => {
    expect(withTaskStart().endpoints).toHaveLength(4);
  });

  it('allow every action of a service that jobs may use', () => {
    const actions = withTaskStart(['logs', 'ecr']).endpoints.map(
      ({ PolicyDocument }) => (PolicyDocument as { Statement: { Action: unknown }[] }).Statement[0]?.Action,
    );
    expect(actions).toEqual(['ecr:*', 'ecr:*', 'logs:*', 'secretsmanager:GetSecretValue']);
  });

  it('admit HTTPS from the agents only, and send nothing out', () => {
    const { template, endpoints } = withTaskStart();
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      GroupDescription: 'Endpoints: HTTPS from agents in, nothing out',
      SecurityGroupIngress: Match.absent(),
      SecurityGroupEgress: [Match.objectLike({ CidrIp: '255.255.255.255/32' })],
    });
    const ingress = Object.values(template.findResources('AWS::EC2::SecurityGroupIngress'));
    expect(ingress.map(({ Properties }) => Properties)).toEqual([
      {
        Description: 'Agents',
        IpProtocol: 'tcp',
        FromPort: 443,
        ToPort: 443,
        GroupId: { 'Fn::GetAtt': [expect.stringMatching(/^EndpointSecurityGroup/), 'GroupId'] },
        SourceSecurityGroupId: { 'Fn::GetAtt': [expect.stringMatching(/^Agents/), 'GroupId'] },
      },
    ]);
    for (const { SecurityGroupIds } of endpoints) {
      expect(SecurityGroupIds).toEqual([
        { 'Fn::GetAtt': [expect.stringMatching(/^EndpointSecurityGroup/), 'GroupId'] },
      ]);
    }
  });
});
