/** `doctor` against the local system, over HTTP: one healthy system, and broken ones. Each plants one fault, and expects the finding that names it. */

import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ECSClient, RunTaskCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import {
  DeleteSecretCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../cli/core/doctor/findings.ts';
import { type DoctorJson, doctorJson } from '../../cli/core/doctor-json.ts';
import { alarmTopicName, OUTPUTS } from '../../lib/names.ts';
import { LOCAL_VPC } from '../../local/aws/services/ec2.ts';
import { fargateVcpus } from '../../local/ecs/server.ts';
import { archiveOf } from '../../local/start/configurations.ts';
import { LAUNCHER, taskDefinition } from '../../local/start/task-definition.ts';
import { newFolder } from '../temporary-folder.ts';
import { queryLine } from './query-log.ts';
import { type RunOptions, startSystem, type TestSystem } from './system.ts';

const POOL = 'production';
const API_TOKEN = `agent-launcher/${POOL}/api-token`;
const AGENT_TOKEN = `agent-launcher/${POOL}/agent-token`;
const TOPIC = alarmTopicName(LAUNCHER);
/** The trail of the local account. */
const TRAIL = 'management-events';
const DIGEST = `sha256:${'a'.repeat(64)}`;

let system: TestSystem;
let releases: Server;
let folder: string;
/** A folder with an AWS CLI that answers that no VPC has a DNS Firewall. */
let programs: string;

beforeAll(async () => {
  // The launcher doesn't run, so that each test decides what its log contains.
  system = await startSystem({ launcher: false });
  releases = createServer((_, response) =>
    response.end(JSON.stringify({ versions: { '1.32.0': {}, '1.33.0': {}, '1.33.0+ent': {}, '2.0.0-beta1': {} } })),
  );
  await new Promise<void>((resolve) => releases.listen(0, '127.0.0.1', resolve));
  folder = newFolder('doctor');
  programs = newFolder('programs');
  const answer = JSON.stringify({ FirewallRuleGroupAssociations: [] });
  writeFileSync(join(programs, 'aws'), `#!${process.execPath}\nconsole.log('${answer}');\n`, { mode: 0o755 });
  // The settings from which the stack was deployed. They show the agent's version, which the copy's digest doesn't.
  const pools = [{ name: POOL, agentTokenSecret: AGENT_TOKEN, maxAgents: 4 }];
  const agentImage = { registry: 'hashicorp/tfc-agent:1.33.0' };
  const agentLauncher = { organization: 'acme', apiTokenSecret: API_TOKEN, pools, agentImage };
  writeFileSync(join(folder, 'cdk.json'), JSON.stringify({ context: { agentLauncher } }));
  system.ecs.aws.repositories.push({ repository: 'copies', digest: DIGEST });
  deployImage(`${system.ecs.accountId}.dkr.ecr.${system.ecs.region}.amazonaws.com/copies@${DIGEST}`);
  system.ecs.aws.quotas.set('L-3032A538', 16);
}, 60_000);
afterAll(async () => {
  await system.close();
  await new Promise((resolve) => releases.close(resolve));
});
beforeEach(() => tick());

/** The next revision of the task definition, as after a deployment. */
function deployImage(image: string, cpu = '1024'): void {
  const tokenSecret = system.ecs.putSecret(AGENT_TOKEN, system.hcpTerraform.agentPool.token);
  const { containerDefinitions, ...definition } = taskDefinition(POOL, {
    hcpTerraform: system.hcpTerraform,
    region: system.ecs.region,
    accountId: system.ecs.accountId,
    tokenSecret,
    image,
  });
  system.ecs.registerTaskDefinition({ ...definition, cpu, containerDefinitions });
}

/** A line of the launcher's log. */
function tick(pool: object = {}, at = Date.now()): void {
  const errors = Reflect.has(pool, 'errors');
  const message = {
    level: errors ? 'ERROR' : 'INFO',
    message: errors ? 'tick with errors' : 'tick',
    timestamp: new Date(at).toISOString(),
    service: LAUNCHER,
    version: '0.1.0',
    durationMs: 300,
    runListRequests: 1,
    pools: [{ pool: POOL, queued: 0, ...pool }],
  };
  system.addLogEvent({ group: 'launcher', message, at });
}

async function doctor(argv: readonly string[] = [], options: RunOptions = {}): Promise<DoctorJson & { code: number }> {
  const { port } = releases.address() as AddressInfo;
  const { code, stdout, stderr } = await system.run(['doctor', '--json', ...argv], {
    cwd: folder,
    ...options,
    env: { RELEASES_URL: `http://127.0.0.1:${port}`, PATH: programs, ...options.env },
  });
  expect(stderr).toBe('');
  // No secret is ever in the output.
  for (const secret of [system.hcpTerraform.launcherApiToken, system.hcpTerraform.agentPool.token]) {
    expect(stdout).not.toContain(secret);
  }
  return { code, ...doctorJson.parse(JSON.parse(stdout)) };
}

/** Adds an idle agent to the pool. @returns a function that removes it */
function addAgent(name: string): () => void {
  const { agents } = system.hcpTerraform.world;
  agents.set('agent-1', {
    id: 'agent-1',
    createdAt: Date.now(),
    poolId: system.hcpTerraform.agentPool.id,
    tokenId: 'at-1',
    name,
    version: '1.33.0',
    architecture: 'amd64',
    accept: new Set(['plan', 'apply']),
    single: false,
    ipAddress: '192.0.2.1',
    lastPingAt: Date.now(),
    reported: 'idle',
    jobsTaken: 0,
  });
  return () => void agents.delete('agent-1');
}

/** The findings that aren't ok. */
const problems = ({ findings }: DoctorJson): string[] =>
  findings.filter(({ severity }) => severity !== 'ok').map(({ severity, id }) => `${severity} ${id}`);

const secrets = () => new SecretsManagerClient({});

it('a healthy system has nothing to do, and every group was checked', async () => {
  const result = await doctor();
  expect(problems(result).filter((text) => !text.startsWith('note'))).toEqual([]);
  expect(result).toMatchObject({ code: 0, checked: 'deployment', mustAct: false });
  const groups = new Set(result.findings.filter(({ severity }) => severity === 'ok').map(({ group }) => group));
  expect([...groups].sort()).toEqual([
    'account',
    'deployment',
    'image',
    'machine',
    'network',
    'pool',
    'quotas',
    'secrets',
    'token',
  ]);
});

it('the text fits into 80 columns and ends with the summary', async () => {
  const { stdout, code } = await system.run(['doctor', '--all'], { cwd: folder });
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toBe('Checked the deployed stack AgentLauncher.');
  // Only words that can't be broken, such as ARNs and commands' arguments, are longer.
  expect(lines.filter((line) => line.length > 80 && line.trim().includes(' '))).toEqual([]);
  expect(lines.at(-1)).toMatch(/^(?:\d+ notes?; )?\d+ checks passed\. Nothing must be done\.$/);
  expect(code).toBe(0);
});

it('--only checks only these groups', async () => {
  const before = system.ecs.calls().length;
  const result = await doctor(['--only', 'secrets']);
  expect(new Set(result.findings.map(({ group }) => group))).toEqual(new Set(['secrets']));
  expect(
    system.ecs
      .calls()
      .slice(before)
      .map(({ action }) => action),
  ).not.toContain('DescribeAlarms');
});

interface Broken {
  readonly name: string;
  /** Plants the fault. @returns what removes it */
  readonly plant: () => unknown;
  readonly argv?: readonly string[];
  readonly options?: () => RunOptions;
  /** The finding that names the fault, and a part of its text. */
  readonly finding: `${'error' | 'warning' | 'note'} ${Finding['id']}`;
  readonly what: string | RegExp;
}

const put = async (id: string, value: string): Promise<void> => {
  await secrets().send(new PutSecretValueCommand({ SecretId: id, SecretString: value }));
};

const launcher = () => {
  const user = [...system.hcpTerraform.world.users.values()].find(
    ({ apiToken }) => apiToken === system.hcpTerraform.launcherApiToken,
  );
  if (user === undefined) throw new Error('There is no user of the launcher.');
  return user;
};
const seededPool = () => {
  const pool = system.hcpTerraform.world.pools.get(system.hcpTerraform.agentPool.id);
  if (pool === undefined) throw new Error('There is no pool.');
  return pool;
};

const asOwner = (): RunOptions => ({ env: { TFE_TOKEN: system.hcpTerraform.apiToken } });

const BROKEN: readonly Broken[] = [
  {
    name: 'an agent token’s secret that is scheduled for deletion',
    plant: async () => {
      await secrets().send(new DeleteSecretCommand({ SecretId: AGENT_TOKEN }));
      return () => secrets().send(new RestoreSecretCommand({ SecretId: AGENT_TOKEN }));
    },
    finding: 'error secrets.exists',
    what: `The secret ${AGENT_TOKEN} (the agent token of pool ${POOL}) is scheduled for deletion`,
  },
  {
    name: 'an API token’s secret with the console’s JSON',
    plant: async () => {
      await put(API_TOKEN, JSON.stringify({ token: system.hcpTerraform.launcherApiToken }));
      return () => put(API_TOKEN, system.hcpTerraform.launcherApiToken);
    },
    finding: 'error secrets.value',
    what: 'contains JSON, as the console’s key/value editor stores it',
  },
  {
    name: 'an agent token’s secret with JSON, which is read on request',
    plant: async () => {
      await put(AGENT_TOKEN, JSON.stringify({ token: system.hcpTerraform.agentPool.token }));
      return () => put(AGENT_TOKEN, system.hcpTerraform.agentPool.token);
    },
    argv: ['--read-secrets'],
    finding: 'error secrets.value',
    what: `The secret ${AGENT_TOKEN}`,
  },
  {
    name: 'a rejected API token',
    plant: async () => {
      await put(API_TOKEN, 'revoked.atlasv1.token');
      return () => put(API_TOKEN, system.hcpTerraform.launcherApiToken);
    },
    finding: 'error token.valid',
    what: `HCP Terraform rejects the API token in the secret ${API_TOKEN}.`,
  },
  {
    name: 'an API token that expires in three days',
    plant: () => {
      const user = launcher();
      user.apiTokenExpiresAt = Date.now() + 3.5 * 86_400_000;
      return () => delete user.apiTokenExpiresAt;
    },
    finding: 'error token.expiry',
    what: /expires on \d{4}-\d\d-\d\d, in 3 days\./,
  },
  {
    name: 'a pool that no workspace may use',
    plant: () => {
      seededPool().organizationScoped = false;
      return () => {
        seededPool().organizationScoped = true;
      };
    },
    finding: 'error pool.scope',
    what: `No workspace and no project may use the pool ${POOL}.`,
  },
  {
    name: 'a renamed pool',
    plant: () => {
      seededPool().name = 'prod';
      return () => {
        seededPool().name = POOL;
      };
    },
    finding: 'error pool.exists',
    what: `The pool ${POOL} doesn’t exist in the organization acme`,
  },
  {
    name: 'a pool without agent tokens, which the user’s own token shows',
    plant: () => {
      const { agentTokens } = system.hcpTerraform.world;
      const before = [...agentTokens];
      agentTokens.clear();
      return () => {
        for (const [id, token] of before) agentTokens.set(id, token);
      };
    },
    options: asOwner,
    finding: 'error pool.agent-tokens',
    what: `The pool ${POOL} has no agent token.`,
  },
  {
    name: 'an IP allowlist for the whole organization, which the user’s own token shows',
    plant: () => {
      const { ipAllowLists } = system.hcpTerraform.world;
      const range = { id: 'cidr-1', createdAt: Date.now(), range: '192.0.2.0/24', enabled: true, description: null };
      ipAllowLists.set('crl-1', {
        id: 'crl-1',
        createdAt: Date.now(),
        organization: 'acme',
        name: 'office',
        description: null,
        scope: 'organization',
        poolIds: [],
        ranges: [range],
      });
      return () => ipAllowLists.clear();
    },
    options: asOwner,
    finding: 'error network.allow-list-launcher',
    what: 'The IP allowlist "office" applies to the whole organization',
  },
  {
    name: 'an agent that isn’t a task of the cluster',
    plant: () => addAgent('always-on-vm'),
    finding: 'note pool.foreign-agents',
    what: `An agent of pool ${POOL} isn’t a task of this cluster: always-on-vm (idle).`,
  },
  {
    name: 'a run that waits in a pool that nobody serves',
    plant: async () => {
      const { api } = system.world;
      const pool = await api.createPool('lonely');
      const workspace = await api.createWorkspace({ name: 'forgotten', poolId: pool.id });
      const archive = await archiveOf('output "done" { value = true }\n');
      const run = { archive, message: 'Waits', planOnly: true, autoApply: false, isDestroy: false };
      const id = await api.queueRun({ workspaceId: workspace.id, ...run });
      return async () => {
        await api.cancel(id, 'Nobody serves it.');
        system.hcpTerraform.world.workspaces.delete(workspace.id);
        system.hcpTerraform.world.pools.delete(pool.id);
      };
    },
    options: () => ({ now: () => Date.now() + 6 * 60_000 }),
    finding: 'warning pool.unserved',
    what: /^One run waits in the pool lonely, .* run-\w+ of workspace forgotten \(6 min(?: \d+ s)?\)\.$/,
  },
  {
    name: 'an old agent with known vulnerabilities',
    plant: () => {
      deployImage('hashicorp/tfc-agent:1.30.0');
      return () => deployImage(`${system.ecs.accountId}.dkr.ecr.${system.ecs.region}.amazonaws.com/copies@${DIGEST}`);
    },
    finding: 'warning image.agent-age',
    what: /Agent 1\.30\.0 .* is \d+ releases behind 1\.33\.0.*CVE-2026-56865/,
  },
  {
    name: 'an image that was deleted from ECR',
    plant: () => {
      deployImage(`${system.ecs.accountId}.dkr.ecr.${system.ecs.region}.amazonaws.com/gone@${DIGEST}`);
      return () => deployImage(`${system.ecs.accountId}.dkr.ecr.${system.ecs.region}.amazonaws.com/copies@${DIGEST}`);
    },
    finding: 'error image.exists',
    what: `/gone@${DIGEST} of pool ${POOL} doesn’t exist.`,
  },
  {
    name: 'a quota of vCPUs that is too low',
    plant: () => {
      system.ecs.aws.quotas.set('L-3032A538', 2);
      return () => system.ecs.aws.quotas.set('L-3032A538', 16);
    },
    finding: 'warning quotas.fargate-on-demand',
    what: 'The quota "Fargate On-Demand vCPU resource count" is 2 vCPUs, but all pools at maxAgents use 4.',
  },
  {
    name: 'other clusters that use the quota of vCPUs',
    plant: () => system.ecs.aws.cloudWatch.addGauge({ ...fargateVcpus(false), value: () => 12.5 }),
    finding: 'warning quotas.fargate-on-demand',
    what: 'is 16 vCPUs, and all pools at maxAgents use 4, but others in the account use 12.5 now.',
  },
  {
    name: 'subnets without enough free addresses',
    plant: () => {
      const { network } = system.ecs.aws;
      const before = network.get('Subnets');
      network.set(
        'Subnets',
        before.map((subnet) => ({ ...subnet, AvailableIpAddressCount: 1 })),
      );
      return () => network.set('Subnets', before);
    },
    finding: 'error quotas.addresses',
    what: 'The subnets have 3 free addresses',
  },
  {
    name: 'a missing service-linked role',
    plant: () => {
      system.ecs.aws.roles.delete('AWSServiceRoleForECS');
      return () =>
        system.ecs.aws.roles.put({
          name: 'AWSServiceRoleForECS',
          path: '/aws-service-role/ecs.amazonaws.com/',
          service: 'ecs.amazonaws.com',
        });
    },
    finding: 'error account.service-linked-role',
    what: 'The service-linked role of ECS (AWSServiceRoleForECS) doesn’t exist.',
  },
  {
    name: 'an old bootstrap stack',
    plant: () => {
      system.ecs.aws.parameters.put('/cdk-bootstrap/hnb659fds/version', '5');
      return () => system.ecs.aws.parameters.put('/cdk-bootstrap/hnb659fds/version', '30');
    },
    finding: 'error account.bootstrap',
    what: 'The CDK bootstrap stack has version 5, but the template requires version 6.',
  },
  {
    name: 'a schedule that is off',
    plant: () => {
      setSchedule('DISABLED');
      return () => setSchedule('ENABLED');
    },
    finding: 'error deployment.schedule',
    what: 'The launcher is partly paused: its schedule AgentLauncher is off. Its queue of wake-ups is still on',
  },
  {
    name: 'a last tick with an error',
    plant: () => {
      tick(
        { errors: [{ system: 'ECS', fault: 'unavailable', message: 'ECS did not answer within 5 s.' }] },
        Date.now() + 1,
      );
      return () => delay(2).then(() => tick());
    },
    finding: 'error deployment.last-tick',
    what: /failed for pool production: ECS: ECS did not answer within 5 s\./,
  },
  {
    name: 'a full pool with a job that waits',
    plant: () => {
      tick({ queued: 1, live: { busy: 4 } }, Date.now() + 1);
      return () => delay(2).then(() => tick());
    },
    finding: 'note deployment.pool-full',
    what: 'Pool production is full: 4 live tasks of maxAgents 4 (4 busy), 1 queued.',
  },
  {
    name: 'an alarm',
    plant: () => {
      const name = `${LAUNCHER}: A job waits too long (${POOL})`;
      system.ecs.aws.cloudWatch.putAlarm({
        name,
        state: 'ALARM',
        reason: 'Threshold Crossed',
        description: 'A job waits.',
      });
      return () => system.ecs.aws.cloudWatch.deleteAlarm(name);
    },
    finding: 'error deployment.alarms',
    what: `The alarm "${LAUNCHER}: A job waits too long (${POOL})" is in the state ALARM`,
  },
  {
    name: 'an e-mail subscription of the alarms that nobody confirmed',
    plant: () => {
      const { topics } = system.ecs.aws;
      const email = { protocol: 'email', endpoint: 'ops@acme.example' };
      topics.put(TOPIC, [{ ...email, confirmed: false }]);
      return () => topics.put(TOPIC, [email]);
    },
    finding: 'warning deployment.alarm-receivers',
    what: 'The subscription of ops@acme.example (email) to the alarms isn’t confirmed.',
  },
  {
    name: 'a topic of the alarms that was deleted',
    plant: () => {
      const { topics } = system.ecs.aws;
      topics.delete(TOPIC);
      return () => topics.put(TOPIC, [{ protocol: 'email', endpoint: 'ops@acme.example' }]);
    },
    finding: 'error deployment.alarm-receivers',
    what: `:${TOPIC}, which doesn’t exist.`,
  },
  {
    name: 'a topic whose subscriptions the user may not list',
    plant: () => {
      const message = 'User: me is not authorized to perform: SNS:ListSubscriptionsByTopic';
      const fault = { kind: 'error', code: 'AuthorizationError', message, status: 403 } as const;
      system.ecs.faults.next('ListSubscriptionsByTopic', fault);
    },
    finding: 'warning deployment.alarm-receivers',
    what: 'not authorized to perform: SNS:ListSubscriptionsByTopic (AuthorizationErrorException)',
  },
  {
    name: 'a CloudTrail trail that is stopped',
    plant: () => {
      const { trails } = system.ecs.aws;
      trails.put({ name: TRAIL, isLogging: false });
      return () => trails.put({ name: TRAIL });
    },
    finding: 'warning account.cloudtrail',
    what: `No CloudTrail trail records management events in this region: ${TRAIL} is stopped.`,
  },
  {
    name: 'trails without management events that write',
    plant: () => {
      const { trails } = system.ecs.aws;
      const EventSelectors = [{ ReadWriteType: 'All', IncludeManagementEvents: false }];
      const reads = [
        { Field: 'eventCategory', Equals: ['Management'] },
        { Field: 'readOnly', Equals: ['true'] },
      ];
      trails.put({ name: TRAIL, selectors: { EventSelectors } });
      trails.put({
        name: 'of-the-organization',
        homeRegion: 'us-east-1',
        selectors: { AdvancedEventSelectors: [{ FieldSelectors: reads }] },
      });
      return () => {
        trails.put({ name: TRAIL });
        trails.delete('of-the-organization');
      };
    },
    finding: 'warning account.cloudtrail',
    what: `${TRAIL} records no management events that write and of-the-organization records no management events that write.`,
  },
  {
    name: 'a failed deployment',
    plant: () => {
      setStack('UPDATE_ROLLBACK_COMPLETE');
      return () => setStack('UPDATE_COMPLETE');
    },
    finding: 'warning deployment.stack',
    what: 'The last deployment of the stack AgentLauncher failed (UPDATE_ROLLBACK_COMPLETE).',
  },
  {
    name: 'a missing permission',
    plant: () =>
      system.ecs.faults.next(
        'DescribeSecret',
        {
          kind: 'error',
          code: 'AccessDeniedException',
          message: 'User: me is not authorized to perform: secretsmanager:DescribeSecret',
        },
        { times: 100 },
      ),
    finding: 'warning secrets.exists',
    what: 'not authorized to perform: secretsmanager:DescribeSecret',
  },
];

/** The rows of docs/broken-setups.md: the fault, what doctor says first, and how to fix it. */
const DOCUMENTED = readFileSync('docs/broken-setups.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| what'))
  .map((line): [name: string, says: string, fix: string] => {
    const [, name = '', says = '', fix = ''] = line.split('|').map((cell) => cell.trim());
    return [name, says, fix.replaceAll('`', '')];
  });

