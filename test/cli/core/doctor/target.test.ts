import { expect, it } from 'vitest';
import type { Observed } from '../../../../cli/core/doctor/findings.ts';
import {
  type DeployedTask,
  mostAgents,
  type Target,
  targetOfDeployment,
  targetOfSettings,
} from '../../../../cli/core/doctor/target.ts';
import { parseSettings } from '../../../../lib/settings/parse.ts';
import { DENIED } from './builders.ts';

const ofSettings = (more: object): Target =>
  targetOfSettings(
    parseSettings({
      agentLauncher: {
        organization: 'acme',
        apiTokenSecret: 'acme/api-token',
        pools: [{ name: 'aws', agentTokenSecret: 'acme/agent-token', maxAgents: 4 }],
        ...more,
      },
    }),
  );

it('the settings of a built image have its version and no reference', () => {
  const { pools, network } = ofSettings({});
  expect(pools[0]?.lanes).toEqual([
    {
      phases: ['plan', 'apply'],
      capacity: 'on-demand',
      task: { value: { cpu: 1024, architecture: 'x86_64', image: { agentVersion: '1.33.0' } } },
    },
  ]);
  expect(network).toEqual({ kind: 'own', egress: 'nat-gateway' });
});

it.each([
  ['hashicorp/tfc-agent:1.32.0', { copyOf: 'hashicorp/tfc-agent:1.32.0', agentVersion: '1.32.0' }],
  ['registry.example.com/agent:7', { reference: 'registry.example.com/agent:7' }],
])('the registry image %s is pulled or copied', (registry, image) => {
  const [pool] = ofSettings({ agentImage: { registry } }).pools;
  expect(pool?.lanes[0]?.task).toMatchObject({ value: { image } });
});

it('phases have their own size and capacity', () => {
  const phases = { plan: { cpu: 512, memoryMiB: 1024, capacity: 'spot' }, apply: { cpu: 2048, memoryMiB: 4096 } };
  const [pool] = ofSettings({
    pools: [{ name: 'aws', agentTokenSecret: 'acme/agent-token', maxAgents: 4, phases }],
  }).pools;
  expect(pool?.lanes).toMatchObject([
    { phases: ['plan'], capacity: 'spot', task: { value: { cpu: 512 } } },
    { phases: ['apply'], capacity: 'on-demand', task: { value: { cpu: 2048 } } },
  ]);
});

it('each secret is listed once with everything that it is for', () => {
  const pools = ['aws', 'gcp'].map((name) => ({
    name,
    agentTokenSecret: `acme/${name}`,
    apiTokenSecret: 'acme/api-token',
    maxAgents: 1,
  }));
  expect(ofSettings({ pools, nudge: { hmacKeySecret: 'acme/key' } }).secrets).toEqual([
    { id: 'acme/api-token', kind: 'api-token', purpose: 'the API token' },
    { id: 'acme/aws', kind: 'agent-token', purpose: 'the agent token of pool aws' },
    { id: 'acme/gcp', kind: 'agent-token', purpose: 'the agent token of pool gcp' },
    { id: 'acme/key', kind: 'hmac-key', purpose: 'the HMAC key of the nudges' },
  ]);
});

const PROXY_LOGIN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/tokens-AbC123:proxy';
const OF_CONNECTIONS = [
  { id: PROXY_LOGIN, kind: 'proxy-login', purpose: 'the login for the proxy' },
  { id: 'acme/ca', kind: 'ca-certificates', purpose: 'the certificates that the functions trust' },
];

it('the secrets of the launcher’s connections are those of the settings', () => {
  const launcher = { httpsProxy: 'http://proxy.acme.example:3128', httpsProxyCredentialsSecret: PROXY_LOGIN };
  expect(ofSettings({ launcher, caCertificates: { secret: 'acme/ca' } }).secrets.slice(2)).toEqual(OF_CONNECTIONS);
});

it('the secrets of the launcher’s connections are those of the deployment', () => {
  const { secrets } = targetOfDeployment({
    hostname: 'app.terraform.io',
    organization: 'acme',
    apiTokenSecret: 'acme/api-token',
    proxyLoginSecret: PROXY_LOGIN,
    caCertificatesSecret: 'acme/ca',
    pools: [],
    tasks: new Map(),
    network: { kind: 'own', egress: 'nat-gateway' },
  });
  expect(secrets.slice(1)).toEqual(OF_CONNECTIONS);
});

it('an existing VPC is checked with the needs of all pools', () => {
  const network = { egress: 'existing-vpc', vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0'] };
  expect(ofSettings({ network }).network).toMatchObject({
    kind: 'existing',
    needs: { vpcId: network.vpcId, agents: 4, ports: [443] },
  });
});

it('a deployment has its pools, and the secrets of its task definitions', () => {
  const own = {
    cpu: 2048,
    architecture: 'arm64',
    image: { reference: 'x@sha256:1' },
    agentTokenSecret: 'acme/own',
    proxyPorts: [],
  } as const;
  const target = targetOfDeployment({
    hostname: 'app.terraform.io',
    organization: 'acme',
    apiTokenSecret: 'acme/api-token',
    pools: [
      { name: 'aws', maxAgents: 3, lanes: [{ taskDefinition: 'one' }] },
      {
        name: 'gcp',
        id: 'apool-1',
        organization: 'other',
        apiTokenSecret: 'other/api-token',
        maxAgents: 2,
        lanes: [{ taskDefinition: 'two' }, { taskDefinition: 'gone' }],
      },
    ],
    tasks: new Map<string, Observed<DeployedTask>>([
      ['one', { value: own }],
      ['two', DENIED],
    ]),
    network: { kind: 'own', egress: 'nat-gateway' },
  });
  expect(target.secrets.map(({ id }) => id)).toEqual(['acme/api-token', 'other/api-token', 'acme/own']);
  expect(target.pools[1]).toMatchObject({ id: 'apool-1', organization: 'other', apiTokenSecret: 'other/api-token' });
  expect(target.pools[1]?.lanes.every(({ task }) => 'failure' in task)).toBe(true);
  expect(mostAgents(target.pools)).toBe(5);
});
