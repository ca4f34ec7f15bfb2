/** The launcher's function in the agents' network: what it reaches, and that agents reach nothing more because of it. */
import { describe, expect, it } from 'vitest';
import { claimOf } from '../../../lib/network/claims.ts';
import { EXISTING_VPC, propertiesOf, REGISTRY_IMAGE, statementsOf, templateOf, text } from '../synthesis.ts';
import { dnsRulesIn } from './reachability/dns-rules.ts';
import { rulesIn } from './reachability/firewall-policy.ts';
import { type NetworkModel, networkIn } from './reachability/network-model.ts';
import { findings } from './reachability/probes.ts';
import { FILL } from './reachability/template-values.ts';
import { type Arrival, follow } from './reachability/walk.ts';

const NUDGE = { nudge: { hmacKeySecret: 'acme/nudge-key' } };
const IN_VPC = { launcher: { vpc: true } };
const host = (api: string) => `${api}.${FILL.region}.amazonaws.com`;

/** The same network, seen from the launcher's function. */
function ofLauncher(model: NetworkModel): NetworkModel {
  const groups = model.groups.filter((group) => group.startsWith('NetworkLauncherSecurityGroup'));
  return { ...model, tasks: { ...model.tasks, groups, publicAddress: false } };
}

function call(model: NetworkModel, api: string, action: string, principal?: string): Arrival {
  const packet = {
    protocol: 'tcp',
    port: 443,
    to: 'internet',
    family: 4,
    name: host(api),
    serverName: host(api),
  } as const;
  const [subnet = ''] = model.tasks.subnets;
  const account = FILL.account;
  const request = { action, resource: '*', principalAccount: account, resourceAccount: account };
  const by = principal === undefined ? {} : { principal };
  return follow(model, subnet, { ...packet, call: { ...request, ...by } });
}

describe.each([
  ['nat-gateway', { egress: 'nat-gateway' }, {}],
  ['nat-gateway with wake-ups', { egress: 'nat-gateway', natGateways: 'all' }, NUDGE],
  ['nat-gateway with task endpoints', { egress: 'nat-gateway', vpcEndpoints: 'task-start' }, { idlePollSeconds: 10 }],
  ['network-firewall', { egress: 'network-firewall' }, {}],
  [
    'network-firewall with all options',
    { egress: 'network-firewall', natGateways: 'all', vpcEndpoints: 'task-start' },
    NUDGE,
  ],
] as const)('the launcher in %s', (_, network, more) => {
  const without = templateOf({ ...REGISTRY_IMAGE, ...more, network }).toJSON();
  const template = templateOf({ ...REGISTRY_IMAGE, ...more, ...IN_VPC, network });
  const model = networkIn(template.toJSON());
  const launcher = ofLauncher(model);
  const wakeUps = 'nudge' in more || 'idlePollSeconds' in more;
  const apis = wakeUps ? ['ecs', 'sqs'] : ['ecs'];

  it('has its own security group and runs in the private subnets of the agents', () => {
    const [config] = propertiesOf(template, 'AWS::Lambda::Function').flatMap(({ VpcConfig }) => VpcConfig ?? []);
    expect(config.SubnetIds.map(text)).toEqual(model.tasks.subnets.map((id) => `<${id}>`));
    expect(launcher.tasks.groups).toHaveLength(1);
    expect(config.SecurityGroupIds.map(text)).toEqual(launcher.tasks.groups.map((id) => `<${id}.GroupId>`));
    expect(model.tasks.groups).not.toContain(launcher.tasks.groups[0]);
    const rules = launcher.groupRules.filter(({ group }) => launcher.tasks.groups.includes(group));
    expect(rules).toEqual([
      expect.objectContaining({ direction: 'out', protocol: 'tcp', from: 443, to: 443, peer: '0.0.0.0/0' }),
    ]);
  });

  it('reaches HCP Terraform from the fixed address, and the AWS APIs that it calls', () => {
    const [hcp] = findings(launcher);
    expect(hcp).toMatchObject({ what: 'TLS to an allowed name', reached: true });
    expect(hcp?.hops).toContain('NAT gateway');
    for (const api of apis) {
      const action = api === 'ecs' ? 'ecs:RunTask' : 'sqs:SendMessage';
      expect(call(launcher, api, action)).toEqual({ reached: true, hops: [`interface endpoint ${api}`] });
      expect(call(launcher, api, `${api}:DeleteEverything`), api).toMatchObject({ reached: false });
    }
    expect(call(launcher, 'secretsmanager', 'secretsmanager:GetSecretValue')).toMatchObject({ reached: true });
  });

  it('has the restrictions of the agents', () => {
    const reached = new Map(findings(launcher).map(({ what, reached: is }) => [what, is]));
    for (const what of [
      'TLS to another name',
      'another AWS API',
      'another TCP port (80, 22, …), to an address',
      'another DNS resolver',
    ]) {
      expect(reached.get(what), what).toBe(false);
    }
    const isFirewalled = network.egress === 'network-firewall';
    expect(reached.get('TLS to an address, with its own server name')).toBe(!isFirewalled);
  });

  it('gives agents no further API: the hostnames resolve, but the endpoints refuse agents', () => {
    expect(findings(model)).toEqual(findings(networkIn(without)));
    for (const api of apis) {
      expect(call(model, api, 'ecs:RunTask')).toMatchObject({
        reached: false,
        stoppedBy: "the endpoint's security group: no rule for it",
      });
    }
    expect(rulesIn(template.toJSON())).toBe(rulesIn(without));
    const domains = (of: unknown) => dnsRulesIn(of)[0]?.domains ?? [];
    const added = domains(template.toJSON()).filter((name) => !domains(without).includes(name));
    expect(added.toSorted()).toEqual(apis.map(host).toSorted());
  });

  it('has its endpoints in the claim and in the idle price', () => {
    const value = (name: string, of: unknown = template.toJSON()) =>
      text((of as { Outputs: Record<string, { Value: unknown }> }).Outputs[name]?.Value);
    const refusing = apis.map((api) => api.toUpperCase()).join(' and ');
    expect(value('EgressClaim')).toContain(
      `The same holds for the launcher, which also reaches ${refusing} through endpoints that refuse agents.`,
    );
    const price = (of: unknown) => Number(/\$([\d.]+)/.exec(value('EgressIdleCost', of))?.[1]);
    const zones = model.tasks.subnets.length;
    // $0.01 per hour, 730 hours, and a small price per domain of DNS Firewall.
    expect(price(template.toJSON()) - price(without)).toBeCloseTo(apis.length * zones * 7.3, 1);
  });
});