function setSchedule(State: 'ENABLED' | 'DISABLED'): void {
  system.ecs.aws.schedules.put({
    Name: LAUNCHER,
    ScheduleExpression: 'rate(1 minute)',
    State,
    FlexibleTimeWindow: { Mode: 'OFF' },
    Target: {
      Arn: `arn:aws:lambda:${system.ecs.region}:${system.ecs.accountId}:function:x`,
      RoleArn: `arn:aws:iam::${system.ecs.accountId}:role/x`,
    },
  });
}

function setStack(status: string): void {
  const { cloudFormation } = system.ecs.aws;
  cloudFormation.put({ ...cloudFormation.stack(LAUNCHER), status });
}

it('a rejected API token is one error, although the last tick shows it too', async () => {
  const message = `HCP Terraform: the API token in secret ${API_TOKEN} was rejected, also after reading the secret again`;
  system.ecs.putSecret(API_TOKEN, 'abc.atlasv1.revoked');
  tick({ errors: [{ system: 'HCP Terraform', fault: 'rejected', message }] }, Date.now() + 1);
  try {
    const result = await doctor(['--only', 'token,deployment']);
    expect(problems(result).filter((text) => text.startsWith('error'))).toEqual(['error token.valid']);
    const alone = await doctor(['--only', 'deployment']);
    expect(problems(alone)).toContain('error deployment.token-rejected');
  } finally {
    system.ecs.putSecret(API_TOKEN, system.hcpTerraform.launcherApiToken);
    await delay(2);
    tick();
  }
});

