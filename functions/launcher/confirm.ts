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
 * The stops that still hold right before they are carried out.
 *
 * A stop must never end a job. The list of agents on which it was decided may be old or incomplete. So the agents are listed again for
 * every stop that depends on that list:
 *
 * - an agent that never registered: it must still be missing in a list that goes back to before its task;
 * - an agent that left: every agent of its name must have exited. One that registered again has a second row.
 * - an errored agent: every agent of its name must be errored or exited. HCP Terraform sends an errored agent away when it comes back
 *   (https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#view-agent-statuses), but that it then stays away isn't documented.
 *
 * For the last two, the list goes back as far as the first one: a day's agents may be too many to list, and an agent that registered again
 * has pinged since. An exit code from ECS needs no second list: a container doesn't come back.
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
  const needsSinceMs = ({ taskId, cause }: Stop): number =>
    cause === 'agent-never-registered'
      ? (tasks.get(taskId)?.createdAtMs ?? CLOCK_SKEW_MS) - CLOCK_SKEW_MS
      : (agentsSinceMs ?? 0);
  const oldestMs = doubtful.map(needsSinceMs).reduce((a, b) => Math.min(a, b));
  const { sinceMs, agents } = await secondLook(pool, oldestMs, eyes);
  // A stop that depends on no list is certain, even if the second list fails.
  if (!agents.ok) return { stops: stops.filter((stop) => !isDoubtful(stop)), error: agents.error };
  const stillHolds = (stop: Stop): boolean =>
    (stop.cause !== 'agent-never-registered' || sinceMs <= needsSinceMs(stop)) && isBorneOut(stop, agents.value);
  return { stops: stops.filter((stop) => !isDoubtful(stop) || stillHolds(stop)) };
}

/** The agents since the given time or, if these are too many to list, those of the last minutes. */
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

/** @param agents `undefined`: the token can no longer list agents, so any of them may be at work. */
function isBorneOut({ taskId, cause }: Stop, agents: readonly Agent[] | undefined): boolean {
  if (agents === undefined) return false;
  const its = agents.filter(({ name }) => name === taskId);
  if (cause === 'agent-never-registered') return its.length === 0;
  if (its.length === 0) return false;
  if (cause === 'agent-errored') return its.every(({ status }) => status === 'errored' || status === 'exited');
  return its.every(({ status }) => status === 'exited');
}
