import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { UpstreamError } from '../errors.ts';
import type { Secrets } from '../ports.ts';

/**
 * The characters of a bearer token (RFC 6750, section 2.1). JSON or a quoted string isn't a token: the launcher would send the complete text to
 * HCP Terraform.
 */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

const REMEDIES: Readonly<Record<string, string>> = {
  ResourceNotFoundException:
    'there is no such secret in this account and region; create it, or correct its name in the settings',
  AccessDeniedException:
    'the function’s role is not allowed to read it; if the secret has a customer managed key, the role also needs kms:Decrypt',
  DecryptionFailure: 'it cannot be decrypted; the function’s role needs kms:Decrypt for the secret’s key',
  InvalidRequestException: 'the secret is scheduled for deletion, or has no value; restore it or store a value',
};

/** Implements the port `Secrets` with Secrets Manager. The warm function keeps the values in memory. */
export class SecretsManagerSecrets implements Secrets {
  readonly #client: SecretsManagerClient;
  readonly #values = new Map<string, Promise<string>>();

  constructor(client: SecretsManagerClient) {
    this.#client = client;
  }

  value(secretId: string, signal: AbortSignal): Promise<string> {
    return this.#values.get(secretId) ?? this.renew(secretId, signal);
  }

  renew(secretId: string, signal: AbortSignal): Promise<string> {
    const value = this.#read(secretId, signal);
    this.#values.set(secretId, value);
    // A failed read isn't cached. Callers that wait for it get the rejection.
    value.catch(() => this.#values.delete(secretId));
    return value;
  }

  async #read(secretId: string, signal: AbortSignal): Promise<string> {
    const answer = await this.#client
      .send(new GetSecretValueCommand({ SecretId: secretId }), { abortSignal: signal })
      .catch((error: unknown) => {
        throw unreadable(secretId, error);
      });
    const text = answer.SecretString?.trim() ?? '';
    if (TOKEN.test(text)) return text;
    throw new UpstreamError({
      system: 'Secrets Manager',
      fault: 'unexpected-answer',
      what:
        `secret ${secretId} contains ${text === '' ? 'no string' : 'a string with spaces or other characters that are not allowed in a token'}; ` +
        'store only the token in the secret, without JSON and without quotes',
      request: 'GetSecretValue',
    });
  }
}

function unreadable(secretId: string, error: unknown): UpstreamError {
  const name = nameOf(error);
  const remedy = REMEDIES[name];
  return new UpstreamError({
    system: 'Secrets Manager',
    fault: remedy === undefined ? 'unavailable' : 'rejected',
    what: `secret ${secretId} cannot be read (${name})${remedy === undefined ? '' : `: ${remedy}`}`,
    request: 'GetSecretValue',
    cause: error,
  });
}

/** The exception's name, or the error code if the connection failed. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
