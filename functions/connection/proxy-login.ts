import { UpstreamError } from './errors.ts';

/** RFC 7617, section 2: the user's name contains no colon. Neither part contains control characters. */
const LOGIN = /^[^:\p{Cc}]+:[^\p{Cc}]+$/u;

/** Checks the string of a secret with the proxy's login. The error doesn't contain the string. */
export function proxyLogin(text: string, secretId: string): string {
  if (LOGIN.test(text)) return text;
  throw new UpstreamError({
    system: 'Secrets Manager',
    fault: 'unexpected-answer',
    what: `secret ${secretId} contains no login for the proxy; store user:password in it, without JSON and without quotes, or correct launcher.httpsProxyCredentialsSecret`,
    request: 'GetSecretValue',
  });
}
