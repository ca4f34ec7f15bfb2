import * as z from 'zod';
import type { HcpTerraformHttp } from './http.ts';

/** Hosts of HCP Terraform. Any other host runs Terraform Enterprise, which has a version. */
export const HCP_TERRAFORM_HOSTS = new Set(['app.terraform.io', 'app.eu.terraform.io']);

/** First release of Terraform Enterprise that can list an organization's runs. */
const FIRST_WITH_LIST = [202409, 1] as const;

/**
 * Whether the host supports *List runs in an organization*. The header `X-TFE-Version` of a cheap endpoint shows it.
 *
 * | `X-TFE-Version` | what it is | lists runs |
 * |---|---|---|
 * | absent | HCP Terraform, or Terraform Enterprise 1.0.0 and 1.0.1 | yes |
 * | absent | Terraform Enterprise before v202208-3, which the launcher doesn't support: its list answers 404 | no |
 * | `1.x` | Terraform Enterprise of late 2025 and after | yes |
 * | `vYYYYMM-N` | Terraform Enterprise before that | from v202409-1 |
 *
 * Which releases send the header: https://github.com/hashicorp/go-tfe/pull/563
 */
export async function listsRunsByOrganization(
  http: Pick<HcpTerraformHttp, 'get'>,
  apiTokenSecret: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { headers } = await http.get({
    path: '/api/v2/ping',
    tokenSecret: apiTokenSecret,
    schema: z.unknown(),
    signal,
    expected: [200, 204],
  });
  return isNewEnough(headers['x-tfe-version']);
}

/** @param version - value of the header `X-TFE-Version`, if there is one. */
export function isNewEnough(version: string | string[] | undefined): boolean {
  const match = /^v(\d{6})-(\d+)$/.exec(String(version ?? ''));
  if (match === null) return true;
  const [month, release] = [Number(match[1]), Number(match[2])];
  return month > FIRST_WITH_LIST[0] || (month === FIRST_WITH_LIST[0] && release >= FIRST_WITH_LIST[1]);
}
