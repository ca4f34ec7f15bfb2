import type { Agent, RunningJob } from './types.ts';

/** The format of an ECS task id. Every task of this launcher names its agent after its own task id. */
const TASK_ID = /^[0-9a-f]{32}$/;

/** Whether an agent is named like an ECS task. */
export function isNamedLikeTask(name: string): boolean {
  return TASK_ID.test(name);
}

/**
 * Names of registered agents that look like ECS task ids but match no task in this cluster. They suggest that another launcher serves the
 * pool, for example the old stack after a stack was renamed. A single observation proves nothing, because ECS may not show a new task yet.
 *
 * @param running - running jobs. They contain their agents' names even if the API token can't list agents.
 * @param taskIds - ids of all tasks in the cluster, in all pools.
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
