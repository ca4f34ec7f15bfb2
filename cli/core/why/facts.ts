/** The facts behind an explanation: one line for each thing that HCP Terraform, the launcher's log and ECS show. */
import { ago, clock, duration } from '../durations.ts';
import { cutText, LOG_NAMES, refusedText, type UnreadLog } from '../refused-domains.ts';
import { counted } from '../sentences.ts';
import { hasStopped } from '../task-status.ts';
import { endOf } from './causes-of-runs.ts';
import type { TaskFacts } from './evidence.ts';
import { isQueued, type Situation } from './situation.ts';

export interface Fact {
  readonly source: 'HCP Terraform' | 'Launcher' | 'ECS' | 'Network';
  readonly text: string;
}

export function factsOf(situation: Situation): Fact[] {
  const of = (source: Fact['source'], texts: readonly (string | undefined)[]): Fact[] =>
    texts.flatMap((text) => (text === undefined ? [] : { source, text }));
  return [
    ...of('HCP Terraform', runFacts(situation)),
    ...of('Launcher', launcherFacts(situation)),
    ...of('ECS', taskFacts(situation)),
    ...of('Network', refusalFacts(situation)),
  ];
}

function runFacts({ run, evidence, queuedAtMs, meaning, pool, nowMs }: Situation): (string | undefined)[] {
  if (run === undefined) {
    if (evidence.run.kind === 'unreadable') return [`not read: ${evidence.run.reason.split('\n')[0]}`];
    return ['shows no such run to this token'];
  }
  const { workspace } = run;
  const isQueuedPhase = meaning?.waitsFor === 'agent' && queuedAtMs !== undefined;
  return [
    `${run.status} since ${ago(isQueuedPhase ? queuedAtMs : run.sinceMs, nowMs)}`,
    workspace === undefined
      ? 'the token may not see the workspace'
      : `workspace ${workspace.name} (${workspace.organization}), execution mode ${workspace.executionMode}`,
    run.pool === undefined
      ? workspace?.executionMode === 'agent'
        ? 'the token may not see the agent pool of the workspace'
        : undefined
      : `agent pool ${run.pool.name}, ${pool === undefined ? 'not a pool of this launcher' : `served by ${evidence.launcher.stackName}`}`,
    run.url,
  ];
}

function launcherFacts({
  evidence,
  nowMs,
  seenAtMs,
  decision,
  lastTick,
  poolLine,
  queuedAtMs,
  meaning,
  run,
  phase,
  task,
  taskId,
}: Situation): (string | undefined)[] {
  const { log } = evidence;
  if (log.unreadable !== undefined) return [`its log was not read: ${log.unreadable.split('\n')[0]}`];
  const isWaiting = isQueued({ run, meaning });
  const delay =
    seenAtMs !== undefined && queuedAtMs !== undefined && seenAtMs >= queuedAtMs
      ? `, ${duration(seenAtMs - queuedAtMs)} after it was queued`
      : '';
  const live = Object.entries(poolLine?.live ?? {}).map(([state, count]) => `${count} ${state}`);
  const counts = [
    poolLine?.queued === undefined ? undefined : `${poolLine.queued} queued`,
    ...(live.length > 0 ? live : poolLine?.live === undefined ? [] : ['no live task']),
  ].filter((text) => text !== undefined);
  return [
    seenAtMs === undefined
      ? isWaiting
        ? `its log does not mention the ${phase}`
        : undefined
      : `saw the ${phase} at ${clock(seenAtMs, nowMs)}${delay}`,
    decisionFact({ decision, nowMs, phase, task, taskId }),
    isWaiting
      ? lastTick === undefined
        ? 'no tick in the log'
        : `last tick at ${ago(lastTick.atMs, nowMs)}${isBefore(lastTick.atMs, task) ? ', before the task was started' : ''}${counts.length === 0 ? '' : `: ${counts.join(', ')}`}`
      : undefined,
  ];
}

type Decided = Pick<Situation, 'decision' | 'nowMs' | 'phase' | 'task' | 'taskId'>;

