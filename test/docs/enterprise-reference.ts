/**
 * Writes docs/enterprise.md: what security and platform teams of large companies ask for. A row says *has* only if its settings, its
 * test and its section of the documentation exist. `enterprise.test.ts` fails if a row doesn't.
 */
import { existsSync, readFileSync } from 'node:fs';
import {
  dollars,
  IDLE_INVOCATIONS,
  idleNetworkCost,
  launcherCost,
  tokenRotationCost,
  total,
  vpcLogCost,
} from '../../lib/aws/costs.ts';
import { PRICES } from '../../lib/aws/prices.ts';
import { settingPaths } from './settings-reference.ts';

interface Row {
  readonly item: string;
  /** What a stack without settings has. */
  readonly byDefault: string;
  readonly settings?: readonly string[];
  /** Why there is no setting. Required if there is none. */
  readonly withoutSetting?: string;
  /** A test file. It must contain `proof`, or the name of the first setting. */
  readonly test: string;
  readonly proof?: string;
  /** A file, and `#` with the heading of a section. */
  readonly docs: string;
  readonly price: string;
}

const FREE = '$0.00';
const endpoints = idleNetworkCost({ interfaceEndpoints: 2 });
const oneSecret = `${dollars(PRICES.secretMonth.usd)} per secret`;
const oneAlarm = dollars(PRICES.alarmMonth.usd);
const alarmAndMetric = `${oneAlarm} per pool; its metric costs up to ${dollars(PRICES.customMetricMonth.usd)}`;
const x86 = launcherCost(IDLE_INVOCATIONS, 1, 'x86_64') - launcherCost(IDLE_INVOCATIONS, 1);

