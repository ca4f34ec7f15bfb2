/** The part of a tick's log line that is about gateways. */
import { ageMsOf, wasReady } from './core/gateway-health.ts';
import type { GatewayInstance, GatewayView } from './core/gateway-types.ts';
import type { GatewayLine, TickAttributes } from './log-lines.ts';
import type { GatewayOutcome, GatewayTick } from './tick-gateways.ts';

const DAY_MS = 24 * 60 * 60_000;

export function describeGateways(
  { views, outcomes, problems, errors }: GatewayTick,
  nowMs: number,
): Pick<TickAttributes, 'gateways' | 'gatewayProblems' | 'gatewayErrors'> {
  const own = Map.groupBy(outcomes, ({ gateway }) => gateway);
  return {
    gateways: views.map((view) => describeGateway(view, own.get(view.gateway.name) ?? [], nowMs)),
    ...(problems.length > 0 && { gatewayProblems: [...problems] }),
    ...(errors.length > 0 && {
      gatewayErrors: errors.map(({ system, fault, message }) => ({ system, fault, message })),
    }),
  };
}

function describeGateway(
  { gateway, status, instance }: GatewayView,
  outcomes: readonly GatewayOutcome[],
  nowMs: number,
): GatewayLine {
  return {
    gateway: gateway.name,
    status,
    ...(instance !== undefined && describeInstance(instance, nowMs)),
    ...(outcomes.length > 0 && {
      actions: outcomes.map(({ kind, outcome, reason }) => ({
        action: kind,
        outcome,
        ...(reason !== undefined && { reason }),
      })),
    }),
  };
}

function describeInstance(instance: GatewayInstance, nowMs: number): Omit<GatewayLine, 'gateway' | 'status'> {
  const { id, state, launchedAtMs, readyMs = 0, lastUsedMs } = instance;
  const seconds = (ms: number): number => Math.max(0, Math.round(ms / 1000));
  return {
    instance: id,
    ageDays: Math.round((ageMsOf(instance, nowMs) / DAY_MS) * 10) / 10,
    ...((state === 'pending' || state === 'running') && {
      startedAt: new Date(launchedAtMs).toISOString(),
      ...(wasReady(instance) && { startSeconds: seconds(readyMs - launchedAtMs) }),
      ...(lastUsedMs !== undefined && { unusedSeconds: seconds(nowMs - lastUsedMs) }),
    }),
  };
}