it('a remedy has the command in the form that works in a clone, with the options of this call', async () => {
  setSchedule('DISABLED');
  try {
    const argv = ['--only', 'deployment', '--region', system.ecs.region];
    const { findings } = await doctor(argv, { env: { npm_lifecycle_event: 'agent-launcher' } });
    const todo = findings.find(({ id }) => id === 'deployment.schedule')?.todo;
    expect(todo).toContain(`\`npm run --silent agent-launcher -- resume --region ${system.ecs.region}\``);
  } finally {
    setSchedule('ENABLED');
  }
});

describe('a broken system', () => {
  it.each(BROKEN)('with $name has a finding that names it', async ({ plant, argv = [], options, finding, what }) => {
    const [severity, id = ''] = finding.split(' ');
    const group = id.split('.')[0] ?? '';
    const remove = await plant();
    try {
      const result = await doctor(['--only', group, ...argv], options?.());
      expect(problems(result)).toContain(finding);
      const found = result.findings.filter((one) => one.severity === severity && one.id === id);
      const texts = found.map((one) => one.what);
      expect(
        texts.some((text) => (typeof what === 'string' ? text.includes(what) : what.test(text))),
        texts.join('\n'),
      ).toBe(true);
      for (const one of found) expect([one.why, one.todo].every((text) => (text ?? '').length > 5)).toBe(true);
      expect(result.code).toBe(finding.startsWith('note') ? 0 : 1);
    } finally {
      if (typeof remove === 'function') await remove();
    }
    expect(problems(await doctor(['--only', group])).filter((text) => !text.startsWith('note'))).toEqual([]);
  });

  it('is on the page with ten broken setups', () => {
    expect(DOCUMENTED).toHaveLength(10);
  });

  it.each(DOCUMENTED)('is described as in docs/broken-setups.md: %s', async (name, says, fix) => {
    const broken = BROKEN.find((one) => one.name === name);
    const remove = await broken?.plant();
    try {
      const { findings } = await doctor(broken?.argv, broken?.options?.());
      expect(findings[0]?.what.replace(/\d{4}-\d\d-\d\d/, 'DATE')).toBe(says);
      expect(findings[0]?.todo).toContain(fix);
    } finally {
      if (typeof remove === 'function') await remove();
    }
  });
});

