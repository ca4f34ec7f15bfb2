/** Mutants of what the launcher does with gateways. */
import type { Edit, Mutant } from './mutants.ts';
import type { ProfileName } from './profiles.ts';

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });
const one = (name: string, breaks: readonly number[], profile: ProfileName, ...edits: Edit[]): Mutant => {
  return { name, breaks, profile, edits };
};

/** Disables the second look at the tasks. Otherwise it would prevent the harm that these mutants do. */
const NO_SECOND_LOOK = edit('gateway-retire.ts', 'if (using !== undefined && using > 0)', 'if (using === -1)');

export const GATEWAY_MUTANTS: readonly Mutant[] = [
  one(
    'gateways: a gateway is stopped while tasks are alive',
    [10],
    'gateways',
    edit(
      'core/gateway.ts',
      "state === 'running' && liveTasks === 0 && !wanted && unused >= idleMsOf(rules)",
      "state === 'running' && !wanted && nowMs - launchedAtMs >= idleMsOf(rules)",
    ),
    NO_SECOND_LOOK,
  ),
  one(
    'gateways: a gateway is stopped although ECS doesn’t list the tasks',
    [9, 10],
    'gateways',
    edit(
      'tick-gateways.ts',
      'const count = live.ok ? live.value.length : undefined;',
      'const count = live.ok ? live.value.length : 0;',
    ),
    edit(
      'gateway-retire.ts',
      'await tasksUsing(deps) : undefined;',
      'await tasksUsing(deps).catch(() => 0) : undefined;',
    ),
  ),
  one(
    'gateways: a gateway is never stopped',
    [11],
    'gateways',
    edit(
      'core/gateway.ts',
      "state === 'running' && liveTasks === 0 && !wanted && unused >= idleMsOf(rules)",
      "state === 'running' && liveTasks === 0 && !wanted && unused < 0",
    ),
  ),
  one(
    'gateways: with before-tasks, tasks start at the same time as the gateway',
    [10],
    'gateways',
    edit('core/gateway.ts', "rules.start === 'with-tasks' && !wasReady", 'rules.maxAgeMs > 0 && !wasReady'),
  ),
  one(
    'gateways: the report of an earlier start counts as readiness',
    [10],
    'gateways',
    edit(
      'core/gateway-health.ts',
      ' && readyMs >= launchedAtMs - EC2_CLOCK_SKEW_MS',
      ' && launchedAtMs >= EC2_CLOCK_SKEW_MS',
    ),
  ),
  one(
    'gateways: the mark of the last use is ignored',
    [10],
    'gateways',
    edit(
      'core/gateway.ts',
      'Math.max(lastUsedMs ?? launchedAtMs, launchedAtMs)',
      'Math.max(0 * (lastUsedMs ?? 0), launchedAtMs)',
    ),
  ),
  one(
    'gateways: a launch doesn’t wait after it renewed an old mark',
    [10],
    'gateways',
    edit('core/gateway.ts', 'if (!isFresh(instance, rules, nowMs) || !isSettled) {', 'if (!isSettled && nowMs < 0) {'),
  ),
  one(
    'gateways: a launch doesn’t renew the mark',
    [1, 10],
    'gateways',
    edit(
      'core/gateway.ts',
      'if ((isAlive || (wanted && serves)) &&',
      'if ((isAlive || (wanted && serves && nowMs < 0)) &&',
    ),
  ),
  {
    name: 'gateways: a gateway is stopped or replaced without a second look',
    breaks: [],
    survivesBecause:
      'launches wait until a renewed mark is settled, which takes longer than almost every tick, so this look is a second safeguard',
    profile: 'gateways',
    edits: [
      NO_SECOND_LOOK,
      edit('gateway-retire.ts', 'if (!isStillRight)', 'if (readMs < 0 && !isStillRight)'),
      edit('gateway-retire.ts', 'readMs + END_SENT_WITHIN_MS', 'readMs + 60_000'),
    ],
  },
  one(
    'gateways: a deployment replaces a gateway while tasks are alive',
    [10],
    'gateways',
    edit(
      'core/gateway.ts',
      'if (isOutdated(cause)) return idle ? terminate : undefined;',
      'if (isOutdated(cause)) return terminate;',
    ),
    NO_SECOND_LOOK,
  ),
  one(
    'gateways: gateways that can’t be read count as ready',
    [9],
    'gateway-faults',
    edit('tick-gateways.ts', 'if (views === undefined) return UNREADABLE;', 'if (views === undefined) return ALLOWED;'),
  ),
  one(
    'gateways: a warm gateway isn’t used again',
    [1],
    'gateways',
    edit(
      'core/gateway.ts',
      'if (!isReady(instance, context) && !startsToo)',
      'if ((!isReady(instance, context) || upMs > 120_000) && !startsToo)',
    ),
  ),
  one(
    'gateways: a stopped gateway isn’t started again',
    [1, 11],
    'gateways',
    edit('core/gateway.ts', 'if (!wanted && !isAlive) return [];', 'if (state.length > 0) return [];'),
  ),
  one(
    'gateways: a stopped instance doesn’t count, so another one is created',
    [11],
    'gateways',
    edit(
      'core/gateway.ts',
      "state !== 'shutting-down' && state !== 'terminated'",
      "state !== 'stopped' && state !== 'shutting-down' && state !== 'terminated'",
    ),
  ),
  one(
    'gateways: a stop is sent only within two seconds after the last look',
    [11],
    'gateways',
    edit('gateway-retire.ts', 'readMs + END_SENT_WITHIN_MS', 'readMs + 2_000'),
  ),
  one(
    'gateways: with with-tasks, tasks also start during the first boot',
    [10],
    'gateways',
    edit(
      'core/gateway.ts',
      '!wasReady(instance) && wasReadyOnce && upMs < READY_WITHIN_MS',
      '!wasReady(instance) && (wasReadyOnce || upMs >= 0) && upMs < READY_WITHIN_MS',
    ),
  ),
  one(
    'gateways: tasks start while the status checks of a gateway fail',
    [10],
    'gateway-faults',
    edit(
      'core/gateway.ts',
      'if (failsChecks(instance, context)) return held',
      'if (failsChecks(instance, context) && nowMs < 0) return held',
    ),
    edit('core/gateway-health.ts', '!failsChecks(instance, context) &&', '!isImpaired(instance, context) &&'),
  ),
];

/** A mutant that only rare worlds notice. `gateways.test.ts` tries it in a separate world. */
export const RARE_GATEWAY_MUTANTS: readonly Mutant[] = [
  one(
    'gateways: a gateway that fails is replaced without a limit',
    [11],
    'gateway-faults',
    edit(
      'core/gateway-health.ts',
      'if (failuresUpTo(instance, gateway, nowMs) < QUICK_RETRIES) return nowMs;',
      'if (failuresUpTo(instance, gateway, nowMs) >= 0) return nowMs;',
    ),
  ),
];
