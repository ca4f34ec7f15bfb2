/** A secret, or one key of a secret whose value is a JSON object: `acme/tokens`, `acme/tokens:api`, `arn:…:secret:acme/tokens-AbCdEf:api`. */

export interface SecretReference {
  /** Name or ARN of the secret. */
  readonly id: string;
  /** Key in the secret's JSON object; absent if the secret contains only the value. */
  readonly jsonKey?: string;
}

/**
 * Parses a setting, a variable, or `valueFrom` of a task definition. An ARN of a secret has seven parts, and a name has no colon. What follows is
 * a key. ECS writes two more parts after the key, for a version, which are empty here.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
 */
export function secretReference(text: string): SecretReference {
  const parts = text.split(':');
  const length = text.startsWith('arn:') ? 7 : 1;
  const jsonKey = parts[length] ?? '';
  return { id: parts.slice(0, length).join(':'), ...(jsonKey !== '' && { jsonKey }) };
}

/** The opposite of {@link secretReference}. */
export function secretReferenceText({
  id,
  jsonKey,
}: {
  readonly id: string;
  readonly jsonKey?: string | undefined;
}): string {
  return jsonKey === undefined ? id : `${id}:${jsonKey}`;
}

/**
 * The secret's name, with its key if it has one, which identifies an API token. If the secret is given as an ARN, the name is in the ARN,
 * followed by six random characters. Secrets with the same name in two accounts share a budget. That is slower, but never exceeds the limit.
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
 */
export function secretNameOf(reference: string): string {
  const { id, ...key } = secretReference(reference);
  const name = /^arn:[^:]+:secretsmanager:[^:]*:\d*:secret:(.+)-[A-Za-z0-9]{6}$/.exec(id)?.[1];
  return secretReferenceText({ id: name ?? id, ...key });
}
