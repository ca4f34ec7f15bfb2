import type { Agent, RunningJob } from './types.ts';

/** An ECS task id, which every task of this launcher gives its agent as its name. */
const TASK_ID = /^[0-9a-f]{32}$/;

/**
 * Names of agents at work that look like ECS task ids and belong to no task of our cluster: another launcher seems to
 * serve the pool, such as the old stack after one was renamed. One look proves nothing, because ECS may not show a task
 * of ours yet.
 *
 * @param running jobs, which name their agents also to an API token that may not list the pool's.
 * @param taskIds of every task that the cluster showed, of all pools.
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
