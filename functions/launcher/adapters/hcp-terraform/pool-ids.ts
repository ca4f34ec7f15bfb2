import { UpstreamError } from '../../errors.ts';
import type { Pool, Sight } from '../../ports.ts';
import { agentPool, agentPoolsPage } from './answers.ts';
import type { HcpTerraformHttp } from './http.ts';
import { readPages } from './pages.ts';

/** How long what was looked up is good, that the token may not look a pool up included. */
const LOOK_AGAIN_MS = 10 * 60_000;

/** The id of a pool, or that the token may not look it up. */
export type PoolId = { readonly id: string } | 'not-visible';

/** Ids of agent pools, kept for a while: what is looked up seldom is not asked for in every tick. */
export class PoolIds {
  readonly #http: Pick<HcpTerraformHttp, 'get'>;
  readonly #now: () => number;
  readonly #known = new Map<Pool, { readonly id: PoolId; readonly untilMs: number }>();
  /** Pools that were found by their id. */
  readonly #found = new Set<Pool>();

  constructor(http: Pick<HcpTerraformHttp, 'get'>, now: () => number) {
    this.#http = http;
    this.#now = now;
  }

  /**
   * Looked up now and then: a pool that is misspelt, renamed or deleted would otherwise look like one without work, for
   * as long as the function is warm.
   */
  async idOf(pool: Pool, signal: AbortSignal): Promise<PoolId> {
    const known = this.#known.get(pool);
    if (known !== undefined && this.#now() < known.untilMs) return known.id;
    const id = pool.id === undefined ? await this.#byName(pool, signal) : await this.#checked(pool, pool.id, signal);
    this.#known.set(pool, { id, untilMs: this.#now() + LOOK_AGAIN_MS });
    if (id !== 'not-visible') this.#found.add(pool);
    return id;
  }

  /** Without a request. A function that is cold cannot tell a pool that is gone from a token that may see none. */
  sightOf(pool: Pool): Sight {
    if (this.#known.get(pool)?.id !== 'not-visible') return { agentsVisible: true };
    return { agentsVisible: false, ...(this.#found.has(pool) && { gone: goneFromSight(pool) }) };
  }

  async #byName(pool: Pool, signal: AbortSignal): Promise<PoolId> {
    const ids: string[] = [];
    const path = `/api/v2/organizations/${encodeURIComponent(pool.organization)}/agent-pools`;
    await readPages(this.#http, path, { q: pool.name }, pool.apiTokenSecret, agentPoolsPage, signal, [], (page) => {
      ids.push(...page.data.filter(({ attributes }) => attributes.name === pool.name).map(({ id }) => id));
    });
    const id = ids[0];
    if (id !== undefined) return { id };
    throw new UpstreamError({
      system: 'HCP Terraform',
      fault: 'rejected',
      what:
        `no agent pool named "${pool.name}" in organization "${pool.organization}" that the API token can see; correct the ` +
        'name in the settings, or, if the team may not list agent pools, give the pool’s id (apool-…) too',
      request: `GET ${path}`,
    });
  }

  async #checked(pool: Pool, id: string, signal: AbortSignal): Promise<PoolId> {
    const path = `/api/v2/agent-pools/${encodeURIComponent(id)}`;
    const { body } = await this.#http.get(path, pool.apiTokenSecret, agentPool, signal, [404]);
    if (body === undefined) return 'not-visible';
    if (body.data.attributes.name === pool.name) return { id };
    throw new UpstreamError({
      system: 'HCP Terraform',
      fault: 'rejected',
      what: `agent pool ${id} is named "${body.data.attributes.name}" and not "${pool.name}"; correct the name or the id in the settings`,
      request: `GET ${path}`,
    });
  }
}

/** What is queued for the pool is served all the same, as far as it can be without its agents. */
function goneFromSight({ name, id }: Pool): UpstreamError {
  return new UpstreamError({
    system: 'HCP Terraform',
    fault: 'rejected',
    what:
      `agent pool ${name} (${id}) was there and cannot be seen any more: it was deleted, or the API token's team lost the ` +
      'organization permission "Manage agent pools"; correct the settings, or give the permission back',
  });
}
