import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ApiError } from './core/api-error.ts';
import type { Fault, Faults } from './core/faults.ts';
import { type Credentials, checkSignature } from './signature.ts';

/** One service: the prefix of its `X-Amz-Target` and its actions. */
export interface Service {
  readonly target: string;
  readonly actions: Readonly<Record<string, (input: unknown) => object>>;
  /** Name of the member with an error's text: ECS uses `message`, Secrets Manager `Message`. */
  readonly messageMember: 'message' | 'Message';
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

const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** AWS JSON 1.1: `POST /` with the action in `X-Amz-Target`, signed with the server's own key. */
export function apiHandler(options: ApiOptions): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const body = await bodyOf(request);
    const target = String(request.headers['x-amz-target'] ?? '');
    const dot = target.lastIndexOf('.');
    const action = target.slice(dot + 1);
    const service = options.services.find((candidate) => candidate.target === target.slice(0, dot));
    const exchange: Exchange = { options, response, action, messageMember: service?.messageMember ?? 'message' };
    if (body === undefined) {
      fail(exchange, new ApiError('SerializationException', 'The request is too long.', 413));
      return;
    }
    try {
      checkSignature(request, body, options.credentials);
    } catch (error) {
      fail(exchange, error);
      return;
    }
    const run = service !== undefined && Object.hasOwn(service.actions, action) ? service.actions[action] : undefined;
    if (run === undefined) {
      fail(
        exchange,
        new ApiError('com.amazon.coral.service#UnknownOperationException', `Unknown operation: ${target}`),
      );
      return;
    }
    const input = jsonOf(body.toString('utf8'));
    if (input === undefined) {
      fail(exchange, new ApiError('SerializationException', "The request isn't a JSON object."));
      return;
    }
    answer(exchange, () => run(input), options.faults.take(action, input));
  };
}

interface Exchange {
  readonly options: ApiOptions;
  readonly response: ServerResponse;
  readonly action: string;
  readonly messageMember: string;
}

function answer(exchange: Exchange, run: () => object, fault: Fault | undefined): void {
  switch (fault?.kind) {
    case undefined:
      attempt(exchange, run);
      return;
    case 'delay':
      setTimeout(() => attempt(exchange, run), fault.delayMs);
      return;
    case 'hang':
      return;
    case 'reset':
      breakOff(exchange);
      return;
    case 'lost-response':
      quietly(run);
      breakOff(exchange);
      return;
    case 'malformed':
      quietly(run);
      send(exchange, fault.status ?? 200, fault.body);
      return;
    case 'error-after':
      quietly(run);
      fail(exchange, new ApiError(fault.code, fault.message ?? fault.code, fault.status ?? 400));
      return;
    case 'error':
      fail(exchange, new ApiError(fault.code, fault.message ?? fault.code, fault.status ?? 400));
  }
}

function attempt(exchange: Exchange, run: () => object): void {
  let result: object;
  try {
    result = run();
  } catch (error) {
    fail(exchange, error);
    return;
  }
  send(exchange, 200, JSON.stringify(result));
}

function quietly(run: () => object): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

function fail(exchange: Exchange, error: unknown): void {
  const known =
    error instanceof ApiError ? error : new ApiError('ServerException', `Fault of the emulator: ${String(error)}`, 500);
  const body = { __type: known.code, [exchange.messageMember]: known.message, ...known.members };
  send(exchange, known.status, JSON.stringify(body), known.code.split('#').at(-1));
}

function send({ options, response, action }: Exchange, status: number, body: string, error?: string): void {
  if (response.destroyed) return;
  options.answered({ at: options.now(), action, status, ...(error === undefined ? {} : { error }) });
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.1',
    'content-length': Buffer.byteLength(body),
    'x-amzn-requestid': randomUUID(),
  });
  response.end(body);
}

function breakOff({ options, response, action }: Exchange): void {
  options.answered({ at: options.now(), action, status: 0 });
  response.socket?.resetAndDestroy();
}

/** Undefined if it is too long. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return length > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks);
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
