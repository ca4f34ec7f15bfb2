/** Secrets of Secrets Manager that contain a token: their state, and the calls that change them. */
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  type GetSecretValueCommandOutput,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { stringUnderKey } from '../../functions/connection/json-value.ts';
import type { SecretVersion } from '../../functions/token-rotation/core/rotation.ts';
import {
  currentVersionIn,
  factsIn,
  type SecretFacts,
  versionIn,
} from '../../functions/token-rotation/core/secret-answers.ts';
import { secretReference } from '../../lib/settings/secret-reference.ts';
import { secretNameOf } from '../core/secret-name.ts';
import { CommandError } from '../io.ts';
import type { Aws } from './clients.ts';
import { ask, nameOfAwsError } from './errors.ts';

export interface SecretState {
  readonly name: string;
  /** `deleted`: the secret is scheduled for deletion, so its name can't be used yet. */
  readonly state: 'missing' | 'empty' | 'has-value' | 'deleted';
  /** Id of the version with the label AWSCURRENT. */
  readonly currentVersion?: string;
  /** Ids of all versions with a label, with their labels. */
  readonly versions: Readonly<Record<string, readonly string[]>>;
}

/** Reads everything about the secret except its value. */
export async function secretState(aws: Aws, name: string): Promise<SecretState> {
  const client = await aws.secretsManager();
  const answer = await ask(
    `look at the secret ${name}`,
    client.send(new DescribeSecretCommand({ SecretId: name })).catch((error: unknown) => {
      if (nameOfAwsError(error) === 'ResourceNotFoundException') return undefined;
      throw error;
    }),
  );
  if (answer === undefined) return { name, state: 'missing', versions: {} };
  const versions = answer.VersionIdsToStages ?? {};
  const currentVersion = currentVersionIn(versions);
  return {
    name,
    state: answer.DeletedDate !== undefined ? 'deleted' : currentVersion === undefined ? 'empty' : 'has-value',
    ...(currentVersion !== undefined && { currentVersion }),
    versions,
  };
}

/** The value of the secret without spaces around it. Rejects if the value is binary, and if there is none. */
export async function secretValue(aws: Aws, name: string): Promise<string> {
  return (await currentText(aws, name)).text?.trim() ?? '';
}

export interface CurrentText {
  readonly text: string | undefined;
  /** Id of the version that contains the text. */
  readonly version: string | undefined;
}

/** The value of the secret. Rejects if it is binary. @param orEmpty whether a secret may have no value; default: false */
export async function currentText(aws: Aws, name: string, { orEmpty = false } = {}): Promise<CurrentText> {
  const client = await aws.secretsManager();
  const { SecretString, SecretBinary, VersionId } = await ask(
    `read the secret ${name}`,
    client.send(new GetSecretValueCommand({ SecretId: name })).catch((error: unknown) => {
      if (orEmpty && nameOfAwsError(error) === 'ResourceNotFoundException') return NO_VALUE;
      throw error;
    }),
  );
  if (SecretBinary === undefined) return { text: SecretString, version: VersionId };
  throw new CommandError(`The secret ${secretNameOf(name)} has a binary value.\nStore text in it (--secret-string).`);
}

const NO_VALUE: Partial<GetSecretValueCommandOutput> = {};

/** The value of the secret, or the string under a key; `undefined`: it has no such string. Rejects with the error of AWS. */
export async function valueOfReference(
  aws: Pick<Aws, 'secretsManager'>,
  reference: string,
): Promise<string | undefined> {
  const { id, jsonKey } = secretReference(reference);
  const client = await aws.secretsManager();
  const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId: id }));
  return (jsonKey === undefined ? SecretString : stringUnderKey(SecretString, jsonKey))?.trim();
}

/** Every version of the secret, also those without a label. */
export async function secretVersions(aws: Aws, name: string): Promise<readonly SecretVersion[]> {
  const client = await aws.secretsManager();
  const all: SecretVersion[] = [];
  let NextToken: string | undefined;
  do {
    const page = await ask(
      `list the versions of the secret ${name}`,
      client.send(
        new ListSecretVersionIdsCommand({ SecretId: name, IncludeDeprecated: true, ...(NextToken && { NextToken }) }),
      ),
    );
    for (const version of page.Versions ?? []) all.push(versionIn(version));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return all;
}

/** The secret's name, and when it was last changed. */
export async function secretFacts(aws: Aws, name: string): Promise<SecretFacts> {
  const client = await aws.secretsManager();
  const described = await ask(`look at the secret ${name}`, client.send(new DescribeSecretCommand({ SecretId: name })));
  const facts = factsIn(described);
  if (facts !== undefined) return facts;
  throw new CommandError(
    `Secrets Manager doesn't show the name of the secret ${name} and when it was changed. Without that, nothing shows which tasks use which token. Try again later.`,
  );
}

export interface NewSecret {
  readonly name: string;
  readonly description: string;
  readonly value: string;
  /** Id of the new version, 32 to 64 characters. A repeated call with the same id and value does nothing. */
  readonly version: string;
}

/** @returns the ARN */
export async function createSecret(aws: Aws, secret: NewSecret): Promise<string> {
  const client = await aws.secretsManager();
  const { ARN = '' } = await ask(
    `create the secret ${secret.name}`,
    client.send(
      new CreateSecretCommand({
        Name: secret.name,
        Description: secret.description,
        SecretString: secret.value,
        ClientRequestToken: secret.version,
      }),
    ),
  );
  return ARN;
}

/** Adds a version and makes it AWSCURRENT. */
export async function putSecret(aws: Aws, { name, value, version }: Omit<NewSecret, 'description'>): Promise<void> {
  const client = await aws.secretsManager();
  await ask(
    `store the value of the secret ${name}`,
    client.send(new PutSecretValueCommand({ SecretId: name, SecretString: value, ClientRequestToken: version })),
  );
}

/** Deletes a secret that this run created, so that its name is free again. */
export async function deleteSecret(aws: Aws, name: string): Promise<void> {
  const client = await aws.secretsManager();
  await ask(
    `delete the secret ${name}`,
    client.send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true })),
  );
}

/**
 * Moves AWSCURRENT from a version back to an earlier one. The first version then has AWSPREVIOUS, so its value can still be read. Without an earlier
 * version, AWS refuses to remove the label.
 */
export async function restoreVersion(
  aws: Aws,
  name: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const client = await aws.secretsManager();
  await ask(
    `restore the value of the secret ${name}`,
    client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: name,
        VersionStage: 'AWSCURRENT',
        RemoveFromVersionId: from,
        MoveToVersionId: to,
      }),
    ),
  );
}
