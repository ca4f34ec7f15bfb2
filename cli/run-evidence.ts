/** Gathers what is known about a run: from HCP Terraform, the launcher's log, ECS, the agents' logs and the logs of the network. */
import { type Capacity, PHASES } from '../functions/launcher/contract.ts';
import { agentLog } from './aws/agent-log.ts';
import type { Deployment } from './aws/deployment.ts';
import { readLauncherLog } from './aws/launcher-log.ts';
import { readSwitch } from './aws/launcher-state.ts';
import { agentTokenSecretOf } from './aws/pool-tasks.ts';
import { secretFacts } from './aws/secrets.ts';
import { describeTasks, tasksStartedBy } from './aws/task-facts.ts';
import type { Context } from './context.ts';
import type {
  AgentLogReading,
  At,
  Evidence,
  LauncherFacts,
  PoolFacts,
  RefusalsReading,
  RunReading,
} from './core/why/evidence.ts';
import { type Situation, situationOf, taskIdsOf } from './core/why/situation.ts';
import type { HcpTerraform } from './hcp-terraform/client.ts';
import { hcpTerraformAt } from './hcp-terraform/connect.ts';
import { readRun } from './hcp-terraform/run-reader.ts';
import { findToken } from './hcp-terraform/token.ts';
import { CommandError, UsageError } from './io.ts';
import { gatherRefusals } from './refusals.ts';
import { slotsOf } from './run-slots.ts';
import { unlessRefused } from './unless-refused.ts';

const DAY_MS = 86_400_000;
/** Capacity of a lane whose environment has none. */
const ON_DEMAND: Capacity = 'on-demand';
/** How far back the launcher's log is searched for a run. */
const MOST_SEARCHED_MS = 14 * DAY_MS;
/** The same if HCP Terraform doesn't say when the run was queued. */
const SEARCHED_WITHOUT_RUN_MS = 3 * DAY_MS;
/** The clocks of the vendors differ a little. */
const CLOCK_MS = 60_000;
/** An agent at the level `info` logs some dozens of lines. */
const MOST_LOG_LINES = 5_000;

/** Throws a `UsageError` unless the text is the id of a run. */
export function checkRunId(text: string): string {
  // A run's page and its API path end with the id.
  const id = text.split('/').at(-1) ?? text;
  if (/^run-[A-Za-z0-9]{1,46}$/.test(id)) return id;
  throw new UsageError(
    `${JSON.stringify(text)} isn't the id of a run. It must begin with run-, such as run-CZcmD7eagjhyX0vN. The run's page in HCP Terraform shows it, and its address ends with it.`,
  );
}

export async function gatherEvidence(context: Context, runId: string): Promise<Evidence> {
  const { aws, io } = context;
  const deployment = await context.deployment();
  const nowMs = io.now();
  const [run, launcherSwitch] = await Promise.all([runIn(context, deployment, runId), readSwitch(aws, deployment)]);
  const log = await readLauncherLog(aws, {
    group: deployment.launcherLogGroup,
    runId,
    sinceMs: searchFrom(run, nowMs),
    nowMs,
  });
  const known = { nowMs, runId, launcher: launcherFacts(deployment, launcherSwitch), run, log };
  const first = situationOf({ ...known, tasks: [] });
  const { jobKey } = first;
  const started = (await unlessRefused(tasksStartedBy(aws, deployment.name, jobKey))) ?? [];
  const tasks = (await unlessRefused(describeTasks(aws, deployment.name, [...taskIdsOf(known), ...started]))) ?? [];
  const { taskId, pool, ended, task } = situationOf({ ...known, tasks });
  const group = deployment.agentLogGroups.get(pool?.name ?? ended?.pool ?? '');
  const [agentLog, refused] = await Promise.all([
    taskId === undefined || group === undefined ? undefined : unlessRefused(logOf(context, group, taskId)),
    refusedDuring(context, deployment, { task, ended }),
  ]);
  const isRejected = situationOf({ ...known, tasks, agentLog }).agent.failure?.cause === 'token-rejected';
  return {
    ...known,
    tasks,
    slots: isFull(first) ? await unlessRefused(slotsOf(context, deployment, first.pool)) : undefined,
    agentLog,
    refusals: refused,
    agentTokenChangedAtMs: isRejected ? await unlessRefused(tokenChangedAt(context, deployment, pool)) : undefined,
  };
}

async function tokenChangedAt(
  { aws }: Context,
  { pools }: Deployment,
  of: Pick<PoolFacts, 'name'> | undefined,
): Promise<number | undefined> {
  const pool = pools.find(({ name }) => name === of?.name);
  if (pool === undefined) return undefined;
  const { id } = await agentTokenSecretOf(aws, pool);
  return (await secretFacts(aws, id)).changedAtMs;
}

function isFull({ decision }: Situation): boolean {
  return decision?.kind === 'deferred' && decision.deferral.cause === 'max-agents';
}

/** The secrets of the API tokens of the launcher's pools, without repetition. */
export function apiTokenSecrets({ pools, apiTokenSecret }: Pick<Deployment, 'pools' | 'apiTokenSecret'>): string[] {
  return [...new Set(pools.map((pool) => pool.apiTokenSecret ?? apiTokenSecret))];
}

