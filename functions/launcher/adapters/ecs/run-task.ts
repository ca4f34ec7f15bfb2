import type { RunTaskCommandInput, TaskOverride } from '@aws-sdk/client-ecs';
import { AGENT_CONTAINER, IDLE_SECONDS_VARIABLE, TASK_TAGS } from '../../contract.ts';
import { clientTokenOf } from '../../core/client-token.ts';
import { isStanding } from '../../core/standing.ts';
import type { LaunchRequest, TaskPlacement } from '../../ports.ts';

const ON_DEMAND = { launchType: 'FARGATE' } as const;
/** A capacity provider strategy distributes tasks, but doesn't fall back to another provider, so it lists only Spot: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html */
const ON_SPOT = { capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }] };

/** Suffix of the client token for an on-demand launch, used if ECS reports that the attempt on Spot used up the original client token. */
const INSTEAD_OF_SPOT = '/od';

/** Overrides how long the agent of one task waits for a job. */
function waits(idleSeconds: number): TaskOverride {
  const environment = [{ name: IDLE_SECONDS_VARIABLE, value: String(idleSeconds) }];
  return { containerOverrides: [{ name: AGENT_CONTAINER, environment }] };
}

/**
 * The RunTask call of a launch. It depends only on the request and the deployment, never on the current time. If a repeated call had the same client
 * token but different parameters, ECS would answer with a ConflictException.
 */
export function runTaskInput(
  { pool, lane, job, attempt }: LaunchRequest,
  placement: TaskPlacement,
): RunTaskCommandInput {
  return {
    cluster: placement.cluster,
    taskDefinition: lane.taskDefinition,
    ...(lane.capacity === 'spot' ? ON_SPOT : ON_DEMAND),
    count: 1,
    clientToken: clientTokenOf(job, attempt),
    startedBy: job.key,
    ...(isStanding(job) && { overrides: waits(job.idleSeconds) }),
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: [...placement.subnets],
        securityGroups: [...placement.securityGroups],
        assignPublicIp: placement.assignPublicIp,
      },
    },
    enableExecuteCommand: false,
    propagateTags: 'TASK_DEFINITION',
    tags: [
      ...(isStanding(job)
        ? []
        : [
            { key: TASK_TAGS.run, value: job.runId },
            { key: TASK_TAGS.workspace, value: job.workspaceId },
          ]),
      { key: TASK_TAGS.phase, value: job.phase },
      { key: TASK_TAGS.pool, value: pool.name },
      { key: TASK_TAGS.attempt, value: String(attempt) },
    ],
  };
}

/**
 * The same launch on demand, because Spot has no capacity.
 * @param token - `same`: keeps the client token. If another tick's attempt on Spot has succeeded in the meantime, ECS answers with that task.
 * `own`: uses a new client token, in case ECS reports the first one as used although it started no task.
 */
export function onDemandInstead(onSpot: RunTaskCommandInput, token: 'same' | 'own'): RunTaskCommandInput {
  const { capacityProviderStrategy: _, ...input } = onSpot;
  const ofItsOwn = token === 'own' && { clientToken: `${input.clientToken}${INSTEAD_OF_SPOT}` };
  return { ...input, ...ON_DEMAND, ...ofItsOwn };
}
