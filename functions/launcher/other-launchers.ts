import type { PoolTick } from './tick.ts';

/** ECS's reads are rarely behind for longer; an agent that finds no job stays for five minutes by default. */
const SURE_AFTER_MS = 60_000;

/** How often a warm function says it. */
const SAY_AGAIN_MS = 60 * 60_000;

/** Ids that are kept of launches, whose tasks ECS may not show yet. */
const LAUNCHES_KEPT = 1_000;

/**
 * Tells when another launcher seems to serve a pool: an agent named like an ECS task has been at work for a minute, and
 * neither ECS showed such a task in our cluster nor did this function start it. Only a sign for people: nothing is
 * launched less or stopped because of it. Lives as long as the warm function.
 */
export class OtherLaunchers {
  readonly #firstSeenMs = new Map<string, Map<string, number>>();
  readonly #saidAtMs = new Map<string, number>();
  #launched = new Set<string>();

  /** @returns names of the agents that are another launcher's as good as certainly, and whether to say so now. */
  look(part: PoolTick, nowMs: number): { readonly agents: readonly string[]; readonly isNews: boolean } {
    const { pool, observation, launches } = part;
    for (const outcome of launches) {
      if (outcome.kind !== 'launched') continue;
      if (this.#launched.size >= LAUNCHES_KEPT) this.#launched = new Set();
      this.#launched.add(outcome.taskId);
    }
    // Without an observation nothing is known; the next one goes on from the last.
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
