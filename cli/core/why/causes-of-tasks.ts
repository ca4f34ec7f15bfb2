/** Causes in the task that the launcher started for the job: it starts, its agent can't register, or it ended. */
import { startCauseOf } from '../../../functions/launcher/core/start-causes.ts';
import { ago, clock, duration } from '../durations.ts';
import { sentence } from '../sentences.ts';
import { isEnding } from '../task-status.ts';
import { blocked, type Cause, type Finding, quoted, waiting } from './cause.ts';
import { endOf } from './causes-of-runs.ts';
import type { TaskFacts } from './evidence.ts';
import { isQueued, type Situation } from './situation.ts';

/** Fargate usually needs less time than this from RunTask to the start of the container. */
const SLOW_START_MS = 90_000;
/** An idle agent asks for a job every 30 seconds. */
const TWO_JOB_REQUESTS_MS = 60_000;
/** ECS shows a new task in its lists some seconds late, and forgets a stopped task after about an hour. */
const NEW_TASK_MS = 60_000;

const short = (taskId: string): string => `${taskId.slice(0, 8)}…`;

/** A cause about the live task of a queued job. */
const withLiveTask = (id: string, find: (task: TaskFacts, situation: Situation) => Finding | undefined): Cause => ({
  id,
  find: (situation) => {
    const { task } = situation;
    if (!isQueued(situation) || task === undefined || isEnding(task)) return undefined;
    return hasOtherJob(situation) && isDecidedAgain(situation) ? undefined : find(task, situation);
  },
});

