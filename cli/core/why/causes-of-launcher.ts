/** Causes in the launcher: it is paused or silent, its function fails, or its ticks report errors. They matter while a job is queued. */

import type { PoolLine } from '../../../functions/launcher/log-lines.ts';
import { newApiToken, rejectedTokenSecret } from '../api-token.ts';
import { ago, duration } from '../durations.ts';
import { pauseOf } from '../paused.ts';
import { liveIn } from '../pool-trouble.ts';
import { intervalMs, silentAfterMs } from '../schedule.ts';
import { secretNameOf } from '../secret-name.ts';
import { counted, sentence } from '../sentences.ts';
import { pauseFactsOf } from '../switches.ts';
import { blocked, type Cause, type Finding, waiting } from './cause.ts';
import { isQueued, mentions, type Situation } from './situation.ts';

/** A tick of the schedule can take a minute, and CloudWatch shows a line some seconds late. */
const LOG_DELAY_MS = 90_000;

/** A single tick with an error is not the cause if the launcher decided about the job just before. */
const PASSING_MS = 30_000;

const queued =
  (find: (situation: Situation) => Finding | undefined): Cause['find'] =>
  (situation) =>
    isQueued(situation) ? find(situation) : undefined;

interface TickError {
  readonly system: string;
  readonly fault: string;
  readonly message: string;
}

const withError = (
  id: string,
  matches: (error: TickError) => boolean,
  found: (error: TickError, situation: Situation) => Finding,
): Cause => ({
  id,
  find: queued((situation) => {
    const error = errorsOf(situation).find(matches);
    return error && found(error, situation);
  }),
});

export const LAUNCHER_CAUSES: readonly Cause[] = [
  {
    id: 'launcher-paused',
    find: queued(({ evidence: { launcher, log }, decision, lastTick, queuedAtMs = 0, nowMs }) => {
      const { name, reservedConcurrency, queues } = launcher;
      const schedule = launcher.schedule === undefined ? undefined : { enabled: launcher.schedule === 'ENABLED' };
      const pause = pauseOf(pauseFactsOf({ schedule, reservedConcurrency, queues }, name));
      if (pause === undefined) return undefined;
      if (pause.ticks) {
        // After a tick, the run no longer waits for one. Its cause is another one.
        const isSeen = decision !== undefined || (lastTick !== undefined && lastTick.atMs >= queuedAtMs);
        return isSeen ? undefined : waiting(pause.what, ...pause.todo);
      }
      const last = log.recentTicks.at(-1);
      const since = last === undefined ? '' : ` Its last tick was at ${ago(last.atMs, nowMs)}.`;
      return blocked(`${pause.what}${since}`, ...pause.todo);
    }),
  },
  {
    id: 'launcher-fails',
    find: queued(({ evidence: { launcher, log }, lastTick, nowMs }) => {
      const failure = log.failures.at(-1);
      if (failure === undefined || (lastTick !== undefined && lastTick.atMs > failure.atMs)) return undefined;
      return blocked(
        `The launcher's function fails: ${sentence(failure.line)}`,
        /timed out|timeout/i.test(failure.line)
          ? `Read the log group ${launcher.launcherLogGroup} at ${ago(failure.atMs, nowMs)}: the lines before the end show what took so long.`
          : `Correct what the message says, and deploy again. The log group is ${launcher.launcherLogGroup}.`,
      );
    }),
  },
  {
    id: 'launcher-silent',
    find: queued(({ evidence: { launcher, log }, lastTick, nowMs }) => {
      if (log.unreadable !== undefined) return undefined;
      if (lastTick !== undefined && nowMs - lastTick.atMs <= silentAfterMs(launcher.scheduleExpression))
        return undefined;
      return blocked(
        lastTick === undefined
          ? 'The launcher has logged no tick in the last days.'
          : `The launcher is silent: its last tick was at ${ago(lastTick.atMs, nowMs)}.`,
        `Check that the schedule ${launcher.name} exists and is enabled, and that its role may invoke the function. Then deploy again.`,
        'Run `agent-launcher doctor`.',
      );
    }),
  },
  // -- Errors of the last tick. Only the first answers of the services matter, so specific rows come first.
  withError(
    'api-token-rejected',
    ({ system, message }) => system === 'HCP Terraform' && rejectedTokenSecret(message) !== undefined,
    ({ message }) =>
      blocked(
        `HCP Terraform rejects the launcher's API token (secret ${secretNameOf(rejectedTokenSecret(message) ?? '')}), so the launcher can't see the queue.`,
        ...newApiToken(rejectedTokenSecret(message) ?? ''),
        'The launcher reads the secret again within a minute. You need not deploy.',
      ),
  ),
  withError(
    'api-token-unreadable',
    ({ system }) => system === 'Secrets Manager',
    ({ message }) =>
      blocked(`The launcher can't use its API token. ${sentence(message)}`, 'Correct the secret as the message says.'),
  ),
  withError(
    'pool-missing',
    ({ system, message }) =>
      system === 'HCP Terraform' &&
      /can see no agent pool named|is no longer visible|agent pool \S+ is named/.test(message),
    ({ message }) =>
      blocked(
        sentence(message),
        'Correct the name or the id of the pool in the settings and deploy, or restore the permission.',
      ),
  ),
  withError(
    'launcher-throttled',
    ({ system, fault }) => system === 'HCP Terraform' && fault === 'throttled',
    ({ message }) =>
      waiting(
        `HCP Terraform throttles the launcher, so it can't read the queue in every tick. ${sentence(message)}`,
        'Find other programs that use the same user or team token, and give the launcher a token of a separate team.',
      ),
  ),
  withError(
    'hcp-terraform-refuses',
    ({ system, fault }) => system === 'HCP Terraform' && fault === 'rejected',
    ({ message }) =>
      blocked(
        `HCP Terraform refuses a request of the launcher. ${sentence(message)}`,
        'Give the team of the API token the permission to view all workspaces, and check the organization and the pools in the settings.',
      ),
  ),
  withError(
    'hcp-terraform-unavailable',
    ({ system }) => system === 'HCP Terraform',
    ({ message }) =>
      waiting(
        `The launcher gets no usable answer from HCP Terraform. ${sentence(message)}`,
        "Check HashiCorp's status page. The launcher tries again in every tick.",
      ),
  ),
  withError(
    'ecs-unavailable',
    ({ system }) => system === 'ECS',
    ({ message }) =>
      blocked(
        `A request of the launcher to ECS failed. ${sentence(message)}`,
        'The launcher tries again in every tick. If it continues, deploy the stack again, and check AWS Health.',
      ),
  ),
  withError(
    'launcher-bug',
    ({ system }) => system === 'launcher',
    ({ message }) =>
      blocked(
        `A bug of the launcher ended the tick of this pool. ${sentence(message)}`,
        'Update the launcher, or report the message as an issue.',
      ),
  ),
];

