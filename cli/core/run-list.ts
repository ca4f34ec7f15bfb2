/** The rows of `runs`: one for each task that ended. */
import * as z from 'zod';
import type { TaskEndedLine } from '../../functions/launcher/log-lines.ts';
import { duration } from './durations.ts';
import { EXECUTIONS, type ExecutedLine } from './executed-jobs.ts';
import { harmless } from './harmless.ts';
import { cut } from './wrap.ts';

const iso = z.iso.datetime({ offset: true });

/** One task in `runs --json`. Members are only ever added. */
const runRow = z.strictObject({
  task: z.string().describe('Id of the task, and name of its agent'),
  pool: z.string().describe('Name of the pool'),
  execution: z
    .enum(EXECUTIONS)
    .describe(
      'known: run, workspace and phase are those of the job that the agent executed. assumed: those of launchedFor; the agent may have taken another job. another: another agent took the job of launchedFor, or it still waits, and nothing shows what this agent did. none: the agent took no job, and run, workspace and phase are those of launchedFor',
    ),
  run: z
    .string()
    .optional()
    .describe('Id of the run; absent if execution is another, and for a warm agent or a sweep without a known job'),
  workspaceId: z.string().optional().describe('Id of its workspace'),
  workspace: z.string().optional().describe('Name of the workspace; absent if the token may not see it'),
  runStatus: z.string().optional().describe("The run's status now; absent if the token may not see the run"),
  phase: z.enum(['plan', 'apply']).optional().describe('Phase of the run'),
  launchedFor: z
    .string()
    .describe('The job that the task was launched for, such as run-…/plan, or that of a warm agent or a sweep'),
  outcome: z
    .string()
    .describe('ended, failed-to-start, stopped, out-of-memory, interrupted (such as by Spot) or failed'),
  queuedSeconds: z.number().optional().describe('From queued to started, by the clock of HCP Terraform'),
  startedAt: iso.optional().describe('When the container started; absent if it never did'),
  stoppedAt: iso.optional().describe('When the task stopped'),
  ranSeconds: z.number().optional().describe('From startedAt to stoppedAt'),
  billedSeconds: z
    .number()
    .describe('What Fargate bills: from the image pull to the end, at least 60; 0 without a pull'),
  cpu: z.number().describe('CPU units; 1024 are one vCPU. 0 if ECS did not show them'),
  memoryMiB: z.number().describe('Memory of the task; 0 if ECS did not show it'),
  capacity: z.enum(['on-demand', 'spot']).describe('Capacity of Fargate'),
  architecture: z.enum(['x86_64', 'arm64']).describe('CPU architecture'),
  exitCode: z.number().optional().describe('Exit code of the agent; absent if it never ran'),
  stopCode: z.string().optional().describe("ECS's stopCode"),
  stoppedReason: z.string().optional().describe("ECS's stoppedReason"),
  dollars: z.number().describe('At list prices of us-east-1'),
});

export const runsJson = z.strictObject({
  since: iso.describe('Beginning of the time that was searched'),
  tasks: z.array(runRow).describe('Tasks that ended, newest first'),
  hasMore: z.boolean().describe('Whether there are older tasks in this time than --limit allows'),
});

export type RunRow = z.infer<typeof runRow>;
export type RunsJson = z.infer<typeof runsJson>;

/** The newest tasks, newest first. @param lines each task once */
export function newestTasks(
  lines: readonly TaskEndedLine[],
  { limit, pool }: { readonly limit: number; readonly pool?: string | undefined },
): { readonly lines: readonly TaskEndedLine[]; readonly hasMore: boolean } {
  const chosen = lines
    .filter((line) => pool === undefined || line.pool === pool)
    .sort((a, b) => endOf(b) - endOf(a) || (a.task < b.task ? -1 : 1));
  return { lines: chosen.slice(0, limit), hasMore: chosen.length > limit };
}

function endOf({ stoppedAt, timestamp }: TaskEndedLine): number {
  return Date.parse(stoppedAt ?? timestamp);
}

/** What HCP Terraform adds to a line. */
export interface Names {
  readonly workspace?: string | undefined;
  /** The run as it is now; absent if the token may not see it. */
  readonly runNow?:
    | {
        readonly status: string;
        readonly queuedSeconds: Readonly<Partial<Record<'plan' | 'apply', number>>>;
      }
    | undefined;
}

export function rowOf(line: ExecutedLine, { workspace, runNow }: Names): RunRow {
  const { startedAt, stoppedAt, seconds } = line;
  const ranSeconds =
    startedAt === undefined || stoppedAt === undefined
      ? undefined
      : Math.max(0, (Date.parse(stoppedAt) - Date.parse(startedAt)) / 1000);
  const known = {
    run: line.run,
    workspaceId: line.workspace,
    workspace,
    runStatus: runNow?.status,
    phase: line.phase,
    // The launcher sees the wait only if a tick saw the job while it ran.
    queuedSeconds: line.queuedSeconds ?? (line.phase === undefined ? undefined : runNow?.queuedSeconds[line.phase]),
    startedAt,
    stoppedAt,
    ranSeconds,
    exitCode: line.exitCode,
    stopCode: line.stopCode,
    stoppedReason: line.stoppedReason,
  };
  return {
    task: line.task,
    pool: line.pool,
    execution: line.execution,
    launchedFor: line.launchedFor,
    outcome: line.outcome,
    billedSeconds: seconds.billed,
    cpu: line.cpu,
    memoryMiB: line.memoryMiB,
    capacity: line.capacity,
    architecture: line.architecture,
    dollars: line.dollars,
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
  };
}

