/** One thing that is wrong with the settings. */
export interface SettingsFault {
  /** Path of the setting, such as `pools.0.maxAgents`, as `-c` accepts it. */
  readonly path: string;
  /** The given value, without credentials. */
  readonly given: string;
  readonly allowed: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** The error for wrong settings, with all faults. It is thrown before anything is synthesized. */
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

/** Formats a fault as a block of lines. */
export function faultInWords({ path, given, allowed, remedy }: SettingsFault): string {
  return [`  ${path}`, `    given:    ${given}`, `    allowed:  ${allowed}`, `    to do:    ${remedy}`].join('\n');
}

/** Keeps one fault per path: the first, because it is the most specific. */
export function onePerPath(faults: readonly SettingsFault[]): SettingsFault[] {
  const byPath = new Map(faults.toReversed().map((fault) => [fault.path, fault]));
  return [...byPath.values()].toReversed();
}

/** The candidate that is most similar to a mistyped word; `undefined` if none is similar. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(2, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

/** Levenshtein distance: the number of letters to insert, remove or change. */
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
