/**
 * A Lambda function URL on loopback: an HTTP server in front of execution environments, which are separate processes.
 *
 * Each request is one invocation, in the payload format of function URLs. An environment runs one invocation at a time. If all are busy,
 * a new one starts, up to the function's concurrency; above it, the response is 429, as with reserved concurrency.
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { bodyBytes, httpServer, listen } from '../http-server.ts';

/** Lambda's limit for the event of a synchronous invocation. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const MAX_EVENT_BYTES = 6 * 1024 * 1024;

/** What an environment reports about its invocation. */
const outcome = z.union([z.object({ response: z.unknown() }), z.object({ error: z.string() })]);

/** https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload */
const responseSchema = z.object({
  statusCode: z.number().int().min(100).max(599),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.string().default(''),
  isBase64Encoded: z.boolean().default(false),
});

export interface FunctionUrlSettings {
  /** File of the module that exports `handler`. */
  readonly module: string;
  /** Environment of the function. It also inherits the PATH of this process, but nothing else. */
  readonly environment: Readonly<Record<string, string>>;
  /** Maximum number of invocations at the same time, like reserved concurrency. */
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Port on loopback. Default, and for 0: a free port. */
  readonly port?: number;
  /** Receives every line of the function's log. */
  readonly onLine?: (line: string) => void;
}

export interface FunctionUrl {
  /** `http://localhost:PORT/`. */
  readonly url: string;
  /** Number of environments that were started. */
  readonly environments: () => number;
  close(): Promise<void>;
}

interface Environment {
  readonly child: ChildProcess;
  isBusy: boolean;
}

const HOST = fileURLToPath(new URL('./url-host.ts', import.meta.url));

/** Starts the server. The first request starts the first environment. */
export async function startFunctionUrl(settings: FunctionUrlSettings): Promise<FunctionUrl> {
  const { concurrency, timeoutMs } = settings;
  const environments = new Set<Environment>();
  let started = 0;

  const newEnvironment = (): Environment => {
    const child = fork(HOST, [settings.module, String(timeoutMs)], {
      env: {
        PATH: process.env['PATH'] ?? '',
        AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
        ...settings.environment,
      },
      execArgv: [],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const input of [child.stdout, child.stderr]) {
      if (input !== null) createInterface({ input }).on('line', (line) => settings.onLine?.(line));
    }
    const environment = { child, isBusy: false };
    environments.add(environment);
    started += 1;
    child.once('close', () => environments.delete(environment));
    child.on('error', () => undefined);
    return environment;
  };

  const server = httpServer({
    maxBodyBytes: MAX_EVENT_BYTES,
    refuse: (reply, reason) => reply.send({ Message: reason }),
  });
  server.setErrorHandler((_error, _request, reply) => reply.code(413).send({ Message: 'Request Entity Too Large' }));
  server.all('/*', async (request, reply) => {
    const idle = [...environments].find(({ isBusy }) => !isBusy);
    if (idle === undefined && environments.size >= concurrency) {
      return reply
        .code(429)
        .send({ Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded', Message: 'Rate Exceeded.' });
    }
    const environment = idle ?? newEnvironment();
    const invocation = invoke(environment, eventOf(request), timeoutMs);
    return answer(reply, await invocation);
  });
  const port = await listen(server, settings.port);

  return {
    url: `http://localhost:${port}/`,
    environments: () => started,
    async close() {
      await server.close();
      await Promise.all(
        [...environments].map(async ({ child }) => {
          const closed = once(child, 'close');
          child.kill('SIGKILL');
          await closed;
        }),
      );
    },
  };
}

/** The handler's response; `undefined` if it threw, took too long, or its process ended. */
async function invoke(environment: Environment, event: object, timeoutMs: number): Promise<unknown> {
  const { child } = environment;
  environment.isBusy = true;
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const done = new AbortController();
  try {
    const reported = Promise.race([
      once(child, 'message', done).then(([message]: unknown[]) => message),
      once(child, 'close', done).then(() => undefined),
    ]);
    child.send(event);
    const { data } = outcome.safeParse(await reported);
    return data !== undefined && 'response' in data ? data.response : undefined;
  } finally {
    clearTimeout(timer);
    done.abort();
    environment.isBusy = false;
  }
}

/** The event of a request, in version 2.0 of the payload format. */
function eventOf(request: FastifyRequest): object {
  const [path = '/', query = ''] = request.url.split('?', 2);
  const body = bodyBytes(request);
  const type = request.headers['content-type'] ?? '';
  // Lambda passes text on as it is, and everything else in Base64.
  const isText = /^(?:text\/|application\/(?:json|javascript|xml|vnd\.api\+json))/.test(type);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name, [value].flat().join(',')]),
    ),
    requestContext: {
      accountId: 'anonymous',
      apiId: 'local',
      domainName: request.headers.host ?? 'localhost',
      http: {
        method: request.method,
        path,
        protocol: 'HTTP/1.1',
        sourceIp: request.ip,
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId: randomUUID(),
      routeKey: '$default',
      stage: '$default',
      timeEpoch: Date.now(),
    },
    ...(body.length > 0 && { body: isText ? body.toString('utf8') : body.toString('base64') }),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

function answer(reply: FastifyReply, response: unknown): FastifyReply {
  const { data } = responseSchema.safeParse(response);
  // AWS responds in this way if the function fails.
  if (data === undefined) return reply.code(502).send({ Message: 'Internal Server Error' });
  const body = data.isBase64Encoded ? Buffer.from(data.body, 'base64') : data.body;
  return reply
    .code(data.statusCode)
    .headers({ 'content-type': 'application/json', ...data.headers })
    .send(body);
}