/** Permissions that no call of a function's own code uses: the Lambda service or IAM uses them, or KMS on behalf of another service. */
const NOT_CALLED_BY_ITS_CODE =
  /^(?:ec2:\w+|iam:PassRole|kms:\w+|logs:\w+|sqs:(?:ReceiveMessage|DeleteMessage|GetQueueAttributes))$/;

const ROTATION = { agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation-api-token' } };
const JSON_TOKEN = {
  pools: [
    {
      name: 'default',
      agentTokenSecret: `arn:aws:secretsmanager:${FILL.region}:${FILL.account}:secret:acme/agent-token-a1B2c3:token`,
    },
  ],
};

/** The functions of a template that run in the VPC, each with its role and what the role's statements allow its code. */
function functionsInVpc(template: ReturnType<typeof templateOf>) {
  const statements = statementsOf(template);
  return propertiesOf(template, 'AWS::Lambda::Function').flatMap(({ VpcConfig, FunctionName, Role }) => {
    if (VpcConfig === undefined) return [];
    const [role] = Role['Fn::GetAtt'] as [string];
    const actions = statements
      .filter((statement) => statement.role === role && statement.Effect === 'Allow')
      .flatMap(({ Action }) => Action)
      .filter((action) => !NOT_CALLED_BY_ITS_CODE.test(action));
    return [{ name: String(FunctionName), principal: `<${role}.Arn>`, actions: [...new Set(actions)] }];
  });
}

describe.each(['nat-gateway', 'network-firewall'] as const)('the functions in the VPC of %s', (egress) => {
  it.each([undefined, 'task-start'] as const)(
    'reach every API that their roles allow, with vpcEndpoints %s',
    (vpcEndpoints) => {
      const network = { egress, ...(vpcEndpoints !== undefined && { vpcEndpoints }) };
      const template = templateOf({ ...REGISTRY_IMAGE, ...IN_VPC, ...NUDGE, ...ROTATION, ...JSON_TOKEN, network });
      const launcher = ofLauncher(networkIn(template.toJSON()));
      const functions = functionsInVpc(template);
      expect(functions.map(({ name }) => name)).toEqual(['AgentLauncher-launcher', 'AgentLauncher-token-rotation']);
      for (const { name, principal, actions } of functions) {
        expect(actions.length, name).toBeGreaterThan(3);
        for (const action of actions) {
          const [api = ''] = action.split(':');
          expect([name, action, call(launcher, api, action, principal)]).toEqual([
            name,
            action,
            expect.objectContaining({ reached: true }),
          ]);
        }
      }
    },
  );

  it('alone can store agent tokens through the endpoint of Secrets Manager', () => {
    const network = { egress, vpcEndpoints: 'task-start' };
    const template = templateOf({ ...REGISTRY_IMAGE, ...IN_VPC, ...ROTATION, network });
    const model = networkIn(template.toJSON());
    const principals = [undefined, ...functionsInVpc(template).map(({ principal }) => principal)];
    const reached = principals.map(
      (principal) => call(model, 'secretsmanager', 'secretsmanager:PutSecretValue', principal).reached,
    );
    expect(reached).toEqual([false, false, true]);
  });
});

describe('an API of the launcher that jobs may use', () => {
  const network = {
    allowedPresets: ['hcp-terraform', 'aws-apis'],
    awsApiServices: ['ecs'],
    awsApiRegions: [FILL.region],
  };

  it.each(['nat-gateway', 'network-firewall'])(
    'has no endpoint in %s, because an endpoint would cut the jobs off',
    (egress) => {
      const template = templateOf({ ...REGISTRY_IMAGE, ...IN_VPC, network: { ...network, egress } });
      const model = networkIn(template.toJSON());
      expect(model.endpoints.map(({ service }) => service)).toEqual(['s3']);
      for (const from of [model, ofLauncher(model)])
        expect(call(from, 'ecs', 'ecs:RunTask')).toMatchObject({ reached: true });
    },
  );

  it('has no endpoint either if its hostname is listed', () => {
    const allowedDomains = [host('ecs')];
    const template = templateOf({ ...REGISTRY_IMAGE, ...IN_VPC, network: { allowedDomains } });
    expect(networkIn(template.toJSON()).endpoints.map(({ service }) => service)).toEqual(['s3']);
  });
});

it('the launcher needs no endpoint if domains are not limited', () => {
  const model = networkIn(templateOf({ ...REGISTRY_IMAGE, ...IN_VPC, network: { dnsFirewall: false } }).toJSON());
  expect(model.endpoints.map(({ service }) => service)).toEqual(['s3']);
  expect(call(ofLauncher(model), 'ecs', 'ecs:RunTask')).toMatchObject({ reached: true });
});

describe('the launcher in an existing VPC', () => {
  const functionIn = (network: object, more: object = {}) => {
    const template = templateOf({ ...REGISTRY_IMAGE, ...IN_VPC, ...more, network: { ...EXISTING_VPC, ...network } });
    const [config] = propertiesOf(template, 'AWS::Lambda::Function').flatMap(({ VpcConfig }) => VpcConfig ?? []);
    return { template, config };
  };

  it('uses the subnets of the agents and a new security group by default', () => {
    const { template, config } = functionIn({}, { hostname: 'tfe.acme.example:8443' });
    expect(config.SubnetIds).toEqual(EXISTING_VPC.subnetIds);
    const groups = propertiesOf(template, 'AWS::EC2::SecurityGroup').map(
      ({ GroupDescription, SecurityGroupEgress }) => [
        GroupDescription,
        ...SecurityGroupEgress.map(({ FromPort }: { FromPort: number }) => FromPort),
      ],
    );
    expect(groups).toContainEqual(['Launcher: nothing in, HTTPS out', 443, 8443]);
    expect(groups).toHaveLength(2);
  });

  it('uses the subnets and groups of the settings', () => {
    const launcherSubnetIds = ['subnet-11111111', ...EXISTING_VPC.subnetIds];
    const launcherSecurityGroupIds = ['sg-11111111'];
    const { config } = functionIn({ launcherSubnetIds, launcherSecurityGroupIds, securityGroupIds: ['sg-22222222'] });
    expect(config).toMatchObject({ SubnetIds: launcherSubnetIds, SecurityGroupIds: launcherSecurityGroupIds });
  });

  it('adds the hostnames of its APIs to the domains that resolve, and the claim says so', () => {
    const { template } = functionIn({ dnsFirewall: true }, NUDGE);
    expect(dnsRulesIn(template.toJSON())[0]?.domains).toEqual(expect.arrayContaining([host('ecs'), host('sqs')]));
    expect(text(template.toJSON()['Outputs'].EgressClaim.Value)).toContain(
      'the hostnames of ECS and SQS also resolve in the VPC',
    );
  });
});

describe('the permissions of the launcher in a VPC', () => {
  const of = (settings: object) =>
    statementsOf(templateOf({ ...REGISTRY_IMAGE, ...settings })).filter(({ role }) => /LauncherRole/.test(role));

  it('let the Lambda service manage network interfaces, and deny that to the code of the function', () => {
    const [allow, deny] = of(IN_VPC).filter(({ Action }) => Action.some((action) => action.startsWith('ec2:')));
    expect(allow).toMatchObject({ Effect: 'Allow', Resource: '*' });
    expect(allow?.Condition).toBeUndefined();
    expect(deny).toMatchObject({ Effect: 'Deny', Resource: '*', Action: allow?.Action });
    const condition = deny?.Condition?.['ArnEquals']?.['lambda:SourceFunctionArn'];
    expect(text(condition)).toMatch(/:lambda:.*:function:AgentLauncher-launcher$/);
    expect(allow?.Action.toSorted()).toEqual([
      'ec2:AssignPrivateIpAddresses',
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:UnassignPrivateIpAddresses',
    ]);
  });

  it('exist only in a VPC', () => {
    expect(
      of({})
        .flatMap(({ Action }) => Action)
        .filter((action) => action.startsWith('ec2:')),
    ).toEqual([]);
  });
});

it('the claim is the same as before for a launcher in Lambda’s own network', () => {
  expect(claimOf({ egress: 'nat-gateway' })).not.toContain('launcher');
});
