/** FIPS endpoints: which hosts they have, where they exist, and who uses them. */
import { ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it, vi } from 'vitest';
import { FIPS_ENVIRONMENT, FIPS_REGIONS, fipsNames, hasFipsEndpoints } from '../../lib/aws/fips.ts';
import { useFipsEndpoints } from '../../lib/launcher/fips.ts';
import { jobNames } from '../../lib/network/allowed-domains.ts';
import { launcherFipsNames } from '../../lib/network/launcher-apis.ts';
import { faultsIn, faultsOf } from './settings-faults.ts';
import { EXISTING_VPC, LEAST, propertiesOf, stackIn, templateOf } from './synthesis.ts';

const APIS = {
  allowedPresets: ['aws-apis'],
  awsApiServices: ['ec2', 's3'],
  awsApiRegions: ['us-east-1', 'eu-central-1'],
} as const;

/** Settings with every function. */
const EVERYTHING = {
  agentImage: { registry: 'hashicorp/tfc-agent:1.33.0' },
  nudge: { hmacKeySecret: 'acme/nudge-key' },
  agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation' },
};

const ofFunctions = (settings: object) =>
  propertiesOf(templateOf(settings), 'AWS::Lambda::Function').map(
    ({ Environment }) => Environment?.Variables?.AWS_USE_FIPS_ENDPOINT,
  );

const ofAgents = (settings: object) =>
  propertiesOf(templateOf(settings), 'AWS::ECS::TaskDefinition').map(({ ContainerDefinitions: [agent] }) =>
    agent.Environment.find(({ Name }: { Name: string }) => Name === 'AWS_USE_FIPS_ENDPOINT'),
  );

describe('the names of FIPS endpoints', () => {
  it.each([
    ['ec2', 'us-east-1', ['ec2-fips.us-east-1.amazonaws.com']],
    ['ecr', 'us-west-2', ['ecr-fips.us-west-2.amazonaws.com', '*.dkr.ecr-fips.us-west-2.amazonaws.com']],
    ['iam', 'us-east-1', ['iam-fips.amazonaws.com']],
    ['ecs', 'us-gov-west-1', ['ecs-fips.us-gov-west-1.amazonaws.com']],
    ['sqs', 'us-gov-west-1', []],
    ['ec2', 'eu-central-1', []],
  ])('of %s in %s are %j', (service, region, names) => {
    expect(fipsNames([service], [region])).toEqual(names);
  });

  it('are allowed with the preset aws-apis, in addition to the ordinary names', () => {
    const place = { account: '123456789012', region: 'us-east-1', urlSuffix: 'amazonaws.com' };
    const ordinary = jobNames({ hostname: 'app.terraform.io', ...APIS }, place);
    const withFips = jobNames({ hostname: 'app.terraform.io', ...APIS, fips: true }, place);
    expect(withFips.filter((name) => !ordinary.includes(name)).sort()).toEqual([
      '*.s3-fips.dualstack.us-east-1.amazonaws.com',
      '*.s3-fips.us-east-1.amazonaws.com',
      'ec2-fips.us-east-1.amazonaws.com',
      's3-fips.dualstack.us-east-1.amazonaws.com',
      's3-fips.us-east-1.amazonaws.com',
    ]);
    expect(ordinary.filter((name) => !withFips.includes(name))).toEqual([]);
  });

  it('resolve for the launcher in an existing VPC with DNS Firewall', () => {
    const settings = { network: { ...EXISTING_VPC, dnsFirewall: true }, launcher: { vpc: true }, fips: true };
    const [allowed] = propertiesOf(templateOf(settings), 'AWS::Route53Resolver::FirewallDomainList');
    expect(JSON.stringify(allowed?.['Domains'])).toMatch(/"ecs-fips\..*"secretsmanager-fips\./);
  });
});

describe('with fips', () => {
  it('every function uses FIPS endpoints, and no function does without it', () => {
    expect(ofFunctions(EVERYTHING)).toEqual([undefined, undefined, undefined, undefined]);
    expect(ofFunctions({ ...EVERYTHING, fips: true })).toEqual(['true', 'true', 'true', 'true']);
  });

  it('jobs use them, unless the pool sets the variable', () => {
    expect(ofAgents({})).toEqual([undefined]);
    expect(ofAgents({ fips: true })).toEqual([
      { Name: 'AWS_USE_FIPS_ENDPOINT', Value: FIPS_ENVIRONMENT.AWS_USE_FIPS_ENDPOINT },
    ]);
    const environment = { AWS_USE_FIPS_ENDPOINT: 'false' };
    const pools = [{ ...LEAST.pools[0], environment }];
    expect(ofAgents({ pools, fips: true })).toEqual([{ Name: 'AWS_USE_FIPS_ENDPOINT', Value: 'false' }]);
  });

  it('the target must be a region where ECS has a FIPS endpoint', () => {
    const fips = { agentLauncher: { ...LEAST, fips: true } };
    for (const region of FIPS_REGIONS) expect(faultsIn(fips, { region })).toEqual([]);
    for (const region of ['eu-central-1', 'ca-central-1', 'cn-north-1']) {
      expect(faultsIn(fips, { region })).toMatchObject([{ path: 'fips', given: expect.stringContaining(region) }]);
    }
    expect(hasFipsEndpoints('xx-new-1')).toBe(true);
  });

  it.each([
    ['us-east-1', 0],
    ['eu-central-1', 1],
  ])('a stack in %s has %i errors', (region, errors) => {
    const stack = stackIn(region);
    useFipsEndpoints(stack);
    expect(
      Annotations.fromStack(stack).findError('*', Match.stringLikeRegexp(`no FIPS endpoint in ${region}`)),
    ).toHaveLength(errors);
  });

  it('the launcher can’t be in a VPC of the stack', () => {
    const launcher = { vpc: true };
    expect(faultsOf({ fips: true, launcher })).toMatchObject([
      { path: 'fips', given: 'true, with launcher.vpc and egress nat-gateway' },
    ]);
    expect(faultsOf({ fips: true, launcher, network: EXISTING_VPC })).toEqual([]);
  });
});

describe('the SDK with the variable', () => {
  it.each([
    ['us-east-1', ['ecs-fips.us-east-1.amazonaws.com', 'secretsmanager-fips.us-east-1.amazonaws.com']],
    ['us-gov-west-1', ['ecs-fips.us-gov-west-1.amazonaws.com', 'secretsmanager-fips.us-gov-west-1.amazonaws.com']],
  ])('calls the hosts in %s that the network allows', async (region, hosts) => {
    vi.stubEnv('AWS_USE_FIPS_ENDPOINT', FIPS_ENVIRONMENT.AWS_USE_FIPS_ENDPOINT);
    const called: string[] = [];
    const requestHandler = {
      handle: ({ hostname }: { hostname: string }) => {
        called.push(hostname);
        return Promise.reject(new Error('enough'));
      },
    };
    const options = { region, requestHandler, maxAttempts: 1, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } };
    await expect(new ECSClient(options).send(new ListTasksCommand({}))).rejects.toThrow('enough');
    const secret = new GetSecretValueCommand({ SecretId: 'a' });
    await expect(new SecretsManagerClient(options).send(secret)).rejects.toThrow('enough');
    expect(called).toEqual(hosts);
    expect(launcherFipsNames(['ecs'], { account: '', region, urlSuffix: 'amazonaws.com' })).toEqual(hosts);
    vi.unstubAllEnvs();
  });
});
