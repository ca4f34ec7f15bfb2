import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { ECRClient } from '@aws-sdk/client-ecr';
import type { CloudFormationCustomResourceEvent, Context } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { EcrRepository } from '../../../functions/image-copy/adapters/ecr.ts';
import { copyImage } from '../../../functions/image-copy/copy-image.ts';
import { listen } from '../../loopback.ts';

/**
 * The whole function over real HTTP: a loopback server is the registry, ECR, Secrets Manager and CloudFormation's
 * ResponseURL. `fetch` leads the registry's https address to it; the SDK finds it by AWS_ENDPOINT_URL.
 */

const OCI = 'application/vnd.oci.image.manifest.v1+json';
const digestOf = (body: string) => `sha256:${createHash('sha256').update(body).digest('hex')}`;
const config = '{"architecture":"amd64","os":"linux"}';
const layer = 'layer';
const image = JSON.stringify({ config: { digest: digestOf(config) }, layers: [{ digest: digestOf(layer) }] });
const login = { username: 'acme', accessToken: 'dckr_pat_secret' };

interface Reply {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** The server sends no answer, and keeps the connection open. */
  readonly hangs?: boolean;
}

const MANIFEST = '/v2/team/agent/manifests/1';
/** Properties of a copy that logs in to the registry. */
const LOGIN = { CredentialsSecret: 'docker-hub' };
const refusal = (cause: string, message: string): Reply => ({
  status: 400,
  body: JSON.stringify({ __type: `${cause}Exception`, message }),
});

/** The server's answer for a path of the registry or an operation of AWS. */
let replies: Record<string, Reply>;
const answers: { readonly method: string | undefined; readonly type: string | undefined; readonly body: string }[] = [];
const operations: string[] = [];
/** The answer for a request with this authorization, if it differs. */
let onAuthorized: (given: string | undefined) => Reply | false | undefined = () => undefined;
/** Called when a request arrives that gets no answer. */
let onHang = () => {};
/** Status codes of CloudFormation's URL, the first for the first request; 200 after the last. */
let responseStatuses: number[] = [];

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const server = createServer(async (request, response) => {
  const body = await bodyOf(request);
  if (request.url === '/response?signature=s') {
    answers.push({ method: request.method, type: request.headers['content-type'], body });
    response.writeHead(responseStatuses.shift() ?? 200).end();
    return;
  }
  const operation = `${request.headers['x-amz-target'] ?? ''}`.split('.')[1];
  if (operation !== undefined) operations.push(operation);
  const authorized = request.url === MANIFEST && onAuthorized(request.headers.authorization);
  const reply = authorized || (replies[operation ?? `${request.url}`] ?? { status: 404, body: '{}' });
  if (reply.hangs === true) {
    onHang();
    return;
  }
  const type = operation === undefined ? {} : { 'content-type': 'application/x-amz-json-1.1' };
  response.writeHead(reply.status ?? 200, { ...type, ...reply.headers }).end(reply.body ?? '{}');
});
let base: string;
let handler: typeof import('../../../functions/image-copy/handler.ts').handler;

beforeAll(async () => {
  base = `http://127.0.0.1:${await listen(server)}`;
  vi.stubEnv('AWS_ENDPOINT_URL', base);
  vi.stubEnv('AWS_REGION', 'eu-central-1');
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'key');
  vi.stubEnv('AWS_MAX_ATTEMPTS', '1');
  const real = fetch;
  vi.stubGlobal('fetch', (input: string, init?: RequestInit) =>
    real(input.replace('https://registry.acme.example', base), init),
  );
  // Another test file may have loaded the module, whose clients keep the address of its server.
  vi.resetModules();
  ({ handler } = await import('../../../functions/image-copy/handler.ts'));
});

beforeEach(() => {
  replies = {
    [MANIFEST]: { headers: { 'content-type': OCI }, body: image },
    [`/v2/team/agent/blobs/${digestOf(config)}`]: { body: config },
    [`/v2/team/agent/blobs/${digestOf(layer)}`]: { body: layer },
    BatchCheckLayerAvailability: { body: '{"layers":[]}' },
    InitiateLayerUpload: { body: '{"uploadId":"upload"}' },
    UploadLayerPart: {},
    CompleteLayerUpload: {},
    PutImage: {},
    GetSecretValue: { body: JSON.stringify({ SecretString: JSON.stringify(login) }) },
  };
  answers.length = 0;
  operations.length = 0;
  responseStatuses = [];
  onHang = () => {};
  onAuthorized = () => undefined;
  vi.spyOn(console, 'error').mockImplementation(() => {});
});

afterEach(() => vi.restoreAllMocks());

