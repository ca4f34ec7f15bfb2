/** ECS's reads are eventually consistent for up to five minutes: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html */
export const READ_LAG_MS = 5 * 60_000;

/** More than an invocation may last: by then a tick has made the launches that it decided on. */
const INVOCATION_MS = 60_000;

/** After a tick began, a later one that begins by then may not see what it launched; one that begins after that does. */
export const SETTLED_AFTER_MS = INVOCATION_MS + READ_LAG_MS;

/**
 * ECS shows a stopped task for at least an hour
 * (https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html). A task that ECS names but can't
 * describe is therefore new, unless its job has waited for longer than that.
 */
export const STOPPED_TASKS_SHOWN_MS = 60 * 60_000;
