/**
 * Finds a token for HCP Terraform. No command takes a token as an argument, because other users of the machine can read arguments.
 *
 * In this order: the environment variable of the host as Terraform reads it (`TF_TOKEN_app_terraform_io`), `TFE_TOKEN` (if `TFE_HOSTNAME` is unset or this host), the file that
 * `terraform login` writes, and the launcher's own secret.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { secretReference } from '../../lib/settings/secret-reference.ts';
import type { Aws } from '../aws/clients.ts';
import { nameOfAwsError } from '../aws/errors.ts';
import { valueOfReference } from '../aws/secrets.ts';
import { Interrupted } from '../interruption.ts';
import { CommandError, type Io } from '../io.ts';

export interface FoundToken {
  readonly token: string;
  /** Where the token is from, for messages: `TFE_TOKEN`, or `the secret agent-launcher/api-token`. */
  readonly source: string;
}

const CREDENTIALS = z.looseObject({
  credentials: z.record(z.string(), z.looseObject({ token: z.string().optional() })).default({}),
});

/** https://developer.hashicorp.com/terraform/cli/config/config-file#environment-variable-credentials */
export function tokenVariable(hostname: string): string {
  return `TF_TOKEN_${hostname.replace(/:\d+$/, '').replaceAll('-', '__').replaceAll('.', '_')}`;
}

/** Whether `TFE_TOKEN` is for this host. As in the provider `tfe`, `TFE_HOSTNAME` names its host. Without it, the token is for any host. */
function isTfeHost(hostname: string, env: Io['env']): boolean {
  const host = env['TFE_HOSTNAME']?.trim() ?? '';
  return host === '' || host.toLowerCase() === hostname.toLowerCase();
}

/** A token of the user's own: from the environment, or from `terraform login`. */
export function usersToken(hostname: string, env: Io['env'], home = homedir()): FoundToken | undefined {
  for (const name of [tokenVariable(hostname), ...(isTfeHost(hostname, env) ? ['TFE_TOKEN'] : [])]) {
    const token = env[name]?.trim();
    if (token !== undefined && token !== '') return { token, source: name };
  }
  const file = join(home, '.terraform.d', 'credentials.tfrc.json');
  try {
    const parsed = CREDENTIALS.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    const token = parsed.data?.credentials[hostname]?.token;
    return token === undefined || token === '' ? undefined : { token, source: file };
  } catch {
    return undefined;
  }
}

/** Rejects with a `CommandError` if there is no token. */
export async function findToken(
  { hostname, apiTokenSecret }: { readonly hostname: string; readonly apiTokenSecret: string },
  { env, aws }: { readonly env: Io['env']; readonly aws: Aws },
): Promise<FoundToken> {
  const own = usersToken(hostname, env);
  if (own !== undefined) return own;
  try {
    const token = (await valueOfReference(aws, apiTokenSecret)) ?? '';
    if (token !== '') return { token, source: `the secret ${apiTokenSecret}` };
    const { id, jsonKey } = secretReference(apiTokenSecret);
    throw new CommandError(
      jsonKey === undefined
        ? `The secret ${id} is empty. Store the API token in it.`
        : `The secret ${id} has no string under the key ${jsonKey}. Store the API token there.`,
    );
  } catch (error) {
    if (error instanceof CommandError || error instanceof Interrupted) throw error;
    throw new CommandError(
      `There is no token for ${hostname}: ${tokenVariable(hostname)} and TFE_TOKEN aren't set, \`terraform login\` has stored none, and the secret ${apiTokenSecret} can't be read (${nameOfAwsError(error) || 'no code'}).\nRun \`terraform login ${hostname}\`, or set TFE_TOKEN.`,
      { cause: error },
    );
  }
}
