/**
 * Recognizes credentials. Settings must contain names of secrets, never credentials, because the value of a setting appears in
 * the template, the task definition, the shell history and the terminal.
 */

interface Shape {
  readonly what: string;
  /** Matches a complete credential anywhere in a value. */
  readonly whole: RegExp;
  /** Matches a prefix that only this kind of credential has, whatever the length of the value. */
  readonly start?: RegExp;
}

const SHAPES: readonly Shape[] = [
  // https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens
  { what: 'a token of HCP Terraform', whole: /\.atlasv1\./ },
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
  { what: 'an access key of AWS', whole: /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/ },
  // https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
  {
    what: 'a token of GitHub',
    whole: /(?<![A-Za-z0-9])(?:gh[opusr]|github_pat)_[A-Za-z0-9_]{20,}/,
    start: /^(?:gh[opusr]|github_pat)_/,
  },
  // https://docs.gitlab.com/security/tokens/#token-prefixes
  {
    what: 'a token of GitLab',
    whole: /(?<![A-Za-z0-9])gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-[A-Za-z0-9_.-]{16,}/,
    start: /^gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|ffct)-/,
  },
  // https://docs.slack.dev/authentication/tokens/
  {
    what: 'a token of Slack',
    whole: /(?<![A-Za-z0-9])(?:xox[abeoprs][.-]|xapp-)[A-Za-z0-9.-]{10,}|hooks\.slack\.com\/services\/./,
    start: /^(?:xox[abeoprs][.-]|xapp-)/,
  },
  // https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes
  { what: 'a token of Vault', whole: /(?<![A-Za-z0-9.])hv[sbr]\.[A-Za-z0-9_-]{16,}/, start: /^hv[sbr]\./ },
  // https://github.blog/security/announcing-npms-new-access-token-format/
  { what: 'a token of npm', whole: /(?<![A-Za-z0-9])npm_[A-Za-z0-9]{36}/ },
  // https://cloud.google.com/docs/authentication/api-keys
  { what: 'an API key of Google', whole: /(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}/ },
  // https://www.rfc-editor.org/rfc/rfc7519: the header and the claims are JSON objects in base64url, which begin with {".
  { what: 'a JSON Web Token', whole: /(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\./ },
  // https://www.rfc-editor.org/rfc/rfc7468, and OpenSSH's and OpenPGP's own labels.
  { what: 'a private key', whole: /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/ },
];

/** The kind of credential that a value is or contains; `undefined` if it contains no known kind. */
export function credentialIn(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  return SHAPES.find(({ whole, start }) => whole.test(text) || start?.test(text) === true)?.what;
}

/** Whether a value is or contains a credential. */
export function looksLikeToken(value: unknown): boolean {
  return credentialIn(value) !== undefined;
}

/** Formats a given value for a message: shortened, and never with a credential. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (looksLikeToken(value)) return '(looks like a credential, so it is not shown)';
  const json = inJson(value);
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}

/** JSON of a value. A JavaScript caller can pass a construct anywhere. It has cycles, so JSON.stringify throws. */
function inJson(value: unknown): string {
  try {
    const json = JSON.stringify(value, (_key, inner: unknown) => (looksLikeToken(inner) ? '(credential)' : inner));
    return json ?? `a ${typeof value}`;
  } catch {
    return `an object of the class ${Object(value).constructor.name}`;
  }
}
