/**
 * The bridge between deploy time (`lib`) and run time (`functions`): names that both sides use, without logic. A name that exists on
 * one side only does not compile. `pool-environment.ts` has the schema of what one side writes and the other reads.
 */

export { CAPACITIES, type Capacity, DAYS, type Day, PHASES, type Phase } from './core/types.ts';

/** Environment variables of the launcher's Lambda function. `lib` sets them, `config.ts` parses them. */
export const ENV = {
  /** Host of HCP Terraform or Terraform Enterprise, with a port if it is not 443, without a scheme: `app.terraform.io`. */
  hostname: 'HCP_TERRAFORM_HOSTNAME',
  /** Organization that owns the pools. */
  organization: 'HCP_TERRAFORM_ORGANIZATION',
  /** Name or ARN of the Secrets Manager secret whose string is the API token. */
  apiTokenSecret: 'API_TOKEN_SECRET',
  /** JSON list of `AgentPoolEnvironment`, see `pool-environment.ts`. */
  agentPools: 'AGENT_POOLS',
  /** Name or ARN of the ECS cluster that holds the agents' tasks and nothing else. */
  cluster: 'ECS_CLUSTER',
  /** Comma list of subnet ids for the tasks. */
  subnets: 'TASK_SUBNETS',
  /** Comma list of security group ids for the tasks. */
  securityGroups: 'TASK_SECURITY_GROUPS',
  /** `DISABLED` (default) or `ENABLED`: whether a task gets a public address. */
  assignPublicIp: 'TASK_ASSIGN_PUBLIC_IP',
  /** Seconds between polls inside one invocation while a pool has demand or live tasks; `0` polls once per invocation. */
  activePollSeconds: 'ACTIVE_POLL_SECONDS',
  /** Seconds after which a task whose agent never registered is stopped. */
  startDeadlineSeconds: 'START_DEADLINE_SECONDS',
  /** Maximum number of agents that the organization may have registered at the same time; absent: no limit. */
  agentsCeiling: 'AGENTS_CEILING',
} as const;

/** Variable of the agent's container: how many seconds it waits for a job. */
export const IDLE_SECONDS_VARIABLE = 'AGENT_IDLE_SECONDS';

/** Name of the one container of every task definition. */
export const AGENT_CONTAINER = 'agent';

/** CloudWatch namespace of every metric of the launcher. */
export const METRICS_NAMESPACE = 'AgentLauncher';

/**
 * Powertools' `service`: a dimension of every metric and an attribute of every log line. `lib` sets
 * `POWERTOOLS_SERVICE_NAME` to the stack's name, so that two launchers of one account can be distinguished. This is the default.
 */
export const SERVICE = 'agent-launcher';

/** Dimension that every metric carries. */
export const SERVICE_DIMENSION = 'service';

/** Dimension that every per-pool metric carries as well. */
export const POOL_DIMENSION = 'pool';

/** Metrics, each with its unit. Per pool unless the comment says otherwise. */
export const METRICS = {
  /** Count: jobs that wait for an agent. */
  queuedJobs: 'QueuedJobs',
  /** Seconds: age of the oldest queued job; 0 when none is queued. */
  oldestQueuedSeconds: 'OldestQueuedSeconds',
  /** Count: tasks that aren't stopped or stopping. */
  liveTasks: 'LiveTasks',
  /** Count: live tasks whose agent executes a job. */
  busyAgents: 'BusyAgents',
  /** Count: tasks launched. */
  launches: 'Launches',
  /** Count: tasks launched on demand because Spot had no capacity; only for pools that use Spot. */
  launchesInsteadOfSpot: 'LaunchesInsteadOfSpot',
  /** Count: launches that ECS refused; absent while it is 0. */
  launchesRefused: 'LaunchesRefused',
  /** Count: queued jobs for which no task was launched, because of a limit or a back-off; absent while it is 0. */
  launchesDeferred: 'LaunchesDeferred',
  /** Count: warm agents and sweeps that were not launched, for the same reasons; only for pools that have some. */
  standingDeferred: 'StandingAgentsDeferred',
  /** Seconds: longest time that a run has been in a post-plan status; absent while no run is in one. */
  longestAfterPlanSeconds: 'LongestAfterPlanSeconds',
  /** Count: polls that didn't read all of the pool's open runs; absent otherwise. */
  runListsTruncated: 'RunListsTruncated',
  /** Count: agents of the pool that seem to belong to another launcher; absent while there are none. */
  otherLaunchersAgents: 'OtherLaunchersAgents',
  /**
   * Count: tasks that ended before their agent registered, since the last good start, plus launches that ECS refuses. It is written for up to an
   * hour after the pool came to rest.
   */
  startFailures: 'StartFailures',
  /** Count: tasks that ran out of memory after their agent came up; each is counted once. */
  outOfMemory: 'OutOfMemory',
  /** Seconds: from queued to started, by HCP Terraform's own clock; one sample per job. */
  startLatencySeconds: 'StartLatencySeconds',
  /** Count, without a pool: ticks with errors. */
  failedTicks: 'FailedTicks',
  /** Count, without a pool: API tokens that HCP Terraform rejected. */
  apiTokenRejected: 'ApiTokenRejected',
  /** Count, without a pool: run statuses that the launcher doesn't know. It is 0 while HCP Terraform filters lists by status. */
  unknownRunStatuses: 'UnknownRunStatuses',
  /** Count, without a pool: requests of run lists in the last 60 s, of the vendor's 30. */
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
