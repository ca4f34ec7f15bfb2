import { GetSecretValueCommand, type SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { stringUnderKey } from '../../connection/json-value.ts';
import { NudgeError } from '../errors.ts';
import type { HmacKeys } from '../ports.ts';

/** Time between two reads of the secret in one environment of the function. So a flood of wrong signatures causes one read per minute. */
export const RENEW_MS = 60_000;

/** With one signed request, an attacker can try short keys offline until one matches. */
const KEY = /^[!-~]{32,512}$/;

/** Where the HMAC key is. */
export interface HmacKeySecret {
  /** Name or ARN of the secret. */
  readonly id: string;
  /** Key in the secret's JSON object; `undefined`: the secret contains only the HMAC key. */
  readonly jsonKey: string | undefined;
}

/** Reads the HMAC key from Secrets Manager, and keeps it while the function is warm. */
export class SecretsManagerHmacKey implements HmacKeys {
  readonly #client: SecretsManagerClient;
  readonly #secret: HmacKeySecret;
  readonly #now: () => number;
  #key: string | undefined;
  /** The last read. A failed one is kept until the next read is allowed: otherwise each request would cause a read. */
  #lastRead: Promise<string> | undefined;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(client: SecretsManagerClient, secret: HmacKeySecret, now: () => number) {
    this.#client = client;
    this.#secret = secret;
    this.#now = now;
  }

  async current(): Promise<string> {
    if (this.#key !== undefined) return this.#key;
    return this.#lastRead === undefined || this.#mayRead() ? this.#read() : this.#lastRead;
  }

  async renewed(): Promise<string | undefined> {
    return this.#mayRead() ? this.#read() : undefined;
  }

  #mayRead(): boolean {
    return this.#now() >= this.#readAt + RENEW_MS;
  }

  async #read(): Promise<string> {
    this.#readAt = this.#now();
    this.#lastRead = this.#value();
    this.#key = await this.#lastRead;
    return this.#key;
  }

  async #value(): Promise<string> {
    const { id, jsonKey } = this.#secret;
    const { SecretString = '' } = await this.#client
      .send(new GetSecretValueCommand({ SecretId: id }))
      .catch((error: unknown) => {
        const name = error instanceof Error ? error.name : 'unknown error';
        throw new NudgeError(
          `The secret ${id} with the HMAC key can't be read (${name}). Check that it exists in this account and region, and that the function's role may read it.`,
        );
      });
    const key = (jsonKey === undefined ? SecretString : stringUnderKey(SecretString, jsonKey))?.trim();
    if (key === undefined) {
      throw new NudgeError(
        `The secret ${id} has no string under the key ${jsonKey}. Store a JSON object that has the HMAC key under this key, or correct the key in nudge.hmacKeySecret.`,
      );
    }
    if (KEY.test(key)) return key;
    throw new NudgeError(
      `The secret ${id} doesn't contain an HMAC key${jsonKey === undefined ? '' : ` under the key ${jsonKey}`}: it has ${key.length} characters. Allowed are 32 to 512 printable characters without spaces. Create one with: openssl rand -hex 32`,
    );
  }
}
