/** The demo's model: folds events into runs, jobs and containers. Pure; times are milliseconds since the epoch. */

export type Phase = 'plan' | 'apply';

/** An observed event. Events are in chronological order. */
export type DemoEvent =
  | {
      readonly kind: 'run';
      readonly at: number;
      readonly runId: string;
      readonly workspace: string;
      readonly pool: string;
      /** Readable kind: `plan`, `apply`, `destroy`. */
      readonly title: string;
      /** Status in HCP Terraform. */
      readonly status: string;
    }
  | {
      readonly kind: 'task';
      readonly at: number;
      readonly taskId: string;
      readonly pool: string;
      /** The job key that it was launched for. */
      readonly startedBy?: string | undefined;
      /** Message of ECS. */
      readonly lastStatus: string;
      readonly exitCode?: number | undefined;
    }
  /** An agent's new status; its name is the id of its task. */
  | { readonly kind: 'agent'; readonly at: number; readonly name: string; readonly status: string }
  /** An agent took a job. */
  | { readonly kind: 'job-taken'; readonly at: number; readonly key: string; readonly taskId: string };

export interface RunView {
  readonly id: string;
  readonly workspace: string;
  readonly pool: string;
  readonly title: string;
  readonly status: string;
  readonly createdAt: number;
  /** Start of the current wait for a person. */
  readonly waitingSince?: number | undefined;
  /** Each finished wait for a person. */
  readonly waits: readonly Span[];
  readonly endedAt?: number | undefined;
}

export interface JobView {
  /** `run-…/plan`. */
  readonly key: string;
  readonly runId: string;
  readonly phase: Phase;
  readonly queuedAt: number;
  readonly startedAt?: number | undefined;
  /** Also set when the run was canceled before an agent took the job. */
  readonly endedAt?: number | undefined;
  /** The task whose agent took it. */
  readonly taskId?: string | undefined;
}

export interface TaskView {
  readonly id: string;
  readonly pool: string;
  readonly startedBy?: string | undefined;
  readonly lastStatus: string;
  readonly createdAt: number;
  readonly stoppedAt?: number | undefined;
  readonly exitCode?: number | undefined;
}

export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Model {
  readonly runs: ReadonlyMap<string, RunView>;
  readonly jobs: ReadonlyMap<string, JobView>;
  readonly tasks: ReadonlyMap<string, TaskView>;
  /** Last status by agent name. */
  readonly agents: ReadonlyMap<string, string>;
}

export const EMPTY_MODEL: Model = { runs: new Map(), jobs: new Map(), tasks: new Map(), agents: new Map() };

/** Final statuses. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#run-states */
const FINAL = new Set([
  'applied',
  'planned_and_finished',
  'planned_and_saved',
  'errored',
  'canceled',
  'force_canceled',
  'discarded',
  'policy_soft_failed',
]);
const JOB_STATUS: Readonly<Record<string, { readonly phase: Phase; readonly step: 'queued' | 'started' }>> = {
  plan_queued: { phase: 'plan', step: 'queued' },
  planning: { phase: 'plan', step: 'started' },
  apply_queued: { phase: 'apply', step: 'queued' },
  applying: { phase: 'apply', step: 'started' },
};
/** A run that waits for a person's confirmation. */
const WAITS_FOR_PERSON = 'planned';

export function isFinal(run: RunView): boolean {
  return FINAL.has(run.status);
}

/** The model after one more event. An event about an unknown run or container adds it. */
export function reduce(model: Model, event: DemoEvent): Model {
  switch (event.kind) {
    case 'run':
      return { ...model, ...withRun(model, event) };
    case 'task': {
      const known = model.tasks.get(event.taskId);
      const task: TaskView = {
        id: event.taskId,
        pool: event.pool,
        startedBy: event.startedBy ?? known?.startedBy,
        lastStatus: event.lastStatus,
        createdAt: known?.createdAt ?? event.at,
        stoppedAt: event.lastStatus === 'STOPPED' ? (known?.stoppedAt ?? event.at) : undefined,
        exitCode: event.exitCode ?? known?.exitCode,
      };
      return { ...model, tasks: new Map(model.tasks).set(task.id, task) };
    }
    case 'agent':
      return { ...model, agents: new Map(model.agents).set(event.name, event.status) };
    case 'job-taken': {
      const job = model.jobs.get(event.key);
      if (job === undefined) return model;
      return { ...model, jobs: new Map(model.jobs).set(job.key, { ...job, taskId: event.taskId }) };
    }
  }
}

