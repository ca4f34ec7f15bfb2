import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { explain } from './acknowledgement.ts';
import { type KeyUse, type KeyUser, keyPolicyStatements } from './aws/key-policy.ts';
import { alarmTopicName } from './names.ts';

/** What happens to the logs of a stack, in addition to their retention. */
export interface LogOptions {
  /**
   * What happens to the log groups when the stack is deleted. With `retain`, they stay, and a new stack with the same name fails
   * until you delete them.
   *
   * @default 'delete'
   */
  readonly onDelete?: 'delete' | 'retain' | undefined;
  /**
   * ARN of what receives every log event: a Kinesis stream, a Firehose stream, a Lambda function or a destination of CloudWatch
   * Logs.
   *
   * @default - nothing
   */
  readonly exportTo?: string | undefined;
  /**
   * Role with which CloudWatch Logs writes to the stream. Required for Kinesis and Firehose, and not allowed for the others.
   *
   * @default - no role
   */
  readonly exportRole?: IRole | undefined;
}

/** {@link LogOptions} with the key. */
export interface LogGroupOptions extends LogOptions {
  /**
   * Key that encrypts the log groups. Its policy must allow CloudWatch Logs to use it.
   *
   * @default - a key of CloudWatch Logs
   */
  readonly encryptionKey?: IKey | undefined;
}

interface LogGroupProps {
  /** @default - a name that CloudFormation makes */
  readonly logGroupName?: string;
  readonly retention: logs.RetentionDays;
}

/** A log group of the stack. Every log group is made here, so that the options apply to all of them. */
export function newLogGroup(
  scope: Construct,
  id: string,
  props: LogGroupProps,
  { encryptionKey, onDelete = 'delete', exportTo, exportRole }: LogGroupOptions = {},
): logs.LogGroup {
  const group = new logs.LogGroup(scope, id, {
    ...props,
    ...(encryptionKey !== undefined && { encryptionKey }),
    // If the first deployment fails, an empty log group must not prevent the next one.
    removalPolicy: onDelete === 'delete' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  });
  if (encryptionKey === undefined) {
    explain(group, {
      CloudWatchLogGroupEncrypted:
        'CloudWatch Logs encrypts every log group, by default with a key that AWS owns. The setting encryption.keyArn or encryption.logsKeyArn removes the finding.',
    });
  }
  if (exportTo !== undefined) {
    new logs.CfnSubscriptionFilter(group, 'Export', {
      logGroupName: group.logGroupName,
      destinationArn: exportTo,
      filterPattern: '',
      ...(exportRole !== undefined && { roleArn: exportRole.roleArn }),
    });
  }
  return group;
}

/** The stack as a user of keys. */
export function keyUser(scope: Construct, cluster: string): KeyUser {
  const { partition, account, region, urlSuffix, stackName: stack } = Stack.of(scope);
  return { partition, account, region, urlSuffix, stack, cluster, topic: alarmTopicName(cluster) };
}

/** Allows AWS services to use a key that the app creates. The policy of an imported key doesn't change. */
export function allowServices(scope: Construct, use: KeyUse, key: IKey | undefined, cluster: string): void {
  for (const statement of keyPolicyStatements([use], keyUser(scope, cluster))) {
    key?.addToResourcePolicy(PolicyStatement.fromJson(statement));
  }
}
