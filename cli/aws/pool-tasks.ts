/** The tasks of a pool's lanes, and the secret that they read. */
import { DescribeTaskDefinitionCommand } from '@aws-sdk/client-ecs';
import type { AgentPoolEnvironment } from '../../functions/launcher/pool-environment.ts';
import type { PoolTask } from '../../functions/token-rotation/core/rotation.ts';
import { taskFamilies } from '../../lib/names.ts';
import { type SecretReference, secretReference } from '../../lib/settings/secret-reference.ts';
import { CommandError } from '../io.ts';
import type { Aws } from './clients.ts';
import { describedTasks, taskArns, taskIdIn } from './ecs-tasks.ts';
import { ask } from './errors.ts';

/**
 * Reads every task of the pool that ECS shows: live, stopping and recently stopped ones. Tasks from before the last deployment may have a family
 * that isn't deployed now.
 */
export async function tasksOfPool(
  aws: Aws,
  cluster: string,
  { name, lanes }: Pick<AgentPoolEnvironment, 'name' | 'lanes'>,
): Promise<readonly PoolTask[]> {
  const arns: string[] = [];
  const families = new Set([...taskFamilies(cluster, name), ...lanes.map(({ taskDefinition }) => taskDefinition)]);
  for (const family of families) {
    for (const desiredStatus of ['RUNNING', 'STOPPED'] as const) {
      arns.push(...(await taskArns(aws, cluster, { family, desiredStatus })));
    }
  }
  return (await describedTasks(aws, cluster, arns)).map(
    ({ taskArn = '', createdAt, lastStatus = '', startedBy }): PoolTask => ({
      id: taskIdIn(taskArn),
      createdAtMs: createdAt?.getTime() ?? 0,
      status: lastStatus,
      startedBy,
    }),
  );
}

/** The secret from which the pool's tasks read their agent token: its ARN in the task definition, and its key if its value is JSON. */
export async function agentTokenSecretOf(
  aws: Aws,
  { name, lanes }: Pick<AgentPoolEnvironment, 'name' | 'lanes'>,
): Promise<SecretReference> {
  const ecs = await aws.ecs();
  const found = new Set<string>();
  for (const { taskDefinition } of lanes) {
    const answer = await ask(
      `read the task definition ${taskDefinition}`,
      ecs.send(new DescribeTaskDefinitionCommand({ taskDefinition })),
    );
    for (const { secrets = [] } of answer.taskDefinition?.containerDefinitions ?? []) {
      for (const secret of secrets) {
        if (secret.name === 'TFC_AGENT_TOKEN' && secret.valueFrom !== undefined) found.add(secret.valueFrom);
      }
    }
  }
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return secretReference(only);
  throw new CommandError(
    `The task definitions of the pool ${name} use ${found.size === 0 ? 'no secret' : `${found.size} secrets`} for the agent token. Deploy again, so that they use one.`,
  );
}
