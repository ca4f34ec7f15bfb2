import type { TaskOutcome } from './task-outcome.ts';
import type { OutOfMemory, RunningJob, Task } from './types.ts';

/**
 * Tasks that were killed for their memory after their agent came up: with a job, as good as always. One that was before is
 * a start failure. What is not seen here: when the kernel kills Terraform alone, the agent lives on and the run's own log
 * says "signal: killed".
 *
 * @param running a run stays in `planning` or `applying` for minutes after its agent died, and names it.
 */
export function outOfMemory(
  starts: readonly { readonly task: Task; readonly start: TaskOutcome }[],
  running: readonly RunningJob[],
): OutOfMemory[] {
  return starts.flatMap(({ task, start }) => {
    const sign = signOf(task);
    if (sign === undefined || start === 'failed') return [];
    const job = running.find(({ agentName }) => agentName === task.id);
    return [{ task, sign, ...(job !== undefined && { jobKey: job.key }) }];
  });
}

/**
 * ECS's words, or SIGKILL of a container that nobody stopped.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
 */
function signOf({ containerReason = '', exitCode, stopCode }: Task): OutOfMemory['sign'] | undefined {
  if (/OutOfMemory/i.test(containerReason)) return 'OutOfMemoryError';
  return exitCode === 137 && stopCode === 'EssentialContainerExited' ? 'exit code 137' : undefined;
}
