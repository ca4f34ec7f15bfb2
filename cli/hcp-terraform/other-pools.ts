/** Reads the runs that wait in agent pools of an organization which a launcher doesn't serve. */
import type { OtherPools } from '../core/doctor/unserved.ts';
import { agentPoolsOf, type Pool } from './agent-pools.ts';
import { type HcpTerraform, unlessHidden } from './client.ts';
import { newestQueuedRuns, poolOfWorkspace, type WorkspacePool } from './pools.ts';

/** Maximum number of pools in one request, so that its URL stays short. */
const MOST_POOLS = 50;
/** Maximum number of workspaces that are looked up. Each takes one request. */
const MOST_WORKSPACES = 10;

/**
 * At most one of the 30 requests per minute that HCP Terraform allows for lists of runs, and none if every pool without agents is the launcher's.
 *
 * @returns `undefined` if the token can't list the pools or the runs
 */
export async function otherPools(
  client: HcpTerraform,
  organization: string,
  served: readonly { readonly id?: string | undefined; readonly name: string }[],
): Promise<OtherPools | undefined> {
  const pools = await unlessHidden(agentPoolsOf(client, organization));
  if (pools === undefined) return undefined;
  const isServed = ({ id, name }: Pool): boolean => served.some((own) => own.id === id || own.name === name);
  const others = pools.filter((pool) => !isServed(pool));
  // Releases of Terraform Enterprise that don't show the number of agents: the runs decide.
  const all = others.filter(({ agents = 0 }) => agents === 0);
  const withoutAgents = all.slice(0, MOST_POOLS);
  const facts = { count: others.length, unreadPools: all.length - withoutAgents.length };
  if (withoutAgents.length === 0) return { ...facts, withoutAgents: [], unreadRuns: 0 };
  const names = withoutAgents.map(({ name }) => name);
  const runs = await unlessHidden(newestQueuedRuns(client, organization, names));
  if (runs === undefined) return undefined;
  const ids = [...new Set(runs.map(({ workspaceId }) => workspaceId))].slice(0, MOST_WORKSPACES);
  const read = await Promise.all(ids.map(async (id) => [id, await unlessHidden(poolOfWorkspace(client, id))] as const));
  const workspaces = new Map<string, WorkspacePool | undefined>(read);
  return {
    ...facts,
    withoutAgents: withoutAgents.map(({ id, name }) => ({
      name,
      waiting: runs.flatMap(({ id: run, workspaceId, queuedAtMs }) => {
        const workspace = workspaces.get(workspaceId);
        return workspace?.poolId === id ? [{ id: run, workspace: workspace.name, queuedAtMs }] : [];
      }),
    })),
    unreadRuns: runs.filter(({ workspaceId }) => workspaces.get(workspaceId) === undefined).length,
  };
}
