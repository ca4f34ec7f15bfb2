import * as z from 'zod';
import type { HcpTerraformHttp } from './http.ts';

/** Terraform Enterprise lists an organization's runs from this release on. */
const FIRST_WITH_LIST = [202409, 1] as const;

/**
 * Whether the host knows *List runs in an organization*, by the headers of its cheap no-op endpoint: HCP Terraform and
 * some releases send no `X-TFE-Version`, releases of 2025 and later are numbered 1.x, older ones vYYYYMM-N.
 */
export async function listsRunsByOrganization(
  http: Pick<HcpTerraformHttp, 'get'>,
  apiTokenSecret: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { headers } = await http.get('/api/v2/ping', apiTokenSecret, z.unknown(), signal, [200, 204]);
  return isNewEnough(headers['x-tfe-version']);
}

/** @param version the header `X-TFE-Version`, if there is one. */
export function isNewEnough(version: string | string[] | undefined): boolean {
  const match = /^v(\d{6})-(\d+)$/.exec(String(version ?? ''));
  if (match === null) return true;
  const [month, release] = [Number(match[1]), Number(match[2])];
  return month > FIRST_WITH_LIST[0] || (month === FIRST_WITH_LIST[0] && release >= FIRST_WITH_LIST[1]);
}
