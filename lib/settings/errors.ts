/** One thing that is wrong with the settings. */
export interface SettingsFault {
  /** Where: `pools.0.maxAgents`; the same spelling works with `-c`. */
  readonly path: string;
  /** What was given, in a form that is safe to print. */
  readonly given: string;
  readonly allowed: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** The settings are wrong: every fault at once. Nothing has been synthesized. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly faults: readonly SettingsFault[];

  constructor(faults: readonly SettingsFault[]) {
    super(inWords(faults));
    this.faults = faults;
  }
}

function inWords(faults: readonly SettingsFault[]): string {
  const count = faults.length === 1 ? 'One setting is' : `${faults.length} settings are`;
  return [
    `${count} wrong. Settings come from "agentLauncher" in cdk.json and from -c name=value; nothing was synthesized.`,
    ...faults.map(faultInWords),
  ].join('\n\n');
}

/** A fault as a block of lines. */
export function faultInWords({ path, given, allowed, remedy }: SettingsFault): string {
  return [`  ${path}`, `    given:    ${given}`, `    allowed:  ${allowed}`, `    to do:    ${remedy}`].join('\n');
}

/** One fault for each path: the first says most. */
export function onePerPath(faults: readonly SettingsFault[]): SettingsFault[] {
  const byPath = new Map(faults.toReversed().map((fault) => [fault.path, fault]));
  return [...byPath.values()].toReversed();
}

/** The candidate that a mistyped word most likely means; `undefined` when none is near. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

/** Levenshtein's distance: how many letters to insert, drop or change. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
