import type { Refusal } from '../../ports.ts';

/**
 * A row of the table. The first row that matches gives the cause. `name` is tested against the exception's name or the failure's reason, `words`
 * against that and the message.
 */
export interface RefusalRow {
  readonly name?: RegExp;
  readonly words?: RegExp;
  readonly cause: Refusal['cause'];
  readonly remedy: string;
}

/** IAM's phrases for the type of policy that denied a call: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html */
const byPolicy = (kind: string): RegExp => new RegExp(`explicit deny in an? ${kind}|because no ${kind} allows`, 'i');

/**
 * ECS says the same thing as an exception, as `failures[]` of a 200 response, or wrapped in another exception's text.
 * Denials come first: waiting doesn't help, and their message quotes actions and resources.
 *
 * Patterns of `name` are anchored. Patterns of `words` are phrases of AWS, and are tested without ARNs: users choose the names of roles, clusters and
 * secrets, and a role named "throttle-quota" isn't a reason to wait.
 *
 * The messages that the rows were made from are in test/functions/launcher/aws-messages.ts, with their sources.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
 */
export const REFUSAL_TABLE: readonly RefusalRow[] = [
  {
    words: byPolicy('(service|resource) control policy'),
    cause: 'access',
    remedy:
      'an organization’s policy (SCP or RCP) denies it to the function’s role, and no deployment changes that: have the organization’s administrator allow it; the message has the action',
  },
  {
    words: byPolicy('permissions boundary'),
    cause: 'access',
    remedy:
      'the permissions boundary of the function’s role denies it, and no deployment changes that: have the action added to the boundary; the message has it',
  },
  {
    words: byPolicy('VPC endpoint policy'),
    cause: 'access',
    remedy:
      'a VPC endpoint policy denies it, and no deployment changes that: allow the action in it; the message has it',
  },
  {
    name: /^(AccessDenied|UnrecognizedClient|ExpiredToken|InvalidSignature)/,
    cause: 'access',
    remedy:
      'the function’s role may not do this: deploy the stack again; then look for what denies it: a permissions boundary or a service control policy',
  },
  {
    words: /is not authorized to perform|not authorized to perform this operation|ErrorCode: UnauthorizedOperation/i,
    cause: 'access',
    remedy:
      'ECS was not allowed to do something for the function’s role, and the message says what: deploy the stack again; then look for what denies it: a permissions boundary or a service control policy',
  },
  {
    name: /^Blocked(Exception)?$/,
    cause: 'account',
    remedy:
      'AWS has blocked the account, or has not verified it yet; it is not about permissions, and no deployment helps: open a case with AWS Support (unpaid bill, new account, suspected abuse)',
  },
  {
    words: /account is currently blocked/i,
    cause: 'account',
    remedy:
      'AWS has blocked the account, or has not verified it yet: open a case with AWS Support; no deployment helps',
  },
  {
    words: /ECS service.linked role/i,
    cause: 'service-linked-role',
    remedy:
      'the account’s service-linked role for ECS is missing, or was created a moment ago: run "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com" once; if it says that the name has been taken, the role exists: wait a minute',
  },
  {
    words: /unable to assume the role/i,
    cause: 'task-role',
    remedy:
      'ECS cannot assume the execution role or the task role that the message has: after a deployment this passes within a minute; if it lasts, the role was deleted, or its trust policy does not have ecs-tasks.amazonaws.com',
  },
  {
    name: /^(Throttling(Exception)?|TooManyRequestsException|RequestLimitExceeded)$/,
    cause: 'throttled',
    remedy:
      'nothing to do, the next tick asks again; if it lasts, something else in this account uses up the rate limit of the ECS API',
  },
  {
    words: /Rate exceeded|Request limit exceeded|ErrorCode: RequestLimitExceeded/i,
    cause: 'throttled',
    remedy:
      'nothing to do, the next tick asks again; if it lasts, something else in this account uses up the rate limit of the API that the message is about (ECS or EC2)',
  },
  {
    // EC2's message inside ECS's. Not a Fargate capacity problem, so falling back to On-Demand won't help.
    // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    words: /InsufficientFreeAddresses|enough free addresses|PrivateIpAddressLimitExceeded/i,
    cause: 'addresses',
    remedy:
      'the subnets have no free address left, and each task takes one: use larger or further subnets, or lower maxAgents',
  },
  {
    words: /reached the limit on the number of|is above your limit|\bLimitExceeded/i,
    cause: 'quota',
    remedy:
      'raise the Fargate vCPU quota in Service Quotas (On-Demand: L-3032A538, Spot: L-36FBB829), or lower maxAgents',
  },
  {
    words: /\bCapacity is unavailable\b/i,
    cause: 'capacity',
    remedy:
      'Fargate has no capacity in these Availability Zones now; the next tick asks again; add subnets in further zones',
  },
  {
    name: /^(RESOURCE:|EMPTY CAPACITY PROVIDER$)/,
    cause: 'capacity',
    remedy:
      'ECS finds no capacity for the task’s size; the next tick asks again; add subnets in further zones, or choose a smaller cpu and memoryMiB',
  },
  {
    name: /^(ClusterNotFound|InvalidParameter|Client|PlatformUnknown|PlatformTaskDefinitionIncompatibility|UnsupportedFeature)Exception$|^(AGENT|ATTRIBUTE|LOCATION|MISSING|INACTIVE|NO ACTIVE INSTANCES)\b/,
    cause: 'misconfiguration',
    remedy:
      'the cluster, task definition, subnets or security groups are not what was deployed: deploy the stack again',
  },
];

/**
 * Sorts a refused launch by what to do about it.
 * @param name the exception's name, or the failure's reason.
 * @param text the exception's message, or the failure's detail.
 */
export function refusalOf(name: string, text: string): Refusal {
  const detail = [name, text].filter((part) => part !== '').join(': ');
  const words = detail.replace(/\barn:[^\s'"]+/g, 'ARN');
  const row = REFUSAL_TABLE.find(
    (one) => (one.name === undefined || one.name.test(name)) && (one.words === undefined || one.words.test(words)),
  );
  return {
    cause: row?.cause ?? 'unknown',
    detail,
    remedy: row?.remedy ?? 'the launcher does not know this refusal: look the text up in the ECS API reference',
  };
}
