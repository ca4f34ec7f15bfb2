/** `setup` over HTTP: HCP Terraform's emulator, and Secrets Manager of the ECS emulator. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateSecretCommand, DeleteSecretCommand, RestoreSecretCommand } from '@aws-sdk/client-secrets-manager';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { tokenOfVersion } from '../../../functions/token-rotation/core/agent-tokens.ts';
import { parseSettings } from '../../../lib/settings/parse.ts';
import { serve } from '../../loopback.ts';
import { type Result, type System, settingsIn, startSystem } from './system.ts';

const API_SECRET = 'agent-launcher/api-token';
const AGENT_SECRET = 'agent-launcher/aws/agent-token';

let system: System;
beforeAll(async () => {
  system = await startSystem();
});
afterAll(() => system.close());
/** Everything that any command of this file wrote. */
let written = '';
const tokensSeen = new Set<string>();
afterEach(async () => {
  for (const token of await system.tokens()) tokensSeen.add(token);
  for (const name of [API_SECRET, AGENT_SECRET, 'other/token']) {
    await system.secrets
      .send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true }))
      .catch(() => undefined);
  }
  system.hcp.reset();
});
// This test is last: it sees the output of all others.
afterAll(() => {
  expect(tokensSeen.size).toBeGreaterThan(10);
  for (const token of tokensSeen) expect(written).not.toContain(token);
});

const setup = async (
  folder: string,
  args: readonly string[],
  options: Parameters<System['run']>[2] = {},
): Promise<Result> => {
  const result = await system.run(
    folder,
    ['setup', '--hostname', system.hostname, '--non-interactive', '--offline', '--image', 'build', ...args],
    options,
  );
  written += result.output;
  return result;
};
const FIRST = ['--all-projects', '--api-token', 'same'];
const pools = () => [...system.hcp.world.pools.values()];
const poolNamed = (name: string) => pools().find((pool) => pool.name === name);
const tokensOf = (poolId: string | undefined) =>
  [...system.hcp.world.agentTokens.values()].filter((token) => token.poolId === poolId);

