import type { Agent, Stop } from './core/types.ts';
import { CLOCK_SKEW_MS, recentAgentsMs } from './core/vendor-timing.ts';
import { type Result, resultOf, type UpstreamError } from './errors.ts';
import type { ObserveDeps, PoolObservation } from './observe.ts';
import type { Pool } from './ports.ts';

/** The second list of a pool's agents. */
interface SecondLook {
  readonly sinceMs: number;
  readonly agents: Result<readonly Agent[] | undefined>;
}

/**
 * Checks each stop again right before the launcher carries it out, and returns the stops that are still correct.
 *
 * A stop must never end a job that may continue, but the decision may rest on an old or incomplete list of agents. So the launcher lists the agents again
 * for every stop that depends on that list:
 *
 * - The agent never registered: the agent must still be missing from a list that goes back to before its task.
 * - The agent left: every agent with its name must have exited. An agent that registers again gets a second row.
 * - The agent is errored: every agent with its name must be errored or exited. HCP Terraform rejects an errored agent that comes back
 *   (https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#view-agent-statuses). Whether the agent tries again isn't documented.
 *
 * - The job has run for too long: an agent with its name must still be busy, and none idle. A busy agent pings all the time, so the agents of the last
 *   minutes are enough. The agent runs a single job, so a busy agent still runs the same one.
 *
 * For an agent that left or is errored, the second list goes back only as far as the first list. The agents of a whole day can be too many to list, and an
 * agent that registered again has pinged recently. An exit code from ECS needs no second list, because a container never restarts.
 */
export async function confirmedStops(
  pool: Pool,
  stops: readonly Stop[],
  { supply, agentsSinceMs }: PoolObservation,
  eyes: Pick<ObserveDeps, 'hcpTerraform' | 'nowMs' | 'signal'>,
): Promise<{ readonly stops: readonly Stop[]; readonly error?: UpstreamError }> {
  const tasks = new Map(supply.live.map(({ task }) => [task.id, task]));
  const isDoubtful = ({ taskId, cause }: Stop): boolean =>
    cause !== 'agent-left' || tasks.get(taskId)?.exitCode === undefined;
  const doubtful = stops.filter(isDoubtful);
  if (doubtful.length === 0) return { stops };
  const needsSinceMs = ({ taskId, cause }: Stop): number => {
    if (cause === 'agent-never-registered') return (tasks.get(taskId)?.createdAtMs ?? CLOCK_SKEW_MS) - CLOCK_SKEW_MS;
    return cause === 'job-too-long' ? recentAgentsMs(eyes.nowMs) : (agentsSinceMs ?? 0);
  };
  const oldestMs = doubtful.map(needsSinceMs).reduce((a, b) => Math.min(a, b));
  const { sinceMs, agents } = await secondLook(pool, oldestMs, eyes);
  // If the second list fails, keep only the stops that don't depend on a list.
  if (!agents.ok) return { stops: stops.filter((stop) => !isDoubtful(stop)), error: agents.error };
  const stillHolds = (stop: Stop): boolean =>
    (stop.cause !== 'agent-never-registered' || sinceMs <= needsSinceMs(stop)) && isBorneOut(stop, agents.value);
  return { stops: stops.filter((stop) => !isDoubtful(stop) || stillHolds(stop)) };
}

/** Lists the agents that pinged since the given time. If there are too many, lists those of the last minutes instead. */
async function secondLook(
  pool: Pool,
  oldestMs: number,
  { hcpTerraform, nowMs, signal }: Pick<ObserveDeps, 'hcpTerraform' | 'nowMs' | 'signal'>,
): Promise<SecondLook> {
  const since = async (sinceMs: number): Promise<SecondLook> => ({
    sinceMs,
    agents: await resultOf(hcpTerraform.agents(pool, sinceMs, signal)),
  });
  const recentMs = recentAgentsMs(nowMs);
  const look = await since(oldestMs);
  const isTooLong = !look.agents.ok && look.agents.error.fault === 'too-long';
  return isTooLong && oldestMs < recentMs ? since(recentMs) : look;
}

/** @param agents - `undefined`: the API token can no longer list agents, so any agent may have a job. */
function isBorneOut({ taskId, cause }: Stop, agents: readonly Agent[] | undefined): boolean {
  if (agents === undefined) return false;
  const its = agents.filter(({ name }) => name === taskId);
  if (cause === 'agent-never-registered') return its.length === 0;
  if (its.length === 0) return false;
  const statuses = new Set(its.map(({ status }) => status));
  if (cause === 'job-too-long') return statuses.has('busy') && !statuses.has('idle');
  if (cause === 'agent-errored') return its.every(({ status }) => status === 'errored' || status === 'exited');
  return its.every(({ status }) => status === 'exited');
}
