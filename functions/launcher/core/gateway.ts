/**
 * Decides what to do with the gateways, and whether tasks may be launched.
 *
 * The life of a gateway: the launcher creates its instance, which runs until nothing has used it for a while, and then stops. When a task is wanted,
 * the launcher starts it again. The launcher replaces it when it is out of date or broken.
 *
 * Ticks overlap, repeat and die, and what EC2 and ECS show can be old. These rules keep a tick that stops a gateway apart from a tick that launches:
 *
 * - The mark `last-used` says when a task was last alive or wanted. No tick stops a gateway whose mark is younger than the idle time.
 * - A tick launches only if the mark that it read is younger than the idle time by {@link SAFETY_MS}. It renews an older mark, and the launches wait:
 *   another tick may have decided to stop the gateway because of the old mark. After {@link SETTLED_MS}, EC2 shows whether it did.
 *   `used-since` says since when no tick can have had an old mark.
 * - A second request to stop a gateway can arrive after the gateway was started again, because the tick that sends it saw it running. Only a tick that
 *   read the gateway before the first stop can send one. So when a tick starts a sound gateway, it sets `used-since` to the time of the last stop, and
 *   launches wait until {@link SETTLED_MS} after that.
 * - With `gatewayStart: with-tasks`, the tick that starts a gateway also launches, as soon as EC2 has accepted the mark and the start. It doesn't if
 *   another tick may still stop or replace the gateway, or if the gateway was not ready after its last start: its first boot takes minutes.
 * - ECS can take minutes to show a new task. Until then, only the mark protects the task. So a launch needs a mark that protects it for that long.
 * - If the number of live tasks is unknown, nothing is stopped or replaced, except a gateway that is proven dead.
 * - Before the launcher stops or replaces a gateway, `gateway-retire.ts` reads everything again and decides again.
 */
import {
  createdMsOf,
  failsChecks,
  failuresUpTo,
  isOutdated,
  isProvenDead,
  isReady,
  isStuck,
  nextTryMs,
  READY_WITHIN_MS,
  replacementCauseOf,
  wasReady,
} from './gateway-health.ts';
import { describeCause, failedInARow, inARow, problemsWith, stuck } from './gateway-problems.ts';
import type {
  Gateway,
  GatewayAction,
  GatewayHold,
  GatewayInstance,
  GatewayRules,
  GatewayStatus,
  GatewayView,
  LaunchPermission,
  ReplacementCause,
} from './gateway-types.ts';
import { EC2_CLOCK_SKEW_MS, EC2_READ_LAG_MS, SETTLED_AFTER_MS } from './vendor-timing.ts';

const MINUTE_MS = 60_000;

/** A younger mark isn't renewed. */
export const RENEW_AFTER_MS = MINUTE_MS;

/** A launch needs a mark that is this far from the end of the idle time, because a tick can launch for most of a minute. */
const SAFETY_MS = 2 * MINUTE_MS;

/** Minimum idle time: until ECS certainly shows a task that was launched without renewing the mark. */
const LEAST_IDLE_MS = SETTLED_AFTER_MS + RENEW_AFTER_MS;

/**
 * Maximum time between the second look at a gateway and the request that stops or replaces it. Up to three calls of EC2 come in between, so that a
 * gateway is stopped even if each of them takes almost two seconds.
 */
export const END_SENT_WITHIN_MS = 6_000;

/** Maximum time between that look and the arrival of the request. The client gives up after four seconds, and doesn't try again. */
const END_ARRIVES_MS = END_SENT_WITHIN_MS + 5_000;

/** After this time, all ticks see the renewed mark, and this tick sees what they did before. */
const SETTLED_MS = 2 * EC2_READ_LAG_MS + END_ARRIVES_MS;

/** Maximum time by which the request of a stop can be later than EC2 says, by the launcher's clock. EC2 shows it in seconds. */
const STOP_TIME_ERROR_MS = EC2_CLOCK_SKEW_MS + 1000;

/** A tick that decided to replace a gateway can have begun this much later than this tick. */
const LATER_TICK_MS = MINUTE_MS;