describe('setup without settings', () => {
  test('creates the pool, the token, both secrets and settings that synthesis accepts', async () => {
    const folder = system.folder();
    const result = await setup(folder, FIRST);

    expect(result.code).toBe(0);
    expect(result.stdout).toContain('npx cdk deploy');
    const pool = poolNamed('aws');
    expect(pool?.organizationScoped).toBe(true);
    const [token] = tokensOf(pool?.id);
    expect(token?.description).toMatch(
      /^agent-launcher 123456789012\/eu-central-1\/AgentLauncher\/aws in agent-launcher\/aws\/agent-token, \d{4}-\d\d-\d\dT[\d:.]+Z$/,
    );
    expect(await system.secret(AGENT_SECRET)).toBe(token?.secret);
    expect(Object.keys(await system.versions(AGENT_SECRET)).map(tokenOfVersion)).toEqual([token?.id]);
    expect(await system.secret(API_SECRET)).toBe(system.hcp.apiToken);
    const { context } = JSON.parse(readFileSync(join(folder, 'cdk.json'), 'utf8'));
    expect(parseSettings(context)).toMatchObject({
      hostname: system.hostname,
      organization: 'acme',
      apiTokenSecret: API_SECRET,
      pools: [{ name: 'aws', agentTokenSecret: AGENT_SECRET, maxAgents: 10 }],
    });
  });

  test('limits a new pool to projects', async () => {
    const [project] = [...system.hcp.world.projects.values()];
    const result = await setup(system.folder(), [
      '--project',
      'Default Project',
      '--api-token',
      'same',
      '--pool',
      'eu',
    ]);
    expect(result.code).toBe(0);
    expect(poolNamed('eu')).toMatchObject({ organizationScoped: false, allowedProjectIds: [project?.id] });
    expect(result.stderr).toContain('create the agent pool eu for the project Default Project');
  });

  test('writes every setting that a flag sets', async () => {
    const folder = system.folder();
    const args = ['--network', 'public-ip', '--aws-services', 'sts,s3', '--cpu', '2048', '--memory', '4096'];
    const result = await setup(folder, [...FIRST, ...args, '--max-agents', '4', '--phases']);
    expect(result.code).toBe(0);
    expect(settingsIn(folder)).toMatchObject({
      pools: [{ maxAgents: 4, cpu: 2048, memoryMiB: 4096, phases: {} }],
      network: {
        egress: 'public-ip',
        allowedPresets: ['aws-apis'],
        awsApiServices: ['sts', 's3'],
        awsApiRegions: ['eu-central-1'],
      },
    });
    expect(result.stderr).toMatch(/While idle, the network \(public-ip\) costs \$0\.\d+ a month/);
  });

  test('writes the sizes of each phase and Spot for plans, which imply phases', async () => {
    const folder = system.folder();
    const phases = ['--plan-capacity', 'spot', '--plan-cpu', '512', '--plan-memory', '1024', '--apply-cpu', '2048'];
    const result = await setup(folder, [...FIRST, ...phases, '--apply-memory', '4096']);
    expect(result.code).toBe(0);
    expect(settingsIn(folder)).toMatchObject({
      pools: [
        { phases: { plan: { capacity: 'spot', cpu: 512, memoryMiB: 1024 }, apply: { cpu: 2048, memoryMiB: 4096 } } },
      ],
    });
  });

  test('warns if the launcher’s API token is the token of a user, and names the page of the better one', async () => {
    const result = await setup(system.folder(), FIRST);
    expect(result.code).toBe(0);
    const text = result.stderr.replaceAll(/\s+/g, ' ');
    expect(text).toContain("Warning: The launcher's API token belongs to the user owner.");
    expect(text).toContain(`https://${system.hostname}/app/acme/settings/teams`);
  });

  test('uses an existing pool and leaves its scope', async () => {
    const folder = system.folder();
    const before = system.changes().length;
    const result = await setup(folder, ['--pool', 'existing', '--api-token', 'same']);
    expect(result.code).toBe(0);
    expect(system.changes().length - before).toBe(3);
    expect(poolNamed('aws')).toBeUndefined();
    expect(settingsIn(folder)['pools']).toEqual([
      { name: 'existing', agentTokenSecret: 'agent-launcher/existing/agent-token', maxAgents: 10 },
    ]);
    await system.secrets.send(
      new DeleteSecretCommand({ SecretId: 'agent-launcher/existing/agent-token', ForceDeleteWithoutRecovery: true }),
    );
  });

  test('reads three tokens from standard input, in their order', async () => {
    const stdin = `${system.hcp.apiToken}\n${system.hcp.launcherApiToken}\nx.atlasv1.given\n`;
    const args = ['--token-stdin', '--api-token', 'stdin', '--agent-token', 'stdin', '--all-projects'];
    const result = await setup(system.folder(), args, { stdin, env: { TFE_TOKEN: '' } });
    expect(result.code).toBe(0);
    expect(await system.secret(API_SECRET)).toBe(system.hcp.launcherApiToken);
    expect(await system.secret(AGENT_SECRET)).toBe('x.atlasv1.given');
    expect(result.output).not.toContain('x.atlasv1.given');
    expect(tokensOf(poolNamed('aws')?.id)).toEqual([]);
  });

  test('changes nothing without a terminal, --yes and --non-interactive', async () => {
    const folder = system.folder();
    const before = readFileSync(join(folder, 'cdk.json'), 'utf8');
    const result = await system.run(folder, ['setup', '--hostname', system.hostname, '--image', 'build', ...FIRST]);
    expect([result.code, result.stderr]).toEqual([2, expect.stringContaining('Add --yes to do it')]);
    expect(readFileSync(join(folder, 'cdk.json'), 'utf8')).toBe(before);
  });

  test('pins an image of a registry by its digest', async () => {
    const manifest = JSON.stringify({
      schemaVersion: 2,
      manifests: [{ platform: { os: 'linux', architecture: 'amd64' } }],
    });
    const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
    const registry = await serve((_, response) => response.end(manifest));
    const folder = system.folder();
    // Only a security group of the user can open another port than 443.
    const network = { egress: 'existing-vpc', vpcId: 'vpc-0a1b2c3d4e5f60718', subnetIds: ['subnet-0a1b2c3d4e5f60718'] };
    const file = JSON.parse(readFileSync(join(folder, 'cdk.json'), 'utf8'));
    file.context.agentLauncher.network = { ...network, securityGroupIds: ['sg-0a1b2c3d4e5f60718'] };
    writeFileSync(join(folder, 'cdk.json'), JSON.stringify(file));
    const reference = `${registry.host}/team/tfc-agent:1.33.0`;
    const result = await system.run(folder, [
      'setup',
      '--hostname',
      system.hostname,
      '--yes',
      '--image',
      reference,
      ...FIRST,
    ]);
    registry.close();
    expect(result.code).toBe(0);
    expect(settingsIn(folder)['agentImage']).toEqual({ registry: `${reference}@${digest}` });
    expect(result.stderr.replaceAll(/\s+/g, ' ')).toContain(
      'Warning: In an image from a registry, Terraform providers can read the agent token.',
    );
  });

  test('says what an image from the registry means if Docker does not answer', async () => {
    const folder = system.folder();
    const result = await system.run(folder, ['setup', '--hostname', system.hostname, '--yes', '--offline', ...FIRST]);
    written += result.output;
    expect(result.code).toBe(0);
    const text = result.stderr.replaceAll(/\s+/g, ' ');
    expect(text).toContain("docker doesn't answer here, so the image comes from the registry.");
    expect(text.split('Terraform providers can read the agent token').length - 1).toBe(1);
    expect(settingsIn(folder)['agentImage']).toEqual({ registry: expect.stringMatching(/^hashicorp\/tfc-agent:/) });
  });

  test('says that a registry cannot be reached, and keeps the version', async () => {
    const folder = system.folder();
    const reference = 'registry.invalid/team/tfc-agent:1.33.0';
    const result = await system.run(folder, [
      'setup',
      '--hostname',
      system.hostname,
      '--yes',
      '--image',
      reference,
      ...FIRST,
    ]);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('The digest of registry.invalid/team/tfc-agent:1.33.0 could not be looked up');
    expect(settingsIn(folder)['agentImage']).toEqual({ registry: reference });
  });
});

