import { expect, test } from 'vitest';
import { checkServices } from '../../../../cli/core/doctor/services.ts';
import { isListedService } from '../../../../lib/aws/service-endpoints.ts';

test.each([
  ['found', ['sts', 'iam'], [], 'ok', /sts and iam/],
  [
    'missing',
    ['sts', 's4'],
    [{ service: 's4', host: 's4.eu-central-1.amazonaws.com' }],
    'warning',
    /no host s4\.eu-central-1/,
  ],
  ['not looked up, but listed', ['sts', 'iam'], undefined, 'note', /only compared with this version’s list/],
  ['neither looked up nor listed', ['sts', 's4', 'cloudfish'], undefined, 'warning', /doesn’t have s4 and cloudfish/],
] as const)('services that are %s get the right severity', (_, services, unknown, severity, what) => {
  expect(checkServices(services, unknown)).toMatchObject({ severity, what: expect.stringMatching(what) });
});

test('the list has services with usual and with special hosts, and no typo', () => {
  const usual = [
    'sts',
    'iam',
    'ec2',
    's3',
    'logs',
    'monitoring',
    'elasticloadbalancing',
    'ecr',
    'sagemaker',
    'pricing',
  ];
  expect(usual.filter((service) => !isListedService(service))).toEqual([]);
  expect(['s4', 'cloudfish', 'constructor', ''].filter(isListedService)).toEqual([]);
});
