import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { idleNetworkPrice } from '../../../../cli/core/setup/network-price.ts';
import {
  changedText,
  changesInWords,
  presentSettings,
  settingsChanges,
  type WantedSettings,
} from '../../../../cli/core/setup/settings.ts';
import { dollars } from '../../../../lib/aws/costs.ts';
import { EGRESS_MODES } from '../../../../lib/network/egress.ts';
import { parseSettings } from '../../../../lib/settings/parse.ts';

const CDK_JSON = readFileSync('cdk.json', 'utf8');
const WANTED: WantedSettings = {
  hostname: 'app.terraform.io',
  organization: 'acme',
  apiTokenSecret: 'agent-launcher/api-token',
  pool: { name: 'aws', agentTokenSecret: 'agent-launcher/aws/agent-token' },
};

const file = (agentLauncher: unknown): string => JSON.stringify({ app: 'x', context: { agentLauncher } }, undefined, 2);

/** The settings after the changes, and the changes as `path: from → to`. */
function change(text: string, wanted: Partial<WantedSettings> = {}) {
  const present = presentSettings(text);
  const changes = settingsChanges(present, { ...WANTED, ...wanted });
  const after = changedText(present, changes);
  const { context, settings } = presentSettings(after);
  const lines = changesInWords(present, changes).map(
    ({ path, from, to }) => `${path}: ${JSON.stringify(from)} → ${JSON.stringify(to)}`,
  );
  return { after, settings, lines, parse: () => parseSettings(context) };
}

const COMPLETE = file({
  organization: 'acme',
  apiTokenSecret: 'agent-launcher/api-token',
  pools: [{ name: 'aws', agentTokenSecret: 'agent-launcher/aws/agent-token', maxAgents: 10 }],
});

