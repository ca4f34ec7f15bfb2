import { type Command, Option } from 'commander';
import { sinceMs } from '../core/since.ts';
import { UsageError } from '../io.ts';
import { jsonOption } from '../options.ts';
import type { RunCommand } from '../program.ts';

interface LogsOptions {
  readonly follow?: boolean;
  readonly since: string;
}

/** `logs`: the agent's log of a run or of a task. */
export function registerLogs(program: Command, run: RunCommand): void {
  program
    .command('logs')
    .description("print the agent's log of a run or of a task")
    .argument('<run-id|task-id>', 'id of a run (run-…) or of an ECS task')
    .option('-f, --follow', 'print new lines until the task ends')
    .addOption(new Option('--since <time>', "how far back to search the launcher's log for the task").default('7d'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Terraform's output isn't in this log: the agent sends it to HCP Terraform, and
the run's page shows it.

Examples:
  agent-launcher logs run-CZcmD7eagjhyX0vN
  agent-launcher logs run-CZcmD7eagjhyX0vN --follow
  agent-launcher logs 0f9de17a6465404e8b1b2356dc13c2f8 --since 30d`,
    )
    .action(
      run<LogsOptions>(async (context, { follow = false, since }, [given = '']) => {
        const fromMs = sinceMs(since, context.io.now());
        if (follow && context.options.json)
          throw new UsageError('--follow and --json exclude each other: a document has an end.');
        const { showLogs } = await import('../run-logs.ts');
        return showLogs(context, given, { follow, fromMs });
      }),
    );
}
