/** Amazon SNS: who gets the messages of a topic. https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html */
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { ApiError } from '../core/api-error.ts';
import { pageOf } from '../core/pages.ts';
import { arnOf, type Place } from '../core/place.ts';
import type { QueryService } from '../query-protocol.ts';

export interface SubscriptionInput {
  /** Such as `email` or `https`. */
  readonly protocol: string;
  readonly endpoint: string;
  /** Whether the receiver opened the link in SNS's first message. Default: true. */
  readonly confirmed?: boolean;
}

interface Subscription extends SubscriptionInput {
  readonly id: string;
}

/** What SNS shows instead of the ARN of a subscription that isn't confirmed. */
const PENDING = 'PendingConfirmation';
const PAGE_SIZE = 100;

const listByTopic = z.object({
  TopicArn: z.string().regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?$/),
  NextToken: z.string().optional(),
});

export class Topics {
  readonly #place: Place;
  readonly #topics = new Map<string, readonly Subscription[]>();

  constructor(place: Place) {
    this.#place = place;
  }

  readonly service: QueryService = {
    protocol: 'query',
    version: '2010-03-31',
    namespace: 'http://sns.amazonaws.com/doc/2010-03-31/',
    actions: { ListSubscriptionsByTopic: (input) => this.#list(input) },
  };

  /** Creates the topic, or replaces its subscriptions. @returns its ARN */
  put(name: string, subscriptions: readonly SubscriptionInput[]): string {
    const arn = arnOf('sns', this.#place, name);
    this.#topics.set(
      arn,
      subscriptions.map((subscription) => ({ ...subscription, id: randomUUID() })),
    );
    return arn;
  }

  delete(name: string): void {
    this.#topics.delete(arnOf('sns', this.#place, name));
  }

  #list(input: unknown): object {
    const wanted = listByTopic.safeParse(input).data;
    if (wanted === undefined) throw new ApiError('InvalidParameter', 'Invalid parameter: TopicArn');
    const { TopicArn: topicArn, NextToken: token } = wanted;
    const subscriptions = this.#topics.get(topicArn);
    if (subscriptions === undefined) throw new ApiError('NotFound', 'Topic does not exist', 404);
    const invalid = () => new ApiError('InvalidParameter', 'Invalid parameter: NextToken');
    const page = pageOf(subscriptions, ({ id }) => id, { token, size: PAGE_SIZE }, invalid);
    return {
      Subscriptions: page.items.map(({ id, protocol, endpoint, confirmed = true }) => ({
        SubscriptionArn: confirmed ? `${topicArn}:${id}` : PENDING,
        Owner: this.#place.accountId,
        Protocol: protocol,
        Endpoint: endpoint,
        TopicArn: topicArn,
      })),
      NextToken: page.next,
    };
  }
}
