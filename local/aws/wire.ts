/** How the protocols of AWS read requests and write responses. Each protocol is one file next to this one. */
import type { ApiError } from './core/api-error.ts';

export type Action = (input: unknown) => object | Promise<object>;

/** One request, as its protocol reads it. */
export interface Call {
  readonly action: string;
  /** `undefined` if the service doesn't have this action. */
  readonly run: Action | undefined;
  /** Media type of the response. */
  readonly mediaType: string;
  /** @throws ApiError if the request can't be read */
  input(): unknown;
  /** The response of a successful action. */
  success(output: object): Answer;
  failure(error: ApiError): Answer;
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** JSON whose dates are seconds since the epoch, which is their default format in AWS's JSON protocols. */
export function awsJson(output: object): string {
  return JSON.stringify(output, function replace(this: Record<string, unknown>, name, value: unknown) {
    const original = this[name];
    return original instanceof Date ? original.getTime() / 1000 : value;
  });
}

/** The JSON object in the text; an empty object for an empty text; `undefined` if there is none. */
export function jsonObject(text: string): Record<string, unknown> | undefined {
  if (text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
