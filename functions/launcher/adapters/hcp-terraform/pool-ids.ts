import { UpstreamError } from '../../errors.ts';
import type { Pool, PoolVisibility } from '../../ports.ts';
import { agentPool, agentPoolsPage } from './answers.ts';
import type { HcpTerraformHttp } from './http.ts';
import { readPages } from './pages.ts';

/** How long the result of a lookup is used, including the result that the API token can't look the pool up. */
const LOOK_AGAIN_MS = 10 * 60_000;

/** How long to use the id of a pool that was visible before and is refused now. It results in one lookup per minute. */
const DOUBT_MS = 55_000;

/** Number of consecutive refusals after which a pool counts as missing. A single refusal can be a temporary fault. */
const REFUSALS_OF_GONE = 3;

/** Looks up the ids of agent pools, and keeps them for a while. */
export class PoolIds {
  readonly #http: Pick<HcpTerraformHttp, 'get'>;
  readonly #now: () => number;
  readonly #known = new Map<Pool, { readonly id: string; readonly untilMs: number }>();
  /** Pools with a configured id that a lookup has found. */
  readonly #found = new Set<Pool>();
  /** For each pool, the number of consecutive answers that the pool doesn't exist. */
  readonly #refusals = new Map<Pool, number>();

  constructor(http: Pick<HcpTerraformHttp, 'get'>, now: () => number) {
    this.#http = http;
    this.#now = now;
  }

  /**
   * The id of a pool. It is looked up again from time to time. Otherwise a misspelled, renamed or deleted pool would look like a pool without work as
   * long as the function is warm. A configured id is used even if HCP Terraform refuses the lookup.
   */
  async idOf(pool: Pool, signal: AbortSignal): Promise<string> {
    const known = this.#known.get(pool);
    if (known !== undefined && this.#now() < known.untilMs) return known.id;
    const id = pool.id === undefined ? await this.#byName(pool, signal) : await this.#checked(pool, pool.id, signal);
    const doubted = this.#found.has(pool) && this.#refusals.has(pool);
    this.#known.set(pool, { id, untilMs: this.#now() + (doubted ? DOUBT_MS : LOOK_AGAIN_MS) });
    return id;
  }

  /** Sends no request. After a cold start, it can't distinguish a missing pool from a pool that the API token can't see. */
  visibilityOf(pool: Pool): PoolVisibility {
    const refusals = this.#refusals.get(pool) ?? 0;
    if (pool.id === undefined) {
      return { agentsVisible: refusals === 0, ...(refusals >= REFUSALS_OF_GONE && { notFound: true }) };
    }
    if (!this.#found.has(pool)) return { agentsVisible: refusals === 0 };
    if (refusals < REFUSALS_OF_GONE) return { agentsVisible: true };
    return { agentsVisible: false, notFound: true, missingError: missingPool(pool) };
  }

  async #byName(pool: Pool, signal: AbortSignal): Promise<string> {
    const refusals = this.#refusals.get(pool) ?? 0;
    // Any other answer ends the sequence of refusals.
    this.#refusals.delete(pool);
    const path = `/api/v2/organizations/${encodeURIComponent(pool.organization)}/agent-pools`;
    const query = { q: pool.name };
    const list = { path, query, tokenSecret: pool.apiTokenSecret, schema: agentPoolsPage, signal };
    const ids = await readPages(this.#http, list, ({ data }) =>
      data.flatMap(({ id, attributes }) => (attributes.name === pool.name ? id : [])),
    );
    const id = ids?.[0];
    if (id !== undefined) return id;
    this.#refusals.set(pool, refusals + 1);
    throw new UpstreamError({
      system: 'HCP Terraform',
      fault: 'rejected',
      what:
        `the API token can see no agent pool named "${pool.name}" in organization "${pool.organization}"; correct the ` +
        'name in the settings; if the team is not allowed to list agent pools, also set the pool’s id (apool-…)',
      request: `GET ${path}`,
    });
  }

  async #checked(pool: Pool, id: string, signal: AbortSignal): Promise<string> {
    const path = `/api/v2/agent-pools/${encodeURIComponent(id)}`;
    const request = { path, tokenSecret: pool.apiTokenSecret, schema: agentPool, signal, expected: [404] };
    const { body } = await this.#http.get(request);
    if (body === undefined) {
      this.#refusals.set(pool, (this.#refusals.get(pool) ?? 0) + 1);
      return id;
    }
    this.#refusals.delete(pool);
    if (body.data.attributes.name === pool.name) {
      this.#found.add(pool);
      return id;
    }
    throw new UpstreamError({
      system: 'HCP Terraform',
      fault: 'rejected',
      what: `agent pool ${id} is named "${body.data.attributes.name}", not "${pool.name}"; correct the name or the id in the settings`,
      request: `GET ${path}`,
    });
  }
}

/** The error for a pool that is no longer visible. The launcher still serves its queued jobs as well as it can without a list of agents. */
function missingPool({ name, id }: Pool): UpstreamError {
  return new UpstreamError({
    system: 'HCP Terraform',
    fault: 'rejected',
    what:
      `agent pool ${name} (${id}) existed before but is no longer visible: it was deleted, or the API token's team lost ` +
      'the organization permission "Manage agent pools"; correct the settings, or restore the permission',
  });
}
