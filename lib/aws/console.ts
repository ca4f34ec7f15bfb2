/** Addresses of pages in the AWS console. */
import { partitionOf } from './partitions.ts';

/** The console's host in the partitions other than `aws`. */
const HOSTS: Readonly<Record<string, (region: string) => string>> = {
  'aws-us-gov': () => 'console.amazonaws-us-gov.com',
  'aws-cn': () => 'console.amazonaws.cn',
  'aws-eusc': (region) => `${region}.console.amazonaws-eusc.eu`,
};

/** URL of CloudWatch's console. A region that is only known at deployment counts as one of the partition `aws`. */
export function cloudWatchUrl(region: string): string {
  const host = HOSTS[partitionOf(region)]?.(region) ?? 'console.aws.amazon.com';
  return `https://${host}/cloudwatch/home?region=${region}`;
}

/** URL of the launcher's dashboard. */
export function dashboardUrl(region: string, launcher: string): string {
  return `${cloudWatchUrl(region)}#dashboards/dashboard/${launcher}`;
}
