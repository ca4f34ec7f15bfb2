/**
 * Tests the package as users get it: packed, installed from the tarball into an empty app, and used as in docs/construct.md.
 * Needs the npm registry.
 */
import { execFileSync, type StdioOptions, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { startSystem } from '../../test/cli/system.ts';
import { runProgram } from '../../test/processes.ts';
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

it('contains the constructs, their types, the command, the image and the finished bundle, and no other package', () => {
  const [tarball = ''] = globSync('*.tgz', { cwd: folder });
  const files = execFileSync('tar', ['-tzf', join(folder, tarball)], { encoding: 'utf8' }).split('\n');
  for (const file of [
    'lib/agent-launcher.js',
    'lib/THIRD-PARTY-LICENSES.txt',
    'cli/agent-launcher.js',
    'cli/THIRD-PARTY-LICENSES.txt',
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

describe('the command', () => {
  const home = join(folder, 'command');
  const bin = join(home, 'node_modules', '.bin', 'agent-launcher');

  beforeAll(() => {
    mkdirSync(home);
    writeFileSync(join(home, 'package.json'), '{"private":true}');
    const [tarball = ''] = globSync('*.tgz', { cwd: folder });
    // Without the CDK, which only the constructs need.
    npm(home, 'install', '--omit=peer', join(folder, tarball));
  }, 240_000);

  /** Runs the installed command, which finds no package but its own. */
  function agentLauncher(args: readonly string[], env: Record<string, string> = {}) {
    const { status, stdout, stderr } = spawnSync(bin, args, {
      cwd: home,
      encoding: 'utf8',
      env: { PATH: `${process.env['PATH']}`, HOME: home, ...env },
    });
    return { status, stdout, stderr };
  }

  it('needs no other package', () => {
    const packages = readdirSync(join(home, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(packages).toEqual(['agent-launcher']);
  });

  it('prints the version of the package', () => {
    const { version } = z
      .looseObject({ version: z.string() })
      .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
    expect(agentLauncher(['--version'])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('prints its help within a second, because it does not load the AWS SDK', () => {
    const begin = performance.now();
    const { status, stdout, stderr } = agentLauncher(['--help']);
    const ms = performance.now() - begin;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('Usage: agent-launcher');
    expect(ms).toBeLessThan(1000);
    const sizes = readdirSync(join(home, 'node_modules', 'agent-launcher', 'dist', 'cli')).map(
      (file) => statSync(join(home, 'node_modules', 'agent-launcher', 'dist', 'cli', file)).size,
    );
    const mebibytes = sizes.reduce((sum, size) => sum + size, 0) / 1024 / 1024;
    console.log(`The command is ${mebibytes.toFixed(1)} MiB large, and its help takes ${Math.round(ms)} ms.`);
  });

  it('reads a local system over HTTP with the bundled SDK', async () => {
    const system = await startSystem({ launcher: false });
    try {
      const env = { PATH: `${process.env['PATH']}`, ...system.environment };
      const { stdout, stderr } = await runProgram(bin, ['status', '--json'], { cwd: home, env });
      expect(stderr).toBe('');
      const pool = { name: 'production', queueFrom: 'hcp-terraform', agentsFrom: 'hcp-terraform' };
      expect(JSON.parse(stdout)).toMatchObject({ stack: { name: 'AgentLauncher' }, pools: [pool] });
      const cost = await runProgram(bin, ['cost', '--csv'], { cwd: home, env });
      expect(cost).toEqual({ code: 0, stdout: 'pool,tasks,runs,billed_seconds,dollars\r\n', stderr: '' });
    } finally {
      await system.close();
    }
  }, 60_000);

  it('explains what failed', () => {
    const { status, stdout, stderr } = agentLauncher(['status'], {
      AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_MAX_ATTEMPTS: '1',
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^Could not read the stack AgentLauncher: .*127\.0\.0\.1:1/);
  });
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

  /** Synthesizes the app `app.js` of a folder. */
  function synthesizedIn(folderOfApp: string): Template {
    const out = join(folderOfApp, 'out');
    const env = { CDK_OUTDIR: out, CDK_CONTEXT_JSON: '{"agent-launcher:allowPlaceholder":true}' };
    node([join(folderOfApp, 'app.js')], ['ignore', 'inherit', 'pipe'], env);
    const [file = ''] = globSync('*.template.json', { cwd: out });
    return Template.fromString(readFileSync(join(out, file), 'utf8'));
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

  it('works in a CommonJS app in JavaScript', () => {
    const folderOfApp = join(app, 'commonjs');
    cpSync(join(root, 'examples', 'commonjs'), folderOfApp, { recursive: true });
    synthesizedIn(folderOfApp).resourceCountIs('AWS::ECS::Cluster', 1);
  });

  it('works in a CommonJS app in TypeScript', () => {
    const folderOfApp = join(app, 'commonjs-typescript');
    mkdirSync(folderOfApp);
    copyFileSync(join(root, 'examples', 'construct', 'app.ts'), join(folderOfApp, 'app.ts'));
    writeFileSync(join(folderOfApp, 'package.json'), '{"private":true}');
    const tsc = join(modules, 'typescript', 'bin', 'tsc');
    const options = '--strict --target es2022 --module nodenext --types node --skipLibCheck false'.split(' ');
    node([tsc, ...options, join(folderOfApp, 'app.ts')], ['ignore', 'inherit', 'inherit']);
    expect(readFileSync(join(folderOfApp, 'app.js'), 'utf8')).toContain('require("agent-launcher")');
    synthesizedIn(folderOfApp).resourceCountIs('AWS::ECS::Cluster', 1);
  }, 120_000);

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
