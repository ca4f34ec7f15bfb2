import type { TaskOutcome } from './task-outcome.ts';
import type { OutOfMemory, RunningJob, Task } from './types.ts';

/**
 * Tasks that ran out of memory after their agent came up, nearly always during a job. A task that ran out of memory earlier is a start failure.
 * If the kernel kills only Terraform, the agent lives on, nothing appears here, and the run's log says "signal: killed".
 *
 * @param running after its agent died, a run stays in `planning` or `applying` for minutes and still has the agent's name.
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
