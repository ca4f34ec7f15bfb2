/**
 * Tests the package as users get it: packed, installed from the tarball into an empty app, and used as in docs/construct.md.
 * Needs the npm registry.
 */
import { execFileSync, type StdioOptions } from 'node:child_process';
import { copyFileSync, globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { newFolder } from '../../test/temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const folder = newFolder('package-test');

const { peerDependencies, devDependencies } = z
  .looseObject({
    peerDependencies: z.record(z.string(), z.string()),
    devDependencies: z.record(z.string(), z.string()),
  })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
const lowest = (name: string): string => `${peerDependencies[name]}`.replace('^', '');

/** The example apps. `app.ts` is the guide's first sample. */
const examples = globSync('*.ts', { cwd: join(root, 'examples', 'construct') }).sort();

const guide = readFileSync(join(root, 'docs', 'construct.md'), 'utf8');
/** The guide's code blocks in a language. */
const blocks = (language: string): string[] =>
  [...guide.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, found, text = '']) => (found === language ? [text] : []));

const QUIET: StdioOptions = ['ignore', 'pipe', 'pipe'];

function npm(cwd: string, ...args: string[]): string {
  // An app without a lock file gets the newest versions, so this uses the host's npm.
  return execFileSync('npm', [...args, '--no-audit', '--no-fund'], { cwd, encoding: 'utf8', stdio: QUIET });
}

beforeAll(() => {
  npm(root, 'pack', '--pack-destination', folder);
}, 240_000);

it('contains the constructs, their types, the image and the finished bundle, and no other package', () => {
  const [tarball = ''] = globSync('*.tgz', { cwd: folder });
  const files = execFileSync('tar', ['-tzf', join(folder, tarball)], { encoding: 'utf8' }).split('\n');
  for (const file of [
    'lib/agent-launcher.js',
    'lib/THIRD-PARTY-LICENSES.txt',
    'bundles/launcher/index.mjs',
    'bundles/launcher/THIRD-PARTY-LICENSES.txt',
    'bundles/image-copy/THIRD-PARTY-LICENSES.txt',
    'agent-image/Dockerfile',
  ]) {
    expect(files).toContain(`package/dist/${file}`);
  }
  const unwanted = files.filter((file) => /node_modules|\/test\/|\/local\/|\.ts$/.test(file.replace(/\.d\.ts$/, '')));
  expect(unwanted).toEqual([]);
});

