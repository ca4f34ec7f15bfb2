import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { upstreamOf } from '../../../lib/agent/image-copies.ts';
import { SettingsError } from '../../../lib/settings/errors.ts';
import { dnsRulesIn } from '../network/reachability/dns-rules.ts';
import { templateOf } from '../synthesis.ts';

const hub = 'hashicorp/tfc-agent:1.33.0';
const pools = [{ name: 'default', agentTokenSecret: 'agent-token' }];

function pathsOf(settings: object): string[] {
  try {
    templateOf(settings);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults.map(({ path }) => path);
    throw error;
  }
  return [];
}

describe('a registry image', () => {
  const template = templateOf({ agentImage: { registry: hub, credentialsSecret: 'docker-hub' } });

  it('of Docker Hub is copied into a repository of the stack, which goes with the stack', () => {
    template.hasResource('AWS::ECR::Repository', {
      Properties: Match.objectLike({ EmptyOnDelete: true, ImageScanningConfiguration: { ScanOnPush: true } }),
      DeletionPolicy: 'Delete',
    });
    template.hasResourceProperties('Custom::ImageCopy', {
      Registry: 'registry-1.docker.io',
      Repository: 'hashicorp/tfc-agent',
      Reference: '1.33.0',
      Architecture: 'amd64',
      ServiceTimeout: '960',
      CredentialsSecret: Match.anyValue(),
    });
  });

  it('runs by the digest of its copy', () => {
    const [copy] = Object.keys(template.findResources('Custom::ImageCopy'));
    const [task] = Object.values(template.findResources('AWS::ECS::TaskDefinition'));
    expect(JSON.stringify(task).split(`"Fn::GetAtt":["${copy}","Digest"]`)).toHaveLength(3);
  });

  it('of Docker Hub needs no host of Docker Hub where names are limited', () => {
    const names = dnsRulesIn(template.toJSON())[0]?.domains ?? [];
    expect(names.filter((name) => /docker|cloudf/.test(name))).toEqual([]);
    expect(names.filter((name) => name.includes('.dkr.ecr.'))).toHaveLength(1);
  });

  it('lets the function write to the one repository only', () => {
    const [repository] = Object.keys(template.findResources('AWS::ECR::Repository'));
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Sid: 'WriteTheCopies', Resource: { 'Fn::GetAtt': [repository, 'Arn'] } }),
        ]),
      },
    });
  });

  it('is copied once for each architecture', () => {
    const agent = { agentImage: { registry: hub } };
    const two = [
      ...pools,
      { name: 'b', agentTokenSecret: 'b' },
      { name: 'c', agentTokenSecret: 'c', architecture: 'arm64' },
    ];
    templateOf({ ...agent, pools: two }).resourceCountIs('Custom::ImageCopy', 2);
  });

  it('of one pool is copied too, and the login stays with the registry that it is for', () => {
    const both = templateOf({
      pools: [...pools, { name: 'b', agentTokenSecret: 'b', image: 'ghcr.io/acme/agent:1' }],
      agentImage: { registry: hub, credentialsSecret: 'docker-hub' },
    });
    const copies = Object.values(both.findResources('Custom::ImageCopy')).map(({ Properties }) => Properties);
    expect(copies.find(({ Registry }) => Registry === 'ghcr.io')).not.toHaveProperty('CredentialsSecret');
  });

  it.each([
    ['of ECR', '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7'],
    ['of a registry that serves its own layers', 'registry.acme.example/agent:1'],
  ])('%s is pulled directly', (_, registry) => {
    templateOf({ agentImage: { registry } }).resourceCountIs('Custom::ImageCopy', 0);
  });

  it('is pulled from the hosts that its registry is known to use when the copy is turned off', () => {
    const direct = templateOf({ agentImage: { registry: hub, copy: false } });
    direct.resourceCountIs('Custom::ImageCopy', 0);
    const names = dnsRulesIn(direct.toJSON())[0]?.domains ?? [];
    expect(names).toEqual(
      expect.arrayContaining([
        'production.cloudfront.docker.com',
        'docker-images-prod.s3.us-east-1.amazonaws.com',
        'docker-images-prod.s3.dualstack.us-east-1.amazonaws.com',
      ]),
    );
    const [endpoint] = Object.values(direct.findResources('AWS::EC2::VPCEndpoint'));
    expect(JSON.stringify(endpoint)).toContain(':s3:::docker-images-prod/*');
  });
});

describe('settings of the copy', () => {
  it.each([
    [{ copy: true }, ['agentImage.copy']],
    [{ registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7', copy: true }, ['agentImage.copy']],
    [{ credentialsSecret: 'docker-hub' }, ['agentImage.credentialsSecret']],
    [{ registry: hub, copy: false, credentialsSecret: 'docker-hub' }, ['agentImage.credentialsSecret']],
    [{ registry: 'registry.acme.example:5000/agent:1', copy: true, credentialsSecret: 'acme' }, []],
  ])('%j has faults at %j', (agentImage, paths) => {
    expect(pathsOf({ agentImage })).toEqual(paths);
  });
});

describe('where a reference leads', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  it.each([
    ['ubuntu:24.04', 'registry-1.docker.io', 'library/ubuntu', '24.04'],
    ['docker.io/hashicorp/tfc-agent:1.33.0', 'registry-1.docker.io', 'hashicorp/tfc-agent', '1.33.0'],
    [`public.ecr.aws/acme/agent:1@${digest}`, 'public.ecr.aws', 'acme/agent', digest],
    ['registry.acme.example/team/agent:1', 'registry.acme.example', 'team/agent', '1'],
    ['registry.acme.example:5000/team/agent:1', 'registry.acme.example:5000', 'team/agent', '1'],
  ])('%s', (reference, Registry, Repository, Reference) => {
    expect(upstreamOf(reference)).toEqual({ Registry, Repository, Reference });
  });
});
