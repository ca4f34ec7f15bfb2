/** GuardDuty's sidecar in every egress mode: what it needs passes, and nothing changes where the setting is off. */
import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import { describe, expect, it } from 'vitest';
import { GUARDDUTY_ACCOUNTS, guardDutyRegionFault } from '../../../lib/aws/guardduty.ts';
import { grantGuardDutyPull, guardDutyAccount } from '../../../lib/network/guardduty.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { LEAST, templateOf, testApp } from '../synthesis.ts';
import { networkIn } from './reachability/network-model.ts';
import { FILL, resourcesIn } from './reachability/template-values.ts';
import { follow, type Packet } from './reachability/walk.ts';

const EU_CENTRAL_1 = '323658145986';
const existing = { egress: 'existing-vpc', vpcId: 'vpc-0123456789abcdef0', subnetIds: ['subnet-0123456789abcdef0'] };
const registry = { agentImage: { registry: 'ghcr.io/acme/agent:1', copy: false } };

const tls = (name: string, call: string): Packet => ({
  protocol: 'tcp',
  port: 443,
  to: 'internet',
  family: 4,
  name,
  serverName: name,
  call: { action: call, resource: '*', principalAccount: FILL.account, resourceAccount: EU_CENTRAL_1 },
});
const LAYERS = 'prod-eu-central-1-starport-layer-bucket';
const NEEDED: readonly Packet[] = [
  tls('api.ecr.eu-central-1.amazonaws.com', 'ecr:GetAuthorizationToken'),
  tls(`${EU_CENTRAL_1}.dkr.ecr.eu-central-1.amazonaws.com`, 'ecr:BatchGetImage'),
  {
    ...tls(`${LAYERS}.s3.eu-central-1.amazonaws.com`, ''),
    to: 's3',
    call: {
      action: 's3:GetObject',
      resource: `arn:aws:s3:::${LAYERS}/key`,
      principalAccount: FILL.account,
      resourceAccount: '999999999999',
    },
  },
  tls('guardduty-data.eu-central-1.amazonaws.com', 'guardduty:SendSecurityTelemetry'),
];
const [, PULL, , DATA] = NEEDED;

function arrivals(template: unknown, packets: readonly (Packet | undefined)[] = NEEDED) {
  const model = networkIn(template);
  return model.tasks.subnets.flatMap((subnet) =>
    packets.flatMap((packet) => (packet === undefined ? [] : [follow(model, subnet, packet)])),
  );
}

const MODES = [
  { egress: 'nat-gateway' },
  { egress: 'nat-gateway', vpcEndpoints: 'task-start', ipv6: true },
  { egress: 'network-firewall' },
  { egress: 'network-firewall', natGateways: 'all', vpcEndpoints: 'task-start' },
  { egress: 'public-ip' },
];

describe.each(MODES.map((network) => [JSON.stringify(network), network] as const))('with %s', (_, network) => {
  it("the sidecar's image, its layers and GuardDuty are reached, also without any other image in ECR", () => {
    for (const more of [{}, registry]) {
      const template = templateOf({ ...more, network: { ...network, guardDuty: true } }).toJSON();
      for (const arrival of arrivals(template)) expect(arrival).toMatchObject({ reached: true });
    }
  });

  it("neither the sidecar's registry nor GuardDuty is reached without the setting", () => {
    const template = templateOf({ network }).toJSON();
    for (const arrival of arrivals(template, [PULL, DATA])) expect(arrival).toMatchObject({ reached: false });
  });

  it('a name that is missing in DNS Firewall stops it', () => {
    const template = templateOf({ network: { ...network, guardDuty: true } }).toJSON();
    for (const resource of Object.values<{ Type: string; Properties: { Domains: unknown[] } }>(template['Resources'])) {
      if (resource.Type !== 'AWS::Route53Resolver::FirewallDomainList') continue;
      resource.Properties.Domains = resource.Properties.Domains.filter(
        (name) => !/FindInMap|guardduty-data/.test(JSON.stringify(name)),
      );
    }
    for (const arrival of arrivals(template, [PULL, DATA])) expect(arrival).toMatchObject({ reached: false });
  });
});

it.each(MODES.filter(({ egress }) => egress === 'network-firewall'))(
  "a rule that is missing in the firewall stops what isn't in the VPC, with %o",
  (network) => {
    const template = templateOf({ network: { ...network, guardDuty: true } }).toJSON();
    for (const resource of Object.values<{ Type: string; Properties: { RuleGroup: { RulesSource: object } } }>(
      template['Resources'],
    )) {
      if (resource.Type !== 'AWS::NetworkFirewall::RuleGroup') continue;
      const { RulesSource } = resource.Properties.RuleGroup;
      const broken = JSON.stringify(RulesSource).replaceAll('guardduty-data.', 'guardduty-other.');
      expect(broken).not.toBe(JSON.stringify(RulesSource));
      resource.Properties.RuleGroup.RulesSource = JSON.parse(broken);
    }
    for (const arrival of arrivals(template, [DATA])) {
      expect(arrival).toMatchObject({ reached: false, stoppedBy: expect.stringMatching(/^Network Firewall/) });
    }
  },
);

it('passes the firewall by a rule for each name, and no rule for a registry that has an endpoint', () => {
  const rules = (network: object) => {
    const template = templateOf({ network: { egress: 'network-firewall', guardDuty: true, ...network } }).toJSON();
    const [group] = resourcesIn(template).filter(({ type }) => type === 'AWS::NetworkFirewall::RuleGroup');
    return JSON.stringify(group?.properties);
  };
  const [open, closed] = [rules({}), rules({ vpcEndpoints: 'task-start' })];
  for (const text of [open, closed]) expect(text).toContain('guardduty-data.eu-central-1.amazonaws.com');
  expect(open).toContain(`${EU_CENTRAL_1}.dkr.ecr.eu-central-1.amazonaws.com`);
  expect(closed).not.toContain('.dkr.ecr.');
});

