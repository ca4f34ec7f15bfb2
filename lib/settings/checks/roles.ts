/** Checks of the permissions boundary, which the CDK can also get from its own context. */
import { shown } from '../../credentials.ts';
import type { SettingsFault } from '../errors.ts';
import { isRecord } from '../records.ts';

/** The context key from which the CDK reads a boundary for every stack of an app. */
export const CDK_BOUNDARY = '@aws-cdk/core:permissionsBoundary';

/**
 * Faults of the CDK's context key. The CDK ignores any value that isn't an object, such as every value of `-c`, and it throws an error
 * for CloudFormation's parameters in a stack without a fixed account.
 *
 * @param context from `app.node.getAllContext()`
 * @param boundary the setting `roles.permissionsBoundary`
 */
export function* boundaryFaults(
  context: Readonly<Record<string, unknown>>,
  boundary: string | undefined,
): Iterable<SettingsFault> {
  const given = context[CDK_BOUNDARY];
  if (given === undefined) return;
  const { name, arn } = isRecord(given) ? given : {};
  const value = arn ?? name ?? given;
  const remedy = `remove ${CDK_BOUNDARY}, and set roles.permissionsBoundary${typeof value === 'string' ? ` to ${shown(value)}` : ''}`;
  const allowed = `the setting roles.permissionsBoundary, or the CDK's {"name": "…"} or {"arn": "…"} without parameters of CloudFormation`;
  if (boundary !== undefined) {
    yield {
      path: CDK_BOUNDARY,
      given: `${shown(given)}, although roles.permissionsBoundary is ${shown(boundary)}`,
      allowed: 'one of the two',
      remedy: `remove ${CDK_BOUNDARY}`,
    };
  } else if (typeof value !== 'string' || value === given) {
    yield { path: CDK_BOUNDARY, given: `${shown(given)}, which the CDK ignores`, allowed, remedy };
  } else if (value.includes('${AWS::')) {
    yield { path: CDK_BOUNDARY, given: `${shown(value)}, for which the CDK throws an error`, allowed, remedy };
  }
}
