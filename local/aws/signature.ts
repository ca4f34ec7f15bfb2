/**
 * Signature Version 4 on the server's side: only requests that are signed with the server's own key are accepted.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 *
 * Checked: the access key ID and the signature over method, path, query, signed headers and body. Not checked: the age of the
 * signature, the region and service in its scope, session tokens, and signatures in the query string.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ApiError } from './core/api-error.ts';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 +Credential=([^/, ]+)\/(\d{8}\/[^/, ]+\/[^/, ]+\/aws4_request), *SignedHeaders=([^, ]+), *Signature=([0-9a-f]{64})$/;

/** Keys with the length of AWS's keys, but with a prefix that secret scanners don't treat as a real key. */
export function newCredentials(): Credentials {
  return {
    accessKeyId: `LOCAL${randomBytes(8).toString('hex').slice(0, 15).toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64url'),
  };
}

/** @throws ApiError with AWS's message if the request isn't signed with these credentials */
export function checkSignature(request: IncomingMessage, body: Buffer, credentials: Credentials): void {
  const { authorization } = request.headers;
  if (authorization === undefined) {
    throw new ApiError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const parts = AUTHORIZATION.exec(authorization);
  if (parts === null) throw incomplete('Authorization header requires a complete AWS4-HMAC-SHA256 signature.');
  const [, accessKeyId = '', scope = '', signedHeaders = '', signature = ''] = parts;
  if (!isSame(accessKeyId, credentials.accessKeyId)) {
    throw new ApiError('UnrecognizedClientException', 'The security token included in the request is invalid.');
  }
  const date = request.headers['x-amz-date'];
  const names = signedHeaders.split(';');
  if (typeof date !== 'string' || !names.includes('host') || !names.includes('x-amz-date')) {
    throw incomplete("'Host' and 'X-Amz-Date' must be signed headers in the Authorization header.");
  }
  const stringToSign = [ALGORITHM, date, scope, sha256(canonicalRequest(request, names, body))].join('\n');
  const key = [...scope.split('/')].reduce<string | Buffer>(hmac, `AWS4${credentials.secretAccessKey}`);
  if (!isSame(hmac(key, stringToSign).toString('hex'), signature)) {
    throw new ApiError(
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
        'and signing method. Consult the service documentation for details.',
    );
  }
}

function canonicalRequest(request: IncomingMessage, names: readonly string[], body: Buffer): string {
  const headers = names.map((name) => {
    const values = Object.hasOwn(request.headersDistinct, name) ? (request.headersDistinct[name] ?? []) : [];
    return `${name}:${values.map((value) => value.trim().replaceAll(/ +/g, ' ')).join(',')}\n`;
  });
  const unsigned = request.headers['x-amz-content-sha256'] === 'UNSIGNED-PAYLOAD';
  const payload = unsigned ? 'UNSIGNED-PAYLOAD' : sha256(body);
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  return [request.method, canonicalPath(path), canonicalQuery(query), headers.join(''), names.join(';'), payload].join(
    '\n',
  );
}

/** Each segment of the path as it was sent is encoded once more, in every service except S3. */
function canonicalPath(path: string): string {
  return path.split('/').map(encoded).join('/');
}

function canonicalQuery(query: string): string {
  const parameters = [...new URLSearchParams(query)].map(([name, value]) => [encoded(name), encoded(value)] as const);
  const order = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
  return parameters
    .sort(([name, value], [other, otherValue]) => order(name, other) || order(value, otherValue))
    .map((pair) => pair.join('='))
    .join('&');
}

/** Encodes everything except the unreserved characters of RFC 3986. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function incomplete(message: string): ApiError {
  return new ApiError('IncompleteSignatureException', message);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Compares in constant time. */
function isSame(given: string, expected: string): boolean {
  return timingSafeEqual(Buffer.from(sha256(given)), Buffer.from(sha256(expected)));
}
