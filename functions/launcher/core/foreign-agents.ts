import type { Agent, RunningJob } from './types.ts';

/** Names of a pool's agents that aren't this cluster's, each once and sorted. */
export interface ForeignAgents {
  readonly idle: readonly string[];
  readonly busy: readonly string[];
}

/**
 * The idle and busy agents of a pool that belong to no task of this cluster: agents that you run yourself, of another launcher, or of somebody who has an agent
 * token of the pool.
 *
 * @param agents - `undefined`: the API token can't list agents. Then running jobs show the names of busy agents.
 * @param taskIds - ids of all tasks in the cluster, in all pools.
 */
export function foreignAgents(
  agents: readonly Agent[] | undefined,
  running: readonly Pick<RunningJob, 'agentName'>[],
  taskIds: ReadonlySet<string>,
): ForeignAgents {
  const named = (status: Agent['status']): string[] =>
    (agents ?? []).flatMap((one) => (one.status === status ? one.name : []));
  const atWork = agents === undefined ? running.flatMap(({ agentName }) => agentName ?? []) : named('busy');
  const busy = new Set(atWork.filter((name) => !taskIds.has(name)));
  const idle = new Set(named('idle').filter((name) => !taskIds.has(name) && !busy.has(name)));
  return { idle: [...idle].sort(), busy: [...busy].sort() };
}
