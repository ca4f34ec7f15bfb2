/** The built package, in an app of plain JavaScript as its users have it. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { afterAll, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'package-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const app = `
import { App, Stack } from 'aws-cdk-lib';
import { SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { AgentLauncher } from './dist/lib/agent-launcher.js';

const stack = new Stack(new App({ outdir: 'out' }), 'Mine');
const vpc = new Vpc(stack, 'Vpc');
new AgentLauncher(stack, 'Agents', {
  organization: 'acme',
  apiTokenSecret: Secret.fromSecretNameV2(stack, 'ApiToken', 'acme/api-token'),
  pools: [{ name: 'default', agentTokenSecret: Secret.fromSecretNameV2(stack, 'AgentToken', 'acme/agent-token') }],
  vpc,
  securityGroups: [new SecurityGroup(stack, 'Group', { vpc, allowAllOutbound: false })],
});
stack.node.root.synth();
`;

it('gives the construct, its types, its image and its handler to an app that knows no TypeScript', () => {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  // Types are checked elsewhere.
  const build = ['-p', join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', join(folder, 'dist')];
  execFileSync(tsc, build, { stdio: 'inherit' });
  cpSync(join(root, 'agent-image'), join(folder, 'dist', 'agent-image'), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'app.mjs'), app);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  execFileSync(process.execPath, ['app.mjs'], { cwd: folder, stdio: ['ignore', 'inherit', 'pipe'] });

  const template = Template.fromString(readFileSync(join(folder, 'out', 'Mine.template.json'), 'utf8'));
  template.hasResourceProperties('AWS::ECS::Cluster', { ClusterName: Match.stringLikeRegexp('^Mine-Agents-') });
  const assets = readdirSync(join(folder, 'out')).filter((name) => name.startsWith('asset.'));
  const files = assets.flatMap((name) => readdirSync(join(folder, 'out', name)));
  for (const file of ['index.mjs', 'entrypoint.sh', 'Dockerfile']) expect(files).toContain(file);
  expect(readFileSync(join(folder, 'dist', 'lib', 'agent-launcher.d.ts'), 'utf8')).toContain('AgentLauncherProps');
});
