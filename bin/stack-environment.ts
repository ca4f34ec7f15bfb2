import type { StackProps } from 'aws-cdk-lib';
import { partitionOf } from '../lib/aws/partitions.ts';

/**
 * The account and region of the stack in partitions other than the standard one, where hostnames, names of endpoints and features
 * of Lambda differ. In the standard partition, the same template fits every account and region.
 */
export function stackEnvironment({
  account,
  region,
}: {
  readonly account?: string | undefined;
  readonly region?: string | undefined;
}): Pick<StackProps, 'env'> {
  if (account === undefined || region === undefined || partitionOf(region) === 'aws') return {};
  return { env: { account, region } };
}
