/** What is known about the clocks of AWS and HCP Terraform: how late they show something, and for how long. Milliseconds. */

/** ECS's reads are eventually consistent for up to five minutes: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html */
export const READ_LAG_MS = 5 * 60_000;

/** More than an invocation may last: by then a tick has made the launches that it decided on. */
const INVOCATION_MS = 60_000;

/** Tasks launched by a tick are visible to any tick that starts at least this long after it. */
export const SETTLED_AFTER_MS = INVOCATION_MS + READ_LAG_MS;

/**
 * ECS shows a stopped task for at least an hour
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html). A task that ECS names but can't
 * describe is therefore new, unless its job has waited for longer than that.
 */
export const STOPPED_TASKS_SHOWN_MS = 60 * 60_000;

/**
 * ECS stops a task within half a minute of its container's end. Sometimes it doesn't notice the end: such a task stays RUNNING for hours,
 * until a person stops it (https://github.com/aws/containers-roadmap/issues/1084, https://github.com/aws/amazon-ecs-agent/issues/2995).
 */
export const LINGERS_AFTER_MS = 5 * 60_000;

/** Maximum difference between ECS's clock and HCP Terraform's. Not documented. */
export const CLOCK_SKEW_MS = 60_000;

/**
 * An idle agent pings every 30 s. A silent one is `unknown` for five minutes and then `errored`
 * (https://developer.hashicorp.com/terraform/cloud-docs/agents/agent-pools#view-agent-statuses).
 */
const AGENTS_WINDOW_MS = 10 * 60_000;

/** Every agent that is registered and not errored has pinged since then. */
export function recentAgentsMs(nowMs: number): number {
  return nowMs - AGENTS_WINDOW_MS - CLOCK_SKEW_MS;
}

/**
 * An idle agent asks for a job every 30 s (https://support.hashicorp.com/hc/en-us/articles/28738394946707). An agent of another launcher that leaves a
 * job alone for longer than it takes to ask three times doesn't accept its type, whatever its status is.
 */
export const FOREIGN_PATIENCE_MS = 90_000;
