/** One request to HCP Terraform: what is sent, when it is repeated, and what each answer or missing answer results in. */
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { HcpTerraformHttp, resetMs } from '../../../../functions/launcher/adapters/hcp-terraform/http.ts';
import {
  connections,
  type RawAnswer,
  type Send,
  sendOver,
} from '../../../../functions/launcher/adapters/hcp-terraform/send.ts';
import { UpstreamError } from '../../../../functions/launcher/errors.ts';
import { listen } from '../../../loopback.ts';
import { hang, json, type ScriptedServer, startScriptedServer, status, text } from './scripted-server.ts';

const PATH = '/api/v2/things?filter=secret-name';
const signal = new AbortController().signal;
const schema = z.object({ data: z.literal('it') });
const REQUEST = { path: PATH, tokenSecret: 's', schema, signal };
const good: RawAnswer = { status: 200, headers: {}, text: '{"data":"it"}' };

/** Answers or throws in the given order; the last one repeats. */
function scripted(...outcomes: (RawAnswer | Error)[]) {
  const sent: { path: string; token: string }[] = [];
  const send: Send = async (path, token) => {
    const outcome = outcomes[Math.min(sent.length, outcomes.length - 1)];
    sent.push({ path, token });
    if (outcome === undefined || outcome instanceof Error) throw outcome;
    return outcome;
  };
  return { send, sent };
}

function httpOver(send: Send, hostname = 'app.terraform.io'): HcpTerraformHttp {
  const secrets = { value: async (id: string) => `old ${id}`, renew: async (id: string) => `new ${id}` };
  return new HcpTerraformHttp({ hostname, secrets, send });
}

async function failureOf(answer: Promise<unknown>): Promise<UpstreamError> {
  const error = await answer.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof UpstreamError) return error;
  throw new Error(`expected an UpstreamError, got ${String(error)}`);
}

const broken = (code: string, cause?: unknown) => Object.assign(new Error('wire', { cause }), { code });
const named = (name: string) => Object.assign(new Error('wire'), { name });

describe('a request whose connection broke', () => {
  const STALE = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

  it.each(STALE)('is repeated once after %s, because the connection may have been stale', async (code) => {
    const { send, sent } = scripted(broken(code), good);
    let counted = 0;
    const answer = await httpOver(send).get({ ...REQUEST, beforeSend: () => (counted += 1) });
    expect(answer).toMatchObject({ status: 200, body: { data: 'it' } });
    expect(sent).toEqual([
      { path: PATH, token: 'old s' },
      { path: PATH, token: 'old s' },
    ]);
    expect(counted).toBe(2);
  });

  it.each(STALE)('fails after %s twice', async (code) => {
    const { send, sent } = scripted(broken(code));
    const error = await failureOf(httpOver(send).get(REQUEST));
    expect(error).toMatchObject({ system: 'HCP Terraform', fault: 'unavailable', request: 'GET /api/v2/things' });
    expect(error.message).toContain(`no answer from https://app.terraform.io: the connection broke (${code})`);
    expect(sent).toHaveLength(2);
  });

  it.each(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT', 'CERT_HAS_EXPIRED'])(
    'is not repeated after %s',
    async (code) => {
      const { send, sent } = scripted(broken(code));
      await failureOf(httpOver(send).get(REQUEST));
      expect(sent).toHaveLength(1);
    },
  );

  it('isn’t repeated if the tick has ended', async () => {
    const { send, sent } = scripted(broken('ECONNRESET'));
    const error = await failureOf(httpOver(send).get({ ...REQUEST, signal: AbortSignal.abort() }));
    expect(error.message).toContain('the tick ran out of time');
    expect(sent).toHaveLength(1);
  });

  it('isn’t repeated if the budget doesn’t allow a second request', async () => {
    const { send, sent } = scripted(broken('ECONNRESET'), good);
    let left = 1;
    const take = () => {
      if (left === 0) throw new RangeError('no budget');
      left -= 1;
    };
    await expect(httpOver(send).get({ ...REQUEST, beforeSend: take })).rejects.toThrow('no budget');
    expect(sent).toHaveLength(1);
  });
});