function decisionFact({ decision, nowMs, phase, task, taskId }: Decided): string | undefined {
  if (decision === undefined) return undefined;
  const at = clock(decision.atMs, nowMs);
  if (decision.kind === 'launched') {
    const { launch } = decision;
    const started = `started task ${launch.task} for the ${phase} at ${at} (${reasonText(launch.reason)}${launch.insteadOfSpot === true ? '; on demand instead of Spot' : ''})`;
    if (taskId === undefined || taskId === launch.task) return started;
    return `${started}; the agent of another task took the ${phase}, because agents take any queued job of their pool`;
  }
  if (decision.kind === 'refused') return `asked ECS for a task at ${at}: refused (${decision.refusal.cause})`;
  if (decision.kind === 'deferred')
    // The reason of a start failure ends with ECS's message, which the verdict contains.
    return `deferred the launch${isBefore(decision.atMs, task) ? ' at first' : ''}, last at ${at}: ${decision.deferral.cause}, ${decision.deferral.reason.replace(/, the last with: [\s\S]*$/, '')}`;
  return `asked ECS for a task at ${at}: ${decision.launch.outcome}`;
}

/** Whether the task is newer. CloudWatch shows a line of the log later than ECS shows a task. */
function isBefore(atMs: number, task: TaskFacts | undefined): boolean {
  return task?.createdAtMs !== undefined && atMs < task.createdAtMs;
}

/** Why the launcher started a task, in words: its log has `2 queued, 1 unclaimed`. */
function reasonText(reason: string): string {
  const [, queued = '', free = ''] = /^(\d+) queued, (\d+) unclaimed$/.exec(reason) ?? [];
  if (queued === '') return reason;
  return `${counted(Number(queued), 'job')} queued, ${Number(free) === 0 ? 'no free agent' : counted(Number(free), 'free agent')}`;
}

function taskFacts(situation: Situation): (string | undefined)[] {
  const { task, ended, taskId, nowMs } = situation;
  if (taskId === undefined) return [];
  if (task !== undefined) {
    return [
      `task ${task.id} is ${task.lastStatus}${sinceOf(task, nowMs)}`,
      hasStopped(task) || task.stopCode !== undefined ? endOf(situation) : undefined,
    ];
  }
  if (ended === undefined) return [`no longer shows task ${taskId}`];
  const at = ended.stoppedAt === undefined ? '' : ` at ${clock(Date.parse(ended.stoppedAt), nowMs)}`;
  return [`task ${taskId} ended${at} (${ended.outcome}), by the launcher's log`, endOf(situation)];
}

/** Names that fit into a fact. */
const MOST_REFUSED = 5;

function refusalFacts({ evidence: { refusals }, nowMs }: Situation): (string | undefined)[] {
  if (refusals === undefined) return [];
  const { areOfTask, names, read, unread } = refusals;
  const whose = areOfTask ? ' to the task' : ' to tasks while this task ran';
  const cut = read.filter(({ isCut }) => isCut);
  return [
    ...(names.length === 0
      ? cut.map((log) => cutText(log, whose))
      : [`refused${whose}${cut.length === 0 ? '' : ', at least'}: ${refusedText(refusals, nowMs, MOST_REFUSED)}`]),
    ...unread.map(unreadText),
  ];
}

function unreadText({ kind, group, failure }: UnreadLog): string {
  const why = failure.kind === 'denied' ? `logs:FilterLogEvents on ${group}` : failure.reason;
  return `${LOG_NAMES[kind]} could not be read (${why})`;
}

function sinceOf(task: TaskFacts, nowMs: number): string {
  if (hasStopped(task)) return task.stoppedAtMs === undefined ? '' : ` since ${ago(task.stoppedAtMs, nowMs)}`;
  if (task.startedAtMs !== undefined) return ` since ${ago(task.startedAtMs, nowMs)}`;
  return task.createdAtMs === undefined ? '' : `, created ${ago(task.createdAtMs, nowMs)}`;
}
