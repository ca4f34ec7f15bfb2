/** Prints the agent's log of a run or of a task. */
import { agentLog } from './aws/agent-log.ts';
import type { LogEvent } from './aws/log-events.ts';
import { describeTasks } from './aws/task-facts.ts';
import type { Context } from './context.ts';
import { jobIn } from './core/executed-jobs.ts';
import { Follower } from './core/follow.ts';
import { harmless } from './core/harmless.ts';
import type { LogsJson } from './core/logs-json.ts';
import { hasStopped } from './core/task-status.ts';
import { Interrupted } from './interruption.ts';
import { CommandError, EXIT, type ExitCode } from './io.ts';
import { type JobTask, type Subject, subjectOf, tasksOf } from './job-tasks.ts';

/** Time between two reads with `--follow`. */
const POLL_MS = 2_000;
/** CloudWatch shows the last lines of a stopped task some seconds late. */
const LAST_LINES_MS = 5_000;

/** @param given id of a run or of a task */
export function showLogs(
  context: Context,
  given: string,
  { follow, fromMs }: { readonly follow: boolean; readonly fromMs: number },
): Promise<ExitCode> {
  const subject = subjectOf(given);
  if (!follow) return printLogs(context, subject, fromMs);
  return followLogs(context, subject, fromMs).catch((error: unknown) => {
    // Ctrl-C is how a person ends it.
    if (error instanceof Interrupted) return EXIT.fine;
    throw error;
  });
}

async function printLogs(context: Context, subject: Subject, fromMs: number): Promise<ExitCode> {
  const tasks = await tasksOf(context, subject, fromMs);
  if (tasks.length === 0) throw noTask(subject);
  const document: LogsJson = { tasks: [] };
  let count = 0;
  for (const task of tasks) {
    const lines: LogsJson['tasks'][number]['lines'] = [];
    if (!context.options.json) announce(context, task);
    for await (const event of agentLog(context.aws, { group: task.group, taskId: task.id })) {
      count += 1;
      if (context.options.json)
        lines.push({ at: new Date(event.atMs).toISOString(), message: harmless(event.message) });
      else print(context, event);
    }
    document.tasks.push({
      task: task.id,
      pool: task.pool,
      ...(task.launchedFor !== undefined && { launchedFor: task.launchedFor }),
      ...(task.job !== undefined && { job: task.job }),
      logGroup: task.group,
      isLive: task.isLive,
      lines,
    });
  }
  if (context.options.json) context.printJson(document);
  if (count > 0) return EXIT.fine;
  context.note(
    tasks.some(({ isLive }) => isLive)
      ? 'The agent has logged nothing yet. Add --follow to wait for its lines.'
      : "There are no lines: the agent's container never started, or its lines are older than the log group's retention.",
  );
  return EXIT.problem;
}

async function followLogs(context: Context, subject: Subject, fromMs: number): Promise<ExitCode> {
  const { io, aws } = context;
  const deployment = await context.deployment();
  const followers = new Map<string, Follower<LogEvent>>();
  let tasks = await tasksOf(context, subject, fromMs);
  if (tasks.length === 0) context.note('No task was started for this run yet. Waiting for one. Press Ctrl-C to stop.');
  let hasEnded = false;
  while (!io.interrupted.aborted) {
    for (const task of tasks) {
      const isNew = !followers.has(task.id);
      const follower = followers.get(task.id) ?? new Follower<LogEvent>();
      followers.set(task.id, follower);
      if (isNew) announce(context, task);
      const events: LogEvent[] = [];
      for await (const event of agentLog(aws, { group: task.group, taskId: task.id, fromMs: follower.fromMs }))
        events.push(event);
      for (const event of follower.fresh(events)) print(context, event);
    }
    if (hasEnded) return EXIT.fine;
    const live = await liveAmong(context, deployment.name, tasks);
    hasEnded = tasks.length > 0 && !live;
    try {
      await io.sleep(hasEnded ? LAST_LINES_MS : POLL_MS, io.interrupted);
    } catch {
      break;
    }
    if (subject.kind === 'run') tasks = merged(tasks, await tasksOf(context, subject, fromMs));
  }
  return EXIT.fine;
}

async function liveAmong({ aws }: Context, cluster: string, tasks: readonly JobTask[]): Promise<boolean> {
  const described = await describeTasks(
    aws,
    cluster,
    tasks.map(({ id }) => id),
  );
  return described.some((task) => !hasStopped(task));
}

/** The known tasks and the new ones. */
function merged(known: readonly JobTask[], now: readonly JobTask[]): JobTask[] {
  return [...known, ...now.filter(({ id }) => !known.some((one) => one.id === id))];
}

function announce(context: Context, { id, pool, launchedFor, job }: JobTask): void {
  const what =
    job !== undefined
      ? `, executed ${job}`
      : launchedFor === undefined
        ? ''
        : `, started for ${launchedFor}${jobIn(launchedFor) === undefined ? '' : '; its agent may have taken another job'}`;
  context.note(context.style('dim', `— task ${id}, pool ${pool}${what}`));
}

/** A line of the agent begins with its own time, which is almost the event's. Lines of the entrypoint have none. */
function print(context: Context, { atMs, message }: LogEvent): void {
  for (const line of message.replace(/\n$/, '').split('\n')) {
    const [, time = new Date(atMs).toISOString(), text = line] =
      /^(\d{4}-\d{2}-\d{2}T[\d:.]+Z)\s+(.*)$/s.exec(line) ?? [];
    context.print(`${context.style('dim', time)}  ${harmless(text)}`);
  }
}

function noTask(subject: Subject): CommandError {
  return new CommandError(
    subject.kind === 'run'
      ? `No task belongs to ${subject.runId}: none has executed one of its jobs, and none was started for one that waits. Or the search doesn't go back far enough (--since).\nRun \`agent-launcher why ${subject.runId}\`.`
      : `There is no task ${subject.taskId}.`,
  );
}
