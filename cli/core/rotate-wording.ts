/** The messages of `rotate`. */
import {
  type AgentToken,
  isValueOf,
  type PoolTask,
  type RotationStep,
  type SecretVersion,
} from '../../functions/token-rotation/core/rotation.ts';
import { dateTime } from './durations.ts';

/** A token by its id, its description and its last use. */
export function tokenInWords({ id, description, lastUsedAtMs }: AgentToken): string {
  const used = lastUsedAtMs === undefined ? 'never used' : `last used ${dateTime(lastUsedAtMs)}`;
  return `${id} ("${description}", ${used})`;
}

/** What the rotation waits for. */
export function waitInWords({ tasks, old }: Extract<RotationStep, { step: 'wait' }>, nowMs: number): string {
  const ids = old.map(({ id }) => id).join(', ');
  if (tasks.length === 0) return `No task may use the old token ${ids} any more. Waiting until that is certain.`;
  const lines = tasks.slice(0, 10).map((task) => `  ${taskInWords(task, nowMs)}`);
  const more = tasks.length > 10 ? [`  and ${tasks.length - 10} more`] : [];
  const count = tasks.length === 1 ? 'One task' : `${tasks.length} tasks`;
  return [`${count} may still use the old token ${ids}:`, ...lines, ...more].join('\n');
}

function taskInWords({ id, status, startedBy, createdAtMs }: PoolTask, nowMs: number): string {
  const minutes = Math.max(0, Math.floor((nowMs - createdAtMs) / 60_000));
  return `${id.slice(0, 8)}  ${status.toLowerCase().padEnd(14)}${startedBy ?? 'without a job'}, ${minutes} min old`;
}

/** Agents that aren't tasks of this stack. */
export function strangersInWords({ agents, old }: Extract<RotationStep, { step: 'ask' }>): string {
  const lines = agents.slice(0, 10).map(({ name, status }) => `  ${name} (${status})`);
  const more = agents.length > 10 ? [`  and ${agents.length - 10} more`] : [];
  return [
    `These agents of the pool aren't tasks of this stack. HCP Terraform doesn't show whether they use the old token ${old.map(({ id }) => id).join(', ')}:`,
    ...lines,
    ...more,
    'If they do, revoking it ends their jobs at once.',
  ].join('\n');
}

/**
 * What the rotation did.
 *
 * @param old what became of the token that was in the secret before; `unknown`: nothing shows which one it is
 */
export function endInWords(pool: string, old: 'revoked' | 'unknown' | 'none'): string {
  if (old === 'revoked') return `The pool ${pool} has a new agent token, and the old one is revoked.`;
  const rest = {
    unknown: 'No old token was revoked, because nothing shows which one it is.',
    none: 'No old one was left to revoke.',
  };
  return `The pool ${pool} has a new agent token. ${rest[old]}`;
}

/**
 * What may be left after the first rotation of a value that was stored by hand. Nothing can show whether that value is a token that works,
 * except an agent that registers with it: HCP Terraform's API accepts no agent token.
 *
 * @param tokens tokens that no version of the secret contains
 * @param command revokes one of them
 * @returns the text, and whether the user certainly has something left to do
 */
export function leftoverInWords(
  tokens: readonly AgentToken[],
  version: Pick<SecretVersion, 'createdAtMs'>,
  command: string,
): { readonly text: string; readonly mustAct: boolean } {
  const candidates = tokens.filter((token) => isValueOf(token, version) !== 'not');
  if (candidates.length === 0) {
    const text = 'The value that was in the secret before is not a token of this pool. Nothing is left to do here.';
    return { text, mustAct: false };
  }
  const inUse = candidates.filter((token) => isValueOf(token, version) === 'probably');
  const shown = (some: readonly AgentToken[]): string[] => some.map((token) => `  ${tokenInWords(token)}`);
  const stored = `The value that was in the secret before was stored by hand${Number.isFinite(new Date(version.createdAtMs).getTime()) ? ` at ${dateTime(version.createdAtMs)}` : ''}.`;
  const how = [
    `If one of them was this value, run \`${command}\`.`,
    'That only revokes the token, when no task can use it any more. It creates no other one.',
  ];
  if (inUse.length > 0) {
    const text = [
      `${stored} Agents have used these tokens since then, and they still work:`,
      ...shown(inUse),
      ...how,
    ].join('\n');
    return { text, mustAct: true };
  }
  const text = [
    `${stored} HCP Terraform doesn't show whether it is a token that works. It may be one of these tokens of the pool:`,
    ...shown(candidates),
    ...how,
    'Otherwise nothing is left to do.',
  ].join('\n');
  return { text, mustAct: false };
}