export const GROUPS: readonly (readonly [string, readonly Row[]])[] = [
  [
    'The launcher in your network',
    [
      {
        item: 'The launcher runs in the VPC, with a fixed address',
        byDefault: 'off',
        settings: ['launcher.vpc', 'network.launcherSubnetIds', 'network.launcherSecurityGroupIds'],
        test: 'test/lib/network/launcher-network.test.ts',
        proof: 'launcher: { vpc: true }',
        docs: 'docs/network.md#the-launcher-in-the-vpc',
        price: `${dollars(total(endpoints))} with \`nat-gateway\``,
      },
      {
        item: 'Certificates of a private authority',
        byDefault: 'public ones',
        settings: ['caCertificates.file', 'caCertificates.secret'],
        test: 'test/lib/launcher/ca-certificates.test.ts',
        proof: 'caCertificates',
        docs: 'docs/enterprise-network.md#a-private-certificate-authority',
        price: `${FREE}; ${oneSecret}`,
      },
      {
        item: 'A proxy for the launcher, with a login',
        byDefault: 'off',
        settings: ['launcher.httpsProxy', 'launcher.noProxy', 'launcher.httpsProxyCredentialsSecret'],
        test: 'test/lib/launcher/proxy.test.ts',
        docs: 'docs/enterprise-network.md#a-proxy',
        price: `${FREE}; ${oneSecret}`,
      },
      {
        item: 'FIPS endpoints of AWS as one setting',
        byDefault: 'off',
        settings: ['fips'],
        test: 'test/lib/fips.test.ts',
        docs: 'docs/partitions.md#fips-endpoints',
        price: FREE,
      },
      {
        item: 'Private Terraform Enterprise, private authority and proxies, tried in network namespaces',
        byDefault: 'a lab',
        withoutSetting: 'a test of the settings above',
        test: 'labs/enterprise/enterprise.lab.ts',
        proof: 'real firewall',
        docs: 'labs/README.md#labs',
        price: FREE,
      },
      {
        item: 'GovCloud and China',
        byDefault: 'yes',
        withoutSetting: 'the region decides',
        test: 'test/lib/partitions.test.ts',
        proof: 'us-gov',
        docs: 'docs/partitions.md#what-is-different',
        price: FREE,
      },
      {
        item: 'Architecture of the functions',
        byDefault: 'arm64',
        settings: ['launcher.architecture'],
        test: 'test/lib/launcher/function.test.ts',
        docs: 'docs/settings.md#launcher',
        price: `+${dollars(x86)} for \`x86_64\``,
      },
      {
        item: 'Existing Elastic IPs for the NAT gateways',
        byDefault: 'new addresses',
        settings: ['network.elasticIpAllocationIds'],
        test: 'test/lib/network/elastic-ips.test.ts',
        docs: 'docs/network.md#existing-elastic-ips',
        price: FREE,
      },
    ],
  ],
  [
    'Keys, secrets and roles',
    [
      {
        item: 'Customer managed keys for log groups, environments, disks, the queue, the topic of the alarms and the copies of images',
        byDefault: "AWS's keys",
        settings: [
          'encryption.keyArn',
          'encryption.logsKeyArn',
          'encryption.environmentKeyArn',
          'encryption.ephemeralStorageKeyArn',
          'encryption.queueKeyArn',
          'encryption.topicKeyArn',
          'encryption.imagesKeyArn',
        ],
        test: 'test/lib/encryption.test.ts',
        docs: 'docs/encryption.md#what-it-costs',
        price: `${dollars(PRICES.kmsKeyMonth.usd)} per key`,
      },
      {
        item: 'Secrets with a customer managed key, also of another account',
        byDefault: "AWS's keys",
        settings: ['encryption.secretsKeyArn'],
        test: 'test/lib/encryption.test.ts',
        docs: 'docs/encryption.md#secrets-of-another-account',
        price: `${dollars(PRICES.kmsKeyMonth.usd)} per key`,
      },
      {
        item: 'Agent tokens, API tokens and the HMAC key under a key of a JSON secret',
        byDefault: 'the secret contains only the token',
        settings: ['pools[].agentTokenSecret', 'apiTokenSecret', 'pools[].apiTokenSecret', 'nudge.hmacKeySecret'],
        test: 'test/lib/settings/secret-reference.test.ts',
        proof: 'under a key of a JSON secret',
        docs: 'docs/security.md#tokens-in-json',
        price: FREE,
      },
      {
        item: "The API token of the rotation, a registry login or the login of the launcher's proxy under a key of a JSON secret",
        byDefault: 'the secret contains only the value. ECS itself knows no key of a registry login: only copies do',
        settings: [
          'agentTokenRotation.apiTokenSecret',
          'launcher.httpsProxyCredentialsSecret',
          'agentImage.credentialsSecret',
        ],
        test: 'test/lib/settings/secret-reference.test.ts',
        docs: 'docs/security.md#tokens-in-json',
        price: FREE,
      },
      {
        item: 'Existing task roles',
        byDefault: 'new roles without permissions',
        settings: ['pools[].taskRoleArn', 'pools[].phases.plan.taskRoleArn', 'pools[].phases.apply.taskRoleArn'],
        test: 'test/lib/roles.test.ts',
        docs: 'docs/roles.md#existing-task-roles',
        price: FREE,
      },
      {
        item: 'Names and path of roles',
        byDefault: 'names of CloudFormation',
        settings: ['roles.namePrefix', 'roles.path'],
        test: 'test/lib/roles.test.ts',
        docs: 'docs/roles.md#names-path-and-permissions-boundary',
        price: FREE,
      },
      {
        item: 'Permissions boundary',
        byDefault: 'none',
        settings: ['roles.permissionsBoundary'],
        test: 'test/lib/roles.test.ts',
        docs: 'docs/roles.md#names-path-and-permissions-boundary',
        price: FREE,
      },
      {
        item: 'Output of every role, and what to put into key policies',
        byDefault: 'yes',
        withoutSetting: 'always there',
        test: 'test/lib/roles.test.ts',
        proof: 'RoleArns',
        docs: 'docs/roles.md#key-policies-and-resource-policies',
        price: FREE,
      },
      {
        item: '`aws:SourceAccount` in every trust policy, except that of gateways',
        byDefault: 'yes',
        withoutSetting: 'always there',
        test: 'test/lib/service-trust.test.ts',
        proof: 'aws:SourceAccount',
        docs: 'docs/security.md#who-can-assume-the-roles',
        price: FREE,
      },
      {
        item: 'Deployment with least privilege',
        byDefault: 'generated policies',
        withoutSetting: 'policies to attach',
        test: 'test/bin/deploy-policy.test.ts',
        proof: 'deploy-policy',
        docs: 'docs/deploy-policy/README.md#deploy-with-least-privilege',
        price: FREE,
      },
      {
        item: 'A workflow of GitHub Actions with OIDC',
        byDefault: 'example',
        withoutSetting: 'a file to copy',
        test: 'test/docs/supply-chain.test.ts',
        proof: 'examples/github-actions',
        docs: 'examples/github-actions/README.md#example-deploy-with-github-actions',
        price: FREE,
      },
    ],
  ],
  [
    'Images and supply chain',
    [
      {
        item: 'A login for the registry of the image',
        byDefault: 'none',
        settings: ['agentImage.credentialsSecret'],
        test: 'test/lib/agent/image-copies.test.ts',
        proof: 'credentials',
        docs: 'docs/settings.md#agentimage',
        price: oneSecret,
      },
      {
        item: 'The image in a repository of the stack',
        byDefault: "copies of registry images on the internet; a built image is in the CDK's repository",
        settings: ['agentImage.copy', 'encryption.imagesKeyArn'],
        test: 'test/functions/image-copy/built-image.test.ts',
        proof: 'under a tag with that digest',
        docs: 'docs/security.md#the-repository-of-the-images',
        price: `${dollars(PRICES.imageGbMonth.usd)} per GB; ${dollars(PRICES.kmsKeyMonth.usd)} per key`,
      },
      {
        item: 'Images by digest by default',
        byDefault: '`setup` looks the digest up and writes it',
        settings: ['agentImage.digest', 'agentImage.registry'],
        test: 'test/cli/core/setup/settings.test.ts',
        proof: 'a build by digest',
        docs: 'docs/settings.md#agentimage',
        price: FREE,
      },
      {
        item: 'SECURITY.md, dependency updates, audit in CI, images of CI by digest, provenance and SBOM',
        byDefault: 'yes',
        withoutSetting: 'part of this repository',
        test: 'test/docs/supply-chain.test.ts',
        proof: 'pins each image by its digest',
        docs: 'SECURITY.md#what-we-check',
        price: FREE,
      },
      {
        item: 'Signed code of the functions',
        byDefault: 'off',
        settings: ['launcher.codeSigningConfigArn'],
        test: 'test/lib/launcher/function.test.ts',
        proof: 'codeSigningConfig',
        docs: 'docs/security.md#signed-code',
        price: FREE,
      },
    ],
  ],
  [
    'Logs and compliance',
    [
      {
        item: 'Log groups that remain after deletion, export of events, protection from deletion',
        byDefault: 'off',
        settings: ['logs.onDelete', 'logs.exportTo', 'logs.exportRoleArn', 'terminationProtection'],
        test: 'test/lib/log-groups.test.ts',
        proof: 'exportTo',
        docs: 'docs/encryption.md#logs',
        price: `${FREE}; the receiver has its own price`,
      },
      {
        item: 'Flow logs and DNS query logs',
        byDefault: 'on in a new VPC',
        settings: ['network.flowLogRetentionDays', 'network.dnsQueryLogRetentionDays'],
        test: 'test/lib/log-groups.test.ts',
        docs: 'docs/costs.md#the-logs-of-the-network',
        price: `${dollars(total(vpcLogCost(1_000)))} per 1,000 jobs`,
      },
      {
        item: 'Rule packs NIST 800-53 R5, HIPAA Security, PCI DSS 3.2.1, Serverless',
        byDefault: 'yes, with exceptions',
        withoutSetting: 'always there',
        test: 'test/lib/compliance.test.ts',
        proof: 'has a reason in the code',
        docs: 'docs/compliance.md#exceptions',
        price: FREE,
      },
    ],
  ],
  [
    'Notice what should not be',
    [
      {
        item: 'Limit of the hours of a job',
        byDefault: 'off',
        settings: ['pools[].maxJobHours', 'pools[].phases.plan.maxJobHours', 'pools[].phases.apply.maxJobHours'],
        test: 'test/lib/settings/job-hours.test.ts',
        docs: 'docs/pools.md#jobs-that-never-end',
        price: FREE,
      },
      {
        item: 'Metric and alarm for the oldest task',
        byDefault: 'on',
        settings: ['oldestTaskHours'],
        test: 'test/lib/launcher/monitoring.test.ts',
        proof: 'oldestTask',
        docs: 'docs/runbook.md#a-task-runs-too-long',
        price: alarmAndMetric,
      },
      {
        item: 'Metric and alarm for agents that the stack did not start',
        byDefault: 'on',
        settings: ['pools[].foreignAgents'],
        test: 'test/lib/launcher/monitoring.test.ts',
        docs: 'docs/runbook.md#unexpected-agents-in-a-pool',
        price: alarmAndMetric,
      },
      {
        item: "Message about calls that aren't the launcher's, from CloudTrail",
        byDefault: 'on, with an alarm topic',
        settings: ['auditEvents'],
        test: 'test/lib/launcher/audit.test.ts',
        docs: 'docs/runbook.md#a-call-that-is-not-the-launchers',
        price: FREE,
      },
      {
        item: 'Alarm before the API token expires',
        byDefault: 'on',
        settings: ['apiTokenExpiryDays'],
        test: 'test/lib/launcher/monitoring.test.ts',
        proof: 'apiTokenExpir',
        docs: 'docs/runbook.md#api-token-expires-soon',
        price: alarmAndMetric,
      },
      {
        item: 'A topic with an e-mail address, and a warning without one',
        byDefault: 'warning',
        settings: ['alarmEmail', 'alarmTopicArn'],
        test: 'test/lib/launcher/alarm-topic.test.ts',
        docs: 'docs/settings.md#the-stack',
        price: FREE,
      },
      {
        item: 'Rotation of agent tokens',
        byDefault: 'by hand',
        settings: [
          'agentTokenRotation.days',
          'agentTokenRotation.apiTokenSecret',
          'agentTokenRotation.ignoreOtherAgents',
        ],
        test: 'test/lib/launcher/token-rotation.test.ts',
        proof: 'TokenRotation',
        docs: 'docs/runbook.md#rotate-the-agent-token',
        price: dollars(total(tokenRotationCost(1))),
      },
    ],
  ],
];