afterAll(async () => {
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function event(properties: object = {}): CloudFormationCustomResourceEvent {
  return {
    RequestType: 'Create',
    ServiceToken: 'arn',
    ResponseURL: `${base}/response?signature=s`,
    StackId: 'stack',
    RequestId: 'request',
    LogicalResourceId: 'Copy',
    ResourceType: 'Custom::ImageCopy',
    ResourceProperties: {
      ServiceToken: 'arn',
      Registry: 'registry.acme.example',
      Repository: 'team/agent',
      Reference: '1',
      Architecture: 'amd64',
      TargetRepository: 'copies',
      TargetTag: 'amd64-1',
      ...properties,
    },
  };
}

/** An event about an image that was copied before. */
const laterEvent = (RequestType: 'Update' | 'Delete') =>
  ({
    ...event(),
    RequestType,
    PhysicalResourceId: 'earlier',
    OldResourceProperties: {},
  }) as CloudFormationCustomResourceEvent;

async function answerTo(given: CloudFormationCustomResourceEvent, remainingMs = 900_000): Promise<unknown> {
  await handler(given, { getRemainingTimeInMillis: () => remainingMs } as Context);
  return JSON.parse(answers.at(-1)?.body ?? 'null');
}

const ids = { StackId: 'stack', RequestId: 'request', LogicalResourceId: 'Copy', PhysicalResourceId: 'Copy' };
const copied = { ...ids, PhysicalResourceId: 'copies/amd64-1' };
const failed = (reason: RegExp) => ({ ...ids, Status: 'FAILED', Reason: expect.stringMatching(reason) });

describe('the function that copies images', () => {
  it('answers SUCCESS with the digest once the image is in ECR', async () => {
    expect(await answerTo(event())).toEqual({ ...copied, Status: 'SUCCESS', Data: { Digest: digestOf(image) } });
    expect(answers).toHaveLength(1);
    expect(answers[0]).toMatchObject({ method: 'PUT' });
    expect(answers[0]?.type ?? '').toBe('');
    expect(operations.at(-1)).toBe('PutImage');
  });

  it('answers SUCCESS to the deletion of a copy from before copies had an ID, without calling ECR', async () => {
    replies = {};
    expect(await answerTo(laterEvent('Delete'))).toMatchObject({ Status: 'SUCCESS', PhysicalResourceId: 'earlier' });
    expect(operations).toEqual([]);
  });

  it('keeps the ID if an update fails, so that CloudFormation deletes nothing', async () => {
    replies[MANIFEST] = { status: 503 };
    expect(await answerTo(laterEvent('Update'))).toMatchObject({ Status: 'FAILED', PhysicalResourceId: 'earlier' });
  });

  it.each([
    ['ECR refuses to list the images', { ListImages: refusal('AccessDenied', 'not authorized') }, /not authorized/],
    ['the repository is gone', { ListImages: refusal('RepositoryNotFound', 'no such repository') }, /no such repo/],
    [
      'ECR does not delete an image',
      { BatchDeleteImage: { body: '{"failures":[{"failureReason":"still used","imageId":{"imageTag":"t"}}]}' } },
      /did not delete t: still used/,
    ],
  ])('answers SUCCESS to a deletion, and logs the reason, when %s', async (_, broken, reason) => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const owned = 'amd64-1-e21f935f-0123456789ab';
    replies['ListImages'] = { body: JSON.stringify({ imageIds: [{ imageTag: owned }] }) };
    Object.assign(replies, broken);
    const event = { ...laterEvent('Delete'), PhysicalResourceId: 'copies/amd64-1' };
    expect(await answerTo(event)).toMatchObject({ Status: 'SUCCESS' });
    expect(warn.mock.calls.join()).toMatch(reason);
  });

  it.each<[string, Record<string, Reply>, object, RegExp]>([
    ['the registry has no such image', {}, { Reference: '2' }, /answers 404.*Correct its name/],
    ['the pull limit is used up', { [MANIFEST]: { status: 429 } }, {}, /429.*agentImage\.credentialsSecret/],
    ['ECR refuses the image', { PutImage: refusal('LimitExceeded', 'too many images') }, {}, /too many images/],
    ['ECR does not start an upload', { InitiateLayerUpload: {} }, {}, /ECR did not start the upload/],
    ['a property is wrong', {}, { Architecture: 'mips' }, /Architecture/],
    [
      'the secret cannot be read',
      { GetSecretValue: refusal('ResourceNotFound', 'no such secret') },
      LOGIN,
      /no such secret/,
    ],
  ])('answers FAILED with the reason when %s', async (_, broken, properties, reason) => {
    Object.assign(replies, broken);
    expect(await answerTo(event(properties))).toEqual(failed(reason));
    expect(answers).toHaveLength(1);
  });

  it('answers FAILED when too little time remains to copy anything', async () => {
    expect(await answerTo(event(), 1_000)).toEqual(failed(/time/i));
  });

  it.each([
    ['ECR', 'BatchCheckLayerAvailability'],
    ['Secrets Manager', 'GetSecretValue'],
  ])('answers FAILED in time when %s never answers %s', async (service, operation) => {
    replies[operation] = { hangs: true };
    const reason = `${service} did not answer ${operation} in time\\. Deploy again`;
    // The remaining time, apart from the time that is reserved for the answer.
    expect(await answerTo(event(LOGIN), 22_000)).toEqual(failed(new RegExp(reason)));
    expect(operations.at(-1)).toBe(operation);
  });

  it.each(['BatchCheckLayerAvailability', 'InitiateLayerUpload', 'UploadLayerPart', 'CompleteLayerUpload', 'PutImage'])(
    'ends a request for %s without an answer when the time for the copy is over',
    async (operation) => {
      const time = new AbortController();
      onHang = () => time.abort();
      replies[operation] = { hangs: true };
      const target = new EcrRepository(new ECRClient({}), 'copies', time.signal);
      const source = {
        manifest: async () => ({ mediaType: OCI, body: image }),
        blob: async (digest: string) =>
          Readable.from([Buffer.from(digest === digestOf(layer) ? layer : config)]) as AsyncIterable<Uint8Array>,
      };
      await expect(
        copyImage(
          { reference: '1', architecture: 'amd64', owner: { prefix: '1', resource: '01234567' } },
          source,
          target,
        ),
      ).rejects.toThrow(`ECR did not answer ${operation} in time. Deploy again.`);
    },
  );

  it('cuts off a long reason, because CloudFormation refuses an answer of more than 4,096 bytes', async () => {
    replies['PutImage'] = refusal('LimitExceeded', 'é'.repeat(5_000));
    await answerTo(event());
    expect(Buffer.byteLength(answers[0]?.body ?? '')).toBeLessThan(4_096);
  });

  it.each([
    ['a plain token', login.accessToken],
    ['another document', JSON.stringify({ user: 'acme', password: login.accessToken })],
    ['no user', JSON.stringify({ password: login.accessToken })],
    ['broken JSON', `{"username":"acme","accessToken":"${login.accessToken}"`],
  ])('explains that a secret contains %s, without repeating its value', async (_, SecretString) => {
    replies['GetSecretValue'] = { body: JSON.stringify({ SecretString }) };
    expect(await answerTo(event(LOGIN))).toEqual(failed(/docker-hub does not contain a registry login/));
    expect(answers[0]?.body).not.toContain(login.accessToken);
    expect(JSON.stringify(vi.mocked(console.error).mock.calls)).not.toContain(login.accessToken);
  });

  it.each([
    ['an object', { hub: login, other: 'x' }],
    ['a string with JSON', { hub: JSON.stringify({ username: login.username, password: login.accessToken }) }],
  ])('logs in with %s under a key of a JSON secret', async (_, secret) => {
    replies['GetSecretValue'] = { body: JSON.stringify({ SecretString: JSON.stringify(secret) }) };
    const authorization = `Basic ${Buffer.from(`${login.username}:${login.accessToken}`).toString('base64')}`;
    const open = replies[MANIFEST];
    replies[MANIFEST] = { status: 401, headers: { 'www-authenticate': 'Basic realm="registry"' } };
    onAuthorized = (given) => given === authorization && open;
    expect(await answerTo(event({ ...LOGIN, CredentialsJsonKey: 'hub' }))).toMatchObject({ Status: 'SUCCESS' });
  });

  it.each([
    ['another key', { other: login }],
    ['no login under the key', { hub: { user: 'acme' } }],
    ['a plain token under the key', { hub: login.accessToken }],
    ['a number under the key', { hub: 1 }],
    ['the login without a key', login],
    ['no object', login.accessToken],
  ])('explains that a secret has %s, without repeating its value', async (_, secret) => {
    replies['GetSecretValue'] = { body: JSON.stringify({ SecretString: JSON.stringify(secret) }) };
    expect(await answerTo(event({ ...LOGIN, CredentialsJsonKey: 'hub' }))).toEqual(
      failed(/docker-hub does not contain a registry login under the key hub/),
    );
    expect(answers[0]?.body).not.toContain(login.accessToken);
  });

  it('never logs a token from the registry, even if the token is not valid in a header', async () => {
    replies[MANIFEST] = {
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="https://registry.acme.example/token"' },
    };
    replies['/token?scope=repository%3Ateam%2Fagent%3Apull'] = { body: '{"token":"pull-secret\\nX"}' };
    expect(await answerTo(event(LOGIN))).toEqual(failed(/registry\.acme\.example/));
    expect(answers[0]?.body).not.toContain('pull-secret');
    expect(JSON.stringify(vi.mocked(console.error).mock.calls)).not.toContain('pull-secret');
  });

  it('answers a second time when CloudFormation refuses the first answer', async () => {
    responseStatuses = [503];
    expect(await answerTo(event())).toMatchObject({ Status: 'SUCCESS' });
    expect(answers).toHaveLength(2);
  });

  it('fails the invocation when CloudFormation refuses every answer', async () => {
    responseStatuses = [503, 503, 503];
    await expect(answerTo(event())).rejects.toThrow(/503/);
    expect(answers).toHaveLength(3);
  });
});
