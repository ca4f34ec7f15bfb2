/**
 * The names that both deploy time (`lib`) and run time (`functions`) use. This file contains no logic. Because both sides import it, a
 * misspelled name doesn't compile. `pool-environment.ts` contains the schema of the pools that `lib` writes and the function reads.
 */

import { CONNECTION_ENV } from '../connection/contract.ts';

export { ENGINE_DEAD, GATEWAY_STARTS, type GatewayStart } from './core/gateway-types.ts';
export { CAPACITIES, type Capacity, DAYS, type Day, LEFT_IDLE_EXIT_CODE, PHASES, type Phase } from './core/types.ts';

/** `message` of each kind of line that the launcher logs and something else reads. `log-lines.ts` contains their schemas. */
export const LOG_MESSAGES = {
  tick: 'tick',
  tickWithErrors: 'tick with errors',
  taskEnded: 'task ended',
  outOfMemory: 'out of memory',
  gatewayProblem: 'gateway problem',
} as const;

/** Environment variables of the launcher's Lambda function. `lib` sets them, `config.ts` parses them. */
export const ENV = {
  /** Host of HCP Terraform or Terraform Enterprise without a scheme, and with the port unless it is 443: `app.terraform.io`. */
  hostname: 'HCP_TERRAFORM_HOSTNAME',
  /** Organization that owns the pools. */
  organization: 'HCP_TERRAFORM_ORGANIZATION',
  /** Name or ARN of the Secrets Manager secret whose string is the API token. After a colon, a key of a JSON object can follow. */
  apiTokenSecret: 'API_TOKEN_SECRET',
  /** JSON list of `AgentPoolEnvironment` (see `pool-environment.ts`). */
  agentPools: 'AGENT_POOLS',
  /** Name or ARN of the ECS cluster that holds the agents' tasks and nothing else. */
  cluster: 'ECS_CLUSTER',
  /** Comma list of subnet ids for the tasks. */
  subnets: 'TASK_SUBNETS',
  /** Comma list of security group ids for the tasks. */
  securityGroups: 'TASK_SECURITY_GROUPS',
  /** `DISABLED` (default) or `ENABLED`: whether a task gets a public address. */
  assignPublicIp: 'TASK_ASSIGN_PUBLIC_IP',
  /** Seconds between polls within one invocation while a pool has queued jobs or live tasks; `0`: poll once per invocation. */
  activePollSeconds: 'ACTIVE_POLL_SECONDS',
  /** Seconds between polls while every pool is idle, from 5 to 60; `60` (default): only the schedule polls. */
  idlePollSeconds: 'IDLE_POLL_SECONDS',
  /** URL of the queue of wake-ups; absent: there is no queue. */
  wakeUpsQueueUrl: 'WAKE_UPS_QUEUE_URL',
  /** Seconds after which the launcher stops a task if its agent hasn't registered. */
  startDeadlineSeconds: 'START_DEADLINE_SECONDS',
  /** Maximum number of agents that the organization may have registered at the same time; absent: no limit. */
  agentsCeiling: 'AGENTS_CEILING',
  /** Seconds between scheduled invocations; 60 by default. */
  scheduleSeconds: 'SCHEDULE_SECONDS',
  ...CONNECTION_ENV,
  /** JSON list of `GatewayEnvironment` (see `gateway-environment.ts`); absent: the tasks use no gateway of the launcher. */
  gateways: 'GATEWAYS',
  /** Minutes that a gateway stays awake after it was last used, from 5 to 1440; 10 by default. The launcher waits for at least 7. */
  gatewayIdleMinutes: 'GATEWAY_IDLE_MINUTES',
  /** `before-tasks` (default): a task starts only when the gateway is ready; `with-tasks`: both start at the same time, unless the gateway is new. */
  gatewayStart: 'GATEWAY_START',
  /** Days after which an idle gateway is replaced, from 1 to 365; 30 by default. */
  gatewayMaxAgeDays: 'GATEWAY_MAX_AGE_DAYS',
  /** Version of the package that deployed the function; absent outside a stack. */
  version: 'LAUNCHER_VERSION',
} as const;