/** Causes for a job about which the launcher logged no decision. */
export const UNSEEN_CAUSES: readonly Cause[] = [
  {
    id: 'hcp-terraform-unreadable',
    find: ({ evidence: { run }, decision }) =>
      run.kind === 'unreadable' && decision === undefined
        ? blocked(
            `This command can't read the run in HCP Terraform, and the launcher's log doesn't mention it. ${sentence(run.reason)}`,
            'Run `terraform login`, or set TFE_TOKEN to a token that may read the run.',
          )
        : undefined,
  },
  {
    id: 'log-unreadable',
    find: queued(({ evidence: { log, launcher } }) =>
      log.unreadable === undefined
        ? undefined
        : blocked(
            `The launcher's log can't be read, so nothing is known about its decision. ${sentence(log.unreadable)}`,
            `Ask for the permission logs:FilterLogEvents on ${launcher.launcherLogGroup}.`,
          ),
    ),
  },
  {
    id: 'agent-available',
    find: queued(({ decision, poolLine, nowMs, queuedAtMs }) => {
      const { unclaimed = 0, queued: count = 0, foreignIdle = 0 } = poolLine ?? {};
      if (decision !== undefined || count === 0 || unclaimed + foreignIdle < count) return undefined;
      const free = [
        unclaimed > 0 ? `${unclaimed} of the launcher's` : '',
        foreignIdle > 0 ? `${foreignIdle} foreign` : '',
      ].filter(Boolean);
      return waiting(
        `An agent is starting or idle for the run already (${free.join(' and ')}, for ${count} queued), so the launcher starts no other one.`,
        queuedAtMs !== undefined && nowMs - queuedAtMs > 180_000
          ? "If no agent takes the job, check the idle agents in HCP Terraform's agent pool: an agent that doesn't accept this phase can't take it (TFC_AGENT_ACCEPT)."
          : 'Wait. An idle agent asks for a job every 30 seconds at most.',
      );
    }),
  },
  {
    id: 'queue-too-long',
    find: queued(({ decision, poolLine, pool }) =>
      decision === undefined && poolLine?.['unread'] === 'queued-jobs'
        ? waiting(
            `The pool has more queued jobs than the launcher reads in one poll. It serves the newest ones first, so this job waits.`,
            `Raise maxAgents of pool ${pool?.name ?? ''} if the queue keeps growing, or move workspaces to another pool.`,
          )
        : undefined,
    ),
  },
  {
    id: 'not-polled-yet',
    find: queued(({ decision, queuedAtMs, lastTick, poolLine, nowMs, evidence: { launcher } }) => {
      if (decision !== undefined || queuedAtMs === undefined) return undefined;
      const waitMs = intervalMs(launcher.scheduleExpression) + LOG_DELAY_MS;
      if (nowMs - queuedAtMs > waitMs) return undefined;
      const last = lastTick === undefined ? '' : ` Its last tick was at ${ago(lastTick.atMs, nowMs)}.`;
      return waiting(
        `The run was queued ${duration(nowMs - queuedAtMs)} ago, and the launcher has not polled since, or its log line isn't visible yet.${last}`,
        `Wait for the next tick.${poolLine !== undefined && isIdle(poolLine) ? ' To shorten this wait in an idle pool, set idlePollSeconds or nudge.' : ''}`,
      );
    }),
  },
  {
    id: 'older-than-log',
    find: queued(({ decision, queuedAtMs, nowMs, evidence: { launcher } }) => {
      const days = launcher.logRetentionDays;
      if (decision !== undefined || queuedAtMs === undefined || days === undefined) return undefined;
      if (nowMs - queuedAtMs <= days * 86_400_000) return undefined;
      return blocked(
        `The run was queued ${duration(nowMs - queuedAtMs)} ago, and the launcher's log goes back only ${counted(days, 'day')}. The launcher doesn't see the run any more, or HCP Terraform doesn't offer it.`,
        'Cancel the run, and start it again.',
      );
    }),
  },
  {
    id: 'not-seen',
    find: queued(({ decision, poolLine, pool, evidence: { launcher, runId } }) => {
      if (decision !== undefined || pool === undefined) return undefined;
      const counts =
        poolLine?.queued === undefined
          ? ''
          : ` Its last tick counted ${counted(poolLine.queued, 'queued job')} in pool ${pool.name}.`;
      return blocked(
        `The run is queued, but HCP Terraform doesn't list it to the launcher.${counts}`,
        `Check that the team of the API token (secret ${pool.apiTokenSecret}) may view this workspace: give it "View all workspaces".`,
        `Check that ${launcher.hostname} shows the run ${runId} in pool ${pool.name} of ${pool.organization}.`,
      );
    }),
  },
  {
    id: 'nothing-known',
    find: ({ evidence: { launcher } }) =>
      blocked(
        "Neither HCP Terraform's answer nor the launcher's log shows why the run waits.",
        `Run \`agent-launcher doctor\`, and read the last ticks in ${launcher.launcherLogGroup}.`,
      ),
  },
];

/** Errors of the last tick in the job's pool. If the tick decided about the job all the same, they are not its cause. */
function errorsOf({ poolLine, lastTick, pool, jobKey, decision }: Situation): readonly TickError[] {
  if (poolLine !== undefined && mentions(poolLine, jobKey)) return [];
  const decidedAtMs = decision?.atMs ?? Number.NEGATIVE_INFINITY;
  if (lastTick !== undefined && lastTick.atMs - decidedAtMs < PASSING_MS) return [];
  if (poolLine !== undefined) return poolLine.errors ?? [];
  // The pool is unknown if HCP Terraform can't be read: then an error of any pool can be the cause.
  return pool === undefined ? (lastTick?.line.pools ?? []).flatMap(({ errors }) => errors ?? []) : [];
}

/** `idlePollSeconds` applies only while nothing is queued or running. */
function isIdle(line: PoolLine): boolean {
  return liveIn(line) === 0 && (line.running ?? 0) === 0 && (line.queued ?? 0) === 0;
}
