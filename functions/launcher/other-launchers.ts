import type { ForeignAgents } from './core/foreign-agents.ts';
import { isNamedLikeTask } from './core/other-launchers.ts';
import { USUAL_READ_LAG_MS } from './core/vendor-timing.ts';
import type { PoolTick } from './tick.ts';

/** An agent counts after ECS has almost certainly shown its task. An idle agent stays for five minutes by default, so ticks see it then. */
const SURE_AFTER_MS = USUAL_READ_LAG_MS;

/** Minimum time between two warnings about the same pool. */
const SAY_AGAIN_MS = 60 * 60_000;

/** Maximum number of task ids to remember. ECS may not show newly launched tasks yet. */
const LAUNCHES_KEPT = 1_000;

/** What a tick showed about agents that aren't this launcher's. */
export interface Sighting {
  /** Names of agents that almost certainly belong to another launcher. */
  readonly agents: readonly string[];
  /** Whether to warn of them now. */
  readonly isNews: boolean;
  /** All agents that certainly aren't this launcher's. */
  readonly foreign: ForeignAgents;
}

const NO_SIGHTING: Sighting = { agents: [], isNews: false, foreign: { idle: [], busy: [] } };

/**
 * Detects whether another launcher seems to serve a pool. The sign is an agent that has been registered for a minute and is named like an ECS
 * task, although this function didn't start such a task and ECS shows none in this cluster.
 *
 * The result is only a warning; no launch or stop depends on it. A standby serves the pool on purpose, so it doesn't warn. The function keeps
 * this object while it is warm.
 */
export class OtherLaunchers {
  readonly #firstSeenMs = new Map<string, Map<string, number>>();
  readonly #saidAtMs = new Map<string, number>();
  #launched = new Set<string>();

  /** Looks at the agents of one pool. Call it once per tick and pool. */
  look(part: PoolTick, nowMs: number): Sighting {
    const { pool, observation, launches } = part;
    for (const outcome of launches) {
      if (outcome.kind !== 'launched') continue;
      if (this.#launched.size >= LAUNCHES_KEPT) this.#launched = new Set();
      this.#launched.add(outcome.taskId);
    }
    // If the pool could not be observed, keep the earlier sightings for the next tick.
    if (observation === undefined) return NO_SIGHTING;
    const before = this.#firstSeenMs.get(pool.name);
    const seen = (observation.agentsOfOtherTasks ?? []).filter((name) => !this.#launched.has(name));
    const firstSeenMs = new Map(seen.map((name) => [name, before?.get(name) ?? nowMs]));
    this.#firstSeenMs.set(pool.name, firstSeenMs);
    const agents = seen.filter((name) => nowMs - (firstSeenMs.get(name) ?? nowMs) >= SURE_AFTER_MS);
    const isExpected = pool.standbyMs !== undefined;
    const isNews =
      agents.length > 0 && !isExpected && nowMs - (this.#saidAtMs.get(pool.name) ?? -Infinity) >= SAY_AGAIN_MS;
    if (isNews) this.#saidAtMs.set(pool.name, nowMs);
    // An agent that is named like a task may belong to our new task, which ECS doesn't show yet.
    const isForeign = (name: string): boolean => !isNamedLikeTask(name) || agents.includes(name);
    const { idle = [], busy = [] } = observation.foreignAgents ?? {};
    return { agents, isNews, foreign: { idle: idle.filter(isForeign), busy: busy.filter(isForeign) } };
  }
}
