/** Reads what the live tasks of a pool were started for. */
import { clusterTasks } from './aws/cluster-tasks.ts';
import type { Deployment } from './aws/deployment.ts';
import type { Context } from './context.ts';
import type { PoolFacts, SlotFacts } from './core/why/evidence.ts';
import { workspacesOfRuns } from './hcp-terraform/names.ts';
import { CommandError } from './io.ts';
import { hcpTerraformOf } from './run-evidence.ts';

/** Runs whose workspace is read. */
const MOST_NAMED = 5;

export async function slotsOf(
  context: Context,
  deployment: Deployment,
  pool: PoolFacts | undefined,
): Promise<SlotFacts[]> {
  const families = pool?.lanes.map(({ taskDefinition }) => taskDefinition) ?? [];
  const { live } = await clusterTasks(context.aws, deployment.name);
  const tasks = live.filter(({ family, startedBy }) => startedBy !== undefined && families.includes(family));
  const jobs = tasks.map(({ startedBy = '' }) => startedBy);
  const names = await namesOf(context, deployment, jobs.slice(0, MOST_NAMED));
  return tasks.map(({ createdAtMs }, index) => {
    const job = jobs[index] ?? '';
    return { job, workspace: names.get(runIn(job) ?? ''), createdAtMs };
  });
}

/** Workspaces are an addition: without a token, the slots show runs only. */
async function namesOf(
  context: Context,
  deployment: Deployment,
  jobs: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  try {
    const { client } = await hcpTerraformOf(context, deployment);
    try {
      return await workspacesOfRuns(
        client,
        jobs.flatMap((job) => runIn(job) ?? []),
      );
    } finally {
      await client.close();
    }
  } catch (error) {
    if (error instanceof CommandError) return new Map();
    throw error;
  }
}

function runIn(job: string): string | undefined {
  return /^(run-[A-Za-z0-9]+)\//.exec(job)?.[1];
}
