import { DUAL_STACK_PATTERN, HOST_DOMAIN_PATTERN } from './partitions.ts';

/** An image in ECR, read from its reference. */
export interface EcrImage {
  /** The registry's host, as it is given. */
  readonly host: string;
  readonly account: string;
  readonly region: string;
  /** What the host ends with: `amazonaws.com` or another partition's. */
  readonly domain: string;
  /** The domain of hosts for IPv4 and IPv6, when the host is such a one: `aws` of `on.aws`. */
  readonly dualStack: string | undefined;
  readonly repository: string;
}

const REFERENCE = new RegExp(
  `^((\\d{12})\\.dkr[.-]ecr(?:-fips)?\\.([a-z0-9-]+)\\.(${HOST_DOMAIN_PATTERN}|on\\.(${DUAL_STACK_PATTERN})))/([^:@]+)(?:[:@]|$)`,
);

/**
 * Reads a reference of either form: `….dkr.ecr.<region>.amazonaws.com/…`, or `….dkr-ecr.<region>.on.aws/…` for IPv4 and
 * IPv6, both also with `ecr-fips`. https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html
 *
 * @returns nothing for an image of another registry
 */
export function ecrImage(reference: string): EcrImage | undefined {
  const match = REFERENCE.exec(reference);
  if (match === null) return undefined;
  const [, host = '', account = '', region = '', domain = '', dualStack, repository = ''] = match;
  return { host, account, region, domain, dualStack, repository };
}
