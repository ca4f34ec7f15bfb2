import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { acknowledge, explain } from '../acknowledgement.ts';

/**
 * After this time, SQS shows a received message again unless Lambda has deleted it. It must be at least the function's
 * timeout (58 s), or Lambda refuses the event source mapping. AWS recommends six times the function's timeout, so that Lambda can retry a throttled batch.
 * A wake-up is useless by then. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
 */
const VISIBILITY_TIMEOUT = Duration.seconds(60);

/**
 * A message expires this long after it was sent, including its delay of up to 59 s. So a batch that fails is received again once at
 * most, and messages can't pile up while the function doesn't work.
 */
const RETENTION = Duration.seconds(120);

/** SQS's maximum: each new data key is a request to KMS, which costs money. */
const DATA_KEY_REUSE = Duration.hours(24);

/** SQS's maximum for one ReceiveMessage call. */
const BATCH_SIZE = 10;

/** Lambda's minimum. With it, wake-ups can't use up the account's concurrency, however many there are. */
const MAX_CONCURRENCY = 2;

const NO_DEAD_LETTERS =
  'A wake-up has no effect after a minute, because the schedule polls as well. Nobody would read a dead-letter queue.';

/** The queue of wake-ups: messages that invoke the launcher between two scheduled invocations. */
export class WakeUps extends Construct {
  readonly queue: sqs.Queue;

  /** @param key of the messages; absent: a key of SQS */
  constructor(scope: Construct, id: string, key?: IKey) {
    super(scope, id);
    // Without a fixed name, because SQS refuses the name of a queue that was deleted in the last 60 s.
    this.queue = new sqs.Queue(this, 'Queue', {
      ...(key === undefined
        ? { encryption: sqs.QueueEncryption.SQS_MANAGED }
        : { encryption: sqs.QueueEncryption.KMS, encryptionMasterKey: key, dataKeyReuse: DATA_KEY_REUSE }),
      enforceSSL: true,
      visibilityTimeout: VISIBILITY_TIMEOUT,
      retentionPeriod: RETENTION,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acknowledge(this.queue, { id: 'AwsSolutions::AwsSolutions-SQS3', reason: NO_DEAD_LETTERS });
    explain(this.queue, { SQSRedrivePolicy: NO_DEAD_LETTERS });
  }

  /** Invokes the function with the messages. The function's role needs the permissions already. */
  invoke(target: lambda.Function): void {
    const mapping = new lambda.EventSourceMapping(this, 'Mapping', {
      target,
      eventSourceArn: this.queue.queueArn,
      batchSize: BATCH_SIZE,
      maxConcurrency: MAX_CONCURRENCY,
    });
    explain(mapping, { LambdaEventSourceMappingDestination: NO_DEAD_LETTERS });
    // Lambda refuses the mapping if the role can't receive messages. The role's policy is a separate resource.
    if (target.role !== undefined) mapping.node.addDependency(target.role);
  }
}
