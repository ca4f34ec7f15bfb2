/** Checks whether anybody gets the alarms: the alarms' topic, and its subscriptions. */

import { countedInWords } from '../sentences.ts';
import { couldNotCheck, error, type Finding, note, type Observed, ok, warning } from './findings.ts';

export interface Subscription {
  /** Such as `email`. */
  readonly protocol: string;
  readonly endpoint: string;
  /** Whether the receiver has confirmed it. Before, SNS sends nothing. */
  readonly confirmed: boolean;
}

/** What the alarms notify. */
export interface AlarmAction {
  /** ARN of a topic, or of something else, such as a function. */
  readonly arn: string;
  /** Only of a topic. `undefined`: the topic doesn't exist. */
  readonly subscriptions?: Observed<readonly Subscription[] | undefined>;
}

const ID = 'deployment.alarm-receivers';

/** Settings before the deployment. */
export function checkAlarmSettings(settings: {
  readonly alarmEmail?: string | undefined;
  readonly alarmTopicArn?: string | undefined;
}): Finding[] {
  return settings.alarmEmail === undefined && settings.alarmTopicArn === undefined ? checkAlarmReceivers([]) : [];
}

/** @param actions those of all alarms, without duplicates */
export function checkAlarmReceivers(actions: readonly AlarmAction[]): Finding[] {
  if (actions.length === 0) {
    return [
      note(ID, {
        what: 'The alarms notify nobody.',
        why: 'Only the CloudWatch console shows that the launcher is silent or that jobs wait.',
        todo: 'Run `agent-launcher setup --alarm-email ADDRESS`, or set alarmTopicArn, and deploy.',
      }),
    ];
  }
  return actions.flatMap(findingsOf);
}

function findingsOf({ arn, subscriptions }: AlarmAction): Finding[] {
  if (subscriptions === undefined) return [ok(ID, `The alarms notify ${arn}.`)];
  if ('failure' in subscriptions) {
    return [
      couldNotCheck(ID, `who gets the alarms from ${arn}`, subscriptions.failure, 'sns:ListSubscriptionsByTopic'),
    ];
  }
  const all = subscriptions.value;
  if (all === undefined) {
    return [
      error(ID, {
        what: `The alarms notify the topic ${arn}, which doesn’t exist.`,
        why: 'Nobody learns that the launcher is silent or that jobs wait.',
        todo: 'With alarmEmail, deploy again: the stack creates its topic. With alarmTopicArn, correct the ARN, and deploy.',
      }),
    ];
  }
  const subscribe = `aws sns subscribe --topic-arn ${arn} --protocol email --notification-endpoint`;
  if (all.length === 0) {
    return [
      warning(ID, {
        what: `The topic ${arn} of the alarms has no subscription.`,
        why: 'Nobody learns that the launcher is silent or that jobs wait.',
        todo: `Subscribe: ${subscribe} ADDRESS`,
      }),
    ];
  }
  const pending = all.filter(({ confirmed }) => !confirmed);
  if (pending.length === 0) {
    return [ok(ID, `The topic ${arn} sends the alarms to ${countedInWords(all.length, 'confirmed subscription')}.`)];
  }
  return pending.map(({ protocol, endpoint }) =>
    warning(ID, {
      what: `The subscription of ${endpoint} (${protocol}) to the alarms isn’t confirmed.`,
      why: 'SNS sends no alarm to it until somebody opens the link in SNS’s first message.',
      todo:
        protocol === 'email'
          ? `Open the link in the e-mail "AWS Notification - Subscription Confirmation". It is valid for two days. For a new e-mail: ${subscribe} ${endpoint}`
          : 'Confirm it: https://docs.aws.amazon.com/sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html',
    }),
  );
}
