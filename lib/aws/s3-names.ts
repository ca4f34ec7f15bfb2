/** S3 hostnames among the allowed domains. A request to S3 must pass both the domain check and the endpoint's policy. */
import { HOST_DOMAIN_PATTERN, REGION_PATTERN } from './partitions.ts';

/**
 * Maximum number of buckets among the allowed domains. The limit follows from the endpoint policy's maximum of 20,480 characters.
 */
export const MAX_BUCKETS = 50;

const KINDS = `s3|s3-fips|s3-accesspoint|s3-accesspoint-fips|s3-control|s3-${REGION_PATTERN}`;
const S3_NAME = new RegExp(
  `^(?:(.+)\\.)?(${KINDS})(?:\\.dualstack)?(?:\\.${REGION_PATTERN})?\\.${HOST_DOMAIN_PATTERN}$`,
);

/**
 * Parses `<bucket>.s3.<region>.amazonaws.com` and its older and dual-stack forms. Other S3 hostnames (`s3.<region>…`, access
 * points) have no bucket. Accelerated and website endpoints don't count as S3 here, because the gateway endpoint doesn't
 * cover their addresses.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
 *
 * @returns `undefined` for a hostname that isn't S3's
 */
export function s3Name(name: string): { readonly bucket: string | undefined } | undefined {
  const match = S3_NAME.exec(name);
  if (match === null) return undefined;
  const [, bucket, kind = ''] = match;
  return { bucket: /accesspoint|control/.test(kind) ? undefined : bucket };
}

/** The buckets of the allowed domains, without duplicates. */
export function bucketsIn(names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => s3Name(name)?.bucket ?? []))];
}