/**
 * The body of a message in the queue of wake-ups, in JSON. `wake-ups.ts` contains its schema.
 *
 * - `poll`: the launcher sends it to itself with a delay, to poll again while every pool is idle. `untilMs` is the time of the next
 *   scheduled invocation, in epoch milliseconds. From then on, the message has no effect.
 * - `nudge`: a run is about to be queued. The launcher polls as soon as the run is queued.
 */
export type WakeUp =
  | { readonly kind: 'poll'; readonly untilMs: number }
  | { readonly kind: 'nudge'; readonly runId: string };

/** Environment variable of the agent's container: how many seconds the agent waits for a job. */
export const IDLE_SECONDS_VARIABLE = 'AGENT_IDLE_SECONDS';

/** Name of the one container of every task definition. */
export const AGENT_CONTAINER = 'agent';

/** CloudWatch namespace of every metric of the launcher. */
export const METRICS_NAMESPACE = 'AgentLauncher';

/**
 * Default of Powertools' `service`, which is a dimension of every metric and an attribute of every log line. `lib` sets
 * `POWERTOOLS_SERVICE_NAME` to the stack's name instead, so that you can distinguish two launchers in one account.
 */
export const SERVICE = 'agent-launcher';

/** Dimension of every metric. */
export const SERVICE_DIMENSION = 'service';

/** Additional dimension of every metric that is written per pool. */
export const POOL_DIMENSION = 'pool';

/** The metrics. Each comment starts with the unit. A metric is written per pool unless the comment says otherwise. */
export const METRICS = {
  /** Count: jobs that wait for an agent. Between two complete polls of a long queue, it is a lower bound. */
  queuedJobs: 'QueuedJobs',
  /** Seconds: age of the oldest queued job; 0 if no job is queued. Between two complete polls of a long queue, it is a lower bound. */
  oldestQueuedSeconds: 'OldestQueuedSeconds',
  /** Count: tasks that aren't stopped or stopping. */
  liveTasks: 'LiveTasks',
  /** Count: live tasks whose agent executes a job. */
  busyAgents: 'BusyAgents',
  /** Seconds: age of the oldest live task, without the time that a warm agent waits for a job; 0 if there is none. */
  oldestTaskSeconds: 'OldestTaskSeconds',
  /** Count: tasks launched. */
  launches: 'Launches',
  /** Count: tasks launched on demand because Spot had no capacity; only for pools that use Spot. */
  launchesInsteadOfSpot: 'LaunchesInsteadOfSpot',
  /** Count: launches that ECS refused; absent while it is 0. */
  launchesRefused: 'LaunchesRefused',
  /** Count: queued jobs for which no task was launched because of a limit or a back-off; absent while it is 0. */
  launchesDeferred: 'LaunchesDeferred',
  /** Count: warm agents and sweeps that were not launched because of a limit or a back-off; absent while it is 0. */
  standingDeferred: 'StandingAgentsDeferred',
  /** Seconds: longest time that a run has been in a post-plan status; absent while no run is in one. */
  longestAfterPlanSeconds: 'LongestAfterPlanSeconds',
  /** Count: ticks since a complete poll that couldn't read all of the pool's open runs; absent otherwise. */
  runListsTruncated: 'RunListsTruncated',
  /** Count: idle and busy agents of the pool that this launcher did not start; absent while there are none. */
  foreignAgents: 'ForeignAgents',
  /** Count: agents of the pool that seem to belong to another launcher; absent while there are none. */
  otherLaunchersAgents: 'OtherLaunchersAgents',
  /**
   * Count: tasks that ended before their agent registered, since the last successful start, plus launches that ECS refused. It is written
   * for up to an hour after the pool became idle.
   */
  startFailures: 'StartFailures',
  /** Count: tasks that ran out of memory after their agent registered; each task is counted once. */
  outOfMemory: 'OutOfMemory',
  /** Seconds: time from queued to started according to HCP Terraform's timestamps; one sample per job. */
  startLatencySeconds: 'StartLatencySeconds',
  /** Seconds: what Fargate bills for a task, from the image pull to its end; one sample per task that ended. */
  taskSeconds: 'TaskSeconds',
  /** US dollars at list prices of us-east-1; one sample per task that ended. */
  taskCost: 'TaskCost',
  /** Seconds: from queued to RunTask; one sample per ended task whose launch this function instance made. */
  launchSeconds: 'LaunchSeconds',
  /** Seconds: from RunTask to the image pull; one sample per ended task, like the next two. */
  provisionSeconds: 'ProvisionSeconds',
  /** Seconds: the image pull. */
  pullSeconds: 'PullSeconds',
  /** Seconds: from the end of the image pull to the start of the container. */
  bootSeconds: 'BootSeconds',
  /** Seconds: from the start of the container to the start of the job; one sample per ended task whose job is known. */
  jobWaitSeconds: 'JobWaitSeconds',
  /** Count: days until the pool's API token expires; absent if HCP Terraform doesn't show an expiry. It is written about every 12 hours. */
  apiTokenDaysLeft: 'ApiTokenDaysLeft',
  /** Count, not per pool: ticks with errors. */
  failedTicks: 'FailedTicks',
  /** Count, not per pool: API tokens that HCP Terraform rejected. */
  apiTokenRejected: 'ApiTokenRejected',
  /** Count, not per pool: run statuses that the launcher doesn't know. It is 0 as long as HCP Terraform filters lists by status. */
  unknownRunStatuses: 'UnknownRunStatuses',
  /** Count, not per pool: requests for run lists in the last 60 s; HCP Terraform allows 30. */
  runListRequests: 'RunListRequests',
} as const;

