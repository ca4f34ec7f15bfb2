/** Names of workspaces, and statuses and waits of runs, for `runs` and `cost`. They are an addition: without a token, ids are shown. */
import type { TaskEndedLine } from '../functions/launcher/log-lines.ts';
import type { Context } from './context.ts';
import type { HcpTerraform } from './hcp-terraform/client.ts';
import { type RunNow, runsNow, workspaceNames } from './hcp-terraform/names.ts';
import { CommandError } from './io.ts';
import { apiTokenSecrets, hcpTerraformOf } from './run-evidence.ts';

/** Names of these workspaces. Nothing says which pool they belong to, so this asks with each pool's token for those that are left. */
export async function workspaceNamesOf(context: Context, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  if (ids.length === 0) return names;
  await withTokens(context, apiTokenSecrets(await context.deployment()), async (client) => {
    const left = ids.filter((id) => !names.has(id));
    if (left.length > 0) addAll(names, await workspaceNames(client, left));
  });
  return names;
}

/** Names of the workspaces, and the runs as they are now. The token of each pool asks for the pool's own lines. */
export async function namesOf(
  context: Context,
  lines: readonly TaskEndedLine[],
): Promise<{ readonly workspaces: ReadonlyMap<string, string>; readonly runs: ReadonlyMap<string, RunNow> }> {
  const { pools, apiTokenSecret } = await context.deployment();
  const secretOf = new Map(pools.map((pool) => [pool.name, pool.apiTokenSecret]));
  const bySecret = Map.groupBy(lines, ({ pool }) => secretOf.get(pool) ?? apiTokenSecret);
  const workspaces = new Map<string, string>();
  const found = new Map<string, RunNow>();
  await withTokens(context, [...bySecret.keys()], async (client, secret) => {
    const its = bySecret.get(secret) ?? [];
    const ids = its.flatMap(({ workspace }) => workspace ?? []);
    const runs = its.flatMap(({ run }) => run ?? []);
    const [names, states] = await Promise.all([workspaceNames(client, ids), runsNow(client, runs)]);
    addAll(workspaces, names);
    addAll(found, states);
  });
  return { workspaces, runs: found };
}

/** Asks with the token in each secret. Says once what failed. */
async function withTokens(
  context: Context,
  secrets: readonly string[],
  read: (client: HcpTerraform, apiTokenSecret: string) => Promise<void>,
): Promise<void> {
  const { hostname } = await context.deployment();
  const failures = new Set<string>();
  for (const apiTokenSecret of secrets) {
    try {
      const { client } = await hcpTerraformOf(context, { hostname, apiTokenSecret });
      try {
        await read(client, apiTokenSecret);
      } finally {
        await client.close();
      }
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      failures.add(error.message);
    }
  }
  for (const message of failures) context.note(`Workspaces are shown by id. ${message}`);
}

function addAll<T>(to: Map<string, T>, from: ReadonlyMap<string, T>): void {
  for (const [key, value] of from) to.set(key, value);
}
