/** What Secrets Manager's answers say about a secret, both for the command `rotate` and for the function. */
import type { SecretVersion } from './rotation.ts';

/** An entry of `Versions` in the answer of ListSecretVersionIds. */
export interface VersionEntry {
  readonly VersionId?: string | undefined;
  readonly CreatedDate?: Date | undefined;
  readonly VersionStages?: readonly string[] | undefined;
}

/** A version without a date counts as new: then its token is young, and every task may have started before it. */
export function versionIn({ VersionId = '', CreatedDate, VersionStages = [] }: VersionEntry): SecretVersion {
  return { id: VersionId, createdAtMs: CreatedDate?.getTime() ?? Number.MAX_VALUE, labels: VersionStages };
}

/** The answer of DescribeSecret. */
export interface SecretDescription {
  readonly Name?: string | undefined;
  readonly LastChangedDate?: Date | undefined;
  readonly CreatedDate?: Date | undefined;
}

export interface SecretFacts {
  /** The secret's name, even if it was described by its ARN. */
  readonly name: string;
  /** When the secret was last changed in any way, in milliseconds since the epoch. */
  readonly changedAtMs: number;
}

/** What the rotation needs of a description; `undefined` if the answer doesn't show it. */
export function factsIn({ Name: name, LastChangedDate, CreatedDate }: SecretDescription): SecretFacts | undefined {
  const changedAtMs = (LastChangedDate ?? CreatedDate)?.getTime();
  return name === undefined || changedAtMs === undefined ? undefined : { name, changedAtMs };
}

/** Id of the version with the label AWSCURRENT in the answer of DescribeSecret; `undefined` if the secret has no value. */
export function currentVersionIn(labels: Readonly<Record<string, readonly string[]>> | undefined): string | undefined {
  return Object.entries(labels ?? {}).find(([, its]) => its.includes('AWSCURRENT'))?.[0];
}