function withRun(model: Model, event: Extract<DemoEvent, { kind: 'run' }>): Pick<Model, 'runs' | 'jobs'> {
  const { at, status } = event;
  const known = model.runs.get(event.runId);
  if (known?.status === status) return model;

  const waits = status === WAITS_FOR_PERSON;
  const over = !waits && known?.waitingSince !== undefined ? [{ from: known.waitingSince, to: at }] : [];
  const run: RunView = {
    id: event.runId,
    workspace: event.workspace,
    pool: event.pool,
    title: event.title,
    status,
    createdAt: known?.createdAt ?? at,
    waitingSince: waits ? at : undefined,
    waits: [...(known?.waits ?? []), ...over],
    endedAt: FINAL.has(status) ? at : undefined,
  };

  const jobs = new Map(model.jobs);
  const { phase, step } = JOB_STATUS[status] ?? {};
  for (const job of jobsOf(model, run.id)) {
    if (job.phase !== phase && job.endedAt === undefined) jobs.set(job.key, { ...job, endedAt: at });
  }
  if (phase !== undefined) {
    const key = `${run.id}/${phase}`;
    const job = jobs.get(key) ?? { key, runId: run.id, phase, queuedAt: at };
    jobs.set(key, step === 'started' ? { ...job, startedAt: job.startedAt ?? at } : job);
  }
  return { runs: new Map(model.runs).set(run.id, run), jobs };
}

/** The run's jobs, plan first. */
export function jobsOf(model: Pick<Model, 'jobs'>, runId: string): JobView[] {
  return [...model.jobs.values()].filter((job) => job.runId === runId);
}

/** Readable name of a job: `network apply: plan`. Its key if the run is unknown. */
export function jobName(model: Model, key: string): string {
  const [runId = '', phase = ''] = key.split('/');
  const run = model.runs.get(runId);
  if (run === undefined) return key;
  return run.title === phase ? `${run.workspace} ${phase}` : `${run.workspace} ${run.title}: ${phase}`;
}

/** The job that the task's agent took. */
export function jobOfTask(model: Model, taskId: string): JobView | undefined {
  return [...model.jobs.values()].find((job) => job.taskId === taskId);
}

/** What a run is doing, as the table shows it. */
export type RunState =
  | 'pending'
  | 'queued'
  | 'starting'
  | 'busy'
  /** Its agent is dead, but HCP Terraform doesn't know it yet. */
  | 'lost'
  | 'waiting'
  /** Finished, but one of its containers still exists. */
  | 'leaving'
  | 'gone';

export function runState(model: Model, run: RunView): RunState {
  const jobs = jobsOf(model, run.id);
  const open = jobs.find((job) => job.endedAt === undefined);
  if (open?.startedAt !== undefined) return isLost(model, open) ? 'lost' : 'busy';
  if (open !== undefined) return launchedFor(model, open) === undefined ? 'queued' : 'starting';
  if (run.waitingSince !== undefined) return 'waiting';
  if (!isFinal(run)) return 'pending';
  const present = jobs.some(({ taskId }) => taskId !== undefined && isPresent(model.tasks.get(taskId)));
  return present ? 'leaving' : 'gone';
}

/**
 * When the container was requested that took the job, or may still take it. Any agent of a pool may take any of its jobs, so it
 * isn't necessarily the container that was launched for the job.
 */
export function launchedFor(model: Model, job: JobView): number | undefined {
  if (job.taskId !== undefined) return model.tasks.get(job.taskId)?.createdAt;
  const waiting = [...model.tasks.values()].filter(
    (task) => task.startedBy === job.key && isPresent(task) && jobOfTask(model, task.id) === undefined,
  );
  return waiting.at(-1)?.createdAt;
}

