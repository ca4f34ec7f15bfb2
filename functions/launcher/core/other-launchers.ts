import type { Agent, RunningJob } from './types.ts';

/** An ECS task id, which every task of this launcher gives its agent as its name. */
const TASK_ID = /^[0-9a-f]{32}$/;

/**
 * Names of registered agents that look like ECS task ids and belong to no task of this cluster. Another launcher seems to serve the pool,
 * such as the old stack after a stack was renamed. One observation proves nothing, because ECS may not show a new task yet.
 *
 * @param running jobs. They contain their agents' names even if the API token can't list agents.
 * @param taskIds of every task of the cluster, of all pools.
 */
export function agentsOfOtherTasks(
  agents: readonly Agent[],
  running: readonly Pick<RunningJob, 'agentName'>[],
  taskIds: ReadonlySet<string>,
): string[] {
  const atWork = agents.filter(({ status }) => status === 'idle' || status === 'busy');
  const names = [...atWork.map(({ name }) => name), ...running.flatMap(({ agentName }) => agentName ?? [])];
  return [...new Set(names)].filter((name) => TASK_ID.test(name) && !taskIds.has(name)).sort();
}
