/** Warnings about task roles with more permissions than a job needs. A job is Terraform code, so its author has them. */
import type { Phase } from '../../functions/launcher/contract.ts';
import { DUAL_STACK_DOMAINS, HOST_DOMAINS } from '../aws/partitions.ts';

/** A policy statement in the settings. */
export interface RoleStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

export interface TaskRolePermissions {
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

/** With each of these, a role can get the permissions of other roles, up to those of an administrator. */
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
 * Warnings, because a pool that manages a whole account is legitimate.
 *
 * @param jobs that the role serves; any code that somebody can plan has the role of plans
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

/** What of the network decides whether jobs reach AWS. */
export interface AllowedApis {
  readonly egress: string;
  readonly dnsFirewall?: boolean | undefined;
  readonly allowedDomains?: readonly string[] | undefined;
  readonly allowedPresets?: readonly string[] | undefined;
}

/** A warning if jobs of a pool have permissions in AWS, but none of AWS's domains resolves for them. */
export function* unreachableApiWarning(
  pool: string,
  { taskRolePolicyArns, taskRoleStatements }: TaskRolePermissions,
  { egress, dnsFirewall = false, allowedDomains = [], allowedPresets = [] }: AllowedApis,
): Iterable<{ id: string; text: string }> {
  const granted = taskRolePolicyArns.length > 0 || taskRoleStatements.some(({ Effect }) => Effect === 'Allow');
  const limited = dnsFirewall || egress === 'network-firewall';
  const allowed = allowedPresets.includes('aws-apis') || allowedDomains.some(isAwsDomain);
  if (!granted || !limited || allowed) return;
  yield {
    id: 'agent-launcher:awsApisBlocked',
    text: `Agent pool ${pool}: its jobs have permissions in AWS, but AWS's APIs don't resolve for them. Add aws-apis to network.allowedPresets (with hcp-terraform, if you set no other presets), and set network.awsApiServices and network.awsApiRegions.`,
  };
}

function isAwsDomain(name: string): boolean {
  return [...HOST_DOMAINS, ...DUAL_STACK_DOMAINS].some((domain) => name === domain || name.endsWith(`.${domain}`));
}

const JOBS = { plan: 'plans', apply: 'applies', all: 'plans and applies' } as const;

const ANYONE_WHO_PLANS =
  'Anyone who can queue a plan in a workspace of this pool has it, including through a pull request where speculative plans are on.';
const HOLDERS = {
  plan: ANYONE_WHO_PLANS,
  apply: 'Anyone who can apply in a workspace of this pool has it.',
  all: ANYONE_WHO_PLANS,
} as const;

const NARROWER = {
  plan: 'A plan only reads: allow only what your providers read.',
  apply: 'Allow only what your configurations manage.',
  all: 'Set phases, with a role for plans that only reads, and allow only what your configurations manage.',
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
      ? `Action "${action}" on every role: it can get the permissions of other roles, up to those of an administrator`
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
