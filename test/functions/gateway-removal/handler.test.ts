import { createServer, type IncomingMessage } from 'node:http';
import { EC2Client } from '@aws-sdk/client-ec2';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TaggedInstances } from '../../../functions/gateway-removal/adapters/ec2.ts';
import type { GatewayRemovalProperties } from '../../../functions/gateway-removal/contract.ts';
import { GatewayRemovalError, TransientError } from '../../../functions/gateway-removal/errors.ts';
import { listen } from '../../loopback.ts';

/**
 * The adapter and the handler over real HTTP. A loopback server is EC2, in its query protocol with answers in XML, and CloudFormation's
 * ResponseURL.
 */

const PROPERTIES: GatewayRemovalProperties = {
  TagKey: 'agent-launcher:gateway',
  Gateways: ['AgentLauncher/gateway-1', 'AgentLauncher/gateway-2'],
};

interface Reply {
  readonly status?: number;
  readonly body: string;
  /** The server closes the connection without an answer. */
  readonly isClosed?: boolean;
}

const requests: URLSearchParams[] = [];
const answers: { readonly type: string | undefined; readonly body: string }[] = [];
/** EC2's answer to an action. */
let replies: Record<string, (parameters: URLSearchParams) => Reply>;
let responseStatuses: number[] = [];

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const server = createServer(async (request, response) => {
  const body = await bodyOf(request);
  if (request.url === '/response?signature=s') {
    answers.push({ type: request.headers['content-type'], body });
    response.writeHead(responseStatuses.shift() ?? 200).end();
    return;
  }
  const parameters = new URLSearchParams(body);
  requests.push(parameters);
  const action = parameters.get('Action') ?? '';
  const { status = 200, body: answer, isClosed } = replies[action]?.(parameters) ?? error(400, 'InvalidAction', action);
  if (isClosed) {
    request.socket.destroy();
    return;
  }
  response.writeHead(status, { 'content-type': 'text/xml;charset=UTF-8' }).end(answer);
});

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html */
function error(status: number, code: string, message: string): Reply {
  return {
    status,
    body: `<?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>ea966190-f9aa-478e-9ede-example</RequestID></Response>`,
  };
}

const xml = (action: string, inner: string): Reply => ({
  body: `<?xml version="1.0" encoding="UTF-8"?><${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>8f7724cf-496f-496e-8fe3-example</requestId>${inner}</${action}Response>`,
});

/** A page of DescribeInstances. */
function page(instances: Readonly<Record<string, string>>, nextToken?: string): Reply {
  const items = Object.entries(instances).map(
    ([id, state]) =>
      `<item><reservationId>r-1</reservationId><ownerId>123456789012</ownerId><groupSet/><instancesSet><item><instanceId>${id}</instanceId><instanceState><code>16</code><name>${state}</name></instanceState></item></instancesSet></item>`,
  );
  const next = nextToken === undefined ? '' : `<nextToken>${nextToken}</nextToken>`;
  return xml('DescribeInstances', `<reservationSet>${items.join('')}</reservationSet>${next}`);
}

const done = (action: string) => () => xml(action, '<return>true</return>');
let base: string;
let handler: typeof import('../../../functions/gateway-removal/handler.ts').handler;
let nowMs = Date.UTC(2026, 11, 1);

beforeAll(async () => {
  base = `http://127.0.0.1:${await listen(server)}`;
  vi.stubEnv('AWS_ENDPOINT_URL', base);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'key');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const { handlerWith } = await import('../../../functions/gateway-removal/handler.ts');
  const sleep = async (ms: number) => {
    nowMs += ms;
  };
  handler = handlerWith({ now: () => nowMs, sleep });
});

beforeEach(() => {
  replies = {
    DescribeInstances: () => page({}),
    ModifyInstanceAttribute: done('ModifyInstanceAttribute'),
    TerminateInstances: () => xml('TerminateInstances', '<instancesSet/>'),
  };
  requests.length = 0;
  answers.length = 0;
  responseStatuses = [];
  vi.spyOn(console, 'error').mockImplementation(() => {});
});

