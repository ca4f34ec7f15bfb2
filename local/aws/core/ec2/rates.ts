/**
 * EC2's token buckets, per account and Region. RunInstances and three other actions also take one token per instance from a second bucket.
 * https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
 */
import { TokenBucket } from '../token-bucket.ts';

interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

const NON_MUTATING: Rate = { burst: 100, perSecond: 20 };
/** A few actions without a filter and without pages. */
const UNFILTERED: Rate = { burst: 50, perSecond: 10 };
const UNFILTERED_ACTIONS: readonly string[] = [
  'DescribeInstances',
  'DescribeInstanceStatus',
  'DescribeNetworkInterfaces',
  'DescribeSecurityGroups',
];
const MUTATING: Rate = { burst: 50, perSecond: 5 };
const OWN_RATES: Readonly<Record<string, Rate>> = {
  CreateTags: { burst: 100, perSecond: 10 },
  DeleteTags: { burst: 100, perSecond: 10 },
  ModifyNetworkInterfaceAttribute: { burst: 100, perSecond: 5 },
  RunInstances: { burst: 5, perSecond: 2 },
  StartInstances: { burst: 5, perSecond: 2 },
  TerminateInstances: { burst: 100, perSecond: 5 },
};
const INSTANCE_RATES: Readonly<Record<string, Rate>> = {
  RunInstances: { burst: 1000, perSecond: 2 },
  StartInstances: { burst: 1000, perSecond: 2 },
  StopInstances: { burst: 1000, perSecond: 20 },
  TerminateInstances: { burst: 1000, perSecond: 20 },
};

/** A request as the buckets see it. */
export interface RatedRequest {
  readonly action: string;
  /** Number of instances that the request changes. */
  readonly instances: number;
  /** Whether it has a filter, ids or pages. */
  readonly isNarrow: boolean;
}

export class Ec2Rates {
  readonly #buckets = new Map<string, TokenBucket>();

  /** Takes the request's tokens. @returns whether there were enough */
  take({ action, instances, isNarrow }: RatedRequest, now: number): boolean {
    const isWide = !isNarrow && UNFILTERED_ACTIONS.includes(action);
    const general = /^(Describe|Get|List|Search)/.test(action) ? NON_MUTATING : MUTATING;
    const rate = isWide ? UNFILTERED : (OWN_RATES[action] ?? general);
    if (!this.#bucket(`${action}${isWide ? '/wide' : ''}`, rate).take(1, now)) return false;
    const perInstance = INSTANCE_RATES[action];
    return perInstance === undefined || this.#bucket(`${action}/instances`, perInstance).take(instances, now);
  }

  #bucket(name: string, rate: Rate): TokenBucket {
    const bucket = this.#buckets.get(name) ?? new TokenBucket(rate);
    this.#buckets.set(name, bucket);
    return bucket;
  }
}
