/**
 * Run tasks: the stages of a run, and the results of their tasks.
 *
 * A run gets its stages when it is created. At a stage, the run waits in `<stage>_running` until every task has a result: the requests go
 * out in `deliveries.ts`, and results come in through the callback. A task without an update for 10 minutes, or after 60 minutes in total,
 * becomes errored. A failed mandatory task ends the run. After a failed advisory task, the run continues.
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-task-stages-and-results
 * https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run-tasks/run-tasks-integration#run-task-callback
 */
import { randomUUID } from 'node:crypto';
import { newId, newToken } from './ids.ts';
import type { Platform } from './platform.ts';
import {
  completeApply,
  enterStage,
  failStage,
  finishPolicies,
  isFinal,
  queueApply,
  queuePlan,
  type Run,
} from './runs.ts';
import { STAGES, type StageName, type TaskConfig, type TaskResult, type TaskStage } from './task-records.ts';
import type { Workspace, World } from './world.ts';

const MINUTE_MS = 60_000;
/** Without an update for this time, a task is errored. */
export const PROGRESS_LIMIT_MS = 10 * MINUTE_MS;
/** After this time, a task is errored, even if it sends updates. */
export const TOTAL_LIMIT_MS = 60 * MINUTE_MS;

const ENDED: ReadonlySet<TaskResult['status']> = new Set(['passed', 'failed', 'errored', 'canceled', 'unreachable']);

export function hasEnded({ status }: TaskResult): boolean {
  return ENDED.has(status);
}

function appliesTo(config: TaskConfig, workspace: Workspace): boolean {
  if (config.organization !== workspace.organization) return false;
  return config.global || config.projectIds.includes(workspace.projectId);
}

/** Adds the stages of a new run, and a result for each of their tasks. A plan-only run never reaches the stages of an apply. */
export function addStages(world: World, run: Run, workspace: Workspace, now: number): void {
  const configs = [...world.taskConfigs.values()].filter((config) => appliesTo(config, workspace));
  for (const stage of run.planOnly ? STAGES.slice(0, 2) : STAGES) {
    const tasks = configs.flatMap((config) => {
      const task = world.tasks.get(config.taskId);
      return task?.enabled === true && config.allowedStages.includes(stage) ? [{ task, config }] : [];
    });
    if (tasks.length === 0) continue;
    const id = newId('ts');
    const times = { createdAt: now, updatedAt: now };
    world.taskStages.set(id, { ...times, id, runId: run.id, stage, status: 'pending', timestamps: new Map() });
    for (const { task, config } of tasks) {
      const result: TaskResult = {
        ...times,
        id: newId('taskrs'),
        stageId: id,
        taskId: task.id,
        taskName: task.name,
        taskUrl: task.url,
        enforcementLevel: config.enforcementLevel,
        callbackId: randomUUID(),
        accessToken: newToken(),
        status: 'pending',
        message: null,
        url: null,
        timestamps: new Map(),
      };
      world.taskResults.set(result.id, result);
    }
  }
}

/** The stages of a run, in their order. */
export function stagesOf(world: World, runId: string): TaskStage[] {
  return [...world.taskStages.values()].filter((stage) => stage.runId === runId);
}

export function resultsOf(world: World, stageId: string): TaskResult[] {
  return [...world.taskResults.values()].filter((result) => result.stageId === stageId);
}

export function stageNamed(world: World, run: Run, name: StageName): TaskStage | undefined {
  return stagesOf(world, run.id).find(({ stage }) => stage === name);
}

/** Starts the stage if the run has it and it hasn't started. @returns whether the run now waits for its tasks */
export function startStage(platform: Platform, run: Run, name: StageName): boolean {
  const stage = stageNamed(platform.world, run, name);
  if (stage?.status !== 'pending') return false;
  const now = platform.now();
  setStage(stage, 'running', now);
  for (const result of resultsOf(platform.world, stage.id)) Object.assign(result, { startedAt: now, progressAt: now });
  enterStage(run, name, now);
  return true;
}

function setStage(stage: TaskStage, status: TaskStage['status'], now: number): void {
  stage.status = status;
  stage.updatedAt = now;
  stage.timestamps.set(`${status}-at`, now);
}

/** Records a task's status. @returns the run that continues or ends because of it, if there is one */
export function setResult(
  platform: Platform,
  result: TaskResult,
  status: TaskResult['status'],
  more: { readonly message?: string | null; readonly url?: string | null } = {},
): Run | undefined {
  const now = platform.now();
  if (result.status !== status) result.timestamps.set(`${status}-at`, now);
  Object.assign(result, more, { status, progressAt: now, updatedAt: now });
  return hasEnded(result) ? settle(platform, result.stageId) : undefined;
}

/** Ends the stage if all of its tasks have ended, and moves its run. */
function settle(platform: Platform, stageId: string): Run | undefined {
  const { world } = platform;
  const stage = world.taskStages.get(stageId);
  const run = world.runs.get(stage?.runId ?? '');
  if (stage?.status !== 'running' || run === undefined || isFinal(run)) return undefined;
  const results = resultsOf(world, stageId);
  if (!results.every(hasEnded)) return undefined;
  const isRefused = results.some(
    ({ status, enforcementLevel }) => status !== 'passed' && enforcementLevel === 'mandatory',
  );
  const now = platform.now();
  setStage(stage, isRefused ? 'failed' : 'passed', now);
  if (isRefused) {
    failStage(run, stage.stage, now);
    return run;
  }
  run.timestamps.set(`${stage.stage.replace('_', '-')}-completed-at`, now);
  if (stage.stage === 'pre_plan') queuePlan(run, now);
  else if (stage.stage === 'pre_apply') queueApply(run, now);
  else if (stage.stage === 'post_apply') completeApply(run, now);
  else if (isEvaluated(world, run)) finishPolicies(run, true, now);
  return run;
}

/** Whether agents have evaluated all policy sets of the run, or there are none. */
function isEvaluated(world: World, run: Run): boolean {
  return [...world.internalJobs.values()].every(({ runId, status }) => runId !== run.id || status === 'finished');
}

/** Marks tasks as errored that exceeded a limit. @returns the runs that continue or end because of it */
export function sweepTasks(platform: Platform): Run[] {
  const now = platform.now();
  return [...platform.world.taskResults.values()].flatMap((result) => {
    const { startedAt, progressAt } = result;
    if (hasEnded(result) || startedAt === undefined || progressAt === undefined) return [];
    const isSilent = now >= progressAt + PROGRESS_LIMIT_MS;
    if (!isSilent && now < startedAt + TOTAL_LIMIT_MS) return [];
    const message = isSilent ? 'The task sent no update for 10 minutes.' : 'The task ran for more than 60 minutes.';
    return setResult(platform, result, 'errored', { message }) ?? [];
  });
}

/** Cancels the stages of a run that ended. */
export function cancelStages(world: World, run: Run, now: number): void {
  for (const stage of stagesOf(world, run.id)) {
    if (stage.status !== 'pending' && stage.status !== 'running') continue;
    setStage(stage, 'canceled', now);
    for (const result of resultsOf(world, stage.id)) {
      if (!hasEnded(result)) Object.assign(result, { status: 'canceled', updatedAt: now });
    }
  }
}
