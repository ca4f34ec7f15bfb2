/**
 * The IAM actions that CloudFormation needs for each type of resource in a template.
 *
 * Source: the permissions in the handlers of CloudFormation's own resource schemas
 * (https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html), and for types without such a list the
 * Service Authorization Reference (https://docs.aws.amazon.com/service-authorization/latest/reference/). Actions that a handler needs only
 * for a property are listed with the property. Actions for properties that no template has are absent, such as those for IPAM pools.
 */

/** What the actions of a statement apply to. `policies.ts` has the ARNs. */
export type Scope =
  | 'alarms'
  | 'alarmsReadOnly'
  | 'dashboards'
  | 'logGroups'
  | 'logDestinations'
  | 'logsReadOnly'
  | 'logDelivery'
  | 'queries'
  | 'functions'
  | 'codeSigning'
  | 'eventSources'
  | 'eventSourceTags'
  | 'schedules'
  | 'queues'
  | 'topics'
  | 'rules'
  | 'cluster'
  | 'capacityProviders'
  | 'taskDefinitions'
  | 'anyTaskDefinition'
  | 'repositories'
  | 'roles'
  | 'boundedRoles'
  | 'attachments'
  | 'instanceProfiles'
  | 'publicParameters'
  | 'keys'
  | 'network'
  | 'networkReadOnly'
  | 'firewalls'
  | 'firewallsReadOnly'
  | 'dns'
  | 'dnsReadOnly';

/** Actions by scope, separated by spaces. */
export type Actions = Readonly<Partial<Record<Scope, string>>>;

/** A service to which the deployment passes a role. */
export type PassedTo = 'ecs-tasks' | 'lambda' | 'scheduler' | 'vpc-flow-logs' | 'logs' | 'ec2';

/** A service whose service-linked role the deployment may create. */
export type LinkedService = 'ecs' | 'network-firewall' | 'delivery.logs' | 'route53resolver';

export interface TypeActions {
  readonly actions: Actions;
  /** Properties that need no more actions, separated by spaces. */
  readonly properties: string;
  /** Properties that need more actions. */
  readonly withProperty?: Readonly<Record<string, Actions>>;
  readonly passesRoleTo?: PassedTo;
  readonly linkedServices?: readonly LinkedService[];
}

const TAGS = 'Tags';
const VENDED_LOGS =
  'logs:CreateLogDelivery logs:GetLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery logs:ListLogDeliveries logs:DescribeLogGroups logs:DescribeResourcePolicies';

const ec2 = (names: string): string =>
  names
    .split(' ')
    .map((name) => `ec2:${name}`)
    .join(' ');
/** Actions on a resource of EC2 that has tags, and actions that only read. */
const tagged = (write: string, read: string): Actions => ({
  network: ec2(`${write} CreateTags DeleteTags`),
  networkReadOnly: ec2(read),
});
const untagged = (write: string, read: string): Actions => ({ network: ec2(write), networkReadOnly: ec2(read) });
const KEYS: Actions = { keys: 'kms:DescribeKey kms:CreateGrant kms:Decrypt kms:Encrypt kms:GenerateDataKey' };

