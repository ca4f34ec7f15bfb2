import { GatewayRemovalError, TransientError } from './errors.ts';
import type { Clock, Instance, Instances } from './ports.ts';

/** Time between two looks. */
export const LOOK_MS = 5_000;

/**
 * Minimum time before the removal can end. A tick of the launcher that began before the deployment changed or deleted the function can still
 * create an instance. It takes less than a minute.
 */
export const QUIET_MS = 65_000;

/**
 * Ends the instances of gateways, and waits until they are terminated. CloudFormation can only delete a network interface after that.
 *
 * It can run any number of times, also at the same time as itself.
 *
 * @param deadlineMs when to give up, in epoch milliseconds
 * @throws {GatewayRemovalError} if EC2 refuses, or if instances are left at the deadline
 */
export async function removeGateways(instances: Instances, clock: Clock, deadlineMs: number): Promise<void> {
  const quietFromMs = clock.now() + QUIET_MS;
  for (;;) {
    const left = await look(instances);
    if (typeof left !== 'string' && left.length === 0 && clock.now() >= quietFromMs) return;
    if (clock.now() + LOOK_MS > deadlineMs) throw new GatewayRemovalError(messageAbout(left));
    await clock.sleep(LOOK_MS);
  }
}

/** Ends what it finds. @returns the instances that are left, or why EC2 gave no answer */
async function look(instances: Instances): Promise<readonly Instance[] | string> {
  try {
    const found = await instances.find();
    for (const { id } of found.filter(({ state }) => state !== 'shutting-down')) await instances.end(id);
    return found;
  } catch (error) {
    if (error instanceof TransientError) return error.message;
    throw error;
  }
}

function messageAbout(left: readonly Instance[] | string): string {
  if (typeof left === 'string') return `EC2 gave no usable answer: ${left}. Delete the stack again.`;
  if (left.length === 0) return 'There was too little time to wait for a tick of the launcher. Delete the stack again.';
  const shown = left.map(({ id, state }) => `${id} (${state})`).join(', ');
  return `These gateways are not terminated yet: ${shown}. Delete the stack again in some minutes.`;
}
