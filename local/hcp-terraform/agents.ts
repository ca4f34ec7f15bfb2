/**
 * Agents and their jobs: registration, the five statuses, the next job, and what happens to the job of a lost agent.
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#view-agent-statuses
 */
import type { InternalJob as InternalJobMessage, Job, JobResult, Registration } from './agent-protocol.ts';
import { newId } from './ids.ts';
import { agentChanged, type Platform, type PlatformSettings, runChanged } from './platform.ts';
import { advance } from './queue.ts';
import type { Agent, AgentPool, AgentToken, InternalJob } from './records.ts';
import {
  currentOperation,
  failOperation,
  finishApply,
  finishPlan,
  finishPolicies,
  isFinal,
  type Operation,
  type Run,
  startOperation,
} from './runs.ts';
import { enqueueInternalJob, executionOf, type World } from './world.ts';

export type AgentStatusName = 'idle' | 'busy' | 'unknown' | 'errored' | 'exited';

/** The status that the platform shows. A silent agent becomes `unknown`, whatever it reported last. */
export function statusOf(platform: Platform, agent: Agent): AgentStatusName {
  if (agent.reported === 'exited' || agent.reported === 'errored') return agent.reported;
  const silentMs = platform.now() - agent.lastPingAt;
  return silentMs >= platform.settings.agentUnknownAfterMs ? 'unknown' : agent.reported;
}

/** Idle, busy and unknown agents, which count in the organization agent limit. */
export function countsAgainstAllowance(platform: Platform, agent: Agent): boolean {
  const status = statusOf(platform, agent);
  return status !== 'errored' && status !== 'exited';
}

export type RegistrationOutcome =
  | { readonly agent: Agent }
  | { readonly refused: 'allowance' | 'architecture'; readonly detail: string };

/** Registers an agent, unless the organization agent limit is reached or the pool has another architecture. */
export function registerAgent(
  platform: Platform,
  pool: AgentPool,
  token: AgentToken,
  wanted: Registration,
  ipAddress: string,
): RegistrationOutcome {
  const { world, settings } = platform;
  const present = [...world.agents.values()].filter((agent) => countsAgainstAllowance(platform, agent));
  const inOrganization = present.filter((agent) => world.pools.get(agent.poolId)?.organization === pool.organization);
  if (settings.agentsCeiling !== undefined && inOrganization.length >= settings.agentsCeiling) {
    const detail = `The organization ${pool.organization} may have ${settings.agentsCeiling} agents and has ${inOrganization.length}.`;
    return { refused: 'allowance', detail };
  }
  const other = present.find((agent) => agent.poolId === pool.id && agent.architecture !== wanted.architecture);
  if (other !== undefined) {
    const detail = `The agent pool ${pool.name} has ${other.architecture} agents; an agent for ${wanted.architecture} cannot join it.`;
    return { refused: 'architecture', detail };
  }
  const id = newId('agent');
  const now = platform.now();
  const agent: Agent = {
    id,
    poolId: pool.id,
    tokenId: token.id,
    name: wanted.name ?? id,
    version: wanted.version,
    architecture: wanted.architecture,
    accept: new Set(wanted.accept),
    single: wanted.single,
    ipAddress,
    createdAt: now,
    lastPingAt: now,
    reported: 'idle',
    jobId: undefined,
    jobsTaken: 0,
  };
  world.agents.set(id, agent);
  agentChanged(platform, agent, 'idle');
  return { agent };
}

/** The pool whose agents may take, or took, the run's current or last phase. */
export function poolOfRun(world: World, run: Run): AgentPool | undefined {
  const workspace = world.workspaces.get(run.workspaceId);
  const phase = currentOperation(run) ?? (run.apply.executedBy === undefined ? run.plan : run.apply);
  if (phase.executedBy !== undefined) return world.pools.get(phase.executedBy.agentPoolId);
  return workspace === undefined ? undefined : executionOf(world, workspace).pool;
}

