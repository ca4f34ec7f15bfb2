/**
 * The agent's life: it registers, polls for jobs, executes them and exits.
 *
 * During a job, it reports every second that it is busy. The response can be an instruction to stop the job. If the agent token is
 * rejected or the agent is no longer registered, it ends immediately, even during a job. It only logs all other faults.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { PolledJob, Registration } from '../hcp-terraform/agent-protocol.ts';
import { type AgentApi, AgentApiError } from './api.ts';
import { type AgentLog, messageOf } from './log.ts';
import type { Stops } from './process.ts';

export interface AgentSettings {
  readonly registration: Registration;
  readonly api: AgentApi;
  readonly log: AgentLog;
  /** Executes one job; see `executeJob`. */
  readonly execute: (job: PolledJob, stops: Stops) => Promise<void>;
  /** Aborted by the first signal. The agent then finishes its job, if it has one, and exits. */
  readonly drain: AbortSignal;
}

/** Time between two reports of a busy agent. It is also the maximum delay of a cancellation. */
const HEARTBEAT_MS = 1000;

/**
 * Resolves when the agent has exited normally: after a signal, or after its only job in single mode, even if Terraform failed.
 * Rejects with an {@link AgentApiError} if the agent must exit immediately. The caller must then kill all processes that are still
 * running.
 */
export async function runAgent(settings: AgentSettings): Promise<void> {
  const { api, log, registration, drain } = settings;
  const self = await api.register(registration);
  log.identify({
    agent_id: self.agentId,
    agent_name: registration.name ?? self.agentId,
    agent_pool_id: self.agentPoolId,
    agent_version: registration.version,
  });
  log.write('info', 'core', 'Agent registered successfully with Terraform Cloud', {
    'agent.id': self.agentId,
    'agent.pool.id': self.agentPoolId,
  });

  log.write('info', 'core', 'Waiting for next job');
  while (!drain.aborted) {
    const job = await tolerate(log, api.poll);
    if (job === undefined) {
      await delay(self.pollIntervalMs, undefined, { signal: drain }).catch(() => undefined);
      continue;
    }
    await handle(job, settings);
    if (registration.single) break;
    if (!drain.aborted) {
      await tolerate(log, () => api.status({ status: 'idle' }));
      log.write('info', 'core', 'Waiting for next job');
    }
  }

  await tolerate(log, () => api.status({ status: 'exited' }));
  log.write('info', 'core', 'Agent deregistered; shutting down');
}

async function handle(job: PolledJob, settings: AgentSettings): Promise<void> {
  const { log } = settings;
  const cancel = new AbortController();
  const kill = new AbortController();
  const done = new AbortController();
  const run = { 'run.id': job.jobId, 'run.operation': job.jobType };
  log.write('info', 'core', 'Job received', { job_type: job.jobType, job_id: job.jobId });
  log.write('info', 'terraform', 'Handling run', run);

  const heartbeats = heartbeat(settings, cancel, kill, done.signal);
  const execution = settings.execute(job, { cancel: cancel.signal, kill: kill.signal });
  // Prevent an unhandled rejection if the heartbeat ends the agent first.
  execution.catch(() => undefined);
  try {
    // If the heartbeat ends before the job, it was rejected, and the agent must exit.
    await Promise.race([execution, heartbeats.then(() => execution)]);
    log.write('info', 'terraform', 'Finished handling run', run);
  } catch (error) {
    if (isFatal(error)) throw error;
    log.write('error', 'terraform', `The agent stopped executing the run: ${messageOf(error)}`, run);
  } finally {
    done.abort();
  }
  await heartbeats;
}

/** Reports that the agent is busy, and forwards HCP Terraform's instructions, until `done`. */
async function heartbeat(
  { api, log }: AgentSettings,
  cancel: AbortController,
  kill: AbortController,
  done: AbortSignal,
): Promise<void> {
  while (!done.aborted) {
    const answer = await tolerate(log, () => api.status({ status: 'busy' }));
    if (done.aborted) return;
    if (answer?.job === 'cancel' && !cancel.signal.aborted) {
      log.write('info', 'core', 'Job canceled: interrupting');
      cancel.abort();
    }
    if (answer?.job === 'force-cancel' && !kill.signal.aborted) {
      log.write('info', 'core', 'Job force-canceled: killing');
      cancel.abort();
      kill.abort();
    }
    await delay(HEARTBEAT_MS, undefined, { signal: done }).catch(() => undefined);
  }
}

/** The result of the call; `undefined` if it failed and a retry can help. */
async function tolerate<T>(log: AgentLog, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isFatal(error) || !(error instanceof AgentApiError)) throw error;
    log.write('warn', 'core', error.message);
    return undefined;
  }
}

function isFatal(error: unknown): boolean {
  return error instanceof AgentApiError && ['token-rejected', 'refused', 'agent-gone'].includes(error.fault);
}
