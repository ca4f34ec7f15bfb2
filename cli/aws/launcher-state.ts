/** Reads what `why` has to know about the launcher's state: its schedule, its reserved concurrency, and how long it keeps its log. */
import { DescribeLogGroupsCommand } from '@aws-sdk/client-cloudwatch-logs';
import type { LauncherFacts } from '../core/why/evidence.ts';
import { unlessRefused } from '../unless-refused.ts';
import type { Aws } from './clients.ts';
import type { Deployment } from './deployment.ts';
import { ask } from './errors.ts';
import { readConcurrency, readQueues, readSchedule } from './switches.ts';

type Switch = Pick<
  LauncherFacts,
  'queues' | 'schedule' | 'scheduleExpression' | 'reservedConcurrency' | 'logRetentionDays'
>;

/** What can't be read, because a permission is missing or the resource is gone, is absent. */
export async function readSwitch(aws: Aws, { name, functionName, launcherLogGroup }: Deployment): Promise<Switch> {
  const logs = await aws.logs();
  const [schedule, reservedConcurrency, queues, groups] = await Promise.all([
    unlessRefused(readSchedule(aws, name)),
    unlessRefused(readConcurrency(aws, functionName)),
    unlessRefused(readQueues(aws, functionName)),
    unlessRefused(
      ask(
        `read the retention of the log group ${launcherLogGroup}`,
        logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: launcherLogGroup })),
      ),
    ),
  ]);
  return {
    schedule: schedule && (schedule.enabled ? 'ENABLED' : 'DISABLED'),
    scheduleExpression: schedule?.expression,
    reservedConcurrency,
    queues,
    logRetentionDays: groups?.logGroups?.find(({ logGroupName }) => logGroupName === launcherLogGroup)?.retentionInDays,
  };
}