/** The queued phases of the pool: applies, then plans, then speculative plans; oldest first. */
export function queuedOperations(
  world: World,
  poolId: string,
  order: PlatformSettings['jobOrder'] = 'applies-first',
): { readonly run: Run; readonly operation: Operation }[] {
  const queued: { run: Run; operation: Operation; rank: number; at: number }[] = [];
  for (const run of world.runs.values()) {
    if (run.status !== 'plan_queued' && run.status !== 'apply_queued') continue;
    if (poolOfRun(world, run)?.id !== poolId) continue;
    const isApply = run.status === 'apply_queued';
    const at = run.timestamps.get(isApply ? 'apply-queued-at' : 'plan-queued-at') ?? run.createdAt;
    queued.push({ run, operation: isApply ? run.apply : run.plan, rank: isApply ? 0 : run.planOnly ? 2 : 1, at });
  }
  const byRank = order === 'applies-first';
  return queued.sort((a, b) => (byRank ? a.rank - b.rank : 0) || a.at - b.at || a.run.sequence - b.run.sequence);
}

/** Assigns the agent its next job. While it has one, returns the same job again, because the response may have been lost. */
export function takeJob(platform: Platform, agent: Agent): Job | InternalJobMessage | undefined {
  const { world } = platform;
  if (agent.jobId !== undefined) return jobMessage(platform, agent.jobId);
  // An agent that asks for work is idle, whatever it reported last.
  agent.reported = 'idle';
  if (agent.single && agent.jobsTaken > 0) return undefined;
  const pool = world.pools.get(agent.poolId);
  if (pool === undefined) return undefined;

  const internal = [...world.internalJobs.values()].find(
    (job) => job.status === 'queued' && job.poolId === pool.id && agent.accept.has(job.type) && isWanted(world, job),
  );
  const phase = queuedOperations(world, pool.id, platform.settings.jobOrder).find(({ operation }) =>
    agent.accept.has(operation.phase),
  );
  const now = platform.now();
  if (internal !== undefined && (phase === undefined || internal.queuedAt <= queuedAt(phase.run))) {
    internal.status = 'running';
    internal.agentId = agent.id;
    occupy(platform, agent, internal.id);
    return jobMessage(platform, internal.id);
  }
  if (phase === undefined) return undefined;
  const by = { agentId: agent.id, agentName: agent.name, agentPoolId: pool.id, agentPoolName: pool.name };
  startOperation(phase.run, phase.operation, by, now);
  occupy(platform, agent, phase.operation.id);
  runChanged(platform, phase.run);
  return jobMessage(platform, phase.operation.id);
}

/** No agent evaluates the policies of a run that was canceled in the meantime. */
function isWanted(world: World, { runId }: InternalJob): boolean {
  if (runId === undefined) return true;
  return world.runs.get(runId)?.status === 'post_plan_running';
}

function queuedAt(run: Run): number {
  return run.timestamps.get(run.status === 'apply_queued' ? 'apply-queued-at' : 'plan-queued-at') ?? run.createdAt;
}

function occupy(platform: Platform, agent: Agent, jobId: string): void {
  agent.jobId = jobId;
  agent.jobsTaken += 1;
  agent.reported = 'busy';
  agentChanged(platform, agent, 'busy');
}

