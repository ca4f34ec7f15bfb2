/** Compares two snapshots of a stack as a change set does, and says what users notice of it. */
import { deletedIn, replacedIn } from '../lib/replacements.ts';
import type { Snapshot } from './baseline.ts';
import { CONSEQUENCES, HARMLESS_REPLACEMENT, isSensitive } from './consequences.ts';

export type Action = 'added' | 'changed' | 'changed in place' | 'replaced' | 'deleted' | 'output removed';

export interface Change {
  readonly action: Action;
  /** Logical ID of the resource, or name of the output. */
  readonly id: string;
  readonly type: string;
  /** What users may lose; absent: nothing. */
  readonly loss?: string;
}

/** Every change, including those that users don't notice. */
export function changesOf(before: Snapshot, after: Snapshot): Change[] {
  const [old, now] = [before.resources, after.resources];
  const replaced = replacedIn(old, now);
  const typeOf = (id: string): string => old[id]?.Type ?? now[id]?.Type ?? '';
  const lossOf = (id: string): string => CONSEQUENCES[typeOf(id)] ?? `${typeOf(id)} is no longer the same resource`;
  const change = (action: Action, id: string, loss?: string): Change => ({
    action,
    id,
    type: typeOf(id),
    ...(loss !== undefined && { loss }),
  });
  const kept = Object.keys(now).filter((id) => old[id] !== undefined && !replaced.has(id));
  return [
    ...Object.keys(now).flatMap((id) => (old[id] === undefined ? change('added', id) : [])),
    ...kept.flatMap((id) => {
      const names = changedInPlace(old[id], now[id]);
      if (names.length > 0) return change('changed in place', id, `${names.join(', ')} changed; ${lossOf(id)}`);
      return old[id]?.digest === now[id]?.digest ? [] : change('changed', id);
    }),
    ...[...replaced].map((id) =>
      change('replaced', id, HARMLESS_REPLACEMENT[typeOf(id)] === undefined ? lossOf(id) : undefined),
    ),
    ...deletedIn(old, now).map((id) => change('deleted', id, lossOf(id))),
    ...before.outputs
      .filter((name) => !after.outputs.includes(name))
      .map(
        (id): Change => ({ action: 'output removed', id, type: 'output', loss: 'scripts that read the output fail' }),
      ),
  ];
}

/** The sensitive properties of a resource that differ, and its deletion policy if that became weaker. */
function changedInPlace(was: Snapshot['resources'][string] | undefined, is: typeof was): string[] {
  if (was === undefined || is === undefined) return [];
  const keys = Object.keys({ ...was.Properties, ...is.Properties }).filter((key) => isSensitive(is.Type, key));
  const differing = keys.filter((key) => JSON.stringify(was.Properties[key]) !== JSON.stringify(is.Properties[key]));
  const isWeaker = was.DeletionPolicy === 'Retain' && is.DeletionPolicy !== 'Retain';
  return [...differing, ...(isWeaker ? ['DeletionPolicy'] : [])];
}
