import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { START_CAUSE_TABLE } from '../../../../functions/launcher/core/start-cause-table.ts';
import { startCauseOf } from '../../../../functions/launcher/core/start-causes.ts';
import { EXIT_CODES } from '../../../../functions/launcher/core/start-exit-codes.ts';
import { STOP_MESSAGES } from '../aws-messages.ts';

/** The two reasons that the launcher itself writes. */
const OWN_WORDS = [
  ['its agent registered and ended without a job; exit code 75', 'no-job', /TFC_AGENT_ACCEPT/],
  ['agent-launcher: its agent did not register within 300 s; exit code 137', 'registration', /egress/],
  ['agent-launcher: its agent did not register within 300 s; exit code 143', 'registration', /egress/],
] as const;

const firstRowOf = (detail: string) => START_CAUSE_TABLE.findIndex(({ when }) => when.every((one) => one.test(detail)));

describe('the cause of a start failure is found', () => {
  it.each(STOP_MESSAGES)('$said', ({ said, cause, remedy }) => {
    expect(startCauseOf(said)).toEqual({ cause, remedy: expect.stringMatching(remedy) });
  });

  it.each(STOP_MESSAGES)('with additional text around the message: $said', ({ said, cause, remedy }) => {
    if (cause === 'unknown') return;
    const detail = `Essential container in task exited; ${said}; exit code 1`;
    expect(startCauseOf(detail)).toEqual({ cause, remedy: expect.stringMatching(remedy) });
  });

  it.each(OWN_WORDS)('if the launcher itself gave the reason: %s', (detail, cause, remedy) => {
    expect(startCauseOf(detail)).toEqual({ cause, remedy: expect.stringMatching(remedy) });
  });

  it.each([
    [0, 'agent', /not a tfc-agent image/],
    [1, 'agent', /agent token/],
    [69, 'container', /metadata endpoint/],
    [78, 'container', /setting/],
    [126, 'container', /cannot be executed/],
    [127, 'container', /no tfc-agent/],
    [137, 'memory', /memoryMiB/],
    [143, 'agent', /its log/],
  ] as const)('from exit code %i if ECS gives no other reason', (code, cause, remedy) => {
    const detail = `Essential container in task exited; exit code ${code}`;
    expect(startCauseOf(detail)).toEqual({ cause, remedy: expect.stringMatching(remedy) });
  });

  it('from an exit code only if the launcher added it, not if a message quotes it', () => {
    expect(startCauseOf('hook failed with exit code 137').cause).toBe('unknown');
    expect(startCauseOf('exit code 137; and more').cause).toBe('unknown');
    expect(startCauseOf('exit code 137').cause).toBe('memory');
  });

  it('to be unknown if ECS gives no reason', () => {
    expect(startCauseOf('ECS gave no reason').cause).toBe('unknown');
  });
});

/** Each step in which ECS uses a service: ECS's message, the cause, and the remedies for a missing route and a missing permission. */
const STEPS = [
  ['CannotPullContainerError: failed to resolve ref x', 'image', /no route to the registry/, /repository’s policy/],
  ['unable to retrieve ecr registry auth', 'image', /no route to ECR/, /ecr:GetAuthorizationToken/],
  ['The task cannot pull registry auth from Amazon ECR', 'image', /no route to ECR/, /ecr:GetAuthorizationToken/],
  ['operation error ECR: GetAuthorizationToken', 'image', /no route to ECR/, /ecr:GetAuthorizationToken/],
  ['Post "https://api.ecr.eu-west-1.amazonaws.com/"', 'image', /no route to ECR/, /ecr:GetAuthorizationToken/],
  ['unable to retrieve secret from asm', 'secret', /no route to Secrets/, /secretsmanager:GetSecretValue/],
  ['unable to retrieve secrets from ssm', 'secret', /no route to Secrets/, /secretsmanager:GetSecretValue/],
  ['failed to fetch secret x from secrets manager', 'secret', /no route to Secrets/, /secretsmanager:GetSecretValue/],
  ['between the task and AWS Secrets Manager', 'secret', /no route to Secrets/, /secretsmanager:GetSecretValue/],
  ['failed to validate logger args', 'log', /no route to CloudWatch/, /not allowed to create log streams/],
  ['failed to initialize logging driver', 'log', /no route to CloudWatch/, /not allowed to create log streams/],
  ['failed to create Cloudwatch log stream', 'log', /no route to CloudWatch/, /not allowed to create log streams/],
] as const;

/** Messages of Go and the AWS SDK for Go if a service does not answer. */
const NO_ANSWER = [
  'dial tcp 10.0.0.1:443: i/o timeout',
  'context deadline exceeded',
  'net/http: request canceled while waiting for connection',
  'RequestCanceled: x',
  'There is a connection issue',
  'net/http: TLS handshake timeout',
  'connect: connection refused',
  'read: connection reset by peer',
  'Get "https://x": EOF',
  'signal: killed',
  'RequestError: send request failed',
];

