/** The agent's life: register, wait, execute, leave. */
import { setTimeout as delay } from 'node:timers/promises';
import type { PolledJob, Registration } from '../hcp-terraform/agent-protocol.ts';
import { type AgentApi, AgentApiError } from './api.ts';
import type { AgentLog } from './log.ts';
import type { Stops } from './process.ts';

export interface AgentSettings {
  readonly registration: Registration;
  readonly api: AgentApi;
  readonly log: AgentLog;
  /** Executes one job; see `executeJob`. */
  readonly execute: (job: PolledJob, stops: Stops) => Promise<void>;
  /** Aborted by the first signal: finish the job, if there is one, and exit. */
  readonly drain: AbortSignal;
  /** Time between two reports of a busy agent, and so the maximum delay of a cancellation. Default: 1000 ms. */
  readonly heartbeatMs?: number;
}

/**
 * Resolves when the agent has exited in an orderly way: drained, or after its one job in single mode, whatever Terraform's result
 * was. Rejects with an {@link AgentApiError} if the registration failed, or at any time if the token is rejected or the agent is no
 * longer registered. The caller must then kill everything that still runs.
 */
export async function runAgent(settings: AgentSettings): Promise<void> {
  const { api, log, registration, drain } = settings;
  const self = await api.register(registration);
  const name = registration.name ?? self.agentId;
  log.identify({
    agent_id: self.agentId,
    agent_name: name,
    agent_pool_id: self.agentPoolId,
    agent_version: registration.version,
  });
  log.write('info', 'core', 'Agent registered successfully with Terraform Cloud', {
    'agent.id': self.agentId,
    'agent.pool.id': self.agentPoolId,
  });

  log.write('info', 'core', 'Waiting for next job');
  while (!drain.aborted) {
    const job = await nextJob(settings, self.agentId);
    if (job === undefined) {
      await delay(self.pollIntervalMs, undefined, { signal: drain }).catch(() => undefined);
      continue;
    }
    await handle(job, settings, self.agentId);
    if (registration.single) break;
    if (!drain.aborted) {
      await tolerate(log, () => api.status(self.agentId, { status: 'idle' }));
      log.write('info', 'core', 'Waiting for next job');
    }
  }

  await tolerate(log, () => api.status(self.agentId, { status: 'exited' }));
  log.write('info', 'core', 'Agent deregistered; shutting down');
}

async function nextJob({ api, log }: AgentSettings, agentId: string): Promise<PolledJob | undefined> {
  return tolerate(log, () => api.poll(agentId));
}

async function handle(job: PolledJob, settings: AgentSettings, agentId: string): Promise<void> {
  const { log } = settings;
  const cancel = new AbortController();
  const kill = new AbortController();
  const done = new AbortController();
  const run = { 'run.id': job.jobId, 'run.operation': job.jobType };
  log.write('info', 'core', 'Job received', { job_type: job.jobType, job_id: job.jobId });
  log.write('info', 'terraform', 'Handling run', run);

  const heartbeats = heartbeat(settings, agentId, cancel, kill, done.signal);
  const execution = settings.execute(job, { cancel: cancel.signal, kill: kill.signal });
  // Prevents an unhandled rejection if the heartbeat ends the agent first.
  execution.catch(() => undefined);
  try {
    // A heartbeat that ends before the job was rejected, so the agent must exit.
    await Promise.race([execution, heartbeats.then(() => execution)]);
    log.write('info', 'terraform', 'Finished handling run', run);
  } catch (error) {
    if (isFatal(error)) throw error;
    log.write('error', 'terraform', `The run was given up: ${messageOf(error)}`, run);
  } finally {
    done.abort();
  }
  await heartbeats;
}

/** Reports every second that the agent is busy, and forwards HCP Terraform's instructions, until `done`. */
async function heartbeat(
  { api, log, heartbeatMs = 1000 }: AgentSettings,
  agentId: string,
  cancel: AbortController,
  kill: AbortController,
  done: AbortSignal,
): Promise<void> {
  while (!done.aborted) {
    const answer = await tolerate(log, () => api.status(agentId, { status: 'busy' }));
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
    await delay(heartbeatMs, undefined, { signal: done }).catch(() => undefined);
  }
}

/** Undefined if the call failed in a way that a retry may fix. */
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
