import type { Agent } from './types.ts';

/** An ECS task id, which every task of this launcher gives its agent as its name. */
const TASK_ID = /^[0-9a-f]{32}$/;

/**
 * Names of agents at work that look like ECS task ids and belong to no task of our cluster: another launcher seems to
 * serve the pool, such as the old stack after one was renamed. One look proves nothing, because ECS may not show a task
 * of ours yet.
 *
 * @param taskIds of every task that the cluster showed, of all pools.
 */
export function agentsOfOtherTasks(agents: readonly Agent[], taskIds: ReadonlySet<string>): string[] {
  const atWork = agents.filter(({ status }) => status === 'idle' || status === 'busy');
  const names = atWork.flatMap(({ name }) => (TASK_ID.test(name) && !taskIds.has(name) ? [name] : []));
  return [...new Set(names)].sort();
}
