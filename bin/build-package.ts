/**
 * Builds the package into `dist/`, for apps that use the constructs: `npm run build`, which `npm pack` and `npm ci` run as well.
 *
 *   dist/lib                 the constructs, with everything they import but the CDK, its licences, and their types
 *   dist/bundles/<name>      the finished bundle of each function, with the licences of what it contains
 *   dist/agent-image         what the agents' image is built from
 *
 * Constructs find the other two relative to `lib/package-root.ts`, so all code of `dist/lib` is in one folder. The declarations
 * keep the folders of the sources.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { buildSync } from 'esbuild';
import * as z from 'zod';
import { writeBundle } from '../lib/bundle/lambda-bundle.ts';
import { LICENSES_FILE, thirdPartyLicenses } from '../lib/bundle/third-party-licenses.ts';

const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

rmSync(DIST, { recursive: true, force: true });
constructs();
types();
bundles();
cpSync(join(ROOT, 'agent-image'), join(DIST, 'agent-image'), { recursive: true });

/** The package's exports: the source of each, and its built file in `dist/lib`, both without extension. */
function entries(): { readonly source: string; readonly built: string }[] {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const { exports } = z
    .looseObject({ exports: z.record(z.string(), z.looseObject({ types: z.string(), default: z.string() })) })
    .parse(manifest);
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
    // An app must have one CDK alone: a construct of another copy is a different type.
    external: ['aws-cdk-lib', 'constructs'],
    logLevel: 'warning',
  });
  writeFileSync(join(DIST, 'lib', LICENSES_FILE), thirdPartyLicenses(Object.keys(metafile.inputs), ROOT));
}

/** Declarations of what the exports reach. The others would only mention packages that users don't have. */
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
      // TypeScript keeps the endings of the sources here, which compilers of older apps don't resolve.
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
  for (const name of readdirSync(join(ROOT, 'functions'))) {
    const folder = join(DIST, 'bundles', name);
    mkdirSync(folder, { recursive: true });
    writeBundle(name, folder);
  }
}
