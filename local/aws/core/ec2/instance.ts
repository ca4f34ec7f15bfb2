/** The records of EC2's instances. Times are milliseconds since the epoch. */

/** The states with their codes. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html */
export const INSTANCE_STATES = {
  pending: 0,
  running: 16,
  'shutting-down': 32,
  terminated: 48,
  stopping: 64,
  stopped: 80,
} as const;
export type InstanceState = keyof typeof INSTANCE_STATES;

export type Tags = Readonly<Record<string, string>>;

/** What an instance does when its operating system powers off. */
export type ShutdownBehavior = 'stop' | 'terminate';

/** One version of a launch template. The members that this emulator knows. */
export interface LaunchTemplate {
  /** `lt-…`. */
  readonly id: string;
  readonly version: number;
  /** `ami-…`, or `resolve:ssm:` and the name of a parameter. */
  readonly imageId: string;
  /** Such as `t4g.nano`. */
  readonly instanceType: string;
  /** The primary network interface, which exists before the instance and outlives it. */
  readonly networkInterfaceId: string;
  /** Tags of the instance. */
  readonly tags: Tags;
  /** Default: false. */
  readonly disableApiTermination?: boolean;
  /** Default: `stop`, as in EC2. */
  readonly shutdownBehavior?: ShutdownBehavior;
}

export interface NetworkInterface {
  /** `eni-…`. */
  readonly id: string;
  readonly subnetId: string;
  readonly vpcId: string;
  readonly availabilityZone: string;
  readonly privateAddress: string;
  /** An Elastic IP, which the interface has all the time. */
  readonly elasticAddress?: string;
}

/** Why EC2 changed the state. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html */
export interface StateReason {
  readonly code: string;
  readonly message: string;
}

/** An instance at one time. A change creates another record. */
export interface Instance {
  /** `i-…`. */
  readonly id: string;
  /** `r-…`. */
  readonly reservationId: string;
  readonly state: InstanceState;
  readonly template: LaunchTemplate;
  /** The image that was used: `ami-…`. */
  readonly imageId: string;
  /** Absent once the instance is terminated. */
  readonly networkInterface?: NetworkInterface;
  /** When the instance was created. */
  readonly createdAt: number;
  /** When it was last started. */
  readonly launchedAt: number;
  /** Whether it was ever running. */
  readonly wasRunning: boolean;
  /** Absent while the instance is not running, unless it is an Elastic IP. */
  readonly publicAddress?: string;
  readonly tags: Tags;
  readonly isProtected: boolean;
  readonly clientToken: string;
  readonly stateReason?: StateReason;
  /** Such as `User initiated (2026-11-29 10:11:12 GMT)`; empty without a reason. */
  readonly transitionReason: string;
  readonly terminatedAt?: number;
  /** Since when its status checks fail; absent while they pass. */
  readonly impairedSince?: number;
}

/** A change of state, as StartInstances, StopInstances and TerminateInstances answer it. */
export interface StateChange {
  readonly id: string;
  readonly previous: InstanceState;
  readonly current: InstanceState;
}

/** Number of vCPUs of a burstable type. https://aws.amazon.com/ec2/instance-types/t4/ */
export function vcpusOf(instanceType: string): number {
  const [, size = ''] = instanceType.split('.');
  const factor = /^(\d*)xlarge$/.exec(size)?.[1];
  return factor === undefined ? 2 : 4 * Number(factor === '' ? 1 : factor);
}