function jobMessage(platform: Platform, jobId: string): Job | InternalJobMessage | undefined {
  const { world } = platform;
  const internal = world.internalJobs.get(jobId);
  if (internal !== undefined) {
    return {
      jobId: internal.id,
      jobType: internal.type,
      operationId: internal.id,
      organization: world.pools.get(internal.poolId)?.organization ?? '',
      durationMs: internal.durationMs,
    };
  }
  const operation = world.operations.get(jobId);
  const run = operation === undefined ? undefined : world.runs.get(operation.runId);
  const workspace = run === undefined ? undefined : world.workspaces.get(run.workspaceId);
  if (operation === undefined || run === undefined || workspace === undefined) return undefined;
  // Run variables are HCL literals and override the workspace's variables with the same key.
  const runKeys = new Set(run.variables.map((variable) => variable.key));
  const ofWorkspace = [...workspace.variables.values()]
    .filter((variable) => variable.category === 'env' || !runKeys.has(variable.key))
    .map(({ key, value, category, hcl }) => ({ key, value, category, hcl }));
  const ofRun = run.variables.map(({ key, value }) => ({ key, value, category: 'terraform' as const, hcl: true }));
  return {
    jobId: run.id,
    jobType: operation.phase,
    operationId: operation.id,
    organization: run.organization,
    workspaceId: workspace.id,
    workspaceName: workspace.name,
    workingDirectory: workspace.workingDirectory,
    isDestroy: run.isDestroy,
    refreshOnly: run.refreshOnly,
    refresh: run.refresh,
    planOnly: run.planOnly,
    targets: [...(run.targetAddrs ?? [])],
    replace: [...(run.replaceAddrs ?? [])],
    variables: [...ofWorkspace, ...ofRun],
  };
}

/** Ends the agent's job with its result. A run that was force-canceled in the meantime doesn't change. */
export function finishJob(platform: Platform, agent: Agent, job: Operation | InternalJob, result: JobResult): void {
  agent.jobId = undefined;
  if (!('phase' in job)) {
    endInternalJob(platform, job, result.status === 'finished');
    return;
  }
  const run = platform.world.runs.get(job.runId);
  if (run === undefined || isFinal(run)) return;
  const workspace = platform.world.workspaces.get(run.workspaceId);
  const policies = workspace?.agentPolicies;
  if (job.phase === 'plan') finishPlan(run, result, platform.now(), policies !== undefined);
  else finishApply(run, result, platform.now());
  if (run.status === 'post_plan_running' && policies !== undefined) {
    const evaluation = { poolId: agent.poolId, type: 'policy', runId: run.id, ...policies } as const;
    enqueueInternalJob(platform.world, evaluation, platform.now());
  }
  runChanged(platform, run);
  if (workspace !== undefined) advance(platform, workspace);
}

function endInternalJob(platform: Platform, job: InternalJob, passed: boolean): void {
  job.status = passed ? 'finished' : 'errored';
  const run = platform.world.runs.get(job.runId ?? '');
  if (run === undefined || isFinal(run)) return;
  finishPolicies(run, passed, platform.now());
  runChanged(platform, run);
  const workspace = platform.world.workspaces.get(run.workspaceId);
  if (workspace !== undefined) advance(platform, workspace);
}

/** The agent has exited or was lost, so its job has failed. */
export function endAgent(platform: Platform, agent: Agent, status: 'exited' | 'errored'): void {
  if (agent.reported === 'exited' || agent.reported === 'errored') return;
  agent.reported = status;
  agentChanged(platform, agent, status);
  const jobId = agent.jobId;
  if (jobId === undefined) return;
  agent.jobId = undefined;
  const internal = platform.world.internalJobs.get(jobId);
  if (internal !== undefined) endInternalJob(platform, internal, false);
  const operation = platform.world.operations.get(jobId);
  const run = operation === undefined ? undefined : platform.world.runs.get(operation.runId);
  if (operation === undefined || run === undefined || isFinal(run)) return;
  const reason = `Operation failed: the agent ${agent.name} ${status === 'exited' ? 'left' : 'was lost'} while it executed the ${operation.phase}.`;
  failOperation(run, operation, reason, platform.now());
  runChanged(platform, run);
  const workspace = platform.world.workspaces.get(run.workspaceId);
  if (workspace !== undefined) advance(platform, workspace);
}

/** Marks agents as errored that have been unknown for too long. Call this regularly, and before anything is shown. */
export function sweepAgents(platform: Platform): void {
  const { agentUnknownAfterMs, agentErroredAfterMs } = platform.settings;
  const silentSince = platform.now() - agentUnknownAfterMs - agentErroredAfterMs;
  for (const agent of platform.world.agents.values()) {
    if (agent.lastPingAt <= silentSince) endAgent(platform, agent, 'errored');
  }
}
