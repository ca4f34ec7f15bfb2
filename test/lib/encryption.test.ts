/** Customer managed keys: where they are used, who may decrypt with them, and what their policies must allow. */
import { readFileSync } from 'node:fs';
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { type IVpc, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Key } from 'aws-cdk-lib/aws-kms';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, it } from 'vitest';
import { AgentImage } from '../../lib/agent/image.ts';
import { AgentLauncher } from '../../lib/agent-launcher.ts';
import { KEY_USES, keyPolicyStatements, VOLUME_ACTIONS } from '../../lib/aws/key-policy.ts';
import { faultsIn } from './settings-faults.ts';
import {
  LEAST,
  propertiesOf,
  type RoleStatement,
  resourcesOf,
  statementsOf,
  templateOf,
  testApp,
  text,
} from './synthesis.ts';

const key = (digit: string, account = '123456789012', region = 'eu-central-1') =>
  `arn:aws:kms:${region}:${account}:key/${digit.repeat(8)}-89ab-cdef-0123-456789abcdef`;

const KEYS = {
  secretsKeyArn: key('1'),
  logsKeyArn: key('2'),
  environmentKeyArn: key('3'),
  ephemeralStorageKeyArn: key('4'),
  queueKeyArn: key('5'),
  topicKeyArn: key('6'),
  imagesKeyArn: key('7'),
};

/** Settings with every resource that can have a key. */
const EVERYTHING = {
  agentImage: { registry: 'hashicorp/tfc-agent:1.33.0', credentialsSecret: 'docker-hub' },
  nudge: { hmacKeySecret: 'acme/nudge-key' },
  alarmEmail: 'ops@acme.example',
  network: { egress: 'network-firewall', flowLogRetentionDays: 7, dnsQueryLogRetentionDays: 7 },
};

/** Settings with every secret that a role reads. */
const EVERY_SECRET = {
  ...EVERYTHING,
  agentTokenRotation: { days: 30, apiTokenSecret: 'acme/rotation-token' },
  caCertificates: { secret: 'acme/ca' },
  launcher: { httpsProxy: 'http://proxy.acme.example:3128', httpsProxyCredentialsSecret: 'acme/proxy' },
  pools: [
    { name: 'plain', agentTokenSecret: 'acme/agent-token' },
    {
      name: 'json',
      agentTokenSecret: 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/tokens-a1B2c3:agent',
      organization: 'other',
      apiTokenSecret: 'acme/other-token',
    },
  ],
};
const SECRET_NAMES = [
  'acme/agent-token',
  'acme/api-token',
  'acme/ca',
  'acme/nudge-key',
  'acme/other-token',
  'acme/proxy',
  'acme/rotation-token',
  'acme/tokens',
  'docker-hub',
];

type Properties = ReturnType<typeof propertiesOf>[number];

/** The key of every resource that can have one, by the type of the resource. */
function keysIn(template: Template): Record<string, unknown[]> {
  const all = (type: string, read: (properties: Properties) => unknown) => [
    ...new Set(propertiesOf(template, type).map(read)),
  ];
  return {
    logs: all('AWS::Logs::LogGroup', ({ KmsKeyId }) => KmsKeyId),
    environment: all('AWS::Lambda::Function', ({ KmsKeyArn }) => KmsKeyArn),
    ephemeralStorage: all(
      'AWS::ECS::Cluster',
      ({ Configuration }) => Configuration?.ManagedStorageConfiguration.FargateEphemeralStorageKmsKeyId,
    ),
    queue: all('AWS::SQS::Queue', ({ KmsMasterKeyId }) => KmsMasterKeyId),
    topic: all('AWS::SNS::Topic', ({ KmsMasterKeyId }) => KmsMasterKeyId),
    images: all('AWS::ECR::Repository', ({ EncryptionConfiguration }) => EncryptionConfiguration?.KmsKey),
  };
}

/** The keys of the gateways' volumes. */
function volumeKeysIn(template: Template): unknown[] {
  return propertiesOf(template, 'AWS::EC2::LaunchTemplate').flatMap(({ LaunchTemplateData }) =>
    LaunchTemplateData.BlockDeviceMappings.map(({ Ebs }: Properties) => Ebs.KmsKeyId),
  );
}

const kmsStatements = (template: Template) =>
  statementsOf(template).filter(({ Action }) => Action.some((action) => action.startsWith('kms:')));

