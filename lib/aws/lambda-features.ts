/** Features of Lambda that some regions and partitions don't have, as of 2026-11-30. If AWS adds one, remove the region here. */
import { partitionOf } from './partitions.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html */
const WITHOUT_FUNCTION_URLS = [
  'ap-east-2',
  'ap-south-2',
  'ap-southeast-4',
  'ap-southeast-5',
  'ap-southeast-6',
  'ap-southeast-7',
  'ca-west-1',
  'eu-central-2',
  'eu-south-2',
  'il-central-1',
  'me-central-1',
];

/**
 * Whether a function can have a URL. GovCloud: https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-lambda.html
 * China: https://docs.amazonaws.cn/en_us/aws/latest/userguide/lambda.html
 */
export function hasFunctionUrls(region: string): boolean {
  return !['aws-us-gov', 'aws-cn'].includes(partitionOf(region)) && !WITHOUT_FUNCTION_URLS.includes(region);
}

/**
 * Whether Lambda can write its own log lines as JSON. The launcher writes its lines as JSON in either case.
 * https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-lambda.html
 */
export function hasJsonLogs(region: string): boolean {
  return partitionOf(region) !== 'aws-us-gov';
}

/** Resource types that can't have tags in a region. https://docs.aws.amazon.com/govcloud-us/latest/UserGuide/govcloud-lambda.html */
export function untaggableTypes(region: string): string[] {
  return partitionOf(region) === 'aws-us-gov' ? ['AWS::Lambda::EventSourceMapping'] : [];
}
