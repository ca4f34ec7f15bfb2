/**
 * The package as its users have it: packed, installed from the tarball into an empty app, and used as docs/construct.md says.
 * Needs the npm registry.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'package-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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
/** Blocks of the guide in a language. */
const blocks = (language: string): string[] =>
  [...guide.matchAll(/```(\w+)\n([\s\S]*?)```/g)].flatMap(([, found, text = '']) => (found === language ? [text] : []));

function npm(cwd: string, ...args: string[]): string {
  // The npm of the host: the newest versions are what an app without a lock file gets.
  return execFileSync('npm', [...args, '--no-audit', '--no-fund'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
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
  expect(files.filter((file) => /node_modules|\/test\/|\/local\/|\.ts$/.test(file.replace(/\.d\.ts$/, '')))).toEqual(
    [],
  );
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
    npm(
      app,
      'install',
      `aws-cdk-lib@${cdk}`,
      `constructs@${constructs}`,
      'typescript@5.9.3',
      `@types/node@${devDependencies['@types/node']}`,
    );
    const install =
      blocks('sh')
        .join('')
        .split('\n')
        .find((line) => line.startsWith('npm install')) ?? 'no install line';
    const [tarball = ''] = globSync('*.tgz', { cwd: folder });
    npm(
      app,
      ...install
        .replace(/\S+\.tgz/, join(folder, tarball))
        .split(' ')
        .slice(1),
    );
  }, 600_000);

  it('installs one CDK, and nothing that only the bundle needs', () => {
    const installed = globSync('**/node_modules/{*,@*/*}/package.json', { cwd: app }).map((path) =>
      path.replaceAll('\\', '/'),
    );
    const names = installed.map((path) => path.replace(/^.*node_modules\//, '').replace(/\/package\.json$/, ''));
    expect(names.filter((name) => name === 'aws-cdk-lib' || name === 'constructs')).toHaveLength(2);
    expect(
      names.filter((name) => /^(?:(?:undici|zod|esbuild|tldts)$|@middy|@aws-sdk|@aws-lambda-powertools)/.test(name)),
    ).toEqual([]);
  });

  it('type-checks the examples and the samples of the guide, libraries included', () => {
    for (const example of examples) copyFileSync(join(root, 'examples', 'construct', example), join(app, example));
    for (const [index, text] of blocks('ts').entries()) writeFileSync(join(app, `sample-${index}.ts`), text);
    const tsc = [
      join(modules, 'typescript', 'bin', 'tsc'),
      '--strict',
      '--target',
      'es2022',
      '--module',
      'nodenext',
      '--types',
      'node',
    ];
    const samples = [...examples, ...blocks('ts').map((_, index) => `sample-${index}.ts`)];
    expect(samples.length).toBeGreaterThan(1);
    execFileSync(process.execPath, [...tsc, '--skipLibCheck', 'false', ...samples], {
      cwd: app,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  }, 300_000);

  it('refuses the example until its organization is set', () => {
    expect(() => execFileSync(process.execPath, ['app.js'], { cwd: app, stdio: ['ignore', 'pipe', 'pipe'] })).toThrow(
      /organization\n.*"your-org", the placeholder of the example/,
    );
  });

  it.each(examples.filter((example) => example !== 'app.ts'))('synthesizes %s', (example) => {
    execFileSync(process.execPath, [example.replace(/ts$/, 'js')], {
      cwd: app,
      env: {
        ...process.env,
        CDK_OUTDIR: `out-${example}`,
        CDK_CONTEXT_JSON: '{"agent-launcher:allowPlaceholder":true}',
      },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const [file = ''] = globSync('*.template.json', { cwd: join(app, `out-${example}`) });
    const template = Template.fromString(readFileSync(join(app, `out-${example}`, file), 'utf8'));
    template.resourceCountIs('AWS::ECS::Cluster', 1);
  });

  it('synthesizes the example, with the bundle that synthesis makes from the sources', () => {
    execFileSync(process.execPath, ['app.js'], {
      cwd: app,
      env: { ...process.env, CDK_OUTDIR: 'out', CDK_CONTEXT_JSON: '{"agent-launcher:allowPlaceholder":true}' },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const out = join(app, 'out');
    const [file = ''] = globSync('*.template.json', { cwd: out });
    const template = Template.fromString(readFileSync(join(out, file), 'utf8'));
    template.hasResourceProperties('AWS::ECS::Cluster', { ClusterName: Match.stringLikeRegexp('-Agents-') });
    template.hasResourceProperties('AWS::EC2::SecurityGroup', { GroupDescription: 'Agents: nothing in, HTTPS out' });
    template.hasOutput('*', { Description: 'Cluster of the agents' });
    const text = readFileSync(join(root, 'dist', 'bundles', 'launcher', 'index.mjs'), 'utf8');
    // The function that copies images has a bundle, too.
    const bundles = globSync('asset.*/index.mjs', { cwd: out });
    const [bundle = ''] = bundles.filter((path) => readFileSync(join(out, path), 'utf8') === text);
    expect(bundle).not.toBe('');
    expect(readdirSync(join(out, bundle, '..')).sort()).toEqual([
      'THIRD-PARTY-LICENSES.txt',
      'index.mjs',
      'index.mjs.map',
    ]);
  });

  it('refuses wrong properties in plain JavaScript', () => {
    writeFileSync(
      join(app, 'wrong.mjs'),
      `import { App, Stack } from 'aws-cdk-lib';
import { AgentLauncher } from 'agent-launcher';
new AgentLauncher(new Stack(new App(), 'Mine'), 'Agents', { organisation: 'acme', pools: [] });`,
    );
    expect(() =>
      execFileSync(process.execPath, ['wrong.mjs'], { cwd: app, stdio: ['ignore', 'pipe', 'pipe'] }),
    ).toThrow(/did you mean organization\?[\s\S]*vpc\n[\s\S]*apiTokenSecret\n[\s\S]*pools\n/);
  });
});