it('adds nothing to a template where it is off', () => {
  for (const network of [...MODES, existing, { ...existing, dnsFirewall: true }]) {
    const off = templateOf({ network: { ...network, guardDuty: false } }).toJSON();
    expect(off).toEqual(templateOf({ network }).toJSON());
    expect(JSON.stringify(off)).not.toMatch(/guardduty/i);
    expect(off['Mappings']).toBeUndefined();
  }
});

describe('the execution role', () => {
  it.each([
    ['the VPC of the stack', { egress: 'nat-gateway' }],
    ['an existing VPC', existing],
  ])("of each pool may pull the sidecar's image and nothing else of that account, in %s", (_, network) => {
    const pools = ['one', 'two'].map((name) => ({ name, agentTokenSecret: `acme/${name}` }));
    const template = templateOf({ pools, network: { ...network, guardDuty: true } }).toJSON();
    const policies = resourcesIn(template).filter(
      ({ id, type }) => type === 'AWS::IAM::Policy' && id.includes('ExecutionRole'),
    );
    expect(policies).toHaveLength(2);
    for (const { properties } of policies) {
      const document = JSON.stringify(properties['PolicyDocument']);
      expect(document).toContain(
        JSON.stringify({
          Action: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
          Effect: 'Allow',
          Resource: `arn:aws:ecr:eu-central-1:${EU_CENTRAL_1}:repository/aws-guardduty-agent-fargate`,
          Sid: 'GuardDutySidecar',
        }),
      );
      expect(document.split(EU_CENTRAL_1)).toHaveLength(2);
      expect(document.split('ecr:GetAuthorizationToken')).toHaveLength(2);
    }
  });

  it('may log in to ECR also where the image is in no ECR', () => {
    templateOf({ ...registry, network: { guardDuty: true } }).hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([{ Action: 'ecr:GetAuthorizationToken', Effect: 'Allow', Resource: '*' }]),
      },
    });
  });
});

describe('a stack without a region', () => {
  const template = templateOf({ network: { guardDuty: true } });

  it("has one mapping with AWS's account of each region", () => {
    expect(template.toJSON()['Mappings']).toEqual({
      GuardDutyAccounts: Object.fromEntries(
        Object.entries(GUARDDUTY_ACCOUNTS).map(([region, Account]) => [region, { Account }]),
      ),
    });
    for (const account of Object.values(GUARDDUTY_ACCOUNTS)) expect(account).toMatch(/^\d{12}$/);
    expect(new Set(Object.values(GUARDDUTY_ACCOUNTS)).size).toBe(Object.keys(GUARDDUTY_ACCOUNTS).length);
  });

  it('is refused in a region that AWS does not list, with what to do', () => {
    const [assertion] = template.toJSON()['Rules'].GuardDutyRegion.Assertions;
    expect(assertion.Assert).toEqual({
      'Fn::Contains': [Object.keys(GUARDDUTY_ACCOUNTS), { Ref: 'AWS::Region' }],
    });
    expect(assertion.AssertDescription).toContain('network.guardDuty');
  });
});

describe('a stack with a region', () => {
  const stackIn = (region: string) => new Stack(testApp(), 'Test', { env: { account: FILL.account, region } });

  it('has the account in plain text, and no mapping', () => {
    const stack = stackIn('me-central-1');
    expect(guardDutyAccount(stack)).toBe('000014521398');
    const role = new iam.Role(stack, 'Role', { assumedBy: new iam.ServicePrincipal('ecs-tasks.amazonaws.com') });
    grantGuardDutyPull(stack, role);
    expect(Template.fromStack(stack).toJSON()['Mappings']).toBeUndefined();
    expect(JSON.stringify(Template.fromStack(stack).toJSON())).toContain(
      ':ecr:me-central-1:000014521398:repository/aws-guardduty-agent-fargate',
    );
  });

  it.each(['cn-north-1', 'toString'])('that AWS does not list (%s) is refused', (region) => {
    expect(() => guardDutyAccount(stackIn(region))).toThrow(/doesn't have the region .*network\.guardDuty/);
    expect(guardDutyRegionFault(region)?.remedy).toContain('aws/guardduty.ts');
  });
});

describe('the setting', () => {
  const read = (region: string | undefined, network: object) =>
    parseSettings({ agentLauncher: { ...LEAST, network } }, { account: FILL.account, region });

  it('is refused for a deployment to a region that AWS does not list', () => {
    expect(() => read('cn-north-1', { guardDuty: true })).toThrow(
      /network\.guardDuty\n\s+given:\s+true, while the stack is deployed to cn-north-1/,
    );
  });

  it('is accepted in a listed region, in an unknown one, and wherever it is off', () => {
    expect(read('eu-central-1', { guardDuty: true }).network.guardDuty).toBe(true);
    expect(read(undefined, { ...existing, guardDuty: true }).network.guardDuty).toBe(true);
    expect(read('cn-north-1', {}).network.guardDuty).toBe(false);
  });

  it("counts the address that GuardDuty's endpoint takes in each subnet", () => {
    const pools = [{ ...LEAST.pools[0], maxAgents: 251 }];
    const network = { cidr: '10.90.0.0/22' };
    const with251 = (more: object) => () =>
      parseSettings({ agentLauncher: { ...LEAST, pools, network: { ...network, ...more } } });
    expect(with251({})).not.toThrow();
    expect(with251({ guardDuty: true })).toThrow(/holds 250, with 251 agents/);
  });
});
