/** ECS's statuses of tasks: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html */

const ENDING = new Set(['DEACTIVATING', 'STOPPING', 'DEPROVISIONING', 'STOPPED', 'DELETED']);

/** Whether a task has ended completely, so that its log is complete too. */
export function hasStopped({ lastStatus }: { readonly lastStatus: string }): boolean {
  return lastStatus === 'STOPPED' || lastStatus === 'DELETED';
}

/** Whether a task ends or has ended. @param desiredStatus `STOPPED` from the moment at which somebody stops it */
export function isEnding({
  lastStatus,
  desiredStatus,
}: {
  readonly lastStatus: string;
  readonly desiredStatus?: string;
}): boolean {
  return desiredStatus === 'STOPPED' || ENDING.has(lastStatus);
}
