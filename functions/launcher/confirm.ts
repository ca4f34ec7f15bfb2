import type { Agent, Stop, Supply } from './core/types.ts';
import { seen, type UpstreamError } from './errors.ts';
import { CLOCK_SKEW_MS } from './observe.ts';
import type { HcpTerraform, Pool } from './ports.ts';

/**
 * The stops that still hold right before they are carried out. The one thing that must never happen is that a job is ended, and the list
 * of agents that the decision was made on may be old by now, or may have been incomplete. So the agents are listed again for every stop
 * that rests on that list:
 *
 * - an agent that never registered: it must still be missing;
 * - an agent that left: every agent of its name must have exited. One that registered again has a second row.
 * - an errored agent: every agent of its name must be errored or exited. HCP Terraform sends an errored agent away when it comes back
 *   (https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#view-agent-statuses), but that it then stays away isn't documented.
 *
 * An exit code from ECS needs no second look: a container doesn't come back.
 */
export async function confirmedStops(
  pool: Pool,
  stops: readonly Stop[],
  supply: Supply,
  hcpTerraform: HcpTerraform,
  signal: AbortSignal,
): Promise<{ readonly stops: readonly Stop[]; readonly error?: UpstreamError }> {
  const tasks = new Map(supply.live.map(({ task }) => [task.id, task]));
  const isDoubtful = ({ taskId, cause }: Stop): boolean =>
    cause !== 'agent-left' || tasks.get(taskId)?.exitCode === undefined;
  const doubtful = stops.filter(isDoubtful);
  if (doubtful.length === 0) return { stops };
  const created = doubtful.map(({ taskId }) => tasks.get(taskId)?.createdAtMs ?? CLOCK_SKEW_MS);
  const oldestMs = created.reduce((a, b) => Math.min(a, b));
  const answer = await seen(hcpTerraform.agents(pool, oldestMs - CLOCK_SKEW_MS, signal));
  // What rests on no list is certain, whatever becomes of the second look.
  if (!answer.ok) return { stops: stops.filter((stop) => !isDoubtful(stop)), error: answer.error };
  const agents = answer.value;
  return { stops: stops.filter((stop) => !isDoubtful(stop) || stillHolds(stop, agents)) };
}

/** @param agents `undefined`: the token can no longer list agents, so any of them may be at work. */
function stillHolds({ taskId, cause }: Stop, agents: readonly Agent[] | undefined): boolean {
  if (agents === undefined) return false;
  const its = agents.filter(({ name }) => name === taskId);
  if (cause === 'agent-never-registered') return its.length === 0;
  if (its.length === 0) return false;
  if (cause === 'agent-errored') return its.every(({ status }) => status === 'errored' || status === 'exited');
  return its.every(({ status }) => status === 'exited');
}
