/**
 * Agents and their jobs.
 *
 * An agent registers, polls for jobs and reports its status; each of these requests is a ping. A silent agent becomes `unknown`. If it
 * stays silent, the platform marks the agent and its job as errored. If an agent exits during a job, the job fails, too.
 * https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#view-agent-statuses
 */
import type { InternalJob as InternalJobMessage, Job, JobResult, Registration } from './agent-protocol.ts';
import { newId } from './ids.ts';
import { conflict, failure } from './json-api.ts';
import { agentChanged, type Platform, type PlatformSettings, runChanged } from './platform.ts';
import { runMoved } from './queue.ts';
import { stageNamed, startStage } from './run-tasks.ts';
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
import {
  type Agent,
  type AgentPool,
  type AgentToken,
  enqueueInternalJob,
  executionOf,
  type InternalJob,
  phaseOf,
  type World,
} from './world.ts';

export type AgentStatusName = Agent['reported'] | 'unknown';

/** Whether the agent has ended for good and no longer counts towards the organization agent limit. */
export function hasLeft({ reported }: Agent): boolean {
  return reported === 'exited' || reported === 'errored';
}

/** The status that the platform shows. A silent agent is `unknown`, independently of the status that it reported last. */
export function statusOf(platform: Platform, agent: Agent): AgentStatusName {
  const isSilent = platform.now() - agent.lastPingAt >= platform.settings.agentUnknownAfterMs;
  return isSilent && !hasLeft(agent) ? 'unknown' : agent.reported;
}

/** Registers an agent, unless the organization agent limit is reached or the pool's agents have a different architecture. */
export function registerAgent(
  platform: Platform,
  pool: AgentPool,
  token: AgentToken,
  wanted: Registration,
  ipAddress: string,
): Agent {
  const { world, settings } = platform;
  const { organization } = pool;
  const present = [...world.agents.values()].filter((agent) => !hasLeft(agent));
  const { length } = present.filter((agent) => world.pools.get(agent.poolId)?.organization === organization);
  if (settings.agentsCeiling !== undefined && length >= settings.agentsCeiling) {
    const detail = `The organization ${organization} may have ${settings.agentsCeiling} agents and has ${length}.`;
    throw failure(403, 'forbidden', detail);
  }
  const other = present.find((agent) => agent.poolId === pool.id && agent.architecture !== wanted.architecture);
  if (other !== undefined) {
    throw conflict(
      `The agent pool ${pool.name} has ${other.architecture} agents; an agent for ${wanted.architecture} cannot join it.`,
    );
  }
  const id = newId('agent');
  const now = platform.now();
  const agent: Agent = {
    ...wanted,
    name: wanted.name ?? id,
    accept: new Set(wanted.accept),
    id,
    poolId: pool.id,
    tokenId: token.id,
    ipAddress,
    createdAt: now,
    lastPingAt: now,
    reported: 'idle',
    jobsTaken: 0,
  };
  world.agents.set(id, agent);
  agentChanged(platform, agent, 'idle');
  return agent;
}

/** The pool whose agents can take (or took) the run's current or last phase. */
export function poolOfRun(world: World, run: Run): AgentPool | undefined {
  const workspace = world.workspaces.get(run.workspaceId);
  const phase = currentOperation(run) ?? (run.apply.executedBy === undefined ? run.plan : run.apply);
  if (phase.executedBy !== undefined) return world.pools.get(phase.executedBy.agentPoolId);
  return workspace === undefined ? undefined : executionOf(world, workspace).pool;
}

/** The queued phases of the pool: applies, then plans, then speculative plans. Within each kind, the oldest comes first. */
function queuedPhases({ world, settings }: Platform, poolId: string) {
  const queued: { run: Run; operation: Operation; rank: number; at: number }[] = [];
  for (const run of world.runs.values()) {
    if (run.status !== 'plan_queued' && run.status !== 'apply_queued') continue;
    if (poolOfRun(world, run)?.id !== poolId) continue;
    const isApply = run.status === 'apply_queued';
    const at = run.timestamps.get(isApply ? 'apply-queued-at' : 'plan-queued-at') ?? run.createdAt;
    queued.push({ run, operation: isApply ? run.apply : run.plan, rank: isApply ? 0 : run.planOnly ? 2 : 1, at });
  }
  const byRank = settings.jobOrder !== 'oldest-first';
  return queued.sort((a, b) => (byRank ? a.rank - b.rank : 0) || a.at - b.at || a.run.sequence - b.run.sequence);
}

/** Assigns the next job to the agent. If the agent has a job already, returns that job, because an earlier response may have been lost. */
export function takeJob(platform: Platform, agent: Agent): Job | InternalJobMessage | undefined {
  const { world } = platform;
  if (agent.jobId !== undefined) return jobMessage(world, agent.jobId);
  // An agent that asks for work is idle, even if it reported another status.
  agent.reported = 'idle';
  const pool = world.pools.get(agent.poolId);
  if (pool === undefined || (agent.single && agent.jobsTaken > 0)) return undefined;

  const internal = [...world.internalJobs.values()].find(
    (job) => job.status === 'queued' && job.poolId === pool.id && agent.accept.has(job.type) && isWanted(world, job),
  );
  const phase = queuedPhases(platform, pool.id).find(({ operation }) => agent.accept.has(operation.phase));
  if (internal !== undefined && (phase === undefined || comesFirst(platform.settings, internal, phase))) {
    internal.status = 'running';
    internal.agentId = agent.id;
    occupy(platform, agent, internal.id);
  } else if (phase !== undefined) {
    const by = { agentId: agent.id, agentName: agent.name, agentPoolId: pool.id, agentPoolName: pool.name };
    startOperation(phase.run, phase.operation, by, platform.now());
    occupy(platform, agent, phase.operation.id);
    runChanged(platform, phase.run);
  }
  return jobMessage(world, agent.jobId);
}

