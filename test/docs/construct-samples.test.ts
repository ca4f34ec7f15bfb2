/** The samples of docs/construct.md work together: tasks can pull their image in the network that the guide creates. */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { afterEach, expect, it, vi } from 'vitest';
import * as z from 'zod';
import { registryOf } from '../../lib/network/allowed-domains.ts';
import { dnsRulesIn, resolves } from '../lib/network/reachability/dns-rules.ts';
import { FILL, resourcesIn } from '../lib/network/reachability/template-values.ts';
import { newFolder } from '../temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const require = createRequire(import.meta.url);
const [app = '', , network = ''] = [
  ...readFileSync(join(root, 'docs', 'construct.md'), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g),
].map(([, sample]) => sample);

/** The sources of the package's exports. */
const { exports } = z
  .looseObject({ exports: z.record(z.string(), z.looseObject({ types: z.string() })) })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));
const sourceOf = (name: string): string =>
  join(root, `${exports[name]?.types}`.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1.ts'));

const containers = z.array(z.looseObject({ Image: z.string() }));

afterEach(() => vi.unstubAllEnvs());

/** A sample whose imports point to the files of this repository. */
function resolved(sample: string): string {
  return sample
    .replaceAll(
      /from 'agent-launcher(?:\/([a-z-]+))?'/g,
      (_, name) => `from '${sourceOf(name === undefined ? '.' : `./${name}`)}'`,
    )
    .replaceAll(/from '(aws-cdk-lib[^']*)'/g, (_, name) => `from '${require.resolve(name)}'`);
}

/** The template of a sample. */
async function templateOf(sample: string): Promise<Template> {
  const context = { 'agent-launcher:allowPlaceholder': true, 'aws:cdk:bundling-stacks': [] };
  vi.stubEnv('CDK_CONTEXT_JSON', JSON.stringify(context));
  const folder = newFolder('samples');
  writeFileSync(join(folder, 'network.ts'), resolved(network));
  writeFileSync(join(folder, 'app.ts'), `${resolved(sample)}\nexport default stack;\n`);
  const { default: stack } = await import(join(folder, 'app.ts'));
  return Template.fromStack(stack);
}

/** Images of the tasks. The repository's ARN contains the account and the region of the stack. */
function imagesIn(template: Template): string[] {
  return resourcesIn(template.toJSON())
    .filter(({ type }) => type === 'AWS::ECS::TaskDefinition')
    .flatMap(({ properties }) => containers.parse(properties['ContainerDefinitions']))
    .map(({ Image }) => Image.replace(/<\w+\.Arn>\[4\]/, FILL.account).replace(/<\w+\.Arn>\[3\]/, FILL.region));
}

const inEgressNetwork = `import { networkOf } from './network.ts';\n${app
  .replace(/^const vpc = .*\n/m, '')
  .replace('  vpc,\n', '  ...networkOf(stack),\n')}`;

it.each([
  ['its own VPC', app],
  ['the EgressNetwork of the guide', inEgressNetwork],
])("the guide's app in %s pulls from ECR only", async (_, sample) => {
  const images = imagesIn(await templateOf(sample));
  expect(images.length).toBeGreaterThan(0);
  expect(images.filter((image) => !/\.dkr\.ecr\./.test(image))).toEqual([]);
});

it("every registry that the guide's app pulls from resolves in the guide's network", async () => {
  const template = await templateOf(inEgressNetwork);
  const rules = dnsRulesIn(template.toJSON());
  expect(rules).not.toEqual([]);
  const refused = imagesIn(template).filter((image) => !resolves(rules, registryOf(image).host));
  expect(refused).toEqual([]);
});