/** EC2 shows the public address of a running instance within this time. */
const ADDRESS_SHOWN_MS = 15_000;

export interface GatewayInput {
  readonly gateways: readonly Gateway[];
  readonly instances: readonly GatewayInstance[];
  /** For instances whose status checks fail: since when. */
  readonly impairedSinceMs: ReadonlyMap<string, number>;
  /** Number of tasks that aren't stopped; `undefined`: unknown. */
  readonly liveTasks: number | undefined;
  /** Whether the tick wants to launch tasks. */
  readonly wanted: boolean;
  readonly rules: GatewayRules;
  readonly nowMs: number;
}

/** Decides about each gateway on its own. */
export function decideGateways(input: GatewayInput): GatewayView[] {
  return input.gateways.map((gateway) => decideGateway(gateway, input));
}

/** Tasks can run in the zone of any gateway, so all gateways must allow the launches. The most serious reason to wait is given. */
export function permissionOf(views: readonly Pick<GatewayView, 'launch'>[]): LaunchPermission {
  const held = views.flatMap(({ launch }) => (launch.kind === 'held' ? launch : []));
  const [worst] = held.toSorted((a, b) => HOLDS.indexOf(a.hold) - HOLDS.indexOf(b.hold));
  if (worst !== undefined) {
    const { untilStarted: _, ...waits } = worst;
    return held.every(({ untilStarted }) => untilStarted) ? worst : waits;
  }
  return { kind: 'allowed', needsMarks: views.some(({ launch }) => launch.kind === 'allowed' && launch.needsMarks) };
}

const HOLDS: readonly GatewayHold[] = ['unknown', 'refused', 'unhealthy', 'starting', 'asleep'];

/** The time that a gateway stays awake after its last use. */
export function idleMsOf({ idleMs }: Pick<GatewayRules, 'idleMs'>): number {
  return Math.max(idleMs, LEAST_IDLE_MS);
}

/** Everything that the decision about one instance depends on. */
interface Context extends Omit<GatewayInput, 'gateways' | 'instances'> {
  readonly gateway: Gateway;
}

function decideGateway(gateway: Gateway, { gateways: _, instances, ...shared }: GatewayInput): GatewayView {
  const context = { ...shared, gateway };
  const own = instances.filter((instance) => instance.gateway === gateway.name).toSorted(newestFirst);
  const living = own.filter(({ state }) => state !== 'shutting-down' && state !== 'terminated');
  const instance =
    living.find(({ networkInterfaceId }) => networkInterfaceId === gateway.networkInterfaceId) ?? living[0];
  return instance === undefined ? withoutInstance(own, context) : withInstance(instance, context);
}

function newestFirst(a: GatewayInstance, b: GatewayInstance): number {
  return createdMsOf(b) - createdMsOf(a);
}

/** @param ended - instances that have ended or are ending, newest first. */
function withoutInstance(ended: readonly GatewayInstance[], { gateway, nowMs }: Context): GatewayView {
  const held = (hold: GatewayHold, reason: string): LaunchPermission => ({ kind: 'held', hold, reason });
  if (ended.some(({ state }) => state === 'shutting-down')) {
    const launch = held('starting', `gateway ${gateway.name} is being replaced: its last instance is shutting down`);
    const problems = ended.filter((one) => isStuck(one, nowMs)).map((one) => stuck(one, gateway.name));
    return { gateway, status: 'replacing', actions: [], launch, problems };
  }
  const [last] = ended;
  const failures = last === undefined ? 0 : failuresUpTo(last, gateway, nowMs);
  const problems = last === undefined || failures === 0 ? [] : [failedInARow(gateway, failures, last)];
  const untilMs = last === undefined ? nowMs : nextTryMs(last, gateway, nowMs);
  if (nowMs < untilMs) {
    const launch = held(
      'unhealthy',
      `${inARow(failures, gateway)}; the launcher creates the next one in ${minutes(untilMs - nowMs)}`,
    );
    return { gateway, status: 'absent', actions: [], launch, problems };
  }
  const launch = held('starting', `gateway ${gateway.name} is being created`);
  return { gateway, status: 'absent', actions: [{ kind: 'create', gateway, failures }], launch, problems };
}

