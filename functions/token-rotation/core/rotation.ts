/**
 * What the rotation of an agent token does next, both for the command `rotate` and for the function that rotates on a schedule. Every
 * decision comes from what HCP Terraform, Secrets Manager and ECS show at that moment. So a rotation that was killed at any point continues
 * where it stopped.
 *
 * The life of a rotation: create a token and store it as the current version; wait until no task is left that may have read the old
 * version; revoke the old token. Revoking a token ends the jobs of its agents at once (agent 1.23.1 and later), so:
 *
 * - A task reads the secret while it starts. A task that was created shortly after the new version may still have read the old one.
 * - Somebody can move the label AWSCURRENT back to an older version. The version's own date then says nothing about when it became
 *   current, but the date of the secret's last change does.
 * - A token that no version of this secret contains may be in another secret that running tasks have read, for example before a deployment
 *   changed the pool's secret. So it isn't revoked, unless no agent ever used it.
 * - Lists of ECS may lack a new task for some seconds, so one empty list proves nothing.
 * - HCP Terraform doesn't show which token an agent uses. An agent that isn't a task of this stack may use the old token.
 * - A token that this project didn't create may belong to somebody else. Only a user can say that it is the old one.
 */
import { isOwnToken, type TokenOwner, tokenOfVersion } from './agent-tokens.ts';

/**
 * A task that was created up to this time after the new version may have read the old one: Secrets Manager is eventually consistent. AWS
 * documents no bound, so a minute is our assumption. In milliseconds.
 */
export const READ_MARGIN_MS = 60_000;

/** How long no old task may be visible before the old token is revoked, because ECS shows tasks with a delay. In milliseconds. */
export const QUIET_MS = 20_000;

/** In milliseconds. */
export const DAY_MS = 86_400_000;

/** How much the clocks of HCP Terraform and AWS may differ, in milliseconds. */
const CLOCK_SKEW_MS = 60_000;

/** A token that no secret contains, and that no agent used, belongs to a rotation that is under way if it is younger than this. In milliseconds. */
export const ORPHAN_AGE_MS = 600_000;

/** An agent token, without its value: HCP Terraform shows the value only once. */
export interface AgentToken {
  readonly id: string;
  readonly description: string;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Milliseconds since the epoch; `undefined` if no agent ever used the token. */
  readonly lastUsedAtMs: number | undefined;
}

/** An agent of the pool. */
export interface PoolAgent {
  /** An agent of the launcher has the id of its task as its name. */
  readonly name: string;
  readonly status: string;
}

/** A version of a secret. */
export interface SecretVersion {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  readonly labels: readonly string[];
}

/** A task of the pool. */
export interface PoolTask {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** ECS's status, such as `RUNNING`. */
  readonly status: string;
  /** The job for which the launcher started it. */
  readonly startedBy: string | undefined;
}

/** What is visible now. */
export interface RotationState {
  readonly nowMs: number;
  readonly owner: TokenOwner;
  /** All versions of the secret, also those without a label. */
  readonly versions: readonly SecretVersion[];
  /** When the secret was last changed in any way, in milliseconds since the epoch. Read it after the versions. */
  readonly changedAtMs: number;
  /** All agent tokens of the pool. */
  readonly tokens: readonly AgentToken[];
  /** Tasks of the pool that ECS still shows, including stopped ones. */
  readonly tasks: readonly PoolTask[];
  /** Connected agents of the pool. */
  readonly agents: readonly PoolAgent[];
  /** Ids of tokens that the user declared as old. */
  readonly named: ReadonlySet<string>;
  /** No new token is wanted: this run has stored one, or the current one is young enough. */
  readonly rotated: boolean;
  /** Since when this run has seen no old task; `undefined` if it saw one the last time. */
  readonly quietSinceMs: number | undefined;
  /**
   * When this run stored the new token, by this machine's clock; `undefined` if an earlier run did. A clock that is ahead of AWS's would
   * otherwise end the wait too early.
   */
  readonly renewedAtMs: number | undefined;
  /** The user accepts that the old token is revoked although other agents may use it. */
  readonly force: boolean;
  /** Nobody waits for this run. So it creates no token while another run may be about to store one. */
  readonly patient: boolean;
}

