import { decideGateways, type GatewayInput, permissionOf } from './core/gateway.ts';
import type { Gateway, GatewayRules } from './core/gateway-types.ts';
import type { Gateways } from './ports.ts';

/** A younger instance isn't checked, because EC2's status checks take some time after a start. */
const CHECKED_AFTER_MS = 90_000;

/** The gateways of the deployment. */
export interface GatewaySettings {
  readonly all: readonly Gateway[];
  readonly rules: GatewayRules;
}

/** What EC2 shows of the gateways. */
export type SeenGateways = Pick<GatewayInput, 'instances' | 'impairedSinceMs'>;

/** Reads the instances, and the status checks of those that have been running for a while. Rejects with `UpstreamError`. */
export async function readGateways(gateways: Gateways, nowMs: number, signal: AbortSignal): Promise<SeenGateways> {
  const instances = await gateways.instances(signal);
  const checked = instances.filter(
    ({ state, launchedAtMs }) => state === 'running' && nowMs - launchedAtMs > CHECKED_AFTER_MS,
  );
  const ids = checked.map(({ id }) => id);
  return { instances, impairedSinceMs: ids.length === 0 ? new Map() : await gateways.impairedSinceMs(ids, signal) };
}

/** Whether tasks may be launched now, as far as EC2 shows it. Changes nothing. Rejects with `UpstreamError`. */
export async function gatewaysAllow(
  { all, rules }: GatewaySettings,
  gateways: Gateways,
  nowMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const seen = await readGateways(gateways, nowMs, signal);
  const views = decideGateways({ ...seen, gateways: all, liveTasks: undefined, wanted: true, rules, nowMs });
  return permissionOf(views).kind === 'allowed';
}
