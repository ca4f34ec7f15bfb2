/** How late AWS and HCP Terraform show a change, and for how long they show it. All values are in milliseconds. */

/** ECS can take up to five minutes to show a change: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html */
export const READ_LAG_MS = 5 * 60_000;

/** ECS rarely takes longer than this to show a new task. UNVERIFIED: AWS documents only {@link READ_LAG_MS}. */
export const USUAL_READ_LAG_MS = 60_000;

/** An upper bound for the duration of an invocation. After this time, a tick has made all of its launches. */
const INVOCATION_MS = 60_000;

/** Tasks launched by a tick are visible to any tick that starts at least this long after it. */
export const SETTLED_AFTER_MS = INVOCATION_MS + READ_LAG_MS;

/**
 * ECS shows a stopped task for at least an hour
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html). So if ECS returns the id of a task but can't
 * describe the task, the task is new, unless its job has waited for more than an hour.
 */
export const STOPPED_TASKS_SHOWN_MS = 60 * 60_000;

/**
 * Maximum time between SIGTERM and SIGKILL on Fargate. The task definition of an agent uses all of it (`stopTimeout`):
 * https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
 */
export const STOP_TIMEOUT_MAX_MS = 120_000;

/** An upper bound for the time from a container's end until its task is STOPPED. It usually takes half a minute. UNVERIFIED. */
export const DEPROVISIONED_AFTER_MS = 60_000;

/**
 * ECS stops a task within {@link DEPROVISIONED_AFTER_MS} after its container ended. Sometimes ECS doesn't notice the end, and the task stays RUNNING for
 * hours until a person stops it
 * (https://github.com/aws/containers-roadmap/issues/1084, https://github.com/aws/amazon-ecs-agent/issues/2995).
 */
export const LINGERS_AFTER_MS = 5 * 60_000;

/** Maximum difference between ECS's clock and HCP Terraform's. Not documented. */
export const CLOCK_SKEW_MS = 60_000;

/**
 * How long a run still shows an agent that died: HCP Terraform waits about this long, and then fails the run. UNVERIFIED. HashiCorp
 * documents only the five minutes until an agent without pings is `errored`.
 */
export const DEAD_AGENT_SHOWN_MS = 6 * 60_000;

/**
 * An idle agent pings every 30 s. An agent that stops pinging is `unknown` for five minutes and then `errored`
 * (https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#view-agent-statuses).
 */
const AGENTS_WINDOW_MS = 10 * 60_000;

/** Every registered agent that isn't errored has pinged since this time. */
export function recentAgentsMs(nowMs: number): number {
  return nowMs - AGENTS_WINDOW_MS - CLOCK_SKEW_MS;
}

/** An idle agent asks for a job every 30 s: https://support.hashicorp.com/hc/en-us/articles/28738394946707 */
const JOB_REQUEST_INTERVAL_MS = 30_000;

/** If an idle agent hasn't taken a job after three requests for a job, it doesn't accept any of the queued jobs. */
export const THREE_JOB_REQUESTS_MS = 3 * JOB_REQUEST_INTERVAL_MS;

/** What EC2 shows is at most this old. UNVERIFIED: AWS says only "eventual consistency", and usually it takes less than a second. */
export const EC2_READ_LAG_MS = 10_000;

/** Maximum difference between the launcher's clock and those of EC2 and its instances, which all follow Amazon's time service. UNVERIFIED. */
export const EC2_CLOCK_SKEW_MS = 5_000;