export const ACTIONS: Readonly<Record<string, TypeActions>> = {
  'AWS::CloudWatch::Alarm': {
    actions: {
      alarms:
        'cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms cloudwatch:TagResource cloudwatch:UntagResource cloudwatch:ListTagsForResource',
      alarmsReadOnly: 'cloudwatch:DescribeAlarms',
    },
    properties: `ActionsEnabled AlarmActions AlarmDescription AlarmName ComparisonOperator DatapointsToAlarm Dimensions EvaluationPeriods InsufficientDataActions MetricName Metrics Namespace OKActions Period Statistic Threshold TreatMissingData Unit ${TAGS}`,
  },
  'AWS::CloudWatch::Dashboard': {
    actions: { dashboards: 'cloudwatch:PutDashboard cloudwatch:GetDashboard cloudwatch:DeleteDashboards' },
    properties: 'DashboardBody DashboardName',
  },
  'AWS::EC2::EIP': {
    actions: tagged('AllocateAddress ReleaseAddress DisassociateAddress', 'DescribeAddresses'),
    properties: `Domain ${TAGS}`,
  },
  'AWS::EC2::EIPAssociation': {
    actions: untagged('AssociateAddress DisassociateAddress', 'DescribeAddresses DescribeNetworkInterfaces'),
    properties: 'AllocationId NetworkInterfaceId',
  },
  'AWS::EC2::EgressOnlyInternetGateway': {
    actions: tagged(
      'CreateEgressOnlyInternetGateway DeleteEgressOnlyInternetGateway',
      'DescribeEgressOnlyInternetGateways DescribeTags DescribeVpcs',
    ),
    properties: `VpcId ${TAGS}`,
  },
  'AWS::EC2::FlowLog': {
    actions: { ...tagged('CreateFlowLogs DeleteFlowLogs', 'DescribeFlowLogs'), logDelivery: VENDED_LOGS },
    properties: `DeliverLogsPermissionArn LogDestinationType LogFormat LogGroupName MaxAggregationInterval ResourceId ResourceType ${TAGS} TrafficType`,
    passesRoleTo: 'vpc-flow-logs',
  },
  'AWS::EC2::InternetGateway': {
    actions: tagged('CreateInternetGateway DeleteInternetGateway', 'DescribeInternetGateways'),
    properties: TAGS,
  },
  'AWS::EC2::LaunchTemplate': {
    actions: {
      ...tagged(
        'CreateLaunchTemplate CreateLaunchTemplateVersion ModifyLaunchTemplate DeleteLaunchTemplate',
        'DescribeLaunchTemplates DescribeLaunchTemplateVersions',
      ),
      // The image is a parameter of AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/create-launch-template.html
      publicParameters: 'ssm:GetParameters',
    },
    properties: 'LaunchTemplateData TagSpecifications',
  },
  'AWS::EC2::NatGateway': {
    actions: tagged('CreateNatGateway DeleteNatGateway', 'DescribeNatGateways'),
    properties: `AllocationId SubnetId ${TAGS}`,
  },
  'AWS::EC2::NetworkInterface': {
    actions: tagged(
      'CreateNetworkInterface DeleteNetworkInterface ModifyNetworkInterfaceAttribute AssignPrivateIpAddresses UnassignPrivateIpAddresses',
      'DescribeNetworkInterfaces',
    ),
    properties: `Description GroupSet SourceDestCheck SubnetId ${TAGS}`,
  },
  'AWS::EC2::Route': {
    actions: untagged('CreateRoute ReplaceRoute DeleteRoute', 'DescribeRouteTables DescribeNetworkInterfaces'),
    properties:
      'DestinationCidrBlock DestinationIpv6CidrBlock EgressOnlyInternetGatewayId GatewayId NatGatewayId NetworkInterfaceId RouteTableId VpcEndpointId',
  },
  'AWS::EC2::RouteTable': {
    actions: tagged('CreateRouteTable DeleteRouteTable', 'DescribeRouteTables'),
    properties: `VpcId ${TAGS}`,
  },
  'AWS::EC2::SecurityGroup': {
    actions: tagged(
      'CreateSecurityGroup DeleteSecurityGroup AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress RevokeSecurityGroupEgress RevokeSecurityGroupIngress UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress',
      'DescribeSecurityGroups DescribeInstances',
    ),
    properties: `GroupDescription SecurityGroupEgress SecurityGroupIngress VpcId ${TAGS}`,
  },
  'AWS::EC2::SecurityGroupEgress': {
    actions: untagged(
      'AuthorizeSecurityGroupEgress RevokeSecurityGroupEgress UpdateSecurityGroupRuleDescriptionsEgress',
      'DescribeSecurityGroups DescribeSecurityGroupRules',
    ),
    properties:
      'CidrIp CidrIpv6 Description DestinationPrefixListId DestinationSecurityGroupId FromPort GroupId IpProtocol ToPort',
  },
  'AWS::EC2::SecurityGroupIngress': {
    actions: untagged(
      'AuthorizeSecurityGroupIngress RevokeSecurityGroupIngress UpdateSecurityGroupRuleDescriptionsIngress',
      'DescribeSecurityGroups DescribeSecurityGroupRules',
    ),
    properties: 'Description FromPort GroupId IpProtocol SourceSecurityGroupId ToPort',
  },
  'AWS::EC2::Subnet': {
    actions: tagged(
      'CreateSubnet DeleteSubnet ModifySubnetAttribute AssociateSubnetCidrBlock DisassociateSubnetCidrBlock',
      'DescribeSubnets DescribeNetworkAcls DescribeAvailabilityZones',
    ),
    properties: `AssignIpv6AddressOnCreation AvailabilityZone CidrBlock Ipv6CidrBlock MapPublicIpOnLaunch ${TAGS} VpcId`,
  },
  'AWS::EC2::SubnetRouteTableAssociation': {
    actions: untagged(
      'AssociateRouteTable DisassociateRouteTable ReplaceRouteTableAssociation',
      'DescribeRouteTables DescribeSubnets',
    ),
    properties: 'RouteTableId SubnetId',
  },
  'AWS::EC2::VPC': {
    actions: tagged(
      'CreateVpc DeleteVpc ModifyVpcAttribute',
      'DescribeVpcs DescribeVpcAttribute DescribeSecurityGroups DescribeNetworkAcls',
    ),
    properties: `CidrBlock EnableDnsHostnames EnableDnsSupport InstanceTenancy ${TAGS}`,
  },
  'AWS::EC2::VPCCidrBlock': {
    actions: untagged('AssociateVpcCidrBlock DisassociateVpcCidrBlock', 'DescribeVpcs'),
    properties: 'AmazonProvidedIpv6CidrBlock VpcId',
  },
  'AWS::EC2::VPCEndpoint': {
    actions: tagged(
      'CreateVpcEndpoint DeleteVpcEndpoints ModifyVpcEndpoint',
      'DescribeVpcEndpoints DescribeVpcs DescribeSubnets DescribeSecurityGroups DescribePrefixLists',
    ),
    properties: `PolicyDocument PrivateDnsEnabled RouteTableIds SecurityGroupIds ServiceName SubnetIds ${TAGS} VpcEndpointType VpcId`,
  },
  'AWS::EC2::VPCGatewayAttachment': {
    actions: untagged('AttachInternetGateway DetachInternetGateway', 'DescribeInternetGateways DescribeVpnGateways'),
    properties: 'InternetGatewayId VpcId',
  },
  'AWS::ECR::Repository': {
    actions: {
      repositories:
        'ecr:CreateRepository ecr:DeleteRepository ecr:DescribeRepositories ecr:PutImageScanningConfiguration ecr:PutImageTagMutability ecr:PutLifecyclePolicy ecr:GetLifecyclePolicy ecr:DeleteLifecyclePolicy ecr:SetRepositoryPolicy ecr:GetRepositoryPolicy ecr:DeleteRepositoryPolicy ecr:ListImages ecr:BatchDeleteImage ecr:TagResource ecr:UntagResource ecr:ListTagsForResource',
    },
    properties: `EmptyOnDelete ImageScanningConfiguration ImageTagMutability LifecyclePolicy RepositoryName RepositoryPolicyText ${TAGS}`,
    withProperty: { EncryptionConfiguration: { keys: 'kms:DescribeKey kms:CreateGrant kms:RetireGrant' } },
  },
  'AWS::ECS::Cluster': {
    actions: {
      cluster:
        'ecs:CreateCluster ecs:DeleteCluster ecs:DescribeClusters ecs:UpdateCluster ecs:UpdateClusterSettings ecs:PutClusterCapacityProviders ecs:TagResource ecs:UntagResource',
    },
    properties: `ClusterName ClusterSettings ${TAGS}`,
    withProperty: { Configuration: KEYS },
    linkedServices: ['ecs'],
  },
  'AWS::ECS::ClusterCapacityProviderAssociations': {
    actions: {
      cluster: 'ecs:DescribeClusters ecs:PutClusterCapacityProviders',
      capacityProviders: 'ecs:DescribeCapacityProviders',
    },
    properties: 'CapacityProviders Cluster DefaultCapacityProviderStrategy',
    linkedServices: ['ecs'],
  },
  'AWS::ECS::TaskDefinition': {
    actions: {
      taskDefinitions: 'ecs:RegisterTaskDefinition ecs:TagResource ecs:UntagResource ecs:ListTagsForResource',
      anyTaskDefinition: 'ecs:DeregisterTaskDefinition ecs:DescribeTaskDefinition',
      roles: 'iam:GetRole',
    },
    properties: `ContainerDefinitions Cpu EphemeralStorage ExecutionRoleArn Family Memory NetworkMode RequiresCompatibilities RuntimePlatform ${TAGS} TaskRoleArn Volumes`,
    passesRoleTo: 'ecs-tasks',
  },
  'AWS::Events::Rule': {
    actions: {
      rules:
        'events:PutRule events:DescribeRule events:DeleteRule events:EnableRule events:DisableRule events:PutTargets events:RemoveTargets events:ListTargetsByRule events:TagResource events:UntagResource events:ListTagsForResource',
    },
    properties: `Description EventBusName EventPattern Name State ${TAGS} Targets`,
  },
  'AWS::IAM::InstanceProfile': {
    actions: {
      instanceProfiles:
        'iam:CreateInstanceProfile iam:DeleteInstanceProfile iam:GetInstanceProfile iam:AddRoleToInstanceProfile iam:RemoveRoleFromInstanceProfile',
      roles: 'iam:GetRole',
    },
    properties: 'Roles',
    passesRoleTo: 'ec2',
  },
  'AWS::IAM::Policy': {
    actions: { roles: 'iam:GetRolePolicy iam:DeleteRolePolicy', boundedRoles: 'iam:PutRolePolicy' },
    properties: 'PolicyDocument PolicyName Roles',
  },
  'AWS::IAM::Role': {
    actions: {
      roles:
        'iam:GetRole iam:DeleteRole iam:UpdateRole iam:UpdateRoleDescription iam:UpdateAssumeRolePolicy iam:TagRole iam:UntagRole iam:ListAttachedRolePolicies iam:ListRolePolicies iam:GetRolePolicy iam:DeleteRolePolicy iam:DetachRolePolicy',
      boundedRoles: 'iam:CreateRole iam:PutRolePolicy',
    },
    properties: `AssumeRolePolicyDocument Description Path Policies RoleName ${TAGS}`,
    withProperty: {
      ManagedPolicyArns: { attachments: 'iam:AttachRolePolicy' },
      PermissionsBoundary: { boundedRoles: 'iam:PutRolePermissionsBoundary' },
    },
  },
  'AWS::Lambda::EventInvokeConfig': {
    actions: {
      functions:
        'lambda:PutFunctionEventInvokeConfig lambda:GetFunctionEventInvokeConfig lambda:UpdateFunctionEventInvokeConfig lambda:DeleteFunctionEventInvokeConfig',
    },
    properties: 'FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts Qualifier',
  },
  'AWS::Lambda::EventSourceMapping': {
    actions: {
      eventSources:
        'lambda:CreateEventSourceMapping lambda:GetEventSourceMapping lambda:UpdateEventSourceMapping lambda:DeleteEventSourceMapping',
      eventSourceTags: 'lambda:TagResource lambda:UntagResource lambda:ListTags',
    },
    properties: `BatchSize Enabled EventSourceArn FunctionName MaximumBatchingWindowInSeconds ScalingConfig ${TAGS}`,
  },
  'AWS::Lambda::Function': {
    actions: {
      functions:
        'lambda:CreateFunction lambda:GetFunction lambda:DeleteFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:GetFunctionConfiguration lambda:PutFunctionConcurrency lambda:DeleteFunctionConcurrency lambda:GetFunctionCodeSigningConfig lambda:GetFunctionRecursionConfig lambda:PutFunctionRecursionConfig lambda:GetRuntimeManagementConfig lambda:PutRuntimeManagementConfig lambda:TagResource lambda:UntagResource lambda:ListTags',
    },
    properties: `Architectures Code Description Environment FunctionName Handler LoggingConfig MemorySize ReservedConcurrentExecutions Role Runtime ${TAGS} Timeout`,
    withProperty: {
      CodeSigningConfigArn: {
        functions: 'lambda:PutFunctionCodeSigningConfig lambda:DeleteFunctionCodeSigningConfig',
        codeSigning: 'lambda:GetCodeSigningConfig lambda:PutFunctionCodeSigningConfig',
      },
      KmsKeyArn: KEYS,
      VpcConfig: {
        networkReadOnly: ec2('DescribeSecurityGroups DescribeSubnets DescribeVpcs DescribeNetworkInterfaces'),
      },
    },
    passesRoleTo: 'lambda',
  },
  'AWS::Lambda::Permission': {
    actions: { functions: 'lambda:AddPermission lambda:RemovePermission lambda:GetPolicy' },
    properties: 'Action FunctionName FunctionUrlAuthType InvokedViaFunctionUrl Principal SourceAccount SourceArn',
  },
  'AWS::Lambda::Url': {
    actions: {
      functions:
        'lambda:CreateFunctionUrlConfig lambda:GetFunctionUrlConfig lambda:UpdateFunctionUrlConfig lambda:DeleteFunctionUrlConfig',
    },
    properties: 'AuthType TargetFunctionArn',
  },
  'AWS::Logs::LogGroup': {
    actions: {
      logGroups:
        'logs:CreateLogGroup logs:DeleteLogGroup logs:PutRetentionPolicy logs:DeleteRetentionPolicy logs:GetDataProtectionPolicy logs:TagResource logs:UntagResource logs:ListTagsForResource',
      logsReadOnly: 'logs:DescribeLogGroups logs:DescribeIndexPolicies',
    },
    properties: `LogGroupClass LogGroupName RetentionInDays ${TAGS}`,
    withProperty: {
      KmsKeyId: { logGroups: 'logs:AssociateKmsKey logs:DisassociateKmsKey', keys: 'kms:DescribeKey' },
      DeletionProtectionEnabled: { logGroups: 'logs:PutLogGroupDeletionProtection' },
    },
  },
  'AWS::Logs::MetricFilter': {
    actions: { logGroups: 'logs:PutMetricFilter logs:DeleteMetricFilter logs:DescribeMetricFilters' },
    properties: 'FilterPattern LogGroupName MetricTransformations',
  },
  'AWS::Logs::QueryDefinition': {
    actions: { queries: 'logs:PutQueryDefinition logs:DescribeQueryDefinitions logs:DeleteQueryDefinition' },
    properties: 'LogGroupNames Name QueryString',
  },
  'AWS::Logs::SubscriptionFilter': {
    actions: {
      logGroups: 'logs:PutSubscriptionFilter logs:DeleteSubscriptionFilter logs:DescribeSubscriptionFilters',
      logDestinations: 'logs:PutSubscriptionFilter',
    },
    properties: 'DestinationArn Distribution FilterName FilterPattern LogGroupName RoleArn',
    passesRoleTo: 'logs',
  },
  'AWS::NetworkFirewall::Firewall': {
    actions: {
      firewalls:
        'network-firewall:CreateFirewall network-firewall:DeleteFirewall network-firewall:DescribeFirewall network-firewall:DescribeFirewallPolicy network-firewall:DescribeRuleGroup network-firewall:AssociateSubnets network-firewall:DisassociateSubnets network-firewall:AssociateFirewallPolicy network-firewall:UpdateFirewallDescription network-firewall:UpdateFirewallDeleteProtection network-firewall:UpdateSubnetChangeProtection network-firewall:UpdateFirewallPolicyChangeProtection network-firewall:TagResource network-firewall:UntagResource network-firewall:ListTagsForResource',
      network: ec2('CreateVpcEndpoint DeleteVpcEndpoints CreateTags'),
      networkReadOnly: ec2('DescribeVpcEndpoints DescribeSubnets DescribeVpcs DescribeRouteTables'),
      logDelivery: VENDED_LOGS,
    },
    properties: `DeleteProtection Description FirewallName FirewallPolicyArn FirewallPolicyChangeProtection SubnetChangeProtection SubnetMappings ${TAGS} VpcId`,
    linkedServices: ['network-firewall'],
  },
  'AWS::NetworkFirewall::FirewallPolicy': {
    actions: {
      firewalls:
        'network-firewall:CreateFirewallPolicy network-firewall:DeleteFirewallPolicy network-firewall:DescribeFirewallPolicy network-firewall:UpdateFirewallPolicy network-firewall:TagResource network-firewall:UntagResource network-firewall:ListTagsForResource',
      firewallsReadOnly: 'network-firewall:ListRuleGroups network-firewall:ListTLSInspectionConfigurations',
    },
    properties: `Description FirewallPolicy FirewallPolicyName ${TAGS}`,
  },
  'AWS::NetworkFirewall::LoggingConfiguration': {
    actions: {
      firewalls: 'network-firewall:UpdateLoggingConfiguration network-firewall:DescribeLoggingConfiguration',
      logDelivery: VENDED_LOGS,
    },
    properties: 'FirewallArn FirewallName LoggingConfiguration',
    linkedServices: ['delivery.logs'],
  },
  'AWS::NetworkFirewall::RuleGroup': {
    actions: {
      firewalls:
        'network-firewall:CreateRuleGroup network-firewall:DeleteRuleGroup network-firewall:DescribeRuleGroup network-firewall:UpdateRuleGroup network-firewall:TagResource network-firewall:UntagResource network-firewall:ListTagsForResource',
      firewallsReadOnly: 'network-firewall:ListRuleGroups',
    },
    properties: `Capacity Description RuleGroup RuleGroupName ${TAGS} Type`,
    linkedServices: ['network-firewall'],
  },
  'AWS::Route53Resolver::FirewallDomainList': {
    actions: {
      dns: 'route53resolver:CreateFirewallDomainList route53resolver:GetFirewallDomainList route53resolver:DeleteFirewallDomainList route53resolver:ImportFirewallDomains route53resolver:UpdateFirewallDomains route53resolver:ListFirewallDomains route53resolver:TagResource route53resolver:UntagResource route53resolver:ListTagsForResource',
    },
    properties: `Domains Name ${TAGS}`,
  },
  'AWS::Route53Resolver::FirewallRuleGroup': {
    actions: {
      dns: 'route53resolver:CreateFirewallRuleGroup route53resolver:GetFirewallRuleGroup route53resolver:DeleteFirewallRuleGroup route53resolver:ListFirewallRules route53resolver:CreateFirewallRule route53resolver:UpdateFirewallRule route53resolver:DeleteFirewallRule route53resolver:TagResource route53resolver:UntagResource route53resolver:ListTagsForResource',
    },
    properties: `FirewallRules Name ${TAGS}`,
  },
  'AWS::Route53Resolver::FirewallRuleGroupAssociation': {
    actions: {
      dns: 'route53resolver:AssociateFirewallRuleGroup route53resolver:GetFirewallRuleGroupAssociation route53resolver:UpdateFirewallRuleGroupAssociation route53resolver:DisassociateFirewallRuleGroup route53resolver:TagResource route53resolver:UntagResource route53resolver:ListTagsForResource',
      networkReadOnly: ec2('DescribeVpcs'),
    },
    properties: `FirewallRuleGroupId MutationProtection Name Priority ${TAGS} VpcId`,
  },
  'AWS::Route53Resolver::ResolverQueryLoggingConfig': {
    actions: {
      dns: 'route53resolver:CreateResolverQueryLogConfig route53resolver:GetResolverQueryLogConfig route53resolver:DeleteResolverQueryLogConfig route53resolver:TagResource route53resolver:UntagResource route53resolver:ListTagsForResource',
      dnsReadOnly: 'route53resolver:ListResolverQueryLogConfigs',
      logDelivery: VENDED_LOGS,
    },
    properties: `DestinationArn Name ${TAGS}`,
    linkedServices: ['route53resolver', 'delivery.logs'],
  },
  'AWS::Route53Resolver::ResolverQueryLoggingConfigAssociation': {
    actions: {
      dns: 'route53resolver:AssociateResolverQueryLogConfig route53resolver:GetResolverQueryLogConfigAssociation route53resolver:DisassociateResolverQueryLogConfig',
      dnsReadOnly: 'route53resolver:ListResolverQueryLogConfigAssociations',
      networkReadOnly: ec2('DescribeVpcs'),
    },
    properties: 'ResolverQueryLogConfigId ResourceId',
  },
  'AWS::SNS::Subscription': {
    actions: {
      topics:
        'sns:Subscribe sns:ListSubscriptionsByTopic sns:GetSubscriptionAttributes sns:SetSubscriptionAttributes sns:Unsubscribe',
    },
    properties: 'Endpoint Protocol TopicArn',
  },
  'AWS::SNS::Topic': {
    actions: {
      topics:
        'sns:CreateTopic sns:DeleteTopic sns:GetTopicAttributes sns:SetTopicAttributes sns:GetDataProtectionPolicy sns:ListSubscriptionsByTopic sns:TagResource sns:UntagResource sns:ListTagsForResource',
    },
    properties: `DisplayName ${TAGS} TopicName`,
    withProperty: { KmsMasterKeyId: KEYS },
  },
  'AWS::SNS::TopicPolicy': {
    actions: { topics: 'sns:GetTopicAttributes sns:SetTopicAttributes' },
    properties: 'PolicyDocument Topics',
  },
  'AWS::SQS::Queue': {
    actions: {
      queues:
        'sqs:CreateQueue sqs:DeleteQueue sqs:GetQueueUrl sqs:GetQueueAttributes sqs:SetQueueAttributes sqs:ListQueueTags sqs:TagQueue sqs:UntagQueue',
    },
    properties: `KmsDataKeyReusePeriodSeconds MessageRetentionPeriod QueueName SqsManagedSseEnabled ${TAGS} VisibilityTimeout`,
    withProperty: { KmsMasterKeyId: { keys: 'kms:DescribeKey' } },
  },
  'AWS::SQS::QueuePolicy': {
    actions: { queues: 'sqs:GetQueueAttributes sqs:SetQueueAttributes' },
    properties: 'PolicyDocument Queues',
  },
  'AWS::Scheduler::Schedule': {
    actions: {
      schedules: 'scheduler:CreateSchedule scheduler:GetSchedule scheduler:UpdateSchedule scheduler:DeleteSchedule',
    },
    properties: 'Description FlexibleTimeWindow Name ScheduleExpression ScheduleExpressionTimezone State Target',
    withProperty: { KmsKeyArn: KEYS },
    passesRoleTo: 'scheduler',
  },
  'Custom::GatewayRemoval': {
    actions: { functions: 'lambda:InvokeFunction' },
    properties: 'Gateways ServiceTimeout ServiceToken TagKey',
  },
  'Custom::ImageCopy': {
    actions: { functions: 'lambda:InvokeFunction' },
    properties:
      'Architecture CredentialsJsonKey CredentialsSecret Reference Registry Repository ServiceTimeout ServiceToken TargetRepository TargetTag',
  },
};