describe('the changes of the settings', () => {
  test('replace only the organization in the file of a fresh clone', () => {
    const { lines, after, parse } = change(CDK_JSON);
    expect(lines).toEqual(['organization: "your-org" → "acme"']);
    expect(after).toBe(CDK_JSON.replace('your-org', 'acme'));
    expect(parse().organization).toBe('acme');
  });

  test('set the address of the alarms instead of their topic', () => {
    const alarmTopicArn = 'arn:aws:sns:eu-central-1:123456789012:alarms';
    const present = { ...JSON.parse(COMPLETE).context.agentLauncher, alarmTopicArn };
    const { lines, parse } = change(file(present), { alarmEmail: 'ops@acme.example' });
    expect(lines).toEqual([
      `alarmTopicArn: "${alarmTopicArn}" → undefined`,
      'alarmEmail: undefined → "ops@acme.example"',
    ]);
    expect(parse()).toMatchObject({ alarmEmail: 'ops@acme.example' });
    expect(change(file(present)).lines).toEqual([]);
  });

  test('rename the pool of the example instead of keeping it', () => {
    const { settings } = change(CDK_JSON, { pool: { name: 'prod', agentTokenSecret: 'prod/token' } });
    expect(settings['pools']).toEqual([{ name: 'prod', agentTokenSecret: 'prod/token', maxAgents: 10 }]);
  });

  const withPhases = (phases: unknown): string => {
    const pool = { ...WANTED.pool, maxAgents: 10, phases };
    return file({ organization: 'acme', apiTokenSecret: 'agent-launcher/api-token', pools: [pool] });
  };
  test.each<[string, string, WantedSettings['pool'], unknown, readonly string[]]>([
    [
      'a pool without phases gets them as a whole',
      COMPLETE,
      { ...WANTED.pool, phases: true, plan: { capacity: 'spot' }, apply: { cpu: 2048, memoryMiB: 4096 } },
      { plan: { capacity: 'spot' }, apply: { cpu: 2048, memoryMiB: 4096 } },
      ['pools.0.phases: undefined → {"plan":{"capacity":"spot"},"apply":{"cpu":2048,"memoryMiB":4096}}'],
    ],
    [
      'phases keep what nobody asks to change',
      withPhases({ plan: { cpu: 512, memoryMiB: 1024 }, unlistedJobs: 'none' }),
      { ...WANTED.pool, phases: true, plan: { capacity: 'spot' }, apply: { cpu: 2048, memoryMiB: 4096 } },
      {
        plan: { cpu: 512, memoryMiB: 1024, capacity: 'spot' },
        apply: { cpu: 2048, memoryMiB: 4096 },
        unlistedJobs: 'none',
      },
      [
        'pools.0.phases.plan.capacity: undefined → "spot"',
        'pools.0.phases.apply: undefined → {"cpu":2048,"memoryMiB":4096}',
      ],
    ],
    [
      'the default capacity is not written',
      withPhases({ plan: { cpu: 512, memoryMiB: 1024 } }),
      { ...WANTED.pool, phases: true, plan: { capacity: 'on-demand' } },
      { plan: { cpu: 512, memoryMiB: 1024 } },
      [],
    ],
    [
      'phases alone change nothing in existing phases',
      withPhases({ plan: { capacity: 'spot' } }),
      { ...WANTED.pool, phases: true },
      { plan: { capacity: 'spot' } },
      [],
    ],
  ])('of the phases: %s', (_, text, pool, expected, changes) => {
    const { settings, lines, parse } = change(text, { pool });
    expect(settings['pools']).toMatchObject([{ phases: expected }]);
    expect(lines).toEqual(changes);
    parse();
  });

  test('add a second pool and keep the first one', () => {
    const { settings, parse } = change(COMPLETE, {
      pool: { name: 'eu', agentTokenSecret: 'eu/token', cpu: 2048, memoryMiB: 4096, phases: true },
    });
    expect(settings['pools']).toEqual([
      { name: 'aws', agentTokenSecret: 'agent-launcher/aws/agent-token', maxAgents: 10 },
      { name: 'eu', agentTokenSecret: 'eu/token', cpu: 2048, memoryMiB: 4096, phases: {} },
    ]);
    expect(parse().pools).toHaveLength(2);
  });

  test('are none if the file already has everything', () => {
    const { lines, after } = change(COMPLETE, {
      pool: { ...WANTED.pool, maxAgents: 10, cpu: 1024, memoryMiB: 2048, phases: false },
      network: { egress: 'nat-gateway', awsApis: { services: [], region: 'eu-central-1' } },
      image: { version: '1.33.0', digest: undefined },
    });
    expect(lines).toEqual([]);
    expect(after).toBe(COMPLETE);
  });

  test('create everything in a file without settings', () => {
    const { settings, parse } = change('{}', { hostname: 'tfe.example.com', network: { egress: 'public-ip' } });
    expect(settings).toEqual({
      hostname: 'tfe.example.com',
      organization: 'acme',
      apiTokenSecret: 'agent-launcher/api-token',
      pools: [WANTED.pool],
      network: { egress: 'public-ip' },
    });
    expect(parse().network.egress).toBe('public-ip');
  });

  test.each<[string, object, WantedSettings['network'], unknown]>([
    [
      'another egress mode removes the options of the old one',
      { egress: 'nat-gateway', natGateways: 'all', cidr: '10.0.0.0/20', dnsFirewall: true },
      { egress: 'existing-vpc', vpcId: 'vpc-0a1b2c3d4e5f60718', subnetIds: ['subnet-0a1b2c3d4e5f60718'] },
      {
        egress: 'existing-vpc',
        vpcId: 'vpc-0a1b2c3d4e5f60718',
        subnetIds: ['subnet-0a1b2c3d4e5f60718'],
        dnsFirewall: true,
      },
    ],
    [
      'leaving an existing VPC removes its ids',
      { egress: 'existing-vpc', vpcId: 'vpc-0a1b2c3d4e5f60718', subnetIds: ['subnet-0a1b2c3d4e5f60718'] },
      { egress: 'nat-gateway' },
      { egress: 'nat-gateway' },
    ],
    [
      'services of AWS keep the other presets',
      { allowedPresets: ['github-releases'] },
      { egress: 'nat-gateway', awsApis: { services: ['sts', 's3'], region: 'eu-central-1' } },
      {
        allowedPresets: ['github-releases', 'aws-apis'],
        awsApiServices: ['sts', 's3'],
        awsApiRegions: ['eu-central-1'],
      },
    ],
    [
      'no services of AWS remove the preset',
      { allowedPresets: ['aws-apis'], awsApiServices: ['sts'], awsApiRegions: ['eu-central-1'] },
      { egress: 'nat-gateway', awsApis: { services: [], region: 'eu-central-1' } },
      {},
    ],
  ])('of the network: %s', (_, before, network, expected) => {
    const text = file({ ...JSON.parse(COMPLETE).context.agentLauncher, network: before });
    const { settings, parse } = change(text, network === undefined ? {} : { network });
    expect(settings['network']).toEqual(expected);
    parse();
  });

  const DIGEST = `sha256:${'0'.repeat(64)}`;
  test.each<[string, object | undefined, WantedSettings['image'], unknown]>([
    ['a build by digest', undefined, { version: '1.33.0', digest: DIGEST }, { version: '1.33.0', digest: DIGEST }],
    [
      'a build of another version without a digest',
      { version: '1.30.0', digest: DIGEST },
      { version: '1.33.0', digest: undefined },
      { version: '1.33.0' },
    ],
    [
      'a build of the same version keeps its digest',
      { version: '1.33.0', digest: DIGEST },
      { version: '1.33.0', digest: undefined },
      { version: '1.33.0', digest: DIGEST },
    ],
    [
      'a build from a release archive has no digest',
      { source: 'release' },
      { version: '1.33.0', digest: DIGEST },
      { source: 'release' },
    ],
    [
      'a registry image replaces a build',
      { version: '1.33.0', digest: DIGEST, hideAgent: true },
      { registry: `hashicorp/tfc-agent:1.33.0@${DIGEST}` },
      { registry: `hashicorp/tfc-agent:1.33.0@${DIGEST}` },
    ],
    [
      'a build replaces a registry image',
      { registry: 'hashicorp/tfc-agent:1.33.0', copy: true },
      { version: '1.33.0', digest: DIGEST },
      { version: '1.33.0', digest: DIGEST },
    ],
  ])('of the image: %s', (_, before, image, expected) => {
    const text = file({ ...JSON.parse(COMPLETE).context.agentLauncher, agentImage: before });
    const { settings, parse } = change(text, image === undefined ? {} : { image });
    expect(settings['agentImage']).toEqual(expected);
    parse();
  });
});

test.each(['[]', '{"context":[]}', '{"context":{"agentLauncher":"{}"}}'])(
  '%s is refused as a file of the CDK',
  (text) => {
    expect(() => presentSettings(text)).toThrow(TypeError);
  },
);

test('the price of each egress mode is that of docs/network.md', () => {
  const documented = new Map(
    [...readFileSync('README.md', 'utf8').matchAll(/^\| `([a-z-]+)`(?: \(\[preview\]\S+\))? \| (\$[\d.]+) \|/gm)].map(
      ([, mode = '', price = '']) => [mode, price],
    ),
  );
  const network = { vpcId: 'vpc-0a1b2c3d4e5f60718', subnetIds: ['subnet-0a1b2c3d4e5f60718'] };
  const shown = [...documented.keys()].map((egress) => {
    const own = egress === 'existing-vpc' ? { egress, ...network } : { egress };
    const settings = parseSettings({ agentLauncher: { ...JSON.parse(COMPLETE).context.agentLauncher, network: own } });
    return [egress, dollars(idleNetworkPrice(settings, { account: '123456789012', region: 'us-east-1' }))];
  });
  expect(documented.size).toBe(EGRESS_MODES.length);
  expect(new Map(shown as [string, string][])).toEqual(documented);
});
