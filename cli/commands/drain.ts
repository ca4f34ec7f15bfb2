import type { Command } from 'commander';
import type { Context } from '../context.ts';
import type { DrainStep, RemainingTask } from '../core/drain.ts';
import { duration } from '../core/durations.ts';
import type { DrainResult } from '../core/operation-json.ts';
import { cut, wrap } from '../core/wrap.ts';
import { EXIT, type ExitCode } from '../io.ts';
import { integerOption, jsonOption } from '../options.ts';
import type { RunCommand } from '../program.ts';
import { table } from '../terminal/text.ts';

const HELP = `
Use it before an upgrade, a change of the network, or cdk destroy. It pauses
the launcher and waits until the cluster has no task. It stops no task: a busy
agent leaves after its job, an idle one after idleWindowSeconds, and a warm
agent after warmAgents.idleMinutes. The launcher stays paused until resume.

Exit code: 0 if no task is left, 1 if the deadline passed, 130 if you pressed
Ctrl-C.

Examples:
  agent-launcher drain && npx cdk deploy && agent-launcher resume
  agent-launcher drain --deadline 30
  agent-launcher drain --json | jq '.remaining[].task'`;

interface DrainCommandOptions {
  readonly deadline: number;
}

/** `drain`: pauses the launcher, and waits until no task is left. */
export function registerDrain(program: Command, run: RunCommand): void {
  program
    .command('drain')
    .description('pause, and wait until no task is left')
    .addOption(integerOption('--deadline <minutes>', 'how long to wait', { fallback: 60, least: 1, most: 1440 }))
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(run<DrainCommandOptions>(drain));
}

async function drain(context: Context, { deadline }: DrainCommandOptions): Promise<ExitCode> {
  const { pauseLauncher } = await import('../operate/switches.ts');
  const { drainCluster } = await import('../operate/drain.ts');
  const deployment = await context.deployment();
  const startedMs = context.io.now();
  const { changed, warnings, sinceMs = startedMs } = await pauseLauncher(context, deployment);
  // After Ctrl-C, the summary says what is left.
  context.interruption.hold();
  const { stackName } = deployment;
  const what = changed.length === 0 ? 'is paused already.' : `is paused: ${changed.join('; ')}.`;
  for (const line of wrap(`${stackName} ${what}`, context.columns)) context.note(line);
  for (const warning of warnings) context.note(`Not changed: ${warning}`);
  const deadlineMs = startedMs + deadline * 60_000;
  const { end, remaining } = await drainCluster(context, deployment, {
    pausedAtMs: sinceMs,
    deadlineMs,
    report: reporter(context),
  });
  const elapsedMs = context.io.now() - startedMs;
  if (context.options.json) context.printJson(resultOf(stackName, end, elapsedMs, remaining));
  else for (const line of summary(context, end, elapsedMs, remaining)) context.print(line);
  return end === 'drained' ? EXIT.fine : EXIT.problem;
}

/** Prints the tasks when they change, and a sign of life each minute. */
function reporter(context: Context): (step: DrainStep) => void {
  let last = '';
  let lastAtMs = 0;
  return (step) => {
    const nowMs = context.io.now();
    const state =
      step.kind === 'running' ? step.tasks.map(({ id, lastStatus }) => `${id} ${lastStatus}`).join() : step.kind;
    if (state === last && nowMs - lastAtMs < 60_000) return;
    last = state;
    lastAtMs = nowMs;
    if (step.kind === 'settling') {
      context.note(
        `No task is left. Waiting ${duration(step.untilMs - nowMs)} for an invocation that may have begun before the pause.`,
      );
    }
    if (step.kind !== 'running') return;
    for (const line of taskLines(context, step.tasks)) context.note(line);
  };
}

/** Maximum number of tasks that are listed. */
const TASKS_SHOWN = 20;

function taskLines(context: Context, tasks: readonly RemainingTask[]): string[] {
  const nowMs = context.io.now();
  const rows = tasks
    .slice(0, TASKS_SHOWN)
    .map(({ id, pool, lastStatus, createdAtMs, launchedFor }) => [
      { text: cut(id, 9) },
      { text: cut(pool ?? '–', 14) },
      { text: lastStatus },
      { text: createdAtMs === undefined ? '–' : duration(nowMs - createdAtMs), style: 'dim' as const },
      { text: cut(launchedFor ?? '–', 26) },
    ]);
  const columns = ['TASK', 'POOL', 'STATUS', 'AGE', 'LAUNCHED FOR'].map((title) => ({ title }));
  const more = tasks.length > TASKS_SHOWN ? [`and ${tasks.length - TASKS_SHOWN} more`] : [];
  const count = `${tasks.length} ${tasks.length === 1 ? 'task is' : 'tasks are'} left:`;
  return [count, ...table(columns, rows, (_, text) => text), ...more];
}

function resultOf(
  stack: string,
  end: DrainResult['end'],
  elapsedMs: number,
  remaining: readonly RemainingTask[],
): DrainResult {
  return {
    stack,
    state: 'paused',
    end,
    seconds: Math.round(elapsedMs / 1000),
    remaining: remaining.map(({ id, pool, lastStatus, launchedFor }) => ({
      task: id,
      pool: pool ?? null,
      status: lastStatus,
      launchedFor: launchedFor ?? null,
    })),
  };
}

function summary(
  context: Context,
  end: DrainResult['end'],
  elapsedMs: number,
  remaining: readonly RemainingTask[],
): string[] {
  const resume = `Resume: ${context.commandFor('resume')}`;
  if (end === 'drained') return [`No task is left, after ${duration(elapsedMs)}. The launcher stays paused.`, resume];
  const why = end === 'deadline' ? 'The deadline passed' : 'Interrupted';
  return [
    `${why} after ${duration(elapsedMs)}. The launcher stays paused.`,
    ...(remaining.length === 0
      ? ['No task is left, but an invocation may still launch some.']
      : taskLines(context, remaining)),
    `Wait on: ${context.commandFor('drain')}`,
    resume,
  ];
}