describe('setup and the stack', () => {
  test('writes the name of --stack, and the token belongs to that stack', async () => {
    const folder = system.folder();
    expect((await setup(folder, [...FIRST, '--stack', 'TeamA'])).code).toBe(0);
    expect(settingsIn(folder)['stackName']).toBe('TeamA');
    expect(tokensOf(poolNamed('aws')?.id)[0]?.description).toMatch(
      /\/eu-central-1\/TeamA\/aws in agent-launcher\/aws\/agent-token, /,
    );
  });

  describe('with a deployed stack that serves the pool production', () => {
    beforeAll(() => system.deployStack('production'));
    afterAll(() => system.deleteStack());

    test('refuses settings of a fresh clone that lack this pool, and changes nothing', async () => {
      const folder = system.folder();
      const before = system.changes().length;
      const result = await setup(folder, FIRST);
      expect(result.code).toBe(2);
      expect(result.stderr).toContain(
        'The stack AgentLauncher is deployed in this account and region, and serves the pool production (organization acme).',
      );
      expect(result.stderr).toContain('Pass --stack NAME for a new stack.');
      expect(system.changes().length).toBe(before);
      expect(settingsIn(folder)['organization']).toBe('your-org');
    });

    test('warns that new settings would replace the value of a secret that another stack may use', async () => {
      const args = ['--pool', 'production', ...FIRST];
      expect((await setup(system.folder(), args)).code).toBe(0);
      const second = await setup(system.folder(), ['--stack', 'Other', '--pool', 'other', ...FIRST]);
      expect(second.code).toBe(0);
      const text = second.stderr.replaceAll(/\s+/g, ' ');
      expect(text).toContain(`Warning: The secret ${API_SECRET} has a value, and these settings are new.`);
      expect(text).toContain('pass another name with --api-token-secret.');
      expect(text).not.toContain('--agent-token-secret');
    });

    test('accepts another stack for another pool', async () => {
      const folder = system.folder();
      const result = await setup(folder, [...FIRST, '--stack', 'TeamA']);
      expect(result.code).toBe(0);
      expect(result.stderr).not.toContain('Warning: The stack');
    });

    test('warns if the user insists on the stack', async () => {
      const result = await setup(system.folder(), [...FIRST, '--stack', 'AgentLauncher']);
      expect(result.code).toBe(0);
      expect(result.stderr).toMatch(/Warning: The stack AgentLauncher is deployed/);
    });

    test('warns if two stacks would serve one pool', async () => {
      const args = ['--agent-token-secret', 'other/token', '--pool', 'production', '--stack', 'TeamA'];
      const result = await setup(system.folder(), [...FIRST, ...args]);
      expect(result.code).toBe(0);
      expect(result.stderr.replaceAll(/\s+/g, ' ')).toContain('Two launchers of one pool start two agents for a job');
    });

    test('says that it could not find out what is deployed', async () => {
      system.aws.faults.next('DescribeStacks', { kind: 'error', code: 'AccessDenied', message: 'No.', status: 403 });
      const result = await setup(system.folder(), FIRST);
      expect(result.code).toBe(0);
      expect(result.stderr).toContain("Setup can't find out whether the stack AgentLauncher is deployed");
    });
  });
});