describe('the reason for a missing answer', () => {
  it.each([
    [broken('ENOTFOUND'), 'the hostname does not resolve (ENOTFOUND); check the setting hostname'],
    [broken('EAI_AGAIN'), 'the hostname does not resolve (EAI_AGAIN); check the setting hostname'],
    [broken('ECONNREFUSED'), 'the connection was refused (ECONNREFUSED); check the setting hostname and its port'],
    [broken('UND_ERR_CONNECT_TIMEOUT'), 'no connection within 4 s (UND_ERR_CONNECT_TIMEOUT)'],
    [broken('ETIMEDOUT'), 'the connection broke (ETIMEDOUT)'],
    [broken('UND_ERR_BODY_TIMEOUT'), 'no complete answer within 8 s (UND_ERR_BODY_TIMEOUT)'],
    [named('TimeoutError'), 'no complete answer within 8 s (TimeoutError)'],
    [named('AbortError'), 'the tick ran out of time'],
    [
      broken('CERT_HAS_EXPIRED'),
      'its certificate is not trusted (CERT_HAS_EXPIRED); for a private certificate authority',
    ],
    [broken('SELF_SIGNED_CERT_IN_CHAIN'), 'its certificate is not trusted (SELF_SIGNED_CERT_IN_CHAIN)'],
    [broken('DEPTH_ZERO_SELF_SIGNED_CERT'), 'its certificate is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)'],
    [broken('UNABLE_TO_GET_ISSUER_CERT_LOCALLY'), 'its certificate is not trusted (UNABLE_TO_GET_ISSUER_CERT_LOCALLY)'],
    [broken('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'its certificate is not trusted (UNABLE_TO_VERIFY_LEAF_SIGNATURE)'],
    [broken('ERR_TLS_CERT_ALTNAME_INVALID'), 'its certificate is for another hostname (ERR_TLS_CERT_ALTNAME_INVALID)'],
    [broken('UND_ERR', broken('ENOTFOUND')), 'the hostname does not resolve (ENOTFOUND)'],
    [new TypeError('fetch failed', { cause: broken('ECONNREFUSED') }), 'the connection was refused (ECONNREFUSED)'],
    [broken('ECONNREFUSED', new Error('without a code')), 'the connection was refused (ECONNREFUSED)'],
    [broken('a code with spaces'), 'the connection broke (Error)'],
    [broken('x'.repeat(61)), 'the connection broke (Error)'],
    [Object.assign(new Error('wire'), { code: 7 }), 'the connection broke (Error)'],
  ])('is in the error message: %s', async (thrown, words) => {
    const error = await failureOf(httpOver(scripted(thrown).send).get(REQUEST));
    expect(error).toMatchObject({ fault: 'unavailable', cause: thrown });
    expect(error.message).toContain(`no answer from https://app.terraform.io: ${words}`);
  });

  it('is the innermost of at most five causes, even if the causes form a circle', async () => {
    const ring = broken('OUTER');
    ring.cause = broken('INNER', ring);
    const error = await failureOf(httpOver(scripted(ring).send).get(REQUEST));
    expect(error.message).toContain('the connection broke (OUTER)');
  });

  it('can be missing', async () => {
    const send: Send = () => Promise.reject('just a string');
    const error = await failureOf(httpOver(send).get(REQUEST));
    expect(error.message).toContain('the connection broke (no code)');
  });
});

describe('a status', () => {
  const answered = (code: number, headers: RawAnswer['headers'] = {}) =>
    failureOf(httpOver(scripted({ status: code, headers, text: 'token-that-must-not-show' }).send).get(REQUEST));

  it.each([
    [401, 'rejected', /API token in secret s was rejected, also after reading.*an agent token/],
    [403, 'rejected', /is not allowed to see it; check the names/],
    [404, 'rejected', /is not allowed to see it; check the names/],
    [429, 'throttled', /user of this API token sent too many requests/],
    [500, 'unavailable', /answered with an error/],
    [503, 'unavailable', /answered with an error/],
    [400, 'rejected', /refused the request/],
    [422, 'rejected', /refused the request/],
    [499, 'rejected', /refused the request/],
    [204, 'rejected', /refused the request/],
  ])('%i results in the fault %s, with request, status and request id', async (code, fault, words) => {
    const error = await answered(code, { 'x-request-id': 'abc-123_X' });
    expect(error).toMatchObject({ fault, status: code, request: 'GET /api/v2/things', requestId: 'abc-123_X' });
    expect(error.message).toMatch(words);
    expect(error.message).not.toContain('must-not-show');
  });

  it.each([['two words'], [''], ['x'.repeat(65)], [['a', 'b']], [['abc']], [undefined]])(
    'is reported without a request id if the header has an unexpected format: %j',
    async (id) => {
      expect((await answered(500, { 'x-request-id': id })).requestId).toBeUndefined();
    },
  );

  it('429 results in an error with the time to wait', async () => {
    expect(await answered(429, { 'x-ratelimit-reset': '2.25' })).toMatchObject({ retryAfterMs: 2250 });
  });

  it('results in an answer without a body if the caller expects it, even after the API token was read again', async () => {
    const { send } = scripted({ status: 401, headers: {}, text: '' }, { status: 404, headers: { a: 'b' }, text: 'x' });
    const answer = await httpOver(send).get({ ...REQUEST, expected: [404] });
    expect(answer).toEqual({ status: 404, headers: { a: 'b' }, text: 'x', body: undefined });
  });

  it('401 makes the launcher read the API token again and repeat the request once', async () => {
    const { send, sent } = scripted({ status: 401, headers: {}, text: '' }, good);
    expect((await httpOver(send).get(REQUEST)).body).toEqual({ data: 'it' });
    expect(sent.map(({ token }) => token)).toEqual(['old s', 'new s']);
  });
});

describe('a body with status 200 that isn’t the expected answer', () => {
  it.each([
    ['text/html; charset=utf-8', 'text/html'],
    ['application/vnd.api+json', 'application/vnd.api+json'],
    ['TEXT/HTML', 'TEXT/HTML'],
    ['not a media type', 'no media type'],
    ['text/html!', 'no media type'],
    ['see text/html', 'no media type'],
    [undefined, 'no media type'],
  ])('is described by its media type and length (content-type %s)', async (contentType, said) => {
    const answer = { status: 200, headers: { 'content-type': contentType, 'x-request-id': 'r-1' }, text: '<html>' };
    const error = await failureOf(httpOver(scripted(answer).send).get(REQUEST));
    expect(error).toMatchObject({
      fault: 'unexpected-answer',
      status: 200,
      requestId: 'r-1',
      request: 'GET /api/v2/things',
    });
    expect(error.message).toContain(`the answer is not JSON (${said}, 6 characters)`);
  });

  it('is described by the paths and types of at most three faults, never by its values', async () => {
    const text = z.string();
    const wrong = z.object({ data: z.object({ a: text, b: text, c: text, d: text, e: text }) });
    const answer = { ...good, text: '{"data":{"a":"must-not-show","b":1}}' };
    const error = await failureOf(httpOver(scripted(answer).send).get({ ...REQUEST, schema: wrong }));
    expect(error.message).toContain('(data.b: invalid_type; data.c: invalid_type; data.d: invalid_type)');
  });

  it.each([
    ['exactly 200,000', 200_000, true],
    ['200,001', 200_001, false],
  ])('is accepted or rejected according to its number of values: %s', async (_, values, read) => {
    // The braces, the list and the comma between "data" and "x" count too.
    const answer = { ...good, text: `{"data":"it","x":[${'0,'.repeat(values - 3)}0]}` };
    const got = httpOver(scripted(answer).send).get(REQUEST);
    if (read) expect((await got).body).toEqual({ data: 'it' });
    else
      expect(await failureOf(got)).toMatchObject({
        fault: 'too-large',
        message: expect.stringContaining('more than the 200000 values'),
      });
  });
});

it.each([
  [{ 'x-ratelimit-reset': '12.5' }, 12_500],
  [{ 'x-ratelimit-reset': '0.0001' }, 1],
  [{ 'x-ratelimit-reset': '0' }, 0],
  [{ 'retry-after': '7' }, 7_000],
  [{ 'x-ratelimit-reset': '3', 'retry-after': '7' }, 3_000],
  [{ 'x-ratelimit-reset': '3600' }, 60_000],
  [{ 'x-ratelimit-reset': '-1' }, 1_000],
  [{ 'x-ratelimit-reset': 'soon' }, 1_000],
  [{ 'x-ratelimit-reset': 'Infinity' }, 1_000],
  [{}, 1_000],
])('the time to wait from the headers %j is %i ms', (headers, ms) => {
  expect(resetMs(headers)).toBe(ms);
});

describe('a request over TLS', () => {
  let server: ScriptedServer;
  let limits: { ms: number; controller: AbortController }[];

  beforeEach(async () => {
    server = await startScriptedServer();
    limits = [];
  });
  afterEach(() => server.close());

  const timeout = (ms: number) => {
    const controller = new AbortController();
    limits.push({ ms, controller });
    return controller.signal;
  };
  const overTls = () =>
    httpOver(sendOver(connections({ ca: server.ca }), server.hostname, 'test', timeout), server.hostname);

  it('must receive the last byte within 8 s', async () => {
    server.on('/api', (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"data":');
    });
    const answer = failureOf(overTls().get(REQUEST));
    await expect.poll(() => server.requests.length).toBe(1);
    expect(limits.map(({ ms }) => ms)).toEqual([8_000]);
    limits[0]?.controller.abort(new DOMException('over', 'TimeoutError'));
    expect((await answer).message).toMatch(/no complete answer within 8 s \(\w+\)/);
  }, 10_000);

  it('must end within 8 s even if the body isn’t read', async () => {
    server.on('/api', (_, response) => void response.writeHead(404).write('x'));
    const answer = failureOf(overTls().get(REQUEST));
    await expect.poll(() => server.requests.length).toBe(1);
    limits[0]?.controller.abort(new DOMException('over', 'TimeoutError'));
    expect((await answer).fault).toMatch(/unavailable|rejected/);
  }, 10_000);

  it('ends with the tick', async () => {
    server.on('/api', hang);
    const tick = new AbortController();
    const answer = failureOf(overTls().get({ ...REQUEST, signal: tick.signal }));
    await expect.poll(() => server.requests.length).toBe(1);
    tick.abort();
    expect((await answer).message).toContain('the tick ran out of time');
  }, 10_000);

  it('must connect within 4 s', async () => {
    // Accepts connections, but never answers the TLS handshake.
    const mute = createServer(() => {});
    const hostname = `localhost:${await listen(mute, 'localhost')}`;
    const startedAt = performance.now();
    const error = await failureOf(httpOver(sendOver(connections(), hostname, 'test', timeout), hostname).get(REQUEST));
    expect(error.message).toContain('no connection within 4 s');
    expect(performance.now() - startedAt).toBeGreaterThan(3_500);
    // Without the launcher's limit, undici gives up after 10 s.
    expect(performance.now() - startedAt).toBeLessThan(9_500);
    mute.close();
  }, 30_000);

  it('sends the user agent, the API token and the media type in its headers', async () => {
    let headers: Record<string, unknown> = {};
    server.on('/api', (request, response) => {
      headers = request.headers;
      json({ data: 'it' })(request, response);
    });
    await overTls().get(REQUEST);
    expect(headers).toMatchObject({
      authorization: 'Bearer old s',
      accept: 'application/vnd.api+json',
      'user-agent': 'test',
    });
  });

  it('returns the status even if the body is larger than the launcher reads', async () => {
    server.on('/api', (_, response) => void response.writeHead(404).end('x'.repeat(5 * 2 ** 20)));
    const answer = await overTls().get({ ...REQUEST, expected: [404] });
    expect(answer).toMatchObject({ status: 404, body: undefined });
  });

  it('keeps its connection even if the body isn’t read', async () => {
    const ports = new Set<number | undefined>();
    const count =
      (answer: ReturnType<typeof status>): ReturnType<typeof status> =>
      (request, response) => {
        ports.add(request.socket.remotePort);
        answer(request, response);
      };
    const [refusal, answer] = [count(status(404)), count(json({ data: 'it' }))];
    server.on('/api', refusal, answer, refusal, answer, refusal, answer, refusal, answer);
    const http = overTls();
    for (let pair = 0; pair < 4; pair += 1) {
      await http.get({ ...REQUEST, expected: [404] });
      await http.get(REQUEST);
    }
    // The client may open a second connection before the first one is free.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  it.each([
    ['4 MiB', 4 * 2 ** 20, undefined],
    ['one byte more', 4 * 2 ** 20 + 1, 'too-large'],
  ])('reads a body of %s', async (_, bytes, fault) => {
    const start = '{"data":"it","x":"';
    server.on('/api', text(`${start}${'x'.repeat(bytes - start.length - 2)}"}`, 'application/json'));
    const got = overTls().get(REQUEST);
    if (fault === undefined) expect((await got).body).toEqual({ data: 'it' });
    else
      expect(await failureOf(got)).toMatchObject({
        system: 'HCP Terraform',
        fault,
        request: 'GET /api/v2/things',
        message: expect.stringContaining('larger than the 4 MiB'),
      });
  });

  it('has a default timeout, and returns no text if the body isn’t read', async () => {
    server.on('/api', (_, response) => void response.writeHead(404).end('x'));
    const send = sendOver(connections({ ca: server.ca }), server.hostname, 'test', (ms) => AbortSignal.timeout(ms));
    expect(await send('/api/v2/things', 'token', signal)).toMatchObject({ status: 404, text: '' });
  });
});

describe('the limit for the number of values', () => {
  const any = z.object({ data: z.unknown() });
  const read = (body: string) => httpOver(scripted({ ...good, text: body }).send).get({ ...REQUEST, schema: any });
  const list = (count: number) => `[${Array.from({ length: count }, () => 0).join()}]`;

  it.each([
    ['100 entries', `{"data":${list(100)}}`],
    ['1,000 included resources', `{"data":[],"included":${list(1000)}}`],
    ['an object with a length', '{"data":{"length":101}}'],
  ])('accepts a body that has %s', async (_, body) => {
    expect((await read(body)).status).toBe(200);
  });

  it.each([
    ['101 entries', `{"data":${list(101)}}`, '101 entries in "data"; one page has at most 100'],
    ['1,001 included', `{"data":[],"included":${list(1001)}}`, '1001 entries in "included"; one page has at most 1000'],
  ])('rejects a body with %s', async (_, body, words) => {
    expect(await failureOf(read(body))).toMatchObject({
      system: 'HCP Terraform',
      fault: 'unexpected-answer',
      request: 'GET /api/v2/things',
      message: expect.stringContaining(words),
    });
  });

  it.each(['null', '5', '"text"', '[]'])(
    'doesn’t apply to %s, which is reported as an unexpected schema',
    async (body) => {
      const error = await failureOf(read(body));
      expect(error).toMatchObject({ fault: 'unexpected-answer' });
      expect(error.message).toContain('(top: invalid_type)');
    },
  );

  it('counts only outside of strings, even if a string contains quotes', async () => {
    const long = JSON.stringify('"\\,[{'.repeat(60_000));
    expect((await read(`{"data":${long}}`)).status).toBe(200);
    const after = `{"data":${long},"x":[${'0,'.repeat(200_000)}0]}`;
    expect(await failureOf(read(after))).toMatchObject({ system: 'HCP Terraform', fault: 'too-large' });
  });
});
