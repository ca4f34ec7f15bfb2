/** Import rules, as docs/architecture.md states them, and other rules of the project layout. */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Import {
  readonly from: string;
  readonly to: string;
  /** `import type`, which loads nothing at run time. */
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

/** Imports of these files that the rule does not allow, as readable lines. */
function offences(of: (file: string) => boolean, allowed: (target: string, imported: Import) => boolean): string[] {
  return imports
    .filter((imported) => of(imported.from) && !allowed(imported.to, imported))
    .map(({ from, to }) => `${from} imports ${to}`);
}

const lambdas = [...new Set(files.filter(within('functions/')).map((file) => file.split('/').slice(0, 2).join('/')))];

describe('an import', () => {
  it('is found by this test', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(lambdas).toContain('functions/launcher');
  });

  it.each(lambdas)('of %s/core is in core', (lambda) => {
    expect(offences(within(`${lambda}/core/`), within(`${lambda}/core/`))).toEqual([]);
  });

  it.each(lambdas)('of %s/adapters is ports, errors, the contract, core or a package', (lambda) => {
    const allowed = within(
      `${lambda}/adapters/`,
      `${lambda}/core/`,
      `${lambda}/ports.ts`,
      `${lambda}/errors.ts`,
      `${lambda}/contract.ts`,
    );
    expect(offences(within(`${lambda}/adapters/`), (to) => allowed(to) || !to.startsWith('functions/'))).toEqual([]);
  });

  it.each(lambdas)('of adapters is only in %s/handler.ts, which composes the function', (lambda) => {
    const shell = (file: string) =>
      file.startsWith(`${lambda}/`) && !file.includes('/adapters/') && basename(file) !== 'handler.ts';
    expect(offences(shell, (to) => !to.includes('/adapters/'))).toEqual([]);
  });

  it('of tick, observe, confirm, act and invocation is ports, errors, core or one of them', () => {
    const shell = ['tick', 'observe', 'confirm', 'act', 'invocation'].map((name) => `functions/launcher/${name}.ts`);
    const allowed = ['functions/launcher/core/', 'functions/launcher/ports.ts', 'functions/launcher/errors.ts'];
    expect(offences(within(...shell), within(...allowed, ...shell))).toEqual([]);
  });

  it('of the report is a type of the shell, ports, the contract, core or Powertools', () => {
    const report = ['report', 'report-metrics', 'tick-line', 'other-launchers'].map(
      (name) => `functions/launcher/${name}.ts`,
    );
    const shell = ['tick', 'observe', 'act'].map((name) => `functions/launcher/${name}.ts`);
    const allowed = within(
      ...report,
      'functions/launcher/core/',
      'functions/launcher/ports.ts',
      'functions/launcher/contract.ts',
      '@aws-lambda-powertools/metrics',
    );
    expect(
      offences(within(...report), (to, { typeOnly }) => allowed(to) || (typeOnly && within(...shell)(to))),
    ).toEqual([]);
  });

  it('of functions is neither the CDK nor lib, bin or local', () => {
    const forbidden = /^(aws-cdk-lib|constructs)|^(lib|bin|local)\//;
    expect(offences(within('functions/'), (to) => !forbidden.test(to))).toEqual([]);
  });

  it('of a Lambda function is not another Lambda function', () => {
    const own = (file: string) => file.split('/').slice(0, 2).join('/');
    expect(
      offences(within('functions/'), (to, { from }) => !to.startsWith('functions/') || own(to) === own(from)),
    ).toEqual([]);
  });

  it('of functions in lib is the contract, its schema or a check that both sides make', () => {
    const shared = /\/(contract|pool-environment|time-zone|warm-limit)\.ts$/;
    expect(offences(within('lib/'), (to) => !/^functions\//.test(to) || shared.test(to))).toEqual([]);
  });

  it('of bin, lib and functions is neither local nor test', () => {
    expect(offences(within('bin/', 'lib/', 'functions/'), (to) => !/^(local|test)\//.test(to))).toEqual([]);
  });

  it('only bin creates an App', () => {
    const apps = files.filter((file) => /\bnew App\(/.test(readFileSync(file, 'utf8')));
    expect(apps.filter((file) => !file.startsWith('bin/'))).toEqual([]);
  });
});

/** Module of a file of `lib`: its folder, or the file itself at the top. */
function moduleOf(file: string): string {
  const [, first = ''] = file.split('/');
  return first;
}

interface Row {
  readonly module: string;
  readonly imports: readonly string[];
  readonly cdk: string;
}

/** The table of docs/architecture.md. */
function rowsOf(document: string): Row[] {
  const [, table = ''] = /### Modules of `lib`\n[\s\S]*?\n\|---[^\n]*\n([\s\S]*?)\n\n/.exec(document) ?? [];
  return table.split('\n').map((line) => {
    const [, module = '', , imported = '', cdk = ''] = line.split('|').map((cell) => cell.trim());
    const [name = ''] = inBackticks(module);
    return { module: name, imports: inBackticks(imported), cdk };
  });
}

const inBackticks = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);

/** The part of the CDK that a module loads at run time, including through its imports. */
function cdkOf(module: string): string {
  const reached = new Set(files.filter((file) => file.startsWith('lib/') && moduleOf(file) === module));
  const packages = new Set<string>();
  for (const file of reached) {
    for (const { to, typeOnly } of importsOf(file)) {
      if (typeOnly) continue;
      if (/^(?:lib|functions)\//.test(to)) reached.add(to);
      else packages.add(to);
    }
  }
  const cdk = [...packages].filter((name) => /^(?:aws-cdk-lib|constructs)(?:\/|$)/.test(name));
  if (cdk.length === 0) return 'no';
  return cdk.every((name) => name === 'aws-cdk-lib/region-info') ? 'regions' : 'yes';
}

describe('the modules of lib', () => {
  const rows = rowsOf(readFileSync('docs/architecture.md', 'utf8'));
  const modules = rows.map(({ module }) => module);

  it('are the rows of the table in docs/architecture.md', () => {
    const actual = new Set(files.filter((file) => file.startsWith('lib/')).map(moduleOf));
    expect([...modules].sort()).toEqual([...actual].sort());
  });

  it.each(rows)('$module imports what its row has, including types', ({ module, imports: allowed }) => {
    const actual = imports
      .filter(({ from, to }) => from.startsWith('lib/') && moduleOf(from) === module && to.startsWith('lib/'))
      .map(({ to }) => moduleOf(to))
      .filter((imported) => imported !== module);
    expect([...new Set(actual)].sort()).toEqual([...allowed].sort());
  });

  it.each(rows)('$module imports only rows below it', ({ module, imports: allowed }) => {
    expect(allowed.filter((imported) => modules.indexOf(imported) <= modules.indexOf(module))).toEqual([]);
  });

  it.each(rows)('$module loads the part of the CDK that its row has: $cdk', ({ module, cdk }) => {
    expect(cdkOf(module)).toBe(cdk);
  });

  it('have no circular imports between their files, including types', () => {
    const circles: string[] = [];
    const done = new Set<string>();
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (path.includes(file) || done.has(file)) return;
      for (const { to } of importsOf(file)) if (to.startsWith('lib/')) visit(to, [...path, file]);
      done.add(file);
    };
    for (const file of files.filter((path) => path.startsWith('lib/'))) visit(file, []);
    expect(circles).toEqual([]);
  });
});

const below = files.filter((file) => file.startsWith('functions/') && basename(file) !== 'handler.ts');

it.each([
  ['the environment', /process\.env/],
  ['the clock', /\bDate\.now\(|new Date\(\)/],
  ['random values', /Math\.random|randomUUID/],
])('no file below a handler reads %s', (_, pattern) => {
  expect(below.filter((file) => pattern.test(readFileSync(file, 'utf8')))).toEqual([]);
});

it('no function spreads a list into the arguments of a call, which throws a RangeError for about 100,000 entries', () => {
  const spread = /(?:Math\.(?:min|max)|\.(?:push|unshift|splice)|String\.fromCharCode)\((?!\{)[^;{}]*?\.\.\./;
  const shipped = files.filter(within('functions/'));
  expect(shipped.filter((file) => spread.test(readFileSync(file, 'utf8')))).toEqual([]);
});

it('no folder or file is for miscellaneous code', () => {
  expect(files.filter((file) => /(^|\/)(utils?|helpers?|common|misc|index)(\.ts|\/)/.test(file))).toEqual([]);
});