describe('setup again', () => {
  test('changes nothing, and says so', async () => {
    const folder = system.folder();
    await setup(folder, FIRST);
    const before = [readFileSync(join(folder, 'cdk.json'), 'utf8'), system.changes().length];
    const result = await system.run(folder, ['setup', '--hostname', system.hostname]);
    written += result.output;
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('Everything exists already. There is nothing to change.');
    // The first run said this already.
    expect(result.output).not.toMatch(/Warning|bootstrap|npm ci/);
    expect(result.stdout).toContain('npx cdk deploy');
    expect([readFileSync(join(folder, 'cdk.json'), 'utf8'), system.changes().length]).toEqual(before);
  });

  test('changes only what a flag asks for', async () => {
    const folder = system.folder();
    await setup(folder, FIRST);
    const before = system.changes().length;
    const result = await setup(folder, ['--cpu', '2048', '--memory', '4096']);
    expect(result.code).toBe(0);
    expect(system.changes().length).toBe(before);
    expect(settingsIn(folder)['pools']).toEqual([
      { name: 'aws', agentTokenSecret: AGENT_SECRET, maxAgents: 10, cpu: 2048, memoryMiB: 4096 },
    ]);
  });

  test('adds a second pool next to the first one', async () => {
    const folder = system.folder();
    await setup(folder, FIRST);
    const result = await setup(folder, ['--pool', 'eu', '--all-projects', '--agent-token-secret', 'other/token']);
    expect(result.code).toBe(0);
    expect(settingsIn(folder)['pools']).toEqual([
      { name: 'aws', agentTokenSecret: AGENT_SECRET, maxAgents: 10 },
      { name: 'eu', agentTokenSecret: 'other/token' },
    ]);
  });

  test('creates a new token if the one in the secret was revoked', async () => {
    const folder = system.folder();
    await setup(folder, FIRST);
    system.hcp.world.agentTokens.delete(tokensOf(poolNamed('aws')?.id)[0]?.id ?? '');
    const result = await setup(folder, []);
    expect(result.code).toBe(0);
    expect(await system.secret(AGENT_SECRET)).toBe(tokensOf(poolNamed('aws')?.id)[0]?.secret);
  });

  test('keeps a value that it did not store, and says that it could not check it', async () => {
    system.aws.putSecret('agent-launcher/existing/agent-token', 'x.atlasv1.by-hand');
    const result = await setup(system.folder(), ['--pool', 'existing', '--api-token', 'same']);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('has a value. It is kept');
    expect(await system.secret('agent-launcher/existing/agent-token')).toBe('x.atlasv1.by-hand');
    await system.secrets.send(
      new DeleteSecretCommand({ SecretId: 'agent-launcher/existing/agent-token', ForceDeleteWithoutRecovery: true }),
    );
  });

  test('changes the scope of a pool only if a flag asks for it', async () => {
    const folder = system.folder();
    await setup(folder, FIRST);
    const before = system.changes().length;
    const result = await setup(folder, ['--project', 'Default Project']);
    expect(result.code).toBe(0);
    expect(poolNamed('aws')?.organizationScoped).toBe(false);
    expect(system.changes().length - before).toBe(1);
  });
});

