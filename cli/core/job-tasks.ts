/** Chooses the tasks of a run: those that executed its jobs, or else those that were started for them. */
import { PHASES, type Phase } from '../../functions/launcher/contract.ts';
import { jobIn } from './executed-jobs.ts';

/** A task that the launcher's log, ECS or HCP Terraform connects with a run. */
export interface RelatedTask {
  readonly id: string;
  readonly launchedFor?: string | undefined;
  /** The job that its agent executed; absent if nothing shows it. */
  readonly job?: string | undefined;
}

/**
 * Agents take any queued job of their pool, so the task that was started for a job is often not the one that executed it. It belongs to the run only while
 * nothing shows the job's agent.
 *
 * @param agents names of the agents that took the phases, which are the ids of their tasks
 */
export function tasksOfJobs(
  runId: string,
  tasks: readonly RelatedTask[],
  agents: Readonly<Partial<Record<Phase, string | undefined>>>,
): RelatedTask[] {
  const all = tasks.map((task) => {
    const phase = PHASES.find((one) => agents[one] === task.id);
    return phase === undefined ? task : { ...task, job: `${runId}/${phase}` };
  });
  const executed = new Set(all.flatMap(({ job }) => job ?? []));
  for (const phase of PHASES) if (agents[phase] !== undefined) executed.add(`${runId}/${phase}`);
  const own = all.filter(({ job, launchedFor }) => {
    if (job !== undefined) return jobIn(job)?.run === runId;
    return launchedFor !== undefined && jobIn(launchedFor)?.run === runId && !executed.has(launchedFor);
  });
  // The task that executes the apply can be older than the one that executed the plan.
  const rank = ({ job, launchedFor = '' }: RelatedTask): number =>
    PHASES.findIndex((phase) => phase === jobIn(job ?? launchedFor)?.phase);
  return own.sort((one, other) => rank(one) - rank(other));
}