function withInstance(instance: GatewayInstance, context: Context): GatewayView {
  const cause = replacementCauseOf(instance, context);
  const replacement = cause && replacementOf(instance, cause, context);
  const launch = permissionFor(instance, cause, replacement, context);
  return {
    gateway: context.gateway,
    status: statusOf(instance, context),
    instance,
    actions: replacement === undefined ? actionsFor(instance, cause, context) : [replacement],
    launch,
    problems: problemsWith(instance, cause, context),
  };
}

function statusOf(instance: GatewayInstance, context: Context): GatewayStatus {
  const { state, launchedAtMs } = instance;
  if (state === 'stopped') return 'asleep';
  if (state === 'stopping') return 'stopping';
  if (isReady(instance, context)) return 'awake';
  const comesUp = !wasReady(instance) && context.nowMs - launchedAtMs < READY_WITHIN_MS;
  return comesUp ? 'starting' : 'unhealthy';
}

/** The replacement of an instance, if it is safe now. */
function replacementOf(
  instance: GatewayInstance,
  cause: ReplacementCause,
  { gateway, liveTasks, wanted, rules, nowMs }: Context,
): GatewayAction | undefined {
  const terminate = { kind: 'terminate', instance, cause, reason: describeCause(cause, instance) } as const;
  const idle = liveTasks === 0 && !wanted && unusedMs(instance, nowMs) >= idleMsOf(rules);
  // The old one may be the one that EC2 can't start any more, and the deployment the remedy. EC2's refusals aren't stored, so this doesn't depend on them.
  const isObsolete = cause === 'new-config' && instance.state === 'stopped' && liveTasks === 0;
  if (isObsolete && wanted) return terminate;
  if (isOutdated(cause)) return idle ? terminate : undefined;
  if (nowMs < nextTryMs(instance, gateway, nowMs)) return undefined;
  if (isProvenDead(cause)) return terminate;
  // Before such a gateway is ready, no tick launches. So no task depends on it that ECS doesn't show yet.
  const isUnused = cause === 'never-ready' && rules.start === 'before-tasks';
  return liveTasks === 0 && (isUnused || unusedMs(instance, nowMs) >= LEAST_IDLE_MS) ? terminate : undefined;
}

/** What to do with an instance that isn't replaced now. */
function actionsFor(instance: GatewayInstance, cause: ReplacementCause | undefined, context: Context): GatewayAction[] {
  const { gateway, liveTasks, wanted, rules, nowMs } = context;
  const { state, launchedAtMs, publicAddress } = instance;
  const unused = unusedMs(instance, nowMs);
  const isAlive = liveTasks !== undefined && liveTasks > 0;
  if (state === 'stopped') {
    if (!wanted && !isAlive) return [];
    const reason = isAlive ? `${liveTasks} tasks are alive` : 'tasks are wanted';
    return [
      { kind: 'mark', instance, usedSinceMs: untouchedSinceMs(instance, context) },
      { kind: 'start', instance, reason },
    ];
  }
  if (state === 'stopping') return [];
  const actions: GatewayAction[] = [];
  const serves = cause === undefined || isOutdated(cause);
  // If the gateway is broken, launches wait. Without a new mark, it is replaced even if launches wait all the time.
  if ((isAlive || (wanted && serves)) && markAgeMs(instance, nowMs) >= RENEW_AFTER_MS) {
    actions.push({
      kind: 'mark',
      instance,
      usedSinceMs: isFresh(instance, rules, nowMs) ? usedSinceMs(instance) : nowMs,
    });
  }
  if (
    state === 'running' &&
    publicAddress === undefined &&
    !gateway.fixedAddress &&
    nowMs - launchedAtMs >= ADDRESS_SHOWN_MS
  ) {
    actions.push({ kind: 'address', instance, gateway });
  }
  if (state === 'running' && liveTasks === 0 && !wanted && unused >= idleMsOf(rules)) {
    actions.push({ kind: 'stop', instance, reason: `no task has used it for ${minutes(unused)}` });
  }
  return actions;
}