describe('setup --dry-run', () => {
  test('prints each call without secrets, and sends none of them', async () => {
    const folder = system.folder();
    const before = [readFileSync(join(folder, 'cdk.json'), 'utf8'), system.changes().length];
    const result = await setup(folder, [...FIRST, '--dry-run']);
    expect(result.code).toBe(0);
    expect([readFileSync(join(folder, 'cdk.json'), 'utf8'), system.changes().length]).toEqual(before);
    const calls = result.stdout.split('\n').filter((line) => /^(?:POST|PATCH|secretsmanager|write) /.test(line));
    expect(calls).toEqual([
      `POST https://${system.hostname}/api/v2/organizations/acme/agent-pools`,
      `POST https://${system.hostname}/api/v2/agent-pools/<id of the new pool>/authentication-tokens`,
      'secretsmanager CreateSecret in eu-central-1',
      'secretsmanager CreateSecret in eu-central-1',
      'write cdk.json',
    ]);
    expect(result.stdout).toContain('"SecretString": "<not shown>"');
    expect(result.stdout).toContain('"organization-scoped": true');
  });
});

describe('setup that stops halfway', () => {
  const POOL_CALL = /\/agent-pools$/;
  const TOKEN_CALL = /\/authentication-tokens$/;
  const refusal = { kind: 'error', status: 500, title: 'internal server error' } as const;
  const lost = { kind: 'lost-response' } as const;
  const denied = { kind: 'error', code: 'AccessDeniedException', message: 'You are not authorized.' } as const;

  /** Nothing is left: no pool, no token, no secret, and the settings are as before. */
  const expectNothingLeft = async (folder: string): Promise<void> => {
    expect(poolNamed('aws')).toBeUndefined();
    const [only, ...others] = [...system.hcp.world.agentTokens.values()];
    expect([only?.description, others]).toEqual(['default', []]);
    expect([await system.secret(AGENT_SECRET), await system.secret(API_SECRET)]).toEqual([undefined, undefined]);
    expect(readFileSync(join(folder, 'cdk.json'), 'utf8')).toBe(readFileSync('cdk.json', 'utf8'));
  };

  test.each<[string, () => void]>([
    ['the pool is refused', () => system.hcp.faults.next('POST', POOL_CALL, refusal)],
    ['the agent token is refused', () => system.hcp.faults.next('POST', TOKEN_CALL, refusal)],
    ['the answer with the agent token is lost', () => system.hcp.faults.next('POST', TOKEN_CALL, lost)],
    ['the first secret is refused', () => system.aws.faults.next('CreateSecret', denied)],
    [
      'the second secret is refused',
      () =>
        system.aws.faults.next('CreateSecret', denied, { when: (input) => JSON.stringify(input).includes(API_SECRET) }),
    ],
    [
      'the answer about the first secret is lost',
      () => system.aws.faults.next('CreateSecret', { kind: 'lost-response' }),
    ],
    [
      'the answer about the second secret is lost',
      () =>
        system.aws.faults.next(
          'CreateSecret',
          { kind: 'lost-response' },
          { when: (input) => JSON.stringify(input).includes(API_SECRET) },
        ),
    ],
  ])('undoes everything if %s', async (_, fail) => {
    const folder = system.folder();
    fail();
    const result = await setup(folder, FIRST);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/Could not .*:\n/);
    expect(result.stderr).toMatch(/Everything that was done is undone\.$/m);
    await expectNothingLeft(folder);
    // The next run works, so nothing is in its way.
    expect((await setup(folder, FIRST)).code).toBe(0);
  });

  test('leaves a pool whose creation got no answer, and says how to remove it', async () => {
    system.hcp.faults.next('POST', POOL_CALL, lost);
    const result = await setup(system.folder(), FIRST);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('This is left:\n  - maybe the agent pool aws');
    expect(result.stderr).toContain(`remove it: delete it on https://${system.hostname}/app/acme/settings/agents`);
    expect(poolNamed('aws')).toBeDefined();
  });

  test('lists what could not be undone, with the commands that remove it', async () => {
    system.aws.faults.next('CreateSecret', denied, { when: (input) => JSON.stringify(input).includes(API_SECRET) });
    system.aws.faults.next('DeleteSecret', denied);
    system.hcp.faults.next('DELETE', /agent-pools/, refusal);
    system.hcp.faults.next('DELETE', /authentication-tokens/, refusal);
    const result = await setup(system.folder(), FIRST);
    expect(result.code).toBe(1);
    const id = poolNamed('aws')?.id;
    const tokenId = tokensOf(id)[0]?.id;
    expect(result.stderr.slice(result.stderr.indexOf('This is left:')).match(/remove it: .*/g)).toEqual([
      `remove it: aws secretsmanager delete-secret --force-delete-without-recovery --secret-id ${AGENT_SECRET} --region eu-central-1`,
      `remove it: curl -X DELETE -H "Authorization: Bearer $TFE_TOKEN" -H 'Content-Type: application/vnd.api+json' https://${system.hostname}/api/v2/authentication-tokens/${tokenId}`,
      `remove it: curl -X DELETE -H "Authorization: Bearer $TFE_TOKEN" -H 'Content-Type: application/vnd.api+json' https://${system.hostname}/api/v2/agent-pools/${id}`,
    ]);
  });

  test('restores the value of a secret that it had replaced', async () => {
    system.aws.putSecret(AGENT_SECRET, 'x.atlasv1.by-hand');
    system.aws.faults.next('CreateSecret', denied);
    const result = await setup(system.folder(), [...FIRST, '--agent-token', 'create']);
    expect(result.code).toBe(1);
    expect(await system.secret(AGENT_SECRET)).toBe('x.atlasv1.by-hand');
    const versions = Object.entries(await system.versions(AGENT_SECRET));
    const [stored] = versions.find(([, labels]) => labels.includes('AWSPREVIOUS')) ?? [];
    expect(result.stderr).toContain('Its version AWSPREVIOUS still has the value that setup stored.');
    expect(result.stderr).toContain(
      `update-secret-version-stage --region eu-central-1 --secret-id ${AGENT_SECRET} --version-stage AWSPREVIOUS --remove-from-version-id ${stored}`,
    );
  });

  test('lists the value of a secret that was empty before, because AWS keeps the last value', async () => {
    await system.secrets.send(new CreateSecretCommand({ Name: AGENT_SECRET }));
    system.aws.faults.next('CreateSecret', denied);
    const result = await setup(system.folder(), [...FIRST, '--agent-token', 'create']);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(
      `This is left:\n  - the new value of the secret ${AGENT_SECRET} (The secret was empty before, and AWS keeps its last value.)\n    remove it: store the right value in its place: aws secretsmanager put-secret-value`,
    );
  });

  test('does not delete a secret that somebody else created at the same time', async () => {
    const folder = system.folder();
    system.aws.faults.next('CreateSecret', denied, {
      when: (input) => {
        if (!JSON.stringify(input).includes(API_SECRET)) return false;
        system.aws.putSecret(API_SECRET, 'of somebody else');
        return true;
      },
    });
    expect((await setup(folder, FIRST)).code).toBe(1);
    expect(await system.secret(API_SECRET)).toBe('of somebody else');
  });

  test.each([1, 2, 3, 4])('undoes everything if the user interrupts before step %i ends', async (steps) => {
    const folder = system.folder();
    const controller = new AbortController();
    let seen = 0;
    const before = system.changes().length;
    const stop = setInterval(() => {
      seen = system.changes().length - before;
      if (seen >= steps) controller.abort(new Error('SIGINT'));
    }, 1);
    const result = await setup(folder, FIRST, { interrupted: controller.signal });
    clearInterval(stop);
    // The interrupt may arrive after the last step; then setup is complete.
    if (result.code === 0) expect(steps).toBe(4);
    else {
      expect(result.stderr).toContain('Interrupted.\nEverything that was done is undone.');
      await expectNothingLeft(folder);
    }
  });

  test('undoes everything if the settings changed meanwhile', async () => {
    const folder = system.folder();
    system.aws.faults.next(
      'CreateSecret',
      { kind: 'delay', delayMs: 50 },
      {
        when: () => {
          writeFileSync(join(folder, 'cdk.json'), '{}');
          return true;
        },
      },
    );
    const result = await setup(folder, FIRST);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('was changed while setup ran');
    expect(poolNamed('aws')).toBeUndefined();
    expect(readFileSync(join(folder, 'cdk.json'), 'utf8')).toBe('{}');
  });
});

