/** What the world knows of the platform's runs, agents and jobs in addition to the platform itself. */
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
  /** The run whose policy sets it evaluates: the run waits for it, however long that takes. */
  readonly policiesOf?: Run | undefined;
  readonly queuedAtMs: number;
  readonly durationMs: number;
  state: 'queued' | 'running' | 'done';
  canceled: boolean;
  /** Makes the agent that has the job stop it. */
  interrupt?: () => void;
}

/** A run of the platform, and what the world knows of it. */
export class Run {
  readonly of: PlatformRun;
  readonly pool: string;
  readonly what: RunCreated;
  job?: Job | undefined;
  /** Evaluates its policy sets. */
  policyJob?: Job | undefined;
  /** Number of transitions, so that an event that was scheduled in an earlier state does nothing in a later one. */
  step = 0;
  /** Whether it has passed the statuses between its plan and its approval. */
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

/** An agent of the platform, and what the world knows of it. */
export class Agent {
  readonly of: PlatformAgent;
  readonly registeredAtMs: number;
  /** Types of jobs that it accepts. */
  readonly accepts: readonly JobKind[];
  /** Since when nothing of it reaches HCP Terraform. */
  silentSinceMs?: number | undefined;
  job?: Job | undefined;
  /** Key of its last job. */
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

  /** Whether it ever had a job. */
  get hadJob(): boolean {
    return this.of.jobsTaken > 0;
  }
}
