/** Checks of secrets, credentials and placeholders. */
import { credentialIn, looksLikeToken, shown } from '../../credentials.ts';
import { variableFault } from '../environment.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadablePool, ReadableSettings } from '../read.ts';
import { isRecord, repeated } from '../records.ts';
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

/** Faults of secrets that two pools share, or that a pool, the nudge or the rotation shares with another part. */
export function* sharedSecretFaults(
  { apiTokenSecret, nudge, agentTokenRotation, launcher, agentImage }: ReadableSettings,
  pools: readonly ReadablePool[],
): Iterable<SettingsFault> {
  // IAM can't restrict a reader to one key, so two keys of one secret are the same secret. Only the launcher's API tokens can share one.
  const idOf = (secret: string | undefined) => secret && secretReference(secret).id;
  const apiTokens = new Set([apiTokenSecret, ...pools.map((pool) => pool.apiTokenSecret)].map(idOf));
  const agentTokens = pools.map(({ agentTokenSecret }) => idOf(agentTokenSecret));
  for (const [index, secret] of agentTokens.entries()) {
    if (secret === undefined || !apiTokens.has(secret)) continue;
    yield {
      path: `pools.${index}.agentTokenSecret`,
      given: `${shown(secret)}, which is also an apiTokenSecret`,
      allowed:
        "a separate secret: an agent token isn't an API token, the launcher must not read agent tokens, and agents must not read API tokens",
      remedy: 'create an agent token on the page of the pool in HCP Terraform, and a secret for it',
    };
  }
  const ofRotation = idOf(agentTokenRotation?.apiTokenSecret);
  if (ofRotation !== undefined && (apiTokens.has(ofRotation) || agentTokens.includes(ofRotation))) {
    yield {
      path: 'agentTokenRotation.apiTokenSecret',
      given: `${shown(ofRotation)}, which is also the secret of another token`,
      allowed:
        'a separate secret: the token of the rotation manages agent pools, and the launcher must not have this permission',
      remedy: 'create an API token of a team with the permission Manage agent pools, and a secret for it',
    };
  }
  const key = idOf(nudge?.hmacKeySecret);
  if (key !== undefined && (apiTokens.has(key) || agentTokens.includes(key) || key === ofRotation)) {
    yield {
      path: 'nudge.hmacKeySecret',
      given: `${shown(key)}, which is also the secret of a token`,
      allowed:
        "a separate secret: the function behind the public URL must not read tokens, and a token isn't an HMAC key",
      remedy: 'create a key (openssl rand -hex 32), and a secret for it',
    };
  }
  const rotated = ofRotation !== undefined;
  const logins = [
    // Both the launcher and the rotation read it. The launcher may read its own tokens, but no other function may.
    {
      path: 'launcher.httpsProxyCredentialsSecret',
      secret: idOf(launcher?.httpsProxyCredentialsSecret),
      others: [...agentTokens, ofRotation, key, ...(rotated ? apiTokens : [])],
    },
    {
      path: 'agentImage.credentialsSecret',
      secret: idOf(agentImage?.credentialsSecret),
      others: [...agentTokens, ofRotation, key, ...apiTokens],
    },
  ];
  for (const { path, secret, others } of logins) {
    if (secret === undefined || !others.includes(secret)) continue;
    yield {
      path,
      given: `${shown(secret)}, which is also the secret of a token or of the HMAC key`,
      allowed: 'a separate secret: a function that reads one key of a secret can read the whole secret',
      remedy: 'create a secret for the login',
    };
  }
  for (const { index, value, first } of repeated(agentTokens)) {
    yield {
      path: `pools.${index}.agentTokenSecret`,
      given: `${shown(value)}, as in pools.${first}`,
      allowed: 'a separate secret for every pool: an agent token belongs to one pool',
      remedy: 'create an agent token in this pool, and a secret for it',
    };
  }
}