describe('doctor before the deployment', () => {
  const settings = (agentLauncher: object): RunOptions => {
    const cwd = newFolder('settings');
    writeFileSync(join(cwd, 'cdk.json'), JSON.stringify({ context: { agentLauncher } }));
    return { cwd };
  };
  const least = {
    organization: 'acme',
    apiTokenSecret: API_TOKEN,
    pools: [{ name: POOL, agentTokenSecret: AGENT_TOKEN, maxAgents: 4 }],
  };

  it.each([
    ['machine', ['note machine.settings']],
    ['deployment', []],
  ])('reports wrong settings next to a deployed stack as a note of --only %s', async (group, expected) => {
    const result = await doctor(['--only', group], settings({ ...least, organization: 'your-org' }));
    expect(result).toMatchObject({ code: 0, checked: 'deployment' });
    expect(problems(result).filter((text) => text.includes('settings'))).toEqual(expected);
  });

  it.each([
    ['with an alarm topic and no trail', { alarmEmail: 'ops@acme.example' }, ['warning account.cloudtrail']],
    ['with auditEvents off and no trail', { alarmEmail: 'ops@acme.example', auditEvents: false }, []],
    ['without an alarm topic and a trail', {}, []],
  ])('%s, reports the trail if the settings need it', async (_, more, expected) => {
    const { trails } = system.ecs.aws;
    trails.delete(TRAIL);
    try {
      const result = await doctor(['--stack', 'Other', '--only', 'account'], settings({ ...least, ...more }));
      expect(problems(result)).toEqual(expected);
    } finally {
      trails.put({ name: TRAIL });
    }
  });

  it('checks the settings if there is no stack', async () => {
    const result = await doctor(['--stack', 'Other', '--only', 'account,quotas,secrets'], settings(least));
    expect(result).toMatchObject({ code: 0, checked: 'settings', stack: 'Other' });
    expect(problems(result)).toEqual([]);
  });

  it('checks the settings of the next deployment with --settings and overrides', async () => {
    const argv = ['--settings', '-c', 'pools.0.maxAgents=50', '--only', 'quotas'];
    const result = await doctor(argv, settings(least));
    expect(result.checked).toBe('settings');
    expect(problems(result)).toEqual(['warning quotas.fargate-on-demand']);
  });

  it('reports each secret that doesn’t exist', async () => {
    const result = await doctor(
      ['--settings', '--only', 'secrets'],
      settings({ ...least, apiTokenSecret: 'acme/typo' }),
    );
    expect(problems(result)).toEqual(['error secrets.exists']);
    expect(result.findings[0]?.what).toContain('The secret acme/typo (the API token) doesn’t exist');
  });

  it('reports a public subnet of an existing VPC, and that DNS Firewall needs the AWS CLI', async () => {
    const { network } = system.ecs.aws;
    const tables = network.get('RouteTables');
    const open = { DestinationCidrBlock: '0.0.0.0/0', GatewayId: 'igw-1', State: 'active' };
    network.set(
      'RouteTables',
      tables.map((table) => ({ ...table, Routes: [open] })),
    );
    try {
      const vpc = { egress: 'existing-vpc', vpcId: LOCAL_VPC, subnetIds: system.ecs.subnets.map(({ id }) => id) };
      const options = settings({ ...least, network: { ...vpc, dnsFirewall: true } });
      const result = await doctor(['--settings', '--only', 'network'], { ...options, env: { PATH: '/nowhere' } });
      expect(result.code).toBe(1);
      expect(problems(result)).toEqual(expect.arrayContaining(['error network.vpc', 'warning network.dns-firewall']));
      expect(result.findings[0]?.what).toMatch(/^Subnet subnet-\w+ is public/);
    } finally {
      network.set('RouteTables', tables);
    }
  });

  it('with --settings and wrong settings, says nothing about a stack', async () => {
    const result = await doctor(['--settings', '--only', 'quotas'], settings({ ...least, organization: 'your-org' }));
    const skipped = result.findings.find(({ id }) => id === 'quotas.skipped');
    expect(skipped?.what).toBe('Not checked: quotas. There are no valid settings.');
    expect(skipped?.todo).toContain('Without --settings, doctor checks a deployed stack.');
  });

  it.each([
    ['wrong settings', { ...least, organization: 'your-org' }, 'error machine.settings', 'The setting organization'],
    ['no settings', undefined, 'error machine.settings', 'has no settings of this project'],
  ])('with %s, checks what is possible and says so', async (_, agentLauncher, finding, text) => {
    const options = agentLauncher === undefined ? { cwd: newFolder('empty') } : settings(agentLauncher);
    const result = await doctor(['--stack', 'Other'], options);
    expect(result).toMatchObject({ code: 1, checked: 'nothing' });
    expect(problems(result)).toEqual(expect.arrayContaining([finding, 'warning quotas.skipped']));
    expect(result.findings[0]?.what).toContain(text);
  });

  it('with a cdk.json that isn’t JSON, explains the file', async () => {
    const cwd = newFolder('broken');
    writeFileSync(join(cwd, 'cdk.json'), '{');
    const { code, stderr } = await system.run(['doctor'], { cwd });
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${cwd}/cdk.json is not a CDK app's cdk.json`)]);
  });
});

