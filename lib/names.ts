/**
 * Names of what the stack builds.
 *
 * AWS keeps most of them in one namespace for each account and region, and many hold two names that users choose: the
 * launcher's and a pool's. Two different pairs must never give one name. A task definition family shared by two pools makes
 * one pool stop the other's agents, and start tasks with the other's agent token and role.
 *
 * So a separator is a character that the part before it can't contain: a launcher's name has neither `_`, `/` nor `:`.
 */
import type { Phase } from '../functions/launcher/contract.ts';

/**
 * The launcher's name: that of the stack, cluster, schedule and dashboard. CloudFormation allows no `_` in a stack's name
 * either. A value that CloudFormation fills in doesn't match.
 */
export const LAUNCHER_NAME = /^[A-Za-z][A-Za-z0-9-]{0,47}$/;

/** The name of an agent pool. HCP Terraform allows the same characters. */
export const POOL_NAME = /^[A-Za-z0-9_-]{1,90}$/;

/**
 * Family of the task definition that serves these phases of a pool: `AgentLauncher_plan_default`, with `all` for both.
 * The first two `_` delimit, whatever the pool's name contains. At most 145 of ECS's 255 characters.
 */
export function taskFamily(launcher: string, phases: readonly Phase[], pool: string): string {
  const [only, ...others] = phases;
  return `${launcher}_${only === undefined || others.length > 0 ? 'all' : only}_${pool}`;
}

/** Log group of a pool's agents. */
export function agentLogGroup(launcher: string, pool: string): string {
  return `/${launcher}/agents/${pool}`;
}

/** Log group of the launcher's function. */
export function launcherLogGroup(launcher: string): string {
  return `/${launcher}/launcher`;
}

/** The launcher's function. A fixed end keeps names of two launchers different. */
export function launcherFunction(launcher: string): string {
  return `${launcher}-launcher`;
}

/** An alarm, by its heading in the runbook and, when it belongs to one, its pool. */
export function alarmName(launcher: string, heading: string, pool: string | undefined): string {
  return `${launcher}: ${heading}${pool === undefined ? '' : ` (${pool})`}`;
}

/**
 * Values that are equal without regard to case, each with the first of them. AWS doesn't document whether the names of
 * families, log groups and dashboards are compared with their case, so names must differ in more than that.
 */
export function repeatedNames(names: readonly string[]): { index: number; name: string; first: number }[] {
  const lower = names.map((name) => name.toLowerCase());
  return names.flatMap((name, index) => {
    const first = lower.indexOf(name.toLowerCase());
    return first === index ? [] : [{ index, name, first }];
  });
}
