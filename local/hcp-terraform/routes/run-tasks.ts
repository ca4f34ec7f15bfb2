/**
 * Run tasks, task configurations, stages, results, and the callback.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/tasks/tasks and …/tasks/task-configs
 */
import * as z from 'zod';
import type { HttpServer } from '../../http-server.ts';
import {
  type Answer,
  added,
  type Call,
  created,
  type Define,
  type DefineAsync,
  document,
  found,
  noContent,
} from '../api.ts';
import type { Deliveries } from '../deliveries.ts';
import { taskConfigResource, taskResource, taskResultResource, taskStageResource } from '../documents/run-tasks.ts';
import { bearerToken, bodyJson, pathParameters } from '../http.ts';
import { newId } from '../ids.ts';
import { distinct, failure, includes, invalid, notFound, parseBody, queryText, type Resource } from '../json-api.ts';
import { ownUrl } from '../own-url.ts';
import type { Platform } from '../platform.ts';
import { runMoved } from '../queue.ts';
import { hasEnded, resultsOf, setResult, stagesOf } from '../run-tasks.ts';
import { isFinal } from '../runs.ts';
import { type RunTask, STAGES, type TaskConfig, type TaskStage } from '../task-records.ts';

/** Path of the callback, whose token is the task result's own. */
export const CALLBACK = /^\/api\/v2\/task-results\/[^/]+\/callback$/;

const identifier = z.object({ id: z.string(), type: z.string() });
const enforcementLevel = z.enum(['advisory', 'mandatory']);
const stages = z.array(z.enum(STAGES)).min(1);
const projects = z.object({ data: z.array(identifier) });

/** The attributes of a task configuration inside the document of a task, where names have dashes. */
const innerConfig = z.object({
  type: z.literal('task-configs'),
  attributes: z.object({ global: z.boolean(), 'enforcement-level': enforcementLevel, 'allowed-stages': stages }),
  relationships: z.object({ owner: z.object({ data: identifier }), projects: projects.optional() }),
});

const taskBody = z.object({
  data: z.object({
    type: z.literal('tasks'),
    attributes: z.object({
      name: z.string().optional(),
      url: z.string().optional(),
      description: z.string().max(300).optional(),
      category: z.literal('task').optional(),
      hmacKey: z.string().nullish(),
      enabled: z.boolean().optional(),
      globalConfiguration: z
        .object({ enabled: z.boolean().default(false), stages, 'enforcement-level': enforcementLevel })
        .optional(),
    }),
    relationships: z.object({ 'task-configs': z.object({ data: z.array(innerConfig).max(1) }).optional() }).optional(),
  }),
});

const configBody = z.object({
  data: z.object({
    type: z.literal('task-configs'),
    attributes: z.object({ global: z.boolean(), enforcementLevel, allowedStages: stages }),
    relationships: z.object({
      owner: z.object({ data: identifier }),
      task: z.object({ data: identifier }),
      projects: projects.optional(),
    }),
  }),
});

const configChanges = z.object({
  data: z.object({
    attributes: z.object({ global: z.boolean(), enforcementLevel, allowedStages: stages }).partial().default({}),
    relationships: z.object({ projects: projects.optional() }).optional(),
  }),
});

/** https://github.com/hashicorp/web-unified-docs/blob/main/content/terraform-docs-common/public/schema/run-tasks/runtask-result.json */
const resultBody = z.object({
  data: z.object({
    type: z.literal('task-results'),
    attributes: z.object({
      status: z.enum(['running', 'passed', 'failed']),
      message: z.string().nullish(),
      url: z.string().nullish(),
    }),
  }),
});

const NAME = /^[A-Za-z0-9_-]+$/;

function projectIds(call: Call, organization: string, given: z.infer<typeof projects> | undefined): string[] {
  return (given?.data ?? []).map(({ id }) => {
    if (call.world.projects.get(id)?.organization !== organization) throw notFound();
    return id;
  });
}