it.each([
  ['an unknown group', ['--only', 'pools'], 'There is no group pools. The groups are machine, account'],
  ['an override without a value', ['-c', 'pools'], '-c pools has no value. Write -c name=value'],
  ['no number of hours', ['--task-hours', 'x'], 'Specify a positive number of hours'],
])('doctor with %s is used wrongly', async (_, argv, text) => {
  const { code, stdout, stderr } = await system.run(['doctor', ...argv], { cwd: folder });
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(text);
});

describe('the existing VPC of a deployed stack, without a settings file', () => {
  const empty = (): RunOptions => ({ cwd: newFolder('empty') });

  it('is checked by the stack’s outputs', async () => {
    const { findings } = await doctor(['--only', 'network'], empty());
    const what = `${LOCAL_VPC} has what agents need.`;
    expect(findings).toContainEqual(
      expect.objectContaining({ id: 'network.vpc', severity: 'ok', what: expect.stringContaining(what) }),
    );
  });

  it('with public subnets is an error', async () => {
    const { network } = system.ecs.aws;
    const tables = network.get('RouteTables');
    const open = { DestinationCidrBlock: '0.0.0.0/0', GatewayId: 'igw-1', State: 'active' };
    network.set(
      'RouteTables',
      tables.map((table) => ({ ...table, Routes: [open] })),
    );
    try {
      const result = await doctor(['--only', 'network'], empty());
      expect(result).toMatchObject({ checked: 'deployment', code: 1 });
      expect(result.findings[0]?.what).toMatch(/^Subnet subnet-\w+ is public/);
    } finally {
      network.set('RouteTables', tables);
    }
  });

  it('without its subnets is an error', async () => {
    const { network } = system.ecs.aws;
    const subnets = network.get('Subnets');
    network.set('Subnets', []);
    try {
      const result = await doctor(['--only', 'network'], empty());
      expect(problems(result)).toContain('error network.vpc');
      expect(result.findings[0]?.what).toContain('The subnets of the agents don’t exist: subnet-');
    } finally {
      network.set('Subnets', subnets);
    }
  });

  it('isn’t checked if the stack created its network', async () => {
    const { cloudFormation } = system.ecs.aws;
    const stack = cloudFormation.stack(LAUNCHER);
    const claim = { key: OUTPUTS.egressClaim, value: 'nat-gateway: Nothing comes in.' };
    cloudFormation.put({ ...stack, outputs: [...stack.outputs.filter(({ key }) => key !== claim.key), claim] });
    try {
      const { findings } = await doctor(['--only', 'network'], empty());
      expect(findings.map(({ id }) => id)).not.toContain('network.vpc');
    } finally {
      cloudFormation.put(stack);
    }
  });
});

