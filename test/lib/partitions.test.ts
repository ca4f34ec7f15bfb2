/** Templates of all modes in AWS GovCloud (US) and China: everything in them fits the partition. */
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { AgentLauncherStack } from '../../lib/agent-launcher-stack.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { resourcesIn } from './network/reachability/template-values.ts';
import { faultsIn } from './settings-faults.ts';
import { LEAST, REGISTRY_IMAGE, testApp } from './synthesis.ts';
import { VALIDATED } from './validated-settings.ts';

const ACCOUNT = '123456789012';

/** Service principals have the domain of the standard partition in every partition. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services */
const PRINCIPALS =
  /^(?:lambda|cloudformation|ec2|ecs-tasks|scheduler|vpc-flow-logs|events|cloudwatch|delivery\.logs)\.amazonaws\.com$|^ec2\.amazonaws\.com\.cn$/;

/** The beginning of an endpoint's name. In China, the CDK knows for each service whether it begins with `cn.`. */
const ENDPOINT = /^(?:cn\.)?com\.amazonaws\./;

/** Hosts from which Docker Hub serves layers, wherever the stack is. */
const DOCKER_HUB = /^docker-images-prod\./;

/** The validated settings without those that belong to a region, and without the features that the partition lacks. Their ARNs are of the partition. */
const settingsFor = (partition: string) =>
  VALIDATED.map(({ nudge: _, ...others }) => JSON.stringify(others).replaceAll('arn:aws:', `arn:${partition}:`))
    .filter((settings) => !settings.includes('eu-central-1'))
    .filter((settings) => partition !== 'aws-cn' || !settings.includes('guardDuty'))
    .map((settings): [string, object] => [settings, JSON.parse(settings)]);

function templateIn(region: string, settings: object): Template {
  const target = { account: ACCOUNT, region };
  const parsed = parseSettings({ agentLauncher: { ...LEAST, ...settings } }, target);
  return Template.fromStack(new AgentLauncherStack(testApp(), 'Stack', { settings: parsed, env: target }));
}

/** Every text of a value. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsIn);
}

describe.each([
  [
    'us-gov-west-1',
    'aws-us-gov',
    'amazonaws.com',
    'console.amazonaws-us-gov.com',
    '^com\\.amazonaws\\.us-gov-west-1\\.',
  ],
  ['cn-north-1', 'aws-cn', 'amazonaws.com.cn', 'console.amazonaws.cn', '^(?:cn\\.)?com\\.amazonaws\\.cn-north-1\\.'],
])('in %s', (region, partition, suffix, console, endpoints) => {
  describe.each(settingsFor(partition))('the template of %s', (_, settings) => {
    const template = templateIn(region, settings);
    const texts = textsIn(template.toJSON());

    it('has no ARN of a different partition', () => {
      const partitions = texts.flatMap((text) => [...text.matchAll(/\barn:(aws[a-z-]*):/g)].map(([, found]) => found));
      expect(partitions.filter((found) => found !== partition)).toEqual([]);
    });

    it('has only hosts of this region and service principals', () => {
      const hosts = texts.flatMap((text) =>
        [...text.matchAll(/[a-z0-9*][a-z0-9.*-]*\.amazonaws\.[a-z.]*[a-z]/g)].map(([host]) => host),
      );
      const isOther = (host: string) =>
        !PRINCIPALS.test(host) && !DOCKER_HUB.test(host) && !ENDPOINT.test(host) && host !== console;
      const others = hosts.filter(isOther);
      expect(others.filter((host) => !host.endsWith(`.${region}.${suffix}`))).toEqual([]);
    });

    it('has the console of this partition, and no host of the dual-stack domain', () => {
      const url = textsIn(template.findOutputs('DashboardUrl')).join('');
      expect(url).toContain(`https://${console}/cloudwatch/home?region=${region}`);
      expect(texts.filter((text) => /\.on\.aws|console\.aws\.amazon\.com/.test(text))).toEqual([]);
    });

    it('has interface endpoints with the names of this partition', () => {
      const names = resourcesIn(template.toJSON())
        .filter(
          ({ type, properties }) => type === 'AWS::EC2::VPCEndpoint' && properties['VpcEndpointType'] === 'Interface',
        )
        .map(({ properties }) => String(properties['ServiceName']));
      for (const name of names) expect(name).toMatch(new RegExp(endpoints));
    });
  });

  it('a nudge is refused, because Lambda has no function URLs there', () => {
    const nudge = { hmacKeySecret: 'acme/key' };
    expect(faultsIn({ agentLauncher: { ...LEAST, nudge } }, { region })).toMatchObject([
      {
        path: 'nudge',
        given: expect.stringContaining(`deployed to ${region}`),
        remedy: expect.stringContaining('idlePollSeconds'),
      },
    ]);
    expect(faultsIn({ agentLauncher: { ...LEAST, nudge } }, { region: 'eu-central-1' })).toEqual([]);
  });
});

describe('in GovCloud', () => {
  const template = (region: string) =>
    templateIn(region, { ...REGISTRY_IMAGE, idlePollSeconds: 10, tags: { team: 'a' } });

  it('the log of the launcher has no JSON format, which Lambda does not offer there', () => {
    const formats = (region: string) =>
      Object.values(template(region).findResources('AWS::Lambda::Function')).flatMap(
        ({ Properties }) => Properties.LoggingConfig?.LogFormat ?? [],
      );
    expect(formats('us-gov-west-1')).toEqual([]);
    expect(formats('us-east-1')).toEqual(['JSON']);
  });

  it('the event source mapping has no tags, which Lambda does not offer there', () => {
    const tagsOf = (region: string) =>
      Object.values(template(region).findResources('AWS::Lambda::EventSourceMapping')).map(
        ({ Properties }) => Properties.Tags,
      );
    expect(tagsOf('us-gov-east-1')).toEqual([undefined]);
    expect(tagsOf('us-east-1')).toEqual([[{ Key: 'team', Value: 'a' }]]);
  });
});

it.each(['ap-south-2', 'il-central-1', 'me-central-1'])('a nudge is also refused in %s', (region) => {
  const settings = { ...LEAST, nudge: { hmacKeySecret: 'acme/key' } };
  expect(faultsIn({ agentLauncher: settings }, { region })).toMatchObject([{ path: 'nudge' }]);
});