/** What a row refers to, each with whether it exists. */
export function piecesOf(row: Row): { readonly piece: string; readonly exists: boolean }[] {
  const known = settingPaths();
  const [file = '', anchor = ''] = row.docs.split('#');
  const name = row.settings?.[0]?.split('.').at(-1);
  const proof = row.proof ?? name ?? row.item;
  return [
    ...(row.settings ?? []).map((setting) => ({ piece: `setting ${setting}`, exists: known.includes(setting) })),
    { piece: `${row.test} contains ${proof}`, exists: textOf(row.test).includes(proof) },
    { piece: row.docs, exists: anchorsIn(textOf(file)).includes(anchor) },
  ];
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** The anchors of headings, as GitHub makes them. */
function anchorsIn(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

const TITLE = `# What large companies ask for

This page is generated: \`npm run docs:write\` writes it, and a test checks that each setting, test and section exists.
It lists what security and platform teams asked for, and says plainly what isn't there. [Compliance packs](compliance.md) lists rules for reviewers.

Prices are per month in us-east-1, in addition to the [idle price](costs.md), without free tiers. Nothing in these tables was tried on live AWS or HCP Terraform ([limitations](../README.md#limitations)).
`;

export function enterprisePage(): string {
  return [TITLE, ...GROUPS.flatMap(([title, rows]) => [`## ${title}`, '', ...HEAD, ...rows.map(line), ''])].join('\n');
}

const HEAD = [
  '| what | state | by default | setting | test | documentation | price |',
  '|---|---|---|---|---|---|---|',
];

function line(row: Row): string {
  if (piecesOf(row).some(({ exists }) => !exists)) return cells(row.item, '**not yet**', '', '', '', '', '');
  const settings = (row.settings ?? []).map((setting) => `\`${setting}\``).join(', ');
  const [file = '', anchor = ''] = row.docs.split('#');
  const path = file.startsWith('docs/') ? file.slice('docs/'.length) : `../${file}`;
  return cells(
    row.item,
    'has',
    row.byDefault,
    settings || `none: ${row.withoutSetting}`,
    `[test](../${row.test})`,
    `[${path.split('/').slice(-2).join('/').replace('../', '')}](${path}#${anchor})`,
    row.price,
  );
}

function cells(...texts: readonly string[]): string {
  return `| ${texts.join(' | ')} |`;
}
