/** Puts the evidence together: the job, its pool, what the launcher did about it, and its task. */
import * as z from 'zod';
import type { Phase } from '../../../functions/launcher/contract.ts';
import type { PoolLine, TaskEndedLine, TickLine } from '../../../functions/launcher/log-lines.ts';
import { jobIn } from '../executed-jobs.ts';
import { type AgentLogSummary, summaryOf } from './agent-log.ts';
import type { At, Evidence, LaneFacts, PoolFacts, RunFacts, TaskFacts } from './evidence.ts';
import { meaningOfStatus, type StatusMeaning } from './run-statuses.ts';

type Launch = NonNullable<PoolLine['launches']>[number];
type Deferral = NonNullable<PoolLine['deferrals']>[number];

/** The last decision about a job that the launcher logged. */
export type LastDecision =
  | { readonly kind: 'launched'; readonly atMs: number; readonly launch: Launch & { readonly task: string } }
  | { readonly kind: 'refused'; readonly atMs: number; readonly refusal: Refusal }
  | { readonly kind: 'not-started'; readonly atMs: number; readonly launch: Launch }
  | { readonly kind: 'deferred'; readonly atMs: number; readonly deferral: Deferral; readonly sinceMs: number };

const refusal = z.object({ cause: z.string(), detail: z.string(), remedy: z.string() });
export type Refusal = z.infer<typeof refusal>;

const startFailure = z.object({ task: z.string(), detail: z.string(), cause: z.string(), remedy: z.string() });
export type StartFailure = z.infer<typeof startFailure>;

export interface Situation {
  readonly evidence: Evidence;
  readonly nowMs: number;
  readonly run?: RunFacts | undefined;
  readonly meaning?: StatusMeaning | undefined;
  /** The phase that is queued or running, or was the last one. */
  readonly phase: Phase;
  /** Key of the phase's job: `run-…/plan`. */
  readonly jobKey: string;
  /** When the phase was queued. */
  readonly queuedAtMs?: number | undefined;
  /** The pool of the launcher that the workspace uses; absent if this launcher doesn't serve it, or if the pool is unknown. */
  readonly pool?: PoolFacts | undefined;
  readonly lane?: LaneFacts | undefined;
  /** First tick whose line mentions the job. */
  readonly seenAtMs?: number | undefined;
  readonly decision?: LastDecision | undefined;
  readonly lastTick?: At<TickLine> | undefined;
  /** This pool's part of the last tick. */
  readonly poolLine?: PoolLine | undefined;
  readonly startFailures: readonly StartFailure[];
  /** Newest task of the job, or of the agent that executes it. */
  readonly task?: TaskFacts | undefined;
  /** What the launcher logged about the end of that task. */
  readonly ended?: TaskEndedLine | undefined;
  /** Id of the newest task that belongs to the job, also if ECS no longer shows it. */
  readonly taskId?: string | undefined;
  readonly agent: AgentLogSummary;
}

export function situationOf(evidence: Evidence): Situation {
  const { nowMs, runId, log } = evidence;
  const run = evidence.run.kind === 'found' ? evidence.run.run : undefined;
  const meaning = run && meaningOfStatus(run.status);
  const phase = meaning?.phase ?? lastPhaseOf(evidence, run);
  const jobKey = `${runId}/${phase}`;
  const pool = poolOf(evidence, run, jobKey);
  const lastTick = log.recentTicks.at(-1);
  const poolLine = lastTick?.line.pools.find((line) => line.pool === pool?.name);
  const decision = lastDecisionOf(log.aboutRun, jobKey);
  const agentName = phase === 'plan' ? run?.planAgent?.name : run?.applyAgent?.name;
  const taskId = taskIdOf(evidence, { jobKey, agentName, decision });
  return {
    evidence,
    nowMs,
    run,
    meaning,
    phase,
    jobKey,
    queuedAtMs: phase === 'plan' ? run?.planQueuedAtMs : run?.applyQueuedAtMs,
    pool,
    lane: pool?.lanes.find(({ phases }) => phases.includes(phase)),
    seenAtMs: log.aboutRun.find(({ line }) => mentions(line, jobKey))?.atMs,
    decision,
    lastTick,
    poolLine,
    startFailures: (poolLine?.startFailures ?? []).flatMap((one) => startFailure.safeParse(one).data ?? []),
    task: evidence.tasks.find(({ id }) => id === taskId),
    ended: log.ended.find(({ task }) => task === taskId),
    taskId,
    agent: summaryOf(
      evidence.agentLog !== undefined && evidence.agentLog.taskId === taskId
        ? evidence.agentLog.lines.map(({ line }) => line)
        : [],
    ),
  };
}

/** Whether the run waits for an agent, as far as HCP Terraform shows it to this command. */
export function isQueued({ run, meaning }: Pick<Situation, 'run' | 'meaning'>): boolean {
  return run === undefined || meaning?.waitsFor === 'agent';
}

