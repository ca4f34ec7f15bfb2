import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, extname, join, relative } from 'node:path';
import { AssetHashType } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import type { BuildOptions } from 'esbuild';
import { PACKAGE_ROOT } from '../package-root.ts';
import { LICENSES_FILE, thirdPartyLicenses } from './third-party-licenses.ts';

/**
 * CommonJS dependencies call `require` for Node's own modules, but ES modules have no `require`.
 * https://esbuild.github.io/content-types/#external-cjs
 */
const REQUIRE_FOR_COMMONJS =
  "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);";

/** esbuild's options for every bundle, except its entry point and its result. */
export const BUNDLE_OPTIONS = {
  bundle: true,
  minify: true,
  sourcemap: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  mainFields: ['module', 'main'],
  banner: { js: REQUIRE_FOR_COMMONJS },
  logLevel: 'warning',
} satisfies BuildOptions;

/** Environment variables that a function with a {@link lambdaBundle} needs. */
export const BUNDLE_ENVIRONMENT = { NODE_OPTIONS: '--enable-source-maps' } as const;

/**
 * Bundles `functions/<name>/handler.ts` into one minified ES module (`index.mjs`), with a source map and the licences of its
 * packages. The bundle includes the AWS SDK, so that the tested code is the code that runs.
 *
 * The built package contains the bundle, so an app that uses the construct needs neither esbuild nor the function's dependencies.
 * In a clone, esbuild creates the bundle during synthesis, without Docker or network. Both bundles are identical, and so are
 * their asset hashes.
 */
export function lambdaBundle(name: string): lambda.Code {
  const finished = join(PACKAGE_ROOT, 'bundles', name);
  if (existsSync(finished)) return lambda.Code.fromAsset(finished);
  return lambda.Code.fromAsset(join(PACKAGE_ROOT, 'functions', name), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: lambda.Runtime.NODEJS_24_X.bundlingImage,
      local: {
        tryBundle: (outputFolder) => {
          writeBundle(name, outputFolder);
          return true;
        },
      },
    },
  });
}

/**
 * Bundles the function in `functions/<name>` into a folder.
 *
 * Paths in a source map are relative to the bundle, so the asset's hash would depend on the output folder. To avoid that, esbuild
 * creates the bundle in memory with a fixed path, and this function writes it to the folder.
 */
export function writeBundle(name: string, outputFolder: string): void {
  // The built package must not import esbuild, which its users don't install.
  const { buildSync }: typeof import('esbuild') = createRequire(import.meta.url)('esbuild');
  const entry = join(PACKAGE_ROOT, 'functions', name, `handler${extname(import.meta.filename)}`);
  const built = buildSync({
    absWorkingDir: PACKAGE_ROOT,
    entryPoints: [relative(PACKAGE_ROOT, entry)],
    outfile: 'index.mjs',
    write: false,
    metafile: true,
    ...BUNDLE_OPTIONS,
  });
  for (const file of built.outputFiles) writeFileSync(join(outputFolder, basename(file.path)), file.contents);
  const licenses = thirdPartyLicenses(Object.keys(built.metafile.inputs), PACKAGE_ROOT);
  writeFileSync(join(outputFolder, LICENSES_FILE), licenses);
}
