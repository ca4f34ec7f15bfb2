import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { BUNDLE_OPTIONS, BUNDLE_PLUGINS } from '../../../lib/bundle/bundle-options.ts';
import { lambdaBundle } from '../../../lib/bundle/lambda-bundle.ts';
import { thirdPartyLicenses } from '../../../lib/bundle/third-party-licenses.ts';
import { newFolder } from '../../temporary-folder.ts';

const folder = newFolder('bundle');

/** Synthesizes a function into a folder, and returns the path of its bundle. */
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

it('the bundle is one module with a source map, exports the handler, and is identical whatever the output folder is', () => {
  const bundle = bundleIn('one');
  expect(readdirSync(bundle).sort()).toEqual(['THIRD-PARTY-LICENSES.txt', 'index.mjs', 'index.mjs.map']);
  expect(bundleIn('another/and/deeper').split('/').at(-1)).toBe(bundle.split('/').at(-1));

  // The module runs without any node_modules, as in Lambda.
  const script = `import(${JSON.stringify(join(bundle, 'index.mjs'))}).then((m) => console.log(typeof m.handler))`;
  const { PATH } = process.env;
  expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', env: { PATH } })).toBe('function\n');
});

it('the bundle contains the license of every package in it, and each text only once', () => {
  const bundle = bundleIn('licenses');
  const text = readFileSync(join(bundle, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  const map = readFileSync(join(bundle, 'index.mjs.map'), 'utf8');
  const names = new Set([...map.matchAll(/node_modules\/((?:@[^/"]+\/)?[^/"]+)\/[^"]*"/g)].map(([, name]) => name));
  expect(names).toContain('@aws-sdk/client-ecs');
  for (const name of names) expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+: \\S+`, 'm'));
  expect(text).not.toMatch(/^(?:vitest|aws-cdk-lib|esbuild) /m);
  expect(text.split('Apache License\n').length).toBeLessThan(8);
  expect(text).toContain('Permission is hereby granted, free of charge');
});

it('the bundle can’t contain a package without a license', () => {
  const packageFolder = join(folder, 'node_modules', 'nameless');
  mkdirSync(packageFolder, { recursive: true });
  const licenses = (manifest: object) => {
    writeFileSync(
      join(packageFolder, 'package.json'),
      JSON.stringify({ name: 'nameless', version: '1.0.0', ...manifest }),
    );
    return () => thirdPartyLicenses(['node_modules/nameless/index.js', 'lib/own.ts'], folder);
  };
  expect(licenses({})).toThrow("The package nameless 1.0.0 has no licence information, so it can't be bundled.");
  expect(licenses({ license: 'MIT', homepage: 'https://example.com' })()).toContain(
    'nameless 1.0.0: MIT; see https://example.com',
  );
});

it('a bundle with an EC2 client leaves out the schemas of the actions that it doesn’t use, and still sends the others', async () => {
  const outfile = join(folder, 'ec2.mjs');
  const contents = "export { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';";
  const stdin = { contents, resolveDir: process.cwd() };
  const { metafile } = await build({ ...BUNDLE_OPTIONS, plugins: [...BUNDLE_PLUGINS], stdin, outfile, metafile: true });
  const [, { inputs = {} } = {}] = Object.entries(metafile.outputs).find(([name]) => name.endsWith('.mjs')) ?? [];
  const [, schemas] =
    Object.entries(inputs).find(([name]) => name.endsWith('client-ec2/dist-es/schemas/schemas_0.js')) ?? [];
  // With all schemas, it would be more than 500 kB.
  expect(schemas?.bytesInOutput).toBeLessThan(60_000);
  expect(schemas?.bytesInOutput).toBeGreaterThan(5_000);
  const script = `
    const { DescribeInstancesCommand, EC2Client } = await import(${JSON.stringify(outfile)});
    const { createServer } = await import('node:http');
    const answer = '<R xmlns="x"><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></item></reservationSet></R>';
    const server = createServer((request, response) => response.end(answer)).listen(0, '127.0.0.1', async () => {
      const endpoint = 'http://127.0.0.1:' + server.address().port;
      const client = new EC2Client({ endpoint, region: 'eu-central-1', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
      const { Reservations } = await client.send(new DescribeInstancesCommand({}));
      console.log(Reservations[0].Instances[0].InstanceId);
      process.exit();
    });`;
  const { PATH } = process.env;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { PATH },
  });
  expect(printed).toBe('i-1\n');
});