type NewConfig = Omit<TaskConfig, 'id' | 'createdAt'>;

function addConfig(call: Call, config: NewConfig): TaskConfig {
  // "There can be only one task configuration mapping between a task and its owner."
  const isTaken = [...call.world.taskConfigs.values()].some(({ taskId }) => taskId === config.taskId);
  if (isTaken) throw invalid('task', 'Task already has a configuration of this owner');
  return added(call.world.taskConfigs, { ...config, id: newId('taskcfg'), createdAt: call.platform.now() });
}

async function createTask(call: Call, { verifyTask }: Deliveries): Promise<Answer> {
  const { name: organization } = call.organization();
  const { attributes, relationships } = call.parse(taskBody).data;
  const { name = '', url = '', description = '', category, hmacKey, enabled = true, globalConfiguration } = attributes;
  if (!NAME.test(name)) throw invalid('name', 'Name can only contain letters, numbers, - and _');
  if (category === undefined) throw invalid('category', "Category must be 'task'");
  const isTaken = [...call.world.tasks.values()].some(
    (task) => task.organization === organization && task.name === name,
  );
  if (isTaken) throw invalid('name', 'Name has already been taken');
  const task: RunTask = {
    id: newId('task'),
    createdAt: call.platform.now(),
    organization,
    name,
    url: ownUrl('url', url),
    description,
    hmacKey: hmacKey ?? undefined,
    enabled,
  };
  await verify(task, verifyTask);
  const [inner] = relationships?.['task-configs']?.data ?? [];
  const common = { organization, taskId: task.id };
  if (inner !== undefined) {
    const { global, 'enforcement-level': level, 'allowed-stages': allowedStages } = inner.attributes;
    const own = projectIds(call, organization, inner.relationships.projects);
    addConfig(call, { ...common, global, enforcementLevel: level, allowedStages, projectIds: own });
  } else if (globalConfiguration?.enabled === true) {
    const { stages: allowedStages, 'enforcement-level': level } = globalConfiguration;
    addConfig(call, { ...common, global: true, enforcementLevel: level, allowedStages, projectIds: [] });
  }
  return created(taskResource(call, added(call.world.tasks, task)));
}

/** "We send a test POST to the supplied URL, and it must respond with a 200 for the run task to be created." */
async function verify(task: Pick<RunTask, 'url' | 'hmacKey'>, verifyTask: Deliveries['verifyTask']): Promise<void> {
  if (!(await verifyTask(task))) throw invalid('url', 'URL must respond to the verification request with 200');
}

async function updateTask(call: Call, { verifyTask }: Deliveries): Promise<Answer> {
  const task = found(call.world.tasks, call.id);
  const { name, url, description, hmacKey, enabled } = call.parse(taskBody).data.attributes;
  if (name !== undefined && !NAME.test(name)) throw invalid('name', 'Name can only contain letters, numbers, - and _');
  const changed = {
    url: url === undefined ? task.url : ownUrl('url', url),
    hmacKey: hmacKey === undefined ? task.hmacKey : (hmacKey ?? undefined),
  };
  await verify(changed, verifyTask);
  Object.assign(task, changed, {
    name: name ?? task.name,
    description: description ?? task.description,
    enabled: enabled ?? task.enabled,
  });
  return document(taskResource(call, task));
}

function createConfig(call: Call): Answer {
  const { name: organization } = call.organization();
  const { attributes, relationships } = call.parse(configBody).data;
  const task = found(call.world.tasks, relationships.task.data.id);
  if (task.organization !== organization || relationships.owner.data.id !== organization) throw notFound();
  const own = projectIds(call, organization, relationships.projects);
  return created(
    taskConfigResource(addConfig(call, { ...attributes, organization, taskId: task.id, projectIds: own })),
  );
}

