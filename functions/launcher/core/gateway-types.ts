/**
 * The types of the gateways of `network.egress: on-demand`. Every time is in epoch milliseconds.
 *
 * A gateway is an EC2 instance through which tasks reach the internet. It is stopped while nothing runs. CloudFormation owns its launch template
 * and its network interface; the launcher owns the instance. The only state is what EC2 shows: the instance's state, its times and its tags.
 */

/** The problem that an instance reports if its filter doesn't run. No task has a network then. */
export const ENGINE_DEAD = 'engine-dead';

/** When tasks start: only when the gateway is ready, or at the same time as the gateway. */
export const GATEWAY_STARTS = ['before-tasks', 'with-tasks'] as const;
export type GatewayStart = (typeof GATEWAY_STARTS)[number];

/** One gateway of the deployment. At most one instance can have its network interface. */
export interface Gateway {
  /** Value of the tag that all its instances have: `<stack>/gateway-1`. */
  readonly name: string;
  readonly launchTemplateId: string;
  readonly launchTemplateVersion: string;
  /** The network interface to which the tasks' routes lead. */
  readonly networkInterfaceId: string;
  /** Hash of the launch template. An instance with a different one is from an earlier deployment. */
  readonly config: string;
  /** Whether the network interface keeps an Elastic IP. Otherwise each start of the instance gets another address. */
  readonly fixedAddress: boolean;
}

export interface GatewayRules {
  /** How long a gateway stays awake after it was last used. */
  readonly idleMs: number;
  readonly start: GatewayStart;
  /** From this age on, an idle gateway is replaced. */
  readonly maxAgeMs: number;
}

/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html */
export const INSTANCE_STATES = ['pending', 'running', 'stopping', 'stopped', 'shutting-down', 'terminated'] as const;
export type InstanceState = (typeof INSTANCE_STATES)[number];

/** An instance of a gateway as EC2 shows it. */
export interface GatewayInstance {
  /** `i-…`. */
  readonly id: string;
  /** Name of its gateway. */
  readonly gateway: string;
  readonly state: InstanceState;
  /** When it was last started. */
  readonly launchedAtMs: number;
  /** Why EC2 changed its state, such as `Client.InternalError: …`; absent if EC2 gives no reason. */
  readonly stateReason?: string | undefined;
  /** When a person or the launcher requested that it stops or ends, if EC2 says it. Absent after the next start. */
  readonly endRequestedMs?: number | undefined;
  /** Its primary network interface; absent once the instance is terminated. */
  readonly networkInterfaceId?: string | undefined;
  /** Absent while the instance has none. */
  readonly publicAddress?: string | undefined;
  // -- Its tags
  readonly config?: string | undefined;
  readonly createdAtMs?: number | undefined;
  /** How many instances in a row failed before it. */
  readonly failures: number;
  /** When a task was last alive or wanted, as far as the launcher noted it. */
  readonly lastUsedMs?: number | undefined;
  /** Since when {@link lastUsedMs} was renewed without a pause in which the gateway could have been stopped. */
  readonly usedSinceMs?: number | undefined;
  /** When its filter last began to work after a boot. The instance itself sets it. */
  readonly readyMs?: number | undefined;
  /** What the instance itself reports as broken, such as `disk-full`. */
  readonly problem?: string | undefined;
}

/** Why a gateway is replaced. */
export type ReplacementCause =
  | 'engine-dead'
  | 'impaired'
  | 'wrong-network-interface'
  | 'never-ready'
  | 'reported-problem'
  | 'no-public-address'
  | 'new-config'
  | 'too-old';

/** Why EC2 refused to create or start a gateway, and what a person can do about it. */
export interface GatewayRefusal {
  readonly cause:
    | 'capacity'
    | 'quota'
    | 'unsupported'
    | 'image'
    | 'encryption'
    | 'access'
    | 'misconfiguration'
    | 'unknown';
  /** EC2's message. */
  readonly detail: string;
  readonly remedy: string;
}

/**
 * Why a person may have to look at a gateway. `start-failed`: EC2 accepts its start, and then stops it again. `stuck`: EC2 doesn't finish stopping or
 * ending it. `overdue`: tasks are alive all the time, so it can't be replaced.
 */
export type GatewayProblemCause =
  | Exclude<ReplacementCause, 'new-config' | 'too-old'>
  | 'start-failed'
  | 'stuck'
  | 'overdue'
  | `refused-${GatewayRefusal['cause']}`;

/** What the launcher does with one gateway. */
export type GatewayAction =
  | { readonly kind: 'create'; readonly gateway: Gateway; readonly failures: number }
  /** Notes that the gateway is used. `usedSinceMs` is a new value for that tag. */
  | { readonly kind: 'mark'; readonly instance: GatewayInstance; readonly usedSinceMs: number }
  | { readonly kind: 'start'; readonly instance: GatewayInstance; readonly reason: string }
  /** Asks EC2 for a public address of the running instance. */
  | { readonly kind: 'address'; readonly instance: GatewayInstance; readonly gateway: Gateway }
  | { readonly kind: 'stop'; readonly instance: GatewayInstance; readonly reason: string }
  | {
      readonly kind: 'terminate';
      readonly instance: GatewayInstance;
      readonly cause: ReplacementCause;
      readonly reason: string;
    };

/**
 * What a gateway does, for people. `absent`: it has no instance. `unhealthy`: it runs, and tasks can't use it. `replacing`: its last instance is being
 * terminated.
 */
export type GatewayStatus = 'absent' | 'asleep' | 'starting' | 'awake' | 'stopping' | 'replacing' | 'unhealthy';

/** Why launches wait for a gateway. */
export type GatewayHold = 'asleep' | 'starting' | 'refused' | 'unhealthy' | 'unknown';

/** Whether tasks may be launched now, as far as the gateways are concerned. */
export type LaunchPermission =
  | {
      readonly kind: 'allowed';
      /** The launches also need the tick's marks: without them, the gateway could be stopped before ECS shows the tasks. */
      readonly needsMarks: boolean;
    }
  | {
      readonly kind: 'held';
      readonly hold: GatewayHold;
      readonly reason: string;
      /** The tick may launch as soon as EC2 has accepted its mark and its start. */
      readonly untilStarted?: true;
    };

/** Something that a person may have to repair. */
export interface GatewayProblem {
  readonly gateway: string;
  readonly cause: GatewayProblemCause;
  readonly detail: string;
  readonly remedy: string;
}

/** What is decided about one gateway. */
export interface GatewayView {
  readonly gateway: Gateway;
  readonly status: GatewayStatus;
  /** The instance that serves it; absent if it has none. */
  readonly instance?: GatewayInstance;
  readonly actions: readonly GatewayAction[];
  readonly launch: LaunchPermission;
  readonly problems: readonly GatewayProblem[];
}
