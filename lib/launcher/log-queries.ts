/**
 * Queries of CloudWatch Logs Insights over the launcher's log. A test checks that each field exists in the schema of a log line
 * (`functions/launcher/log-lines.ts`).
 *
 * A task can have several lines (`core/task-ends.ts` says why), so each query counts a task's id once. `dedup` can only be followed by `limit`
 * (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-Dedup.html), so sums first take the maximum of each task.
 */
import { LOG_MESSAGES } from '../../functions/launcher/contract.ts';

export interface LogQuery {
  /** Last part of the name of the saved query. */
  readonly name: string;
  readonly what: string;
  readonly query: string;
}

/** Replace it with a run's id before you run the query. */
export const RUN_PLACEHOLDER = 'run-REPLACE-ME';

export const LOG_QUERIES: readonly LogQuery[] = [
  {
    name: 'Why a run waits',
    what: `every line about one run: first seen, launched, deferred, failed, ended. Replace \`${RUN_PLACEHOLDER}\``,
    query: `fields @timestamp, message, version, @message
| filter @message like /${RUN_PLACEHOLDER}/
| sort @timestamp asc
| limit 200`,
  },
  {
    name: 'Cost by workspace',
    what: 'dollars, minutes and tasks of each workspace, at list prices',
    query: `filter message = "${LOG_MESSAGES.taskEnded}"
| stats max(dollars) as taskDollars, max(seconds.billed) as taskSeconds, earliest(workspace) as taskWorkspace by task, pool
| stats sum(taskDollars) as totalDollars, sum(taskSeconds) / 60 as totalMinutes, count(*) as tasks by taskWorkspace, pool
| sort totalDollars desc
| limit 100`,
  },
  {
    name: 'Slowest starts',
    what: 'the jobs that waited longest, and which part took how long',
    query: `filter message = "${LOG_MESSAGES.taskEnded}" and isPresent(queuedSeconds)
| fields @timestamp, pool, run, phase, queuedSeconds, seconds.launching, seconds.provisioning, seconds.pulling, seconds.booting, seconds.waiting, task
| sort queuedSeconds desc
| dedup task
| limit 50`,
  },
  {
    name: 'Failures by cause',
    what: 'tasks that did not end normally, by outcome and stop code, with the newest reason',
    // The launcher stops a task whose agent has left, if ECS doesn't. The job of such a task has ended normally.
    query: `filter message = "${LOG_MESSAGES.taskEnded}" and outcome != "ended"
| filter not (outcome = "stopped" and (stoppedReason like "its agent left: it deregistered" or stoppedReason like "its agent left: its container ended with exit code 0 "))
| stats count_distinct(task) as tasks, latest(stoppedReason) as newestReason, latest(task) as newestTask by outcome, stopCode, exitCode, pool
| sort tasks desc
| limit 50`,
  },
];