/** Whether the tick's line says anything about the job. */
export function mentions(line: PoolLine, jobKey: string): boolean {
  return (
    line.firstSeen?.includes(jobKey) === true ||
    line.launches?.some(({ job }) => job === jobKey) === true ||
    line.deferrals?.some((one) => one.jobKey === jobKey) === true
  );
}

/** Ids of the tasks that the log or HCP Terraform connect with the run, oldest first. */
export function taskIdsOf({ run, log, runId }: Pick<Evidence, 'run' | 'log' | 'runId'>): string[] {
  // The same tick can have launched tasks for other runs.
  const launched = log.aboutRun.flatMap(({ line }) =>
    (line.launches ?? []).flatMap(({ task, job }) => (jobIn(job)?.run === runId ? (task ?? []) : [])),
  );
  const failed = log.aboutRun.flatMap(({ line }) => line.startFailures?.at(-1)?.task ?? []).slice(-1);
  const agents = run.kind === 'found' ? [run.run.planAgent?.name, run.run.applyAgent?.name] : [];
  return [
    ...new Set([
      ...failed,
      ...launched,
      ...log.ended.map(({ task }) => task),
      ...agents.flatMap((name) => (isTaskId(name) ? name : [])),
    ]),
  ];
}

/** An agent of the launcher has the id of its task as its name. */
export function isTaskId(name: string | undefined): name is string {
  return name !== undefined && /^(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.test(name);
}

function lastPhaseOf({ log, runId }: Evidence, run: RunFacts | undefined): Phase {
  if (run !== undefined) return run.applyQueuedAtMs === undefined && run.applyAgent === undefined ? 'plan' : 'apply';
  return log.aboutRun.some(({ line }) => mentions(line, `${runId}/apply`)) ? 'apply' : 'plan';
}

function poolOf({ launcher, log }: Evidence, run: RunFacts | undefined, jobKey: string): PoolFacts | undefined {
  const { pools } = launcher;
  if (run?.pool !== undefined) {
    const { name } = run.pool;
    const organization = run.workspace?.organization;
    return pools.find((one) => one.name === name && (organization === undefined || one.organization === organization));
  }
  // The token may not see the pool, but the launcher's log can show which pool has the job.
  const seenIn = log.aboutRun.findLast(({ line }) => mentions(line, jobKey))?.line.pool;
  return pools.find(({ name }) => name === seenIn);
}

function lastDecisionOf(about: Evidence['log']['aboutRun'], jobKey: string): LastDecision | undefined {
  let last: LastDecision | undefined;
  for (const { atMs, line } of about) {
    const launch = line.launches?.find(({ job }) => job === jobKey);
    const deferral = line.deferrals?.find((one) => one.jobKey === jobKey);
    if (launch !== undefined) last = launchDecision(launch, atMs);
    else if (deferral !== undefined) {
      const sinceMs = last?.kind === 'deferred' && last.deferral.cause === deferral.cause ? last.sinceMs : atMs;
      last = { kind: 'deferred', atMs, deferral, sinceMs };
    }
  }
  return last;
}

function launchDecision(launch: Launch, atMs: number): LastDecision {
  const { task } = launch;
  if (launch.outcome === 'launched' && task !== undefined)
    return { kind: 'launched', atMs, launch: { ...launch, task } };
  const refused = launch.outcome === 'refused' ? refusal.safeParse(launch).data : undefined;
  if (refused !== undefined) return { kind: 'refused', atMs, refusal: refused };
  return { kind: 'not-started', atMs, launch };
}

function taskIdOf(
  { tasks, log }: Evidence,
  of: { readonly jobKey: string; readonly agentName: string | undefined; readonly decision: LastDecision | undefined },
): string | undefined {
  if (isTaskId(of.agentName)) return of.agentName;
  const executor = log.ended.findLast(({ job }) => job === of.jobKey)?.task;
  if (executor !== undefined) return executor;
  if (of.decision?.kind === 'launched') return of.decision.launch.task;
  const launchedFor = ({ startedBy }: TaskFacts): boolean => startedBy === of.jobKey;
  const launched = log.aboutRun
    .flatMap(({ line }) => line.launches ?? [])
    .findLast(({ job, task }) => job === of.jobKey && task !== undefined)?.task;
  return (
    tasks.findLast(launchedFor)?.id ??
    launched ??
    log.ended.findLast((line) => line.job === of.jobKey || line.launchedFor === of.jobKey)?.task ??
    failedTaskOf(of.decision, log)
  );
}

/** If the job waits because other tasks of the pool fail to start, the newest of them shows why. */
function failedTaskOf(decision: LastDecision | undefined, { aboutRun }: Evidence['log']): string | undefined {
  if (decision?.kind !== 'deferred' || decision.deferral.cause !== 'start-failures') return undefined;
  return aboutRun.findLast(({ line }) => (line.startFailures ?? []).length > 0)?.line.startFailures?.at(-1)?.task;
}
