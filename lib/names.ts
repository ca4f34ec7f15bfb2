/**
 * Names of the stack's resources.
 *
 * Most of them are in one namespace per account and region, and many contain two names that users choose: the launcher's and
 * a pool's. Two different pairs must never result in the same name. If two pools shared a task definition family, the launcher
 * would stop one pool's agents for the other, and start tasks with the wrong agent token and role.
 *
 * So each separator is a character that the part before it can't contain. A launcher's name can't contain `_`, `/` or `:`.
 */
import { PHASES, type Phase } from '../functions/launcher/contract.ts';

/**
 * The launcher's name, which is also the name of the stack, cluster, schedule and dashboard. CloudFormation doesn't
 * allow `_` in a stack's name either. Values with CDK tokens don't match.
 */
export const LAUNCHER_NAME = /^[A-Za-z][A-Za-z0-9-]{0,47}$/;

/** The name of an agent pool. HCP Terraform allows the same characters. */
export const POOL_NAME = /^[A-Za-z0-9_-]{1,90}$/;

/**
 * Family of the task definition that serves these phases of a pool: `AgentLauncher_plan_default`, with `all` for both.
 * The first two `_` are always the separators, whatever the pool's name contains. At most 145 of ECS's 255 characters.
 */
export function taskFamily(launcher: string, phases: readonly Phase[], pool: string): string {
  const [only, ...others] = phases;
  return `${familyPrefix(launcher)}${only === undefined || others.length > 0 ? 'all' : only}_${pool}`;
}

/** Every family that a pool can have. A change of `phases` replaces some by others, whose tasks then run at the same time. */
export function taskFamilies(launcher: string, pool: string): string[] {
  return [PHASES, ...PHASES.map((phase) => [phase])].map((phases) => taskFamily(launcher, phases, pool));
}

/** The beginning of every family of this launcher, and of no other launcher's: a launcher's name can't contain `_`. */
export function familyPrefix(launcher: string): string {
  return `${launcher}_`;
}

export function agentLogGroup(launcher: string, pool: string): string {
  return `/${launcher}/agents/${pool}`;
}

export function launcherLogGroup(launcher: string): string {
  return `/${launcher}/launcher`;
}

/** The launcher's function. The fixed suffix keeps the names of two launchers different. */
export function launcherFunction(launcher: string): string {
  return `${launcher}-launcher`;
}

export function nudgeLogGroup(launcher: string): string {
  return `/${launcher}/nudge`;
}

export function tokenRotationLogGroup(launcher: string): string {
  return `/${launcher}/token-rotation`;
}

/** The function that rotates agent tokens, and its schedule. */
export function tokenRotationFunction(launcher: string): string {
  return `${launcher}-token-rotation`;
}

/** The function behind the nudge's URL. */
export function nudgeFunction(launcher: string): string {
  return `${launcher}-nudge`;
}

/** An alarm, named after its heading in the runbook and, if it belongs to a pool, after the pool. */
export function alarmName(launcher: string, heading: string, pool: string | undefined): string {
  return `${launcher}: ${heading}${pool === undefined ? '' : ` (${pool})`}`;
}

/** The topic that the stack creates for its alarms. The fixed suffix keeps the names of two launchers different. */
export function alarmTopicName(launcher: string): string {
  return `${launcher}-alarms`;
}

/** An EventBridge rule about calls that aren't the launcher's. At most 62 of 64 characters. */
export function auditRule(launcher: string, kind: string): string {
  return `${launcher}-audit-${kind}`;
}

/** The stack's outputs. The command line finds the resources of a deployment by these names. */
export const OUTPUTS = {
  cluster: 'ClusterName',
  launcherFunction: 'LauncherFunctionName',
  launcherLogGroup: 'LauncherLogGroup',
  agentLogGroups: 'AgentLogGroups',
  dashboardUrl: 'DashboardUrl',
  version: 'Version',
  standingAgents: 'StandingAgents',
  idlePollCost: 'IdlePollCost',
  nudgeUrl: 'NudgeUrl',
  nudgeCost: 'NudgeCost',
  keyPolicy: 'KeyPolicy',
  roleArns: 'RoleArns',
  imageCopyRoleArn: 'ImageCopyRoleArn',
  egressAddresses: 'EgressAddresses',
  egressAllocationIds: 'EgressAllocationIds',
  egressClaim: 'EgressClaim',
  egressIdleCost: 'EgressIdleCost',
  dnsQueryLogGroup: 'DnsQueryLogGroup',
  gatewayAddress: 'GatewayAddress',
  gatewayRunningCost: 'GatewayRunningCost',
  gatewayLogGroup: 'GatewayLogGroup',
} as const;

/** Value of {@link OUTPUTS}`.agentLogGroups`. */
export function agentLogGroupsText(groups: readonly string[]): string {
  return groups.join(', ');
}

/**
 * Names that equal an earlier name or differ from it only in case, each with the index of the earlier name. AWS doesn't document
 * whether names of families, log groups and dashboards are case-sensitive, so names must differ in more than case.
 */
export function repeatedNames(names: readonly string[]): { index: number; name: string; first: number }[] {
  const lower = names.map((name) => name.toLowerCase());
  return names.flatMap((name, index) => {
    const first = lower.indexOf(name.toLowerCase());
    return first === index ? [] : [{ index, name, first }];
  });
}
