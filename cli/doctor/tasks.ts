/** Reads the tasks of the launcher's cluster for several checks. */
import type { Aws } from '../aws/clients.ts';
import { type ClusterTasks, clusterTasks } from '../aws/cluster-tasks.ts';
import type { Deployment } from '../aws/deployment.ts';

const known = new WeakMap<Deployment, Promise<ClusterTasks>>();

/** The tasks of the cluster. They are read once per deployment. */
export function tasksOf(aws: Aws, deployment: Deployment): Promise<ClusterTasks> {
  const tasks = known.get(deployment) ?? clusterTasks(aws, deployment.name);
  known.set(deployment, tasks);
  return tasks;
}
