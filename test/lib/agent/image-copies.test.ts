import { Match, Template } from 'aws-cdk-lib/assertions';
import { Architecture, CodeSigningConfig } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, it } from 'vitest';
import { AgentImage } from '../../../lib/agent/image.ts';
import { upstreamOf } from '../../../lib/agent/image-copies.ts';
import { launcherIn, secretIn } from '../constructs.ts';
import { dnsRulesIn } from '../network/reachability/dns-rules.ts';
import { faultsOf, pathsOf } from '../settings-faults.ts';
import { emptyStack, LEAST, onePool, propertiesOf, resourcesOf, statementsOf, templateOf } from '../synthesis.ts';

const hub = 'hashicorp/tfc-agent:1.33.0';

describe('a registry image', () => {
  const template = templateOf({ agentImage: { registry: hub, credentialsSecret: 'docker-hub' } });

  it('of Docker Hub is copied into a repository that is deleted with the stack', () => {
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

  it('is pinned in the task definition by the digest of its copy', () => {
    const [copy] = Object.keys(template.findResources('Custom::ImageCopy'));
    const [task] = propertiesOf(template, 'AWS::ECS::TaskDefinition');
    expect(JSON.stringify(task).split(`"Fn::GetAtt":["${copy}","Digest"]`)).toHaveLength(3);
  });

  it('of Docker Hub needs no host of Docker Hub among the allowed domains', () => {
    const names = dnsRulesIn(template.toJSON())[0]?.domains ?? [];
    expect(names.filter((name) => /docker|cloudf/.test(name))).toEqual([]);
    expect(names.filter((name) => name.includes('.dkr.ecr.'))).toHaveLength(1);
  });

  it('is copied by a function that may write to the repository of the copies only', () => {
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
    const pools = [
      ...LEAST.pools,
      { name: 'b', agentTokenSecret: 'b' },
      { name: 'c', agentTokenSecret: 'c', architecture: 'arm64' },
    ];
    templateOf({ agentImage: { registry: hub }, pools }).resourceCountIs('Custom::ImageCopy', 2);
  });

  it('of a single pool is copied without the login for agentImage.registry', () => {
    const both = templateOf({
      pools: [...LEAST.pools, { name: 'b', agentTokenSecret: 'b', image: 'ghcr.io/acme/agent:1' }],
      agentImage: { registry: hub, credentialsSecret: 'docker-hub' },
    });
    const copies = propertiesOf(both, 'Custom::ImageCopy');
    expect(copies.find(({ Registry }) => Registry === 'ghcr.io')).not.toHaveProperty('CredentialsSecret');
  });

  it.each([
    ['in ECR', '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7'],
    ['in a registry that serves its own layers', 'registry.acme.example/agent:1'],
  ])('%s is pulled directly', (_, registry) => {
    templateOf({ agentImage: { registry } }).resourceCountIs('Custom::ImageCopy', 0);
  });

  it('is pulled from the known hosts of its registry with copy: false', () => {
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
    const [endpoint] = propertiesOf(direct, 'AWS::EC2::VPCEndpoint');
    expect(JSON.stringify(endpoint)).toContain(':s3:::docker-images-prod/*');
  });
});

describe('a login for an image that tasks pull directly', () => {
  const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/login-AbCdEf';
  const definitionsOf = (template: Template) =>
    propertiesOf(template, 'AWS::ECS::TaskDefinition').flatMap(({ ContainerDefinitions }) => ContainerDefinitions);
  const pulled = (credentialsSecret: string, more: object = {}) =>
    templateOf({ agentImage: { registry: 'registry.acme.example/agent:1', credentialsSecret }, ...more });

  it.each([['acme/login'], [arn]])(
    'is what ECS gets for every container, by the name or ARN of the settings: %s',
    (secret) => {
      const containers = definitionsOf(pulled(secret));
      expect(containers).toHaveLength(2);
      for (const { RepositoryCredentials } of containers) {
        expect(RepositoryCredentials).toEqual({ CredentialsParameter: secret });
      }
    },
  );

  it('can be read by the execution role only', () => {
    const readers = statementsOf(pulled(arn)).filter((statement) => resourcesOf(statement).includes(arn));
    expect(readers.map(({ role }) => role)).toEqual([expect.stringContaining('ExecutionRole')]);
    expect(readers[0]?.Action.toSorted()).toEqual(['secretsmanager:DescribeSecret', 'secretsmanager:GetSecretValue']);
  });

  it('is sent to no other registry, and not to ECR', () => {
    const ofPool = (image: string) => definitionsOf(pulled('acme/login', onePool({ image })));
    const ecr = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7';
    for (const { RepositoryCredentials } of [...ofPool('registry.other.example/agent:1'), ...ofPool(ecr)]) {
      expect(RepositoryCredentials).toBeUndefined();
    }
    expect(() => AgentImage.fromReference(ecr, { credentials: secretIn(emptyStack(), 'Login') })).toThrow(
      'accepts no login',
    );
  });
});

it.each([
  [{ copy: true }, ['agentImage.copy']],
  [{ registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7', copy: true }, ['agentImage.copy']],
  [{ credentialsSecret: 'docker-hub' }, ['agentImage.credentialsSecret']],
  [{ registry: hub, copy: false, credentialsSecret: 'docker-hub' }, []],
  [
    { registry: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/agents:7', credentialsSecret: 'docker-hub' },
    ['agentImage.credentialsSecret'],
  ],
  [{ registry: 'registry.acme.example:5000/agent:1', copy: true, credentialsSecret: 'acme' }, []],
])('the settings %j have faults at %j', (agentImage, paths) => {
  expect(pathsOf(faultsOf({ agentImage }))).toEqual(paths);
});

it('the function that copies images is what any launcher of the stack requires', () => {
  const stack = emptyStack();
  const arn = 'arn:aws:lambda:eu-central-1:123456789012:code-signing-config:csc-0123456789abcdef0';
  const codeSigningConfig = CodeSigningConfig.fromCodeSigningConfigArn(stack, 'Signing', arn);
  const agentImage = AgentImage.copyOf(hub);
  launcherIn(stack, { agentImage }, 'First');
  launcherIn(stack, { agentImage, launcher: { architecture: Architecture.X86_64, codeSigningConfig } }, 'Second');
  const [copies, ...others] = propertiesOf(Template.fromStack(stack), 'AWS::Lambda::Function').filter(
    ({ Description }) => /^Copies registry images/.test(Description),
  );
  expect(others).toEqual([]);
  expect(copies).toMatchObject({ Architectures: ['x86_64'], CodeSigningConfigArn: arn });
});

const digest = `sha256:${'0'.repeat(64)}`;
it.each([
  ['ubuntu:24.04', 'registry-1.docker.io', 'library/ubuntu', '24.04'],
  ['docker.io/hashicorp/tfc-agent:1.33.0', 'registry-1.docker.io', 'hashicorp/tfc-agent', '1.33.0'],
  [`public.ecr.aws/acme/agent:1@${digest}`, 'public.ecr.aws', 'acme/agent', digest],
  ['registry.acme.example/team/agent:1', 'registry.acme.example', 'team/agent', '1'],
  ['registry.acme.example:5000/team/agent:1', 'registry.acme.example:5000', 'team/agent', '1'],
])(
  'the upstream of %s is the host %s with the repository %s and the reference %s',
  (reference, Registry, Repository, Reference) => {
    expect(upstreamOf(reference)).toEqual({ Registry, Repository, Reference });
  },
);
