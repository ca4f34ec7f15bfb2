/** Import rules, as docs/architecture.md states them, and other rules of the project layout. */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Import {
  readonly from: string;
  readonly to: string;
  /** `import type`, which leaves no trace at run time. */
  readonly typeOnly: boolean;
}

const files = globSync('{bin,lib,functions,local}/**/*.ts').map((file) => file.replaceAll('\\', '/'));

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^(import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm)].map(
    (match) => {
      const specifier = match[3] ?? match[4] ?? '';
      const to = specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier;
      return { from: file, to, typeOnly: match[2] !== undefined };
    },
  );
}

const imports = files.flatMap(importsOf);
const within =
  (...folders: string[]) =>
  (path: string) =>
    folders.some((folder) => path === folder || path.startsWith(folder));

/** Imports of the given files that the rule does not allow, as readable lines. */
function offences(of: (file: string) => boolean, allowed: (target: string, imported: Import) => boolean): string[] {
  return imports
    .filter((imported) => of(imported.from) && !allowed(imported.to, imported))
    .map(({ from, to }) => `${from} imports ${to}`);
}

const lambdas = [...new Set(files.filter(within('functions/')).map((file) => file.split('/').slice(0, 2).join('/')))];

describe('the import rules', () => {
  it('sees the imports that it judges', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(lambdas).toContain('functions/launcher');
  });

  it.each(lambdas)('%s/core imports nothing outside core', (lambda) => {
    expect(offences(within(`${lambda}/core/`), within(`${lambda}/core/`))).toEqual([]);
  });

  it.each(lambdas)('%s/adapters import ports, errors, the contract, core and packages', (lambda) => {
    const allowed = within(
      `${lambda}/adapters/`,
      `${lambda}/core/`,
      `${lambda}/ports.ts`,
      `${lambda}/errors.ts`,
      `${lambda}/contract.ts`,
    );
    expect(
      offences(
        within(`${lambda}/adapters/`),
        (to, { typeOnly }) => allowed(to) || !to.startsWith('functions/') || typeOnly,
      ),
    ).toEqual([]);
  });

  it.each(lambdas)('only %s/handler.ts composes: nothing else of the launcher imports adapters', (lambda) => {
    const shell = (file: string) =>
      file.startsWith(`${lambda}/`) && !file.includes('/adapters/') && basename(file) !== 'handler.ts';
    expect(offences(shell, (to, { typeOnly }) => !to.includes('/adapters/') || typeOnly)).toEqual([]);
  });

  it('functions never see the CDK, lib or local', () => {
    const forbidden = /^(aws-cdk-lib|constructs)|^(lib|bin|local)\//;
    expect(offences(within('functions/'), (to) => !forbidden.test(to))).toEqual([]);
  });

  it('one Lambda does not import another', () => {
    const own = (file: string) => file.split('/').slice(0, 2).join('/');
    expect(
      offences(within('functions/'), (to, { from }) => !to.startsWith('functions/') || own(to) === own(from)),
    ).toEqual([]);
  });

  it('lib imports of functions only the contract and the checks that both sides make', () => {
    const shared = /\/(contract|time-zone|warm-limit)\.ts$/;
    expect(offences(within('lib/'), (to) => !/^functions\//.test(to) || shared.test(to))).toEqual([]);
  });

  it('nothing shipped imports local or test', () => {
    expect(offences(within('bin/', 'lib/', 'functions/'), (to) => !/^(local|test)\//.test(to))).toEqual([]);
  });

  it('bin is the only place with an App', () => {
    const apps = files.filter((file) => /\bnew App\(/.test(readFileSync(file, 'utf8')));
    expect(apps.filter((file) => !file.startsWith('bin/'))).toEqual([]);
  });
});

describe('below a handler', () => {
  const below = files.filter((file) => file.startsWith('functions/') && basename(file) !== 'handler.ts');

  it.each([
    ['the environment', /process\.env/],
    ['the clock', /\bDate\.now\(|new Date\(\)/],
    ['chance', /Math\.random|randomUUID/],
  ])('nobody reads %s', (_, pattern) => {
    expect(below.filter((file) => pattern.test(readFileSync(file, 'utf8')))).toEqual([]);
  });
});

describe('code that runs on what others send', () => {
  it('spreads no list into the arguments of a call, which throws a RangeError from some 100,000 entries on', () => {
    const spread = /(?:Math\.(?:min|max)|\.(?:push|unshift|splice)|String\.fromCharCode)\((?!\{)[^;{}]*?\.\.\./;
    const shipped = files.filter(within('functions/'));
    expect(shipped.filter((file) => spread.test(readFileSync(file, 'utf8')))).toEqual([]);
  });
});

describe('the project layout', () => {
  it('has no drawers for odds and ends', () => {
    expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|index)(\.ts|\/)/.test(file))).toEqual([]);
  });
});
