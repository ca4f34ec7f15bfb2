declare const CHECKED: unique symbol;

/** Path of a run task's callback on the configured host. Only {@link callbackPath} creates one. */
export type CallbackPath = string & { readonly [CHECKED]: true };

/**
 * The documented path: "Typically `/task-results/:guid/callback`", below `/api/v2`.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration#run-task-callback
 */
const PATH = /^\/api\/v2\/task-results\/[A-Za-z0-9-]{1,64}\/callback$/;

const isCallbackPath = (path: string): path is CallbackPath => PATH.test(path);

/**
 * Returns the path of a callback URL if the URL is on the configured host and has the documented path; otherwise `undefined`.
 *
 * The request to the callback carries a bearer token, and goes out from this account. So a URL from a request body may choose neither
 * the host nor the port, and nothing but the task result in the path. A URL with a user, a query or a fragment is refused too.
 */
export function callbackPath(url: string, hostname: string): CallbackPath | undefined {
  const prefix = `https://${hostname}`;
  // The text is compared, not a parsed URL: a parser would accept other spellings of the same host.
  if (!url.startsWith(`${prefix}/`)) return undefined;
  const path = url.slice(prefix.length);
  return isCallbackPath(path) ? path : undefined;
}
