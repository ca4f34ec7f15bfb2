import type { TaskOutcome } from './task-outcome.ts';
import type { OutOfMemory, RunningJob, Task } from './types.ts';

/**
 * Tasks that ran out of memory after their agent registered, nearly always during a job. If a task ran out of memory earlier, it is a start
 * failure. If the kernel kills only Terraform, the agent continues, and only the run's log shows it ("signal: killed").
 *
 * @param running - running jobs. After its agent died, a run stays in `planning` or `applying` for minutes and still shows the agent's name.
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
 * The sign that a task ran out of memory: ECS reports it, or the container was killed with SIGKILL although nobody stopped the task.
 * https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
 */
export function signOf({ containerReason = '', exitCode, stopCode }: Task): OutOfMemory['sign'] | undefined {
  if (/OutOfMemory/i.test(containerReason)) return 'OutOfMemoryError';
  return exitCode === 137 && stopCode === 'EssentialContainerExited' ? 'exit code 137' : undefined;
}