function comesFirst(
  { internalRank }: PlatformSettings,
  internal: InternalJob,
  phase: { readonly rank: number; readonly at: number },
): boolean {
  const difference = internalRank === undefined ? 0 : internalRank(internal) - phase.rank;
  return difference === 0 ? internal.queuedAt <= phase.at : difference < 0;
}

/** Removes policy evaluations of canceled runs. */
function isWanted(world: World, { runId }: InternalJob): boolean {
  return runId === undefined || world.runs.get(runId)?.status === 'post_plan_running';
}

function occupy(platform: Platform, agent: Agent, jobId: string): void {
  agent.jobId = jobId;
  agent.jobsTaken += 1;
  agent.reported = 'busy';
  agentChanged(platform, agent, 'busy');
}

function jobMessage(world: World, jobId: string | undefined): Job | InternalJobMessage | undefined {
  const internal = world.internalJobs.get(jobId ?? '');
  if (internal !== undefined) {
    return {
      jobId: internal.id,
      jobType: internal.type,
      operationId: internal.id,
      organization: world.pools.get(internal.poolId)?.organization ?? '',
      durationMs: internal.durationMs,
    };
  }
  const phase = phaseOf(world, jobId);
  if (phase === undefined) return undefined;
  const { operation, run, workspace } = phase;
  // Run variables are HCL literals and override the workspace's variables with the same key.
  const runKeys = new Set(run.variables.map((variable) => variable.key));
  const ofWorkspace = [...workspace.variables.values()]
    .filter((variable) => variable.category === 'env' || !runKeys.has(variable.key))
    .map(({ key, value, category, hcl }) => ({ key, value, category, hcl }));
  const ofRun = run.variables.map(({ key, value }) => ({ key, value, category: 'terraform' as const, hcl: true }));
  const { organization, isDestroy, refreshOnly, refresh, planOnly } = run;
  return {
    jobId: run.id,
    jobType: operation.phase,
    operationId: operation.id,
    organization,
    workspaceId: workspace.id,
    workspaceName: workspace.name,
    workingDirectory: workspace.workingDirectory,
    isDestroy,
    refreshOnly,
    refresh,
    planOnly,
    targets: run.targetAddrs ?? [],
    replace: run.replaceAddrs ?? [],
    variables: [...ofWorkspace, ...ofRun],
  };
}

/** Ends the agent's job with its result. If the run was force-canceled in the meantime, it doesn't change. */
export function finishJob(platform: Platform, agent: Agent, job: Operation | InternalJob, result: JobResult): void {
  agent.jobId = undefined;
  if (!('phase' in job)) {
    endInternalJob(platform, job, result.status === 'finished');
    return;
  }
  const phase = phaseOf(platform.world, job.id);
  if (phase === undefined || isFinal(phase.run)) return;
  const { run, workspace } = phase;
  const policies = workspace.agentPolicies;
  const hasTasks = (stage: 'post_plan' | 'post_apply') => stageNamed(platform.world, run, stage) !== undefined;
  if (job.phase === 'plan') {
    finishPlan(run, result, platform.now(), policies !== undefined || hasTasks('post_plan'));
    if (run.status === 'post_plan_running') startStage(platform, run, 'post_plan');
  } else {
    finishApply(run, result, platform.now(), hasTasks('post_apply'));
    if (run.apply.status === 'finished') startStage(platform, run, 'post_apply');
  }
  if (run.status === 'post_plan_running' && policies !== undefined) {
    const evaluation = { poolId: agent.poolId, type: 'policy', runId: run.id, ...policies } as const;
    enqueueInternalJob(platform.world, evaluation, platform.now());
  }
  runMoved(platform, run);
}

function endInternalJob(platform: Platform, job: InternalJob, passed: boolean): void {
  job.status = passed ? 'finished' : 'errored';
  const run = platform.world.runs.get(job.runId ?? '');
  if (run === undefined || isFinal(run)) return;
  // If run tasks are still missing, their last result lets the run continue.
  if (passed && stageNamed(platform.world, run, 'post_plan')?.status === 'running') return;
  finishPolicies(run, passed, platform.now());
  runMoved(platform, run);
}

/** Fails the agent's job, because the agent has exited or was lost. */
export function endAgent(platform: Platform, agent: Agent, status: 'exited' | 'errored'): void {
  if (hasLeft(agent)) return;
  const { jobId } = agent;
  agent.jobId = undefined;
  agent.reported = status;
  agentChanged(platform, agent, status);
  const internal = platform.world.internalJobs.get(jobId ?? '');
  if (internal !== undefined) endInternalJob(platform, internal, false);
  const phase = phaseOf(platform.world, jobId);
  if (phase === undefined || isFinal(phase.run)) return;
  const { run, operation } = phase;
  const reason = `Operation failed: the agent ${agent.name} ${status === 'exited' ? 'left' : 'was lost'} while it executed the ${operation.phase}.`;
  failOperation(run, operation, reason, platform.now());
  runMoved(platform, run);
}

/** Marks agents as errored if they have been unknown for too long. Call this regularly, and before each response. */
export function sweepAgents(platform: Platform): void {
  const { agentUnknownAfterMs, agentErroredAfterMs } = platform.settings;
  const silentSince = platform.now() - agentUnknownAfterMs - agentErroredAfterMs;
  for (const agent of platform.world.agents.values()) {
    if (agent.lastPingAt <= silentSince) endAgent(platform, agent, 'errored');
  }
}
