/**
 * Default values, shared by the settings in `cdk.json` and by the constructs, so that both ways of deploying have the same
 * defaults.
 */

/** HCP Terraform. Terraform Enterprise and the EU region have other hostnames. */
export const DEFAULT_HOSTNAME = 'app.terraform.io';

/** Version of `hashicorp/tfc-agent` that the container image is built from. */
export const DEFAULT_AGENT_VERSION = '1.33.0';

/** Maximum number of agents that run at the same time in one pool. */
export const DEFAULT_MAX_AGENTS = 10;

/** One vCPU, in ECS's CPU units: the minimum that HashiCorp recommends for an agent. */
export const DEFAULT_CPU = 1024;

/** MiB: the minimum that HashiCorp recommends for an agent. */
export const DEFAULT_MEMORY_MIB = 2048;

/** Log retention in days, for the agents and the launcher. */
export const DEFAULT_LOG_RETENTION_DAYS = 30;

/** Minutes between two invocations of the launcher: the shortest period of EventBridge Scheduler. */
export const DEFAULT_SCHEDULE_MINUTES = 1;

/** Minutes without a tick after which the launcher counts as silent: for its alarm, and for `status`, `doctor` and `why`. */
export function silentMinutes(scheduleMinutes: number): number {
  return Math.max(5, 3 * scheduleMinutes);
}

/** Seconds between polls within an invocation while a pool has queued jobs or live tasks. */
export const DEFAULT_ACTIVE_POLL_SECONDS = 5;

/** Seconds between polls while every pool is idle. With 60, the schedule alone polls. */
export const DEFAULT_IDLE_POLL_SECONDS = 60;

/** Minutes that a warm agent waits before a new one replaces it. */
export const DEFAULT_WARM_IDLE_MINUTES = 60;

/**
 * Seconds after which an agent without a job exits. An agent asks for work every 30 s. If a different agent gets the job, the
 * agent waits one more interval, so a window shorter than two intervals would end agents too early.
 */
export const DEFAULT_IDLE_WINDOW_SECONDS = 300;

/** Seconds after which the launcher stops a task whose agent never registered. */
export const DEFAULT_START_DEADLINE_SECONDS = 300;

/** CPU architecture of the Lambda functions. */
export const DEFAULT_FUNCTION_ARCHITECTURE = 'arm64';

/** Address range of a VPC that the stack creates: 4,096 addresses, 1,024 in each of the two private subnets. */
export const DEFAULT_VPC_CIDR = '10.90.0.0/20';

/** Instance type of a gateway: the smallest one, with 512 MiB of memory. */
export const DEFAULT_GATEWAY_INSTANCE_TYPE = 't4g.nano';

/** Minimum of the setting `gatewayIdleMinutes`: until ECS certainly shows a task that needs the gateway (`functions/launcher/core/gateway.ts`). */
export const LEAST_GATEWAY_IDLE_MINUTES = 7;

/** Minutes that a gateway keeps running after its last task. */
export const DEFAULT_GATEWAY_IDLE_MINUTES = 10;

/** Days after which an idle gateway is replaced. */
export const DEFAULT_GATEWAY_MAX_AGE_DAYS = 30;

/** Minutes that a job may wait for an agent before an alarm fires. */
export const DEFAULT_OLDEST_QUEUED_MINUTES = 15;

/** Hours that a task may be at work before an alarm fires. */
export const DEFAULT_OLDEST_TASK_HOURS = 24;

/** Days before the expiry of an API token from which on an alarm fires. */
export const DEFAULT_API_TOKEN_EXPIRY_DAYS = 14;

/**
 * Reserved concurrency of the nudge's function. An invocation takes less than half a second, so five serve ten requests per second. A run sends two.
 */
export const DEFAULT_NUDGE_CONCURRENCY = 5;

/**
 * Maximum number of pools per launcher. It keeps the launcher within its request budget (one request per pool and tick, 24 per
 * minute) and within AWS's limits for the size of a policy, a function's environment and the alarms on a dashboard.
 */
export const MOST_POOLS = 20;
