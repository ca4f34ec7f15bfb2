/** Runs, agents and jobs of the platform, with data that only the simulated world has. */
import { type AgentStatusName, statusOf } from '../../local/hcp-terraform/agents.ts';
import type { Platform } from '../../local/hcp-terraform/platform.ts';
import type { Operation, Run as PlatformRun } from '../../local/hcp-terraform/runs.ts';
import type { InternalJob, Agent as PlatformAgent } from '../../local/hcp-terraform/world.ts';
import type { JobKind, RunCreated } from './scenario.ts';

/** A unit of work for an agent. The launcher reads no list of jobs without a run. */
export interface Job {
  readonly key: string;
  readonly kind: JobKind;
  readonly pool: string;
  readonly of: Operation | InternalJob;
  readonly run?: Run;
  /** If the job evaluates policy sets: their run, which waits for the job without a time limit. */
  readonly policiesOf?: Run | undefined;
  readonly queuedAtMs: number;
  readonly durationMs: number;
  state: 'queued' | 'running' | 'done';
  /** When an agent took the job. */
  takenAtMs?: number;
  canceled: boolean;
  /** Tells the agent that runs the job to abort it. */
  interrupt?: () => void;
}

/** A run of the platform, with the simulation's data. */
export class Run {
  readonly of: PlatformRun;
  readonly pool: string;
  readonly what: RunCreated;
  job?: Job | undefined;
  /** The job that evaluates the run's policy sets. */
  policyJob?: Job | undefined;
  /** Number of status changes. A scheduled event has no effect if the status has changed since. */
  step = 0;
  /** Whether the run has passed the statuses between its plan and its approval. */
  passed = false;

  constructor(of: PlatformRun, what: RunCreated) {
    this.of = of;
    this.pool = what.pool;
    this.what = what;
  }

  get id(): string {
    return this.of.id;
  }

  get status(): string {
    return this.of.status;
  }
}

/** An agent of the platform, with the simulation's data. */
export class Agent {
  readonly of: PlatformAgent;
  readonly registeredAtMs: number;
  /** Types of jobs that the agent accepts. */
  readonly accepts: readonly JobKind[];
  /** Since when none of the agent's requests has reached HCP Terraform. */
  silentSinceMs?: number | undefined;
  job?: Job | undefined;
  /** Key of the agent's last job. */
  lastJob?: string;
  readonly #platform: Platform;

  constructor(of: PlatformAgent, accepts: readonly JobKind[], platform: Platform, nowMs: number) {
    this.of = of;
    this.accepts = accepts;
    this.#platform = platform;
    this.registeredAtMs = nowMs;
  }

  get name(): string {
    return this.of.name;
  }

  get status(): AgentStatusName {
    return this.silentSinceMs === undefined ? this.of.reported : statusOf(this.#platform, this.of);
  }

  /** Whether the agent ever had a job. */
  get hadJob(): boolean {
    return this.of.jobsTaken > 0;
  }
}
