/**
 * Executes one job, from its files to its result.
 *
 * Each job has a fresh directory. A plan unpacks the configuration there, and packs its files for the apply, which can run on another
 * machine. Both download the workspace's state first. An apply uploads the new state, even if it failed.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import type { Job, JobResult, PolledJob } from '../hcp-terraform/agent-protocol.ts';
import { type AgentApi, AgentApiError } from './api.ts';
import { operationEnvironment, overrideBackend, pack, rootModule, unpack, variablesText } from './configuration.ts';
import { type Engine, NO_COUNTS, type Operation, stateFile } from './engine.ts';
import { type HookSettings, runHook } from './hooks.ts';
import { type AgentLog, messageOf } from './log.ts';
import { createLogStream } from './log-stream.ts';
import type { Stops } from './process.ts';

export interface JobSettings {
  readonly api: AgentApi;
  readonly engine: Engine;
  readonly hooks: HookSettings;
  /** The agent's environment without the variables that configure the agent. */
  readonly environment: Readonly<Record<string, string>>;
  /** Directory for the jobs. Each job gets a fresh subdirectory, which is removed at the end. */
  readonly runsDirectory: string;
  readonly log: AgentLog;
}

/** A job in execution. */
interface Execution extends JobSettings {
  readonly job: Job;
  readonly stops: Stops;
  /** The job's own directory. */
  readonly directory: string;
  /** Appends to the run's log. */
  readonly write: Operation['write'];
}

/**
 * Executes one job and reports its result. If files, hooks or Terraform fail, the reason is in the run's log, and the result is
 * `errored`. Rejects with an {@link AgentApiError} only if the result can't be reported to HCP Terraform.
 */
export async function executeJob(job: PolledJob, settings: JobSettings, stops: Stops): Promise<void> {
  const { api, log, runsDirectory } = settings;
  if ('durationMs' in job) {
    // Assessments, policies and tests only occupy an agent for some time.
    await delay(job.durationMs, undefined, { signal: stops.cancel }).catch(() => undefined);
    await api.result(job.operationId, { status: stops.cancel.aborted ? 'canceled' : 'finished' });
    return;
  }
  const directory = join(runsDirectory, `${job.jobId}.${job.jobType}`);
  const stream = createLogStream(
    (text) => api.appendLog(job.operationId, text),
    (error) => log.write('warn', 'terraform', `The rest of the run's log is lost: ${messageOf(error)}`),
  );
  try {
    const result = await execute({ ...settings, job, stops, directory, write: stream.write });
    await stream.end();
    await api.result(job.operationId, result);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function execute(execution: Execution): Promise<JobResult> {
  const { job, stops, write, log } = execution;
  try {
    const operation = await prepare(execution);
    return await (job.jobType === 'plan' ? plan : apply)(execution, operation);
  } catch (error) {
    if (error instanceof AgentApiError && error.fault !== 'unexpected') throw error;
    write(`\nError: ${messageOf(error)}\n`);
    log.write('error', 'terraform', `The job could not be executed: ${messageOf(error)}`);
    return { status: stops.cancel.aborted ? 'canceled' : 'errored' };
  }
}

/** Creates a fresh directory with the configuration, the state and the variables. */
async function prepare({ api, log, job, directory, environment, write, stops }: Execution): Promise<Operation> {
  await rm(directory, { recursive: true, force: true });
  // The state and the plan contain secrets, and other users may have access to the parent directory.
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
  const planFile = join(directory, 'plan', 'terraform.tfplan');
  const env = operationEnvironment(job, environment);
  return { job, directory: root, planFile, variablesFile, env, write, stops };
}

async function plan(execution: Execution, operation: Operation): Promise<JobResult> {
  const { api, log, job, stops, directory, engine } = execution;
  const planned = await withHooks(execution, operation, engine.plan);
  if (stops.cancel.aborted) return { status: 'canceled' };
  if (!planned.hooksPassed || planned.result.status !== 'finished') return { status: 'errored' };
  if (!job.planOnly) {
    log.write('info', 'terraform', 'Persisting filesystem to remote storage');
    const archive = join(directory, 'filesystem.tar.gz');
    await pack(archive, directory, ['config', 'plan']);
    await api.putFilesystem(job.operationId, archive);
  }
  return planned.result;
}

async function apply(execution: Execution, operation: Operation): Promise<JobResult> {
  const { api, log, job, stops, engine, write } = execution;
  const file = stateFile(operation.directory, job.workspaceName);
  const before = await readFile(file).catch(() => undefined);
  const { hooksPassed, result } = await withHooks(execution, operation, async (prepared) => {
    const done = await engine.apply(prepared);
    // Upload the state immediately, even after a failed apply, so that it contains all existing resources.
    const after = await readFile(file).catch(() => undefined);
    if (after !== undefined && !isStateFile(after)) {
      write(
        `\nError: Terraform left ${after.length === 0 ? 'an empty' : 'an unfinished'} state file, which was not uploaded.\n` +
          'The state in HCP Terraform is the one from before this apply. Resources that this apply created are not in it: ' +
          'import them, or delete them by hand.\n',
      );
    } else if (after !== undefined && (before === undefined || !after.equals(before))) {
      log.write('info', 'terraform', 'Uploading state');
      await api.putState(job.operationId, after);
    }
    return done;
  });
  const ok = hooksPassed && result.status === 'finished';
  return { ...NO_COUNTS, ...result, status: ok ? 'finished' : stops.cancel.aborted ? 'canceled' : 'errored' };
}

/** Whether Terraform finished writing the file. If it is killed, the file may be incomplete or empty. */
function isStateFile(bytes: Buffer): boolean {
  try {
    return z.object({ version: z.number(), serial: z.number() }).safeParse(JSON.parse(bytes.toString('utf8'))).success;
  } catch {
    return false;
  }
}

/** Runs the pre hook, then `work` if the hook succeeded, and always the post hook. */
async function withHooks(
  { hooks, job, directory }: Execution,
  operation: Operation,
  work: (operation: Operation) => Promise<JobResult>,
): Promise<{ readonly hooksPassed: boolean; readonly result: JobResult }> {
  const hook = (when: 'pre' | 'post', of: Operation) => {
    const kind = `${when}-${job.jobType}` as const;
    return runHook(kind, hooks, of, join(directory, `${kind}.env`));
  };
  const env = await hook('pre', operation);
  const prepared = { ...operation, env: { ...operation.env, ...env } };
  const result: JobResult = env === undefined ? { status: 'errored' } : await work(prepared);
  const after = await hook('post', prepared);
  return { hooksPassed: env !== undefined && after !== undefined, result };
}
