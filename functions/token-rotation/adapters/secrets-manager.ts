import {
  DescribeSecretCommand,
  type DescribeSecretCommandOutput,
  GetSecretValueCommand,
  type GetSecretValueCommandOutput,
  PutSecretValueCommand,
  paginateListSecretVersionIds,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { stringUnderKey } from '../../connection/json-value.ts';
import { TOKEN } from '../core/agent-tokens.ts';
import type { SecretVersion } from '../core/rotation.ts';
import { currentVersionIn, factsIn, type SecretFacts, versionIn } from '../core/secret-answers.ts';
import { textWithToken } from '../core/secret-value.ts';
import { RotationError } from '../errors.ts';
import type { StoreToken, TokenPlace, TokenSecrets } from '../ports.ts';
import { answered } from './connection-failure.ts';

/** Implements the port `TokenSecrets` with Secrets Manager. */
export class SecretsManagerTokens implements TokenSecrets {
  readonly #client: SecretsManagerClient;

  constructor(client: SecretsManagerClient) {
    this.#client = client;
  }

  /** The API token. It is read in every invocation, so that a new one is used at once. */
  async apiToken({ secret, jsonKey }: TokenPlace): Promise<string> {
    const { text: stored = '' } = await this.#value(secret);
    const text = (jsonKey === undefined ? stored : stringUnderKey(stored, jsonKey))?.trim();
    if (text !== undefined && TOKEN.test(text)) return text;
    throw new RotationError(
      jsonKey === undefined
        ? `The secret ${secret} doesn't contain an API token, but ${text?.length} characters. Store only the token in it: a team token that may manage agent pools.`
        : `The secret ${secret} has no API token under the key ${jsonKey}, but ${text === undefined ? 'no string' : `${text.length} characters`}. Store a JSON object that has a team token under this key, one that may manage agent pools, or correct the key in agentTokenRotation.apiTokenSecret.`,
    );
  }

  async versions(secret: string): Promise<readonly SecretVersion[]> {
    const all: SecretVersion[] = [];
    const list = async (): Promise<void> => {
      const input = { SecretId: secret, IncludeDeprecated: true };
      for await (const { Versions = [] } of paginateListSecretVersionIds({ client: this.#client }, input)) {
        for (const version of Versions) all.push(versionIn(version));
      }
    };
    await ofSecrets(list(), `The versions of the secret ${secret} can't be listed`);
    return all;
  }

  async facts(secret: string): Promise<SecretFacts> {
    const facts = factsIn(await this.#described(secret));
    if (facts !== undefined) return facts;
    throw new RotationError(
      `Secrets Manager doesn't show the name of the secret ${secret} and when it was changed. The next invocation tries again.`,
    );
  }

  async open(place: TokenPlace): Promise<StoreToken> {
    const { secret, jsonKey } = place;
    if (jsonKey === undefined) return (value, versionId) => this.#put(secret, value, versionId);
    const { text: before, versionId: versionBefore } = await this.#value(secret, { orEmpty: true });
    textIn(place, before, '');
    return async (value, versionId) => {
      // PutSecretValue accepts no condition, so a change in the moment between these two requests gets lost.
      const { VersionIdsToStages } = await this.#described(secret);
      if (currentVersionIn(VersionIdsToStages) !== versionBefore) {
        throw new RotationError(
          `The secret ${secret} was changed while a token was created for it. The token was not stored, so that the change of the other keys isn't lost. A later invocation revokes it, and tries again.`,
        );
      }
      await this.#put(secret, textIn(place, before, value), versionId);
    };
  }

  #described(secret: string): Promise<DescribeSecretCommandOutput> {
    return ofSecrets(
      this.#client.send(new DescribeSecretCommand({ SecretId: secret })),
      `The secret ${secret} can't be described`,
    );
  }

  async #put(secret: string, text: string, versionId: string): Promise<void> {
    const command = new PutSecretValueCommand({ SecretId: secret, SecretString: text, ClientRequestToken: versionId });
    await ofSecrets(this.#client.send(command), `The agent token can't be stored in the secret ${secret}`);
  }

  /** The current text and its version. @param orEmpty whether the secret may have no value; default: false */
  async #value(
    secret: string,
    { orEmpty = false } = {},
  ): Promise<{ readonly text: string | undefined; readonly versionId: string | undefined }> {
    const { SecretString, SecretBinary, VersionId } = await ofSecrets(
      this.#client.send(new GetSecretValueCommand({ SecretId: secret })).catch((error: unknown) => {
        if (orEmpty && error instanceof Error && error.name === 'ResourceNotFoundException') return NO_VALUE;
        throw error;
      }),
      `The secret ${secret} can't be read`,
    );
    if (SecretBinary === undefined) return { text: SecretString, versionId: VersionId };
    throw new RotationError(
      `The secret ${secret} has a binary value. Store text in it: with a key a JSON object, otherwise only the token.`,
    );
  }
}

const NO_VALUE: Partial<GetSecretValueCommandOutput> = {};

function textIn({ secret, jsonKey }: TokenPlace, before: string | undefined, token: string): string {
  const text = textWithToken(before, jsonKey, token);
  if (text !== undefined) return text;
  throw new RotationError(
    `The secret ${secret} isn't a JSON object, so the agent token can't be stored under the key ${jsonKey}. Correct the secret, or remove the key from the setting.`,
  );
}

function ofSecrets<T>(answer: Promise<T>, failure: string): Promise<T> {
  return answered(
    answer,
    failure,
    "Check that it exists in this account and region, and that the function's role may do this. With a customer managed key, the role needs kms:Decrypt and kms:GenerateDataKey.",
  );
}
