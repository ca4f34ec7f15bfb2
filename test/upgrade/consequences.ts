/** What the users of a deployed stack lose if an update replaces, deletes or changes a resource. */

const NETWORK = 'running jobs lose their network';
const ADDRESS = 'the public address of the agents changes';

/** Resources that an update may replace: nothing that runs needs the old one. Each entry says why. */
export const HARMLESS_REPLACEMENT: Readonly<Record<string, string>> = {
  'AWS::ECS::TaskDefinition':
    'a running task keeps its revision: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deregister-task-definition-v2.html',
  'AWS::IAM::Policy': 'CloudFormation creates the new policy before it deletes the old one',
  'AWS::Lambda::Permission': 'the next invocation uses the new permission',
  'AWS::Lambda::EventSourceMapping': 'wake-ups only move a poll, and the schedule polls every minute',
  'AWS::SQS::QueuePolicy': 'wake-ups only move a poll, and the schedule polls every minute',
  'Custom::ImageCopy':
    'the new copy exists before CloudFormation deletes the old one, at the end of the update. Only a task that has not pulled its image by then fails to start',
};

/** What is lost with a resource of this type. Every other type is lost, too, but only the type's name says what that means. */
export const CONSEQUENCES: Readonly<Record<string, string>> = {
  'AWS::Logs::LogGroup': 'logs are lost, unless the log group is retained',
  'AWS::ECS::Cluster': 'a cluster with tasks can’t be deleted, and its tasks belong to no launcher',
  'AWS::IAM::Role': 'running jobs lose their AWS credentials',
  'AWS::EC2::VPC': NETWORK,
  'AWS::EC2::Subnet': NETWORK,
  'AWS::EC2::SecurityGroup': NETWORK,
  'AWS::EC2::RouteTable': NETWORK,
  'AWS::EC2::Route': NETWORK,
  'AWS::EC2::SubnetRouteTableAssociation': NETWORK,
  'AWS::EC2::InternetGateway': NETWORK,
  'AWS::EC2::VPCGatewayAttachment': NETWORK,
  'AWS::EC2::NatGateway': `${NETWORK}, and ${ADDRESS}`,
  'AWS::EC2::EIP': ADDRESS,
  'AWS::EC2::VPCEndpoint': NETWORK,
  'AWS::NetworkFirewall::Firewall': NETWORK,
  'AWS::Lambda::Url': 'the URL of the nudge changes, so every run task must be changed',
  'AWS::ECR::Repository': 'tasks can’t pull their image',
  'AWS::Lambda::Function': 'its name is fixed, so CloudFormation can’t create the new one',
  'AWS::Scheduler::Schedule': 'its name is fixed, so CloudFormation can’t create the new one',
};

/** Properties whose change in place can end running jobs or lose logs. `all` stands for every property of the type. */
const SENSITIVE: Readonly<Record<string, readonly string[] | 'all'>> = {
  'AWS::Logs::LogGroup': ['LogGroupName', 'RetentionInDays'],
  'AWS::EC2::SecurityGroup': 'all',
  'AWS::EC2::Route': 'all',
  'AWS::EC2::EIP': 'all',
  'AWS::EC2::NatGateway': 'all',
  'AWS::EC2::NetworkAclEntry': 'all',
  'AWS::EC2::Subnet': 'all',
  'AWS::EC2::VPCEndpoint': ['PolicyDocument', 'SubnetIds', 'SecurityGroupIds'],
  'AWS::IAM::Role': ['AssumeRolePolicyDocument', 'ManagedPolicyArns'],
  'AWS::NetworkFirewall::FirewallPolicy': 'all',
  'AWS::NetworkFirewall::RuleGroup': 'all',
  'AWS::Route53Resolver::FirewallDomainList': 'all',
  'AWS::Route53Resolver::FirewallRuleGroup': 'all',
};

export function isSensitive(type: string, property: string): boolean {
  const properties = SENSITIVE[type] ?? [];
  return properties === 'all' || properties.includes(property);
}
