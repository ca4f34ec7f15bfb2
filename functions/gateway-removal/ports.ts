/** An instance of a gateway that isn't terminated. */
export interface Instance {
  /** `i-…`. */
  readonly id: string;
  /** As in EC2's API, such as `stopped` or `shutting-down`. */
  readonly state: string;
}

/** What the removal needs from EC2. Methods reject with `TransientError` if another attempt may help, and with `GatewayRemovalError` if not. */
export interface Instances {
  /** Lists the instances of the gateways, except for terminated ones. A new instance can be missing for some seconds. */
  find(): Promise<readonly Instance[]>;
  /** Ends an instance, although it is protected against that. Does nothing if it no longer exists. */
  end(id: string): Promise<void>;
}

export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  sleep(ms: number): Promise<void>;
}
