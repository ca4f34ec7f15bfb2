/**
 * Name, path and permissions boundary of every role in a part of a stack.
 *
 * An aspect sets them, so that they also apply to roles that CDK constructs create, such as the role of flow logs.
 */
import { createHash } from 'node:crypto';
import { AspectPriority, Aspects, Fn, type IAspect, Stack } from 'aws-cdk-lib';
import { CfnRole } from 'aws-cdk-lib/aws-iam';
import type { IConstruct } from 'constructs';

/** Options of all roles that a launcher creates. */
export interface RoleOptions {
  /**
   * Prefix of the names of all roles: 1 to 24 characters. A change replaces the roles, and running jobs lose their AWS credentials.
   *
   * @default - CloudFormation chooses the names
   */
  readonly namePrefix?: string | undefined;
  /**
   * Path of all roles, such as `/terraform/agents/`. A change replaces the roles, and running jobs lose their AWS credentials.
   *
   * @default '/'
   */
  readonly path?: string | undefined;
  /**
   * Permissions boundary of all roles: the name of a managed policy in the stack's account, or an ARN. In an ARN,
   * `${AWS::AccountId}` and `${AWS::Partition}` stand for the stack's account and partition.
   *
   * @default - no boundary, unless the app sets one with `PermissionsBoundary`
   */
  readonly permissionsBoundary?: string | undefined;
}

/** Applies the options to every role in these scopes. @param launcher name of the launcher, which is unique in account and region */
export function configureRoles(launcher: string, options: RoleOptions, ...scopes: readonly IConstruct[]): void {
  const aspect = new RoleAspect(launcher, options);
  for (const scope of scopes) Aspects.of(scope).add(aspect, { priority: AspectPriority.MUTATING });
}

class RoleAspect implements IAspect {
  readonly #launcher: string;
  readonly #options: RoleOptions;

  constructor(launcher: string, options: RoleOptions) {
    this.#launcher = launcher;
    this.#options = options;
  }

  visit(node: IConstruct): void {
    if (!(node instanceof CfnRole)) return;
    const { namePrefix, path, permissionsBoundary } = this.#options;
    if (path !== undefined) node.path = path;
    if (permissionsBoundary !== undefined) node.permissionsBoundary = boundaryArn(node, permissionsBoundary);
    if (namePrefix === undefined) return;
    const purpose = node.node.scopes.slice(1, -1).map(({ node: { id } }) => id);
    // Roles are global in an account, but the launcher's name is unique in one region only.
    node.roleName = `${roleName(namePrefix, this.#launcher, path, purpose)}-${Stack.of(node).region}`;
  }
}

/**
 * IAM's maximum is 64 characters. The rest is for a hyphen and the region, whose name has at most 15 characters today, and one more. Another
 * value changes the names of existing roles.
 */
const MOST_WITHOUT_REGION = 64 - 17;

/**
 * The name of a role, without the region.
 *
 * CloudFormation creates a replacement before it deletes the replaced role, so both can't have the same name. Only the name, the path
 * and the construct's ID can cause a replacement. So the hash contains the path and all IDs.
 *
 * @param purpose IDs of the constructs that contain the role, from the outermost to the role's own
 */
export function roleName(
  prefix: string,
  launcher: string,
  path: string | undefined,
  purpose: readonly string[],
): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([launcher, path, ...purpose]))
    .digest('hex')
    .slice(0, 8);
  // The last IDs say most about a role, such as PlanTaskRole and Pool-default. A name has no space, slash or colon.
  const readable = purpose
    .toReversed()
    .join('-')
    .replaceAll(/[^\w+=,.@-]/g, '-');
  const length = MOST_WITHOUT_REGION - prefix.length - hash.length - 1;
  return `${prefix}${readable.slice(0, length).replace(/-+$/, '')}-${hash}`;
}

function boundaryArn(role: CfnRole, boundary: string): string {
  if (!boundary.startsWith('arn:')) {
    return Stack.of(role).formatArn({ service: 'iam', region: '', resource: 'policy', resourceName: boundary });
  }
  return boundary.includes('${') ? Fn.sub(boundary) : boundary;
}
