/** The problems of gateways that need a person, each with its remedy. */
import { ageMsOf, failedToStart, type HealthContext, isOutdated, isStuck } from './gateway-health.ts';
import type {
  Gateway,
  GatewayInstance,
  GatewayProblem,
  GatewayProblemCause,
  ReplacementCause,
} from './gateway-types.ts';

const DAY_MS = 24 * 60 * 60_000;

/** An outdated gateway that still isn't replaced after this time is a problem. */
const OVERDUE_MS = 7 * DAY_MS;

/** What to do about each problem that isn't a refusal of EC2. */
const REMEDIES: Readonly<Record<Exclude<GatewayProblemCause, `refused-${string}`>, string>> = {
  'engine-dead':
    'the launcher replaces the gateway. If the next one reports the same, look for the filter’s error in the gateway’s log group',
  impaired:
    'the launcher replaces the gateway. If it happens often, check AWS Health, or choose another gatewayInstanceType',
  'wrong-network-interface':
    'the launcher replaces the gateway as soon as no task is alive. If tasks are stuck because their network is gone, stop them',
  'never-ready':
    'the launcher replaces the gateway. If the next ones aren’t ready either, look for the cause in the gateway’s log group and in the system log of the instance (EC2 console, Get system log). Common causes are a package repository that DNS Firewall or the filter blocks, and an image that changed',
  'reported-problem':
    'the launcher replaces the gateway as soon as no task is alive. If the next one reports the same, look for the cause in the gateway’s log group',
  'no-public-address':
    'the gateway has no public IPv4 address, so it reaches nothing. The launcher asks EC2 for one. If that doesn’t help, set network.fixedAddress to true, which keeps an Elastic IP',
  'start-failed':
    'the launcher starts the gateway again while jobs wait, and replaces it if none do. If it continues, deploy with another network.gatewayInstanceType, which replaces the gateway',
  stuck:
    'EC2 has not finished this after 10 minutes. Force it: aws ec2 stop-instances --force, or Force stop instance in the EC2 console. If that doesn’t help, terminate the instance (turn off its termination protection first), or open a case with AWS Support',
  overdue:
    'the gateway can only be replaced while no task is alive, and tasks are alive all the time. Give warm agents a schedule with a quiet hour, or pause the launcher until all tasks have ended',
};

/** Remedies for what EC2 says about an instance that it could not start, although it accepted the request. The first matching row counts. */
const STATE_REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /Client\.InternalError|KMS/,
    'EC2 could not use the key that encrypts the gateway’s disk. Enable the key, and let its policy allow kms:CreateGrant and kms:Decrypt to the launcher’s role',
  ],
  [
    /InsufficientInstanceCapacity/,
    'EC2 has no capacity for this instance type in this Availability Zone. The launcher tries again. If it continues, choose another network.gatewayInstanceType',
  ],
  [
    /VolumeLimitExceeded/,
    'the account has reached its quota of disk space. Raise it in Service Quotas (Amazon EBS), or delete unused volumes',
  ],
];

/** @param stateReason - why EC2 changed the state of the instance, if EC2 says it. */
function problemOf(gateway: string, cause: keyof typeof REMEDIES, detail: string, stateReason = ''): GatewayProblem {
  const [, remedy] = STATE_REASONS.find(([words]) => words.test(stateReason)) ?? [];
  return { gateway, cause, detail, remedy: remedy ?? REMEDIES[cause] };
}

/** The problems of an instance. @param cause - why it has to be replaced */
export function problemsWith(
  instance: GatewayInstance,
  cause: ReplacementCause | undefined,
  context: HealthContext,
): GatewayProblem[] {
  const { name } = context.gateway;
  if (isStuck(instance, context.nowMs)) return [stuck(instance, name)];
  if (cause !== undefined && !isOutdated(cause))
    return [problemOf(name, cause, describeCause(cause, instance), instance.stateReason)];
  if (failedToStart(instance)) {
    const detail = `EC2 accepted its start, but then stopped it again (${instance.stateReason})`;
    return [problemOf(name, 'start-failed', detail, instance.stateReason)];
  }
  return cause === undefined ? [] : overdue(instance, context);
}

/** The problem of an instance that EC2 doesn't finish stopping or ending. */
export function stuck({ id, state }: GatewayInstance, gateway: string): GatewayProblem {
  return problemOf(gateway, 'stuck', `its instance ${id} is ${state} for more than 10 minutes`);
}

/** A deployment can be recent, so that only the age shows for how long an outdated gateway could not be replaced. */
function overdue(instance: GatewayInstance, { gateway, rules, nowMs }: HealthContext): GatewayProblem[] {
  const ageMs = ageMsOf(instance, nowMs);
  if (ageMs <= rules.maxAgeMs + OVERDUE_MS) return [];
  return [
    problemOf(gateway.name, 'overdue', `it is ${Math.floor(ageMs / DAY_MS)} days old, and was never idle long enough`),
  ];
}

/** The problem that the last instances of a gateway failed. */
export function failedInARow(gateway: Gateway, failures: number, { stateReason }: GatewayInstance): GatewayProblem {
  const why = stateReason === undefined ? '' : `; EC2 ended the last one with: ${stateReason}`;
  return problemOf(gateway.name, 'never-ready', `${inARow(failures, gateway)}${why}`, stateReason);
}

export function inARow(failures: number, { name }: Gateway): string {
  return failures === 1
    ? `the last instance of gateway ${name} failed`
    : `the last ${failures} instances of gateway ${name} failed`;
}

/** What is wrong with an instance, as the end of a sentence. */
export function describeCause(
  cause: ReplacementCause,
  { problem, networkInterfaceId, stateReason }: GatewayInstance,
): string {
  switch (cause) {
    case 'engine-dead':
      return 'it reports that its filter doesn’t run';
    case 'impaired':
      return 'its status checks fail';
    case 'wrong-network-interface':
      return `it has the network interface ${networkInterfaceId} of an earlier deployment`;
    case 'never-ready':
      return `it was not ready 5 minutes after its start${stateReason === undefined ? '' : ` (${stateReason})`}`;
    case 'reported-problem':
      return `it reports the problem ${problem}`;
    case 'no-public-address':
      return 'it has no public IPv4 address';
    case 'new-config':
      return 'a deployment changed its configuration';
    case 'too-old':
      return 'it is older than gatewayMaxAgeDays';
  }
}