function updateConfig(call: Call): Answer {
  const config = found(call.world.taskConfigs, call.id);
  const { attributes, relationships } = call.parse(configChanges).data;
  const given = relationships?.projects;
  Object.assign(
    config,
    attributes,
    given !== undefined && { projectIds: projectIds(call, config.organization, given) },
  );
  // The documentation says 201, not 200.
  return created(taskConfigResource(config));
}

function listConfigs(call: Call): Answer {
  const { name } = call.organization();
  const type = queryText(call.query, 'filter[target_type]');
  const id = queryText(call.query, 'filter[target_id]');
  const configs = [...call.world.taskConfigs.values()].filter(
    ({ organization, projectIds: own }) =>
      organization === name && (type !== 'project' || id === undefined || own.includes(id)),
  );
  return call.list(configs, taskConfigResource);
}

const STAGE_INCLUDES = ['run', 'run.workspace', 'task_results', 'policy_evaluations'];

function includedResults(call: Call, shown: readonly TaskStage[]): Resource[] | undefined {
  if (!includes(call.query, STAGE_INCLUDES).has('task_results')) return undefined;
  const results = shown.flatMap((stage) => resultsOf(call.world, stage.id));
  return distinct(results.map((result) => taskResultResource(call, result)));
}

export function runTaskRoutes(define: Define, defineAsync: DefineAsync, deliveries: Deliveries): void {
  define('GET', '/organizations/:organization/tasks', (call) => {
    const { name } = call.organization();
    const tasks = [...call.world.tasks.values()].filter(({ organization }) => organization === name);
    return call.list(tasks, (task) => taskResource(call, task));
  });
  defineAsync('POST', '/organizations/:organization/tasks', (call) => createTask(call, deliveries));
  define('GET', '/tasks/:id', (call) => document(taskResource(call, found(call.world.tasks, call.id))));
  defineAsync('PATCH', '/tasks/:id', (call) => updateTask(call, deliveries));
  define('DELETE', '/tasks/:id', ({ world, id }) => {
    found(world.tasks, id);
    world.tasks.delete(id);
    for (const config of world.taskConfigs.values()) if (config.taskId === id) world.taskConfigs.delete(config.id);
    return noContent;
  });

  define('GET', '/organizations/:organization/task-configs', listConfigs);
  define('POST', '/organizations/:organization/task-configs', createConfig);
  define('PATCH', '/task-configs/:id', updateConfig);

  define('GET', '/runs/:id/task-stages', (call) => {
    const { id } = found(call.world.runs, call.id);
    const include = (shown: readonly TaskStage[]) => includedResults(call, shown);
    return call.list(stagesOf(call.world, id), (stage) => taskStageResource(call, stage), { include });
  });
  define('GET', '/task-stages/:id', (call) => {
    const stage = found(call.world.taskStages, call.id);
    return document(taskStageResource(call, stage), includedResults(call, [stage]));
  });
  define('GET', '/task-results/:id', (call) =>
    document(taskResultResource(call, found(call.world.taskResults, call.id))),
  );
}

/** The callback. Its token belongs to one task result and not to a user. */
export function callbackRoute(api: HttpServer, platform: Platform): void {
  api.patch('/api/v2/task-results/:id/callback', (request, reply) => {
    const { id } = pathParameters.parse(request.params);
    const { world } = platform;
    const result = [...world.taskResults.values()].find(({ callbackId }) => callbackId === id);
    if (result === undefined || bearerToken(request) !== result.accessToken) throw failure(401, 'unauthorized');
    const { status, message = null, url = null } = parseBody(resultBody, bodyJson(request)).data.attributes;
    const stage = found(world.taskStages, result.stageId);
    if (hasEnded(result) || stage.status !== 'running' || isFinal(found(world.runs, stage.runId))) {
      throw invalid('status', `Status can't change from ${result.status} to ${status}`);
    }
    const moved = setResult(platform, result, status, { message, url });
    if (moved !== undefined) runMoved(platform, moved);
    return reply.code(200).send();
  });
}
