/** Names of secrets. */

import { secretReference, secretReferenceText } from '../../lib/settings/secret-reference.ts';

/** The secret's name in its ARN, without the six random characters and a JSON key; or the name itself. */
export function secretNameOf(id: string): string {
  const secret = secretReference(id).id;
  return /^arn:[^:]+:secretsmanager:[^:]*:\d*:secret:(.+?)(?:-[A-Za-z0-9]{6})?$/.exec(secret)?.[1] ?? secret;
}

/** {@link secretNameOf}, with the JSON key if the setting has one. Two tokens of one secret have different labels. */
export function secretLabelOf(id: string): string {
  return secretReferenceText({ ...secretReference(id), id: secretNameOf(id) });
}
