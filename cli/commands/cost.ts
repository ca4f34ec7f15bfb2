import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Context } from '../context.ts';
import { type CostInput, costOf, withNames } from '../core/cost.ts';
import { costHtml } from '../core/cost-html.ts';
import { type Cost, GROUPINGS, type Grouping } from '../core/cost-json.ts';
import { csv } from '../core/csv.ts';
import { CommandError, EXIT, type ExitCode } from '../io.ts';
import { integerOption, jsonOption } from '../options.ts';
import type { RunCommand } from '../program.ts';
import { ROWS_SHOWN, renderCost } from '../terminal/cost.ts';

interface CostOptions {
  readonly days: number;
  readonly by: Grouping;
  readonly csv?: boolean;
  readonly html?: string;
}

const HELP = `
Adds up the tasks that ended, from the launcher's log, and shows what the
stack costs while nothing runs, and what agents that run all the time would
cost. All numbers are estimates at list prices of us-east-1.

Examples:
  agent-launcher cost
  agent-launcher cost --days 7 --by workspace
  agent-launcher cost --by day --html cost.html
  agent-launcher cost --by workspace --csv > cost.csv
  agent-launcher cost --json | jq .total`;

/** `cost`: what the jobs, the idle stack, and agents that run all the time cost. */
export function registerCost(program: Command, run: RunCommand): void {
  program
    .command('cost')
    .description('show what jobs and the idle stack cost')
    .addOption(integerOption('--days <days>', 'length of the period, up to now', { fallback: 30, least: 1, most: 400 }))
    .addOption(new Option('--by <what>', 'how to group the tasks').choices(GROUPINGS).default('pool'))
    .addOption(new Option('--csv', 'print the groups as CSV').conflicts('json'))
    .addOption(new Option('--html <file>', 'write a page with a chart'))
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action(run<CostOptions>(showCost));
}

async function showCost(context: Context, options: CostOptions): Promise<ExitCode> {
  const { readCost } = await import('../observe/cost.ts');
  const input = await readCost(context, options.days, options.by);
  const cost = await named(context, costOf(await withJobs(context, input)), options);
  if (options.html !== undefined) writePage(context, options.html, cost);
  if (context.options.json) context.printJson(cost);
  else if (options.csv === true) context.io.stdout.write(costCsv(cost));
  else if (options.html === undefined) {
    for (const line of renderCost(cost, context.columns, (style, text) => context.style(style, text))) {
      context.print(line);
    }
  }
  return EXIT.fine;
}

/** The tasks with the jobs that they executed, if the groups depend on them. */
async function withJobs(context: Context, input: CostInput): Promise<CostInput> {
  if (input.by !== 'workspace' && input.by !== 'phase') return input;
  const { withExecutedJobs } = await import('../run-names.ts');
  const lines = await withExecutedJobs(context, input.ended);
  return { ...input, ended: lines, assumed: lines.filter(({ execution }) => execution === 'assumed').length };
}

/** Adds the names of the workspaces that the output shows. */
async function named(context: Context, cost: Cost, { csv: asCsv, html }: CostOptions): Promise<Cost> {
  if (cost.by !== 'workspace') return cost;
  const showsAll = context.options.json || asCsv === true || html !== undefined;
  const rows = showsAll ? cost.rows : cost.rows.slice(0, ROWS_SHOWN);
  const ids = rows.filter(({ key }) => key.startsWith('ws-')).map(({ key }) => key);
  const { workspaceNamesOf } = await import('../run-names.ts');
  return withNames(cost, await workspaceNamesOf(context, ids));
}

function writePage(context: Context, file: string, cost: Cost): void {
  const path = resolve(context.io.cwd, file);
  try {
    writeFileSync(path, costHtml(cost));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error;
    throw new CommandError(
      `Could not write ${path} (${code}). Choose a file in a folder that exists and that you can write to.`,
      {
        cause: error,
      },
    );
  }
  context.note(`Wrote ${path}.`);
}

function costCsv({ by, rows }: Cost): string {
  return csv([
    [by, ...(by === 'workspace' ? ['name'] : []), 'tasks', 'runs', 'billed_seconds', 'dollars'],
    ...rows.map(({ key, name = '', tasks, runs, billedSeconds, dollars }) => {
      return [key, ...(by === 'workspace' ? [name] : []), tasks, runs, billedSeconds, dollars];
    }),
  ]);
}