describe('the settings of customer managed keys', () => {
  it('add nothing if they are absent', () => {
    const template = templateOf(EVERYTHING);
    expect(keysIn(template)).toEqual({
      logs: [undefined],
      environment: [undefined],
      ephemeralStorage: [undefined],
      queue: [undefined],
      topic: [undefined],
      images: [undefined],
    });
    expect(kmsStatements(template)).toEqual([]);
    expect(Object.keys(template.findOutputs('KeyPolicy'))).toEqual([]);
  });

  it('encrypt every resource with the key of its kind', () => {
    expect(keysIn(templateOf({ ...EVERYTHING, encryption: KEYS }))).toEqual({
      logs: [KEYS.logsKeyArn],
      environment: [KEYS.environmentKeyArn],
      ephemeralStorage: [KEYS.ephemeralStorageKeyArn.split('/')[1]],
      queue: [KEYS.queueKeyArn],
      topic: [KEYS.topicKeyArn],
      images: [KEYS.imagesKeyArn],
    });
  });

  it('use keyArn for every kind without its own key', () => {
    const template = templateOf({ ...EVERYTHING, encryption: { keyArn: key('1'), logsKeyArn: key('2') } });
    expect(keysIn(template)).toMatchObject({
      logs: [key('2')],
      environment: [key('1')],
      queue: [key('1')],
      topic: [key('1')],
      images: [key('1')],
    });
  });

  it('let each role decrypt only the secrets that it reads, and only through Secrets Manager', () => {
    const template = templateOf({ ...EVERYTHING, encryption: { secretsKeyArn: KEYS.secretsKeyArn } });
    const granted = kmsStatements(template).map(({ role, Action, Resource, Condition }) => ({
      role: role.replace(/[0-9A-F]{8}$/, ''),
      Action,
      Resource,
      via: text(Condition?.['StringEquals']?.['kms:ViaService']),
      secrets: [Condition?.['StringLike']?.['kms:EncryptionContext:SecretARN']].flat().map(text),
    }));
    const secret = (name: string) =>
      `arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:${name}-??????`;
    const decrypt = (role: string, name: string) => ({
      role,
      Action: ['kms:Decrypt'],
      Resource: KEYS.secretsKeyArn,
      via: 'secretsmanager.<AWS::Region>.<AWS::URLSuffix>',
      secrets: [secret(name)],
    });
    expect(granted).toHaveLength(4);
    expect(granted).toEqual(
      expect.arrayContaining([
        decrypt('LauncherRole', 'acme/api-token'),
        decrypt('LauncherPooldefaultExecutionRole', 'acme/agent-token'),
        decrypt('LauncherNudgeRole', 'acme/nudge-key'),
        decrypt('ImageCopiesRole', 'docker-hub'),
      ]),
    );
  });

  it.each([
    ['copied images', {}],
    ['images that tasks pull with a login', { copy: false }],
  ])('let every role decrypt every secret that it reads, with %s', (_, copy) => {
    const template = templateOf({
      ...EVERY_SECRET,
      agentImage: { ...EVERYTHING.agentImage, ...copy },
      encryption: { secretsKeyArn: KEYS.secretsKeyArn },
    });
    const secretsOf = ({ role, Condition }: RoleStatement) =>
      [Condition?.['StringLike']?.['kms:EncryptionContext:SecretARN']]
        .flat()
        .map((secret) => `${role} ${text(secret)}`);
    const decrypted = kmsStatements(template)
      .filter(({ Action }) => Action.includes('kms:Decrypt'))
      .flatMap(secretsOf);
    const read = statementsOf(template)
      .filter(({ Action }) => Action.includes('secretsmanager:GetSecretValue'))
      .flatMap((statement) => resourcesOf(statement).map((secret) => `${statement.role} ${secret}`));
    const names = read.map((line) => /:secret:(.*)-(?:\?{6}|a1B2c3)$/.exec(line)?.[1]);
    expect([...new Set(names)].sort()).toEqual(SECRET_NAMES);
    for (const line of read) expect(decrypted).toContain(line);
  });

  it('let the launcher and the nudge use the key of the queue only through SQS', () => {
    const granted = kmsStatements(templateOf({ ...EVERYTHING, encryption: { queueKeyArn: KEYS.queueKeyArn } }));
    expect(granted.map(({ role }) => role.replace(/[0-9A-F]{8}$/, '')).sort()).toEqual([
      'LauncherNudgeRole',
      'LauncherRole',
    ]);
    for (const { Action, Resource, Condition } of granted) {
      expect(Action).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
      expect(Resource).toBe(KEYS.queueKeyArn);
      expect(text(Condition?.['StringEquals']?.['kms:ViaService'])).toBe('sqs.<AWS::Region>.<AWS::URLSuffix>');
    }
  });

  it.each([
    ['gatewayVolumesKeyArn', { keyArn: key('1'), gatewayVolumesKeyArn: key('7') }, key('7')],
    ['keyArn', { keyArn: key('1') }, key('1')],
  ])('encrypt the volumes of gateways with %s, which only EC2 can use for the launcher', (_, encryption, expected) => {
    const template = templateOf({ network: { egress: 'on-demand' }, encryption });
    expect(volumeKeysIn(template)).toEqual([expected]);
    const granted = kmsStatements(template).filter(
      ({ Condition }) => text(Condition?.['StringEquals']?.['kms:ViaService']) === 'ec2.<AWS::Region>.<AWS::URLSuffix>',
    );
    const actions = granted.map(({ role, Resource, Action, Condition }) => {
      expect(role).toMatch(/^LauncherRole/);
      expect(Resource).toBe(expected);
      return [Action, Condition?.['Bool']];
    });
    expect(actions).toEqual([
      [[...VOLUME_ACTIONS], undefined],
      [['kms:CreateGrant'], { 'kms:GrantIsForAWSResource': 'true' }],
    ]);
    const [output] = Object.values(template.findOutputs('KeyPolicy'));
    expect(text(output?.['Value'])).toContain('AgentLauncherGatewayVolumes');
  });

  it('leave the volumes of gateways to the account without a key', () => {
    expect(volumeKeysIn(templateOf({ network: { egress: 'on-demand' } }))).toEqual([undefined]);
  });

  it('output the statements of the keys that are set', () => {
    const [output] = Object.values(templateOf({ ...EVERYTHING, encryption: KEYS }).findOutputs('KeyPolicy'));
    const statements: { Sid: string }[] = JSON.parse(text(output?.['Value']));
    expect(statements.map(({ Sid }) => Sid)).toEqual([
      'AgentLauncherSecrets',
      'AgentLauncherLogs',
      'AgentLauncherEnvironment',
      'AgentLauncherStorage',
      'AgentLauncherStorageGrants',
      'AgentLauncherStorageCluster',
      'AgentLauncherQueue',
      'AgentLauncherTopic',
      'AgentLauncherImages',
    ]);
  });

  it('allow secrets of another account', () => {
    const apiTokenSecret = 'arn:aws:secretsmanager:eu-central-1:210987654321:secret:api-token-AbCdEf';
    const target = { account: '123456789012', region: 'eu-central-1' };
    const given = { agentLauncher: { ...LEAST, apiTokenSecret } };
    expect(faultsIn(given, target)).toMatchObject([{ path: 'apiTokenSecret' }]);
    const ofOwnAccount = { ...given.agentLauncher, encryption: { keyArn: key('1') } };
    expect(faultsIn({ agentLauncher: ofOwnAccount }, target)).toMatchObject([{ path: 'apiTokenSecret' }]);
    const encryption = { secretsKeyArn: key('1', '210987654321') };
    expect(faultsIn({ agentLauncher: { ...given.agentLauncher, encryption } }, target)).toEqual([]);
    const [read] = statementsOf(templateOf({ apiTokenSecret, encryption })).filter(
      ({ Sid }) => Sid === 'ReadApiTokens',
    );
    expect(read?.Resource).toBe(apiTokenSecret);
  });

  it.each([
    [{ keyArn: 'alias/logs' }, 'keyArn', 'describe-key --key-id alias/logs'],
    [{ keyArn: 'arn:aws:kms:eu-central-1:123456789012:alias/logs' }, 'keyArn', 'describe-key --key-id alias/logs'],
    [{ keyArn: '01234567-89ab-cdef-0123-456789abcdef' }, 'keyArn', 'aws kms describe-key'],
    [{ logsKeyArn: key('1', '210987654321') }, 'logsKeyArn', 'create a key in account 123456789012'],
    [{ keyArn: key('1', '210987654321') }, 'keyArn', 'set it as encryption.secretsKeyArn'],
    [
      { logsKeyArn: key('1', '123456789012', 'us-east-1') },
      'logsKeyArn',
      'use a key of eu-central-1 (a multi-Region key can have a replica there)',
    ],
    [{ keyArn: key('1').replace('aws', 'aws-cn') }, 'keyArn', 'use a key of eu-central-1'],
    [{ secretsKeyArn: key('1', '210987654321', 'us-east-1') }, 'secretsKeyArn', 'use a key of eu-central-1'],
    [{ queueKeyArn: key('1') }, 'queueKeyArn', 'set nudge or idlePollSeconds'],
    [{ topicKeyArn: key('1') }, 'topicKeyArn', 'set alarmEmail'],
    [{ imagesKeyArn: key('1') }, 'imagesKeyArn', 'set agentImage.copy to true'],
    [{ gatewayVolumesKeyArn: key('1') }, 'gatewayVolumesKeyArn', 'set network.egress to on-demand'],
    [
      { keyArn: 'arn:aws:kms:eu-central-1:123456789012:key/mrk-0123456789abcdef0123456789abcdef' },
      'keyArn',
      'ephemeralStorageKeyArn to a key of one region',
    ],
  ])('are refused with a remedy: %j', (encryption, path, remedy) => {
    const target = { account: '123456789012', region: 'eu-central-1' };
    const faults = faultsIn({ agentLauncher: { ...LEAST, encryption } }, target);
    expect(faults.map((fault) => fault.path)).toEqual([`encryption.${path}`]);
    expect(faults[0]?.remedy).toContain(remedy);
    // A replica of a multi-Region key is in the account of its primary key.
    if (remedy.includes('account')) expect(faults[0]?.remedy).not.toContain('replica');
  });
});

