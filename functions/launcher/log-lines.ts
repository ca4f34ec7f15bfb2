/**
 * The schemas of the launcher's log lines. The functions that write the lines use their types, and the command line parses them, so neither side
 * can change a member alone. Powertools adds `level`, `timestamp`, `service` and others to each line.
 *
 * A member that a line can lack is optional. The schemas ignore members that they don't know, so an older command reads the lines of a newer
 * launcher.
 */
import * as z from 'zod';
import { LOG_MESSAGES } from './contract.ts';

export { LOG_MESSAGES };

/** A job's key: `run-…/plan`; or that of a warm agent or a sweep, which has three parts. */
const jobKey = z.string();

const launchLine = z.object({
  job: jobKey,
  workspace: z.string().optional(),
  /** Why the job gets a task. */
  reason: z.string(),
  outcome: z.enum(['launched', 'refused', 'spent', 'late', 'failed']).or(z.string()),
  task: z.string().optional(),
  attempt: z.number().optional(),
  insteadOfSpot: z.boolean().optional(),
});

const startFailureLine = z.object({
  task: z.string(),
  /** ECS's reason. */
  detail: z.string(),
});

const errorLine = z.object({ system: z.string(), fault: z.string(), message: z.string() });

const poolLine = z.looseObject({
  pool: z.string(),
  queued: z.number().optional(),
  running: z.number().optional(),
  oldestQueuedSeconds: z.number().optional(),
  /** Keys of queued jobs that no earlier tick of this function instance has listed here, oldest first. At most 100. */
  firstSeen: z.array(jobKey).optional(),
  /** Number of live tasks by the state of their agent. */
  live: z.record(z.string(), z.number()).optional(),
  /** The task that has been at work longest, if it is older than an hour, and its job if a run shows it. */
  oldestTask: z.object({ task: z.string(), seconds: z.number(), job: jobKey.optional() }).optional(),
  /** Agents of the pool that this launcher did not start, and the names of at most ten of them, busy ones first; absent if there are none. */
  foreignAgents: z.object({ idle: z.number(), busy: z.number(), names: z.array(z.string()) }).optional(),
  foreignIdle: z.number().optional(),
  unclaimed: z.number().optional(),
  launches: z.array(z.looseObject(launchLine.shape)).optional(),
  stops: z.array(z.object({ task: z.string(), cause: z.string(), reason: z.string(), outcome: z.string() })).optional(),
  deferrals: z.array(z.object({ jobKey, cause: z.string(), reason: z.string() })).optional(),
  startFailures: z.array(z.looseObject(startFailureLine.shape)).optional(),
  errors: z.array(errorLine).optional(),
  warning: z.string().optional(),
});

/** One gateway of `network.egress: on-demand`. */
const gatewayLine = z.looseObject({
  /** `<stack>/gateway-1`. */
  gateway: z.string(),
  /** `absent`, `asleep`, `starting`, `awake`, `stopping`, `replacing` or `unhealthy`. */
  status: z.string(),
  instance: z.string().optional(),
  /** ISO 8601: when the instance was last started. */
  startedAt: z.string().optional(),
  /** From the last start until the filter worked; absent until then. */
  startSeconds: z.number().optional(),
  /** Since a task was last alive or wanted; absent if the gateway isn't running. */
  unusedSeconds: z.number().optional(),
  ageDays: z.number().optional(),
  /** What the tick did with it, and what became of that. */
  actions: z.array(z.object({ action: z.string(), outcome: z.string(), reason: z.string().optional() })).optional(),
});

/** Something that a person may have to repair ({@link LOG_MESSAGES.gatewayProblem}). */
const gatewayProblemLine = z.object({
  gateway: z.string(),
  cause: z.string(),
  detail: z.string(),
  remedy: z.string(),
});

/** The line of a tick ({@link LOG_MESSAGES.tick}, {@link LOG_MESSAGES.tickWithErrors}). */
export const tickLine = z.looseObject({
  message: z.enum([LOG_MESSAGES.tick, LOG_MESSAGES.tickWithErrors]),
  /** ISO 8601. */
  timestamp: z.string(),
  /** Version of the launcher; absent in lines of older versions. */
  version: z.string().optional(),
  durationMs: z.number(),
  runListRequests: z.number(),
  pools: z.array(poolLine),
  /** Absent if tasks reach the internet without a gateway of the launcher. */
  gateways: z.array(gatewayLine).optional(),
  gatewayProblems: z.array(gatewayProblemLine).optional(),
  gatewayErrors: z.array(errorLine).optional(),
});