/** The table for 80 columns. @returns lines; the first is the header */
export function tableOf(rows: readonly RunRow[], nowMs: number, columns: number): string[] {
  const cells = rows.map((row) => [
    workspaceCell(row),
    phaseCell(row),
    startCell(row, nowMs),
    secondsCell(row.queuedSeconds),
    secondsCell(row.ranSeconds),
    sizeCell(row),
    exitCell(row),
    `$${row.dollars.toFixed(4)}`,
  ]);
  const header = ['WORKSPACE', 'PHASE', 'START (UTC)', 'WAIT', 'DURATION', 'VCPU/GB', 'EXIT', 'COST'];
  return aligned([header, ...cells], { columns, shortened: 0, right: RIGHT });
}

/** The ids of runs and tasks, for other commands. @returns lines; the first is the header */
export function idTableOf(rows: readonly RunRow[], columns: number): string[] {
  const cells = rows.map((row) => [row.run ?? '–', row.task, phaseCell(row), workspaceCell(row)]);
  return aligned([['RUN', 'TASK', 'PHASE', 'WORKSPACE'], ...cells], { columns, shortened: 3, right: new Set() });
}

interface Layout {
  /** Width of the table. */
  readonly columns: number;
  /** The column that is cut if the table is too wide. */
  readonly shortened: number;
  /** Columns of numbers. */
  readonly right: ReadonlySet<number>;
}

function aligned(table: readonly (readonly string[])[], { columns, shortened, right }: Layout): string[] {
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0)));
  const others = widths.reduce((sum, width, column) => (column === shortened ? sum : sum + width + GAP.length), 0);
  widths[shortened] = Math.min(widths[shortened] ?? 0, Math.max(MOST_NARROW, columns - others));
  return table.map((cells) =>
    cells
      .map((text, column) => {
        const width = widths[column] ?? 0;
        return right.has(column) ? text.padStart(width) : cut(text, width).padEnd(width);
      })
      .join(GAP)
      .trimEnd(),
  );
}

const GAP = '  ';
const MOST_NARROW = 9;
/** WAIT, DURATION and COST. */
const RIGHT = new Set([3, 4, 7]);

function workspaceCell({ workspace, workspaceId, launchedFor, execution }: RunRow): string {
  return harmless(workspace ?? workspaceId ?? (execution === 'another' ? '–' : launchedFor));
}

/** `plan?` if the agent may have taken another job, and `other` if another agent has it. */
function phaseCell(row: RunRow): string {
  const { phase, execution } = row;
  if (execution === 'another') return 'other';
  return phase === undefined ? kindOf(row) : `${phase}${execution === 'assumed' ? '?' : ''}`;
}

/** Explains the marks in the column PHASE; empty if there are none. */
export function legendOf(rows: readonly RunRow[]): string[] {
  const has = (execution: RunRow['execution']): boolean => rows.some((row) => row.execution === execution);
  return [
    ...(has('assumed') ? ['"?": the task was started for this job, but its agent may have taken another one'] : []),
    ...(has('another') ? ['"other": the job that the task was started for waits, or another agent took it'] : []),
  ];
}

/** `warm` or `sweep`. */
function kindOf({ launchedFor }: RunRow): string {
  return /^(warm|sweep)\//.exec(launchedFor)?.[1] ?? '';
}

function startCell({ startedAt, stoppedAt }: RunRow, nowMs: number): string {
  const at = startedAt ?? stoppedAt;
  if (at === undefined) return '';
  const [date = '', time = ''] = new Date(at).toISOString().split('T');
  const [today = ''] = new Date(nowMs).toISOString().split('T');
  return `${date === today ? 'today' : date.slice(5)} ${time.slice(0, 5)}`;
}

function secondsCell(seconds: number | undefined): string {
  return seconds === undefined ? '–' : duration(Math.round(seconds) * 1000).replace('under 1 s', '0 s');
}

function sizeCell({ cpu, memoryMiB, capacity }: RunRow): string {
  return `${cpu / 1024}/${memoryMiB / 1024}${capacity === 'spot' ? ' spot' : ''}`;
}

/** The exit code, and what the launcher concluded unless the task ended normally. */
function exitCell({ exitCode, outcome }: RunRow): string {
  const short: Readonly<Record<string, string>> = {
    'failed-to-start': 'no start',
    'out-of-memory': 'memory',
    interrupted: 'spot',
  };
  return (
    [exitCode, outcome === 'ended' ? undefined : (short[outcome] ?? outcome)]
      .filter((part) => part !== undefined)
      .join(' ') || '–'
  );
}
