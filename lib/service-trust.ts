import { Stack } from 'aws-cdk-lib';
import { CfnRole, type IRole, PolicyDocument, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/**
 * The services that assume the stack's roles, each with the resource that AWS's documentation allows as `aws:SourceArn` in the role's trust
 * policy; `undefined` if it documents only `aws:SourceAccount`, and `null` if it documents neither.
 */
const SERVICES = {
  // AWS's own examples have only the account: https://github.com/aws/agent-toolkit-for-aws (lambda-trust-policy.json).
  'lambda.amazonaws.com': undefined,
  // The group of the schedules, not the schedule: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
  'scheduler.amazonaws.com': { service: 'scheduler', resource: 'schedule-group', resourceName: 'default' },
  // ECS doesn't support a cluster here: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
  'ecs-tasks.amazonaws.com': { service: 'ecs', resource: '*' },
  // Only principals of the role's own account can give an instance the role, and AWS documents no condition:
  // https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html
  'ec2.amazonaws.com': null,
  // The ID of a flow log is known only after its role exists: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
  'vpc-flow-logs.amazonaws.com': { service: 'ec2', resource: 'vpc-flow-log', resourceName: '*' },
} as const;

/**
 * A service as the principal of a role, for resources of the stack's own account only. Without the conditions, the service could use
 * the role for a resource of another account: the confused deputy problem,
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
 */
export function trustedService(scope: Construct, name: keyof typeof SERVICES): ServicePrincipal {
  const stack = Stack.of(scope);
  const source = SERVICES[name];
  if (source === null) return new ServicePrincipal(name);
  return new ServicePrincipal(name, {
    conditions: {
      StringEquals: { 'aws:SourceAccount': stack.account },
      ...(source !== undefined && { ArnLike: { 'aws:SourceArn': stack.formatArn(source) } }),
    },
  });
}

/** Gives a role that the CDK creates the conditions of {@link trustedService}. */
export function restrictTrust(role: IRole | undefined, name: keyof typeof SERVICES): void {
  const resource = role?.node.defaultChild;
  if (!(resource instanceof CfnRole))
    throw new Error(`The role of ${name} isn't a new role. This is our bug: report it.`);
  resource.assumeRolePolicyDocument = new PolicyDocument({
    statements: [new PolicyStatement({ actions: ['sts:AssumeRole'], principals: [trustedService(resource, name)] })],
  });
}
