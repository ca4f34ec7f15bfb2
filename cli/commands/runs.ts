import { type Command, Option } from 'commander';
import { dateTime, duration } from '../core/durations.ts';
import { idTableOf, legendOf, newestTasks, type RunRow, type RunsJson, rowOf, tableOf } from '../core/run-list.ts';
import { sinceMs } from '../core/since.ts';
import { EXIT, UsageError } from '../io.ts';
import { excludes, integerOption, jsonOption } from '../options.ts';
import type { RunCommand } from '../program.ts';

interface RunsOptions {
  readonly limit: number;
  readonly ids?: boolean;
  readonly since: string;
  readonly pool?: string;
}

const MOST_ROWS = 500;

/** `runs`: the last jobs of the pools. */
export function registerRuns(program: Command, run: RunCommand): void {
  const command = program
    .command('runs')
    .description("list the last runs of the launcher's pools: wait, duration, size, exit and cost")
    .addOption(
      integerOption('--limit <number>', `maximum number of tasks, up to ${MOST_ROWS}`, {
        fallback: 20,
        least: 1,
        most: MOST_ROWS,
      }),
    )
    .addOption(
      new Option('--since <time>', 'only tasks that ended since then: 6h, 7d, or a time in ISO 8601').default('7d'),
    )
    .addOption(new Option('--pool <name>', 'only tasks of this pool'))
    .addOption(new Option('--ids', 'show the ids of runs and tasks, for why and logs'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
One line is one task of ECS that ended, with the job that its agent executed. A
run with a plan and an apply has two. WAIT is the time from queued to started by
the clock of HCP Terraform. COST is Fargate's list price in us-east-1 for the
task.

The launcher starts a task for one job, but HCP Terraform gives a job to any
agent of the pool. "plan?" means that nothing shows which job the agent took, so
the line shows the one that the task was started for.

Examples:
  agent-launcher runs
  agent-launcher runs --ids
  agent-launcher runs --since 24h --pool default --limit 100
  agent-launcher runs --json | jq '[.tasks[].dollars] | add'`,
    )
    .action(
      run<RunsOptions>(async (context, options) => {
        const nowMs = context.io.now();
        const fromMs = sinceMs(options.since, nowMs);
        const deployment = await context.deployment();
        checkPool(
          options.pool,
          deployment.pools.map(({ name }) => name),
        );
        const [{ endedTasks }, { namesOf }] = await Promise.all([
          import('../aws/launcher-lines.ts'),
          import('../run-names.ts'),
        ]);
        const all = await endedTasks(context.aws, { group: deployment.launcherLogGroup, fromMs, toMs: nowMs });
        const { lines: ended, hasMore } = newestTasks(all, { limit: options.limit, pool: options.pool });
        const names = await namesOf(context, ended);
        const rows = names.lines.map((line) =>
          rowOf(line, {
            workspace: names.workspaces.get(line.workspace ?? ''),
            runNow: names.runs.get(line.run ?? ''),
          }),
        );
        if (context.options.json) {
          context.printJson({ since: new Date(fromMs).toISOString(), tasks: rows, hasMore } satisfies RunsJson);
          return EXIT.fine;
        }
        if (rows.length === 0) {
          context.note(
            `No task${options.pool === undefined ? '' : ` of pool ${options.pool}`} ended since ${dateTime(fromMs)}. Pass an earlier --since. If the launcher is older than this command, it may not log ended tasks.`,
          );
          return EXIT.fine;
        }
        const { ids = false } = options;
        const [header = '', ...table] = ids ? idTableOf(rows, context.columns) : tableOf(rows, nowMs, context.columns);
        context.print(context.style('bold', header));
        for (const line of table) context.print(line);
        context.note(
          context.style(
            'dim',
            [
              summaryOf(rows, hasMore),
              ...legendOf(rows),
              ...(ids ? [] : ['Add --ids for the ids of runs and tasks']),
            ].join('. '),
          ),
        );
        return EXIT.fine;
      }),
    );
  excludes(command, '--ids', '--json');
}

function summaryOf(rows: readonly RunRow[], hasMore: boolean): string {
  const dollars = rows.reduce((sum, row) => sum + row.dollars, 0);
  const billed = rows.reduce((sum, row) => sum + row.billedSeconds, 0);
  const count = `${rows.length} ${rows.length === 1 ? 'task' : 'tasks'}`;
  return `${count}, ${duration(billed * 1000)} billed, $${dollars.toFixed(4)}${hasMore ? '. There are older ones: raise --limit' : ''}`;
}

function checkPool(given: string | undefined, known: readonly string[]): void {
  if (given === undefined || known.includes(given)) return;
  throw new UsageError(`--pool is ${JSON.stringify(given)}. The launcher has the pools ${known.join(', ')}.`);
}