describe('the construct', () => {
  it('lets CloudWatch Logs, Fargate and the senders of alarms use a key that the app creates', () => {
    const stack = new Stack(testApp(), 'Test');
    const key = new Key(stack, 'Key');
    const secret = (name: string) => new Secret(stack, name, { encryptionKey: key }) as ISecret;
    new AgentLauncher(stack, 'Launcher', {
      name: 'agents',
      organization: 'acme',
      apiTokenSecret: secret('api'),
      pools: [{ name: 'default', agentTokenSecret: secret('agent') }],
      vpc: new Vpc(stack, 'Vpc') as IVpc,
      agentImage: AgentImage.fromReference('hashicorp/tfc-agent:1.33.0'),
      alarmEmail: 'ops@acme.example',
      encryption: { key },
    });
    const template = Template.fromStack(stack);
    const [policy] = propertiesOf(template, 'AWS::KMS::Key').map(({ KeyPolicy }) => KeyPolicy.Statement);
    const services = policy.flatMap(({ Principal }: { Principal: { Service?: unknown } }) => Principal.Service ?? []);
    expect(services.map(text)).toEqual(
      expect.arrayContaining([
        'logs.<AWS::Region>.<AWS::URLSuffix>',
        'fargate.amazonaws.com',
        'cloudwatch.amazonaws.com',
        'events.amazonaws.com',
      ]),
    );
    const decrypting = kmsStatements(template).map(({ role }) => role.replace(/[0-9A-F]{8}$/, ''));
    expect(decrypting.sort()).toEqual(['LauncherPooldefaultExecutionRole', 'LauncherRole']);
  });
});

