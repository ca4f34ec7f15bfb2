import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { afterAll, expect, it } from 'vitest';
import { lambdaBundle } from '../../lib/lambda-bundle.ts';

const folder = mkdtempSync(join(tmpdir(), 'bundle-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Synthesizes a function into a folder; gives the path of its bundle. */
function bundleIn(outdir: string): string {
  const app = new App({ outdir: join(folder, outdir) });
  new lambda.Function(new Stack(app, 'Test'), 'Function', {
    runtime: lambda.Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: lambdaBundle('launcher'),
  });
  app.synth();
  const [asset] = readdirSync(join(folder, outdir)).filter((name) => name.startsWith('asset.'));
  return join(folder, outdir, `${asset}`);
}

it('is one module with its source map, exports the handler, and has the same bytes in every folder', () => {
  const bundle = bundleIn('one');
  expect(readdirSync(bundle).sort()).toEqual(['index.mjs', 'index.mjs.map']);
  expect(bundleIn('another/and/deeper').split('/').at(-1)).toBe(bundle.split('/').at(-1));

  // Far from any node_modules, as in Lambda.
  const script = `import(${JSON.stringify(join(bundle, 'index.mjs'))}).then((m) => console.log(typeof m.handler))`;
  const { PATH } = process.env;
  expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env: { PATH } })).toBe('function\n');
});
