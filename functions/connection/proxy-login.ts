import { UpstreamError } from './errors.ts';
import { jsonObject, stringUnderKey } from './json-value.ts';

/** RFC 7617, section 2: the user's name contains no colon. Neither part contains control characters. */
const LOGIN = /^[^:\p{Cc}]+:[^\p{Cc}]+$/u;

/** Checks the string of a secret with the proxy's login, or the string under a key of its JSON object. The error doesn't contain the string. */
export function proxyLogin(
  text: string,
  { id, jsonKey }: { readonly id: string; readonly jsonKey?: string | undefined },
): string {
  const login = jsonKey === undefined ? text : stringUnderKey(text, jsonKey)?.trim();
  // JSON has colons too: without this check, a whole JSON object would be a user name and a password.
  if (login !== undefined && LOGIN.test(login) && jsonObject(login) === undefined) return login;
  throw new UpstreamError({
    system: 'Secrets Manager',
    fault: 'unexpected-answer',
    what:
      jsonKey === undefined
        ? `secret ${id} contains no login for the proxy; store user:password in it, without JSON and without quotes, or correct launcher.httpsProxyCredentialsSecret`
        : `secret ${id} has no login for the proxy under the key ${jsonKey}; store a JSON object that has user:password as a string under this key, or correct the key in launcher.httpsProxyCredentialsSecret`,
    request: 'GetSecretValue',
  });
}
