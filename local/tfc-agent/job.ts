/** Executes one job, from its files to its result. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import type { InternalJob, Job, JobResult, PolledJob } from '../hcp-terraform/agent-protocol.ts';
import { type AgentApi, AgentApiError } from './api.ts';
import { operationEnvironment, overrideBackend, pack, rootModule, unpack, variablesText } from './configuration.ts';
import { type Counts, type Engine, NO_COUNTS, type Operation, stateFile } from './engine.ts';
import { type HookSettings, runHook } from './hooks.ts';
import type { AgentLog } from './log.ts';
import { createLogStream, type LogStream } from './log-stream.ts';
import type { HookKind } from './options.ts';
import type { Stops } from './process.ts';

export interface JobSettings {
  readonly api: AgentApi;
  readonly engine: Engine;
  readonly hooks: HookSettings;
  /** The agent's environment without the variables that configure the agent. */
  readonly environment: Readonly<Record<string, string>>;
  /** Each job gets a fresh subdirectory, which is removed at the end. */
  readonly runsDirectory: string;
  readonly log: AgentLog;
}

/**
 * Executes one job and reports its result. A failure inside the job (files, hooks, Terraform) is in the run's log, and the result is
 * `errored`. Rejects with an {@link AgentApiError} only if the result can't be reported to HCP Terraform.
 */
