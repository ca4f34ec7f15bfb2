/** The world together with its clock and its rules: what every route and every rule is given. */

import type { Agent } from './records.ts';
import type { Run } from './runs.ts';
import { executionOf, type World, type WorldEvent } from './world.ts';

const NO_HOSTED_WORKERS = ': its execution mode is remote, and there are no hosted workers here, so it stays queued';

export interface PlatformSettings {
  /** How long an idle agent is told to wait between polls. The vendor's is 30,000. */
  readonly agentPollMs: number;
  /** Silence after which an agent is `unknown`. The vendor does not say how long that is. */
  readonly agentUnknownAfterMs: number;
  /** How long an agent is `unknown` before it is declared errored. The vendor's is five minutes. */
  readonly agentErroredAfterMs: number;
  /** Most idle, busy and unknown agents an organization may have; absent: no allowance to exceed. */
  readonly agentsCeiling: number | undefined;
  /** How long after a cancel it may be forced. */
  readonly forceCancelCoolOffMs: number;
  /** `X-TFE-Version` of a Terraform Enterprise to be taken for; absent: HCP Terraform. */
  readonly tfeVersion: string | undefined;
  /** The Terraform version of workspaces that ask for none. */
  readonly terraformVersion: string;
}

export interface Platform {
  readonly world: World;
  readonly settings: PlatformSettings;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Tells whoever watches; a line of a log, a table's row. */
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