export type RotationStep =
  /** Create a token, and store it as the current version. */
  | { readonly step: 'renew' }
  /** Look again later. With tasks: they may use the old token. Without: the vendors' lists must settle. */
  | { readonly step: 'wait'; readonly tasks: readonly PoolTask[]; readonly old: readonly AgentToken[] }
  /** `abandoned`: no secret ever contained these tokens. */
  | { readonly step: 'revoke'; readonly what: 'old' | 'abandoned'; readonly tokens: readonly AgentToken[] }
  /** Agents that aren't tasks of this stack may use the old token. Only the user can decide. */
  | { readonly step: 'ask'; readonly agents: readonly PoolAgent[]; readonly old: readonly AgentToken[] }
  /** Somebody else changed the secret meanwhile. */
  | { readonly step: 'conflict' }
  /** Another run may be about to store one of these tokens. Only a patient run waits for that. */
  | { readonly step: 'defer'; readonly young: readonly AgentToken[] }
  | {
      readonly step: 'done';
      /** Other tokens of the pool that no version of the secret contains. One of them may be the token before the first rotation. */
      readonly foreign: readonly AgentToken[];
      /** Tokens of a rotation that didn't finish. They are too young to be revoked. */
      readonly young: readonly AgentToken[];
    };

export function nextStep(state: RotationState): RotationStep {
  const { nowMs, rotated, patient } = state;
  const { current, old, orphans, foreign } = sorted(state);
  const abandoned = orphans.filter(({ createdAtMs }) => nowMs - createdAtMs >= ORPHAN_AGE_MS);
  const young = orphans.filter((token) => !abandoned.includes(token));
  // Before anything else, so that runs that fail again and again leave no more than one.
  if (abandoned.length > 0) return { step: 'revoke', what: 'abandoned', tokens: abandoned };
  if (current !== undefined && old.length > 0) return finish(state, old, current);
  if (!rotated) return patient && young.length > 0 ? { step: 'defer', young } : { step: 'renew' };
  if (current === undefined) return { step: 'conflict' };
  return { step: 'done', foreign, young };
}

/** The tokens of the pool except the current one, by what the rotation may do with them. */
interface SortedTokens {
  /**
   * The current version; `undefined` if it contains no known token that works: the secret is empty, was filled by hand, or has a token that
   * was revoked.
   */
  readonly current: SecretVersion | undefined;
  /** They are revoked when nothing can use them any more. */
  readonly old: readonly AgentToken[];
  /** Nobody uses them. A run created them, and has not stored them. */
  readonly orphans: readonly AgentToken[];
  /** They may belong to somebody else. */
  readonly foreign: readonly AgentToken[];
}

function sorted({ owner, versions, tokens, named }: RotationState): SortedTokens {
  const current = currentOf(versions);
  const currentId = tokenOfVersion(current?.id);
  const others = tokens.filter(({ id }) => id !== currentId);
  const unstored = tokensInNoVersion(others, versions).filter(({ id }) => !named.has(id));
  const orphans = unstored.filter(
    (token) =>
      isOwnToken(token.description, owner) && token.lastUsedAtMs === undefined && !mayBeStoredByHand(token, versions),
  );
  return {
    current: others.length < tokens.length ? current : undefined,
    old: others.filter((token) => !unstored.includes(token)),
    orphans,
    foreign: unstored.filter((token) => !orphans.includes(token)),
  };
}

/** Tokens that no version of the secret contains as far as its id shows: a version that was stored by hand may contain one of them. */
export function tokensInNoVersion(
  tokens: readonly AgentToken[],
  versions: readonly SecretVersion[],
): readonly AgentToken[] {
  const stored = new Set(versions.map(({ id }) => tokenOfVersion(id)));
  return tokens.filter(({ id }) => !stored.has(id));
}

/** The tokens of which one may be the value before the current one, if that value was stored by hand. Otherwise none. */
export function tokensBefore(state: RotationState): readonly AgentToken[] {
  return isFilledByHand(state.versions, 'AWSPREVIOUS') ? sorted(state).foreign : [];
}

/**
 * Whether somebody may have stored the token by hand, as the current or the previous value: a token exists before the version that contains
 * it. Agents with an earlier value have used it by now.
 */
function mayBeStoredByHand({ createdAtMs }: AgentToken, versions: readonly SecretVersion[]): boolean {
  return versions.some(
    (version) =>
      tokenOfVersion(version.id) === undefined &&
      version.labels.length > 0 &&
      createdAtMs <= version.createdAtMs + CLOCK_SKEW_MS,
  );
}

/**
 * What the times say about a token that may be a value that somebody stored by hand.
 *
 * - `not`: the token is younger than the version, so it isn't its value.
 * - `probably`: an agent has used the token since the version was stored.
 * - `maybe`: no agent has, as with the token of an earlier value, or if nothing has read the version yet.
 */
