import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { harmlessJson } from '../core/harmless.ts';
import { statusOf } from '../core/status.ts';
import type { Status } from '../core/status-json.ts';
import { CommandError, EXIT, type ExitCode } from '../io.ts';
import type { StatusReader } from '../observe/status.ts';
import { integerOption, jsonOption, requires } from '../options.ts';
import type { RunCommand } from '../program.ts';
import { renderStatus } from '../terminal/status.ts';
import { watch } from '../terminal/watch.ts';

interface StatusOptions {
  readonly watch?: boolean;
  readonly interval: number;
}

/** Less would cost more requests than a person can read. */
const LEAST_INTERVAL_SECONDS = 2;

const HELP = `
Queue and agents come from HCP Terraform if there is a token (TF_TOKEN_…,
TFE_TOKEN, terraform login, or the launcher's secret), or else from the
launcher's last tick.

  STARTING  the task's agent has not registered yet
  UNKNOWN   the agent does not answer, has failed, or never registered in time
  FOREIGN   idle and busy agents of the pool that this launcher did not start
  TASKS     tasks of the pool, and its maxAgents

Exit code: 1 if an alarm is on, if the launcher is paused, silent or failing,
if the last deployment failed, if ECS refuses tasks, if tasks fail to start, if
a gateway has a problem, if a run waits for more than three minutes in a pool
that nobody serves, or if AWS did not answer everything. With --watch, 0 when
you press Ctrl-C.

Examples:
  agent-launcher status
  agent-launcher status --watch --interval 10
  agent-launcher status --watch --json    # one document per line
  agent-launcher status --json | jq '.pools[] | {name, queued, busy}'
  agent-launcher --stack AgentLauncherTest --profile test status`;

/** `status`: what is queued, running and failing. */
export function registerStatus(program: Command, run: RunCommand): void {
  const command = program
    .command('status')
    .description('show what is queued, running and failing')
    .addOption(new Option('-w, --watch', 'show it again and again until Ctrl-C'))
    .addOption(
      integerOption('--interval <seconds>', 'with --watch: seconds between two readings', {
        fallback: 5,
        least: LEAST_INTERVAL_SECONDS,
        most: 3600,
      }),
    )
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(run<StatusOptions>(showStatus));
  requires(command, '--interval', '--watch');
}

async function showStatus(context: Context, options: StatusOptions): Promise<ExitCode> {
  const { StatusReader } = await import('../observe/status.ts');
  const reader = new StatusReader(context, options.watch === true);
  try {
    if (options.watch !== true) {
      const status = shown(context, statusOf(await reader.read()));
      if (context.options.json) context.printJson(status);
      else for (const line of lines(context, status)) context.print(line);
      return status.problems.length > 0 ? EXIT.problem : EXIT.fine;
    }
    await watchStatus(context, options.interval * 1000, reader);
    return EXIT.fine;
  } finally {
    await reader.close();
  }
}

async function watchStatus(context: Context, intervalMs: number, reader: Pick<StatusReader, 'read'>): Promise<void> {
  const { json } = context.options;
  const inPlace = context.io.stdout.isTTY === true && !json;
  let drawn = false;
  await watch(context.io, { intervalMs, inPlace }, async () => {
    try {
      const status = shown(context, statusOf(await reader.read()));
      drawn = true;
      if (json) return [harmlessJson(JSON.stringify(status))];
      const text = lines(context, status).map((line) => context.shown(line));
      return inPlace ? text : [...text, ''];
    } catch (error) {
      // A fault that passes must not end the watch. But at the beginning, the stack or the credentials are probably wrong.
      if (!(error instanceof CommandError) || !drawn || json) throw error;
      return context.shown(error.message).split('\n');
    }
  });
}

/** The status with its commands as the user can copy them. */
function shown(context: Context, status: Status): Status {
  return {
    ...status,
    problems: status.problems.map((problem) => ({ ...problem, do: context.withCommands(problem.do) })),
    notes: status.notes.map((note) => context.withCommands(note)),
  };
}

function lines(context: Context, status: Status): string[] {
  return renderStatus(status, context.columns, (style, text) => context.style(style, text));
}
