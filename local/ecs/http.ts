import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { errorCodes, type FastifyReply, type FastifyRequest } from 'fastify';
import { bodyBytes, type HttpServer } from '../http-server.ts';
import { ApiError } from './core/api-error.ts';
import type { Fault, Faults } from './core/faults.ts';
import { type Credentials, checkSignature } from './signature.ts';

export const AWS_JSON = 'application/x-amz-json-1.1';
/** SQS's version of the protocol: https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html */
export const AWS_JSON_1_0 = 'application/x-amz-json-1.0';

/** One service: the prefix of its `X-Amz-Target` and its actions. */
export interface Service {
  readonly target: string;
  readonly actions: Readonly<Record<string, (input: unknown) => object>>;
  /** Name of the member with an error's text: ECS uses `message`, Secrets Manager `Message`. */
  readonly messageMember: 'message' | 'Message';
  /** Media type of its responses. Default: {@link AWS_JSON}. */
  readonly mediaType?: string;
  /**
   * For a service that used the query protocol before: the old code of each error, for the header `x-amzn-query-error`.
   * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
   */
  readonly queryErrors?: Readonly<Record<string, string>>;
}

/** One API request, recorded after its response. */
export interface ApiCall {
  readonly at: number;
  readonly action: string;
  /** HTTP status; 0 if a fault broke the connection. */
  readonly status: number;
  /** `__type` of an error. */
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

/** AWS JSON: `POST /` with the action in `X-Amz-Target`, signed with the server's own key. */
export function serveApi(server: HttpServer, options: ApiOptions): void {
  const callOf = (request: FastifyRequest) => {
    const target = String(request.headers['x-amz-target'] ?? '');
    const dot = target.lastIndexOf('.');
    const service = options.services.find((candidate) => candidate.target === target.slice(0, dot));
    return { target, service, action: target.slice(dot + 1) };
  };
  const send = (request: FastifyRequest, reply: FastifyReply, status: number, body: string, error?: string) => {
    // The client may have closed the connection while its response was delayed.
    if (reply.raw.destroyed) return reply.hijack();
    const { action, service } = callOf(request);
    options.answered({ at: options.now(), action, status, ...(error === undefined ? {} : { error }) });
    return sendJson(reply.header('x-amzn-requestid', randomUUID()), service?.mediaType ?? AWS_JSON, status, body);
  };

  server.setErrorHandler((error, request, reply) => {
    const { code, message, status, members } = apiErrorOf(error);
    const { service } = callOf(request);
    const body = { __type: code, [service?.messageMember ?? 'message']: message, ...members };
    const queryError = service?.queryErrors?.[code];
    if (queryError !== undefined) reply.header('x-amzn-query-error', `${queryError};Sender`);
    return send(request, reply, status, JSON.stringify(body), code.split('#').at(-1));
  });

  server.post('/', async (request, reply) => {
    const { target, service, action } = callOf(request);
    checkSignature(request.raw, bodyBytes(request), options.credentials);
    const run = service !== undefined && Object.hasOwn(service.actions, action) ? service.actions[action] : undefined;
    if (run === undefined) {
      throw new ApiError('com.amazon.coral.service#UnknownOperationException', `Unknown operation: ${target}`);
    }
    const input = jsonOf(bodyBytes(request).toString('utf8'));
    if (input === undefined) throw new ApiError('SerializationException', "The request isn't a JSON object.");

    const fault = options.faults.take(action, input);
    if (fault !== undefined && AFTER_THE_ACTION.has(fault.kind)) quietly(() => run(input));
    switch (fault?.kind) {
      case 'error':
      case 'error-after':
        throw new ApiError(fault.code, fault.message ?? fault.code, fault.status ?? 400);
      case 'malformed':
        return send(request, reply, fault.status ?? 200, fault.body);
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
    return send(request, reply, 200, JSON.stringify(run(input)));
  });
}

/** Sends bytes, because fastify would add a character set to the media type of a string. */
export function sendJson(reply: FastifyReply, type: string, status: number, body: string): FastifyReply {
  return reply.code(status).header('content-type', type).send(Buffer.from(body));
}

/** Faults that only affect the response. The action runs. */
const AFTER_THE_ACTION: ReadonlySet<Fault['kind']> = new Set(['lost-response', 'malformed', 'error-after']);

/** Runs the action. Even if it fails, the caller gets the fault's response. */
function quietly(run: () => object): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
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

function jsonOf(text: string): unknown {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