describe('what the network refused', () => {
  const GROUP = 'AgentLauncher-Gateways';
  const QUERIES = '/aws/vendedlogs/AgentLauncher-Network-DnsFirewall-Queries';
  const ID = 'network.refused-domains';
  const refusals = async () =>
    (await doctor(['--only', 'network'])).findings
      .filter(({ id }) => id === ID)
      .map(({ severity, what }) => [severity, what]);
  const connect = (name: string, verdict = 'refused', at = Date.now()): void =>
    system.addLogEvent({ group: GROUP, message: { service: LAUNCHER, source: '10.0.0.7', name, verdict }, at });
  const lookUp = (name: string, isRefused = true, at = Date.now()): void =>
    system.addLogEvent({ group: QUERIES, message: queryLine(name, '10.0.0.7', isRefused), at });
  const setOutputs = (outputs: Readonly<Record<string, string>>): void => {
    const { cloudFormation } = system.ecs.aws;
    const stack = cloudFormation.stack(LAUNCHER);
    const others = stack.outputs.filter(
      ({ key }) => key !== OUTPUTS.gatewayLogGroup && key !== OUTPUTS.dnsQueryLogGroup,
    );
    const added = Object.entries(outputs).map(([key, value]) => ({ key, value }));
    cloudFormation.put({ ...stack, outputs: [...others, ...added] });
  };

  beforeEach(() => {
    const { cloudFormation, logs } = system.ecs.aws;
    const stack = cloudFormation.stack(LAUNCHER);
    setOutputs({ [OUTPUTS.gatewayLogGroup]: GROUP, [OUTPUTS.dnsQueryLogGroup]: QUERIES });
    for (const group of [GROUP, QUERIES]) logs.store.createGroup(group);
    return () => {
      for (const group of [GROUP, QUERIES]) logs.store.deleteGroup(group);
      cloudFormation.put(stack);
    };
  });

  it('is a note that lists the names of the last day, most often refused first', async () => {
    connect('old.example', 'refused', Date.now() - 25 * 3_600_000);
    connect('passed.example', 'passed');
    for (const name of ['rare.example', 'often.example', 'often.example', '']) connect(name);
    expect(await refusals()).toEqual([
      [
        'note',
        expect.stringMatching(
          /^In the last 24 hours, the gateways refused 4 connections: often\.example \(2 connections, last at [^)]+\), .*rare\.example \(1 connection, /,
        ),
      ],
    ]);
  });

  it('is ok if it is nothing', async () => {
    connect('passed.example', 'passed');
    lookUp('app.terraform.io.', false);
    lookUp('7.0.0.10.in-addr.arpa.');
    expect(await refusals()).toEqual([
      [
        'ok',
        'In the last 24 hours, DNS Firewall refused no lookup of a public domain and the gateways refused no connection.',
      ],
    ]);
  });

  it('includes the lookups that DNS Firewall refused, and not those of the search domain', async () => {
    lookUp('old.example.', true, Date.now() - 25 * 3_600_000);
    lookUp('app.terraform.io.', false);
    for (const name of ['a.example.', 'a.example.', 'a.example.ec2.internal.']) lookUp(name);
    connect('a.example');
    expect(await refusals()).toEqual([
      [
        'note',
        expect.stringMatching(
          /^In the last 24 hours, DNS Firewall refused 2 lookups and the gateways refused one connection: a\.example \(2 lookups and 1 connection, last at [^)]+\)\.$/,
        ),
      ],
    ]);
  });

  it('is only what DNS Firewall refused in an egress mode without gateways', async () => {
    setOutputs({ [OUTPUTS.dnsQueryLogGroup]: QUERIES });
    lookUp('a.example.');
    expect(await refusals()).toEqual([
      [
        'note',
        expect.stringMatching(/^In the last 24 hours, DNS Firewall refused one lookup: a\.example \(1 lookup, at /),
      ],
    ]);
  });

  it('can’t forge a line or move the cursor', async () => {
    connect('a\u001b[2J\nERROR    b\u202e.example');
    const { stdout } = await system.run(['doctor', '--only', 'network'], { cwd: folder, env: { PATH: programs } });
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('"a error b.example"');
    for (const forged of ['\u001b', '\u202e', '\nERROR']) expect(stdout).not.toContain(forged);
  });

  it('has a limit, so that many refused connections don’t delay doctor', async () => {
    for (let i = 0; i < 15_000; i += 1) connect(`${'n'.repeat(60)}.${i % 10}.example`);
    const requests = () => system.ecs.calls().filter(({ action }) => action === 'FilterLogEvents').length;
    const before = requests();
    const [[, what] = []] = await refusals();
    const count = Number(/refused at least (\d+) connections/.exec(what ?? '')?.[1]);
    expect(count).toBeGreaterThanOrEqual(10_000);
    expect(count).toBeLessThan(15_000);
    expect(requests() - before).toBeLessThan(20);
  });

  it('is not looked for if the stack has neither log', async () => {
    setOutputs({});
    connect('a.example');
    lookUp('a.example.');
    expect(await refusals()).toEqual([]);
  });

  it('is a warning for a log that may not be read, and includes the other log', async () => {
    const message = 'User: me is not authorized to perform: logs:FilterLogEvents';
    system.ecs.faults.next('FilterLogEvents', { kind: 'error', code: 'AccessDeniedException', message });
    const [denied, read, ...others] = await refusals();
    expect(denied).toEqual(['warning', expect.stringContaining(message)]);
    expect(read).toEqual(['ok', expect.stringContaining('In the last 24 hours')]);
    expect(others).toEqual([]);
  });
});

