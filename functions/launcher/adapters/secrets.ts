import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { stringUnderKey } from '../../connection/json-value.ts';
import { secretText } from '../../connection/secret-text.ts';
import { secretReference } from '../core/secret-reference.ts';
import { UpstreamError } from '../errors.ts';
import type { Secrets } from '../ports.ts';

/**
 * The characters of a bearer token (RFC 6750, section 2.1). JSON or a quoted string isn't a token: the launcher would send the complete text to
 * HCP Terraform.
 */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

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
    const { id, jsonKey } = secretReference(secretId);
    const text = await secretText(this.#client, id, signal);
    const token = jsonKey === undefined ? text : stringUnderKey(text, jsonKey)?.trim();
    if (token !== undefined && TOKEN.test(token)) return token;
    const found =
      token === undefined || token === ''
        ? 'no string'
        : 'a string with spaces or other characters that are not allowed in a token';
    throw new UpstreamError({
      system: 'Secrets Manager',
      fault: 'unexpected-answer',
      what:
        jsonKey === undefined
          ? `secret ${id} contains ${found}; store only the token in the secret, without JSON and without quotes`
          : `secret ${id} has ${found} under the key ${jsonKey}; store a JSON object that has the token under this key, or correct the key in the settings`,
      request: 'GetSecretValue',
    });
  }
}
