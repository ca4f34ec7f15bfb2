import type { RunTaskCommandInput, TaskOverride } from '@aws-sdk/client-ecs';
import { AGENT_CONTAINER, IDLE_SECONDS_VARIABLE, TASK_TAGS } from '../../contract.ts';
import { clientTokenOf } from '../../core/client-token.ts';
import { isStanding } from '../../core/standing.ts';
import type { LaunchRequest, TaskPlacement } from '../../ports.ts';

const ON_DEMAND = { launchType: 'FARGATE' } as const;
/** A strategy distributes tasks and never falls back: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html */
const ON_SPOT = { capacityProviderStrategy: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }] };

/** Suffix of the token of an on-demand launch if ECS considers its first token used by the attempt on Spot. */
const INSTEAD_OF_SPOT = '/od';

/** How long the agent of this one task waits for a job. */
function waits(idleSeconds: number): TaskOverride {
  const environment = [{ name: IDLE_SECONDS_VARIABLE, value: String(idleSeconds) }];
  return { containerOverrides: [{ name: AGENT_CONTAINER, environment }] };
}

/**
 * The RunTask call of a launch. It depends on the request and the deployment only, never on the moment: with the same token, any other parameter would
 * turn a harmless repetition into a conflict.
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
 * The same launch on demand, for a lack of Spot capacity.
 * @param token `same`: if another tick's attempt on Spot succeeded in the meantime, ECS answers with a conflict that names its task. `own`: for the case
 * that ECS considers the token used although it started no task.
 */
export function onDemandInstead(onSpot: RunTaskCommandInput, token: 'same' | 'own'): RunTaskCommandInput {
  const { capacityProviderStrategy: _, ...input } = onSpot;
  const ofItsOwn = token === 'own' && { clientToken: `${input.clientToken}${INSTEAD_OF_SPOT}` };
  return { ...input, ...ON_DEMAND, ...ofItsOwn };
}