it('a stack without the rules of auditEvents needs no trail', async () => {
  const { cloudFormation, trails } = system.ecs.aws;
  const stack = cloudFormation.stack(LAUNCHER);
  cloudFormation.put({ ...stack, resources: [] });
  trails.delete(TRAIL);
  try {
    expect(problems(await doctor(['--only', 'account']))).toEqual([]);
  } finally {
    cloudFormation.put(stack);
    trails.put({ name: TRAIL });
  }
});

it('a stack that can’t be read is a finding, and the settings are checked', async () => {
  const message = 'User: me is not authorized to perform: cloudformation:DescribeStacks';
  system.ecs.faults.next('DescribeStacks', { kind: 'error', code: 'AccessDeniedException', message });
  const result = await doctor(['--only', 'secrets']);
  expect(result).toMatchObject({ checked: 'settings', code: 1 });
  expect(problems(result)).toEqual(['warning deployment.stack']);
});

it('without valid AWS credentials, everything that needs AWS is one finding', async () => {
  const code = 'UnrecognizedClientException';
  system.ecs.faults.next('GetCallerIdentity', { kind: 'error', code, message: 'The security token is invalid.' });
  const result = await doctor([], { env: { TFE_TOKEN: '' } });
  expect(problems(result).filter((text) => !text.startsWith('note'))).toEqual([
    'error account.identity',
    'warning quotas.skipped',
  ]);
});

