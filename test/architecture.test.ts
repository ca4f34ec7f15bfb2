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

const files = globSync('{bin,cli,lib,functions,local}/**/*.ts').map((file) => file.replaceAll('\\', '/'));

/** The files whose imports are checked, without installed packages and build results. */
const importing = globSync('{bin,cli,lib,functions,local,labs,bench,examples,test}/**/*.{ts,mjs}', {
  exclude: (name) => ['node_modules', 'dist', 'cdk.out', 'out'].includes(name),
}).map((file) => file.replaceAll('\\', '/'));

/** The imports in a text: static, re-exported and dynamic ones. A dynamic import of a computed path can't be checked. */
function importsIn(file: string, text: string): Import[] {
  const imported = ([, typeOnly, specifier = '']: RegExpMatchArray): Import => {
    const to = specifier.startsWith('.') ? normalize(join(dirname(file), specifier)).replaceAll('\\', '/') : specifier;
    return { from: file, to, typeOnly: typeOnly !== undefined };
  };
  const patterns = [
    /^(?:import|export)\s+(type\s)?[^'";]*?from\s+'([^']+)'/gm,
    /^import\s+(type\s)?'([^']+)'/gm,
    /(\btypeof\s+)?\bimport\(\s*['"`]([^'"`$]+)['"`]/g,
  ];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(imported));
}

const importsOf = (file: string): Import[] => importsIn(file, readFileSync(file, 'utf8'));

const imports = importing.flatMap(importsOf);
const within =
  (...folders: string[]) =>
  (path: string) =>
    folders.some((folder) => path === folder || path.startsWith(folder));

/** Whether an import is a file of this repository, not a package. */
const isInRepository = (to: string): boolean =>
  /^(?:\.|(?:bin|cli|lib|functions|local|test|labs|bench|examples|agent-image)\/)/.test(to);

/** Imports of these files that the rule does not allow, as readable lines. */
function offences(of: (file: string) => boolean, allowed: (target: string, imported: Import) => boolean): string[] {
  return imports
    .filter((imported) => of(imported.from) && !allowed(imported.to, imported))
    .map(({ from, to }) => `${from} imports ${to}`);
}

/** How every function reaches HCP Terraform and AWS. It isn't a Lambda function. */
const CONNECTION = 'functions/connection/';

const lambdas = [
  ...new Set(
    files
      .filter((file) => file.startsWith('functions/') && !file.startsWith(CONNECTION))
      .map((file) => file.split('/').slice(0, 2).join('/')),
  ),
];

/** Files at the root of functions/launcher: the steps of a tick, and the report. */
const STEPS = [
  'tick.ts',
  'tick-gateways.ts',
  'gateway-reading.ts',
  'gateway-retire.ts',
  'observe.ts',
  'confirm.ts',
  'act.ts',
  'invocation.ts',
  'woken-invocation.ts',
];
const REPORT = [
  'report.ts',
  'report-metrics.ts',
  'tick-line.ts',
  'gateway-line.ts',
  'task-ended-line.ts',
  'first-seen.ts',
  'other-launchers.ts',
];
/** Files at the root of functions/launcher that have their own rule in `an import`. */
const WITH_A_RULE = ['handler.ts', ...STEPS, ...REPORT];

describe('an import', () => {
  it('is found by this test', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(lambdas).toContain('functions/launcher');
  });

  it.each([
    ["import { a } from './b.ts';", 'lib/b.ts', false],
    ["import type { A } from '../b.ts';", 'b.ts', true],
    ["import './b.ts';", 'lib/b.ts', false],
    ["export * from './b.ts';", 'lib/b.ts', false],
    ["  const { a } = await import('./b.ts');", 'lib/b.ts', false],
    ["  const a = await import(\n    'zod'\n  );", 'zod', false],
    ["let a: typeof import('./b.ts');", 'lib/b.ts', true],
  ])('is found in: %s', (text, to, typeOnly) => {
    expect(importsIn('lib/a.ts', text)).toEqual([{ from: 'lib/a.ts', to, typeOnly }]);
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
      CONNECTION,
    );
    expect(offences(within(`${lambda}/adapters/`), (to) => allowed(to) || !to.startsWith('functions/'))).toEqual([]);
  });

  it.each(lambdas)('of adapters is only in %s/handler.ts, which composes the function', (lambda) => {
    const shell = (file: string) =>
      file.startsWith(`${lambda}/`) && !file.includes('/adapters/') && basename(file) !== 'handler.ts';
    expect(offences(shell, (to) => !to.includes('/adapters/'))).toEqual([]);
  });

  it('of tick, observe, confirm, act and both files of an invocation is ports, errors, core or one of them', () => {
    const shell = STEPS.map((name) => `functions/launcher/${name}`);
    const allowed = ['functions/launcher/core/', 'functions/launcher/ports.ts', 'functions/launcher/errors.ts'];
    expect(offences(within(...shell), within(...allowed, ...shell))).toEqual([]);
  });

  it('of the report is a type of the shell or of a log line, ports, the contract, core or Powertools', () => {
    const report = REPORT.map((name) => `functions/launcher/${name}`);
    const types = ['tick', 'tick-gateways', 'observe', 'act', 'log-lines'].map(
      (name) => `functions/launcher/${name}.ts`,
    );
    const allowed = within(
      ...report,
      'functions/launcher/core/',
      'functions/launcher/ports.ts',
      'functions/launcher/contract.ts',
      '@aws-lambda-powertools/metrics',
    );
    expect(
      offences(within(...report), (to, { typeOnly }) => allowed(to) || (typeOnly && within(...types)(to))),
    ).toEqual([]);
  });

  it('of functions is neither the CDK nor lib, bin or local', () => {
    const forbidden = /^(aws-cdk-lib|constructs)|^(lib|bin|local)\//;
    expect(offences(within('functions/'), (to) => !forbidden.test(to))).toEqual([]);
  });

  it('of a Lambda function is not another Lambda function, but can be functions/connection', () => {
    const own = (file: string) => file.split('/').slice(0, 2).join('/');
    const allowed = (to: string, { from }: Import) =>
      !to.startsWith('functions/') || own(to) === own(from) || to.startsWith(CONNECTION);
    expect(offences(within('functions/'), allowed)).toEqual([]);
  });

  it('of functions/connection outside adapters is its contract, its configuration or its errors', () => {
    const shell = (file: string) =>
      file.startsWith('functions/') &&
      !file.startsWith(CONNECTION) &&
      !file.includes('/adapters/') &&
      basename(file) !== 'handler.ts';
    const allowed = within(`${CONNECTION}contract.ts`, `${CONNECTION}config.ts`, `${CONNECTION}errors.ts`);
    expect(offences(shell, (to) => !to.startsWith(CONNECTION) || allowed(to))).toEqual([]);
  });

  it('of functions in lib is the contract, its schema, a check or a form that both sides have, or the price of a task', () => {
    const shared =
      /\/(contract|pool-environment|gateway-environment|time-zone|warm-limit|core\/fargate-price|core\/secret-reference)\.ts$/;
    expect(offences(within('lib/'), (to) => !/^functions\//.test(to) || shared.test(to))).toEqual([]);
  });

  it('of bin is in bin, in lib or a package', () => {
    expect(offences(within('bin/'), (to) => within('bin/', 'lib/')(to) || !isInRepository(to))).toEqual([]);
  });

  it('of functions in cli is the contract, a schema of what the launcher writes, the causes of start failures, the expiry or the rotation of tokens, or a parser of the secrets of connections', () => {
    const shared =
      /\/(contract|pool-environment|log-lines|core\/start-causes|core\/token-expiry|token-rotation\/core\/[a-z-]+|connection\/(proxy-login|ca-certificates|json-value|errors))\.ts$/;
    expect(offences(within('cli/'), (to) => !/^functions\//.test(to) || shared.test(to))).toEqual([]);
  });

  it('of cli is in cli, lib, functions or a package, and lib loads no CDK for it', () => {
    expect(offences(within('cli/'), (to) => within('cli/', 'lib/', 'functions/')(to) || !isInRepository(to))).toEqual(
      [],
    );
    const cdk = files.filter(within('cli/')).filter((file) => loadsCdk(file));
    expect(cdk).toEqual([]);
  });

  it('of cli/core is core, lib, the contract, the errors of io or zod, and otherwise only a type', () => {
    const allowed = within('cli/core/', 'cli/io.ts', 'lib/', 'functions/', 'zod', 'node:util');
    expect(offences(within('cli/core/'), (to, { typeOnly }) => allowed(to) || typeOnly)).toEqual([]);
  });

  it('that the command line needs for its help loads neither the AWS SDK nor another large package', () => {
    const small = ['commander', 'zod', '@bomb.sh/tab/commander'];
    const packages = [...packagesLoadedBy('cli/main.ts')].filter((name) => !name.startsWith('node:'));
    expect(packages.filter((name) => !small.includes(name))).toEqual([]);
    expect(packages).toContain('commander');
  });

  it('of lib, functions, bin and local is not in cli', () => {
    expect(offences(within('bin/', 'lib/', 'functions/', 'local/'), (to) => !within('cli/')(to))).toEqual([]);
  });

  it('of bin, cli, lib and functions is not in local, test, labs, bench or examples', () => {
    const forbidden = within('local/', 'test/', 'labs/', 'bench/', 'examples/');
    expect(offences(within('bin/', 'cli/', 'lib/', 'functions/'), (to) => !forbidden(to))).toEqual([]);
  });

  it('of lib, functions, local, labs and bench is not in bin', () => {
    expect(offences(within('lib/', 'functions/', 'local/', 'labs/', 'bench/'), (to) => !within('bin/')(to))).toEqual(
      [],
    );
  });

  it('of local is not in test, labs, bench or examples', () => {
    expect(offences(within('local/'), (to) => !within('test/', 'labs/', 'bench/', 'examples/')(to))).toEqual([]);
  });

  it('of labs is not in bench or examples', () => {
    expect(offences(within('labs/'), (to) => !within('bench/', 'examples/')(to))).toEqual([]);
  });

  it('of bench is neither in examples nor a file of the launcher other than its contract', () => {
    const allowed = (to: string): boolean => !/^(?:examples|functions)\//.test(to) || to.endsWith('/contract.ts');
    expect(offences(within('bench/'), allowed)).toEqual([]);
  });

  it('of examples is a package, because users copy examples to their own projects', () => {
    expect(offences(within('examples/'), (to) => !isInRepository(to))).toEqual([]);
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

/** The rows below a heading of docs/architecture.md, without the table's header. Each row is a list of its cells. */
function tableBelow(heading: string): string[][] {
  const [, section = ''] = readFileSync('docs/architecture.md', 'utf8').split(`\n### ${heading}\n`);
  const [, table = ''] = /\n\|---[^\n]*\n([\s\S]*?)\n\n/.exec(section) ?? [];
  return table.split('\n').map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** The table of the modules of `lib` in docs/architecture.md. */
function moduleRows(): Row[] {
  return tableBelow('Modules of `lib`').map(([module = '', , imported = '', cdk = '']) => {
    const [name = ''] = inBackticks(module);
    return { module: name, imports: inBackticks(imported), cdk };
  });
}

const inBackticks = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);

/** The part of the CDK that a module loads at run time, including through its imports. */
function cdkOf(module: string): string {
  return cdkLoadedBy(files.filter((file) => file.startsWith('lib/') && moduleOf(file) === module));
}

/** Whether a file loads more of the CDK than its facts about regions. */
function loadsCdk(file: string): boolean {
  return cdkLoadedBy([file]) === 'yes';
}

function cdkLoadedBy(entries: readonly string[]): string {
  const reached = new Set(entries);
  const packages = new Set<string>();
  for (const file of reached) {
    for (const { to, typeOnly } of importsOf(file)) {
      if (typeOnly) continue;
      if (/^(?:cli|lib|functions)\//.test(to)) reached.add(to);
      else packages.add(to);
    }
  }
  const cdk = [...packages].filter((name) => /^(?:aws-cdk-lib|constructs)(?:\/|$)/.test(name));
  if (cdk.length === 0) return 'no';
  return cdk.every((name) => name === 'aws-cdk-lib/region-info') ? 'regions' : 'yes';
}

/** The packages that a file loads at once, including through its imports. Dynamic imports don't count. */
function packagesLoadedBy(entry: string): Set<string> {
  const reached = new Set([entry]);
  const packages = new Set<string>();
  for (const file of reached) {
    const text = readFileSync(file, 'utf8').replaceAll(/\bimport\(/g, 'later(');
    for (const { to, typeOnly } of importsIn(file, text)) {
      if (!typeOnly) (isInRepository(to) ? reached : packages).add(to);
    }
  }
  return packages;
}

describe('the modules of lib', () => {
  const rows = moduleRows();
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

describe('the other files at the root of functions/launcher', () => {
  const root = 'functions/launcher/';
  const rows = tableBelow('Other files at the root of `functions/launcher`').map(
    ([file = '', inFunction = '', packages = '']) => ({
      file: inBackticks(file)[0] ?? '',
      inFunction: inBackticks(inFunction),
      packages: inBackticks(packages),
    }),
  );

  it('are the rows of their table in docs/architecture.md', () => {
    const actual = files.filter((file) => dirname(file) === 'functions/launcher').map((file) => basename(file));
    expect([...rows.map(({ file }) => file), ...WITH_A_RULE].sort()).toEqual(actual.sort());
  });

  it.each(rows)('$file imports what its row has, including types', ({ file, inFunction, packages }) => {
    const actual = imports.filter(({ from }) => from === `${root}${file}`).map(({ to }) => to);
    const own = actual.filter((to) => to.startsWith(root)).map((to) => to.slice(root.length).replace(/\/.*/, ''));
    expect([...new Set(own)].sort()).toEqual([...inFunction].sort());
    const others = new Set(actual.filter((to) => !to.startsWith(root)));
    expect([...others].sort()).toEqual([...packages].sort());
  });
});

const below = files.filter((file) => file.startsWith('functions/') && basename(file) !== 'handler.ts');

it('only four files write to the terminal, because they remove escape sequences of others', () => {
  const writing = files
    .filter(within('cli/'))
    .filter((file) => /std(?:out|err)\.write\(/.test(readFileSync(file, 'utf8')));
  expect(writing.sort()).toEqual(['cli/commands/cost.ts', 'cli/context.ts', 'cli/program.ts', 'cli/terminal/watch.ts']);
});

it.each([
  ['the environment', /process\.env/],
  ['the clock', /\bDate\.now\(|new Date\(\)/],
  ['the timer', /AbortSignal\.timeout\(|\bsetTimeout\(/],
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
