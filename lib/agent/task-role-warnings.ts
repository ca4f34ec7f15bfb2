/**
 * Warnings about task roles with more permissions than a job needs. A job runs Terraform code, so the code's author gets these
 * permissions.
 */
import type { Phase } from '../../functions/launcher/contract.ts';
import { DUAL_STACK_DOMAINS, HOST_DOMAINS } from '../aws/partitions.ts';

/** A policy statement in the settings. */
export interface RoleStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

export interface TaskRolePermissions {
  /** An existing role, whose permissions are unknown. */
  readonly taskRoleArn?: string | undefined;
  readonly taskRolePolicyArns: readonly string[];
  readonly taskRoleStatements: readonly RoleStatement[];
}

/** What AWS's broadest policies allow. https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html */
const BROAD_POLICIES: Readonly<Record<string, string>> = {
  AdministratorAccess: 'full control of the account',
  PowerUserAccess:
    'full control of the account except IAM, Organizations and account settings, including all data in it',
  IAMFullAccess: 'full control of IAM, and so of the account',
};

/** Actions that each let a role get the permissions of other roles, up to those of an administrator. */
const ESCALATIONS = [
  'iam:AttachRolePolicy',
  'iam:PutRolePolicy',
  'iam:CreatePolicyVersion',
  'iam:UpdateAssumeRolePolicy',
  'iam:CreateAccessKey',
  'iam:PassRole',
  'sts:AssumeRole',
];

/**
 * Warns about broad permissions. They aren't errors, because a pool that manages a whole account is legitimate.
 *
 * @param jobs kinds of jobs that have the role
 */
export function* taskRoleWarnings(
  pool: string,
  jobs: Phase | 'all',
  { taskRolePolicyArns, taskRoleStatements }: TaskRolePermissions,
): Iterable<{ id: string; text: string }> {
  const role = `Agent pool ${pool}: the role of ${JOBS[jobs]} has`;
  for (const what of [...taskRolePolicyArns.flatMap(broadPolicy), ...taskRoleStatements.flatMap(broadStatement)]) {
    yield { id: 'agent-launcher:broadTaskRole', text: `${role} ${what}. ${HOLDERS[jobs]} ${NARROWER[jobs]}` };
  }
  if (jobs !== 'apply' && taskRolePolicyArns.some((arn) => nameOf(arn) === 'ReadOnlyAccess')) {
    yield {
      id: 'agent-launcher:readOnlyTaskRole',
      text: `${role} ReadOnlyAccess, which also reads data, such as objects in S3 and items in DynamoDB. ${HOLDERS[jobs]} Allow only what your providers read while planning, with taskRoleStatements.`,
    };
  }
}

/** The network settings that determine whether jobs can reach AWS APIs. */
export interface AllowedApis {
  readonly egress: string;
  readonly dnsFirewall?: boolean | undefined;
  readonly allowedDomains?: readonly string[] | undefined;
  readonly allowedPresets?: readonly string[] | undefined;
}

/** Warns if a pool's jobs have permissions in AWS but can't resolve any AWS domain. */
export function* unreachableApiWarning(
  pool: string,
  { taskRoleArn, taskRolePolicyArns, taskRoleStatements }: TaskRolePermissions,
  { egress, dnsFirewall = false, allowedDomains = [], allowedPresets = [] }: AllowedApis,
): Iterable<{ id: string; text: string }> {
  const granted =
    taskRoleArn !== undefined ||
    taskRolePolicyArns.length > 0 ||
    taskRoleStatements.some(({ Effect }) => Effect === 'Allow');
  const limited = dnsFirewall || egress === 'network-firewall';
  const allowed = allowedPresets.includes('aws-apis') || allowedDomains.some(isAwsDomain);
  if (!granted || !limited || allowed) return;
  yield {
    id: 'agent-launcher:awsApisBlocked',
    text: `Agent pool ${pool}: its jobs have permissions in AWS, but can't resolve the hostnames of AWS APIs. Add aws-apis to network.allowedPresets (and also hcp-terraform, if you set no other presets), and set network.awsApiServices and network.awsApiRegions.`,
  };
}

function isAwsDomain(name: string): boolean {
  return [...HOST_DOMAINS, ...DUAL_STACK_DOMAINS].some((domain) => name === domain || name.endsWith(`.${domain}`));
}

const JOBS = { plan: 'plans', apply: 'applies', all: 'plans and applies' } as const;

const ANYONE_WHO_PLANS =
  'Anyone who can queue a plan in a workspace of this pool has this access. If speculative plans are on, so has anyone who can open a pull request.';
const HOLDERS = {
  plan: ANYONE_WHO_PLANS,
  apply: 'Anyone who can apply in a workspace of this pool has this access.',
  all: ANYONE_WHO_PLANS,
} as const;

const NARROWER = {
  plan: 'A plan only reads: allow only what your providers read.',
  apply: 'Allow only what your configurations manage.',
  all: 'Set phases, give plans a role that only reads, and allow applies only what your configurations manage.',
} as const;

function nameOf(arn: string): string | undefined {
  return /^arn:[^:]+:iam::aws:policy\/(?:[^/]+\/)*([^/]+)$/.exec(arn)?.[1];
}

function broadPolicy(arn: string): string[] {
  const name = nameOf(arn) ?? '';
  return Object.hasOwn(BROAD_POLICIES, name) ? [`${name}: ${BROAD_POLICIES[name]}`] : [];
}

function broadStatement({ Effect, Action, Resource }: RoleStatement): string[] {
  const resources = [Resource].flat();
  if (Effect !== 'Allow') return [];
  return [Action].flat().flatMap((action) => {
    if (/^\*+$/.test(action)) {
      if (resources.includes('*')) return `Action "${action}" on "*": full control of the account`;
      const onWhat = resources.map((resource) => `"${resource}"`).join(', ');
      return `Action "${action}" on ${onWhat}: every action on it, including its deletion and its policies`;
    }
    const escalates = ESCALATIONS.some((one) => matches(action, one)) && resources.some(isEveryRole);
    return escalates
      ? `Action "${action}" on every role: with it, a job can get the permissions of other roles, up to those of an administrator`
      : [];
  });
}

/** Whether a resource covers every role of an account. */
function isEveryRole(resource: string): boolean {
  return /^(?:\*|arn:[^:]*:iam::[^:]*:(?:\*|(?:role|policy|user)\/\*))$/.test(resource);
}

/** Matches with IAM's wildcards. Actions are case-insensitive. */
function matches(pattern: string, action: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 'i').test(action);
}
