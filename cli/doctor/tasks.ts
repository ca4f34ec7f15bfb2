/** Reads the live tasks of the launcher's cluster. */
import type { Aws } from '../aws/clients.ts';
import type { Deployment } from '../aws/deployment.ts';
import { describedTasks, taskArns, taskIdIn } from '../aws/ecs-tasks.ts';
import type { LiveTask } from '../core/doctor/deployment.ts';

const known = new WeakMap<Deployment, Promise<LiveTask[]>>();

/** The tasks that aren't stopped. They are read once per deployment. */
export function liveTasks(aws: Aws, deployment: Deployment): Promise<LiveTask[]> {
  const tasks = known.get(deployment) ?? readTasks(aws, deployment.name);
  known.set(deployment, tasks);
  return tasks;
}

async function readTasks(aws: Aws, cluster: string): Promise<LiveTask[]> {
  const tasks = await describedTasks(aws, cluster, await taskArns(aws, cluster));
  return tasks.map(({ taskArn = '', createdAt, lastStatus = '', cpu, capacityProviderName }) => ({
    id: taskIdIn(taskArn),
    createdMs: createdAt?.getTime() ?? Number.NaN,
    lastStatus,
    vcpus: Number(cpu ?? 0) / 1024,
    capacity: capacityProviderName === 'FARGATE_SPOT' ? 'spot' : 'on-demand',
  }));
}
