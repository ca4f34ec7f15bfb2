/** API documents of runs, plans and applies. */
import type { Call } from '../api.ts';
import {
  allAre,
  attributesOf,
  distinct,
  isoTime,
  type Resource,
  statusTimestamps,
  toMany,
  toOne,
} from '../json-api.ts';
import { stagesOf } from '../run-tasks.ts';
import {
  awaitsDecision,
  isCancelable,
  isForceCancelable,
  type Operation,
  type Run,
  type RunEvent,
  runSettings,
} from '../runs.ts';
import { userResource } from './organizations.ts';
import { taskStageResource } from './run-tasks.ts';
import { configurationVersionResource, workspaceResource } from './workspaces.ts';

export function runResource({ platform, world, isOwner }: Call, run: Run): Resource {
  const self = `/api/v2/runs/${run.id}`;
  const user = (id: string) => toOne('users', id, `/api/v2/users/${id}`);
  const { canceledAt, forceCancelAvailableAt: forceAt, confirmedById, canceledById } = run;
  return {
    id: run.id,
    type: 'runs',
    attributes: {
      ...attributesOf(runSettings.parse(run)),
      actions: {
        'is-cancelable': isCancelable(run),
        ...allAre(awaitsDecision(run), 'is-confirmable', 'is-discardable'),
        'is-force-cancelable': isForceCancelable(run, platform.now()),
      },
      'canceled-at': canceledAt === undefined ? null : isoTime(canceledAt),
      'created-at': isoTime(run.createdAt),
      'updated-at': isoTime(run.updatedAt),
      ...(forceAt !== undefined && { 'force-cancel-available-at': isoTime(forceAt) }),
      'has-changes': run.plan.result?.hasChanges ?? false,
      source: run.source,
      status: run.status,
      'status-timestamps': statusTimestamps(new Map([['plan-queueable-at', run.createdAt], ...run.timestamps])),
      'trigger-reason': 'manual',
      permissions: {
        ...allAre(isOwner, 'can-apply', 'can-cancel', 'can-comment', 'can-discard'),
        ...allAre(isOwner, 'can-force-execute', 'can-force-cancel', 'can-override-policy-check'),
      },
    },
    relationships: {
      workspace: toOne('workspaces', run.workspaceId),
      apply: toOne('applies', run.apply.id, `${self}/apply`),
      plan: toOne('plans', run.plan.id, `${self}/plan`),
      'configuration-version': toOne(
        'configuration-versions',
        run.configurationVersionId,
        `${self}/configuration-version`,
      ),
      'created-by': user(run.createdById),
      ...(confirmedById !== undefined && { 'confirmed-by': user(confirmedById) }),
      ...(canceledById !== undefined && { 'canceled-by': user(canceledById) }),
      'run-events': toMany('run-events', run.events, `${self}/run-events`),
      'task-stages': toMany('task-stages', stagesOf(world, run.id), `${self}/task-stages`),
      'policy-checks': toMany('policy-checks', [], `${self}/policy-checks`),
      // The type isn't `comments`, although the linked documents have that type: hashicorp/go-tfe, v2/openapi/spec.json, `workspace-comments-identifier`.
      comments: toMany('workspace-comments', run.comments, `${self}/comments`),
    },
    links: { self },
  };
}

export function operationResource(call: Call, operation: Operation): Resource {
  const { id, phase, result, executedBy } = operation;
  const attributes: Record<string, unknown> = {
    'execution-details': executedBy === undefined ? null : { mode: 'agent', ...attributesOf(executedBy) },
    status: operation.status,
    'status-timestamps': statusTimestamps(operation.timestamps),
    'log-read-url': call.blobUrl('log', id),
    ...allAre(null, 'resource-additions', 'resource-changes', 'resource-destructions', 'resource-imports'),
    ...(operation.status === 'finished' && {
      'resource-additions': result?.resourceAdditions ?? 0,
      'resource-changes': result?.resourceChanges ?? 0,
      'resource-destructions': result?.resourceDestructions ?? 0,
      'resource-imports': result?.resourceImports ?? 0,
    }),
  };
  if (phase === 'apply') {
    const states = [...call.world.stateVersions.values()].filter(({ runId }) => runId === operation.runId);
    return {
      id,
      type: 'applies',
      attributes,
      relationships: { 'state-versions': toMany('state-versions', states) },
      links: { self: `/api/v2/applies/${id}` },
    };
  }
  return {
    id,
    type: 'plans',
    attributes: {
      ...attributes,
      'has-changes': result?.hasChanges ?? false,
      'generated-configuration': false,
      'structured-run-output-enabled': false,
      actions: { 'is-exportable': false },
      permissions: { 'can-export': false },
    },
    relationships: { 'state-versions': toMany('state-versions', []), exports: { data: [] } },
    links: { self: `/api/v2/plans/${id}`, 'json-output': `/api/v2/plans/${id}/json-output` },
  };
}

export function runEventResource(event: RunEvent): Resource {
  return {
    id: event.id,
    type: 'run-events',
    attributes: { action: event.action, 'created-at': isoTime(event.at), description: event.description ?? null },
    relationships: { actor: toOne('users', event.actorId), comment: { data: null } },
    links: { self: `/api/v2/run-events/${event.id}` },
  };
}

/** Values that `include` accepts for runs. Clients can request cost estimates, which never exist here. */
export const RUN_INCLUDES = [
  'plan',
  'apply',
  'created_by',
  'cost_estimate',
  'configuration_version',
  'configuration_version.ingress_attributes',
  'workspace',
  'task_stages',
  'tf_policy_evaluations',
];

export function includedWithRuns(call: Call, runs: readonly Run[], asked: ReadonlySet<string>): Resource[] {
  const { world } = call;
  const resources = runs.flatMap((run) => {
    const user = world.users.get(run.createdById);
    const workspace = world.workspaces.get(run.workspaceId);
    const version = world.configurationVersions.get(run.configurationVersionId);
    const wantsVersion = asked.has('configuration_version') || asked.has('configuration_version.ingress_attributes');
    return [
      asked.has('plan') && operationResource(call, run.plan),
      asked.has('apply') && operationResource(call, run.apply),
      asked.has('created_by') && user !== undefined && userResource(user),
      asked.has('workspace') && workspace !== undefined && workspaceResource(call, workspace),
      wantsVersion && version !== undefined && configurationVersionResource(call, version),
      ...(asked.has('task_stages') ? stagesOf(world, run.id).map((stage) => taskStageResource(call, stage)) : []),
    ];
  });
  return distinct(resources.filter((resource) => resource !== false));
}
