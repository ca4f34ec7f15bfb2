/**
 * AWS JSON: `POST /` with the action in `X-Amz-Target`.
 * https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
 */
import { ApiError } from './core/api-error.ts';
import { type Action, awsJson, type Call, jsonObject } from './wire.ts';

export const AWS_JSON = 'application/x-amz-json-1.1';
/** https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html */
export const AWS_JSON_1_0 = 'application/x-amz-json-1.0';

export interface JsonService {
  readonly protocol: 'json';
  /** The prefix of its `X-Amz-Target`. */
  readonly target: string;
  /** What some clients write before the prefix, with a dot at its end. Default: nothing. */
  readonly namespace?: string;
  readonly actions: Readonly<Record<string, Action>>;
  /** Name of the member with an error's text: most services use `message`, Secrets Manager `Message`. */
  readonly messageMember: 'message' | 'Message';
  /** Media type of its responses. Default: {@link AWS_JSON}. */
  readonly mediaType?: string;
  /**
   * For a service that used the query protocol before: the old code of each error, for the header `x-amzn-query-error`.
   * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
   */
  readonly queryErrors?: Readonly<Record<string, string>>;
}

/** @param target value of the header `X-Amz-Target`; empty if it is absent */
export function jsonCall(services: readonly JsonService[], target: string, body: Buffer): Call {
  const dot = target.lastIndexOf('.');
  const prefix = target.slice(0, dot);
  const service = services.find(
    (candidate) => candidate.target === prefix || `${candidate.namespace ?? ''}${candidate.target}` === prefix,
  );
  const action = target.slice(dot + 1);
  return {
    action,
    run: service !== undefined && Object.hasOwn(service.actions, action) ? service.actions[action] : undefined,
    mediaType: service?.mediaType ?? AWS_JSON,
    input() {
      const input = jsonObject(body.toString('utf8'));
      if (input === undefined) throw new ApiError('SerializationException', "The request isn't a JSON object.");
      return input;
    },
    success: (output) => ({ status: 200, body: awsJson(output) }),
    failure({ code, message, status, members }) {
      const queryError = service?.queryErrors?.[code];
      return {
        status,
        body: JSON.stringify({ __type: code, [service?.messageMember ?? 'message']: message, ...members }),
        ...(queryError !== undefined && { headers: { 'x-amzn-query-error': `${queryError};Sender` } }),
      };
    },
  };
}