/** The job that this task's agent took and can't finish, because the task has stopped. */
export function lostJob(model: Model, taskId: string): JobView | undefined {
  const job = jobOfTask(model, taskId);
  return job !== undefined && isLost(model, job) ? job : undefined;
}

function isLost(model: Model, job: JobView): boolean {
  return job.endedAt === undefined && model.tasks.get(job.taskId ?? '')?.stoppedAt !== undefined;
}

function isPresent(task: TaskView | undefined): boolean {
  return task !== undefined && task.stoppedAt === undefined;
}

export interface Counts {
  /** Waiting jobs for which no container was requested yet. */
  readonly queued: number;
  readonly starting: number;
  readonly busy: number;
  /** Jobs whose agent is dead, but which HCP Terraform hasn't failed yet. */
  readonly lost: number;
  /** Finished jobs. */
  readonly done: number;
  /** Containers that aren't stopped. */
  readonly present: number;
  readonly launched: number;
}

export function countsOf(model: Model): Counts {
  const jobs = [...model.jobs.values()];
  const waiting = jobs.filter(({ startedAt, endedAt }) => startedAt === undefined && endedAt === undefined);
  const starting = waiting.filter((job) => launchedFor(model, job) !== undefined).length;
  const taken = jobs.filter(({ startedAt, endedAt }) => startedAt !== undefined && endedAt === undefined);
  const lost = taken.filter((job) => isLost(model, job)).length;
  const tasks = [...model.tasks.values()];
  return {
    queued: waiting.length - starting,
    starting,
    busy: taken.length - lost,
    lost,
    done: jobs.filter(({ endedAt }) => endedAt !== undefined).length,
    present: tasks.filter(isPresent).length,
    launched: tasks.length,
  };
}

export type SegmentKind = 'pending' | 'queued' | 'starting' | 'busy' | 'lost' | 'waiting' | 'stopping';

/** A segment of a run's or a container's life. */
export interface Segment extends Span {
  readonly kind: SegmentKind;
  readonly jobKey?: string | undefined;
  readonly taskId?: string | undefined;
}

/** A run's life until `now`, without gaps: its waits and its work. */
export function runSegments(model: Model, run: RunView, now: number): Segment[] {
  const segments: Segment[] = [];
  for (const job of jobsOf(model, run.id)) {
    const end = job.endedAt ?? now;
    const started = job.startedAt ?? end;
    const launched = Math.min(Math.max(launchedFor(model, job) ?? started, job.queuedAt), started);
    const of = { jobKey: job.key, taskId: job.taskId };
    segments.push({ kind: 'queued', from: job.queuedAt, to: launched, ...of });
    segments.push({ kind: 'starting', from: launched, to: started, ...of });
    const died = Math.min(model.tasks.get(job.taskId ?? '')?.stoppedAt ?? end, end);
    segments.push({ kind: 'busy', from: started, to: died, ...of });
    segments.push({ kind: 'lost', from: Math.max(died, started), to: end, ...of });
  }
  const waits = run.waitingSince === undefined ? run.waits : [...run.waits, { from: run.waitingSince, to: now }];
  for (const span of waits) segments.push({ kind: 'waiting', ...span });
  const first = segments.reduce((earliest, { from }) => Math.min(earliest, from), run.endedAt ?? now);
  segments.push({ kind: 'pending', from: run.createdAt, to: first });
  return segments.filter(({ from, to }) => to > from).sort((a, b) => a.from - b.from);
}

/** A container's life until `now`: starting until its agent took a job, then busy, then stopping. */
export function taskSegments(model: Model, task: TaskView, now: number): Segment[] {
  const end = task.stoppedAt ?? now;
  const job = jobOfTask(model, task.id);
  const busyFrom = Math.min(job?.startedAt ?? end, end);
  const busyTo = Math.min(job?.endedAt ?? end, end);
  const of = { jobKey: job?.key, taskId: task.id };
  const segments: Segment[] = [
    { kind: 'starting', from: task.createdAt, to: busyFrom, ...of },
    { kind: 'busy', from: busyFrom, to: busyTo, ...of },
    { kind: 'stopping', from: busyTo, to: end, ...of },
  ];
  return segments.filter(({ from, to }) => to > from);
}