/** A client of the deployed launcher's HCP Terraform host. Rejects with a `CommandError` if there is no token. */
export async function hcpTerraformOf(
  context: Context,
  { hostname, apiTokenSecret }: Pick<Deployment, 'hostname' | 'apiTokenSecret'>,
): Promise<{ readonly client: HcpTerraform; readonly tokenSource: string }> {
  const { token, source } = await findToken({ hostname, apiTokenSecret }, { env: context.io.env, aws: context.aws });
  return { client: hcpTerraformAt(context, { hostname, token }), tokenSource: source };
}

/**
 * Reads a run. Nothing says in advance which pool it belongs to, so this asks with each pool's token until one can see the run. A missing token
 * is part of the result.
 */
export async function runIn(context: Context, deployment: Deployment, runId: string): Promise<RunReading> {
  let first: RunReading | undefined;
  const seen = new Set<string>();
  for (const apiTokenSecret of apiTokenSecrets(deployment)) {
    const reading = await readRunWith(context, { hostname: deployment.hostname, apiTokenSecret }, { runId, seen });
    if (reading?.kind === 'found') return reading;
    // An answer says more than a token that can't be read.
    if (first === undefined || first.kind === 'unreadable') first = reading ?? first;
  }
  return first ?? { kind: 'unreadable', reason: 'The launcher has no pool.' };
}

/** @param seen where the tokens are from that were used before. @returns `undefined` if the token is one of them: the user's own */
async function readRunWith(
  context: Context,
  access: Pick<Deployment, 'hostname' | 'apiTokenSecret'>,
  { runId, seen }: { readonly runId: string; readonly seen: Set<string> },
): Promise<RunReading | undefined> {
  try {
    const { client, tokenSource } = await hcpTerraformOf(context, access);
    try {
      if (seen.has(tokenSource)) return undefined;
      seen.add(tokenSource);
      return await readRun(client, runId, tokenSource);
    } finally {
      await client.close();
    }
  } catch (error) {
    if (error instanceof CommandError) return { kind: 'unreadable', reason: error.message };
    throw error;
  }
}

async function logOf({ aws }: Context, group: string, taskId: string): Promise<AgentLogReading> {
  const lines: At<string>[] = [];
  for await (const { atMs, message } of agentLog(aws, { group, taskId })) {
    lines.push({ atMs, line: message });
    if (lines.length >= MOST_LOG_LINES) break;
  }
  return { taskId, lines };
}

/** What the network refused while the task ran; `undefined` if that time is unknown, or the stack has no log of it. */
async function refusedDuring(
  { aws, io }: Context,
  deployment: Deployment,
  { task, ended }: Pick<Situation, 'task' | 'ended'>,
): Promise<RefusalsReading | undefined> {
  const fromMs = task?.createdAtMs ?? msOf(ended?.createdAt);
  if (fromMs === undefined) return undefined;
  const source = task?.address;
  const endMs = task?.stoppedAtMs ?? msOf(ended?.stoppedAt);
  // A new task can get the address as soon as this one has stopped.
  const toMs = endMs !== undefined && source !== undefined ? endMs : (endMs ?? io.now()) + CLOCK_MS;
  const refusals = await gatherRefusals(aws, deployment, { fromMs, toMs, source });
  return refusals && { ...refusals, areOfTask: source !== undefined };
}

function msOf(iso: string | undefined): number | undefined {
  return iso === undefined ? undefined : Date.parse(iso);
}

/** When the run's current phase was queued, or else the run was created. */
function searchFrom(reading: RunReading, nowMs: number): number {
  if (reading.kind !== 'found') return nowMs - SEARCHED_WITHOUT_RUN_MS;
  const { status, createdAtMs, planQueuedAtMs, applyQueuedAtMs } = reading.run;
  const isInApply = status === 'apply_queued' || status === 'applying';
  const fromMs = (isInApply ? applyQueuedAtMs : planQueuedAtMs) ?? createdAtMs;
  return Math.max(fromMs - CLOCK_MS, nowMs - MOST_SEARCHED_MS);
}

function launcherFacts(deployment: Deployment, launcherSwitch: Awaited<ReturnType<typeof readSwitch>>): LauncherFacts {
  const { stackName, name, hostname, region, launcherLogGroup, startDeadlineSeconds } = deployment;
  return {
    ...launcherSwitch,
    stackName,
    name,
    hostname,
    region,
    launcherLogGroup,
    startDeadlineSeconds,
    pools: deployment.pools.map((pool) => poolFacts(pool, deployment)),
  };
}

function poolFacts(pool: Deployment['pools'][number], { organization, apiTokenSecret }: Deployment): PoolFacts {
  return {
    name: pool.name,
    organization: pool.organization ?? organization,
    maxAgents: pool.maxAgents,
    apiTokenSecret: pool.apiTokenSecret ?? apiTokenSecret,
    lanes: pool.lanes.map(({ taskDefinition, phases = PHASES, capacity = ON_DEMAND, policies }) => ({
      taskDefinition,
      phases,
      capacity,
      acceptsPolicies: policies !== false,
    })),
  };
}
