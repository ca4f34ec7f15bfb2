/**
 * For `runs` and `cost`: the jobs that tasks executed, names of workspaces, and statuses and waits of runs. They are an addition: without a token, ids
 * are shown.
 */
import type { TaskEndedLine } from '../functions/launcher/log-lines.ts';
import { agentLog } from './aws/agent-log.ts';
import type { Context } from './context.ts';
import { type ExecutedLine, executedLines, type Job, jobIn, runsOf } from './core/executed-jobs.ts';
import { receivedJob } from './core/why/agent-log.ts';
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

/** Tasks that ended, with the jobs that they executed, and what HCP Terraform says about these jobs. */
export interface NamedLines {
  readonly lines: readonly ExecutedLine[];
  readonly workspaces: ReadonlyMap<string, string>;
  readonly runs: ReadonlyMap<string, RunNow>;
}

/** Agents whose log is read, because neither the launcher nor HCP Terraform shows their job. Each log takes a request. */
const MOST_LOGS = 20;

/** The jobs that the tasks executed, with the names of their workspaces and the runs as they are now. */
export async function namesOf(context: Context, ended: readonly TaskEndedLine[]): Promise<NamedLines> {
  const tokens = await tokensOf(context);
  const runs = new Map(await tokens.runs(ended, runsOf));
  const first = executedLines(ended, runs);
  const logged = await jobsInLogs(context, first.filter(isUncertain).slice(0, MOST_LOGS));
  let lines: readonly ExecutedLine[] = first;
  if (logged.size > 0) {
    const unread = (task: string): string[] =>
      [logged.get(task)?.run ?? ''].filter((run) => run !== '' && !runs.has(run));
    addAll(runs, await tokens.runs(ended, (its) => its.flatMap(({ task }) => unread(task))));
    lines = executedLines(ended, runs, logged);
  }
  return { lines, runs, workspaces: await tokens.workspaces(lines) };
}

/** Whether the task's agent took a job that isn't known for certain. */
function isUncertain({ execution }: ExecutedLine): boolean {
  return execution === 'assumed' || execution === 'another';
}

/** The tasks with the jobs that they executed, by what HCP Terraform shows about at most {@link MOST_RUNS} of their runs. */
export async function withExecutedJobs(
  context: Context,
  ended: readonly TaskEndedLine[],
): Promise<readonly ExecutedLine[]> {
  // A known job that isn't the task's own was taken from another task.
  const open = ended.filter(({ job, launchedFor }) => job !== launchedFor && jobIn(launchedFor) !== undefined);
  const asked = new Set(runsOf(open.toReversed()).slice(0, MOST_RUNS));
  if (asked.size === 0) return executedLines(ended, new Map());
  const tokens = await tokensOf(context);
  const runs = await tokens.runs(open, (its) => runsOf(its).filter((run) => asked.has(run)));
  return executedLines(ended, runs);
}

/** Runs that `cost` looks up. Each one takes a request, of which HCP Terraform allows 30 per second. */
const MOST_RUNS = 300;

/** The job in the log of each agent. A log that can't be read shows none. */
async function jobsInLogs(context: Context, lines: readonly TaskEndedLine[]): Promise<ReadonlyMap<string, Job>> {
  const { agentLogGroups } = await context.deployment();
  const found = new Map<string, Job>();
  await Promise.all(
    lines.map(async ({ task, pool }) => {
      const group = agentLogGroups.get(pool);
      const job = group === undefined ? undefined : await loggedJob(context, group, task);
      if (job !== undefined) found.set(task, job);
    }),
  );
  return found;
}

async function loggedJob({ aws }: Context, group: string, taskId: string): Promise<Job | undefined> {
  try {
    for await (const { message } of agentLog(aws, { group, taskId, pattern: '"Job received"' })) {
      const job = receivedJob(message);
      if (job !== undefined) return job;
    }
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

interface Tokens {
  /** The runs that `ids` chooses from each pool's lines, as they are now. */
  runs(
    lines: readonly TaskEndedLine[],
    ids: (lines: readonly TaskEndedLine[]) => readonly string[],
  ): Promise<ReadonlyMap<string, RunNow>>;
  /** Names of the lines' workspaces, by id. */
  workspaces(lines: readonly TaskEndedLine[]): Promise<ReadonlyMap<string, string>>;
}

/** Asks for each pool's lines with the pool's own token. */
async function tokensOf(context: Context): Promise<Tokens> {
  const { pools, apiTokenSecret } = await context.deployment();
  const secretOf = new Map(pools.map((pool) => [pool.name, pool.apiTokenSecret]));
  const failures = new Set<string>();
  const read = async <T>(
    lines: readonly TaskEndedLine[],
    ask: (client: HcpTerraform, its: readonly TaskEndedLine[]) => Promise<ReadonlyMap<string, T>>,
  ): Promise<ReadonlyMap<string, T>> => {
    const bySecret = Map.groupBy(lines, ({ pool }) => secretOf.get(pool) ?? apiTokenSecret);
    const found = new Map<string, T>();
    await withTokens(
      context,
      [...bySecret.keys()],
      async (client, secret) => addAll(found, await ask(client, bySecret.get(secret) ?? [])),
      failures,
    );
    return found;
  };
  return {
    runs: (lines, ids) => read(lines, (client, its) => runsNow(client, ids(its))),
    workspaces: (lines) =>
      read(lines, (client, its) =>
        workspaceNames(
          client,
          its.flatMap(({ workspace }) => workspace ?? []),
        ),
      ),
  };
}

/** Asks with the token in each secret. Says once what failed. @param failures what was said before */
async function withTokens(
  context: Context,
  secrets: readonly string[],
  read: (client: HcpTerraform, apiTokenSecret: string) => Promise<void>,
  failures: Set<string> = new Set(),
): Promise<void> {
  const { hostname } = await context.deployment();
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
      if (failures.has(error.message)) continue;
      failures.add(error.message);
      context.note(`Workspaces are shown by id. ${error.message}`);
    }
  }
}

function addAll<T>(to: Map<string, T>, from: ReadonlyMap<string, T>): void {
  for (const [key, value] of from) to.set(key, value);
}