export const LIVE_TASK_CAUSES: readonly Cause[] = [
  {
    id: 'agent-token-replaced',
    find: (situation) => {
      const { agent, evidence, nowMs, pool, taskId } = situation;
      const { agentTokenChangedAtMs: changedAtMs } = evidence;
      if (!isQueued(situation) || taskId === undefined || changedAtMs === undefined || isRetried(situation))
        return undefined;
      if (agent.hasRegistered || agent.failure?.cause !== 'token-rejected') return undefined;
      const createdAtMs = startOf(situation);
      if (createdAtMs === undefined || createdAtMs >= changedAtMs) return undefined;
      return waiting(
        `HCP Terraform rejected the agent token of task ${short(taskId)}, which started at ${clock(createdAtMs, nowMs)}. The secret of pool ${pool?.name ?? ''} was changed after that, at ${ago(changedAtMs, nowMs)}, and no task has tried its value yet.`,
        `Wait, and don't rotate again. ${NEXT_TRIAL}`,
        'If the next task is rejected too, this command says so.',
      );
    },
  },
  withLiveTask('agent-token-rejected', (task, { agent, pool, evidence }) =>
    agent.failure?.cause === 'token-rejected' && !agent.hasRegistered
      ? tokenRejected(task.id, agent.failure.line, pool?.name, evidence.runId)
      : undefined,
  ),
  withLiveTask('agent-refused', (task, { agent }) =>
    agent.failure?.cause === 'refused' && !agent.hasRegistered ? refused(task.id, agent.failure.line) : undefined,
  ),
  withLiveTask('agent-took-another-job', (task, { agent, evidence: { runId }, phase }) =>
    agent.jobId !== undefined && agent.jobId !== runId
      ? waiting(
          `The agent of task ${short(task.id)}, which was started for this run, took the job ${agent.jobId} instead: HCP Terraform gives a job to any agent of the pool.`,
          `Wait. The launcher counts the free agents in every tick, and starts another one for this ${phase} if none is free.`,
        )
      : undefined,
  ),
  withLiveTask('task-pulls-slowly', (task, { nowMs }) => {
    const { pullStartedAtMs, pullStoppedAtMs } = task;
    if (pullStartedAtMs === undefined || pullStoppedAtMs !== undefined || task.startedAtMs !== undefined)
      return undefined;
    if (nowMs - pullStartedAtMs < SLOW_START_MS) return undefined;
    return waiting(
      `Task ${short(task.id)} has been pulling its image for ${duration(nowMs - pullStartedAtMs)}, which is long.`,
      'Wait: the task ends with an error if the pull fails. If every start is slow, use an image in ECR, make it smaller, and check the route to the registry.',
    );
  }),
  withLiveTask('task-starts-slowly', (task, { nowMs }) => {
    if (task.startedAtMs !== undefined || task.createdAtMs === undefined || nowMs - task.createdAtMs < SLOW_START_MS)
      return undefined;
    return waiting(
      `Task ${short(task.id)} has been starting for ${duration(nowMs - task.createdAtMs)} (ECS: ${task.lastStatus}), which is long.`,
      'Wait. ECS ends the task with an error if it can start neither its network interface nor its container, and the launcher tries again.',
    );
  }),
  withLiveTask('task-starting', (task, { nowMs, decision }) => {
    if (task.startedAtMs !== undefined) return undefined;
    const age = task.createdAtMs === undefined ? '' : ` ${duration(nowMs - task.createdAtMs)} ago`;
    const instead =
      decision?.kind === 'launched' && decision.launch.insteadOfSpot === true
        ? ', on demand because Spot had no capacity'
        : '';
    const step =
      task.pullStartedAtMs === undefined
        ? 'ECS prepares it'
        : task.pullStoppedAtMs === undefined
          ? 'it pulls its image'
          : 'its container starts';
    return waiting(
      `An agent is on its way: the launcher started task ${short(task.id)}${age}${instead}, and ${step}.`,
      'Wait. A task on Fargate usually needs 20 to 60 seconds until its agent registers.',
    );
  }),
  withLiveTask('agent-cannot-register', (task, situation) => {
    const { agent, nowMs, evidence } = situation;
    if (agent.hasRegistered || task.startedAtMs === undefined) return undefined;
    const { failure } = agent;
    const runs = nowMs - task.startedAtMs;
    if (failure === undefined && runs < SLOW_START_MS) return undefined;
    return blocked(
      `The agent of task ${short(task.id)} has been running for ${duration(runs)} and has not registered. ${
        failure === undefined ? 'Its log shows no error.' : `Its log says: ${quoted(failure.line)}`
      }`,
      `Check that the tasks reach ${evidence.launcher.hostname}, and the organization's IP allow list.`,
      `The launcher stops the task ${duration(evidence.launcher.startDeadlineSeconds * 1000)} after its start, and tries again.`,
    );
  }),
  withLiveTask('agent-registering', (task, { agent, nowMs }) =>
    agent.hasRegistered || task.startedAtMs === undefined
      ? undefined
      : waiting(
          `The container of task ${short(task.id)} started ${duration(nowMs - task.startedAtMs)} ago, and its agent is registering.`,
          'Wait some seconds.',
        ),
  ),
  withLiveTask('agent-not-given-job', (task, { agent, nowMs, phase, queuedAtMs }) => {
    const fromMs = Math.max(task.startedAtMs ?? nowMs, queuedAtMs ?? 0);
    if (!agent.hasRegistered || agent.jobId !== undefined || nowMs - fromMs < 2 * TWO_JOB_REQUESTS_MS) return undefined;
    return blocked(
      `The agent of task ${short(task.id)} is registered and idle, but HCP Terraform has not given it the ${phase} for ${duration(nowMs - fromMs)}.`,
      "Check TFC_AGENT_ACCEPT in the image and the pool's environment: the agent must accept this phase.",
      "Check the organization's limit of concurrent runs, and that the workspace's project may use the pool.",
    );
  }),
  withLiveTask('agent-idle', (task, { agent }) =>
    agent.hasRegistered && agent.jobId === undefined
      ? waiting(
          `The agent of task ${short(task.id)} is registered, and asks for its job.`,
          'Wait. An idle agent asks for a job every 30 seconds at most.',
        )
      : undefined,
  ),
  withLiveTask('agent-took-job', (task, { agent, evidence: { runId } }) =>
    agent.jobId === runId
      ? waiting(
          `The agent of task ${short(task.id)} has received the job. HCP Terraform shows that in a moment.`,
          'Run this command again.',
        )
      : undefined,
  ),
];

