import { Names } from 'aws-cdk-lib';
import type * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { type LogGroupOptions, newLogGroup } from '../log-group.ts';

/**
 * A log group that an AWS service writes to: DNS queries, flow logs, the network firewall.
 *
 * Its name begins with `/aws/vendedlogs/`. For other names the service adds the group to the account's CloudWatch Logs
 * resource policy, which is limited to 5,120 characters. If the policy is full, the deployment fails.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-and-resource-policy.html
 *
 * The rest of the name comes from the construct's path, so that two stacks of one account never share a group.
 *
 * @param retention retention of log events.
 */
export function vendedLogGroup(
  scope: Construct,
  id: string,
  retention: logs.RetentionDays,
  options: LogGroupOptions | undefined,
): logs.LogGroup {
  const path = Names.uniqueResourceName(scope, { maxLength: 200, separator: '-', allowedSpecialCharacters: '-' });
  return newLogGroup(scope, id, { logGroupName: `/aws/vendedlogs/${path}-${id}`, retention }, options);
}
