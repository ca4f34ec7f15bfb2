/** Draws what worlds with gateways need. It has its own random sequence, so that worlds without gateways don't change. */
import type { Random } from './random.ts';
import type { FaultKind, GatewaysSettings, Happening, ScenarioEvent, WorldSettings } from './scenario.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

const EC2_FAULTS = [
  'ec2-throttled',
  'ec2-server-error',
  'ec2-hang',
  'ec2-slow',
  'ec2-lost-response',
  'ec2-changed-shape',
  'ec2-read-lag',
  'ec2-capacity',
  'ec2-quota',
  'ec2-access-denied',
  'ec2-launch-fails',
] as const satisfies readonly FaultKind[];
const INSTANCE_FAULTS = [
  'gateway-slow',
  'gateway-never-ready',
  'gateway-problem',
  'gateway-impaired',
  'gateway-engine-dead',
] as const satisfies readonly FaultKind[];

/** How often gateways occur in the worlds of a profile, and what happens to them. */
export interface GatewayRules {
  /** Probability that tasks need gateways. */
  readonly share: number;
  /** Probability that HCP Terraform and AWS answer slowly, if tasks need gateways. */
  readonly slow?: number;
  /** Number of windows of faults. */
  readonly windows: readonly [number, number];
  /** Number of other things that happen to gateways. */
  readonly events: readonly [number, number];
}

export function gatewaysOf(random: Random, { share }: GatewayRules): GatewaysSettings | undefined {
  if (!random.chance(share)) return undefined;
  return {
    count: random.pick([1, 1, 2]),
    idleMinutes: random.pick([5, 10, 10]),
    start: random.pick(['before-tasks', 'before-tasks', 'before-tasks', 'with-tasks']),
    fixedAddress: random.chance(0.3),
    ec2SkewMs: random.pick([0, 0, -1500, 4000]),
    usualLagMs: random.pick([0, 500, 2000]),
    terminatedShownMs: random.pick([60 * MINUTE, 60 * MINUTE, 15 * MINUTE]),
    pullWaitsMs: random.pick([0, 30 * SECOND, 2 * MINUTE]),
    version: 1,
  };
}

/** Faults of EC2 and of gateways, and what people do to gateways. */
export function gatewayEvents(
  random: Random,
  rules: GatewayRules,
  { gateways, agentsVisible }: WorldSettings,
  lastsMs: number,
  firstId: number,
): ScenarioEvent[] {
  if (gateways === undefined) return [];
  // If agents can't be listed, tasks without a network stay. The launcher doesn't replace a gateway that isn't ready while they do.
  const kinds = [...EC2_FAULTS, ...INSTANCE_FAULTS, ...INSTANCE_FAULTS].filter(
    (kind) => agentsVisible || kind !== 'gateway-never-ready',
  );
  const windows = Array.from({ length: random.whole(...rules.windows) }, (): Happening => {
    const ms = Math.round(random.between(30 * SECOND, 12 * MINUTE));
    return { kind: 'fault', fault: random.among(kinds) ?? 'ec2-throttled', ms, rate: random.pick([0.3, 0.6, 1, 1]) };
  });
  const others = Array.from({ length: random.whole(...rules.events) }, () => otherEvent(random));
  return [...windows, ...others].map((happening, index) => ({
    ...happening,
    id: firstId + index,
    atMs: Math.round(random.between(0, lastsMs)),
  }));
}

function otherEvent(random: Random): Happening {
  const kind = random.pick([
    'end-gateway',
    'end-gateway',
    'gateway-config',
    'gateway-config',
    'old-gateways',
    'image-gone',
  ] as const);
  switch (kind) {
    case 'end-gateway':
      return { kind, how: random.pick(['stop', 'terminate', 'power-off']) };
    case 'image-gone':
      return { kind, ms: Math.round(random.between(MINUTE, 20 * MINUTE)) };
    default:
      return { kind };
  }
}