export async function executeJob(job: PolledJob, settings: JobSettings, stops: Stops): Promise<void> {
  const { api, log } = settings;
  if (!isPhase(job)) {
    // Assessments, policies and tests only occupy an agent for some time.
    await delay(job.durationMs, undefined, { signal: stops.cancel }).catch(() => undefined);
    await api.result(job.operationId, { status: stops.cancel.aborted ? 'canceled' : 'finished' });
    return;
  }
  const directory = join(settings.runsDirectory, `${job.jobId}.${job.jobType}`);
  const stream = createLogStream(
    (text) => api.appendLog(job.operationId, text),
    (error) => log.write('warn', 'terraform', `The rest of the run's log is lost: ${message(error)}`),
  );
  try {
    const result = await outcome(job, settings, stops, directory, stream);
    await stream.end();
    await api.result(job.operationId, result);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Whether Terraform finished writing the file. If it is killed, the file may be incomplete or empty. */
function isStateFile(bytes: Buffer): boolean {
  try {
    return z.object({ version: z.number(), serial: z.number() }).safeParse(JSON.parse(bytes.toString('utf8'))).success;
  } catch {
    return false;
  }
}

function isPhase(job: Job | InternalJob): job is Job {
  return job.jobType === 'plan' || job.jobType === 'apply';
}

async function outcome(
  job: Job,
  settings: JobSettings,
  stops: Stops,
  directory: string,
  stream: LogStream,
): Promise<JobResult> {
  try {
    const operation = await prepare(job, settings, stops, directory, stream);
    const result = job.jobType === 'plan' ? plan : apply;
    return await result(operation, settings, directory);
  } catch (error) {
    if (error instanceof AgentApiError && error.fault !== 'unexpected') throw error;
    stream.write(`\nError: ${message(error)}\n`);
    settings.log.write('error', 'terraform', `The job could not be executed: ${message(error)}`);
    return { status: stops.cancel.aborted ? 'canceled' : 'errored' };
  }
}

/** Creates a fresh directory with the configuration, the state and the variables. */
async function prepare(
  job: Job,
  settings: JobSettings,
  stops: Stops,
  directory: string,
  stream: LogStream,
): Promise<Operation> {
  const { api, log } = settings;
  await rm(directory, { recursive: true, force: true });
  // State and plan contain secrets, and other users may have access to the parent directory.
  await mkdir(join(directory, 'plan'), { recursive: true, mode: 0o700 });
  const archive = join(directory, 'download.tar.gz');
  const configuration = join(directory, 'config');
  if (job.jobType === 'plan') {
    log.write('info', 'terraform', 'Downloading Terraform configuration');
    await api.configuration(job.operationId, archive);
    await unpack(archive, configuration);
  } else {
    log.write('info', 'terraform', 'Recovering filesystem from remote storage');
    await api.filesystem(job.operationId, archive);
    await unpack(archive, directory);
  }
  await rm(archive, { force: true });

  const root = await rootModule(configuration, job.workingDirectory);
  await overrideBackend(root);
  const state = await api.state(job.operationId);
  if (state !== undefined) {
    const file = stateFile(root, job.workspaceName);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, state);
  }
  const variablesFile = join(directory, 'workspace.tfvars');
  await writeFile(variablesFile, variablesText(job.variables), { mode: 0o600 });
  return {
    job,
    directory: root,
    planFile: join(directory, 'plan', 'terraform.tfplan'),
    variablesFile,
    env: operationEnvironment(job, settings.environment),
    write: stream.write,
    stops,
  };
}

async function plan(operation: Operation, settings: JobSettings, directory: string): Promise<JobResult> {
  const planned = await withHooks(operation, settings, directory, 'pre-plan', 'post-plan', (prepared) =>
    settings.engine.plan(prepared),
  );
  const { result } = planned;
  if (operation.stops.cancel.aborted) return { status: 'canceled' };
  if (!planned.ok || result?.ok !== true) return { status: 'errored' };
  if (!operation.job.planOnly) {
    settings.log.write('info', 'terraform', 'Persisting filesystem to remote storage');
    const archive = join(directory, 'filesystem.tar.gz');
    await pack(archive, directory, ['config', 'plan']);
    await settings.api.putFilesystem(operation.job.operationId, archive);
  }
  return {
    status: 'finished',
    hasChanges: result.hasChanges,
    ...countFields(result.counts),
    planJson: result.planJson,
    ...(result.providerSchemasJson !== undefined && { providerSchemasJson: result.providerSchemasJson }),
  };
}

async function apply(operation: Operation, settings: JobSettings, directory: string): Promise<JobResult> {
  const file = stateFile(operation.directory, operation.job.workspaceName);
  const before = await readFile(file).catch(() => undefined);
  const applied = await withHooks(operation, settings, directory, 'pre-apply', 'post-apply', async (prepared) => {
    const done = await settings.engine.apply(prepared);
    // Immediately, also after a failed apply, so that the state contains what exists.
    const after = await readFile(file).catch(() => undefined);
    if (after !== undefined && !isStateFile(after)) {
      prepared.write(
        `\nError: Terraform left ${after.length === 0 ? 'an empty' : 'an unfinished'} state file, which was not uploaded.\n` +
          'The state in HCP Terraform is the one from before this apply. Resources that this apply created are not in it: ' +
          'import them, or delete them by hand.\n',
      );
    } else if (after !== undefined && (before === undefined || !after.equals(before))) {
      settings.log.write('info', 'terraform', 'Uploading state');
      await settings.api.putState(operation.job.operationId, after);
    }
    return done;
  });
  const ok = applied.ok && applied.result?.ok === true;
  const status = ok ? 'finished' : operation.stops.cancel.aborted ? 'canceled' : 'errored';
  return { status, ...countFields(applied.result?.counts ?? NO_COUNTS) };
}

/** Runs the pre hook, `work` if the hook succeeded, and in any case the post hook. */
async function withHooks<T>(
  operation: Operation,
  settings: JobSettings,
  directory: string,
  before: HookKind,
  after: HookKind,
  work: (operation: Operation) => Promise<T>,
): Promise<{ readonly ok: boolean; readonly result?: T }> {
  const pre = await runHook(before, settings.hooks, operation, join(directory, `${before}.env`));
  const prepared = { ...operation, env: { ...operation.env, ...pre.env } };
  const result = pre.ok ? await work(prepared) : undefined;
  const post = await runHook(after, settings.hooks, prepared, join(directory, `${after}.env`));
  return { ok: pre.ok && post.ok, ...(result === undefined ? {} : { result }) };
}

function countFields(counts: Counts): Partial<JobResult> {
  return {
    resourceAdditions: counts.additions,
    resourceChanges: counts.changes,
    resourceDestructions: counts.destructions,
    resourceImports: counts.imports,
  };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
