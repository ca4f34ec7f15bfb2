/** API documents of runs, plans and applies. */
import type { Call } from '../api.ts';
import { distinct, isoTime, type Resource, statusTimestamps } from '../json-api.ts';
import {
  isCancelable,
  isConfirmable,
  isDiscardable,
  isForceCancelable,
  type Operation,
  type Run,
  type RunEvent,
} from '../runs.ts';
import { blobPath } from '../world.ts';
import { userResource } from './organizations.ts';
import { configurationVersionResource, workspaceResource } from './workspaces.ts';

export function runResource(call: Call, run: Run): Resource {
  const mayWrite = call.user.access === 'owner';
  const operationLinks = (operation: Operation) => ({
    data: { id: operation.id, type: operation.phase === 'plan' ? 'plans' : 'applies' },
    links: { related: `/api/v2/runs/${run.id}/${operation.phase}` },
  });
  const user = (id: string) => ({ data: { id, type: 'users' }, links: { related: `/api/v2/users/${id}` } });
  const timestamps = new Map([['plan-queueable-at', run.createdAt], ...run.timestamps]);
  return {
    id: run.id,
    type: 'runs',
    attributes: {
      actions: {
        'is-cancelable': isCancelable(run),
        'is-confirmable': isConfirmable(run),
        'is-discardable': isDiscardable(run),
        'is-force-cancelable': isForceCancelable(run, call.platform.now()),
      },
      'allow-config-generation': run.allowConfigGeneration,
      'allow-empty-apply': run.allowEmptyApply,
      'auto-apply': run.autoApply,
      'canceled-at': run.canceledAt === undefined ? null : isoTime(run.canceledAt),
      'created-at': isoTime(run.createdAt),
      'updated-at': isoTime(run.updatedAt),
      'debugging-mode': run.debuggingMode,
      ...(run.forceCancelAvailableAt === undefined
        ? {}
        : { 'force-cancel-available-at': isoTime(run.forceCancelAvailableAt) }),
      'has-changes': run.plan.result?.hasChanges ?? false,
      'is-destroy': run.isDestroy,
      message: run.message,
      'plan-only': run.planOnly,
      refresh: run.refresh,
      'refresh-only': run.refreshOnly,
      'replace-addrs': run.replaceAddrs ?? null,
      'save-plan': run.savePlan,
      source: run.source,
      status: run.status,
      'status-timestamps': statusTimestamps(timestamps),
      'target-addrs': run.targetAddrs ?? null,
      'terraform-version': run.terraformVersion,
      'trigger-reason': run.triggerReason,
      variables: run.variables,
      permissions: {
        'can-apply': mayWrite,
        'can-cancel': mayWrite,
        'can-comment': mayWrite,
        'can-discard': mayWrite,
        'can-force-execute': mayWrite,
        'can-force-cancel': mayWrite,
        'can-override-policy-check': mayWrite,
      },
    },
    relationships: {
      workspace: { data: { id: run.workspaceId, type: 'workspaces' } },
      apply: operationLinks(run.apply),
      plan: operationLinks(run.plan),
      'configuration-version': {
        data: { id: run.configurationVersionId, type: 'configuration-versions' },
        links: { related: `/api/v2/runs/${run.id}/configuration-version` },
      },
      'created-by': user(run.createdById),
      ...(run.confirmedById === undefined ? {} : { 'confirmed-by': user(run.confirmedById) }),
      ...(run.canceledById === undefined ? {} : { 'canceled-by': user(run.canceledById) }),
      'run-events': {
        data: run.events.map((event) => ({ id: event.id, type: 'run-events' })),
        links: { related: `/api/v2/runs/${run.id}/run-events` },
      },
      'task-stages': { data: [], links: { related: `/api/v2/runs/${run.id}/task-stages` } },
      'policy-checks': { data: [], links: { related: `/api/v2/runs/${run.id}/policy-checks` } },
      comments: {
        // Not `comments`, the type of the documents behind it: hashicorp/go-tfe, v2/openapi/spec.json, `workspace-comments-identifier`.
        data: run.comments.map((comment) => ({ id: comment.id, type: 'workspace-comments' })),
        links: { related: `/api/v2/runs/${run.id}/comments` },
      },
    },
    links: { self: `/api/v2/runs/${run.id}` },
  };
}

