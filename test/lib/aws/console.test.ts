import { expect, it } from 'vitest';
import { dashboardUrl } from '../../../lib/aws/console.ts';

it.each([
  ['eu-central-1', 'console.aws.amazon.com'],
  ['us-gov-west-1', 'console.amazonaws-us-gov.com'],
  ['cn-north-1', 'console.amazonaws.cn'],
  ['eusc-de-east-1', 'eusc-de-east-1.console.amazonaws-eusc.eu'],
])('the dashboard in %s is on %s', (region, host) => {
  expect(dashboardUrl(region, 'Main')).toBe(
    `https://${host}/cloudwatch/home?region=${region}#dashboards/dashboard/Main`,
  );
});
