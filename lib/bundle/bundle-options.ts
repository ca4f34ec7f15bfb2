import { readFileSync } from 'node:fs';
import type { BuildOptions, Plugin } from 'esbuild';

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

const EC2_SCHEMAS = /[\\/]@aws-sdk[\\/]client-ec2[\\/]dist-es[\\/]schemas[\\/]schemas_0\.js$/;

/**
 * Lets esbuild leave out the schemas of EC2's 800 actions that a function doesn't use. Otherwise they are 0.5 MB in every bundle with an EC2 client.
 *
 * esbuild keeps an object with computed keys, `{ [_eN]: _i }`, because evaluating a key can have an effect. In this file, each key is a constant
 * string. This plugin writes the string in its place.
 */
const ec2SchemasWithoutComputedKeys: Plugin = {
  name: 'ec2-schemas-without-computed-keys',
  setup(build) {
    build.onLoad({ filter: EC2_SCHEMAS }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const strings = new Map(
        [...text.matchAll(/^const (_\w+) = ("[^"]*");$/gm)].map(([, name, value]) => [name, value]),
      );
      return {
        contents: text.replaceAll(/\[(_\w+)\]:/g, (key, name) => (strings.has(name) ? `${strings.get(name)}:` : key)),
      };
    });
  },
};

export const BUNDLE_PLUGINS: readonly Plugin[] = [ec2SchemasWithoutComputedKeys];
