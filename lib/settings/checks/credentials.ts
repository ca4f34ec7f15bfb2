/** Checks of secrets, credentials and placeholders. */
import { credentialIn, looksLikeToken, shown } from '../../credentials.ts';
import { variableFault } from '../environment.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';
import { isRecord } from '../records.ts';
import { isSameSecret, type SecretHome } from '../same-secret.ts';
import { secretReference } from '../secret-reference.ts';

/** Context key that makes the checks accept the example's organization, so that `npm run synth` works in a fresh clone. */
export const ALLOW_PLACEHOLDER = 'agent-launcher:allowPlaceholder';

/** Organizations in this project's own examples. */
const PLACEHOLDERS = ['your-org', 'example-org'];

/**
 * Faults of the example's organization. The deployment would create a network that costs money but serves no organization.
 *
 * @param allowed value of the context key {@link ALLOW_PLACEHOLDER}: with `-c` it is text, and in cdk.json a boolean
 */
export function* placeholderFaults(
  { organization, pools = [] }: ReadableSettings,
  allowed: unknown,
): Iterable<SettingsFault> {
  if (allowed === true || allowed === 'true') return;
  const places = [
    { path: 'organization', value: organization },
    ...pools.map((pool, index) => ({ path: `pools.${index}.organization`, value: pool?.organization })),
  ];
  for (const { path, value } of places) {
    if (value === undefined || !PLACEHOLDERS.includes(value.toLowerCase())) continue;
    yield {
      path,
      given: `"${value}", the placeholder of the example`,
      allowed: 'the name of your organization, as in its URL: https://app.terraform.io/app/NAME',
      remedy: `set it in cdk.json, or pass -c ${path}=NAME. If your organization really has this name, pass -c ${ALLOW_PLACEHOLDER}=true`,
    };
  }
}

/** Faults of credentials anywhere in the settings. Settings must contain only the names of secrets. */
export function* credentialFaults(given: unknown, path: readonly string[] = []): Iterable<SettingsFault> {
  if (typeof given === 'object' && given !== null) {
    for (const [key, value] of Object.entries(given)) yield* credentialFaults(value, [...path, key]);
    return;
  }
  const what = credentialIn(given);
  // `variableFaults` checks environment variables, because their remedy differs.
  if (what === undefined || (path[0] === 'pools' && path[2] === 'environment')) return;
  yield {
    path: path.length === 0 ? 'agentLauncher' : path.join('.'),
    given: `a value that is or contains ${what}, so it is not shown`,
    allowed: 'no credentials, because settings appear in the template, the shell history and the terminal',
    remedy:
      'store the token in a secret of Secrets Manager and set the name of that secret in apiTokenSecret or agentTokenSecret. Revoke this token if anyone else may have seen it',
  };
}

/** Faults of variables that a pool can't have. For a value that isn't text, they say what to write; the schema doesn't. */
export function* variableFaults(given: unknown): Iterable<SettingsFault> {
  const pools: readonly unknown[] = isRecord(given) && Array.isArray(given['pools']) ? given['pools'] : [];
  for (const [index, pool] of pools.entries()) {
    const environment = isRecord(pool) && isRecord(pool['environment']) ? pool['environment'] : {};
    for (const [name, value] of Object.entries(environment)) {
      const fault = variableFault(name, value);
      if (fault === undefined) continue;
      const { reason, allowed, remedy } = fault;
      const path = `pools.${index}.environment.${looksLikeToken(name) ? '…' : name}`;
      yield { path, given: `${looksLikeToken(name) ? 'a variable' : shown(name)}: ${reason}`, allowed, remedy };
    }
  }
}

/** A setting with a secret. */
interface SecretAt {
  readonly path: string;
  readonly secret: string;
}

/**
 * Faults of secrets that two pools share, or that a pool, the nudge, the rotation or a login shares with another part. Only the launcher's
 * API tokens can share a secret.
 *
 * @param home account and region of the stack, as far as they are known
 */