function permissionFor(
  instance: GatewayInstance,
  cause: ReplacementCause | undefined,
  replacement: GatewayAction | undefined,
  context: Context,
): LaunchPermission {
  const { state, launchedAtMs } = instance;
  const { gateway, rules, nowMs } = context;
  const held = (hold: GatewayHold, what: string) => ({
    kind: 'held' as const,
    hold,
    reason: `gateway ${gateway.name} ${what}`,
  });
  if (replacement !== undefined) return held('unhealthy', `is replaced: ${cause && describeCause(cause, instance)}`);
  if (state === 'stopped') {
    const asleep = held('asleep', 'was asleep and is being started');
    const isUntouched = nowMs - untouchedSinceMs(instance, context) >= SETTLED_MS;
    return rules.start === 'with-tasks' && isUntouched ? { ...asleep, untilStarted: true } : asleep;
  }
  if (state === 'stopping') return held('asleep', 'is stopping, and is started again when it has stopped');
  if (cause !== undefined && !isOutdated(cause))
    return held('unhealthy', `can’t be used: ${describeCause(cause, instance)}`);
  if (failsChecks(instance, context)) return held('unhealthy', 'can’t be used now: its status checks fail');
  const upMs = nowMs - launchedAtMs;
  const wasReadyOnce = instance.readyMs !== undefined;
  const startsToo = rules.start === 'with-tasks' && !wasReady(instance) && wasReadyOnce && upMs < READY_WITHIN_MS;
  if (!isReady(instance, context) && !startsToo)
    return held('starting', `isn’t ready yet, ${Math.round(upMs / 1000)} s after its start`);
  const isSettled = nowMs - usedSinceMs(instance) >= SETTLED_MS;
  if (!isFresh(instance, rules, nowMs) || !isSettled) {
    return held(
      'starting',
      'may be stopped by another tick; the launches wait until it is certain that it stays awake',
    );
  }
  return { kind: 'allowed', needsMarks: markAgeMs(instance, nowMs) > idleMsOf(rules) - SETTLED_AFTER_MS };
}

/** Since when no other tick can be about to stop or replace this stopped gateway. Now, if nothing proves it. */
function untouchedSinceMs(instance: GatewayInstance, context: Context): number {
  const { nowMs } = context;
  // Another tick may be replacing it, or it will have to. That it was ready after its last start rules out the other causes.
  const cause = replacementCauseOf(instance, { ...context, nowMs: nowMs + LATER_TICK_MS });
  if (cause !== undefined || !wasReady(instance) || instance.endRequestedMs === undefined) return nowMs;
  return Math.min(nowMs, instance.endRequestedMs + STOP_TIME_ERROR_MS);
}

/** Whether the mark is so young that no tick can stop the gateway while this tick launches. */
function isFresh(instance: GatewayInstance, rules: GatewayRules, nowMs: number): boolean {
  return markAgeMs(instance, nowMs) < idleMsOf(rules) - SAFETY_MS;
}

/** How long nothing has used the gateway. Its start counts as a use. */
function unusedMs({ lastUsedMs, launchedAtMs }: GatewayInstance, nowMs: number): number {
  return nowMs - Math.max(lastUsedMs ?? launchedAtMs, launchedAtMs);
}

/** The age of the mark, which alone protects a new task. */
function markAgeMs({ lastUsedMs = Number.NEGATIVE_INFINITY }: GatewayInstance, nowMs: number): number {
  return nowMs - lastUsedMs;
}

function usedSinceMs({ usedSinceMs: sinceMs, lastUsedMs, launchedAtMs }: GatewayInstance): number {
  return sinceMs ?? lastUsedMs ?? launchedAtMs;
}

function minutes(ms: number): string {
  return `${Math.ceil(ms / MINUTE_MS)} min`;
}
