/** Every text that is marked as unverified has an entry in the live proof, which says how it is settled or why it can't be. */
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CHECKS } from '../../labs/live/checks.ts';
import { STATEMENTS } from '../../labs/live/statements.ts';

/** Texts that use the word without being a statement: rules about it, and this lab. The emulators aren't searched, because they claim nothing. */
const NO_STATEMENT = [
  /^labs\/(live\/|README)/,
  /^test\//,
  /^CHANGELOG\.md$/,
  /^CONTRIBUTING\.md$/,
  /^docs\/reference\//,
  /^cli\//,
];

const FILES = globSync('{*,{bin,lib,functions,agent-image,bench,docs,examples,labs,cli}/**/*}.{ts,sh,mjs,md}', {
  exclude: (name) => name.endsWith('node_modules') || name.endsWith('cdk.out'),
});

const MARK = /unverified|haven['’]t verified/i;

interface Line {
  readonly file: string;
  readonly text: string;
}

function markedLines(): Line[] {
  const files = FILES.filter((file) => !NO_STATEMENT.some((no) => no.test(file)));
  return files.flatMap((file) => {
    const lines = readFileSync(file, 'utf8').split('\n');
    // A sentence in a comment can continue on the next line.
    return lines.flatMap((text, index) =>
      MARK.test(text) ? { file, text: lines.slice(Math.max(0, index - 1), index + 2).join(' ') } : [],
    );
  });
}

const plain = (text: string): string =>
  text
    .replaceAll('’', "'")
    .replace(/\s*\/?\*+\s*/g, ' ')
    .replace(/\s+/g, ' ');
const places = STATEMENTS.flatMap(({ where }) => where);
const isAt = (line: Line) => (place: (typeof places)[number]) =>
  place.file === line.file && plain(line.text).includes(plain(place.text));

describe('the statements of the live proof', () => {
  const lines = markedLines();

  it('cover every text that is marked as unverified', () => {
    // The comment on `Price.source` explains the mark.
    const marked = lines.filter(({ text }) => !text.includes('Unconfirmed prices say'));
    expect(marked.filter((line) => !places.some(isAt(line)))).toEqual([]);
  });

  it('refer only to texts that exist and are still marked as unverified', () => {
    expect(places.filter((place) => !lines.some((line) => isAt(line)(place)))).toEqual([]);
  });

  it('each have a check, or a reason why the lab can’t settle them', () => {
    const both = STATEMENTS.filter(({ check, outOfReach }) => (check === undefined) === (outOfReach === undefined));
    expect(both).toEqual([]);
  });

  it('use every check', () => {
    const used = new Set(STATEMENTS.flatMap(({ check }) => check ?? []));
    expect([...used].toSorted()).toEqual(Object.keys(CHECKS).toSorted());
  });
});
