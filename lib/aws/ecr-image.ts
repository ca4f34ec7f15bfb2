import { DUAL_STACK_PATTERN, HOST_DOMAIN_PATTERN } from './partitions.ts';

export interface EcrImage {
  /** The registry's host, as in the reference. */
  readonly host: string;
  readonly account: string;
  readonly region: string;
  /** The end of the host: `amazonaws.com`, or the domain of another partition. */
  readonly domain: string;
  /** Domain of a dual-stack host without `on.`: `aws` if the host ends in `on.aws`. `undefined` for other hosts. */
  readonly dualStack: string | undefined;
  readonly repository: string;
}

const REFERENCE = new RegExp(
  `^((\\d{12})\\.dkr[.-]ecr(?:-fips)?\\.([a-z0-9-]+)\\.(${HOST_DOMAIN_PATTERN}|on\\.(${DUAL_STACK_PATTERN})))/([^:@]+)(?:[:@]|$)`,
);

/**
 * Parses a reference to an image in ECR: `….dkr.ecr.<region>.amazonaws.com/…`, or the dual-stack form
 * `….dkr-ecr.<region>.on.aws/…`. Both forms can also have `ecr-fips`. https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html
 *
 * @returns `undefined` for an image of another registry
 */
export function ecrImage(reference: string): EcrImage | undefined {
  const match = REFERENCE.exec(reference);
  if (match === null) return undefined;
  const [, host = '', account = '', region = '', domain = '', dualStack, repository = ''] = match;
  return { host, account, region, domain, dualStack, repository };
}
