import type { Refusal } from '../../ports.ts';
import { DENIALS } from '../denials.ts';

/**
 * A row of the table. The first matching row determines the cause. `name` must match the exception's name or the failure's reason. `words` must
 * match that name or the message.
 */
export interface RefusalRow {
  readonly name?: RegExp;
  readonly words?: RegExp;
  readonly cause: Refusal['cause'];
  readonly remedy: string;
}

/**
 * ECS reports the same problem as an exception, in the `failures[]` of a 200 response, or within the text of another exception.
 * Denials come first, because their message quotes actions and resources that other rows could match.
 *
 * Patterns of `name` are anchored. Patterns of `words` are phrases of AWS, and ARNs are removed before the test. ARNs contain names that users
 * choose, and a role named "throttle-quota" isn't a reason to wait.
 *
 * The rows are based on the messages in test/functions/launcher/aws-messages.ts, which also lists their sources.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
 */
export const REFUSAL_TABLE: readonly RefusalRow[] = [
  ...DENIALS,
  {
    name: /^(AccessDenied|UnrecognizedClient|ExpiredToken|InvalidSignature)/,
    cause: 'access',
    remedy:
      'the function’s role is not allowed to do this. Deploy the stack again. If that doesn’t help, check permissions boundaries and service control policies',
  },
  {
    words: /is not authorized to perform|not authorized to perform this operation|ErrorCode: UnauthorizedOperation/i,
    cause: 'access',
    remedy:
      'ECS was not allowed to perform the action in the message for the function’s role. Deploy the stack again. If that doesn’t help, check permissions boundaries and service control policies',
  },
  {
    name: /^Blocked(Exception)?$/,
    cause: 'account',
    remedy:
      'AWS has blocked this account or hasn’t verified it yet. Permissions aren’t the cause, and deploying again doesn’t help. Open a case with AWS Support. Common reasons are an unpaid bill, a new account and suspected abuse',
  },
  {
    words: /account is currently blocked/i,
    cause: 'account',
    remedy:
      'AWS has blocked this account or hasn’t verified it yet, and deploying again doesn’t help. Open a case with AWS Support',
  },
  {
    words: /ECS service.linked role/i,
    cause: 'service-linked-role',
    remedy:
      'the account’s service-linked role for ECS is missing, or was created a moment ago. Run "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com" once. If it reports that the name has been taken, the role exists, so wait a minute',
  },
  {
    words: /unable to assume the role/i,
    cause: 'task-role',
    remedy:
      'ECS cannot assume the execution role or task role in the message. This is normal for a minute after a deployment. If it continues, check that the role exists, and that its trust policy allows ecs-tasks.amazonaws.com',
  },
  {
    name: /^(Throttling(Exception)?|TooManyRequestsException|RequestLimitExceeded)$/,
    cause: 'throttled',
    remedy:
      'ECS throttled the call. Wait: the launcher tries again within a minute. If it continues, find out what else in this account uses up the rate limit of the ECS API',
  },
  {
    words: /Rate exceeded|Request limit exceeded|ErrorCode: RequestLimitExceeded/i,
    cause: 'throttled',
    remedy:
      'AWS throttled the call. Wait: the launcher tries again within a minute. If it continues, find out what else in this account uses up the rate limit of the API in the message (ECS or EC2)',
  },
  {
    // A message of EC2 within the message of ECS. It isn't a Fargate capacity problem, so on-demand capacity doesn't help.
    // https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    words: /InsufficientFreeAddresses|enough free addresses|PrivateIpAddressLimitExceeded/i,
    cause: 'addresses',
    remedy:
      'the subnets have no free IP address left, and each task needs one. Use larger or additional subnets, or lower maxAgents',
  },
  {
    words: /reached the limit on the number of|is above your limit|\bLimitExceeded/i,
    cause: 'quota',
    remedy:
      'the account has reached its Fargate vCPU quota. Raise it in Service Quotas (On-Demand: L-3032A538, Spot: L-36FBB829), or lower maxAgents',
  },
  {
    words: /\bCapacity is unavailable\b/i,
    cause: 'capacity',
    remedy:
      'Fargate has no capacity in these Availability Zones now. The launcher tries again within a minute. If it continues, add subnets in other zones',
  },
  {
    name: /^(RESOURCE:|EMPTY CAPACITY PROVIDER$)/,
    cause: 'capacity',
    remedy:
      'ECS finds no capacity for the task’s size. The launcher tries again within a minute. If it continues, add subnets in other zones, or lower cpu and memoryMiB',
  },
  {
    name: /^(ClusterNotFound|InvalidParameter|Client|PlatformUnknown|PlatformTaskDefinitionIncompatibility|UnsupportedFeature)Exception$|^(AGENT|ATTRIBUTE|LOCATION|MISSING|INACTIVE|NO ACTIVE INSTANCES)\b/,
    cause: 'misconfiguration',
    remedy:
      'the cluster, task definition, subnets or security groups were changed or deleted after the deployment. Deploy the stack again',
  },
];

/**
 * Finds the cause and the remedy of a refused launch.
 * @param name - the exception's name, or the failure's reason.
 * @param text - the exception's message, or the failure's detail.
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
    remedy: row?.remedy ?? 'the launcher does not know this message. Search the ECS API reference for it',
  };
}