export function* sharedSecretFaults(
  { apiTokenSecret, nudge, agentTokenRotation, launcher, agentImage }: ReadableSettings,
  pools: readonly ReadablePool[],
  home: SecretHome = {},
): Iterable<SettingsFault> {
  const at = (path: string, secret: string | undefined): SecretAt[] => (secret === undefined ? [] : [{ path, secret }]);
  const sameAs = ({ secret }: SecretAt, others: readonly SecretAt[]) =>
    others.find((other) => isSameSecret(secret, other.secret, home));
  const apiTokens = [
    ...at('apiTokenSecret', apiTokenSecret),
    ...pools.flatMap((pool, index) => at(`pools.${index}.apiTokenSecret`, pool.apiTokenSecret)),
  ];
  const agentTokens = pools.flatMap((pool, index) => at(`pools.${index}.agentTokenSecret`, pool.agentTokenSecret));
  const ofRotation = at('agentTokenRotation.apiTokenSecret', agentTokenRotation?.apiTokenSecret);
  const hmacKey = at('nudge.hmacKeySecret', nudge?.hmacKeySecret);
  const proxyLogin = at('launcher.httpsProxyCredentialsSecret', launcher?.httpsProxyCredentialsSecret);
  const registryLogin = at('agentImage.credentialsSecret', agentImage?.credentialsSecret);
  const rules = [
    ...agentTokens.map((its) => ({ its, others: apiTokens, ...OF_AGENTS })),
    ...ofRotation.map((its) => ({ its, others: [...apiTokens, ...agentTokens], ...OF_ROTATION })),
    ...hmacKey.map((its) => ({ its, others: [...apiTokens, ...agentTokens, ...ofRotation], ...OF_NUDGE })),
    // Both the launcher and the rotation read it. The launcher may read its own tokens, but no other function may.
    ...proxyLogin.map((its) => ({
      its,
      others: [...agentTokens, ...ofRotation, ...hmacKey, ...(ofRotation.length > 0 ? apiTokens : [])],
      ...OF_LOGIN,
    })),
    ...registryLogin.map((its) => ({
      its,
      others: [...agentTokens, ...ofRotation, ...hmacKey, ...apiTokens],
      ...OF_LOGIN,
    })),
  ];
  for (const { its, others, allowed, remedy } of rules) {
    const other = sameAs(its, others);
    if (other !== undefined) yield { path: its.path, given: sharedWith(its, other), allowed, remedy };
  }
  for (const [index, its] of agentTokens.entries()) {
    const other = sameAs(its, agentTokens.slice(0, index));
    if (other !== undefined) yield { path: its.path, given: sharedWith(its, other), ...OF_POOLS };
  }
}

function sharedWith({ secret }: SecretAt, other: SecretAt): string {
  const form = secretReference(secret).id === secretReference(other.secret).id ? '' : ` (there ${shown(other.secret)})`;
  return `${shown(secret)}, which is also the secret of ${other.path}${form}`;
}

const OF_AGENTS = {
  allowed:
    "a separate secret: an agent token isn't an API token, the launcher must not read agent tokens, and agents must not read API tokens",
  remedy: 'create an agent token on the page of the pool in HCP Terraform, and a secret for it',
};
const OF_POOLS = {
  allowed: 'a separate secret for every pool: an agent token belongs to one pool',
  remedy: 'create an agent token in this pool, and a secret for it',
};
const OF_ROTATION = {
  allowed:
    'a separate secret: the token of the rotation manages agent pools, and the launcher must not have this permission',
  remedy: 'create an API token of a team with the permission Manage agent pools, and a secret for it',
};
const OF_NUDGE = {
  allowed: "a separate secret: the function behind the public URL must not read tokens, and a token isn't an HMAC key",
  remedy: 'create a key (openssl rand -hex 32), and a secret for it',
};
const OF_LOGIN = {
  allowed: 'a separate secret: a function that reads one key of a secret can read the whole secret',
  remedy: 'create a secret for the login',
};
