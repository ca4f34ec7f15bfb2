/**
 * The AWS APIs that the launcher's function calls, if it runs in the agents' VPC.
 *
 * The function calls ECS and Secrets Manager, and SQS if messages wake it up. Lambda itself, not the function's network interface,
 * writes the log with the metrics in it, receives the queue's messages and provides the credentials. So the function needs neither
 * CloudWatch Logs nor STS. Secrets Manager is always allowed, because a starting task needs it too. ECS and SQS aren't: agents
 * share the VPC's DNS and firewall, but must not get more APIs because of the launcher
 * (docs/decisions/0047-launcher-in-the-vpc.md).
 */
import { fipsNames } from '../aws/fips.ts';
import { DEFAULT_IDLE_POLL_SECONDS } from '../defaults.ts';
import { type AllowedNamesInput, jobNames, type Place } from './allowed-domains.ts';
import { covers } from './domain-name.ts';

/** Whether the launcher polls between two scheduled invocations while every pool is idle. Messages of a queue cause these polls. */
export function pollsByMessages(idlePollSeconds: number = DEFAULT_IDLE_POLL_SECONDS): boolean {
  return idlePollSeconds < DEFAULT_IDLE_POLL_SECONDS;
}

/** Whether there is a queue whose messages wake the launcher up. */
export function hasWakeUps({
  idlePollSeconds,
  nudge,
}: {
  readonly idlePollSeconds?: number | undefined;
  readonly nudge?: unknown;
}): boolean {
  return pollsByMessages(idlePollSeconds) || nudge !== undefined;
}

/** What the launcher's function needs from a network that it shares with the agents. */
export interface LauncherInNetwork {
  /** Whether messages of a queue wake the launcher up: with `idlePoll` below 60 s, or with `nudge`. */
  readonly wakeUps: boolean;
}

/** The APIs that agents don't need, each with the actions of the launcher's role. */
export const LAUNCHER_ACTIONS = {
  ecs: ['ecs:DescribeTasks', 'ecs:ListTasks', 'ecs:RunTask', 'ecs:StopTask', 'ecs:TagResource'],
  sqs: ['sqs:SendMessage'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type LauncherApi = keyof typeof LAUNCHER_ACTIONS;

/** The APIs that the launcher needs and agents don't, by the service in their hostname and in the name of their endpoint. */
export function launcherApis({ wakeUps }: LauncherInNetwork): LauncherApi[] {
  return wakeUps ? ['ecs', 'sqs'] : ['ecs'];
}

export function launcherApiName(api: LauncherApi, { region, urlSuffix }: Place): string {
  return `${api}.${region}.${urlSuffix}`;
}

/** The FIPS hosts that the launcher uses instead of the ordinary ones: those of its APIs and of Secrets Manager. */
export function launcherFipsNames(apis: readonly LauncherApi[], { region, urlSuffix }: Place): string[] {
  return fipsNames([...apis, 'secretsmanager'], [region], urlSuffix);
}

/**
 * Whether the settings allow jobs to use an API of the launcher. Then the launcher uses the same path. An endpoint that admits
 * only the launcher would cut the jobs off, because the API's hostname resolves to it in the whole VPC.
 */
export function isOpenToJobs(
  api: LauncherApi,
  network: AllowedNamesInput,
  place: Place & { readonly isKnown: boolean },
): boolean {
  const host = launcherApiName(api, place);
  // If the stack's region is known only at deployment, a listed host of any region can be the one of the stack.
  const isListed = (name: string) => covers(name, host) || (!place.isKnown && name.startsWith(`${api}.`));
  return jobNames(network, place).some(isListed);
}