export function operationResource(call: Call, operation: Operation): Resource {
  const { result, executedBy } = operation;
  const isPlan = operation.phase === 'plan';
  const counted = operation.status === 'finished';
  const attributes: Record<string, unknown> = {
    'execution-details':
      executedBy === undefined
        ? null
        : {
            mode: 'agent',
            'agent-id': executedBy.agentId,
            'agent-name': executedBy.agentName,
            'agent-pool-id': executedBy.agentPoolId,
            'agent-pool-name': executedBy.agentPoolName,
          },
    status: operation.status,
    'status-timestamps': statusTimestamps(operation.timestamps),
    'log-read-url': `${call.origin}${blobPath(call.platform.world, { kind: 'log', id: operation.id })}`,
    'resource-additions': counted ? (result?.resourceAdditions ?? 0) : null,
    'resource-changes': counted ? (result?.resourceChanges ?? 0) : null,
    'resource-destructions': counted ? (result?.resourceDestructions ?? 0) : null,
    'resource-imports': counted ? (result?.resourceImports ?? 0) : null,
  };
  const ofRun = [...call.platform.world.stateVersions.values()].filter(
    (version) => version.runId === operation.runId && !isPlan,
  );
  const stateVersions = { data: ofRun.map((version) => ({ id: version.id, type: 'state-versions' })) };
  if (!isPlan) {
    return {
      id: operation.id,
      type: 'applies',
      attributes,
      relationships: { 'state-versions': stateVersions },
      links: { self: `/api/v2/applies/${operation.id}` },
    };
  }
  return {
    id: operation.id,
    type: 'plans',
    attributes: {
      ...attributes,
      'has-changes': result?.hasChanges ?? false,
      'generated-configuration': false,
      'structured-run-output-enabled': false,
      actions: { 'is-exportable': false },
      permissions: { 'can-export': false },
    },
    relationships: { 'state-versions': stateVersions, exports: { data: [] } },
    links: {
      self: `/api/v2/plans/${operation.id}`,
      'json-output': `/api/v2/plans/${operation.id}/json-output`,
    },
  };
}

export function runEventResource(event: RunEvent): Resource {
  return {
    id: event.id,
    type: 'run-events',
    attributes: {
      action: event.action,
      'created-at': isoTime(event.at),
      description: event.description ?? null,
    },
    relationships: {
      actor: { data: event.actorId === undefined ? null : { id: event.actorId, type: 'users' } },
      comment: { data: null },
    },
    links: { self: `/api/v2/run-events/${event.id}` },
  };
}

/** Values that `include` accepts for runs. Cost estimates and task stages never exist here, but clients may request them. */
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
  const { world } = call.platform;
  const resources: Resource[] = [];
  for (const run of runs) {
    if (asked.has('plan')) resources.push(operationResource(call, run.plan));
    if (asked.has('apply')) resources.push(operationResource(call, run.apply));
    const user = asked.has('created_by') ? world.users.get(run.createdById) : undefined;
    if (user !== undefined) resources.push(userResource(user));
    const workspace = asked.has('workspace') ? world.workspaces.get(run.workspaceId) : undefined;
    if (workspace !== undefined) resources.push(workspaceResource(call, workspace));
    const wantsVersion = asked.has('configuration_version') || asked.has('configuration_version.ingress_attributes');
    const version = wantsVersion ? world.configurationVersions.get(run.configurationVersionId) : undefined;
    if (version !== undefined) resources.push(configurationVersionResource(call, version));
  }
  return distinct(resources);
}
