/** Pauses and resumes the launcher. Both can be repeated: they read first, and change only what differs. */
import type { Deployment } from '../aws/deployment.ts';
import { isAccessDenied } from '../aws/errors.ts';
import { readSwitches, setConcurrency, setQueue, setSchedule } from '../aws/switches.ts';
import { configuredConcurrency } from '../aws/template.ts';
import type { Context } from '../context.ts';
import { type Change, changesToPause, changesToResume, describeChange, invocationOf } from '../core/switches.ts';
import { CommandError } from '../io.ts';

export interface Switched {
  /** What this command changed, in the form "the schedule is off". Empty if there was nothing to do. */
  readonly changed: readonly string[];
  /** Changes that failed although the command did its work. */
  readonly warnings: readonly string[];
  /** Milliseconds since the epoch: when the last switch was turned. `undefined` if unknown. */
  readonly sinceMs: number | undefined;
}

/** Rejects with a `CommandError` if something can still invoke the launcher. */
export async function pauseLauncher(context: Context, deployment: Deployment): Promise<Switched> {
  const before = await readSwitches(context.aws, deployment);
  const changes = changesToPause(before);
  const { changed, failures } = await apply(context, deployment, changes);
  const after = changes.length === 0 ? before : await readSwitches(context.aws, deployment);
  if (invocationOf(after) !== 'paused') {
    throw new CommandError(
      [`The launcher is not paused: something can still invoke it.`, ...failures, ...done(changed)].join('\n'),
    );
  }
  const sinceMs =
    changed.length > 0 ? context.io.now() : before.schedule.enabled ? undefined : before.schedule.changedAtMs;
  return { changed, warnings: failures, sinceMs };
}

/** Rejects with a `CommandError` if a switch could not be turned on. The other switches are on then. */
export async function resumeLauncher(context: Context, deployment: Deployment): Promise<Switched> {
  const before = await readSwitches(context.aws, deployment);
  const { configured, fault } =
    before.reservedConcurrency === 0
      ? await restoredConcurrency(context, deployment)
      : { configured: undefined, fault: undefined };
  const { changed, failures } = await apply(context, deployment, changesToResume(before, configured));
  if (fault !== undefined) failures.push(fault);
  if (failures.length > 0) {
    throw new CommandError(['The launcher could not be resumed completely.', ...failures, ...done(changed)].join('\n'));
  }
  if (configured === 0) {
    throw new CommandError(
      `The stack's template reserves no concurrency for the function ${deployment.functionName} (it sets 0), so the launcher can't run. Set \`reservedConcurrency\` and deploy.`,
    );
  }
  return { changed, warnings: [], sinceMs: context.io.now() };
}

/** What the stack's template configures. If that is unknown, the fault says what to do. */
async function restoredConcurrency({ aws }: Context, deployment: Deployment) {
  const { stackName, functionName } = deployment;
  let why = `The template of ${stackName} doesn't say which reserved concurrency the function ${functionName} has.`;
  try {
    const configured = await configuredConcurrency(aws, deployment);
    if (configured !== 'unknown') return { configured, fault: undefined };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    why = error.message.replaceAll('\n', ' ');
  }
  const fault = [
    why,
    'So the function still has the reserved concurrency 0, and the launcher is off. Turn it on yourself.',
    `If nothing is reserved: aws lambda delete-function-concurrency --function-name ${functionName} --region ${deployment.region}`,
    `Otherwise: aws lambda put-function-concurrency --function-name ${functionName} --region ${deployment.region} --reserved-concurrent-executions NUMBER`,
  ].join('\n');
  return { configured: 'unknown', fault } as const;
}

function done(changed: readonly string[]): string[] {
  return changed.length === 0 ? [] : [`Changed so far: ${changed.join('; ')}.`];
}

/** Makes each change, also after one that failed. */
async function apply(
  { aws, io }: Context,
  deployment: Deployment,
  changes: readonly Change[],
): Promise<{ changed: string[]; failures: string[] }> {
  const changed: string[] = [];
  const failures: string[] = [];
  for (const change of changes) {
    try {
      if (change.kind === 'concurrency') await setConcurrency(aws, deployment.functionName, change.value, io);
      else if (change.kind === 'schedule') await setSchedule(aws, deployment.name, change.enabled, io);
      else await setQueue(aws, change.id, change.enabled, io);
      changed.push(describeChange(change));
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      const passRole =
        change.kind === 'schedule' && isAccessDenied(error.cause)
          ? ' UpdateSchedule also needs iam:PassRole for the role of the schedule.'
          : '';
      failures.push(`${error.message.replaceAll('\n', ' ')}${passRole}`);
    }
  }
  return { changed, failures };
}
