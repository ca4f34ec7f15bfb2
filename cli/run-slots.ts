/** Reads what the live tasks of a full pool do. */
import { clusterTasks } from './aws/cluster-tasks.ts';
import type { Deployment } from './aws/deployment.ts';
import type { Context } from './context.ts';
import type { BusyJob } from './core/slots.ts';
import type { PoolFacts, SlotsReading } from './core/why/evidence.ts';
import { busyJobs } from './hcp-terraform/busy-jobs.ts';
import { CommandError } from './io.ts';
import { hcpTerraformOf } from './run-evidence.ts';

export async function slotsOf(
  context: Context,
  deployment: Deployment,
  pool: PoolFacts | undefined,
): Promise<SlotsReading | undefined> {
  if (pool === undefined) return undefined;
  const families = pool.lanes.map(({ taskDefinition }) => taskDefinition);
  const [{ live }, busy] = await Promise.all([
    clusterTasks(context.aws, deployment.name),
    busyIn(context, deployment, pool),
  ]);
  const tasks = live.flatMap(({ id, family, startedBy, createdAtMs }) =>
    startedBy !== undefined && families.includes(family) ? [{ taskId: id, startedFor: startedBy, createdAtMs }] : [],
  );
  return { tasks, busy };
}

/** The running jobs are an addition: without a token, the tasks show only what they were started for. */
async function busyIn(
  context: Context,
  { hostname }: Deployment,
  { name, organization, apiTokenSecret }: PoolFacts,
): Promise<BusyJob[] | undefined> {
  try {
    const { client } = await hcpTerraformOf(context, { hostname, apiTokenSecret });
    try {
      return await busyJobs(client, organization, name);
    } finally {
      await client.close();
    }
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
