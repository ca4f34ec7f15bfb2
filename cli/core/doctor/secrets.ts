/** Checks of the secrets. They need no value: Secrets Manager's metadata shows whether there is one. A value is read only on request. */
import { certificatesIn } from '../../../functions/connection/ca-certificates.ts';
import { UpstreamError } from '../../../functions/connection/errors.ts';
import { proxyLogin } from '../../../functions/connection/proxy-login.ts';
import { TOKEN } from '../../../functions/token-rotation/core/agent-tokens.ts';
import { secretReference } from '../../../lib/settings/secret-reference.ts';
import { jsonOf } from '../json.ts';
import { secretNameOf } from '../secret-name.ts';
import { couldNotCheck, error, type Finding, note, type Observed, ok } from './findings.ts';
import type { SecretKind, SecretUse } from './target.ts';

export type ValueShape =
  | 'ok'
  | 'empty'
  | 'json'
  /** The setting has a key, but the value isn't a JSON object. */
  | 'not-json'
  /** The setting has a key that the JSON object doesn't have, or whose value isn't a string. */
  | 'no-such-key'
  /** Quotes, spaces or line breaks inside. */
  | 'not-a-token'
  /** A registry login that isn't `{"username", "password"}`. The function that copies images also accepts `accessToken`. */
  | 'not-a-login'
  /** Not `user:password`, as the launcher reads it. */
  | 'not-a-proxy-login'
  /** No certificate in PEM, or one that the launcher can't read. */
  | 'no-certificates';

export interface SecretFacts {
  /** Milliseconds since the epoch; absent: not scheduled for deletion. */
  readonly deletedAt?: number;
  /** Whether a version is current. */
  readonly hasValue: boolean;
  /** Absent: AWS's own key. */
  readonly kmsKeyId?: string;
  /** Absent: the value was not read. */
  readonly value?: Observed<ValueShape>;
}

/** What a secret's value looks like. The result contains nothing of the value. */
export function shapeOf(kind: SecretKind, value: string): ValueShape {
  const text = value.trim();
  if (text === '') return 'empty';
  if (kind === 'proxy-login') return accepts(() => proxyLogin(text, { id: '' })) ? 'ok' : 'not-a-proxy-login';
  if (kind === 'ca-certificates') return accepts(() => certificatesIn(text, '')) ? 'ok' : 'no-certificates';
  const json = jsonOf(text);
  if (kind === 'registry-login') return isLogin(json, 'password', 'accessToken') ? 'ok' : 'not-a-login';
  if (kind === 'pull-login') return isLogin(json, 'password') ? 'ok' : 'not-a-login';
  if (typeof json === 'object' && json !== null) return 'json';
  if (kind === 'hmac-key' || TOKEN.test(text)) return 'ok';
  return 'not-a-token';
}

/** Whether the launcher's own parser accepts the value. */
function accepts(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof UpstreamError) return false;
    throw error;
  }
}

/** What the string under a key of a JSON object looks like. */
export function shapeOfKey(kind: SecretKind, value: string, jsonKey: string): ValueShape {
  const json = jsonOf(value);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'not-json';
  const part: unknown = Object.hasOwn(json, jsonKey) ? Reflect.get(json, jsonKey) : undefined;
  // The function that copies images accepts an object in the JSON, too.
  if (kind === 'registry-login' && typeof part === 'object') return shapeOf(kind, JSON.stringify(part));
  return typeof part === 'string' ? shapeOf(kind, part) : 'no-such-key';
}

function isLogin(json: unknown, ...passwordKeys: readonly string[]): boolean {
  if (typeof json !== 'object' || json === null) return false;
  const has = (key: string): boolean => {
    const part: unknown = Reflect.get(json, key);
    return typeof part === 'string' && part !== '';
  };
  return has('username') && passwordKeys.some(has);
}

/** @param facts `undefined`: the secret doesn't exist */
export function checkSecret(use: SecretUse, facts: Observed<SecretFacts | undefined>): Finding[] {
  const name = `The secret ${secretNameOf(use.id)} (${use.purpose})`;
  if ('failure' in facts) {
    return [
      couldNotCheck(
        'secrets.exists',
        `the secret ${secretNameOf(use.id)}`,
        facts.failure,
        'secretsmanager:DescribeSecret',
      ),
    ];
  }
  const secret = facts.value;
  if (secret === undefined) {
    return [
      error('secrets.exists', {
        what: `${name} doesn’t exist in this account and region.`,
        why: EFFECT[use.kind],
        todo: `Create it: aws secretsmanager create-secret --name ${secretNameOf(use.id)} --secret-string file://${FILE[use.kind]}. Or correct its name in the settings.`,
      }),
    ];
  }
  if (secret.deletedAt !== undefined) {
    return [
      error('secrets.exists', {
        what: `${name} is scheduled for deletion on ${new Date(secret.deletedAt).toISOString().slice(0, 10)}.`,
        why: `Secrets Manager no longer returns its value. ${EFFECT[use.kind]}`,
        todo: `Restore it: aws secretsmanager restore-secret --secret-id ${secretNameOf(use.id)}`,
      }),
    ];
  }
  if (!secret.hasValue) return [valueError(use, `${name} has no value.`)];
  return [...valueFindings(use, secret, name), ...keyFindings(use, secret, name)];
}