describe.each([
  ['the lowest CDK of the range', { cdk: lowest('aws-cdk-lib'), constructs: lowest('constructs') }],
  ['a CDK in the middle of it', { cdk: '2.270.0', constructs: '10.5.0' }],
  ['the newest CDK', { cdk: 'latest', constructs: 'latest' }],
])('with %s', (title, { cdk, constructs }) => {
  const app = join(folder, title.replaceAll(' ', '-'));
  const modules = join(app, 'node_modules');

  beforeAll(() => {
    mkdirSync(app);
    writeFileSync(join(app, 'package.json'), '{"private":true,"type":"module"}');
    const types = `@types/node@${devDependencies['@types/node']}`;
    npm(app, 'install', `aws-cdk-lib@${cdk}`, `constructs@${constructs}`, 'typescript@5.9.3', types);
    const [, install = 'no install line'] = /^npm (install .*)$/m.exec(blocks('sh').join('')) ?? [];
    const [tarball = ''] = globSync('*.tgz', { cwd: folder });
    npm(app, ...install.replace(/\S+\.tgz/, join(folder, tarball)).split(' '));
  }, 600_000);

  /** Runs a program of the app. */
  function node(args: readonly string[], stdio: StdioOptions = QUIET, env: Record<string, string> = {}): void {
    execFileSync(process.execPath, args, { cwd: app, env: { ...process.env, ...env }, stdio });
  }

  /** Synthesizes an example. @returns its folder and template */
  function synthesized(example: string) {
    const out = `out-${example}`;
    const env = { CDK_OUTDIR: out, CDK_CONTEXT_JSON: '{"agent-launcher:allowPlaceholder":true}' };
    node([example.replace(/ts$/, 'js')], ['ignore', 'inherit', 'pipe'], env);
    const [file = ''] = globSync('*.template.json', { cwd: join(app, out) });
    return { out: join(app, out), template: Template.fromString(readFileSync(join(app, out, file), 'utf8')) };
  }

  it('installs one CDK, and nothing that only the bundle needs', () => {
    const installed = globSync('**/node_modules/{*,@*/*}/package.json', { cwd: app });
    const names = installed.map((path) => path.replace(/^.*node_modules\//, '').replace(/\/package\.json$/, ''));
    expect(names.filter((name) => name === 'aws-cdk-lib' || name === 'constructs')).toHaveLength(2);
    const bundled = /^(?:(?:undici|zod|esbuild|tldts)$|@middy|@aws-sdk|@aws-lambda-powertools)/;
    expect(names.filter((name) => bundled.test(name))).toEqual([]);
  });

  it('type-checks the examples and the samples of the guide, libraries included', () => {
    for (const example of examples) copyFileSync(join(root, 'examples', 'construct', example), join(app, example));
    for (const [index, text] of blocks('ts').entries()) writeFileSync(join(app, `sample-${index}.ts`), text);
    const tsc = join(modules, 'typescript', 'bin', 'tsc');
    const options = '--strict --target es2022 --module nodenext --types node --skipLibCheck false'.split(' ');
    const samples = [...examples, ...blocks('ts').map((_, index) => `sample-${index}.ts`)];
    expect(samples.length).toBeGreaterThan(1);
    node([tsc, ...options, ...samples], ['ignore', 'inherit', 'inherit']);
  }, 300_000);

  it('refuses the example until its organization is set', () => {
    expect(() => node(['app.js'])).toThrow(/organization\n.*"your-org", the placeholder of the example/);
  });

  it.each(examples.filter((example) => example !== 'app.ts'))('synthesizes %s', (example) => {
    const { template } = synthesized(example);
    template.resourceCountIs('AWS::ECS::Cluster', 1);
  });

  it('synthesizes the guide’s example, with the same bundle that synthesis from the sources creates', () => {
    const { out, template } = synthesized('app.ts');
    template.hasResourceProperties('AWS::ECS::Cluster', { ClusterName: Match.stringLikeRegexp('-Agents-') });
    template.hasResourceProperties('AWS::EC2::SecurityGroup', { GroupDescription: 'Agents: nothing in, HTTPS out' });
    template.hasOutput('*', { Description: 'Cluster of the agents' });
    const text = readFileSync(join(root, 'dist', 'bundles', 'launcher', 'index.mjs'), 'utf8');
    // The function that copies images has a different bundle.
    const bundles = globSync('asset.*/index.mjs', { cwd: out });
    const [bundle = ''] = bundles.filter((path) => readFileSync(join(out, path), 'utf8') === text);
    expect(bundle).not.toBe('');
    const files = readdirSync(join(out, bundle, '..')).sort();
    expect(files).toEqual(['THIRD-PARTY-LICENSES.txt', 'index.mjs', 'index.mjs.map']);
  });

  it('refuses wrong properties in plain JavaScript', () => {
    writeFileSync(
      join(app, 'wrong.mjs'),
      `import { App, Stack } from 'aws-cdk-lib';
import { AgentLauncher } from 'agent-launcher';
new AgentLauncher(new Stack(new App(), 'Mine'), 'Agents', { organisation: 'acme', pools: [] });`,
    );
    expect(() => node(['wrong.mjs'])).toThrow(
      /did you mean organization\?[\s\S]*vpc\n[\s\S]*apiTokenSecret\n[\s\S]*pools\n/,
    );
  });
});
