/** Finds the tasks of a run, or one task, with their pool and log group. */
import type { Deployment } from './aws/deployment.ts';
import { endedIn } from './aws/launcher-lines.ts';
import { readLauncherLog } from './aws/launcher-log.ts';
import { logEvents } from './aws/log-events.ts';
import { describeTasks, tasksStartedBy } from './aws/task-facts.ts';
import type { Context } from './context.ts';
import { tasksOfJobs } from './core/job-tasks.ts';
import { hasStopped } from './core/task-status.ts';
import type { TaskFacts } from './core/why/evidence.ts';
import { isTaskId, taskIdsOf } from './core/why/situation.ts';
import { CommandError, UsageError } from './io.ts';
import { checkRunId, runIn } from './run-evidence.ts';

/** A task with its log. */
export interface JobTask {
  readonly id: string;
  readonly pool: string;
  readonly group: string;
  readonly launchedFor?: string | undefined;
  /** The job that its agent executed or executes; absent if nothing shows it. */
  readonly job?: string | undefined;
  readonly isLive: boolean;
}

/** What the argument of `logs` means. */
export type Subject =
  | { readonly kind: 'run'; readonly runId: string }
  | { readonly kind: 'task'; readonly taskId: string };

/** Throws a `UsageError` unless the text is the id of a run or of a task. An ARN or an address that ends with the id also works. */
export function subjectOf(text: string): Subject {
  const id = text.split('/').at(-1) ?? text;
  if (id.startsWith('run-')) return { kind: 'run', runId: checkRunId(text) };
  if (isTaskId(id)) return { kind: 'task', taskId: id };
  throw new UsageError(
    `${JSON.stringify(text)} is neither the id of a run (run-…) nor the id of a task (32 hexadecimal digits). \`agent-launcher runs --ids\` shows both.`,
  );
}

/** The tasks, oldest first. */
export async function tasksOf(context: Context, subject: Subject, sinceMs: number): Promise<JobTask[]> {
  return subject.kind === 'run'
    ? tasksOfRun(context, subject.runId, sinceMs)
    : [await taskOf(context, subject.taskId, sinceMs)];
}

async function tasksOfRun(context: Context, runId: string, sinceMs: number): Promise<JobTask[]> {
  const { aws, io } = context;
  const deployment = await context.deployment();
  const nowMs = io.now();
  const [run, log, ...started] = await Promise.all([
    runIn(context, deployment, runId),
    readLauncherLog(aws, { group: deployment.launcherLogGroup, runId, sinceMs, nowMs }),
    ...['plan', 'apply'].map((phase) => tasksStartedBy(aws, deployment.name, `${runId}/${phase}`)),
  ]);
  if (log.unreadable !== undefined && started.flat().length === 0) throw new CommandError(log.unreadable);
  const startedFor = ['plan', 'apply'].flatMap((phase, index) =>
    (started[index] ?? []).map((id) => [id, `${runId}/${phase}`] as const),
  );
  const ids = [...new Set([...taskIdsOf({ run, log, runId }), ...startedFor.map(([id]) => id)])];
  const lines = log.aboutRun.flatMap(({ line }) =>
    (line.launches ?? []).map((launch) => ({ ...launch, pool: line.pool })),
  );
  const launches = new Map(lines.map((launch) => [launch.task ?? '', launch]));
  const ended = new Map(log.ended.map((line) => [line.task, line]));
  const chosen = tasksOfJobs(
    runId,
    ids.map((id) => ({
      id,
      launchedFor: launches.get(id)?.job ?? ended.get(id)?.launchedFor ?? new Map(startedFor).get(id),
      job: ended.get(id)?.job,
    })),
    run.kind === 'found' ? { plan: run.run.planAgent?.name, apply: run.run.applyAgent?.name } : {},
  );
  const known = new Map(
    (
      await describeTasks(
        aws,
        deployment.name,
        chosen.map(({ id }) => id),
      )
    ).map((task) => [task.id, task]),
  );
  return chosen.flatMap(({ id, launchedFor, job }) => {
    const pool = launches.get(id)?.pool ?? ended.get(id)?.pool;
    return jobTask(deployment, id, { task: known.get(id), pool, launchedFor, job }) ?? [];
  });
}

async function taskOf(context: Context, taskId: string, sinceMs: number): Promise<JobTask> {
  const { aws, io } = context;
  const deployment = await context.deployment();
  const [task] = await describeTasks(aws, deployment.name, [taskId]);
  const group = deployment.launcherLogGroup;
  const lines = [];
  if (task === undefined) {
    for await (const event of logEvents(aws, {
      group,
      fromMs: sinceMs,
      toMs: io.now(),
      pattern: JSON.stringify(taskId),
    }))
      lines.push(event);
  }
  const ended = endedIn(lines).find((line) => line.task === taskId);
  const found = jobTask(deployment, taskId, {
    task,
    pool: ended?.pool,
    launchedFor: ended?.launchedFor,
    job: ended?.job,
  });
  if (found !== undefined) return found;
  const [only, ...others] = deployment.agentLogGroups;
  if (only !== undefined && others.length === 0) {
    return { id: taskId, pool: only[0], group: only[1], isLive: false };
  }
  throw new CommandError(
    `The launcher ${deployment.stackName} knows no task ${taskId}: ECS doesn't show it, and the launcher's log doesn't mention it.\nPass --stack with the launcher of the task, or a longer --since.`,
  );
}

function jobTask(
  { pools, agentLogGroups }: Deployment,
  id: string,
  of: {
    readonly task: TaskFacts | undefined;
    readonly pool: string | undefined;
    readonly launchedFor: string | undefined;
    readonly job: string | undefined;
  },
): JobTask | undefined {
  const { task, job, launchedFor = task?.startedBy } = of;
  const ofFamily = pools.find(({ lanes }) => lanes.some(({ taskDefinition }) => taskDefinition === task?.family));
  const pool = of.pool ?? ofFamily?.name;
  const group = agentLogGroups.get(pool ?? '');
  if (pool === undefined || group === undefined) return undefined;
  return { id, pool, group, launchedFor, job, isLive: task !== undefined && !hasStopped(task) };
}
