/** Causes that HCP Terraform's answer alone shows: the run isn't visible, has ended, runs, or waits for something other than an agent. */
import { duration } from '../durations.ts';
import { sentence } from '../sentences.ts';
import { hasStopped } from '../task-status.ts';
import { isUnserved, serveSteps, UNSERVED_WHY } from '../unserved.ts';
import { blocked, type Cause, done, type Finding, person, running, waiting } from './cause.ts';
import type { EarlierRun, RunFacts, ScopeFacts, WorkspaceFacts } from './evidence.ts';
import { meaningOfStatus, OVERRIDES, statusInWords } from './run-statuses.ts';
import { isTaskId, type Situation } from './situation.ts';

/** HCP Terraform shows an agent as unknown after it didn't answer for a while, and as errored after five more minutes. */
const LOST = new Set(['unknown', 'errored', 'exited']);

const OPEN_RUN = 'Open the run in HCP Terraform';

const inStatus = (id: string, find: (run: RunFacts, situation: Situation) => Finding | undefined): Cause => ({
  id,
  find: (situation) => situation.run && find(situation.run, situation),
});

export const RUN_CAUSES: readonly Cause[] = [
  {
    id: 'run-unknown',
    find: ({ evidence: { run, runId, launcher }, seenAtMs }) =>
      run.kind !== 'not-found' || seenAtMs !== undefined
        ? undefined
        : blocked(
            `HCP Terraform (${launcher.hostname}) shows no run ${runId} to this token (${run.tokenSource}).`,
            "Compare the id with the run's page: the run may belong to another organization or host.",
            'Or use a token that may read the run: run `terraform login`, or set TFE_TOKEN.',
          ),
  },
  inStatus('other-organization', ({ workspace }, { evidence: { launcher } }) => {
    const organizations = [...new Set(launcher.pools.map(({ organization }) => organization))];
    if (workspace === undefined || organizations.includes(workspace.organization)) return undefined;
    return blocked(
      `The run belongs to the organization ${workspace.organization}. The launcher ${launcher.stackName} serves ${organizations.join(', ')} only.`,
      `Pass --stack with the launcher of ${workspace.organization}.`,
    );
  }),
  {
    id: 'ended-by-log',
    find: ({ evidence: { run, log, runId } }) => {
      const ended =
        run.kind === 'found' ? undefined : log.ended.findLast(({ job }) => job?.startsWith(`${runId}/`) === true);
      return (
        ended &&
        done(
          `HCP Terraform doesn't show the run to this command. The launcher's log says that the agent of its ${ended.phase ?? 'job'} ended: ${ended.outcome}.`,
          `Run \`agent-launcher logs ${runId}\` for the agent's log.`,
        )
      );
    },
  },
  // -- Ended
  {
    id: 'out-of-memory',
    find: ({ run, ended, phase }) =>
      run?.status === 'errored' && ended?.outcome === 'out-of-memory'
        ? done(
            `The run errored because its ${phase} ran out of memory (${ended.memoryMiB} MiB).`,
            `Raise memoryMiB of pool ${ended.pool}, deploy, and start the run again.`,
          )
        : undefined,
  },
  {
    id: 'spot-interrupted',
    find: ({ run, ended, task, phase }) =>
      run?.status === 'errored' && (ended?.outcome === 'interrupted' || task?.stopCode === 'SpotInterruption')
        ? done(
            `The run errored because AWS reclaimed the Spot capacity of its ${phase}.`,
            'Start the run again. If this happens often, set phases.plan.capacity to on-demand.',
          )
        : undefined,
  },
  {
    id: 'ran-too-long',
    find: ({ run, ended, task, phase }) => {
      const reason = task?.stoppedReason ?? ended?.stoppedReason ?? '';
      if (run?.status !== 'errored' || !reason.startsWith(RAN_TOO_LONG)) return undefined;
      return done(
        `The run errored because the launcher stopped its ${phase}, which ran longer than maxJobHours allows (${reason.slice(RAN_TOO_LONG.length)}).`,
        'Find out in the agent’s log why it took so long, and start the run again. If your jobs take that long, raise maxJobHours and deploy.',
        ...(phase === 'apply'
          ? ['Check the infrastructure and the state first: the apply may have changed only a part of them.']
          : []),
      );
    },
  },
  inStatus('errored', (run, { phase, evidence: { runId } }) =>
    run.status === 'errored'
      ? done(
          `The run doesn't wait: it errored ${run.applyQueuedAtMs === undefined ? 'in or before its plan' : `in its ${phase}`}.`,
          `${OPEN_RUN} for Terraform's output.`,
          `Run \`agent-launcher logs ${runId}\` for the agent's log.`,
        )
      : undefined,
  ),
  inStatus('canceled', ({ status }) =>
    ['canceled', 'force_canceled', 'discarded'].includes(status)
      ? done(`The run doesn't wait: somebody ${status === 'discarded' ? 'discarded' : 'canceled'} it.`)
      : undefined,
  ),
  inStatus('finished', ({ status }, { meaning }) =>
    meaning?.waitsFor === 'final' ? done(`The run doesn't wait: it has ended (${status}).`) : undefined,
  ),
  // -- A person
  inStatus('needs-policy-override', (run) =>
    OVERRIDES.has(run.status)
      ? person(
          'A policy failed, and somebody must override it or discard the run.',
          `${OPEN_RUN}, and override the policy or discard the run. Overriding needs the permission "Manage policy overrides".`,
        )
      : undefined,
  ),
  inStatus('saved-plan', (run) =>
    run.status === 'planned_and_saved'
      ? person(
          'The plan is saved. Nothing happens until somebody applies or discards it.',
          `${OPEN_RUN}, and apply the plan or discard it.`,
        )
      : undefined,
  ),
  inStatus('needs-decision', (run) =>
    run.status === 'pre_plan_awaiting_decision'
      ? person('A check before the plan failed, and somebody must decide about it.', `${OPEN_RUN}.`)
      : undefined,
  ),
  inStatus('needs-confirmation', (run, { meaning }) =>
    meaning?.waitsFor === 'person' && !run.isAutoApply
      ? person(
          'The plan has ended, and the run waits until somebody confirms it.',
          `${OPEN_RUN}, and choose "Confirm & Apply" or discard the run.`,
          'To skip this step in future runs, turn on auto-apply in the workspace.',
        )
      : undefined,
  ),
  // -- HCP Terraform
  inStatus('run-task-pending', (run, { nowMs }) => {
    const open = run.runTasks.filter(({ status }) => ['pending', 'running'].includes(status));
    const [first] = open;
    if (first === undefined || run.status === 'pending') return undefined;
    const names = open.map(({ name }) => name).join(', ');
    return waiting(
      `The run waits for the ${open.length === 1 ? 'run task' : 'run tasks'} ${names}, since ${duration(nowMs - run.sinceMs)}.`,
      'Check the service behind the run task. HCP Terraform gives up after 10 minutes without progress, and after 60 minutes in total.',
    );
  }),
  inStatus('run-tasks', (run, { meaning }) =>
    meaning?.waitsFor === 'run-tasks'
      ? waiting(`HCP Terraform executes the run tasks of this stage (${run.status}).`, `${OPEN_RUN} for their results.`)
      : undefined,
  ),
  inStatus('policies-without-agent', (run, { meaning, pool, nowMs }) => {
    if (meaning?.waitsFor !== 'policies' || pool === undefined || nowMs - run.sinceMs < AGENT_POLICIES_MS)
      return undefined;
    if (pool.lanes.some(({ acceptsPolicies }) => acceptsPolicies)) return undefined;
    return blocked(
      `The run has been in ${run.status} for ${duration(nowMs - run.sinceMs)}. Its policies may need an agent, and pool ${pool.name} starts none for policies.`,
      'If the policy sets use agent mode, turn policySweeps on for the pool and deploy.',
      `${OPEN_RUN}: it shows which policies have no result.`,
    );
  }),
  inStatus('policies', (run, { meaning, nowMs }) =>
    meaning?.waitsFor === 'policies'
      ? waiting(
          `The plan has ended, and its policies are evaluated, since ${duration(nowMs - run.sinceMs)}.`,
          'Wait. If the policy sets use agent mode, the launcher starts an agent for them when the run stays in this status.',
        )
      : undefined,
  ),
  inStatus('cost-estimation', ({ status }) =>
    status === 'cost_estimating'
      ? waiting('HCP Terraform estimates the cost of the plan.', 'Wait. No agent is involved.')
      : undefined,
  ),
  inStatus('fetching-configuration', (run, { nowMs }) =>
    run.status === 'fetching'
      ? waiting(
          `HCP Terraform has been fetching the configuration from version control for ${duration(nowMs - run.sinceMs)}.`,
          "Wait. If it takes minutes, check the workspace's connection to version control.",
        )
      : undefined,
  ),
  // -- Not allowed to start
  inStatus('workspace-locked', (run) => {
    const { workspace } = run;
    if (run.status !== 'pending' || workspace?.isLocked !== true) return undefined;
    if (workspace.lockedBy === undefined || workspace.lockedBy.type === 'runs') return undefined;
    return person(
      `The workspace ${workspace.name} is locked by ${lockerOf(workspace)}${reasonOf(workspace)}. No run starts until it is unlocked.`,
      'Unlock the workspace on its page, or ask the person who locked it.',
    );
  }),
  inStatus('earlier-run-undecided', (run) => {
    const { status, ahead } = run;
    if (status !== 'pending' || ahead === undefined || !needsPerson(ahead)) return undefined;
    return person(
      `The run waits for ${earlierRun(run, ahead)}. Until somebody decides about that run, no other run of the workspace starts.`,
      `Open ${ahead.url ?? `${ahead.id} in HCP Terraform`} and confirm or override it, or discard it.`,
      `Run \`agent-launcher why ${ahead.id}\`: it says what that run waits for.`,
    );
  }),
  inStatus('earlier-run', (run) => {
    const { status, ahead } = run;
    if (status !== 'pending' || ahead === undefined || meaningOfStatus(ahead.status)?.waitsFor === 'final')
      return undefined;
    return waiting(
      `The run waits for ${earlierRun(run, ahead)}. Runs of a workspace execute one at a time.`,
      `Run \`agent-launcher why ${ahead.id}\`.${ahead.url === undefined ? '' : ` Its page: ${ahead.url}`}`,
    );
  }),
  inStatus('run-limit', (run, { nowMs }) =>
    run.status === 'pending' && nowMs - run.createdAtMs > QUICK_MS
      ? waiting(
          'The run is pending, although nothing in its workspace blocks it. The organization has probably reached its limit of concurrent runs.',
          "Wait until other runs of the organization end, or raise the plan's number of concurrent runs. No agent can help.",
        )
      : undefined,
  ),
  inStatus('just-created', ({ status }) =>
    status === 'pending'
      ? waiting('The run was created moments ago. HCP Terraform is about to queue it.', 'Wait a moment.')
      : undefined,
  ),
  // -- Running
  {
    id: 'agent-lost',
    find: (situation) => {
      const { run, meaning, phase, task, ended, nowMs } = situation;
      if (run === undefined || meaning?.waitsFor !== 'running') return undefined;
      const agent = phase === 'plan' ? run.planAgent : run.applyAgent;
      const isStopped = task === undefined ? ended !== undefined : hasStopped(task);
      if (!isStopped && !LOST.has(agent?.status ?? '')) return undefined;
      const silent = agent?.lastPingAtMs === undefined ? '' : ` since ${duration(nowMs - agent.lastPingAtMs)}`;
      const what = isStopped
        ? `its task has stopped (${endOf(situation)})`
        : `HCP Terraform has not heard from it${silent} (${agent?.status})`;
      return blocked(
        `An agent took the ${phase}, but ${what}. HCP Terraform fails the run about five minutes after the agent's last sign.`,
        phase === 'apply'
          ? 'Wait until the run errors. Then plan again before you apply: resources may exist that the state does not contain.'
          : 'Wait until the run errors, and start it again.',
        `Run \`agent-launcher logs ${situation.evidence.runId}\` to see how the agent ended.`,
      );
    },
  },
  {
    id: 'running',
    find: ({ run, meaning, phase, nowMs, evidence }) => {
      if (run === undefined || meaning?.waitsFor !== 'running') return undefined;
      const agent = phase === 'plan' ? run.planAgent : run.applyAgent;
      const by =
        agent === undefined
          ? 'An executor'
          : isTaskId(agent.name)
            ? `The agent of task ${agent.name.slice(0, 8)}…`
            : `The agent ${agent.name}`;
      const isOurs = evidence.tasks.some(({ id }) => id === agent?.name);
      return running(
        `The run doesn't wait for an agent: ${by} has been executing its ${phase} for ${duration(nowMs - run.sinceMs)}.`,
        isOurs || agent === undefined
          ? `${OPEN_RUN} for Terraform's output.`
          : `This launcher did not start that agent, or ECS no longer shows its task. ${OPEN_RUN} for Terraform's output.`,
      );
    },
  },
  inStatus('platform', (run, { meaning, nowMs }) => {
    if (meaning?.waitsFor !== 'platform' && meaning?.waitsFor !== 'person') return undefined;
    return waiting(
      `HCP Terraform is moving the run on (${run.status}, since ${duration(nowMs - run.sinceMs)}). No agent is involved yet.`,
      nowMs - run.sinceMs > QUICK_MS
        ? `${OPEN_RUN}. This status usually lasts seconds: check HashiCorp's status page.`
        : 'Wait a moment.',
    );
  }),
  inStatus('unknown-status', (run, { meaning }) =>
    meaning === undefined
      ? blocked(
          `HCP Terraform shows the status ${run.status}, which this version doesn't know. The launcher starts no agents for it either.`,
          `${OPEN_RUN}, and update agent-launcher.`,
        )
      : undefined,
  ),
  // -- Queued for something that isn't a pool of this launcher
  inStatus('execution-mode', ({ workspace }) =>
    workspace === undefined || workspace.executionMode === 'agent'
      ? undefined
      : blocked(
          `The workspace ${workspace.name} uses the execution mode ${workspace.executionMode}, so no agent takes its runs.`,
          workspace.executionMode === 'remote'
            ? "HCP Terraform executes the run itself. To use this launcher's agents, set the workspace's execution mode to agent and choose a pool."
            : "Set the workspace's execution mode to agent, and choose a pool.",
        ),
  ),
  inStatus('pool-not-served', (run, { pool: served, evidence: { launcher, runId }, queuedAtMs, nowMs }) => {
    const { pool, workspace } = run;
    if (pool === undefined || served !== undefined) return undefined;
    const uses = workspace === undefined ? 'The workspace uses' : `The workspace ${workspace.name} uses`;
    const isLong = isUnserved(queuedAtMs ?? run.createdAtMs, nowMs);
    return (isLong ? blocked : waiting)(
      `${uses} the agent pool ${pool.name}, which the launcher ${launcher.stackName} doesn't serve. ${UNSERVED_WHY}`,
      ...serveSteps(
        pool.name,
        launcher.pools.map(({ name }) => name),
      ),
      `Or, if another stack serves the pool, run \`agent-launcher why ${runId} --stack NAME\` with its name.`,
    );
  }),
  inStatus('pool-not-allowed', ({ pool, workspace }, { seenAtMs, task }) => {
    if (pool === undefined || workspace === undefined || seenAtMs !== undefined || task !== undefined) return undefined;
    if (isAllowed(pool, workspace)) return undefined;
    return blocked(
      `The agent pool ${pool.name} isn't allowed for the workspace ${workspace.name} or its project${workspace.projectName === undefined ? '' : ` ${workspace.projectName}`}.`,
      `In the organization's settings, open Agents > ${pool.name}, and grant the project or the workspace access to the pool.`,
    );
  }),
];

