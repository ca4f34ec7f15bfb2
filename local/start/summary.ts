/** The demo's summary: counts from the model, checks and text. Pure. */
import { countsOf, isFinal, type Model, type Phase } from './model.ts';

export interface Latency {
  readonly samples: number;
  /** Absent if there is no sample. */
  readonly p50Ms?: number;
  readonly p95Ms?: number;
  readonly maxMs?: number;
}

export interface Summary {
  readonly ok: boolean;
  /** Problems, one sentence each. */
  readonly problems: readonly string[];
  readonly durationMs: number;
  /** Version of the Terraform that executed the jobs. Absent: the built-in sample. */
  readonly terraform?: string;
  readonly runs: { readonly total: number; readonly byOutcome: Readonly<Record<string, number>> };
  readonly jobs: { readonly total: number; readonly served: number } & Readonly<Record<Phase, number>>;
  readonly containers: {
    readonly launched: number;
    /** Number of containers that served more than one job. It must be zero. */
    readonly reused: number;
    readonly withoutJob: number;
  };
  /** From queued to taken by an agent. */
  readonly startLatency: Latency;
  readonly launcher: { readonly invocations: number; readonly failed: number };
  readonly agentsLeft: number;
  readonly tasksLeft: number;
}

/** Input that isn't in the model. */
export interface Facts {
  readonly durationMs: number;
  readonly terraform?: string;
  readonly invocations: number;
  readonly failedInvocations: number;
  /** Expected final status by run id. */
  readonly expected: ReadonlyMap<string, string>;
  /** Why the demo was aborted, if it was. */
  readonly trouble?: string;
}

export function summarize(model: Model, facts: Facts): Summary {
  const runs = [...model.runs.values()];
  const jobs = [...model.jobs.values()];
  const served = jobs.filter(({ startedAt }) => startedAt !== undefined);
  const byOutcome: Record<string, number> = {};
  for (const { status } of runs) byOutcome[status] = (byOutcome[status] ?? 0) + 1;
  const jobsPerTask = new Map<string, number>();
  for (const { taskId } of jobs) if (taskId !== undefined) jobsPerTask.set(taskId, (jobsPerTask.get(taskId) ?? 0) + 1);

  const summary = {
    durationMs: facts.durationMs,
    ...(facts.terraform === undefined ? {} : { terraform: facts.terraform }),
    runs: { total: runs.length, byOutcome },
    jobs: {
      total: jobs.length,
      served: served.length,
      plan: served.filter(({ phase }) => phase === 'plan').length,
      apply: served.filter(({ phase }) => phase === 'apply').length,
    },
    containers: {
      launched: model.tasks.size,
      reused: [...jobsPerTask.values()].filter((count) => count > 1).length,
      withoutJob: [...model.tasks.keys()].filter((id) => !jobsPerTask.has(id)).length,
    },
    startLatency: latencyOf(served.map(({ queuedAt, startedAt }) => (startedAt ?? queuedAt) - queuedAt)),
    launcher: { invocations: facts.invocations, failed: facts.failedInvocations },
    agentsLeft: [...model.agents.values()].filter((status) => status !== 'exited' && status !== 'errored').length,
    tasksLeft: countsOf(model).present,
  };
  const problems = problemsOf(model, facts, summary);
  return { ok: problems.length === 0, problems, ...summary };
}

function problemsOf(model: Model, facts: Facts, summary: Omit<Summary, 'ok' | 'problems'>): string[] {
  const problems = facts.trouble === undefined ? [] : [facts.trouble];
  for (const job of model.jobs.values()) {
    if (job.startedAt === undefined && job.endedAt === undefined) problems.push(`No agent took the job ${job.key}.`);
  }
  for (const run of model.runs.values()) {
    const expected = facts.expected.get(run.id);
    if (!isFinal(run)) problems.push(`The run ${run.id} of ${run.workspace} did not end: it is ${run.status}.`);
    else if (expected !== undefined && run.status !== expected) {
      problems.push(`The run ${run.id} of ${run.workspace} ended as ${run.status}, not as ${expected}.`);
    }
  }
  const { agentsLeft, tasksLeft, containers } = summary;
  if (agentsLeft > 0) problems.push(`${agentsLeft} of the agents did not leave.`);
  if (tasksLeft > 0) problems.push(`${tasksLeft} of the tasks did not stop.`);
  if (containers.reused > 0) problems.push(`${containers.reused} of the containers served more than one job.`);
  return problems;
}

/** Nearest-rank percentiles, so each is a value that occurred. */
export function latencyOf(samples: readonly number[]): Latency {
  const sorted = samples.toSorted((a, b) => a - b);
  const rank = (share: number): number | undefined => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  const [p50Ms, p95Ms, maxMs] = [rank(0.5), rank(0.95), sorted.at(-1)];
  if (p50Ms === undefined || p95Ms === undefined || maxMs === undefined) return { samples: 0 };
  return { samples: sorted.length, p50Ms, p95Ms, maxMs };
}

/** Seconds with one decimal: `3.4 s`. */
export function seconds(ms: number | undefined): string {
  return ms === undefined ? '–' : `${(ms / 1000).toFixed(1)} s`;
}

/** The summary for a person, as pairs of a name and a sentence. */
export function summaryLines(summary: Summary): readonly (readonly [string, string])[] {
  const { runs, jobs, containers, startLatency, launcher } = summary;
  const outcomes = Object.entries(runs.byOutcome)
    .sort(([, a], [, b]) => b - a)
    .map(([status, count]) => `${count} ${status.replaceAll('_', ' ')}`);
  return [
    ['Runs', `${runs.total}: ${outcomes.join(', ')}`],
    ['Jobs', `${jobs.served} of ${jobs.total} served: ${jobs.plan} plans, ${jobs.apply} applies`],
    [
      'Containers',
      `${containers.launched} launched, ${containers.reused} used twice, ${containers.withoutJob} without a job`,
    ],
    [
      'Start latency',
      `p50 ${seconds(startLatency.p50Ms)}, p95 ${seconds(startLatency.p95Ms)}, max ${seconds(startLatency.maxMs)}`,
    ],
    ['Launcher', `${launcher.invocations} invocations, ${launcher.failed} failed`],
    [
      'Terraform',
      summary.terraform === undefined
        ? 'not on the PATH: the built-in sample was executed'
        : `${summary.terraform}, the one on the PATH`,
    ],
    ['Took', seconds(summary.durationMs)],
    ['Left', `${summary.agentsLeft} agents, ${summary.tasksLeft} tasks`],
  ];
}