function valueFindings(use: SecretUse, { value }: SecretFacts, name: string): Finding[] {
  if (value === undefined) {
    return [ok('secrets.exists', `${name} exists and has a value, which was not read.`)];
  }
  if ('failure' in value) {
    return [
      couldNotCheck(
        'secrets.value',
        `the value of ${secretNameOf(use.id)}`,
        value.failure,
        'secretsmanager:GetSecretValue',
      ),
    ];
  }
  switch (value.value) {
    case 'empty':
      return [valueError(use, `${name} contains only white space.`)];
    case 'json':
      return [
        valueError(
          use,
          `${name} contains JSON, as the console’s key/value editor stores it, instead of only the ${use.kind === 'hmac-key' ? 'key' : 'token'}.`,
        ),
      ];
    case 'not-json':
      return [valueError(use, `${name} isn’t a JSON object, but the setting has a key.`)];
    case 'no-such-key':
      return [valueError(use, `${name} has no string under the key of the setting.`)];
    case 'not-a-token':
      return [valueError(use, `${name} contains quotes, spaces or other characters that no token has.`)];
    case 'not-a-login':
      return [valueError(use, `${name} isn’t a login of the form {"username": "…", "password": "…"}.`)];
    case 'not-a-proxy-login':
      return [valueError(use, `${name} isn’t a login of the form user:password.`)];
    case 'no-certificates':
      return [valueError(use, `${name} contains no certificate in PEM, or one that can’t be read.`)];
    case 'ok':
      return [ok('secrets.value', `${name} exists, and its value has the right form.`)];
  }
}

function valueError(use: SecretUse, what: string): Finding {
  const { jsonKey } = secretReference(use.id);
  if (jsonKey !== undefined) {
    return error('secrets.value', {
      what,
      why: EFFECT[use.kind],
      todo: `Store a JSON object that has the ${WORD[use.kind]} under the key ${jsonKey}, and keep its other keys: aws secretsmanager put-secret-value --secret-id ${secretNameOf(use.id)} --secret-string file://secret.json`,
    });
  }
  return error('secrets.value', {
    what,
    why: EFFECT[use.kind],
    todo: `Store only the ${WORD[use.kind]} as plain text: aws secretsmanager put-secret-value --secret-id ${secretNameOf(use.id)} --secret-string file://${FILE[use.kind]}`,
  });
}

/** The roles of the stack have no permission for a customer managed key, because the settings don't contain the key. */
function keyFindings({ kind }: SecretUse, { kmsKeyId }: SecretFacts, name: string): Finding[] {
  if (kmsKeyId === undefined) return [];
  return [
    note('secrets.key', {
      what: `${name} is encrypted with the customer managed key ${kmsKeyId}.`,
      why: `The role that reads it also needs kms:Decrypt. ${EFFECT[kind]}`,
      todo: 'Check that the key’s policy allows kms:Decrypt to the roles of the stack.',
    }),
  ];
}

const EFFECT: Readonly<Record<SecretKind, string>> = {
  'api-token': 'Without it, the launcher can’t see queued jobs, so no agent starts.',
  'agent-token': 'Without it, tasks of the pool don’t start, or their agents can’t register.',
  'rotation-api-token': 'Without it, no agent token is rotated. Jobs are not affected.',
  'hmac-key': 'Without it, the nudge’s function rejects every request.',
  'registry-login': 'Without it, the deployment can’t copy a private image.',
  'pull-login': 'Without it, ECS can’t pull the image, so no task starts.',
  'proxy-login': 'Without it, the launcher can’t use the proxy, so no agent starts.',
  'ca-certificates': 'Without them, the launcher can’t connect, so no agent starts.',
};

const WORD: Readonly<Record<SecretKind, string>> = {
  'api-token': 'API token',
  'agent-token': 'agent token',
  'rotation-api-token': 'API token of the rotation',
  'hmac-key': 'key',
  'registry-login': 'login',
  'pull-login': 'login',
  'proxy-login': 'login (user:password)',
  'ca-certificates': 'certificates (PEM)',
};

const FILE: Readonly<Record<SecretKind, string>> = {
  'api-token': 'api-token.txt',
  'agent-token': 'agent-token.txt',
  'rotation-api-token': 'rotation-api-token.txt',
  'hmac-key': 'key.txt',
  'registry-login': 'login.json',
  'pull-login': 'login.json',
  'proxy-login': 'proxy-login.txt',
  'ca-certificates': 'ca.pem',
};