it('a key policy restricts every service to the stack', () => {
  const user = {
    partition: 'aws',
    account: '123456789012',
    region: 'eu-central-1',
    urlSuffix: 'amazonaws.com',
    stack: 'AgentLauncher',
    cluster: 'AgentLauncher',
    topic: 'AgentLauncher-alarms',
  };
  const statements = keyPolicyStatements(KEY_USES, user);
  expect(new Set(statements.map(({ Sid }) => Sid)).size).toBe(statements.length);
  for (const { Sid, Principal, Condition } of statements) {
    const isService = JSON.stringify(Principal).includes('Service');
    if (isService) expect(JSON.stringify(Condition), Sid).toMatch(/123456789012/);
  }
});

it.each(KEY_USES)('docs/encryption.md has the key policy of: %s', (use) => {
  const example = {
    partition: 'aws',
    account: '111122223333',
    region: 'eu-central-1',
    urlSuffix: 'amazonaws.com',
    stack: 'AgentLauncher',
    cluster: 'AgentLauncher',
    topic: 'AgentLauncher-alarms',
  };
  const statements = JSON.stringify(keyPolicyStatements([use], example), null, 2);
  expect(readFileSync('docs/encryption.md', 'utf8')).toContain(`\`\`\`json\n${statements}\n\`\`\``);
});
