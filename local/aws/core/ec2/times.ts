/** How long each change of an instance takes, in milliseconds. */
export interface InstanceTimes {
  /** From RunInstances until `running`. */
  readonly createMs: number;
  /** From StartInstances until `running`. */
  readonly startMs: number;
  /** From StopInstances until `stopped`. */
  readonly stopMs: number;
  /** From TerminateInstances until `terminated`. */
  readonly terminateMs: number;
  /** Maximum age of what DescribeInstances and DescribeInstanceStatus show. */
  readonly readLagMs: number;
  /** From a start until the status checks are no longer `initializing`. */
  readonly statusChecksMs: number;
}

/**
 * The times of a t4g.nano with a small image in the integration tests of nat-zero (https://nat-zero.machine.dev/performance): `running` 8.0 s after
 * it was created, and 6.0 s after it was started again; `stopped` after about 10 s. The other times are assumptions.
 */
export const MEASURED_TIMES: InstanceTimes = {
  createMs: 8_000,
  startMs: 6_000,
  stopMs: 10_000,
  terminateMs: 30_000,
  readLagMs: 0,
  statusChecksMs: 120_000,
};