/** Known causes of a task that ended although its job is still queued. */
export const FAILED_TASK_CAUSES: readonly Cause[] = [
  {
    id: 'agent-token-rejected',
    find: (situation) => {
      const { agent, pool, evidence, taskId } = situation;
      if (
        !isQueued(situation) ||
        !hasEnded(situation) ||
        taskId === undefined ||
        agent.hasRegistered ||
        agent.failure?.cause !== 'token-rejected'
      )
        return undefined;
      return tokenRejected(taskId, agent.failure.line, pool?.name, evidence.runId);
    },
  },
  {
    id: 'agent-refused',
    find: (situation) => {
      const { agent, taskId } = situation;
      if (
        !isQueued(situation) ||
        !hasEnded(situation) ||
        taskId === undefined ||
        agent.hasRegistered ||
        agent.failure?.cause !== 'refused'
      )
        return undefined;
      return refused(taskId, agent.failure.line);
    },
  },
  {
    id: 'image-cannot-be-pulled',
    find: (situation) => {
      const failure = failureOfTask(situation);
      if (failure?.cause !== 'image') return undefined;
      return blocked(
        `The task could not pull its image. ${sentence(failure.detail)}`,
        sentence(failure.remedy),
        NEXT_TRIAL,
      );
    },
  },
  {
    id: 'spot-without-capacity',
    find: (situation) => {
      const failure = failureOfTask(situation);
      if (failure?.cause !== 'capacity' || situation.lane?.capacity !== 'spot') return undefined;
      return waiting(
        `Fargate Spot had no capacity for the task. The next launch of this lane uses On-Demand capacity. ${sentence(failure.detail)}`,
        'Wait for the next launch. If this happens often, set phases.plan.capacity to on-demand.',
      );
    },
  },
];

/** What is left to say about a task that ended, if no other cause is known. */
export const ENDED_TASK_CAUSES: readonly Cause[] = [
  {
    id: 'task-failed-to-start',
    find: (situation) => {
      const failure = failureOfTask(situation);
      if (failure === undefined) return undefined;
      if (situation.decision !== undefined && isBackOff(situation.decision)) return undefined;
      return blocked(
        `The task failed to start (${failure.cause}). ${sentence(failure.detail)}`,
        sentence(failure.remedy),
        NEXT_TRIAL,
      );
    },
  },
  {
    id: 'task-ended-without-job',
    find: (situation) => {
      const { taskId, agent, evidence, phase } = situation;
      if (!isQueued(situation) || !hasEnded(situation) || taskId === undefined) return undefined;
      const another =
        agent.jobId !== undefined && agent.jobId !== evidence.runId ? ` after it executed the job ${agent.jobId}` : '';
      const log = agent.failure === undefined ? '' : ` Its log says: ${quoted(agent.failure.line)}`;
      return another === ''
        ? blocked(
            `Task ${short(taskId)}, which was started for this ${phase}, ended without taking it (${endOf(situation)}).${log}`,
            ...(agent.hasRegistered ? [] : knownRemedy(endOf(situation))),
            `Run \`agent-launcher logs ${taskId}\`.`,
            'The launcher starts another task. If they all end like this, run `agent-launcher doctor`.',
          )
        : waiting(
            `Task ${short(taskId)}, which was started for this ${phase}, ended${another}. The launcher starts another one if no agent is free.`,
            'Wait for the next tick.',
          );
    },
  },
  {
    id: 'task-not-visible',
    find: (situation) => {
      const { decision, task, nowMs } = situation;
      if (!isQueued(situation) || decision?.kind !== 'launched' || task !== undefined) return undefined;
      const age = nowMs - decision.atMs;
      return age < NEW_TASK_MS
        ? waiting(
            `An agent is on its way: the launcher started task ${short(decision.launch.task)} ${duration(age)} ago, and ECS doesn't list it yet.`,
            'Wait.',
          )
        : waiting(
            `The launcher started task ${short(decision.launch.task)} ${duration(age)} ago. ECS no longer shows it, and the log has no line about its end.`,
            `Run \`agent-launcher logs ${decision.launch.task}\` for its agent's log.`,
            'The launcher starts another task if no agent is free.',
          );
    },
  },
];

