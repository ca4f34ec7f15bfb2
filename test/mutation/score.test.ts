import { describe, expect, it } from 'vitest';
import { mutantOf, score } from '../../labs/mutation/score.ts';

const source = 'const a = 1;\n  if (a > b) {\n    c();\n  }\n';

describe('a mutant', () => {
  it('a mutant shows the line where it begins, and the code before and after', () => {
    const location = { start: { line: 2, column: 7 }, end: { line: 2, column: 12 } };
    const result = { fileName: 'a.ts', mutatorName: 'EqualityOperator', replacement: 'a >= b', status: 'Survived' };
    expect(mutantOf({ ...result, location }, source)).toEqual({
      file: 'a.ts',
      line: 2,
      source: 'if (a > b) {',
      change: 'a > b → a >= b',
      status: 'Survived',
    });
  });

  it('a mutant is shown in one line where it spans several', () => {
    const location = { start: { line: 2, column: 14 }, end: { line: 4, column: 4 } };
    const result = { fileName: 'a.ts', mutatorName: 'BlockStatement', replacement: '{}', status: 'NoCoverage' };
    expect(mutantOf({ ...result, location }, source).change).toBe('{ c(); } → {}');
  });
});

describe('the score', () => {
  const mutant = (line: number, status: string) => ({
    file: 'a.ts',
    line,
    source: `line ${line}`,
    change: 'x → y',
    status,
  });
  const equivalent = (line: number) => ({ file: 'a.ts', line: `line ${line}`, mutant: 'x → y', because: 'same' });

  it('the score counts what survived and what no test reaches, and leaves out what Stryker ignored', () => {
    const mutants = ['Killed', 'Timeout', 'Survived', 'NoCoverage', 'Ignored'].map((status, i) => mutant(i, status));
    expect(score(mutants, [])).toMatchObject({ killed: 2, total: 4, equivalent: 0, percent: 50 });
    expect(score(mutants, []).survivors.map(({ line }) => line)).toEqual([2, 3]);
  });

  it('the score leaves out listed equivalents', () => {
    const found = score([mutant(1, 'Killed'), mutant(2, 'Survived')], [equivalent(2)]);
    expect(found).toMatchObject({ killed: 1, total: 1, equivalent: 1, percent: 100, survivors: [], stale: [] });
  });

  it('the score reports a listed equivalent that a test kills, or whose code is gone', () => {
    const stale = [equivalent(1), equivalent(3)];
    expect(score([mutant(1, 'Killed')], stale)).toMatchObject({ killed: 1, total: 1, percent: 100, stale });
  });
});
