/**
 * When an API token expires, as HCP Terraform shows it. The account's record links to the record of the token that sent the request, and the
 * token's record has its expiry. The launcher and the command `doctor` read both.
 *
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/account, https://developer.hashicorp.com/terraform/cloud-docs/api-docs/user-tokens
 */

/** Milliseconds since the epoch; `never`: the token has no expiry; `hidden`: HCP Terraform doesn't show it to this token. */
export type TokenExpiry = number | 'never' | 'hidden';

const DAY_MS = 86_400_000;

/** The path of the token's record, from the link `auth-token` of the account; `undefined` if there is no such link. */
export function tokenRecordPath(link: string | undefined): string | undefined {
  return link !== undefined && /^\/api\/v2\/authentication-tokens\/[A-Za-z0-9-]{1,100}$/.test(link) ? link : undefined;
}

/** @param expiredAt the attribute `expired-at` of the token's record */
export function expiryIn(expiredAt: string | null | undefined): TokenExpiry {
  if (expiredAt === undefined || expiredAt === null || expiredAt === '') return 'never';
  const at = Date.parse(expiredAt);
  return Number.isNaN(at) ? 'hidden' : at;
}

/** Whole days until the expiry. */
export function daysUntil(expiresAtMs: number, nowMs: number): number {
  return Math.floor((expiresAtMs - nowMs) / DAY_MS);
}
