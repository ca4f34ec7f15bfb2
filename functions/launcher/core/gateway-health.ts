/** What is wrong with an instance of a gateway, and how often it may be replaced. */
import {
  ENGINE_DEAD,
  type Gateway,
  type GatewayInstance,
  type GatewayRules,
  type ReplacementCause,
} from './gateway-types.ts';
import { EC2_CLOCK_SKEW_MS } from './vendor-timing.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A gateway that isn't ready this long after its start never becomes ready. It usually takes less than half a minute. */
export const READY_WITHIN_MS = 5 * MINUTE_MS;

/** The instance removes the tag with the problem of its last run within this time after a start. */
const PROBLEM_CLEARED_MS = 2 * MINUTE_MS;

/** EC2 sometimes repairs an impaired instance within a short time. */
const IMPAIRED_FOR_MS = 3 * MINUTE_MS;

/** Stopping and ending an instance usually takes less than a minute. */
const STUCK_AFTER_MS = 10 * MINUTE_MS;

/** After this many failures in a row, the launcher replaces the gateway only once per {@link RETRY_EVERY_MS}. */
const QUICK_RETRIES = 3;
const RETRY_EVERY_MS = HOUR_MS;

/** An instance that ends sooner than this counts as a failure, even if it was ready for a while. */
const YOUNG_MS = HOUR_MS;

/** What the health of an instance depends on, in addition to the instance. */
export interface HealthContext {
  readonly gateway: Gateway;
  readonly rules: GatewayRules;
  /** For instances whose status checks fail: since when. */
  readonly impairedSinceMs: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

/** Whether the filter worked at some time since the last start. */
export function wasReady({ readyMs, launchedAtMs }: GatewayInstance): boolean {
  return readyMs !== undefined && readyMs >= launchedAtMs - EC2_CLOCK_SKEW_MS;
}

/** Whether EC2 accepted the last start, but then stopped the instance again before it was ready. */
export function failedToStart(instance: GatewayInstance): boolean {
  return instance.state === 'stopped' && instance.stateReason !== undefined && !wasReady(instance);
}

/** Whether the instance has been stopping or ending for longer than this usually takes. EC2 doesn't always say since when. */
export function isStuck({ state, endRequestedMs }: GatewayInstance, nowMs: number): boolean {
  const isEnding = state === 'stopping' || state === 'shutting-down';
  return isEnding && endRequestedMs !== undefined && nowMs - endRequestedMs > STUCK_AFTER_MS;
}

/** Whether tasks can use the gateway now, as far as its instance and EC2 show it. */
export function isReady(instance: GatewayInstance, context: HealthContext): boolean {
  return (
    instance.state === 'running' &&
    wasReady(instance) &&
    instance.problem === undefined &&
    instance.publicAddress !== undefined &&
    !failsChecks(instance, context) &&
    isInPlace(instance, context.gateway)
  );
}

/** Why the instance has to be replaced, sooner or later; `undefined` if it is sound. The first cause in this order counts. */
export function replacementCauseOf(instance: GatewayInstance, context: HealthContext): ReplacementCause | undefined {
  const { state, problem, launchedAtMs } = instance;
  const { gateway, rules, nowMs } = context;
  const upMs = nowMs - launchedAtMs;
  const runs = state === 'running';
  if (runs && problem === ENGINE_DEAD && upMs >= PROBLEM_CLEARED_MS) return 'engine-dead';
  if (isImpaired(instance, context)) return 'impaired';
  if (!isInPlace(instance, gateway)) return 'wrong-network-interface';
  if (!wasReady(instance) && upMs >= READY_WITHIN_MS) return 'never-ready';
  if (problem !== undefined && (runs ? upMs >= PROBLEM_CLEARED_MS : problem !== ENGINE_DEAD)) return 'reported-problem';
  if (runs && instance.publicAddress === undefined && upMs >= READY_WITHIN_MS) return 'no-public-address';
  if (hasOldConfig(instance, gateway)) return 'new-config';
  return ageMsOf(instance, nowMs) > rules.maxAgeMs ? 'too-old' : undefined;
}

/** Whether tasks have no network through the gateway for certain, so that a replacement can't harm them. */
export function isProvenDead(cause: ReplacementCause): boolean {
  return cause === 'engine-dead' || cause === 'impaired';
}

/** Whether the gateway works and is only out of date. */
export function isOutdated(cause: ReplacementCause): cause is 'new-config' | 'too-old' {
  return cause === 'new-config' || cause === 'too-old';
}

/** When the instance was created; its last start if its tag doesn't say that. */
export function createdMsOf({ createdAtMs, launchedAtMs }: GatewayInstance): number {
  return createdAtMs ?? launchedAtMs;
}

/** The age of an instance. */
export function ageMsOf(instance: GatewayInstance, nowMs: number): number {
  return nowMs - createdMsOf(instance);
}

/** How many instances in a row failed, up to and including this one, if it is replaced now or has ended. */
export function failuresUpTo(instance: GatewayInstance, gateway: Gateway, nowMs: number): number {
  // A deployment may have repaired what made the earlier instances fail.
  if (hasOldConfig(instance, gateway)) return 0;
  if (instance.readyMs === undefined || ageMsOf(instance, nowMs) < YOUNG_MS) return instance.failures + 1;
  return instance.problem !== undefined || !wasReady(instance) ? 1 : 0;
}

/** When the launcher may create the next instance after this one failed, in epoch milliseconds. */
export function nextTryMs(instance: GatewayInstance, gateway: Gateway, nowMs: number): number {
  if (failuresUpTo(instance, gateway, nowMs) < QUICK_RETRIES) return nowMs;
  return createdMsOf(instance) + RETRY_EVERY_MS;
}

function hasOldConfig({ config }: GatewayInstance, gateway: Gateway): boolean {
  return config !== gateway.config;
}

function isInPlace({ networkInterfaceId }: GatewayInstance, gateway: Gateway): boolean {
  return networkInterfaceId === undefined || networkInterfaceId === gateway.networkInterfaceId;
}

/** Whether EC2 shows that a status check fails. Launches wait from then on, but EC2 may still repair the instance. */
export function failsChecks({ id, state }: GatewayInstance, { impairedSinceMs }: HealthContext): boolean {
  return state === 'running' && impairedSinceMs.has(id);
}

function isImpaired({ id, state }: GatewayInstance, { impairedSinceMs, nowMs }: HealthContext): boolean {
  const sinceMs = impairedSinceMs.get(id);
  return state === 'running' && sinceMs !== undefined && nowMs - sinceMs > IMPAIRED_FOR_MS;
}
