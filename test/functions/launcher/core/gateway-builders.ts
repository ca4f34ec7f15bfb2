import type { GatewayInput } from '../../../../functions/launcher/core/gateway.ts';
import type { Gateway, GatewayInstance, GatewayRules } from '../../../../functions/launcher/core/gateway-types.ts';
import { minutes, NOW } from './builders.ts';

export const GATEWAY: Gateway = {
  name: 'launcher/gateway-1',
  launchTemplateId: 'lt-1',
  launchTemplateVersion: '1',
  networkInterfaceId: 'eni-1',
  config: 'config-1',
  fixedAddress: false,
};

export const RULES: GatewayRules = { idleMs: minutes(10), start: 'before-tasks', maxAgeMs: minutes(30 * 24 * 60) };

/** A gateway that was started an hour ago, is ready, and was used a moment ago. */
export function gatewayInstance(overrides: Partial<GatewayInstance> = {}): GatewayInstance {
  return {
    id: 'i-1',
    gateway: GATEWAY.name,
    state: 'running',
    launchedAtMs: NOW - minutes(60),
    networkInterfaceId: GATEWAY.networkInterfaceId,
    publicAddress: '192.0.2.1',
    config: GATEWAY.config,
    createdAtMs: NOW - minutes(24 * 60),
    failures: 0,
    lastUsedMs: NOW - 30_000,
    usedSinceMs: NOW - minutes(60),
    readyMs: NOW - minutes(59),
    ...overrides,
  };
}

export function gatewayInput(
  instances: readonly GatewayInstance[],
  overrides: Partial<GatewayInput> = {},
): GatewayInput {
  return {
    gateways: [GATEWAY],
    instances,
    impairedSinceMs: new Map(),
    liveTasks: 0,
    wanted: false,
    rules: RULES,
    nowMs: NOW,
    ...overrides,
  };
}
