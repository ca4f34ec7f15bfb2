/**
 * Builds the package into `dist/`: the constructs for other apps, and the command line. `npm run build`, `npm pack` and `npm ci` run it.
 *
 *   dist/lib                 the constructs with their types, all imports except the CDK, and the imports' licences
 *   dist/cli                 the command `agent-launcher` with all its imports, and their licences
 *   dist/bundles/<name>      the finished bundle of each function, with the licences of its packages
 *   dist/agent-image         the files that Docker builds the agents' image from
 *
 * Constructs find `bundles` and `agent-image` relative to `lib/package-root.ts`, so all code of `dist/lib` is in one folder. The type
 * declarations keep the folders of the sources.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { buildSync } from 'esbuild';
import * as z from 'zod';
import { BUNDLE_OPTIONS } from '../lib/bundle/bundle-options.ts';
import { writeBundle } from '../lib/bundle/lambda-bundle.ts';
import { LICENSES_FILE, thirdPartyLicenses } from '../lib/bundle/third-party-licenses.ts';
import { functionNames } from './function-names.ts';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

rmSync(DIST, { recursive: true, force: true });
constructs();
types();
commandLine();
bundles();
cpSync(join(ROOT, 'agent-image'), join(DIST, 'agent-image'), { recursive: true });

function manifest(): unknown {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
}

/** The package's exports. Each has its source file and its built file in `dist/lib`, both without extension. */
function entries(): { readonly source: string; readonly built: string }[] {
  const { exports } = z
    .looseObject({ exports: z.record(z.string(), z.looseObject({ types: z.string(), default: z.string() })) })
    .parse(manifest());
  return Object.values(exports).map((entry) => ({
    source: entry.types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1'),
    built: entry.default.replace(/^\.\/dist\/lib\/(.*)\.js$/, '$1'),
  }));
}

function constructs(): void {
  const { metafile } = buildSync({
    absWorkingDir: ROOT,
    metafile: true,
    entryPoints: entries().map(({ source, built }) => ({ in: `${source}.ts`, out: built })),
    outdir: 'dist/lib',
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    // An app must have only one copy of the CDK, because constructs of two copies have different types.
    external: ['aws-cdk-lib', 'constructs'],
    logLevel: 'warning',
  });
  writeFileSync(join(DIST, 'lib', LICENSES_FILE), thirdPartyLicenses(Object.keys(metafile.inputs), ROOT));
}

/**
 * Bundles the command line. Code that a command imports dynamically goes into separate files, so that `--help` doesn't load the AWS SDK.
 * Identifiers keep their names, so that the stack trace of a crash can be read.
 */
function commandLine(): void {
  const { version } = z.looseObject({ version: z.string() }).parse(manifest());
  const { minify, sourcemap, ...options } = BUNDLE_OPTIONS;
  const { metafile } = buildSync({
    ...options,
    absWorkingDir: ROOT,
    metafile: true,
    entryPoints: [{ in: 'cli/main.ts', out: 'agent-launcher' }],
    outdir: 'dist/cli',
    splitting: true,
    target: 'node22',
    minifySyntax: minify,
    minifyWhitespace: minify,
    define: { AGENT_LAUNCHER_VERSION: JSON.stringify(version) },
  });
  writeFileSync(join(DIST, 'cli', LICENSES_FILE), thirdPartyLicenses(Object.keys(metafile.inputs), ROOT));
  chmodSync(join(DIST, 'cli', 'agent-launcher.js'), 0o755);
}

/** Writes the type declarations that the exports use. The other declarations would refer to packages that users don't have. */
function types(): void {
  const all = mkdtempSync(join(tmpdir(), 'agent-launcher-types-'));
  try {
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [tsc, '-p', join(ROOT, 'tsconfig.build.json'), '--outDir', all], {
      stdio: 'inherit',
    });
    const reached = new Set<string>();
    const queue = entries().map(({ source }) => join(all, `${source}.d.ts`));
    for (const file of queue) {
      if (reached.has(file)) continue;
      reached.add(file);
      // TypeScript keeps the file extension `.ts` in these imports, but older compilers don't resolve it.
      const text = readFileSync(file, 'utf8').replace(/(?<=(?:from |import\()['"]\.[^'"]+)\.ts(?=['"])/g, '.js');
      const imported = text.matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g);
      queue.push(...[...imported].map(([, path = '']) => join(dirname(file), `${path}.d.ts`)));
      const target = join(DIST, relative(all, file));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, text);
    }
  } finally {
    rmSync(all, { recursive: true, force: true });
  }
}

/** The finished bundle of every function. */
function bundles(): void {
  for (const name of functionNames()) {
    const folder = join(DIST, 'bundles', name);
    mkdirSync(folder, { recursive: true });
    writeBundle(name, folder);
  }
}
