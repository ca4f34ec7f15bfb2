/**
 * How `setup`, `rotate` and the scheduled rotation recognize their own agent tokens.
 *
 * HCP Terraform never shows a token's value again, and Secrets Manager shows no id of HCP Terraform. So the id of the token becomes the
 * id of the secret's version: both are stored in one call, and both can be read without the value. The description says which secret of
 * which stack a token belongs to, even if the token never reached a secret.
 */

/**
 * For which secret a token was created. Two stacks can serve one pool, also from two accounts. A stack can have two secrets for one pool: one
 * that it uses, and one that somebody prepares for the next deployment.
 */
export interface TokenOwner {
  readonly account: string;
  readonly region: string;
  readonly stack: string;
  readonly pool: string;
  /** Name of the secret, even if the settings contain its ARN. */
  readonly secret: string;
}

const PREFIX = 'agent-launcher';

/** The characters of a bearer token: https://www.rfc-editor.org/rfc/rfc6750#section-2.1 */
export const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

function ownerText({ account, region, stack, pool, secret }: TokenOwner): string {
  return `${PREFIX} ${account}/${region}/${stack}/${pool} in ${secret}`;
}

/** Description of a new agent token. It is unique, because it ends with the time in milliseconds. */
export function tokenDescription(owner: TokenOwner, nowMs: number): string {
  return `${ownerText(owner)}, ${new Date(nowMs).toISOString()}`;
}

/** Whether this project created the token for this pool and this secret of this stack. */
export function isOwnToken(description: string, owner: TokenOwner): boolean {
  return description.startsWith(`${ownerText(owner)}, `);
}

const VERSION = /^agent-launcher-token-(at-[A-Za-z0-9]+)-*$/;

/**
 * Id of the secret's version that contains this agent token.
 * An id has 32 to 64 characters: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
 */
export function versionOfToken(tokenId: string): string {
  return `agent-launcher-token-${tokenId}`.padEnd(32, '-');
}

/** Id of the agent token in a secret's version; `undefined` if it was stored by hand. */
export function tokenOfVersion(version: string | undefined): string | undefined {
  return VERSION.exec(version ?? '')?.[1];
}
