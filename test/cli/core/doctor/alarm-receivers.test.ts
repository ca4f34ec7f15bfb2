import { expect, it } from 'vitest';
import {
  type AlarmAction,
  checkAlarmReceivers,
  checkAlarmSettings,
  type Subscription,
} from '../../../../cli/core/doctor/alarm-receivers.ts';
import { DENIED, shown } from './builders.ts';

const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:AgentLauncher-alarms';
const email = (more: Partial<Subscription> = {}): Subscription => ({
  protocol: 'email',
  endpoint: 'ops@acme.example',
  confirmed: true,
  ...more,
});
const topic = (subscriptions: AlarmAction['subscriptions']): AlarmAction => ({
  arn: TOPIC,
  ...(subscriptions !== undefined && { subscriptions }),
});
const check = (...actions: AlarmAction[]): string[] => shown(checkAlarmReceivers(actions));

it.each<[string, AlarmAction[], RegExp]>([
  ['a confirmed subscription', [topic({ value: [email()] })], /^ok .* to one confirmed subscription\.$/],
  ['an action that is not a topic', [topic(undefined)], /^ok .*The alarms notify arn:aws:sns/],
  ['no action', [], /^note .*The alarms notify nobody\..*setup --alarm-email/],
  ['a topic that was deleted', [topic({ value: undefined })], /^error .*which doesn’t exist\..*deploy again/],
  [
    'a topic without a subscription',
    [topic({ value: [] })],
    /^warning .*has no subscription\..* --notification-endpoint ADDRESS$/,
  ],
  ['a topic that can’t be read', [topic(DENIED)], /^warning .*Allow sns:ListSubscriptionsByTopic/],
])('%s is exactly one finding', (_, actions, expected) => {
  expect(check(...actions)).toEqual([expect.stringMatching(expected)]);
});

it('each subscription that isn’t confirmed is a warning that says how to confirm it', () => {
  const web = email({ protocol: 'https', endpoint: 'https://acme.example/hook', confirmed: false });
  expect(check(topic({ value: [email({ confirmed: false }), web, email()] }))).toEqual([
    'warning deployment.alarm-receivers: The subscription of ops@acme.example (email) to the alarms isn’t confirmed. ' +
      'SNS sends no alarm to it until somebody opens the link in SNS’s first message. ' +
      'Open the link in the e-mail "AWS Notification - Subscription Confirmation". It is valid for two days. ' +
      `For a new e-mail: aws sns subscribe --topic-arn ${TOPIC} --protocol email --notification-endpoint ops@acme.example`,
    expect.stringMatching(/^warning .*https:\/\/acme\.example\/hook \(https\).*Confirm it: https:/),
  ]);
});

it.each<[Parameters<typeof checkAlarmSettings>[0], readonly string[]]>([
  [{}, ['note']],
  [{ alarmEmail: 'team@example.com' }, []],
  [{ alarmTopicArn: 'arn:aws:sns:eu-central-1:123456789012:alarms' }, []],
])('the settings %j before the deployment get the notes %j', (settings, severities) => {
  expect(checkAlarmSettings(settings).map(({ severity }) => severity)).toEqual(severities);
});