afterEach(() => vi.restoreAllMocks());

afterAll(async () => {
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const instances = () => new TaggedInstances(new EC2Client({}), PROPERTIES.TagKey, PROPERTIES.Gateways);
const actions = () => requests.map((request) => request.get('Action'));
const of = (action: string) => requests.filter((request) => request.get('Action') === action).map(Object.fromEntries);

describe('the instances of gateways', () => {
  it('are found by their tag on every page, without terminated ones', async () => {
    replies['DescribeInstances'] = (parameters) =>
      parameters.get('NextToken') === null ? page({ 'i-1': 'stopped' }, 'more') : page({ 'i-2': 'shutting-down' });
    expect(await instances().find()).toEqual([
      { id: 'i-1', state: 'stopped' },
      { id: 'i-2', state: 'shutting-down' },
    ]);
    const filters = {
      'Filter.1.Name': 'tag:agent-launcher:gateway',
      'Filter.1.Value.1': 'AgentLauncher/gateway-1',
      'Filter.1.Value.2': 'AgentLauncher/gateway-2',
      'Filter.2.Name': 'instance-state-name',
    };
    expect(of('DescribeInstances')).toMatchObject([filters, { ...filters, NextToken: 'more' }]);
    const states = [...(requests[0] ?? [])].filter(([name]) => name.startsWith('Filter.2.Value.'));
    expect(states.map(([, state]) => state)).toEqual(['pending', 'running', 'stopping', 'stopped', 'shutting-down']);
  });

  it('lose their protection before they end', async () => {
    await instances().end('i-1');
    expect(actions()).toEqual(['ModifyInstanceAttribute', 'TerminateInstances']);
    expect(of('ModifyInstanceAttribute')).toMatchObject([
      { InstanceId: 'i-1', 'DisableApiTermination.Value': 'false' },
    ]);
    expect(of('TerminateInstances')).toMatchObject([{ 'InstanceId.1': 'i-1' }]);
  });

  it('can be gone already', async () => {
    replies['ModifyInstanceAttribute'] = () =>
      error(400, 'InvalidInstanceID.NotFound', 'The instance ID does not exist');
    replies['TerminateInstances'] = replies['ModifyInstanceAttribute'];
    await expect(instances().end('i-1')).resolves.toBeUndefined();
  });

  it.each([
    [503, 'RequestLimitExceeded'],
    [400, 'RequestLimitExceeded'],
    [400, 'Throttling'],
    [400, 'EC2ThrottledException'],
    [503, 'Unavailable'],
    [500, 'InternalError'],
    [400, 'IncorrectInstanceState'],
    [400, 'OperationNotPermitted'],
    [502, 'UnknownToUs'],
  ])('can be asked again after %i %s', async (status, code) => {
    replies['TerminateInstances'] = () => error(status, code, 'try again');
    await expect(instances().end('i-1')).rejects.toThrow(TransientError);
  });

  it('can be asked again after a closed connection and without a connection', async () => {
    replies['TerminateInstances'] = () => ({ body: '', isClosed: true });
    await expect(instances().end('i-1')).rejects.toThrow(TransientError);
    // Nothing listens on port 1.
    const endpoint = 'http://127.0.0.1:1';
    const nowhere = new TaggedInstances(new EC2Client({ endpoint }), PROPERTIES.TagKey, PROPERTIES.Gateways);
    await expect(nowhere.find()).rejects.toThrow(TransientError);
  });

  it.each(['UnauthorizedOperation', 'AuthFailure', 'InvalidParameterValue'])(
    'are left to a person after %s',
    async (code) => {
      replies['DescribeInstances'] = () => error(403, code, 'You are not authorized');
      const refused: unknown = await instances()
        .find()
        .catch((reason: unknown) => reason);
      expect(refused).toBeInstanceOf(GatewayRemovalError);
      expect(`${refused}`).toMatch(
        new RegExp(`DescribeInstances failed with ${code}.*Terminate the instances.*delete the stack again`),
      );
    },
  );
});

function event(RequestType: 'Create' | 'Update' | 'Delete', properties: object = PROPERTIES) {
  return {
    RequestType,
    ServiceToken: 'arn',
    ResponseURL: `${base}/response?signature=s`,
    StackId: 'stack',
    RequestId: 'request',
    LogicalResourceId: 'GatewayRemoval',
    ResourceType: 'Custom::GatewayRemoval',
    ...(RequestType !== 'Create' && { PhysicalResourceId: 'earlier', OldResourceProperties: {} }),
    ResourceProperties: { ServiceToken: 'arn', ...properties },
  } as CloudFormationCustomResourceEvent;
}

async function answerTo(given: CloudFormationCustomResourceEvent, remainingMs = 900_000): Promise<unknown> {
  await handler(given, { getRemainingTimeInMillis: () => remainingMs } as Context);
  return JSON.parse(answers.at(-1)?.body ?? 'null');
}

const ids = { StackId: 'stack', RequestId: 'request', LogicalResourceId: 'GatewayRemoval' };

describe('the function that removes gateways', () => {
  it.each([
    ['Create', 'GatewayRemoval'],
    ['Update', 'earlier'],
  ] as const)('answers SUCCESS to %s without asking EC2', async (type, PhysicalResourceId) => {
    expect(await answerTo(event(type))).toEqual({ ...ids, PhysicalResourceId, Status: 'SUCCESS' });
    expect(answers[0]?.type ?? '').toBe('');
    expect(requests).toEqual([]);
  });

  it('answers SUCCESS to Delete once no instance is left, however often it is asked', async () => {
    const existing = new Map([
      ['i-1', 'stopped'],
      ['i-2', 'running'],
    ]);
    replies['DescribeInstances'] = () => page(Object.fromEntries(existing));
    replies['TerminateInstances'] = (parameters) => {
      existing.delete(parameters.get('InstanceId.1') ?? '');
      return xml('TerminateInstances', '<instancesSet/>');
    };
    for (let repetition = 0; repetition < 2; repetition += 1) {
      expect(await answerTo(event('Delete'))).toEqual({ ...ids, PhysicalResourceId: 'earlier', Status: 'SUCCESS' });
    }
    expect(of('TerminateInstances').map((request) => request['InstanceId.1'])).toEqual(['i-1', 'i-2']);
  });

  it('looks again when EC2 closes a connection without an answer', async () => {
    let looks = 0;
    replies['DescribeInstances'] = () => {
      looks += 1;
      return looks === 1 ? { body: '', isClosed: true } : page({});
    };
    expect(await answerTo(event('Delete'))).toEqual({ ...ids, PhysicalResourceId: 'earlier', Status: 'SUCCESS' });
    expect(looks).toBeGreaterThan(1);
  });

  it.each<[string, string, object, number, RegExp]>([
    ['EC2 refuses', 'UnauthorizedOperation', PROPERTIES, 900_000, /UnauthorizedOperation.*Terminate the instances/],
    ['no gateway is named', 'none', { ...PROPERTIES, Gateways: [] }, 900_000, /Gateways/],
    ['too little time remains', 'none', PROPERTIES, 20_000, /too little time/],
  ])('answers FAILED to Delete with the reason when %s', async (_, code, given, remainingMs, reason) => {
    if (code !== 'none') replies['DescribeInstances'] = () => error(403, code, 'You are not authorized');
    expect(await answerTo(event('Delete', given), remainingMs)).toEqual({
      ...ids,
      PhysicalResourceId: 'earlier',
      Status: 'FAILED',
      Reason: expect.stringMatching(reason),
    });
    expect(answers).toHaveLength(1);
  });

  it('answers a second time when CloudFormation refuses the first answer', async () => {
    responseStatuses = [503];
    expect(await answerTo(event('Create'))).toMatchObject({ Status: 'SUCCESS' });
    expect(answers).toHaveLength(2);
  });

  it('fails the invocation when CloudFormation refuses every answer', async () => {
    responseStatuses = [503, 503, 503];
    await expect(answerTo(event('Create'))).rejects.toThrow(/503/);
    expect(answers).toHaveLength(3);
  });
});
