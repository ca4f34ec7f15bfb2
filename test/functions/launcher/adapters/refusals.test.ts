import { describe, expect, it } from 'vitest';
import { REFUSAL_TABLE, refusalOf } from '../../../../functions/launcher/adapters/ecs/refusals.ts';
import { REFUSAL_MESSAGES } from '../aws-messages.ts';

/**
 * Names of RunTask's errors and failures from AWS's models and documentation, for which no public report contains the
 * whole message.
 */
const BY_NAME = [
  ['PlatformTaskDefinitionIncompatibilityException', '', 'misconfiguration'],
  ['PlatformUnknownException', 'The specified platform version does not exist.', 'misconfiguration'],
  ['UnsupportedFeatureException', 'not in this Region', 'misconfiguration'],
  ['ClientException', 'the request is not valid', 'misconfiguration'],
  ['InvalidParameterException', 'TaskDefinition is inactive', 'misconfiguration'],
  ['LOCATION', '', 'misconfiguration'],
  ['NO ACTIVE INSTANCES', '', 'misconfiguration'],
  ['RESOURCE:PORTS', '', 'capacity'],
  ['RESOURCE:*', '', 'capacity'],
  ['EMPTY CAPACITY PROVIDER', '', 'capacity'],
  ['InsufficientFreeAddressesInSubnet', '', 'addresses'],
  ['PrivateIpAddressLimitExceeded', 'The maximum number of private IP addresses is reached', 'addresses'],
  ['Throttling', 'Rate exceeded', 'throttled'],
  ['TooManyRequestsException', '', 'throttled'],
  ['UnrecognizedClientException', 'The security token included in the request is invalid.', 'access'],
  ['InvalidSignatureException', 'Signature expired: 20260301T120000Z is now earlier than 20260301T121000Z', 'access'],
  ['RequestLimitExceeded', '', 'throttled'],
  ['ClientException', 'Request limit exceeded.', 'throttled'],
  ['ClientException', '(ErrorCode: RequestLimitExceeded)', 'throttled'],
  ['LimitExceededException', 'The limit for the resource was exceeded.', 'quota'],
  ['ClientException', 'The specified subnet does not have enough free addresses to satisfy the request.', 'addresses'],
  ['ClientException', 'You are not authorized to perform this operation.', 'access'],
  ['ClientException', '(ErrorCode: UnauthorizedOperation)', 'access'],
  ['ExpiredTokenException', 'The security token included in the request is expired', 'access'],
  [
    'InvalidParameterException',
    'Error retrieving subnet information for [subnet-1]: You are not authorized to perform this operation. (ErrorCode: UnauthorizedOperation)',
    'access',
  ],
  ['SomethingNew', 'the agent is never seen', 'unknown'],
] as const;

const rowOf = (name: string, text: string) =>
  REFUSAL_TABLE.findIndex(({ remedy }) => remedy === refusalOf(name, text).remedy);

describe('a refused launch is explained', () => {
  it.each(REFUSAL_MESSAGES)('$name: $text', ({ name, text, cause, remedy }) => {
    expect(refusalOf(name, text)).toEqual({
      cause,
      detail: text === '' ? name : `${name}: ${text}`,
      remedy: expect.stringMatching(remedy),
    });
  });

  it.each(BY_NAME)('%s: %s → %s', (name, text, cause) => {
    expect(refusalOf(name, text)).toMatchObject({ cause, detail: expect.stringContaining(name) });
  });

  it.each([
    ['with an explicit deny in a service control policy', /policy of the organization/],
    ['because no resource control policy allows the iam:PassRole action', /policy of the organization/],
    ['with an explicit deny in a VPC endpoint policy', /endpoint policy denies/],
    ['with an explicit deny in an identity-based policy', /Deploy the stack again/],
  ])('by the kind of policy that denies it: %s', (denial, remedy) => {
    const text = `User: arn:aws:sts::111122223333:assumed-role/x/y is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/z ${denial}`;
    expect(refusalOf('AccessDeniedException', text)).toMatchObject({
      cause: 'access',
      remedy: expect.stringMatching(remedy),
    });
  });

  it('even if its message is part of another exception’s text', () => {
    for (const { name, text, cause } of REFUSAL_MESSAGES) {
      if (/^([A-Z:]+|[A-Za-z]*Exception|Blocked)$/.test(name)) continue;
      expect(refusalOf('ClientException', [name, text].join(' '))).toMatchObject({ cause });
    }
  });
});

describe('names that users choose', () => {
  it.each([
    'throttle-Rate exceeded',
    'quota-LimitExceeded',
    'RESOURCE:CPU',
    'Capacity is unavailable',
    'enough free addresses',
    'account is currently blocked',
  ])('do not change the cause of a denial for a role named %s', (called) => {
    const text = `User: arn:aws:iam::111122223333:user/x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/${called} because no identity-based policy allows the iam:PassRole action`;
    expect(refusalOf('AccessDeniedException', text).cause).toBe('access');
  });

  it('do not change the cause of a role that ECS cannot assume', () => {
    const text =
      "ECS was unable to assume the role 'arn:aws:iam::111122223333:role/LimitExceeded' that was provided for this task.";
    expect(refusalOf('ClientException', text).cause).toBe('task-role');
  });

  it('do not turn a missing cluster into a lack of capacity', () => {
    expect(refusalOf('ClusterNotFoundException', 'arn:aws:ecs:x:1:cluster/LimitExceeded').cause).toBe(
      'misconfiguration',
    );
  });
});

describe('the table of refusals', () => {
  it('has a real message for every row', () => {
    const messages = [...REFUSAL_MESSAGES.map(({ name, text }) => [name, text] as const), ...BY_NAME];
    const decided = new Set(messages.map(([name, text]) => rowOf(name, text)));
    expect(REFUSAL_TABLE.filter((_, index) => !decided.has(index))).toEqual([]);
  });

  it('has a different remedy in every row, so that a test fails if a row is lost or moved', () => {
    expect(new Set(REFUSAL_TABLE.map(({ remedy }) => remedy)).size).toBe(REFUSAL_TABLE.length);
  });

  it('never recommends waiting for a permanent fault', () => {
    const staying = REFUSAL_MESSAGES.filter(({ cause }) => ['access', 'account', 'misconfiguration'].includes(cause));
    for (const { name, text } of staying) expect(refusalOf(name, text).remedy).not.toMatch(/tries again|wait/);
  });
});

it('a refusal that matches no row says where to search for its message', () => {
  expect(refusalOf('SomethingNewException', 'because').remedy).toContain('ECS API reference');
});

it.each([
  ['Blocked', true],
  ['BlockedException', true],
  ['Throttling', true],
  ['ThrottlingException', true],
  ['RESOURCE:CPU', true],
  ['EMPTY CAPACITY PROVIDER', true],
  ['ClientException', true],
  ['AGENT', true],
  ['XAccessDenied', false],
  ['XBlocked', false],
  ['BlockedX', false],
  ['XThrottling', false],
  ['ThrottlingX', false],
  ['X RESOURCE:CPU', false],
  ['EMPTY CAPACITY PROVIDERS', false],
  ['XClientException', false],
  ['ClientExceptionX', false],
  ['XAGENT', false],
])('the error name %j is recognized only if it is complete: %s', (name, known) => {
  expect(refusalOf(name, '').cause !== 'unknown').toBe(known);
});
