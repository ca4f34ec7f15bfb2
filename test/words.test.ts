/**
 * Words and phrases that make a text hard to read, and what to write instead.
 *
 * `words.json` has the number of occurrences that each folder may still have. If several entries
 * match a file, it counts towards the one with the longest path. A file without an entry must have none. The numbers never go up. After you remove some, run
 * `WORDS_WRITE=1 npx vitest run test/words.test.ts`, which lowers them.
 */
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** The phrase as a regular expression, and its replacement. */
const PHRASES: readonly (readonly [string, string])[] = [
  ['told', 'reported, logged, distinguished'],
  ['anew', 'again'],
  ['beside', 'in addition to, next to'],
  ['(?:for|is|in|the) want of', 'lack of, not enough'],
  ['whoever', 'a user, a caller, anyone who'],
  ['by (?:itself|themselves|himself)', 'on its own, automatically, separately'],
  ['puts? off|putting off', 'deferred, postponed'],
  ['taken for|(?:takes?|took) (?:it|them|this|that) for', 'treated as'],
  ['pass(?:es|ed)? for', 'counts as'],
  ['of ours', 'our'],
  ['of (?:its|their|our|your|his) own', 'its own (before the noun)'],
  ['room', 'capacity'],
  ['(?<!there )is no (?!longer|more)(?=\\w)', 'isn’t'],
  ['for ever', 'forever'],
  ['(?:from|in|out of) sight', 'visible, no longer visible'],
  ['stand-ins?', 'emulator'],
  ['spent tokens?', 'already used token'],
  ['the house', 'project layout, this project'],
  ['(?:the|a|its) licence', 'organization agent limit'],
  ['ways? out', 'egress mode, egress path'],
  ['(?:has|have|had) not (?:the|an?)', 'doesn’t have'],
  ["(?:does not|doesn[’']t) do(?=[.:;,)])", 'doesn’t work'],
  ['whole numbers?', 'integer'],
  ['(?:of|by|to|for|from) whom', 'an if-sentence with a noun as its subject'],
  ['who may not', 'if the token can’t …'],
  ['mend(?:s|ed|ing)?', 'fix'],
  ['agreed shape', 'expected schema'],
  ['the outside', 'external services'],
  ['rights', 'permissions'],
  ['standing agents?', 'warm agents and sweeps'],
  ['(?<=\\w )but for', 'except for'],
  ['side by side', 'in parallel, at the same time'],
  ['(?:all|much) else', 'everything else, many other things'],
];
// A hyphen makes a word part of a file's name or of an identifier.
const PATTERN = new RegExp(PHRASES.map(([phrase]) => `(?<![-\\w])(${phrase})(?![-\\w])`).join('|'), 'gi');

const ALLOWED = 'test/words.json';
const IGNORED = ['node_modules', 'dist', 'cdk.out', 'coverage', 'out', 'words.test.ts'];
const allowed = JSON.parse(readFileSync(ALLOWED, 'utf8')) as Record<string, number>;
const entries = Object.keys(allowed).sort((one, other) => other.length - one.length);
const entryOf = (file: string): string | undefined =>
  entries.find((entry) => file === entry || file.startsWith(`${entry}/`));

/** Every forbidden phrase of a text, as `file:line: "phrase": write …`. */
function found(file: string, text: string): string[] {
  return [...text.matchAll(PATTERN)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length;
    const [, instead] = PHRASES[match.slice(1).findIndex((group) => group !== undefined)] ?? [];
    return `${file}:${line}: "${match[0]}": write ${instead}`;
  });
}

// A glob skips folders whose name begins with a dot, unless it names them.
const files = globSync(['**/*.{ts,sh,mjs,md}', '.ci/**', '.github/**/*.yml'], {
  exclude: (name) => IGNORED.includes(name),
}).filter((file) => statSync(file).isFile());
const byEntry = new Map<string | undefined, string[]>(entries.map((entry) => [entry, []]));
for (const file of files.map((path) => path.replaceAll('\\', '/')).sort()) {
  const entry = entryOf(file);
  byEntry.set(entry, [...(byEntry.get(entry) ?? []), ...found(file, readFileSync(file, 'utf8'))]);
}

if (process.env['WORDS_WRITE'] === '1') {
  for (const [entry, most] of Object.entries(allowed)) {
    allowed[entry] = Math.min(most, byEntry.get(entry)?.length ?? 0);
  }
  writeFileSync(ALLOWED, `${JSON.stringify(allowed, undefined, 2)}\n`);
}

describe('plain English', () => {
  it('is checked: a phrase is reported with its line and its replacement', () => {
    expect(found('a.md', 'One.\nIt is Told anew.')).toEqual([
      'a.md:2: "Told": write reported, logged, distinguished',
      'a.md:2: "anew": write again',
    ]);
  });

  it.each(['There is no token.', 'It is no longer there.', 'roomy', 'launcher-rights.ts', 'All rightsizing'])(
    'includes "%s"',
    (text) => {
      expect(found('a.md', text)).toEqual([]);
    },
  );

  it('is checked in the scripts of continuous integration', () => {
    expect(files).toEqual(expect.arrayContaining(['.ci/run', '.ci/stages.mjs', '.github/workflows/ci.yml']));
  });

  it('is in every file without an entry in words.json', () => {
    expect(byEntry.get(undefined) ?? []).toEqual([]);
  });

  it.each(Object.entries(allowed))('is missing in %s at most %i times', (entry, most) => {
    const phrases = byEntry.get(entry) ?? [];
    const text = phrases.slice(0, 200).join('\n');
    expect(phrases.length, `${entry} has ${phrases.length}, allowed are ${most}:\n${text}`).toBeLessThanOrEqual(most);
  });

  it('has no number in words.json that is too high (WORDS_WRITE=1 lowers the numbers)', () => {
    const counts = Object.fromEntries(entries.map((entry) => [entry, byEntry.get(entry)?.length ?? 0]));
    const tooHigh = entries.filter((entry) => (allowed[entry] ?? 0) > (counts[entry] ?? 0));
    expect(tooHigh.map((entry) => `${entry}: ${allowed[entry]}, there are ${counts[entry]}`)).toEqual([]);
  });
});
