/** The input of every route and rule: the data in memory, the clock and the settings. */

import type { Run } from './runs.ts';
import { type Agent, executionOf, type InternalJob, type World, type WorldEvent } from './world.ts';

const NO_HOSTED_WORKERS = ': its execution mode is remote, and there are no hosted workers here, so it stays queued';

export interface PlatformSettings {
  /** Poll interval of idle agents in milliseconds. Default: 1,000 (HCP Terraform: 30,000). */
  readonly agentPollMs: number;
  /** After this time without a ping, an agent is `unknown`. Default: 60,000 ms, or three polls. HashiCorp doesn't document it. */
  readonly agentUnknownAfterMs: number;
  /** How long an agent is `unknown` before the agent and its job become errored. Default: 300,000 ms, as in HCP Terraform. */
  readonly agentErroredAfterMs: number;
  /** Which job an agent gets first. Default: the documented order, which is applies, then plans, then speculative plans. */
  readonly jobOrder?: 'applies-first' | 'oldest-first';
  /** Rank of a job that no list shows, among applies (0), plans (1) and speculative plans (2). Default: only age counts. */
  readonly internalRank?: (job: InternalJob) => number;
  /** Organization agent limit. Idle, busy and unknown agents count. More registrations are rejected. Default: no limit. */
  readonly agentsCeiling?: number;
  /** Time after a cancel until a forced cancel is possible. Default: 10,000 ms. HashiCorp doesn't document it. */
  readonly forceCancelCoolOffMs: number;
  /** If set, the server emulates Terraform Enterprise with this `X-TFE-Version`, such as `v202409-1`. */
  readonly tfeVersion?: string;
  /** Default Terraform version of workspaces. Default: `1.11.4`. */
  readonly terraformVersion: string;
}

export interface Platform {
  readonly world: World;
  readonly settings: PlatformSettings;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Notifies the observers, such as a log or a table. */
  emit(event: WorldEvent): void;
}

export function runChanged(platform: Platform, run: Run): void {
  const workspace = platform.world.workspaces.get(run.workspaceId);
  const waitsForever =
    workspace !== undefined &&
    (run.status === 'plan_queued' || run.status === 'apply_queued') &&
    executionOf(platform.world, workspace).mode !== 'agent';
  const detail = `workspace ${workspace?.name ?? run.workspaceId}${waitsForever ? NO_HOSTED_WORKERS : ''}`;
  platform.emit({ at: platform.now(), kind: 'run', id: run.id, status: run.status, detail });
}

export function agentChanged(platform: Platform, agent: Agent, status: string): void {
  platform.emit({ at: platform.now(), kind: 'agent', id: agent.id, status, detail: `name ${agent.name}` });
}
