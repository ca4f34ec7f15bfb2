import type { Refusal } from '../../ports.ts';

/** A row of the table: the first whose pattern fits the error's name and text gives the cause. */
interface Row {
  readonly pattern: RegExp;
  readonly cause: Refusal['cause'];
  readonly remedy: string;
}

/**
 * ECS tells the same thing as an exception, as `failures[]` of a 200 answer, or wrapped in another exception's text, so
 * name and text are matched together, the specific before the general.
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html,
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html
 */
const TABLE: readonly Row[] = [
  {
    // Also EC2's throttling inside an InvalidParameterException: "… (ErrorCode: RequestLimitExceeded)".
    pattern: /ThrottlingException|Rate exceeded|RequestLimitExceeded|TooManyRequests|throttl/i,
    cause: 'throttled',
    remedy: 'nothing to do, the next tick asks again; if it lasts, other users of this account’s ECS API crowd it',
  },
  {
    // EC2's words inside ECS's: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html. It is no want of
    // Fargate's room, so that another kind of capacity does not help.
    pattern: /free ?addresses|enough.*\bIP\b|PrivateIpAddressLimitExceeded/i,
    cause: 'addresses',
    remedy:
      'the subnets have no free address left, and each task takes one: give larger or further subnets, or lower maxAgents',
  },
  {
    pattern: /number of vCPUs|LimitExceeded|quota|limit.*(reached|exceeded)|(reached|exceeded).*limit/i,
    cause: 'quota',
    remedy:
      'raise the Fargate vCPU quota in Service Quotas (On-Demand: L-3032A538, Spot: L-36FBB829), or lower maxAgents',
  },
  {
    pattern: /capacity is unavailable|RESOURCE:|insufficient.*capacity|EMPTY CAPACITY PROVIDER/i,
    cause: 'capacity',
    remedy:
      'Fargate has no room in these Availability Zones now; the next tick asks again; add subnets in further zones',
  },
  {
    pattern: /AccessDenied|not authorized|BlockedException|UnauthorizedOperation/i,
    cause: 'access',
    remedy:
      'the function’s role may not do this: deploy the stack anew, and look for a permissions boundary or an SCP that denies it',
  },
  {
    pattern:
      /ClusterNotFound|InvalidParameter|ClientException|PlatformUnknown|PlatformTaskDefinitionIncompatibility|UnsupportedFeature|MISSING|INACTIVE|^(AGENT|ATTRIBUTE|LOCATION|NO ACTIVE INSTANCES)(:|$)/i,
    cause: 'misconfiguration',
    remedy: 'cluster, task definition, subnets or security groups are not what was deployed: deploy the stack anew',
  },
];

/**
 * Sorts a refused launch by what to do about it.
 * @param name the exception's name, or the failure's reason.
 * @param text the exception's message, or the failure's detail.
 */
export function refusalOf(name: string, text: string): Refusal {
  const detail = [name, text].filter((part) => part !== '').join(': ');
  const row = TABLE.find(({ pattern }) => pattern.test(detail));
  return {
    cause: row?.cause ?? 'unknown',
    detail,
    remedy: row?.remedy ?? 'not a refusal that the launcher knows: look the text up in the ECS API reference',
  };
}
