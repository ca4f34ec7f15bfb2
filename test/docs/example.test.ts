/** The example apps and settings. This file synthesizes the settings; `labs/synth/package.lab.ts` the apps. */
import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, it } from 'vitest';
import * as z from 'zod';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { testApp } from '../lib/synthesis.ts';

const read = (file: string) => readFileSync(file, 'utf8');
const manifest = (file: string) =>
  z
    .looseObject({
      engines: z.unknown(),
      peerDependencies: z.unknown().optional(),
      dependencies: z.unknown().optional(),
    })
    .parse(JSON.parse(read(file)));

it("the example app has the text of the guide's first sample", () => {
  const [, sample] = /```ts\n([\s\S]*?)```/.exec(read('docs/construct.md')) ?? [];
  expect(sample).toBe(read('examples/construct/app.ts'));
});

it('the example app requires the versions of the CDK and Node.js that the package requires', () => {
  const [own, example] = [manifest('package.json'), manifest('examples/construct/package.json')];
  expect(example.dependencies).toEqual(own.peerDependencies);
  expect(example.engines).toEqual(own.engines);
});

const SETTINGS = globSync('examples/settings/*.json').sort();

it('there are example settings', () => {
  expect(SETTINGS.length).toBeGreaterThan(2);
});

it.each(SETTINGS)('%s synthesizes, and is in the index of the examples', (file) => {
  const { context } = z.looseObject({ context: z.looseObject({}) }).parse(JSON.parse(read(file)));
  const settings = parseSettings({ ...context, 'agent-launcher:allowPlaceholder': true });
  const app = testApp();
  app.node.setContext('agent-launcher:allowPlaceholder', true);
  const stack = new AgentLauncherStack(app, settings.stackName, { settings });
  Template.fromStack(stack).resourceCountIs('AWS::ECS::Cluster', 1);
  expect(read('examples/README.md')).toContain(file.slice('examples/'.length));
});

it.each(SETTINGS)('%s is refused until its organization is set', (file) => {
  const { context } = z.looseObject({ context: z.looseObject({}) }).parse(JSON.parse(read(file)));
  expect(() => parseSettings(context)).toThrow('"your-org", the placeholder of the example');
});

it.each(globSync('*.ts', { cwd: 'examples/construct' }))('the index of the examples has construct/%s', (file) => {
  expect(read(join('examples', 'README.md'))).toContain(`construct/${file}`);
});

it('the CommonJS example requires the same versions as the other example', () => {
  const [own, example] = [manifest('examples/construct/package.json'), manifest('examples/commonjs/package.json')];
  expect(example.dependencies).toEqual(own.dependencies);
  expect(example.engines).toEqual(own.engines);
});

const FOLDERS = readdirSync('examples', { withFileTypes: true }).filter((entry) => entry.isDirectory());

it.each(FOLDERS.map(({ name }) => name))('the index of the examples has the folder %s', (folder) => {
  expect(read(join('examples', 'README.md'))).toContain(`](${folder}/`);
});

const WORKFLOWS = globSync('{.github/workflows,examples/github-actions}/*.yml').sort();

it.each(WORKFLOWS)('%s pins every action to a commit, and says which version it is', (file) => {
  const used = [...read(file).matchAll(/uses: (\S+)(.*)$/gm)].filter(([, action = '']) => !action.startsWith('./'));
  const unpinned = used.filter(
    ([, action = '', comment = '']) => !/@[0-9a-f]{40}$/.test(action) || !/^ # v\d+\.\d+\.\d+$/.test(comment),
  );
  expect(unpinned.map(([line]) => line)).toEqual([]);
});

/** The permissions to write that a workflow needs in addition to OIDC tokens. */
const WRITES: Readonly<Record<string, readonly string[]>> = {
  '.github/workflows/release.yml': ['contents', 'attestations'],
};

it.each(WORKFLOWS)('%s uses no access keys, and requests no permission to write except OIDC tokens', (file) => {
  expect(read(file)).not.toMatch(/access-key|AWS_SECRET/i);
  const written = [...read(file).matchAll(/([\w-]+): write/g)].map(([, permission]) => permission);
  expect(written.filter((permission) => permission !== 'id-token')).toEqual(WRITES[file] ?? []);
});
