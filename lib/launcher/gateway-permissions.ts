/**
 * The launcher's permissions for the gateways of the mode `on-demand`. Actions, resource types and condition keys:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
 *
 * What IAM can't limit: a caller of RunInstances can replace the parameters of a launch template that aren't resources, such as the user data
 * (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/use-launch-templates-to-control-launching-instances.html), and no condition key covers these.
 * The launcher never does so. But a holder of its role can, and then decides what a gateway runs.
 */
import type { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { GATEWAY_TAGS } from '../../functions/launcher/contract.ts';
import { type Acknowledgement, arnInFindings, wildcard } from '../acknowledgement.ts';
import { VOLUME_ACTIONS } from '../aws/key-policy.ts';
import type { Gateways } from '../network/gateways.ts';

export function gatewayStatements(stack: Stack, gateways: Gateways): iam.PolicyStatement[] {
  const { partition, region, account, urlSuffix } = stack;
  const arn = (resource: string, owner = account) => `arn:${partition}:ec2:${region}:${owner}:${resource}`;
  const [instances, volumes] = [arn('instance/*'), arn('volume/*')];
  const { all, securityGroup, imageParameter, volumeKey } = gateways;
  const names = all.map(({ name }) => name);
  const ofTheGateways = { [`aws:ResourceTag/${GATEWAY_TAGS.gateway}`]: names };
  const taggedAsGateway = { [`aws:RequestTag/${GATEWAY_TAGS.gateway}`]: names };
  const fromTheirTemplates = {
    'ec2:LaunchTemplate': all.map(({ launchTemplateId }) => arn(`launch-template/${launchTemplateId}`)),
  };
  const onlyResourcesOfTheTemplate = { 'ec2:IsLaunchTemplateResource': 'true' };
  return [
    new iam.PolicyStatement({
      // Describe actions support no narrower resource. The response contains no secret: instances have none in their user data, and the
      // launcher can't read that anyway.
      sid: 'SeeGateways',
      actions: ['ec2:DescribeInstances', 'ec2:DescribeInstanceStatus'],
      resources: ['*'],
    }),
    new iam.PolicyStatement({
      // Only instances with the tag of a gateway. The launcher can set this tag only on instances that it creates. An instance's ID is random,
      // so the resource ends in `/*`.
      sid: 'StartAndStopGateways',
      actions: ['ec2:StartInstances', 'ec2:StopInstances', 'ec2:TerminateInstances'],
      resources: [instances],
      conditions: { StringEquals: ofTheGateways },
    }),
    new iam.PolicyStatement({
      // Gateways are protected against termination, and the launcher switches this off before it replaces one. It can't modify other
      // attributes, such as the user data, with which it could run any code.
      sid: 'UnprotectGateways',
      actions: ['ec2:ModifyInstanceAttribute'],
      resources: [instances],
      conditions: { StringEquals: { ...ofTheGateways, 'ec2:Attribute': 'DisableApiTermination' } },
    }),
    new iam.PolicyStatement({
      // Notes the last use of a gateway in two of its tags. The tag that the conditions above check isn't among them.
      sid: 'NoteUseOfGateways',
      actions: ['ec2:CreateTags'],
      resources: [instances],
      conditions: {
        StringEquals: ofTheGateways,
        'ForAllValues:StringEquals': { 'aws:TagKeys': [GATEWAY_TAGS.lastUsed, GATEWAY_TAGS.usedSince] },
        Null: { 'aws:TagKeys': 'false' },
      },
    }),
    new iam.PolicyStatement({
      // Creates instances from the gateways' launch templates only, with the type, the role and the tag of a gateway, and with metadata that
      // needs a token. A new instance has no ID yet, so the resource ends in `/*`.
      sid: 'CreateGateways',
      actions: ['ec2:RunInstances'],
      resources: [instances],
      conditions: {
        StringEquals: {
          'ec2:InstanceType': gateways.instanceType,
          'ec2:MetadataHttpTokens': 'required',
          ...taggedAsGateway,
        },
        ArnEquals: { ...fromTheirTemplates, 'ec2:InstanceProfile': all.map(({ profileArn }) => profileArn) },
        Bool: onlyResourcesOfTheTemplate,
      },
    }),
    new iam.PolicyStatement({
      // The other resources of a new instance: only those of its launch template. New volumes have no ID yet, so this resource ends in `/*`.
      // The account of an image is its owner's, which the ARN leaves out, and the ID of the image changes with every release of Amazon Linux.
      sid: 'UseResourcesOfGateways',
      actions: ['ec2:RunInstances'],
      resources: [
        volumes,
        arn('image/*', ''),
        ...all.flatMap(({ launchTemplateId, networkInterfaceId, subnetId }) => [
          arn(`launch-template/${launchTemplateId}`),
          arn(`network-interface/${networkInterfaceId}`),
          arn(`subnet/${subnetId}`),
        ]),
        arn(`security-group/${securityGroup.securityGroupId}`),
      ],
      conditions: { ArnEquals: fromTheirTemplates, Bool: onlyResourcesOfTheTemplate },
    }),
    new iam.PolicyStatement({
      // Tags instances and their volumes only while it creates them, and only as those of a gateway. Their IDs are random, so the resources end
      // in `/*`.
      sid: 'TagGatewaysAtLaunch',
      actions: ['ec2:CreateTags'],
      resources: [instances, volumes],
      conditions: { StringEquals: { 'ec2:CreateAction': 'RunInstances', ...taggedAsGateway } },
    }),
    new iam.PolicyStatement({
      // Passes only the gateways' roles to EC2, and to nothing else. The names of the service are those of all partitions.
      sid: 'HandGatewaysTheirRoles',
      actions: ['iam:PassRole'],
      resources: all.map(({ roleArn }) => roleArn),
      conditions: { StringEquals: { 'iam:PassedToService': ['ec2.amazonaws.com', 'ec2.amazonaws.com.cn'] } },
    }),
    new iam.PolicyStatement({
      // EC2 reads the ID of the image with the launcher's permissions. The parameter is public and belongs to AWS.
      sid: 'ReadIdOfGatewaysImage',
      actions: ['ssm:GetParameters'],
      resources: [`arn:${partition}:ssm:${region}::parameter${imageParameter}`],
    }),
    ...(all.some(({ fixedAddress }) => fixedAddress)
      ? []
      : [
          new iam.PolicyStatement({
            // Asks EC2 for a public address of the gateway's interface. Without permissions on a security group, it can't change the groups.
            // It can change other attributes. AWS documents `ec2:Attribute` for this action, but not its value for a public address, so it is
            // unverified which value a condition would need. With a wrong one, no gateway would get an address.
            sid: 'GiveGatewaysAddresses',
            actions: ['ec2:ModifyNetworkInterfaceAttribute'],
            resources: all.map(({ networkInterfaceId }) => arn(`network-interface/${networkInterfaceId}`)),
          }),
        ]),
    ...(volumeKey === undefined
      ? []
      : [
          new iam.PolicyStatement({
            // Creates and attaches encrypted volumes. EC2 uses the permissions of the caller that starts an instance.
            sid: 'EncryptVolumesOfGateways',
            actions: [...VOLUME_ACTIONS],
            resources: [volumeKey.keyArn],
            conditions: { StringEquals: { 'kms:ViaService': `ec2.${region}.${urlSuffix}` } },
          }),
          new iam.PolicyStatement({
            // Lets EC2 use the key while the instance runs: only AWS's own services can get this grant.
            sid: 'LetEc2UseTheVolumesKey',
            actions: ['kms:CreateGrant'],
            resources: [volumeKey.keyArn],
            conditions: {
              StringEquals: { 'kms:ViaService': `ec2.${region}.${urlSuffix}` },
              Bool: { 'kms:GrantIsForAWSResource': 'true' },
            },
          }),
        ]),
  ];
}

/** Lists each wildcard of {@link gatewayStatements}, except for `*`. cdk-nag reports a wildcard that isn't listed. */
export function gatewayWildcards(stack: Stack): Acknowledgement[] {
  return [
    wildcard(
      arnInFindings(stack, 'ec2', 'instance/*'),
      'Instances with the tag of a gateway, whose IDs are random; see StartAndStopGateways.',
    ),
    wildcard(
      arnInFindings(stack, 'ec2', 'volume/*'),
      'Volumes of instances that are created from a launch template of the gateways; see UseResourcesOfGateways.',
    ),
    wildcard(
      arnInFindings(stack, 'ec2', 'image/*', ''),
      'Only the image of a launch template of the gateways; see UseResourcesOfGateways.',
    ),
  ];
}