/** How the launcher's reason begins if it stopped a task because of `maxJobHours`. A test compares it with the launcher's. */
export const RAN_TOO_LONG = 'agent-launcher: its job ran too long: ';

/** The launcher starts an agent for a run that stays in a post-plan status for two minutes. This adds a tick. */
const AGENT_POLICIES_MS = 180_000;

/** Steps of HCP Terraform itself take less time than this. */
const QUICK_MS = 120_000;

/** https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#scope-an-agent-pool */
function isAllowed(pool: ScopeFacts, { id, projectId }: WorkspaceFacts): boolean {
  if (pool.excludedWorkspaceIds.includes(id)) return false;
  if (pool.isOrganizationScoped) return true;
  return (
    pool.allowedWorkspaceIds.includes(id) || (projectId !== undefined && pool.allowedProjectIds.includes(projectId))
  );
}

/** Whether a person must decide about the run. HCP Terraform itself confirms a run with auto-apply, but overrides no policy. */
function needsPerson({ status, isAutoApply }: EarlierRun): boolean {
  return meaningOfStatus(status)?.waitsFor === 'person' && (!isAutoApply || OVERRIDES.has(status));
}

function earlierRun({ workspace }: RunFacts, ahead: EarlierRun): string {
  return `${ahead.id} of the same workspace${workspace === undefined ? '' : ` (${workspace.name})`}, which ${statusInWords(ahead)}`;
}

function lockerOf({ lockedBy }: WorkspaceFacts): string {
  if (lockedBy === undefined) return 'somebody';
  return `${lockedBy.type === 'teams' ? 'the team' : 'the user'} ${lockedBy.name ?? lockedBy.id}`;
}

function reasonOf({ lockedReason = '' }: WorkspaceFacts): string {
  return lockedReason.trim() === '' ? '' : ` ("${lockedReason.trim()}")`;
}

/** How a task ended, in ECS's words. */
export function endOf({ task, ended }: Situation): string {
  const reason = task?.stoppedReason ?? ended?.stoppedReason;
  const exitCode = task?.exitCode ?? ended?.exitCode;
  const parts = [
    task?.containerReason,
    reason,
    task?.stopCode ?? ended?.stopCode,
    exitCode === undefined ? undefined : `exit code ${exitCode}`,
  ];
  const known = [...new Set(parts.filter((part) => part !== undefined && part !== ''))];
  return known.length === 0 ? 'ECS gives no reason' : sentence(known.join('; ')).slice(0, -1);
}
