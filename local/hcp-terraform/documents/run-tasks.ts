/** API documents of run tasks, their configurations, stages and results, and of notifications. */
import type { Call } from '../api.ts';
import { isoTime, type Resource, statusTimestamps, toMany, toOne } from '../json-api.ts';
import { resultsOf } from '../run-tasks.ts';
import type { NotificationConfiguration, RunTask, TaskConfig, TaskResult, TaskStage } from '../task-records.ts';

export function taskResource({ world }: Call, task: RunTask): Resource {
  const { id, organization, name, url, description, enabled } = task;
  const configs = [...world.taskConfigs.values()].filter(({ taskId }) => taskId === id);
  return {
    id,
    type: 'tasks',
    // The key is write-only.
    attributes: { category: 'task', name, url, description, enabled, 'hmac-key': null },
    relationships: {
      organization: toOne('organizations', organization),
      'task-configs': toMany('task-configs', configs),
      tasks: { data: [] },
    },
    links: { self: `/api/v2/tasks/${id}` },
  };
}

export function taskConfigResource(config: TaskConfig): Resource {
  return {
    id: config.id,
    type: 'task-configs',
    attributes: {
      global: config.global,
      'enforcement-level': config.enforcementLevel,
      'allowed-stages': config.allowedStages,
    },
    relationships: {
      owner: toOne('organizations', config.organization),
      task: toOne('tasks', config.taskId),
      ...(!config.global && { projects: toMany('projects', config.projectIds) }),
    },
  };
}

export function taskStageResource({ world }: Call, stage: TaskStage): Resource {
  return {
    id: stage.id,
    type: 'task-stages',
    attributes: {
      status: stage.status,
      stage: stage.stage,
      'status-timestamps': statusTimestamps(stage.timestamps),
      'created-at': isoTime(stage.createdAt),
      'updated-at': isoTime(stage.updatedAt),
    },
    relationships: {
      run: toOne('runs', stage.runId),
      'task-results': toMany('task-results', resultsOf(world, stage.id)),
      'policy-evaluations': toMany('policy-evaluations', []),
    },
    links: { self: `/api/v2/task-stages/${stage.id}` },
  };
}

export function taskResultResource({ world }: Call, result: TaskResult): Resource {
  return {
    id: result.id,
    type: 'task-results',
    attributes: {
      message: result.message,
      status: result.status,
      'status-timestamps': statusTimestamps(result.timestamps),
      url: result.url,
      'created-at': isoTime(result.createdAt),
      'updated-at': isoTime(result.updatedAt),
      'task-id': result.taskId,
      'task-name': result.taskName,
      'task-url': result.taskUrl,
      stage: world.taskStages.get(result.stageId)?.stage ?? null,
      'is-speculative': world.runs.get(world.taskStages.get(result.stageId)?.runId ?? '')?.planOnly ?? false,
      'workspace-task-id': null,
      'workspace-task-enforcement-level': result.enforcementLevel,
    },
    relationships: { 'task-stage': toOne('task-stages', result.stageId) },
    links: { self: `/api/v2/task-results/${result.id}` },
  };
}

export function notificationResource(configuration: NotificationConfiguration): Resource {
  const { id, name, url, enabled, triggers, subscribable, createdAt, updatedAt, deliveryResponses } = configuration;
  return {
    id,
    type: 'notification-configurations',
    attributes: {
      name,
      url,
      enabled,
      triggers,
      'destination-type': 'generic',
      // The token is write-only.
      token: null,
      'created-at': isoTime(createdAt),
      'updated-at': isoTime(updatedAt),
      'delivery-responses': deliveryResponses.map(({ sentAt, successful, ...response }) => ({
        ...response,
        'sent-at': isoTime(sentAt),
        successful: String(successful),
      })),
    },
    relationships: { subscribable: toOne(subscribable.type, subscribable.id) },
    links: { self: `/api/v2/notification-configurations/${id}` },
  };
}
