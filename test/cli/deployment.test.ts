/** Which stack, launcher and region the commands read, and with which token, against the local system. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { CreateSecretCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CONNECTION_ENV } from '../../functions/connection/contract.ts';
import { ENV } from '../../functions/launcher/contract.ts';
import { LAUNCHER } from '../../local/start/task-definition.ts';
import { Stage } from './commands/scene.ts';

let stage: Stage;
let outputs: { key: string; value: string }[];

beforeAll(async () => {
  stage = await Stage.open();
  const { Stacks = [] } = await new CloudFormationClient({}).send(new DescribeStacksCommand({ StackName: LAUNCHER }));
  outputs = (Stacks[0]?.Outputs ?? []).map(({ OutputKey: key = '', OutputValue: value = '' }) => ({ key, value }));
}, 60_000);
afterAll(() => stage.close());
beforeEach(() => stage.serve());

const put = (stack: { outputs: typeof outputs; status?: string; statusReason?: string; name?: string }) =>
  stage.system.ecs.aws.cloudFormation.put({ name: 'Apps', ...stack });

describe('a stack with several launchers', () => {
  // The other launcher comes first, and its function doesn't exist.
  const two = () => [
    ...outputs.map(({ key }) => ({ key: `Other${key}AAAAAAAA`, value: 'Other' })),
    ...outputs.map(({ key, value }) => ({ key: `Main${key}0123ABCD`, value })),
  ];

  it('needs the name of one', async () => {
    put({ outputs: two() });
    const { code, stderr } = await stage.system.run(['runs', '--stack', 'Apps']);
    expect([code, stderr]).toEqual([
      2,
      'The stack Apps has several launchers: Other, AgentLauncher.\nPass --launcher NAME.\n',
    ]);
  });

  it('is read with the outputs of the named launcher alone', async () => {
    put({ outputs: two() });
    for (const command of [['status'], ['cost'], ['runs'], ['doctor', '--only', 'deployment']]) {
      const { stderr, stdout } = await stage.system.run([...command, '--stack', 'Apps', '--launcher', LAUNCHER]);
      expect(stderr + stdout).not.toContain('Other');
    }
  });

  it('has no launcher of another name', async () => {
    put({ outputs: two() });
    const { code, stderr } = await stage.system.run(['status', '--stack', 'Apps', '--launcher', 'Third']);
    expect([code, stderr]).toEqual([2, 'The stack Apps has no launcher Third. It has: Other, AgentLauncher.\n']);
  });
});

describe('a stack whose first deployment failed', () => {
  const failed = {
    outputs: [],
    status: 'ROLLBACK_COMPLETE',
    statusReason: 'The following resource(s) failed to create: [Vpc].',
  };

  it('is no launcher, and the message says where the reason is', async () => {
    put(failed);
    const { code, stderr } = await stage.system.run(['status', '--stack', 'Apps']);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'its first deployment failed (ROLLBACK_COMPLETE). CloudFormation says: The following resource(s)',
    );
    expect(stderr).toContain('aws cloudformation describe-stack-events --stack-name Apps');
  });

  it('is a finding of doctor', async () => {
    put(failed);
    const { stdout } = await stage.system.run(['doctor', '--only', 'account', '--json', '--stack', 'Apps']);
    const { findings }: { findings: { id: string; severity: string; what: string }[] } = JSON.parse(stdout);
    expect(findings.filter(({ id }) => id === 'deployment.stack')).toEqual([
      expect.objectContaining({
        severity: 'error',
        what: 'The stack Apps was never deployed completely: its first deployment failed (ROLLBACK_COMPLETE).',
      }),
    ]);
  });
});

it('doctor reports a function that AWS may not run', async () => {
  stage.reserve(0);
  const { stdout } = await stage.system.run(['doctor', '--only', 'deployment', '--json']);
  stage.reserve(undefined);
  const { findings }: { findings: { id: string; severity: string; what: string }[] } = JSON.parse(stdout);
  expect(findings).toContainEqual(
    expect.objectContaining({ id: 'deployment.concurrency', severity: 'error', what: expect.stringContaining('is 0') }),
  );
});

it('doctor checks the secrets of the launcher’s proxy and certificates', async () => {
  const secrets = new SecretsManagerClient({});
  await secrets.send(new CreateSecretCommand({ Name: 'acme/logins', SecretString: '{"proxy":"me:secret"}' }));
  await secrets.send(new CreateSecretCommand({ Name: 'acme/ca', SecretString: 'none' }));
  stage.serve((pool) => pool, {
    [CONNECTION_ENV.httpsProxyCredentialsSecret]: 'acme/logins',
    [CONNECTION_ENV.httpsProxyCredentialsJsonKey]: 'proxy',
    [CONNECTION_ENV.caCertificatesSecret]: 'acme/ca',
  });
  const { stdout } = await stage.system.run(['doctor', '--only', 'secrets', '--read-secrets', '--json']);
  const { findings }: { findings: { severity: string; what: string }[] } = JSON.parse(stdout);
  const found = findings.filter(({ what }) => /acme\/(logins|ca)/.test(what));
  expect(found.map(({ severity, what }) => [severity, what]).sort()).toEqual([
    ['error', expect.stringMatching(/acme\/ca .*no certificate in PEM/)],
    ['ok', expect.stringMatching(/acme\/logins \(the login for the proxy\) exists, and its value has the right form/)],
  ]);
});

describe('a pool with its own API token', () => {
  const OWN = 'own/api-token';
  const ownToken = async () => {
    const secrets = new SecretsManagerClient({});
    const launchers = stage.system.hcpTerraform.launcherApiToken;
    await secrets
      .send(new CreateSecretCommand({ Name: OWN, SecretString: launchers }))
      .catch(() => secrets.send(new PutSecretValueCommand({ SecretId: OWN, SecretString: launchers })));
    // The default secret of the deployment doesn't exist.
    stage.serve((pool) => ({ ...pool, apiTokenSecret: OWN }), { [ENV.apiTokenSecret]: 'missing' });
  };

  it('is read with this token by why and by runs', async () => {
    const scene = await stage.scene();
    await ownToken();
    scene.tick().ended('a'.repeat(32), {});
    const why = JSON.parse((await scene.run(['why', scene.runId, '--json'])).stdout);
    expect(why.run?.workspace ?? JSON.stringify(why)).toContain(scene.workspace);
    const runs = await scene.run(['runs']);
    expect(runs.stdout).toContain(scene.workspace);
    expect(runs.stderr).not.toContain('shown by id');
  });
});

it('AWS_DEFAULT_REGION is the region, as in the AWS CLI', async () => {
  const before = process.env['AWS_REGION'];
  delete process.env['AWS_REGION'];
  const env = { AWS_REGION: undefined, AWS_DEFAULT_REGION: before };
  try {
    const { stderr, stdout } = await stage.system.run(['status'], { env });
    expect(stderr).toBe('');
    expect(stdout).toContain(`in ${before}`);
    const without = await stage.system.run(['status'], {
      env: { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined },
    });
    expect(without.stderr).toContain('Region is missing');
  } finally {
    process.env['AWS_REGION'] = before;
  }
});

/** Titles a window, clears the screen, hides what follows, and does so with 8-bit sequences too. */
const HOSTILE = '\u001b]0;pwned\u0007\u001b[2J\u001b[8m\u009b2J\u202e';
// biome-ignore lint/suspicious/noControlCharactersInRegex: the styles of the command itself
const OURS = /\u001b\[(?:1|2|22|3[1-6]|39)m/g;

describe('hostile text', () => {
  const commands = (runId: string, task: string): string[][] => [
    ['doctor'],
    ['doctor', '--all', '--only', 'pool'],
    ['status'],
    ['why', runId],
    ['runs'],
    ['logs', runId],
    ['logs', task],
    ['cost', '--by', 'workspace'],
    ['cost', '--by', 'workspace', '--csv'],
    ['rotate', '--pool', `x${HOSTILE}`],
    [`unknown${HOSTILE}`],
    ['status', '--stack', `x${HOSTILE}`],
  ];

  it('of HCP Terraform, ECS and the logs reaches no terminal, and JSON stays JSON', { timeout: 120_000 }, async () => {
    const scene = await stage.scene();
    const { world } = stage.system.hcpTerraform;
    const task = await scene.task('running', scene.planKey);
    scene.takePlan(`evil${HOSTILE}`);
    for (const token of world.agentTokens.values()) Object.assign(token, { description: `old${HOSTILE}` });
    scene
      .launched(task)
      .ended(task, { workspace: `ws-1${HOSTILE}`, outcome: 'failed' })
      .tick({
        errors: [{ system: 'HCP Terraform', fault: 'rejected', message: `rejected${HOSTILE}` }],
        warning: `warning${HOSTILE}`,
      });
    scene.agentSays(task, `line${HOSTILE}`);
    let shown = '';
    for (const argv of commands(scene.runId, task)) {
      const { stdout, stderr } = await stage.system.run(argv, { columns: 100, now: () => scene.nowMs });
      shown += stdout + stderr;
      const left = (stdout + stderr).replace(OURS, '').replaceAll('\r\n', '\n');
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for them
      expect([argv, left.match(/[^\n]*[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e][^\n]*/)?.[0]]).toEqual([
        argv,
        undefined,
      ]);
      const json = await stage.system.run([...argv, '--json'], { now: () => scene.nowMs });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for them
      expect(json.stdout).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
      if (json.stdout !== '') JSON.parse(json.stdout);
    }
    // The commands did show the hostile names, and styled their own text.
    for (const text of ['evil', 'rejected', 'line', 'warning', 'ws-1']) expect(shown).toContain(text);
    expect(shown).toMatch(OURS);
  });
});