/** Tag keys on every task that the launcher starts. */
export const TASK_TAGS = {
  run: 'agent-launcher:run',
  workspace: 'agent-launcher:workspace',
  phase: 'agent-launcher:phase',
  pool: 'agent-launcher:pool',
  attempt: 'agent-launcher:attempt',
} as const;

/** Metrics about gateways, not per pool. The launcher writes them only if {@link ENV.gateways} is set. Each comment starts with the unit. */
export const GATEWAY_METRICS = {
  /** Count: problems of gateways that a person may have to repair; absent while there are none. */
  problems: 'GatewayProblems',
  /** Count: days since the oldest gateway was created; written only while a gateway is awake. */
  ageDays: 'GatewayAgeDays',
  /** Count: connections to domains that the gateways' filter refused. A metric filter of the gateways' log group writes it. */
  refusedDomains: 'GatewayRefusedDomains',
} as const;

/** Tag keys on the instance of a gateway. They are the only state of gateways. All times are in ISO 8601. */
export const GATEWAY_TAGS = {
  /** Name of the gateway; from the launch template. Its volume has the tag too. */
  gateway: 'agent-launcher:gateway',
  /** Hash of the launch template; from the launch template. */
  config: 'agent-launcher:config',
  /** When the launcher created the instance. */
  created: 'agent-launcher:created',
  /** How many instances in a row failed before it. The launcher sets it when it creates the instance. */
  failures: 'agent-launcher:failures',
  /** When a task was last alive or wanted. The launcher renews it at most once per minute. */
  lastUsed: 'agent-launcher:last-used',
  /** Since when the launcher renewed {@link lastUsed} without a pause in which the gateway could have been stopped. */
  usedSince: 'agent-launcher:used-since',
  /** When the filter began to work. The instance itself sets it after each boot. */
  ready: 'agent-launcher:ready',
  /** What the instance itself reports as broken: `ENGINE_DEAD` or a text such as `disk-full`. It removes the tag when it is healthy. */
  problem: 'agent-launcher:problem',
} as const;