describe('setup refuses', () => {
  const changesNothing = async (args: readonly string[], options: Parameters<System['run']>[2], code: number) => {
    const folder = system.folder();
    const before = system.changes().length;
    const result = await setup(folder, args, options);
    expect(system.changes().length).toBe(before);
    expect(result.code).toBe(code);
    return result.stderr;
  };

  test('a token that can only read, and calls the missing permission by its name', async () => {
    const message = await changesNothing(FIRST, { env: { TFE_TOKEN: system.hcp.launcherApiToken } }, 1);
    expect(message).toContain('✓ list runs    View all workspaces');
    expect(message).toMatch(/✗ manage pools Manage agent pools +no: the organization shows that it is missing/);
    expect(message).toContain(
      'has no permission "Manage agent pools", so setup can\'t:\n  - create the agent pool aws',
    );
    expect(message).toContain(`https://${system.hostname}/app/acme/settings/teams`);
  });

  test('an organization that does not exist, and lists those that the token sees', async () => {
    const message = await changesNothing([...FIRST, '--organization', 'acne'], {}, 1);
    expect(message).toContain(`There is no organization acne on ${system.hostname}`);
    expect(message).toContain('It sees: acme. Pass --organization NAME.');
  });

  test('an agent token under a key of a secret, whose other keys it would overwrite', async () => {
    const arn = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:acme/tokens-AbCdEf:agent';
    const message = await changesNothing([...FIRST, '--agent-token-secret', arn], {}, 1);
    expect(message).toContain(
      'The agent token is under the key agent of the secret acme/tokens. Setup stores a token only',
    );
  });

  test('a host that does not answer', async () => {
    const message = await changesNothing([...FIRST, '--hostname', 'localhost.example:1'], {}, 2);
    expect(message).toContain('--hostname is "localhost.example:1", with port 1.');
    const other = await changesNothing([...FIRST, '--hostname', 'hcp.example.com:1024'], {}, 1);
    expect(other).toContain('No answer from https://hcp.example.com:1024 (ECONNREFUSED)');
  });

  test.each([
    ['a wrong token', 'wrong', 'The token is wrong or has expired. An agent token does not work here'],
    ['an agent token', 'agent', 'An agent token does not work here: use a user or team token.'],
  ])('%s', async (_, token, expected) => {
    const TFE_TOKEN = token === 'agent' ? system.hcp.agentPool.token : token;
    expect(await changesNothing(FIRST, { env: { TFE_TOKEN } }, 1)).toContain(expected);
  });

  test.each<[string, readonly string[], Parameters<System['run']>[2], string]>([
    ['a size that Fargate does not have', [...FIRST, '--cpu', '1000'], {}, '--cpu is 1000. Allowed: '],
    [
      'too many agents, and gives the option to change',
      [...FIRST, '--max-agents', '5000'],
      {},
      '--max-agents is 5000. ',
    ],
    [
      'two wrong values, and reports both: the size',
      [...FIRST, '--alarm-email', 'foo', '--cpu', '300'],
      {},
      '--cpu is 300. Allowed: ',
    ],
    [
      'two wrong values, and reports both: the address',
      [...FIRST, '--alarm-email', 'foo', '--cpu', '300'],
      {},
      '--alarm-email is "foo". Allowed: ',
    ],
    ['no token at all', FIRST, { env: { TFE_TOKEN: '' } }, 'Run `terraform login'],
    [
      'a new pool without a scope',
      ['--api-token', 'same'],
      {},
      'Pass --project NAME for each of them, or --all-projects.',
    ],
    ['a project that does not exist', ['--api-token', 'same', '--project', 'x'], {}, 'There is no project x'],
    ['phases and none', [...FIRST, '--phases', '--no-phases'], {}, 'Pass either --phases or --no-phases, not both.'],
    [
      'no phases, but a size of one',
      [...FIRST, '--no-phases', '--plan-cpu', '512'],
      {},
      'Pass either --no-phases or --plan-cpu, not both.',
    ],
    ['both kinds of scope', [...FIRST, '--project', 'x'], {}, 'Pass either --project or --all-projects, not both.'],
    ['no API token for the launcher', ['--all-projects'], {}, 'has no API token for the launcher'],
    ['an empty standard input', ['--all-projects', '--api-token', 'stdin'], {}, 'Standard input has no line for it.'],
    ['an empty variable', ['--all-projects', '--api-token', 'env'], {}, 'AGENT_LAUNCHER_API_TOKEN'],
    ['a wrong pool name', [...FIRST, '--pool', 'a b'], {}, '--pool is "a b". Allowed: up to 90 letters'],
    ['an IP address as the hostname', [...FIRST, '--hostname', '10.0.0.5:443'], {}, '"10.0.0.5:443", an IP address.'],
    ['a wrong stack name', [...FIRST, '--stack', '1'], {}, '--stack is "1". Allowed: up to 48 letters'],
    [
      'a VPC for a network that has its own',
      [...FIRST, '--network', 'public-ip', '--vpc-id', 'vpc-0a1b2c3d'],
      {},
      '--vpc-id and --subnet-ids have no effect with the network public-ip.',
    ],
    [
      'a VPC for the network of the settings',
      [...FIRST, '--vpc-id', 'vpc-0a1b2c3d'],
      {},
      '--vpc-id and --subnet-ids have no effect with the network nat-gateway.',
    ],
    [
      'an agent version for an image that has its own',
      [...FIRST, '--image', 'example.com/agent:1.33.0', '--agent-version', '1.33.0'],
      {},
      '--agent-version has no effect with --image example.com/agent:1.33.0',
    ],
    ['a token as the name of a secret', [...FIRST, '--api-token-secret', 'x.atlasv1.y'], {}, 'so it is not shown'],
  ])('%s', async (_, args, options, expected) => {
    expect(await changesNothing(args, options, 2)).toContain(expected);
  });

  test.each<[string, readonly string[], Parameters<System['run']>[2], string]>([
    [
      "a launcher's token that is wrong",
      ['--all-projects', '--api-token', 'stdin'],
      { stdin: 'wrong' },
      'API token of the launcher from standard input does not work',
    ],
    ['a mode without its VPC', [...FIRST, '--network', 'existing-vpc'], {}, 'network.vpcId (--vpc-id)'],
    [
      'to keep an agent token that does not exist',
      [...FIRST, '--agent-token', 'keep'],
      {},
      'has no agent token to keep',
    ],
    [
      'JSON as a token',
      ['--all-projects', '--api-token', 'stdin'],
      { stdin: '{"token": "x"}' },
      'A token has no spaces',
    ],
    ['a missing file', [...FIRST, '--settings', 'missing.json'], {}, 'There is no settings file'],
  ])('%s', async (_, args, options, expected) => {
    expect(await changesNothing(args, options, 1)).toContain(expected);
  });

  test('a secret that is scheduled for deletion', async () => {
    system.aws.putSecret(AGENT_SECRET, 'x.atlasv1.deleted');
    await system.secrets.send(new DeleteSecretCommand({ SecretId: AGENT_SECRET }));
    const result = await setup(system.folder(), FIRST);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('scheduled for deletion');
    await system.secrets.send(new RestoreSecretCommand({ SecretId: AGENT_SECRET }));
  });
});

test('setup exits with 1 if the launcher could not list runs with its token', async () => {
  system.hcp.faults.next('GET', /\/organizations\/acme\/runs/, { kind: 'error', status: 404, title: 'not found' });
  const result = await setup(system.folder(), FIRST);
  expect(result.code).toBe(1);
  expect(result.stdout).toContain(
    'The launcher\'s token lacks "View all workspaces", so the launcher can\'t list runs.',
  );
});
