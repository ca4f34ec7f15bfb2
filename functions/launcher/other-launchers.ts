import type { PoolTick } from './tick.ts';

/** ECS's reads are rarely later than this. An agent without a job stays for five minutes by default. */
const SURE_AFTER_MS = 60_000;

/** How often a warm function repeats the warning. */
const SAY_AGAIN_MS = 60 * 60_000;

/** Maximum number of ids of launches that are kept, because ECS may not show their tasks yet. */
const LAUNCHES_KEPT = 1_000;

/**
 * Detects when another launcher seems to serve a pool: an agent with a name like an ECS task id has been registered for a minute, ECS showed no such
 * task in this cluster, and this function didn't start it. It only warns people. No launch or stop depends on it. Lives as long as the warm
 * function.
 */
export class OtherLaunchers {
  readonly #firstSeenMs = new Map<string, Map<string, number>>();
  readonly #saidAtMs = new Map<string, number>();
  #launched = new Set<string>();

  /** @returns names of the agents that almost certainly belong to another launcher, and whether to warn now. */
  look(part: PoolTick, nowMs: number): { readonly agents: readonly string[]; readonly isNews: boolean } {
    const { pool, observation, launches } = part;
    for (const outcome of launches) {
      if (outcome.kind !== 'launched') continue;
      if (this.#launched.size >= LAUNCHES_KEPT) this.#launched = new Set();
      this.#launched.add(outcome.taskId);
    }
    // Without an observation, nothing is known. The next one continues from the last.
    if (observation === undefined) return { agents: [], isNews: false };
    const before = this.#firstSeenMs.get(pool.name);
    const seen = (observation.agentsOfOtherTasks ?? []).filter((name) => !this.#launched.has(name));
    const firstSeenMs = new Map(seen.map((name) => [name, before?.get(name) ?? nowMs]));
    this.#firstSeenMs.set(pool.name, firstSeenMs);
    const agents = seen.filter((name) => nowMs - (firstSeenMs.get(name) ?? nowMs) >= SURE_AFTER_MS);
    const isNews = agents.length > 0 && nowMs - (this.#saidAtMs.get(pool.name) ?? -Infinity) >= SAY_AGAIN_MS;
    if (isNews) this.#saidAtMs.set(pool.name, nowMs);
    return { agents, isNews };
  }
}