export type TickLine = z.infer<typeof tickLine>;
export type PoolLine = z.infer<typeof poolLine>;
export type GatewayLine = z.infer<typeof gatewayLine>;
export type GatewayProblemLine = z.infer<typeof gatewayProblemLine>;

/** What Powertools adds to each line. */
const ADDED = { message: true, timestamp: true, version: true } as const;
const tickAttributes = tickLine.omit(ADDED);

/** What the launcher writes into the line of a tick, and into each of its pools. */
export type TickAttributes = z.input<typeof tickAttributes>;
export type PoolAttributes = z.input<typeof poolLine>;

const seconds = z.number().nonnegative();

/** The line of a task that ended ({@link LOG_MESSAGES.taskEnded}): one for each task, as far as the lists of ECS and HCP Terraform allow it. */
export const taskEndedLine = z.looseObject({
  message: z.literal(LOG_MESSAGES.taskEnded),
  /** ISO 8601: when the line was written. */
  timestamp: z.string(),
  version: z.string().optional(),
  /** Task id: the last part of the ARN, and the name of its agent. Lines with the same id are about the same task: ignore all but one. */
  task: z.string(),
  pool: z.string(),
  /** The `startedBy` of the task: the job that it was launched for, or the key of a warm agent or a sweep; `unknown` if a person started it. */
  launchedFor: jobKey,
  /** The job that the agent executed, if HCP Terraform showed it; otherwise absent. */
  job: jobKey.optional(),
  /** Run, workspace and phase of `job`, or else of `launchedFor`; absent for a warm agent or a sweep without a known job. */
  run: z.string().optional(),
  workspace: z.string().optional(),
  phase: z.enum(['plan', 'apply']).optional(),
  family: z.string(),
  /** CPU units. `cpu` and `memoryMiB` are 0 if ECS doesn't show them. */
  cpu: z.number(),
  memoryMiB: z.number(),
  ephemeralStorageGiB: z.number().optional(),
  capacity: z.enum(['on-demand', 'spot']),
  architecture: z.enum(['x86_64', 'arm64']),
  /**
   * What the launcher concludes: `ended` (normally), `failed-to-start`, `stopped` (by the launcher or a person: see `stoppedReason`),
   * `out-of-memory`, `interrupted` (by AWS, for example on Spot), `failed` (with a different error).
   */
  outcome: z.enum(['ended', 'failed-to-start', 'stopped', 'out-of-memory', 'interrupted', 'failed']),
  exitCode: z.number().optional(),
  stopCode: z.string().optional(),
  stoppedReason: z.string().optional(),
  /** ISO 8601. */
  createdAt: z.string().optional(),
  startedAt: z.string().optional(),
  stoppedAt: z.string().optional(),
  /** By the clock of HCP Terraform: from queued to started; absent if unknown. */
  queuedSeconds: seconds.optional(),
  /** How long each part took. A part that did not happen, or that the vendors don't show, is absent. */
  seconds: z.object({
    /** From queued to RunTask, if the instance that wrote the line made the launch; by the clocks of HCP Terraform and ECS. */
    launching: seconds.optional(),
    /** From RunTask to the image pull. */
    provisioning: seconds.optional(),
    pulling: seconds.optional(),
    /** From the end of the pull to the start of the container. */
    booting: seconds.optional(),
    /** From the start of the container to the start of the job. */
    waiting: seconds.optional(),
    /** From the start of the job to the end of the container. */
    working: seconds.optional(),
    /** What Fargate bills: from the image pull to the end of the task, at least 60; 0 if no image was pulled. */
    billed: seconds,
  }),
  /** At list prices of us-east-1, from the same code as the stack's outputs; a task on Spot costs half, which is an upper estimate. */
  dollars: z.number().nonnegative(),
});

export type TaskEndedLine = z.infer<typeof taskEndedLine>;

const taskEndedAttributes = taskEndedLine.omit(ADDED);

/** What the launcher writes into the line of a task that ended. */
export type TaskEndedAttributes = z.input<typeof taskEndedAttributes>;