export function isValueOf(
  { createdAtMs, lastUsedAtMs }: AgentToken,
  version: Pick<SecretVersion, 'createdAtMs'>,
): 'not' | 'maybe' | 'probably' {
  if (createdAtMs > version.createdAtMs + CLOCK_SKEW_MS) return 'not';
  return lastUsedAtMs !== undefined && lastUsedAtMs > version.createdAtMs + CLOCK_SKEW_MS ? 'probably' : 'maybe';
}

/** The version with the label AWSCURRENT. */
export function currentOf(versions: readonly SecretVersion[]): SecretVersion | undefined {
  return versions.find(({ labels }) => labels.includes('AWSCURRENT'));
}

/** The steps after the new token is stored, until the old tokens are revoked. */
function finish(state: RotationState, old: readonly AgentToken[], current: SecretVersion): RotationStep {
  const { nowMs, changedAtMs, tasks, agents, quietSinceMs, renewedAtMs, force } = state;
  // All these times are AWS's.
  const currentSinceMs = Math.max(current.createdAtMs, changedAtMs);
  const oldTasks = tasks.filter(
    ({ status, createdAtMs }) => status !== 'STOPPED' && createdAtMs < currentSinceMs + READ_MARGIN_MS,
  );
  const sureFromMs = Math.max(currentSinceMs, renewedAtMs ?? 0) + READ_MARGIN_MS;
  // The last task that may have read the old version may become visible only now.
  const isQuiet = quietSinceMs !== undefined && nowMs - Math.max(quietSinceMs, sureFromMs) >= QUIET_MS;
  if (oldTasks.length > 0 || !isQuiet) return { step: 'wait', tasks: oldTasks, old };
  const known = new Set(tasks.map(({ id }) => id));
  // An agent of this stack has the id of its task as its name.
  const strangers = agents.filter(({ name }) => !known.has(name));
  if (strangers.length > 0 && !force) return { step: 'ask', agents: strangers, old };
  return { step: 'revoke', what: 'old', tokens: old };
}

/** Since when a run has seen no old task, after this look. The next look needs it. `undefined`: this look saw one. */
export function quietSince(
  step: RotationStep,
  { nowMs, quietSinceMs }: Pick<RotationState, 'nowMs' | 'quietSinceMs'>,
): number | undefined {
  if (step.step === 'wait' && step.tasks.length > 0) return undefined;
  return quietSinceMs ?? nowMs;
}

/** Whether the secret's value was stored by hand. @param label of the value: the current or the previous one */
export function isFilledByHand(
  versions: readonly SecretVersion[],
  label: 'AWSCURRENT' | 'AWSPREVIOUS' = 'AWSCURRENT',
): boolean {
  return versions.some(({ id, labels }) => labels.includes(label) && tokenOfVersion(id) === undefined);
}

/**
 * Whether the secret needs a new token: it is empty, its token was revoked, or one of its tokens is old enough. The age is the one that the
 * alarm gets. So a value that was stored by hand doesn't keep an earlier token alive: only a token that the rotation stored lets it revoke
 * the earlier one.
 */
export function needsRenewal(state: Pick<RotationState, 'nowMs' | 'versions' | 'tokens'>, maxAgeMs: number): boolean {
  const ageMs = oldestAgeMs(state);
  if (ageMs === undefined) return true;
  const currentId = tokenOfVersion(currentOf(state.versions)?.id);
  if (currentId !== undefined && !state.tokens.some(({ id }) => id === currentId)) return true;
  return ageMs >= maxAgeMs;
}

/**
 * Age of the oldest token of the secret that still works, in milliseconds: the current one, or an old one that isn't revoked yet. Nothing
 * shows the age of a token that was stored by hand, so the age of its version counts. `undefined` if the secret is empty.
 */
export function oldestAgeMs({
  nowMs,
  versions,
  tokens,
}: Pick<RotationState, 'nowMs' | 'versions' | 'tokens'>): number | undefined {
  const current = currentOf(versions);
  if (current === undefined) return undefined;
  const stored = new Set(versions.map(({ id }) => tokenOfVersion(id)));
  const working = tokens.filter(({ id }) => stored.has(id)).map(({ createdAtMs }) => createdAtMs);
  const oldestMs = [...working, ...(isFilledByHand(versions) || working.length === 0 ? [current.createdAtMs] : [])];
  return Math.max(0, nowMs - oldestMs.reduce((least, ms) => Math.min(least, ms)));
}