const DENIALS = [
  'AccessDeniedException',
  'User: x is not authorized to perform: y',
  'with an explicit deny in an identity-based policy',
];

describe.each(STEPS)('a start that ends at: %s', (step, cause, noRoute, denied) => {
  it.each(NO_ANSWER)('has a missing route as its cause if ECS reports: %s', (words) => {
    expect(startCauseOf(`${step}: ${words}`)).toEqual({ cause, remedy: expect.stringMatching(noRoute) });
  });

  it.each(DENIALS)('has a missing permission as its cause if ECS reports: %s', (words) => {
    expect(startCauseOf(`${step}: ${words}`)).toEqual({ cause, remedy: expect.stringMatching(denied) });
  });
});

it.each([
  ['pull failed: 429 Too Many Requests', /agentImage\.copy/],
  ['dial udp: lookup x.example on 10.0.0.2:53: no such host', /x\.example/],
  ['CannotPullContainerError: no basic auth credentials', /credentials/],
  [
    'CannotPullContainerError: The task can’t pull the image. Check that the role has the permissions to pull images from the registry.',
    /repository’s policy/,
  ],
  ['CannotPullContainerError: manifest unknown: manifest unknown', /name or tag/],
  ['CannotPullContainerError: repository x does not exist', /name or tag/],
  [
    'CannotPullContainerError: failed to copy: httpReadSeeker: failed open: unexpected status code',
    /name, tag, architecture/,
  ],
  [
    'unable to retrieve secret from asm: x is not authorized to perform: kms:Decrypt on resource: key',
    /Allow the role to call kms:Decrypt in the key policy/,
  ],
  ['failed to validate logger args: ThrottlingException', /CreateLogStream/],
  ['failed to validate logger args: Rate exceeded', /CreateLogStream/],
  ['The specified subnet does not have enough free addresses to satisfy the request.', /larger or additional subnets/],
  ['RESOURCE:MEMORY', /other zones/],
  ['Task failed; RESOURCE:MEMORY', /other zones/],
  ['InternalError: x', /AWS Health/],
  ['ContainerRuntimeError: x', /AWS Health/],
  ['DockerTimeoutError: Could not transition to running', /AWS Health/],
  ['exec: "/entrypoint.sh": permission denied', /cannot run \/bin\/sh/],
])('a variant of a message has the same cause: %s', (detail, remedy) => {
  expect(startCauseOf(detail).remedy).toMatch(remedy);
});

it.each([
  'ThrottlingException: Rate exceeded',
  'AccessDeniedException: x is not authorized to perform: y',
  'signal: killed',
  'dial tcp 10.0.0.1:443: i/o timeout',
  '401 Unauthorized',
  '403 Forbidden',
  'file not found',
  'Access to KMS is not allowed',
  'The specified log group does not exist.',
  'failed to do request: Get "https://x.amazonaws.com/"',
  'Timeout waiting for something else',
])('a message that doesn’t say which step failed has an unknown cause: %s', (detail) => {
  expect(startCauseOf(detail).cause).toBe('unknown');
});

it.each([
  [
    'CannotPullContainerError: failed to resolve ref docker.io/acme/capacity-network-interface:1: not found',
    /name or tag/,
  ],
  [
    'ResourceInitializationError: unable to retrieve secret from asm: failed to fetch secret arn:aws:secretsmanager:eu-central-1:111122223333:secret:log-group-capacity from secrets manager: AccessDeniedException: User: arn is not authorized to perform: secretsmanager:GetSecretValue',
    /GetSecretValue/,
  ],
])('names that users choose do not change the cause: %s', (detail, remedy) => {
  expect(startCauseOf(detail).remedy).toMatch(remedy);
});

it('a host that does not resolve is not reported if the message is cut off within the hostname', () => {
  const { cause, remedy } = startCauseOf('failed to do request: Head https://…: dial tcp: lookup registry-1.dock');
  expect(cause).toBe('dns');
  expect(remedy).toContain('a host (the message is cut off)');
});

describe('the table of causes', () => {
  it('has a real message, or one of the launcher’s own, for every row', () => {
    const details = [...STOP_MESSAGES.map(({ said }) => said), ...OWN_WORDS.map(([detail]) => detail)];
    const decided = new Set(details.map(firstRowOf));
    expect(START_CAUSE_TABLE.filter((_, index) => !decided.has(index))).toEqual([]);
  });

  it('has a different remedy in every row, so that a test fails if a row is lost or moved', () => {
    const remedies = START_CAUSE_TABLE.map(({ remedy }) => remedy);
    expect(new Set(remedies).size).toBe(remedies.length);
  });

  it('contains every exit code of the entrypoint', () => {
    const entrypoint = readFileSync(new URL('../../../../agent-image/entrypoint.sh', import.meta.url), 'utf8');
    const codes = [...entrypoint.matchAll(/\bfail (\d+) /g)].map(([, code]) => Number(code));
    expect(codes.length).toBeGreaterThan(0);
    expect(codes.filter((code) => !Object.hasOwn(EXIT_CODES, code))).toEqual([]);
  });
});
