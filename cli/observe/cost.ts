/** Reads what `cost` adds up. */
import { DescribeTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import { ENV } from '../../functions/launcher/contract.ts';
import { OUTPUTS } from '../../lib/names.ts';
import { secretReference } from '../../lib/settings/secret-reference.ts';
import { launcherAlarms } from '../aws/alarms.ts';
import type { Aws } from '../aws/clients.ts';
import type { Deployment } from '../aws/deployment.ts';
import { ask } from '../aws/errors.ts';
import { endedTasks } from '../aws/launcher-lines.ts';
import type { Context } from '../context.ts';
import type { CostInput, CostPool, TaskSize } from '../core/cost.ts';
import type { Grouping } from '../core/cost-json.ts';
import { CommandError } from '../io.ts';

const DAY_MS = 86_400_000;

export async function readCost(context: Context, days: number, by: Grouping): Promise<CostInput> {
  const { aws, io } = context;
  const deployment = await context.deployment();
  const toMs = io.now();
  const fromMs = toMs - days * DAY_MS;
  const [ended, alarms, pools] = await Promise.all([
    endedTasks(aws, { group: deployment.launcherLogGroup, fromMs, toMs }),
    orUndefined(launcherAlarms(aws, deployment.name)),
    Promise.all(deployment.pools.map((pool) => costPool(aws, pool))),
  ]);
  const { outputs } = deployment;
  return {
    stack: deployment.stackName,
    fromMs,
    toMs,
    days,
    by,
    // A line can report a task that ended up to an hour before.
    ended: ended.filter(({ stoppedAt, timestamp }) => Date.parse(stoppedAt ?? timestamp) >= fromMs),
    pools,
    outputs: {
      network: outputs.get(OUTPUTS.egressIdleCost),
      idlePoll: outputs.get(OUTPUTS.idlePollCost),
      nudge: outputs.get(OUTPUTS.nudgeCost),
    },
    secrets: secretsOf(deployment, outputs.has(OUTPUTS.nudgeUrl)),
    alarms: alarms?.length,
    publicAddresses: deployment.environment[ENV.assignPublicIp] === 'ENABLED',
  };
}

/** The API tokens' secrets, one agent token per pool, and the nudge's key. */
function secretsOf({ pools, apiTokenSecret }: Deployment, nudge: boolean): number {
  const apiTokens = new Set(pools.map((pool) => secretReference(pool.apiTokenSecret ?? apiTokenSecret).id));
  return apiTokens.size + pools.length + (nudge ? 1 : 0);
}

async function costPool(aws: Aws, { name, maxAgents, lanes }: Deployment['pools'][number]): Promise<CostPool> {
  const sizes = await orUndefined(Promise.all(lanes.map(({ taskDefinition }) => sizeOf(aws, taskDefinition))));
  return { name, maxAgents, sizes: sizes ?? [] };
}

async function sizeOf(aws: Aws, family: string): Promise<TaskSize> {
  const ecs = await aws.ecs();
  const { taskDefinition } = await ask(
    `read the task definition ${family}`,
    ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition: family })),
  );
  const diskGiB = taskDefinition?.ephemeralStorage?.sizeInGiB;
  return {
    cpu: Number(taskDefinition?.cpu ?? 0),
    memoryMiB: Number(taskDefinition?.memory ?? 0),
    architecture: taskDefinition?.runtimePlatform?.cpuArchitecture === 'ARM64' ? 'arm64' : 'x86_64',
    ...(diskGiB !== undefined && { diskGiB }),
  };
}

/** The result, or `undefined` if a permission is missing or AWS doesn't answer. Our bugs reject. */
async function orUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
