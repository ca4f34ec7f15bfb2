/**
 * What a deployment gets where nothing is said. One place for the settings of `cdk.json` and for the constructs,
 * so that both ways of deploying mean the same.
 */

/** HCP Terraform; Terraform Enterprise and the EU host have names of their own. */
export const DEFAULT_HOSTNAME = 'app.terraform.io';

/** Version of `hashicorp/tfc-agent` that the container image is built from. */
export const DEFAULT_AGENT_VERSION = '1.33.0';

/** Most agents of one pool at once. */
export const DEFAULT_MAX_AGENTS = 10;

/** One vCPU, in ECS's CPU units: the low end of what HashiCorp asks for one agent. */
export const DEFAULT_CPU = 1024;

/** MiB: the low end of what HashiCorp asks for one agent. */
export const DEFAULT_MEMORY_MIB = 2048;

/** Days that the logs of agents and launcher are kept. */
export const DEFAULT_LOG_RETENTION_DAYS = 30;

/** Minutes between two invocations of the launcher: the shortest period that EventBridge Scheduler has. */
export const DEFAULT_SCHEDULE_MINUTES = 1;

/** Seconds between polls inside an invocation while a pool has demand or live tasks. */
export const DEFAULT_ACTIVE_POLL_SECONDS = 10;

/**
 * Seconds after which an agent that received no job leaves by itself. An agent asks for work every 30 s and waits
 * another interval when it loses a job to its neighbour, so less than two intervals would send agents away too early.
 */
export const DEFAULT_IDLE_WINDOW_SECONDS = 300;

/** Seconds after which a task whose agent never registered is stopped. */
export const DEFAULT_START_DEADLINE_SECONDS = 300;

/** Addresses of a VPC of its own: 4,096, of which each of the two private subnets holds 1,024. */
export const DEFAULT_VPC_CIDR = '10.90.0.0/20';

/** Minutes that a job may wait for an agent before the alarm about it. */
export const DEFAULT_OLDEST_QUEUED_MINUTES = 15;

/**
 * Most pools of one launcher: its poll budget (a request a pool and tick of 24 a minute), and AWS's limits of a policy's
 * size, a function's environment and a dashboard's alarms.
 */
export const MOST_POOLS = 20;
