import * as z from 'zod';
import { expiryIn, type TokenExpiry, tokenRecordPath } from '../../core/token-expiry.ts';
import type { TokenExpiries } from '../../ports.ts';
import type { HcpTerraformHttp } from './http.ts';

/** Terraform Enterprise may lack the link. */
const accountDocument = z.object({
  data: z.object({ links: z.object({ 'auth-token': z.string().optional() }).optional() }),
});
const tokenDocument = z.object({
  data: z.object({ attributes: z.object({ 'expired-at': z.string().nullish() }) }),
});

/**
 * Implements the port `TokenExpiries`. Both endpoints have the general limit of 30 requests per second and user. They don't use the request budget,
 * which is for lists of runs: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#rate-limiting
 */
export class TokenExpiryReader implements TokenExpiries {
  readonly #http: Pick<HcpTerraformHttp, 'get'>;

  constructor(http: Pick<HcpTerraformHttp, 'get'>) {
    this.#http = http;
  }

  async expiryOf(tokenSecret: string, signal: AbortSignal): Promise<TokenExpiry> {
    const request = { tokenSecret, signal, expected: [403, 404] };
    const account = await this.#http.get({ ...request, path: '/api/v2/account/details', schema: accountDocument });
    const path = tokenRecordPath(account.body?.data.links?.['auth-token']);
    if (path === undefined) return 'hidden';
    const { body } = await this.#http.get({ ...request, path, schema: tokenDocument });
    return body === undefined ? 'hidden' : expiryIn(body.data.attributes['expired-at']);
  }
}
