/** The messages of `rotate`. */
import type { AgentToken, PoolTask, RotationStep } from '../../functions/token-rotation/core/rotation.ts';
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
 * @param old what became of the token that was in the secret before; `unknown`: it still works, because nothing shows which one it is
 */
export function endInWords(pool: string, old: 'revoked' | 'unknown' | 'none'): string {
  if (old === 'revoked') return `The pool ${pool} has a new agent token, and the old one is revoked.`;
  const rest = old === 'unknown' ? 'The old one is unknown, so it was not revoked.' : 'No old one was left to revoke.';
  return `The pool ${pool} has a new agent token. ${rest}`;
}

/** Tokens of which one may be the old one, after the first rotation of a secret that was filled by hand. @param command revokes one of them */
export function foreignInWords(foreign: readonly AgentToken[], command: string): string {
  if (foreign.length === 0) return 'The value that was in the secret before is not a token of this pool any more.';
  return [
    'The value that was in the secret before was stored by hand, so its token is unknown and still works. The pool has:',
    ...foreign.map((token) => `  ${tokenInWords(token)}`),
    `If one of them is the old one, run \`${command}\`.`,
  ].join('\n');
}
