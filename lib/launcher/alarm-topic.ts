/**
 * The topic that sends alarms to an e-mail address.
 *
 * SNS sends a message with a link to the address. Until somebody opens the link, the subscription is pending and SNS delivers nothing.
 *
 * By default, the topic has no key: CloudWatch can't use AWS's key `alias/aws/sns`, so an encrypted topic needs a customer managed key.
 * https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns
 */
import { Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { acknowledge, explain } from '../acknowledgement.ts';
import { allowServices } from '../log-group.ts';
import { alarmTopicName } from '../names.ts';

export interface AlarmTopicProps {
  /** Name of the launcher. It is also the sender's name in the e-mails. */
  readonly name: string;
  readonly email: string;
  /** Key of the messages; absent: they aren't encrypted. */
  readonly key?: IKey | undefined;
}

export class AlarmTopic extends Construct {
  readonly topic: sns.Topic;

  constructor(scope: Construct, id: string, { name, email, key }: AlarmTopicProps) {
    super(scope, id);
    this.topic = new sns.Topic(this, 'Topic', {
      topicName: alarmTopicName(name),
      displayName: name,
      ...(key !== undefined && { masterKey: key }),
      // Adds a statement that denies every message that isn't sent over TLS.
      enforceSSL: true,
    });
    // `addSubscription` would put the address into the logical ID.
    const subscription = new sns.Subscription(this, 'Email', {
      topic: this.topic,
      protocol: sns.SubscriptionProtocol.EMAIL,
      endpoint: email,
    });
    for (const statement of this.senders(Stack.of(this).account)) this.topic.addToResourcePolicy(statement);
    allowServices(this, 'topic', key, name);
    if (key === undefined) {
      const unencrypted =
        'CloudWatch alarms cannot use the AWS managed key of SNS. Messages name alarms, metrics and callers, and never contain a token. The setting encryption.keyArn or encryption.topicKeyArn removes the finding.';
      acknowledge(this.topic, { id: 'AwsSolutions::AwsSolutions-SNS2', reason: unencrypted });
      explain(this.topic, { SNSEncryptedKMS: unencrypted });
    }
    explain(subscription, {
      SNSRedrivePolicy:
        'If an e-mail cannot be delivered, CloudWatch still shows the alarm, and the dashboard lists it.',
    });
  }

  /** This policy replaces SNS's default policy, so principals of the account need their own permission to publish. */
  private senders(account: string): iam.PolicyStatement[] {
    const publish = { actions: ['sns:Publish'], resources: [this.topic.topicArn] };
    const events = new iam.ServicePrincipal('events.amazonaws.com');
    const cloudWatch = new iam.ServicePrincipal('cloudwatch.amazonaws.com');
    return [
      new iam.PolicyStatement({
        ...publish,
        sid: 'Alarms',
        principals: [cloudWatch],
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
      // AWS's example has no condition, and it is unverified whether EventBridge sends a key that a condition could compare. If it doesn't,
      // a condition would refuse every event.
      // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
      new iam.PolicyStatement({ ...publish, sid: 'Events', principals: [events] }),
      // If EventBridge does send the account of the rule, it must be this one.
      new iam.PolicyStatement({
        ...publish,
        sid: 'EventsOfOtherAccounts',
        effect: iam.Effect.DENY,
        principals: [events],
        conditions: {
          Null: { 'aws:SourceAccount': 'false' },
          StringNotEquals: { 'aws:SourceAccount': account },
        },
      }),
    ];
  }
}
