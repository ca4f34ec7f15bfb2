import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { describe, expect, it } from 'vitest';
import { layerEndpoint, taskEndpoints } from '../../../lib/network/vpc-endpoints.ts';
import { propertiesOf, stackIn } from '../synthesis.ts';
import { PULL } from './reachability/policy-faults.ts';

function network() {
  const stack = stackIn();
  const subnetType = ec2.SubnetType.PRIVATE_ISOLATED;
  const vpc = new ec2.Vpc(stack, 'Vpc', {
    maxAzs: 1,
    natGateways: 0,
    subnetConfiguration: ['Tasks', 'Other'].map((name) => ({ name, subnetType })),
  });
  return { stack, vpc, subnets: { subnetGroupName: 'Tasks' } };
}

/** Returns the gateway endpoint of a VPC, and the statements of its policy. */
function layers(props: { buckets?: string[]; registryBuckets?: string[]; awsApiServices?: string[] } = {}) {
  const { stack, vpc, subnets } = network();
  layerEndpoint(stack, { vpc, subnets, awsApiServices: [], buckets: [], registryBuckets: [], ...props });
  const [endpoint] = propertiesOf(Template.fromStack(stack), 'AWS::EC2::VPCEndpoint');
  return { endpoint, statements: endpoint.PolicyDocument.Statement as object[] };
}

/** Returns the interface endpoints of a VPC. */
function taskStart(awsApiServices: string[] = []) {
  const { stack, vpc, subnets } = network();
  const securityGroup = new ec2.SecurityGroup(stack, 'Agents', { vpc: vpc as ec2.IVpc });
  taskEndpoints(stack, { vpc, subnets, awsApiServices, securityGroup });
  const template = Template.fromStack(stack);
  return { template, endpoints: propertiesOf(template, 'AWS::EC2::VPCEndpoint') };
}

const anyone = { AWS: '*' };
const arn = (path: string) => ({ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:s3:::${path}`]] });
const layerBucket = arn('prod-eu-central-1-starport-layer-bucket/*');
const allow = (Sid: string, Action: unknown, Resource: unknown, condition?: object) => ({
  Sid,
  Effect: 'Allow',
  Principal: anyone,
  Action,
  Resource,
  ...(condition !== undefined && { Condition: { StringEquals: condition } }),
});

describe('the gateway endpoint for S3', () => {
  it('is in the route tables of the tasks’ subnets only', () => {
    expect(layers().endpoint).toMatchObject({
      VpcEndpointType: 'Gateway',
      ServiceName: { 'Fn::Join': ['', ['com.amazonaws.', { Ref: 'AWS::Region' }, '.s3']] },
      RouteTableIds: [{ Ref: expect.stringMatching(/^VpcTasksSubnet1RouteTable/) }],
    });
  });

  it.each<[string, Parameters<typeof layers>[0], object[]]>([
    ['reading the image layers of the region by default', {}, [allow('ImageLayers', 's3:GetObject', layerBucket)]],
    [
      'reading the buckets of other registries that serve images',
      { registryBuckets: ['registry-layers'] },
      [allow('ImageLayers', 's3:GetObject', [layerBucket, arn('registry-layers/*')])],
    ],
    [
      'every action on buckets whose hostname is allowed',
      { buckets: ['modules', 'states'] },
      [
        allow('ImageLayers', 's3:GetObject', layerBucket),
        allow('BucketsAllowedByName', 's3:*', [arn('modules'), arn('modules/*'), arn('states'), arn('states/*')]),
      ],
    ],
    [
      'the buckets of this account if jobs may use S3',
      { awsApiServices: ['ec2', 's3'] },
      [
        allow('ImageLayers', 's3:GetObject', layerBucket),
        allow('BucketsOfThisAccount', 's3:*', '*', { 'aws:ResourceAccount': '123456789012' }),
      ],
    ],
  ])('allows %s', (_, props, statements) => {
    expect(layers(props).statements).toEqual(statements);
  });
});

describe('the interface endpoints of task startup', () => {
  it.each([
    ['ecr.api', PULL],
    ['ecr.dkr', PULL],
    ['logs', ['logs:CreateLogStream', 'logs:PutLogEvents']],
    ['secretsmanager', 'secretsmanager:GetSecretValue'],
  ])('allow %s the actions of task startup, for this account', (service, actions) => {
    const endpoint = taskStart().endpoints.find(
      ({ ServiceName }) => ServiceName === `com.amazonaws.eu-central-1.${service}`,
    );
    expect(endpoint).toMatchObject({
      VpcEndpointType: 'Interface',
      PrivateDnsEnabled: true,
      SubnetIds: [{ Ref: expect.stringMatching(/^VpcTasksSubnet1Subnet/) }],
      PolicyDocument: { Statement: [allow('TaskStart', actions, '*', { 'aws:PrincipalAccount': '123456789012' })] },
    });
  });

  it('are exactly these four', () => {
    expect(taskStart().endpoints).toHaveLength(4);
  });

  it('allow every action of a service that jobs may use', () => {
    const actions = taskStart(['logs', 'ecr']).endpoints.map(
      ({ PolicyDocument }) => PolicyDocument.Statement[0].Action,
    );
    expect(actions).toEqual(['ecr:*', 'ecr:*', 'logs:*', 'secretsmanager:GetSecretValue']);
  });

  it('allow inbound HTTPS from the agents only, and no outbound traffic', () => {
    const { template, endpoints } = taskStart();
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      GroupDescription: 'Endpoints: HTTPS from agents in, nothing out',
      SecurityGroupIngress: Match.absent(),
      SecurityGroupEgress: [Match.objectLike({ CidrIp: '255.255.255.255/32' })],
    });
    const ofEndpoints = { 'Fn::GetAtt': [expect.stringMatching(/^EndpointSecurityGroup/), 'GroupId'] };
    expect(propertiesOf(template, 'AWS::EC2::SecurityGroupIngress')).toEqual([
      {
        Description: 'Agents',
        IpProtocol: 'tcp',
        FromPort: 443,
        ToPort: 443,
        GroupId: ofEndpoints,
        SourceSecurityGroupId: { 'Fn::GetAtt': [expect.stringMatching(/^Agents/), 'GroupId'] },
      },
    ]);
    for (const { SecurityGroupIds } of endpoints) expect(SecurityGroupIds).toEqual([ofEndpoints]);
  });
});
