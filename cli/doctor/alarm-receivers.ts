/** Reads the subscriptions of the topics that alarms notify. */
import { paginateListSubscriptionsByTopic } from '@aws-sdk/client-sns';
import type { Aws } from '../aws/clients.ts';
import { nameOfAwsError } from '../aws/errors.ts';
import { type AlarmAction, checkAlarmReceivers, type Subscription } from '../core/doctor/alarm-receivers.ts';
import type { Finding } from '../core/doctor/findings.ts';
import { observe } from './observe.ts';

/** @param arns what the alarms notify */
export async function alarmReceiverFindings(aws: Aws, arns: readonly string[]): Promise<Finding[]> {
  const actions = await Promise.all(
    [...new Set(arns)].map(async (arn): Promise<AlarmAction> => {
      if (!/^arn:[^:]+:sns:/.test(arn)) return { arn };
      return { arn, subscriptions: await observe(() => subscriptionsOf(aws, arn)) };
    }),
  );
  return checkAlarmReceivers(actions);
}

/** `undefined`: the topic doesn't exist. */
async function subscriptionsOf(aws: Aws, topicArn: string): Promise<Subscription[] | undefined> {
  const client = await aws.sns();
  const found: Subscription[] = [];
  try {
    for await (const { Subscriptions = [] } of paginateListSubscriptionsByTopic({ client }, { TopicArn: topicArn })) {
      for (const { SubscriptionArn = '', Protocol = '', Endpoint = '' } of Subscriptions) {
        // SNS shows these words instead of an ARN. It keeps a deleted subscription in the list for some time.
        if (SubscriptionArn === 'Deleted') continue;
        found.push({ protocol: Protocol, endpoint: Endpoint, confirmed: SubscriptionArn !== 'PendingConfirmation' });
      }
    }
    return found;
  } catch (error) {
    if (nameOfAwsError(error) === 'NotFoundException') return undefined;
    throw error;
  }
}
