import { request } from 'node:http';
import { ECSClient, ListClustersCommand, RunTaskCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../processes.ts';
import { clientSettings, registerScript, runInput, signedRequest, startLocalEcs } from './local-ecs.ts';

/** Without these checks, another local user could start a shell as this user. So could a web page that rebinds its domain to 127.0.0.1. */

type World = Awaited<ReturnType<typeof startLocalEcs>>;
let world: World;
beforeAll(async () => {
  world = await startLocalEcs();
});
afterAll(() => world.close());

const LIST = 'AmazonEC2ContainerServiceV20141113.ListClusters';

/** Sends a request without `fetch`, because `fetch` can't set the Host header. */
function send(
  options: { readonly method: string; readonly path?: string; readonly headers: Record<string, string> },
  body = '',
  { url }: { readonly url: string } = world.server,
): Promise<{ readonly status: number; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const sent = request(url + (options.path ?? '/'), options, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

describe('the access key', () => {
  it('differs for each start of the server', async () => {
    const other = await startLocalEcs();
    await other.close();
    expect(other.server.credentials.accessKeyId).not.toBe(world.server.credentials.accessKeyId);
    expect(other.server.credentials.secretAccessKey).not.toBe(world.server.credentials.secretAccessKey);
    expect(world.server.credentials.secretAccessKey).toMatch(/^[\w-]{40}$/);
  });

  it.each([
    [
      'a request with another key ID',
      { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x' },
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    ],
    [
      'a request with the right key ID and another secret',
      { accessKeyId: undefined, secretAccessKey: 'x' },
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    ],
  ])('%s is refused with the vendor’s error', async (_what, credentials, name, message) => {
    const { accessKeyId = world.server.credentials.accessKeyId, secretAccessKey } = credentials;
    const client = new ECSClient(clientSettings({ ...world.server, credentials: { accessKeyId, secretAccessKey } }));
    const answer = client.send(new ListClustersCommand({}));
    await expect(answer).rejects.toMatchObject({ name, message, $metadata: { httpStatusCode: 400 } });
    client.destroy();
  });

  it.each([
    ['a request without a signature', {}, 'MissingAuthenticationTokenException', 'Missing Authentication Token'],
    [
      'a request with a bearer token',
      { authorization: 'Bearer nonsense' },
      'IncompleteSignatureException',
      expect.stringContaining('AWS4-HMAC-SHA256'),
    ],
  ])('%s is refused, even for unknown actions', async (_what, headers, type, message) => {
    for (const target of [LIST, 'AmazonEC2ContainerServiceV20141113.Nonsense']) {
      const answer = await send({ method: 'POST', headers: { ...headers, 'x-amz-target': target } }, '{}');
      expect(answer).toEqual({ status: 400, body: { __type: type, message } });
    }
  });

  it('a signature isn’t valid for another body, target or host', async () => {
    const signed = await signedRequest(world.server, LIST, '{}');
    expect((await send(signed, '{}')).status).toBe(200);
    const mismatch = { status: 400, body: { __type: 'InvalidSignatureException', message: expect.any(String) } };
    expect(await send(signed, '{"maxResults":1}')).toEqual(mismatch);
    const headers = { ...signed.headers, 'x-amz-target': 'AmazonEC2ContainerServiceV20141113.RunTask' };
    expect(await send({ ...signed, headers }, '{}')).toEqual(mismatch);
    const host = { ...signed.headers, host: `localhost:${world.server.port}` };
    expect(await send({ ...signed, headers: host }, '{}')).toEqual(mismatch);
  });

  it('a signature that doesn’t cover the date and the host is refused', async () => {
    const signed = await signedRequest(world.server, LIST, '{}');
    for (const name of ['host;', 'x-amz-date;']) {
      const authorization = signed.headers['authorization']?.replace(name, '') ?? '';
      const answer = await send({ ...signed, headers: { ...signed.headers, authorization } }, '{}');
      expect(answer.body).toMatchObject({ __type: 'IncompleteSignatureException' });
    }
  });

  it.each(['constructor', '__proto__', ''])(
    'a signature over a header with the name %j is refused as a mismatch',
    async (name) => {
      const signed = await signedRequest(world.server, LIST, '{}');
      const authorization = signed.headers['authorization']?.replace('SignedHeaders=', `SignedHeaders=${name};`) ?? '';
      const answer = await send({ ...signed, headers: { ...signed.headers, authorization } }, '{}');
      expect(answer).toMatchObject({ status: 400, body: { __type: 'InvalidSignatureException' } });
    },
  );
});

describe('a web page', () => {
  const refused = { status: 403, body: { __type: 'AccessDeniedException', message: expect.any(String) } };

  it.each([
    ['with a domain that is rebound to loopback', { host: 'attacker.example' }],
    ['with a domain and port that are rebound to loopback', { host: 'attacker.example:4566' }],
    ['with a domain that begins like a loopback address', { host: '127.0.0.1.attacker.example' }],
    ['with a port number that is too high', { host: 'localhost:99999' }],
    ['that sends a POST request', { origin: 'https://attacker.example' }],
    ['with the origin null', { origin: 'null' }],
    ['on another port of this machine', { origin: 'http://localhost:3000' }],
    ['on another site, with a form or an image,', { 'sec-fetch-site': 'cross-site' }],
    ['on another port, with a form or an image,', { 'sec-fetch-site': 'same-site' }],
  ])('%s is refused, even with a valid signature', async (_what, headers) => {
    const signed = await signedRequest(world.server, LIST, '{}');
    expect(await send({ ...signed, headers: { ...signed.headers, ...headers } }, '{}')).toEqual(refused);
    expect(await send({ method: 'OPTIONS', headers })).toEqual(refused);
  });

  it('can’t read the metadata endpoint of a task', async () => {
    const { ecs, server } = world;
    registerScript(server, 'sleeper', 'exec sleep 60');
    const { tasks } = await ecs.send(new RunTaskCommand(runInput(server, 'sleeper')));
    const task = await until('the task', () => server.task(tasks?.[0]?.taskArn ?? ''));
    const path = `/v4/${task.containers[0]?.runtimeId}/task`;
    expect((await send({ method: 'GET', path, headers: {} })).status).toBe(200);
    expect(await send({ method: 'GET', path, headers: { host: 'attacker.example' } })).toEqual(refused);
  });

  it('is refused with every domain except those of the option hosts', async () => {
    const named = await startLocalEcs({ hosts: ['ecs.amazonaws.example'] });
    const statusFor = async (host: string) =>
      (await send({ method: 'POST', headers: { host } }, '{}', named.server)).status;
    try {
      // An allowed request without a signature gets status 400.
      expect(await statusFor('ecs.amazonaws.example')).toBe(400);
      expect(await statusFor('ecs.amazonaws.example:443')).toBe(400);
      expect(await statusFor('sts.amazonaws.example')).toBe(403);
    } finally {
      await named.close();
    }
  });

  it.each(['localhost', '127.0.0.1', '[::1]', 'LOCALHOST:1'])(
    'is no cause to refuse other programs that use the host name %s',
    async (host) => {
      const answer = await send({ method: 'POST', headers: { host, 'x-amz-target': LIST } }, '{}');
      expect(answer.body).toMatchObject({ __type: 'MissingAuthenticationTokenException' });
    },
  );
});
