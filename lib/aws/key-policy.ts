/**
 * What the policy of a customer managed key must allow, for each use of the key. The output `KeyPolicy` and docs/encryption.md have these
 * statements.
 *
 * A key's default policy lets IAM policies of its account decide about roles and users. The statements with the account as principal
 * repeat that for one use, so a key whose policy has no such default needs them, and so does a key of another account. AWS services
 * never get permissions from IAM policies: their statements are always required.
 */
export const KEY_USES = [
  'secrets',
  'logs',
  'environment',
  'ephemeralStorage',
  'queue',
  'topic',
  'images',
  'gatewayVolumes',
] as const;
export type KeyUse = (typeof KEY_USES)[number];

/** Where the stack is. */
export interface KeyUser {
  readonly partition: string;
  readonly account: string;
  readonly region: string;
  /** Domain of AWS's hosts, such as `amazonaws.com`. */
  readonly urlSuffix: string;
  /** Name of the stack. */
  readonly stack: string;
  /** Name of the cluster, with which the names of the launcher's log groups begin. */
  readonly cluster: string;
  /** Name of the topic that `alarmEmail` creates. */
  readonly topic: string;
}

/** The actions with which EC2 creates and attaches an encrypted volume. https://docs.aws.amazon.com/ebs/latest/userguide/ebs-encryption-requirements.html */
export const VOLUME_ACTIONS = [
  'kms:Decrypt',
  'kms:DescribeKey',
  'kms:GenerateDataKeyWithoutPlaintext',
  'kms:ReEncryptFrom',
  'kms:ReEncryptTo',
] as const;

type Statement = Readonly<Record<string, unknown>> & { readonly Sid: string };
type Condition = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Statements for a key's policy. */
export function keyPolicyStatements(uses: readonly KeyUse[], user: KeyUser): Statement[] {
  return uses.flatMap((use) => STATEMENTS[use](user));
}

const STATEMENTS: Readonly<Record<KeyUse, (user: KeyUser) => Statement[]>> = {
  // https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
  secrets: (user) => [ofAccount('Secrets', ['kms:Decrypt', 'kms:GenerateDataKey'], 'secretsmanager', user)],
  // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
  logs: ({ partition, account, region, urlSuffix, stack, cluster }) => {
    const group = (name: string) => `arn:${partition}:logs:${region}:${account}:log-group:${name}`;
    return [
      {
        Sid: 'AgentLauncherLogs',
        Effect: 'Allow',
        Principal: { Service: `logs.${region}.${urlSuffix}` },
        Action: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
        Resource: '*',
        Condition: {
          ArnLike: {
            'kms:EncryptionContext:aws:logs:arn': [
              group(`/${cluster}/*`),
              group(`/aws/vendedlogs/${stack}-*`),
              group(`${stack}-*`),
            ],
          },
        },
      },
    ];
  },
  // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars-encryption.html: the role that deploys the function needs the permissions.
  environment: (user) => [
    ofAccount('Environment', ['kms:CreateGrant', 'kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey'], 'lambda', user),
  ],
  // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-create-storage-key.html
  ephemeralStorage: ({ partition, account, cluster }) => {
    const statement = {
      Effect: 'Allow',
      Principal: { Service: 'fargate.amazonaws.com' },
      Resource: '*',
    };
    const StringEquals = {
      'kms:EncryptionContext:aws:ecs:clusterAccount': account,
      'kms:EncryptionContext:aws:ecs:clusterName': cluster,
    };
    return [
      {
        Sid: 'AgentLauncherStorage',
        ...statement,
        Action: 'kms:GenerateDataKeyWithoutPlaintext',
        Condition: { StringEquals },
      },
      {
        Sid: 'AgentLauncherStorageGrants',
        ...statement,
        Action: 'kms:CreateGrant',
        Condition: { StringEquals, 'ForAllValues:StringEquals': { 'kms:GrantOperations': 'Decrypt' } },
      },
      // The role that deploys the cluster describes the key.
      {
        Sid: 'AgentLauncherStorageCluster',
        Effect: 'Allow',
        Principal: { AWS: `arn:${partition}:iam::${account}:root` },
        Action: 'kms:DescribeKey',
        Resource: '*',
      },
    ];
  },
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
  queue: (user) => [ofAccount('Queue', ['kms:Decrypt', 'kms:GenerateDataKey'], 'sqs', user)],
  // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html: for EventBridge, aws:SourceAccount isn't possible. SNS names the topic
  // in the encryption context of every request, so the services can use the key for this topic only.
  topic: ({ partition, account, region, topic }) => [
    {
      Sid: 'AgentLauncherTopic',
      Effect: 'Allow',
      Principal: { Service: ['cloudwatch.amazonaws.com', 'events.amazonaws.com'] },
      Action: ['kms:Decrypt', 'kms:GenerateDataKey*'],
      Resource: '*',
      Condition: {
        StringEquals: {
          'kms:EncryptionContext:aws:sns:topicArn': `arn:${partition}:sns:${region}:${account}:${topic}`,
        },
      },
    },
  ],
  // https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html: the role that creates the repository gives ECR a grant.
  images: (user) => [ofAccount('Images', ['kms:CreateGrant', 'kms:DescribeKey', 'kms:RetireGrant'], 'ecr', user)],
  // The launcher's role has the same permissions: EC2 uses those of the caller that starts an instance.
  gatewayVolumes: (user) => {
    const forAws = { Bool: { 'kms:GrantIsForAWSResource': 'true' } };
    return [
      ofAccount('GatewayVolumes', VOLUME_ACTIONS, 'ec2', user),
      ofAccount('GatewayVolumesGrants', ['kms:CreateGrant'], 'ec2', user, forAws),
    ];
  },
};

/** Lets the IAM policies of the stack's account decide who uses the key through a service. */
function ofAccount(
  use: string,
  actions: readonly string[],
  service: string,
  { partition, account, region, urlSuffix }: KeyUser,
  conditions: Condition = {},
): Statement {
  return {
    Sid: `AgentLauncher${use}`,
    Effect: 'Allow',
    Principal: { AWS: `arn:${partition}:iam::${account}:root` },
    Action: actions,
    Resource: '*',
    Condition: { StringEquals: { 'kms:ViaService': `${service}.${region}.${urlSuffix}` }, ...conditions },
  };
}
