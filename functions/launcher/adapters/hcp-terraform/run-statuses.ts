import * as z from 'zod';
import type { RunStatuses } from '../../ports.ts';
import type { HcpTerraformHttp } from './http.ts';

const runDocument = z.object({ data: z.object({ attributes: z.object({ status: z.string() }) }) });

/**
 * Implements the port `RunStatuses`: https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#get-run-details
 *
 * This endpoint has the general limit of 30 requests per second and user: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#rate-limiting
 * Only lists of runs have the limit of 30 requests per minute.
 */
export class RunStatusReader implements RunStatuses {
  readonly #http: Pick<HcpTerraformHttp, 'get'>;
  readonly #tokenSecret: string;

  constructor(http: Pick<HcpTerraformHttp, 'get'>, tokenSecret: string) {
    this.#http = http;
    this.#tokenSecret = tokenSecret;
  }

  async statusOf(runId: string, signal: AbortSignal): Promise<string | undefined> {
    const { body } = await this.#http.get({
      path: `/api/v2/runs/${encodeURIComponent(runId)}`,
      tokenSecret: this.#tokenSecret,
      schema: runDocument,
      signal,
      expected: [404],
    });
    return body?.data.attributes.status;
  }
}
