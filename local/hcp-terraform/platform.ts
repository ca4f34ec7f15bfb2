/** The world, its clock and its settings: the input of every route and rule. */

import type { Agent } from './records.ts';
import type { Run } from './runs.ts';
import { executionOf, type World, type WorldEvent } from './world.ts';

const NO_HOSTED_WORKERS = ': its execution mode is remote, and there are no hosted workers here, so it stays queued';

export interface PlatformSettings {
  /** Poll interval of idle agents in milliseconds. The vendor's is 30,000. */
  readonly agentPollMs: number;
  /** Silence after which an agent is `unknown`. The vendor doesn't document it. */
  readonly agentUnknownAfterMs: number;
  /** How long an agent is `unknown` before it becomes `errored`. The vendor's is five minutes. */
  readonly agentErroredAfterMs: number;
  /** Which job an agent gets first. The vendor documents applies, then plans, then speculative plans. Default: that. */
  readonly jobOrder?: 'applies-first' | 'oldest-first';
  /** Organization agent limit for idle, busy and unknown agents. Default: no limit. */
  readonly agentsCeiling: number | undefined;
  /** Time after a cancel until a forced cancel is possible. */
  readonly forceCancelCoolOffMs: number;
  /** `X-TFE-Version` of the Terraform Enterprise to emulate. Default: HCP Terraform. */
  readonly tfeVersion: string | undefined;
  /** The Terraform version of workspaces that set none. */
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
  const waitsForNobody =
    workspace !== undefined &&
    (run.status === 'plan_queued' || run.status === 'apply_queued') &&
    executionOf(platform.world, workspace).mode !== 'agent';
  const detail = `workspace ${workspace?.name ?? run.workspaceId}${waitsForNobody ? NO_HOSTED_WORKERS : ''}`;
  platform.emit({ at: platform.now(), kind: 'run', id: run.id, status: run.status, detail });
}

export function agentChanged(platform: Platform, agent: Agent, status: string): void {
  platform.emit({ at: platform.now(), kind: 'agent', id: agent.id, status, detail: `name ${agent.name}` });
}
