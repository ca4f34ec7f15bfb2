/** What to do about the launcher's API token. */
import { secretReference } from '../../lib/settings/secret-reference.ts';
import { secretNameOf } from './secret-name.ts';

/** The secret in the launcher's message that HCP Terraform rejected its API token; `undefined` for another message. */
export function rejectedTokenSecret(message: string): string | undefined {
  return /API token in secret (\S+) was rejected/.exec(message)?.[1];
}

/** How to create an API token with the permissions that the launcher needs, and how to store it. @param secret name or ARN, with its JSON key */
export function newApiToken(secret: string): readonly [create: string, store: string] {
  const { jsonKey } = secretReference(secret);
  const put = (file: string) =>
    `\`aws secretsmanager put-secret-value --secret-id ${secretNameOf(secret)} --secret-string file://${file}\``;
  return [
    'Create a team token in HCP Terraform (Settings, Teams, a team, Team API Tokens). The team needs "View all workspaces" and "Manage agent pools". An agent token doesn’t work.',
    jsonKey === undefined
      ? `Write it to token.txt, and store it: ${put('token.txt')}.`
      : `Write the secret's JSON object to secret.json, with the token under the key ${jsonKey} and all other keys as they are, and store it: ${put('secret.json')}.`,
  ];
}