it('an agent whose task stops isn’t an agent of somebody else', async () => {
  const { ecs, hcpTerraform } = system;
  const place = { region: ecs.region, accountId: ecs.accountId };
  const { containerDefinitions, ...definition } = taskDefinition('stopping', {
    hcpTerraform,
    ...place,
    tokenSecret: 'none',
    image: 'local/sleeper',
  });
  const withoutSecrets = containerDefinitions.map(({ secrets: _, ...rest }) => rest);
  const { family } = ecs.registerTaskDefinition({ ...definition, containerDefinitions: withoutSecrets });
  const client = new ECSClient({});
  const { tasks = [] } = await client.send(
    new RunTaskCommand({
      cluster: LAUNCHER,
      taskDefinition: family,
      launchType: 'FARGATE',
      networkConfiguration: { awsvpcConfiguration: { subnets: [ecs.subnets[0]?.id ?? ''] } },
    }),
  );
  const task = tasks[0]?.taskArn ?? '';
  await client.send(new StopTaskCommand({ cluster: LAUNCHER, task }));
  client.destroy();
  const remove = addAgent(task.split('/').at(-1) ?? '');
  try {
    const { findings } = await doctor(['--only', 'pool']);
    expect(findings.filter(({ id }) => id === 'pool.foreign-agents')).toMatchObject([{ severity: 'ok' }]);
  } finally {
    remove();
  }
});

it('doctor is the same in a separate process', { timeout: 60_000 }, async () => {
  const argv = ['doctor', '--only', 'secrets,token', '--all'];
  expect(await system.runProcess(argv, { cwd: folder })).toEqual(await system.run(argv, { cwd: folder }));
});
