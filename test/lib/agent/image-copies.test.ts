import { Match, Template } from 'aws-cdk-lib/assertions';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { Architecture, CodeSigningConfig } from 'aws-cdk-lib/aws-lambda';
import { describe, expect, it } from 'vitest';
import { AgentImage } from '../../../lib/agent/image.ts';
import { upstreamOf } from '../../../lib/agent/image-copies.ts';
import { launcherIn, secretIn } from '../constructs.ts';
import { dnsRulesIn } from '../network/reachability/dns-rules.ts';
import { faultsOf, pathsOf } from '../settings-faults.ts';
import { emptyStack, LEAST, onePool, propertiesOf, resourcesOf, statementsOf, templateOf, text } from '../synthesis.ts';

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

describe('the repository of the copies', () => {
  const keyArn = 'arn:aws:kms:eu-central-1:123456789012:key/01234567-89ab-cdef-0123-456789abcdef';
  const repositoryOf = (settings: object) => propertiesOf(templateOf(settings), 'AWS::ECR::Repository');

  it('has immutable tags, a scan on push, and a rule that deletes only images without a tag', () => {
    const [repository] = repositoryOf({ agentImage: { copy: true } });
    expect(repository).toMatchObject({
      ImageTagMutability: 'IMMUTABLE',
      ImageScanningConfiguration: { ScanOnPush: true },
      EmptyOnDelete: true,
    });
    expect(repository).not.toHaveProperty('EncryptionConfiguration');
    const { rules } = JSON.parse(text(repository.LifecyclePolicy.LifecyclePolicyText));
    expect(rules).toMatchObject([
      {
        selection: { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 7 },
        action: { type: 'expire' },
      },
    ]);
  });

  it.each([
    [{ imagesKeyArn: keyArn }],
    [{ keyArn }],
    [{ keyArn: keyArn.replace('key/0', 'key/1'), imagesKeyArn: keyArn }],
  ])('has the key of %o', (encryption) => {
    const [repository] = repositoryOf({ agentImage: { copy: true }, encryption });
    expect(repository.EncryptionConfiguration).toEqual({ EncryptionType: 'KMS', KmsKey: keyArn });
  });

  it('gets a statement in the output KeyPolicy only if there is one', () => {
    const policyOf = (agentImage: object) =>
      text(templateOf({ agentImage, encryption: { keyArn } }).toJSON()['Outputs'].KeyPolicy.Value);
    expect(policyOf({ copy: true })).toContain('AgentLauncherImages');
    expect(policyOf({})).not.toContain('AgentLauncherImages');
  });

  it.each([
    [{}, ['encryption.imagesKeyArn']],
    [{ agentImage: { copy: true } }, []],
    [{ agentImage: { registry: hub } }, []],
    [{ agentImage: { registry: hub, copy: false } }, ['encryption.imagesKeyArn']],
    [onePool({ image: hub }), []],
    [{ pools: [] }, ['pools']],
  ])('has a key in the settings only if there is one: %j', (settings, paths) => {
    expect(pathsOf(faultsOf({ ...settings, encryption: { imagesKeyArn: keyArn } }))).toEqual(paths);
  });

  it('has one key, also if two launchers use it', () => {
    const stack = emptyStack();
    const agentImage = AgentImage.fromVersion('1.33.0', { copy: true });
    const key = (id: string) => Key.fromKeyArn(stack, id, keyArn.replace('key/0', `key/${id}`)) as IKey;
    launcherIn(stack, { agentImage, encryption: { imagesKey: key('1') } }, 'First');
    expect(() => launcherIn(stack, { agentImage, encryption: { imagesKey: key('2') } }, 'Second')).toThrow(
      'set `encryption.imagesKey` of both launchers to the same key',
    );
  });
});

describe('a built image with copy: true', () => {
  const pools = [
    ...LEAST.pools,
    { name: 'b', agentTokenSecret: 'b' },
    { name: 'c', agentTokenSecret: 'c', architecture: 'arm64' },
    { name: 'd', agentTokenSecret: 'd', image: 'registry.acme.example/agent:1' },
  ];
  const template = templateOf({ agentImage: { copy: true }, pools });
  const built = propertiesOf(template, 'Custom::ImageCopy').filter(({ Registry }) => Registry === undefined);

  it('is copied once for each architecture, from the tag with its hash', () => {
    expect(built).toHaveLength(2);
    for (const { Repository, Reference, TargetTag, Architecture } of built) {
      expect(Repository).toEqual({ 'Fn::Sub': expect.stringMatching(/^cdk-hnb659fds-container-assets-/) });
      expect(Reference).toMatch(/^[0-9a-f]{64}$/);
      expect(TargetTag).toBe(`${Architecture}-${Reference.slice(0, 16)}`);
    }
    // With copy: true, registry images are copied too.
    expect(propertiesOf(template, 'Custom::ImageCopy')).toHaveLength(3);
  });

  it('runs in tasks by the digest of its copy, and keeps the entry point that hides the agent token', () => {
    const [task] = propertiesOf(template, 'AWS::ECS::TaskDefinition');
    const [agent] = task.ContainerDefinitions.filter(({ Name }: { Name: string }) => Name === 'agent');
    expect(JSON.stringify(agent.Image)).toMatch(/"Fn::GetAtt":\["ImageCopiesamd64\w+","Digest"\]/);
    expect(agent.EntryPoint[0]).toBe('/opt/agent-launcher/sh');
    expect(JSON.stringify(task)).not.toContain('container-assets');
  });

  it('is readable for the function, in the repository of the CDK only, and tasks pull from the repository of the stack only', () => {
    const statements = statementsOf(template);
    const readers = statements.filter(({ Resource }) => JSON.stringify(Resource).includes('container-assets'));
    expect(readers.map(({ role, Sid, Action }) => [role.replace(/[0-9A-F]{8}$/, ''), Sid, Action])).toEqual([
      ['ImageCopiesRole', 'ReadBuiltImages', ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer']],
    ]);
    expect(JSON.stringify(readers[0]?.Resource)).toMatch(
      /:repository\/",\{"Fn::Sub":"cdk-hnb659fds-container-assets-[^*]+"\}\]\]\}$/,
    );
    expect(JSON.stringify(statements.filter(({ role }) => /^ImageCopies/.test(role)))).not.toContain('*');
  });

  it('is not copied by default', () => {
    const plain = templateOf({});
    plain.resourceCountIs('Custom::ImageCopy', 0);
    plain.resourceCountIs('AWS::ECR::Repository', 0);
  });

  it('is copied in the construct from both sources', () => {
    for (const agentImage of [
      AgentImage.fromVersion('1.33.0', { copy: true }),
      AgentImage.fromRelease('1.33.0', { copy: true }),
    ]) {
      const stack = emptyStack();
      launcherIn(stack, { agentImage });
      Template.fromStack(stack).resourceCountIs('Custom::ImageCopy', 1);
    }
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
  [{ copy: true }, []],
  [{ copy: true, version: '1.33.0' }, []],
  [{ copy: true, source: 'release' }, []],
  [{ copy: false }, []],
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
    ({ Description }) => /^Copies images/.test(Description),
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
