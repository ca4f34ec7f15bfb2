/** The API of all services on one HTTP server. Each request must be signed with the server's own key. */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { errorCodes, type FastifyReply, type FastifyRequest } from 'fastify';
import { bodyBytes, type HttpServer } from '../http-server.ts';
import { ApiError } from './core/api-error.ts';
import type { Fault, Faults } from './core/faults.ts';
import { type JsonService, jsonCall } from './json-protocol.ts';
import { isForm, type QueryService, queryCall } from './query-protocol.ts';
import { type RestService, restCall } from './rest-protocol.ts';
import { type Credentials, checkSignature } from './signature.ts';
import type { Answer, Call } from './wire.ts';

export type Service = JsonService | QueryService | RestService;

/** One API request, recorded after its response. */
export interface ApiCall {
  readonly at: number;
  readonly action: string;
  /** HTTP status; 0 if a fault broke the connection. */
  readonly status: number;
  /** Code of an error. */
  readonly error?: string;
}

export interface ApiOptions {
  readonly services: readonly Service[];
  /** Requests with any other signature are rejected. */
  readonly credentials: Credentials;
  readonly faults: Faults;
  readonly now: () => number;
  readonly answered: (call: ApiCall) => void;
}

/** Adds `POST /` and the routes of the REST services to the server, and its error handler. */
export function serveApi(server: HttpServer, options: ApiOptions): void {
  const json = options.services.filter((service) => service.protocol === 'json');
  const query = options.services.filter(
    (service): service is QueryService => service.protocol === 'query' || service.protocol === 'ec2',
  );
  const rest = options.services.filter((service) => service.protocol === 'rest');

  const rpcCall = (request: FastifyRequest): Call => {
    const body = bodyBytes(request);
    if (isForm(request.headers['content-type'])) return queryCall(query, body);
    return jsonCall(json, String(request.headers['x-amz-target'] ?? ''), body);
  };
  const send = (
    reply: FastifyReply,
    call: Call,
    { status, body, headers = {} }: Answer,
    error?: string,
  ): FastifyReply => {
    // The client may have closed the connection while its response was delayed.
    if (reply.raw.destroyed) return reply.hijack();
    options.answered({ at: options.now(), action: call.action, status, ...(error === undefined ? {} : { error }) });
    return sendJson(reply.headers({ 'x-amzn-requestid': randomUUID(), ...headers }), call.mediaType, status, body);
  };
  const fail = (reply: FastifyReply, call: Call, error: unknown): FastifyReply => {
    const apiError = apiErrorOf(error);
    return send(reply, call, call.failure(apiError), apiError.code.split('#').at(-1));
  };

  const answer = async (request: FastifyRequest, reply: FastifyReply, call: Call): Promise<FastifyReply> => {
    checkSignature(request.raw, bodyBytes(request), options.credentials);
    const { action, run } = call;
    if (run === undefined) throw unknownAction(request, action);
    const input = call.input();

    const fault = options.faults.take(action, input);
    if (fault !== undefined && AFTER_THE_ACTION.has(fault.kind)) await quietly(async () => run(input));
    switch (fault?.kind) {
      case 'error':
      case 'error-after':
        throw new ApiError(fault.code, fault.message ?? fault.code, fault.status ?? 400);
      case 'malformed':
        return send(reply, call, { status: fault.status ?? 200, body: fault.body });
      case 'hang':
        return reply.hijack();
      case 'reset':
      case 'lost-response':
        options.answered({ at: options.now(), action, status: 0 });
        reply.hijack().raw.socket?.resetAndDestroy();
        return reply;
      case 'delay':
        await setTimeout(fault.delayMs);
    }
    return send(reply, call, call.success(await run(input)));
  };
  const answerOrFail = async (request: FastifyRequest, reply: FastifyReply, call: Call): Promise<FastifyReply> => {
    try {
      return await answer(request, reply, call);
    } catch (error) {
      return fail(reply, call, error);
    }
  };

  server.setErrorHandler((error, request, reply) => fail(reply, rpcCall(request), error));
  server.post('/', (request, reply) => answerOrFail(request, reply, rpcCall(request)));
  for (const service of rest) {
    for (const route of service.routes) {
      server.route({
        method: route.method,
        url: route.path,
        handler: (request, reply) => {
          const parameters = request.params as Readonly<Record<string, string>>;
          const [, search = ''] = request.url.split('?', 2);
          const body = bodyBytes(request);
          const { headers } = request;
          const query = new URLSearchParams(search);
          const call = restCall(service, route, { parameters, query, headers, body });
          return answerOrFail(request, reply, call);
        },
      });
    }
  }
}

/** Sends bytes, because fastify would add a character set to the media type of a string. */
export function sendJson(reply: FastifyReply, type: string, status: number, body: string): FastifyReply {
  return reply.code(status).header('content-type', type).send(Buffer.from(body));
}

/** Faults that only affect the response. The action runs. */
const AFTER_THE_ACTION: ReadonlySet<Fault['kind']> = new Set(['lost-response', 'malformed', 'error-after']);

/** Runs the action. Even if it fails, the caller gets the fault's response. */
async function quietly(run: () => Promise<object>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

function unknownAction(request: FastifyRequest, action: string): ApiError {
  if (isForm(request.headers['content-type'])) {
    return new ApiError('InvalidAction', `The action ${action} is not valid for this web service.`);
  }
  const target = String(request.headers['x-amz-target'] ?? '');
  return new ApiError('com.amazon.coral.service#UnknownOperationException', `Unknown operation: ${target}`);
}

function apiErrorOf(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof errorCodes.FST_ERR_CTP_BODY_TOO_LARGE) {
    return new ApiError('SerializationException', 'The request is too long.', 413);
  }
  if (error instanceof errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE) {
    return new ApiError('SerializationException', 'The Content-Type is malformed.', 415);
  }
  return new ApiError('ServerException', `Fault of the emulator: ${String(error)}`, 500);
}
