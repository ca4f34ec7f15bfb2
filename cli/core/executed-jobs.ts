/**
 * Which job a task executed.
 *
 * The launcher starts a task for one job, but HCP Terraform gives a job to any agent of the pool. If several jobs are queued together, their
 * agents swap them. The launcher's line of an ended task contains the executed job only if a tick saw it run. Otherwise HCP Terraform shows it: a plan
 * and an apply have the name of their agent, which is the task's id. Terraform Enterprise may not show it, but the agent's log does.
 */
import { LEFT_IDLE_EXIT_CODE, PHASES, type Phase } from '../../functions/launcher/contract.ts';
import type { TaskEndedLine } from '../../functions/launcher/log-lines.ts';

/**
 * - `known`: run, workspace and phase are those of the job that the agent executed.
 * - `assumed`: they are those of the job that the task was started for. Its agent may have taken another one.
 * - `another`: another agent took that job, or it still waits, and nothing shows what this agent did. Run, workspace and phase are absent.
 * - `none`: the agent took no job. They are those of the job that the task was started for.
 */
export const EXECUTIONS = ['known', 'assumed', 'another', 'none'] as const;
export type Execution = (typeof EXECUTIONS)[number];

/** A task that ended, with the run, the workspace and the phase that its agent executed, as far as they are known. */
export interface ExecutedLine extends TaskEndedLine {
  readonly execution: Execution;
}

/** What HCP Terraform shows about the agents of a run. */
export interface RunAgents {
  readonly status?: string | undefined;
  readonly workspaceId?: string | undefined;
  /** Names of the agents that took the phases. */
  readonly agents: Readonly<Partial<Record<Phase, string>>>;
}

/** A job of a run. */
export interface Job {
  readonly run: string;
  readonly phase: Phase;
}

/** A job's run and phase; `undefined` for the key of a warm agent or a sweep. */
export function jobIn(key: string): Job | undefined {
  const [, run, name] = /^(run-[A-Za-z0-9]+)\/([a-z]+)$/.exec(key) ?? [];
  const phase = PHASES.find((one) => one === name);
  return run === undefined || phase === undefined ? undefined : { run, phase };
}

/** The runs that can show which jobs these tasks executed: two agents that swapped their jobs show each other's. */
export function runsOf(lines: readonly TaskEndedLine[]): string[] {
  const all = lines.flatMap(({ run, launchedFor }) => [run, jobIn(launchedFor)?.run]);
  return [...new Set(all.filter((run) => run !== undefined))];
}

/** @param runs what HCP Terraform shows, by the run's id. @param logged jobs in the agents' logs, by task */
export function executedLines(
  lines: readonly TaskEndedLine[],
  runs: ReadonlyMap<string, RunAgents>,
  logged: ReadonlyMap<string, Job> = new Map(),
): ExecutedLine[] {
  const byAgent = new Map<string, Job>();
  for (const [run, { agents }] of runs) {
    for (const phase of PHASES) {
      const agent = agents[phase];
      if (agent !== undefined) byAgent.set(agent, { run, phase });
    }
  }
  return lines.map((line) => executed(line, { runs, job: byAgent.get(line.task) ?? logged.get(line.task) }));
}

function executed(
  line: TaskEndedLine,
  { runs, job }: { readonly runs: ReadonlyMap<string, RunAgents>; readonly job: Job | undefined },
): ExecutedLine {
  if (line.job !== undefined) return { ...line, execution: 'known' };
  const { run: _run, workspace, phase: _phase, ...rest } = line;
  const own = jobIn(line.launchedFor);
  if (job !== undefined) {
    const of = runs.get(job.run)?.workspaceId ?? (job.run === own?.run ? workspace : undefined);
    const known = { job: `${job.run}/${job.phase}`, ...job, ...(of !== undefined && { workspace: of }) };
    return { ...rest, ...known, execution: 'known' };
  }
  if (line.outcome === 'failed-to-start' || line.exitCode === LEFT_IDLE_EXIT_CODE)
    return { ...line, execution: 'none' };
  if (own === undefined) return { ...line, execution: 'none' };
  const run = runs.get(own.run);
  const isAnothers = run?.agents[own.phase] !== undefined || run?.status === `${own.phase}_queued`;
  return isAnothers ? { ...rest, execution: 'another' } : { ...line, execution: 'assumed' };
}
