import { USUAL_READ_LAG_MS } from './core/vendor-timing.ts';
import type { PoolTick } from './tick.ts';

/** An agent counts after ECS has almost certainly shown its task. An idle agent stays for five minutes by default, so ticks see it then. */
const SURE_AFTER_MS = USUAL_READ_LAG_MS;

/** Minimum time between two warnings about the same pool. */
const SAY_AGAIN_MS = 60 * 60_000;

/** Maximum number of task ids to remember. ECS may not show newly launched tasks yet. */
const LAUNCHES_KEPT = 1_000;

/**
 * Detects whether another launcher seems to serve a pool. The sign is an agent that has been registered for a minute and is named like an ECS
 * task, although this function didn't start such a task and ECS shows none in this cluster.
 *
 * The result is only a warning; no launch or stop depends on it. The function keeps this object while it is warm.
 */
export class OtherLaunchers {
  readonly #firstSeenMs = new Map<string, Map<string, number>>();
  readonly #saidAtMs = new Map<string, number>();
  #launched = new Set<string>();

  /** @returns the names of agents that almost certainly belong to another launcher, and whether to warn now. */
  look(part: PoolTick, nowMs: number): { readonly agents: readonly string[]; readonly isNews: boolean } {
    const { pool, observation, launches } = part;
    for (const outcome of launches) {
      if (outcome.kind !== 'launched') continue;
      if (this.#launched.size >= LAUNCHES_KEPT) this.#launched = new Set();
      this.#launched.add(outcome.taskId);
    }
    // If the pool could not be observed, keep the earlier sightings for the next tick.
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
