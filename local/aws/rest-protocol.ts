/**
 * AWS REST JSON: the method and the path identify the action.
 * https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
 */
import type { IncomingHttpHeaders } from 'node:http';
import { ApiError } from './core/api-error.ts';
import { type Action, type Answer, awsJson, type Call, jsonObject } from './wire.ts';

export interface RestRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path with parameters, whose names are those of the input's members: `/schedules/:Name`. */
  readonly path: string;
  readonly action: string;
  /** Query parameters, and the input's members that they become. */
  readonly query?: Readonly<Record<string, string>>;
  /** Headers in lower case, and the input's members that they become. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The member that is the whole body, in bytes. Default: the body is a JSON object with the other members. */
  readonly payload?: string;
}

export interface RestService {
  readonly protocol: 'rest';
  readonly routes: readonly RestRoute[];
  readonly actions: Readonly<Record<string, Action>>;
  /** More members of each error's body. */
  readonly errorMembers?: Readonly<Record<string, unknown>>;
}

/** Errors before the action runs have this status, other than in AWS JSON. */
const STATUS_403 = new Set([
  'MissingAuthenticationTokenException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'IncompleteSignatureException',
  'AccessDeniedException',
]);

/** The output of an action whose response has a payload and headers instead of a JSON document. */
export class PayloadAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor({ status, body, headers }: Required<Answer>) {
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

export interface RestRequest {
  /** Parameters of the path, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export function restCall(
  service: RestService,
  route: RestRoute,
  { parameters, query, headers, body }: RestRequest,
): Call {
  return {
    action: route.action,
    run: service.actions[route.action],
    mediaType: 'application/json',
    input() {
      const inQuery = Object.entries(route.query ?? {}).flatMap(([name, member]) => {
        const value = query.get(name);
        return value === null ? [] : [[member, value] as const];
      });
      const inHeaders = Object.entries(route.headers ?? {}).flatMap(([name, member]) => {
        const value = headers[name];
        return value === undefined ? [] : [[member, value] as const];
      });
      const own = { ...Object.fromEntries([...inHeaders, ...inQuery]), ...parameters };
      if (route.payload !== undefined) return { ...own, [route.payload]: body };
      const content = jsonObject(body.toString('utf8'));
      if (content === undefined) throw new ApiError('SerializationException', "The request isn't a JSON object.");
      return { ...content, ...own };
    },
    success: (output) => (output instanceof PayloadAnswer ? output : { status: 200, body: awsJson(output) }),
    failure({ code, message, status, members }) {
      return {
        status: STATUS_403.has(code) ? 403 : status,
        headers: { 'x-amzn-errortype': code },
        body: JSON.stringify({ ...service.errorMembers, Message: message, ...members }),
      };
    },
  };
}
