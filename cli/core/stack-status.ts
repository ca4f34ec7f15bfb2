/** What CloudFormation's status of a stack says about its last deployment. */

/**
 * - `complete`: it succeeded. `changing`: CloudFormation changes the stack now.
 * - `rolled-back`: it failed, and what runs is the deployment before. `broken`: it failed, and parts can be missing.
 */
export type LastDeployment = 'complete' | 'changing' | 'rolled-back' | 'broken';

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html */
export function lastDeployment(status: string): LastDeployment {
  if (['CREATE_COMPLETE', 'UPDATE_COMPLETE', 'IMPORT_COMPLETE'].includes(status)) return 'complete';
  if (status.endsWith('_IN_PROGRESS')) return 'changing';
  return ['UPDATE_ROLLBACK_COMPLETE', 'IMPORT_ROLLBACK_COMPLETE'].includes(status) ? 'rolled-back' : 'broken';
}