const NEXT_TRIAL = 'The launcher tries again after a wait (30 seconds at first, 15 minutes at most).';

function tokenRejected(taskId: string, line: string, pool: string | undefined, runId: string): Finding {
  return blocked(
    `HCP Terraform rejects the agent token of pool ${pool ?? ''}: the agent of task ${short(taskId)} can't register. It logs: ${quoted(line)}`,
    `Run \`agent-launcher rotate${pool === undefined ? '' : ` --pool ${pool}`}\`: it creates a new agent token and stores it in the secret.`,
    `Or store a valid agent token of the pool in its secret. Then the next task takes the job. Log: \`agent-launcher logs ${runId}\`.`,
  );
}

/** The remedy for what ECS says about the end of a task, if it is known. */
function knownRemedy(detail: string): string[] {
  const { cause, remedy } = startCauseOf(detail);
  return cause === 'unknown' ? [] : [sentence(remedy)];
}

function refused(taskId: string, line: string): Finding {
  return blocked(
    `HCP Terraform refuses to register the agent of task ${short(taskId)}. Its log says: ${quoted(line)}`,
    "Check the organization's agent limit (set agentsCeiling to it), that all agents of the pool have the same architecture, and that the token belongs to this pool.",
  );
}

/** Whether the job's task has ended, and the launcher has not decided about the job again for another reason. */
function hasEnded({ task, ended, decision }: Situation): boolean {
  const isLast = decision === undefined || decision.kind === 'launched' || isBackOff(decision);
  return isLast && (task === undefined ? ended !== undefined : isEnding(task));
}

/** When the job's task was created. */
function startOf({ task, ended }: Situation): number | undefined {
  return task?.createdAtMs ?? (ended?.createdAt === undefined ? undefined : Date.parse(ended.createdAt));
}

/** Whether the launcher has decided about the job again, other than to wait because tasks fail to start. */
function isRetried(situation: Situation): boolean {
  const { decision } = situation;
  return decision !== undefined && decision.kind !== 'launched' && !isBackOff(decision);
}

function isBackOff(decision: NonNullable<Situation['decision']>): boolean {
  return decision.kind === 'deferred' && decision.deferral.cause === 'start-failures';
}

function hasOtherJob({ agent, evidence }: Situation): boolean {
  return agent.jobId !== undefined && agent.jobId !== evidence.runId;
}

/** Whether the launcher decided about the job again after it started the task. */
function isDecidedAgain({ decision }: Situation): boolean {
  return decision !== undefined && decision.kind !== 'launched';
}

/** What the launcher or ECS says about a task that never started. */
function failureOfTask(situation: Situation): { cause: string; detail: string; remedy: string } | undefined {
  const { taskId, startFailures, task, ended, evidence } = situation;
  if (!isQueued(situation) || !hasEnded(situation)) return undefined;
  const logged =
    startFailures.find((failure) => failure.task === taskId) ??
    loggedFailure(evidence.log.aboutRun, taskId) ??
    undefined;
  if (logged !== undefined) return logged;
  const neverStarted = task === undefined ? ended?.outcome === 'failed-to-start' : task.startedAtMs === undefined;
  if (!neverStarted) return undefined;
  const detail = endOf(situation);
  return { detail, ...startCauseOf(detail) };
}

function loggedFailure(
  about: Situation['evidence']['log']['aboutRun'],
  taskId: string | undefined,
): { cause: string; detail: string; remedy: string } | undefined {
  for (const { line } of about.toReversed()) {
    for (const one of line.startFailures ?? []) {
      const { cause, remedy } = one;
      if (one.task === taskId && typeof cause === 'string' && typeof remedy === 'string')
        return { cause, detail: one.detail, remedy };
    }
  }
  return undefined;
}
