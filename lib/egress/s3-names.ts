/** What an allowed name says of S3, where the endpoint's policy has a say beside the name. */
import { HOST_DOMAIN_PATTERN, REGION_PATTERN } from './partitions.ts';

/** A bucket that a name stands for; `undefined` inside: a name of S3 that names no bucket. */
export type S3Name = { readonly bucket: string | undefined };

/** Buckets that may be allowed by their names: the endpoint's policy takes 20,480 characters in all. */
export const MOST_BUCKETS = 50;

const KINDS = `s3|s3-fips|s3-accesspoint|s3-accesspoint-fips|s3-control|s3-${REGION_PATTERN}`;
const S3_NAME = new RegExp(
  `^(?:(.+)\\.)?(${KINDS})(?:\\.dualstack)?(?:\\.${REGION_PATTERN})?\\.${HOST_DOMAIN_PATTERN}$`,
);

/**
 * Reads `<bucket>.s3.<region>.amazonaws.com` and its older and dual-stack forms; other names of S3, which name no bucket
 * (`s3.<region>…`) or an access point, have none. Not S3's here: accelerated and website endpoints, whose addresses are
 * not those of the gateway endpoint.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
 *
 * @returns nothing for a name that is not S3's
 */
export function s3Name(name: string): S3Name | undefined {
  const match = S3_NAME.exec(name);
  if (match === null) return undefined;
  const [, bucket, kind = ''] = match;
  return { bucket: /accesspoint|control/.test(kind) ? undefined : bucket };
}

/** The buckets that allowed names stand for, each once. */
export function bucketsIn(names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => s3Name(name)?.bucket ?? []))];
}
