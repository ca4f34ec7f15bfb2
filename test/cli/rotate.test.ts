/** `rotate` over HTTP, against a deployed stack of the local AWS and tasks with real local agents. */

import { PassThrough } from 'node:stream';
import { ECSClient, RunTaskCommand, StopTaskCommand } from '@aws-sdk/client-ecs';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { AGENT_CONTAINER, IDLE_SECONDS_VARIABLE } from '../../functions/launcher/contract.ts';
import { tokenDescription, tokenOfVersion, versionOfToken } from '../../functions/token-rotation/core/agent-tokens.ts';
import { familyOfPool, taskDefinition } from '../../local/start/task-definition.ts';
import { clientSettings } from '../local/ecs/local-ecs.ts';
import { until } from '../processes.ts';
import { type RunOptions, startSystem, type TestSystem } from './system.ts';

const POOL = 'production';
const SECRET = `agent-launcher/${POOL}/agent-token`;

let system: TestSystem;
let secrets: SecretsManagerClient;
let ecs: ECSClient;
let poolId: string;
/** Time that passed only for the command, in milliseconds. */
let skippedMs = 0;
let written = '';
const tokensSeen = new Set<string>();

beforeAll(async () => {
  system = await startSystem({
    launcher: false,
    rateLimits: 'off',
    // A test gives a task a later time. ECS must show it all the same.
    aws: { readLagMs: Number.NEGATIVE_INFINITY },
  });
  const settings = clientSettings(system.ecs);
  secrets = new SecretsManagerClient(settings);
  ecs = new ECSClient(settings);
  poolId = system.hcpTerraform.agentPool.id;
});
afterAll(async () => {
  secrets.destroy();
  ecs.destroy();
  await system.close();
  expect(tokensSeen.size).toBeGreaterThan(10);
  for (const token of tokensSeen) expect(written).not.toContain(token);
});

const tokens = () => [...system.hcpTerraform.world.agentTokens.values()].filter((token) => token.poolId === poolId);
const ids = () => tokens().map(({ id }) => id);
const byHand = () => tokens().filter(({ description }) => !description.startsWith('agent-launcher '));
const currentId = async () => {
  const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: SECRET }));
  const current = Object.entries(VersionIdsToStages).find(([, labels]) => labels.includes('AWSCURRENT'));
  return tokenOfVersion(current?.[0]);
};

/** Moves the label AWSCURRENT to the version with this token. */
const makeCurrent = async (tokenId: string | undefined): Promise<void> => {
  const { VersionIdsToStages = {} } = await secrets.send(new DescribeSecretCommand({ SecretId: SECRET }));
  const [other = ''] = Object.entries(VersionIdsToStages).find(([, labels]) => labels.includes('AWSCURRENT')) ?? [];
  await secrets.send(
    new UpdateSecretVersionStageCommand({
      SecretId: SECRET,
      VersionStage: 'AWSCURRENT',
      RemoveFromVersionId: other,
      MoveToVersionId: versionOfToken(tokenId ?? ''),
    }),
  );
};

/** The value of the secret is a token of the pool. */
const expectConsistent = async (): Promise<void> => {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: SECRET }));
  expect(tokens().map(({ secret }) => secret)).toContain(SecretString);
};
afterEach(async () => {
  for (const { secret } of tokens()) tokensSeen.add(secret);
  await expectConsistent();
  for (const task of system.ecs.tasks()) if (task.lastStatus !== 'STOPPED') await stop(task.id);
});
beforeEach(() => {
  skippedMs = 0;
});

/** Runs `rotate` with a clock that moves while it sleeps. */
const rotate = async (args: readonly string[] = [], options: RunOptions = {}) => {
  const result = await system.run(['rotate', ...args], {
    env: { TFE_TOKEN: system.hcpTerraform.apiToken },
    now: () => Date.now() + skippedMs,
    sleep: async (ms) => {
      skippedMs += ms;
    },
    ...options,
  });
  written += result.stdout + result.stderr;
  return result;
};

/** Rotates once, so that the secret contains a token that `rotate` created. */
const rotateOnce = async (): Promise<string> => {
  await rotate();
  const id = await currentId();
  if (id === undefined) throw new Error('The secret has no token of rotate.');
  return id;
};

const startTask = async (family = familyOfPool(POOL)): Promise<string> => {
  const { tasks = [] } = await ecs.send(
    new RunTaskCommand({
      cluster: 'AgentLauncher',
      taskDefinition: family,
      launchType: 'FARGATE',
      startedBy: 'run-abc/plan',
      // The agent waits for a job until the test stops it, however slow the machine is.
      overrides: {
        containerOverrides: [{ name: AGENT_CONTAINER, environment: [{ name: IDLE_SECONDS_VARIABLE, value: '3600' }] }],
      },
      networkConfiguration: { awsvpcConfiguration: { subnets: system.ecs.subnets.map(({ id }) => id) } },
    }),
  );
  const id = tasks[0]?.taskArn?.split('/').at(-1) ?? '';
  const { agents } = system.hcpTerraform.world;
  await until('the agent of the task', () => [...agents.values()].some(({ name }) => name === id));
  await until('the task runs', () => system.ecs.task(id)?.lastStatus === 'RUNNING');
  return id;
};
const stop = async (task: string): Promise<void> => {
  await ecs.send(new StopTaskCommand({ cluster: 'AgentLauncher', task }));
  await until('the task ends', () => system.ecs.task(task)?.lastStatus === 'STOPPED');
};

/** A connected agent that isn't a task of the stack. */
const stranger = (tokenId: string) => ({
  id: 'agent-stranger',
  poolId,
  tokenId,
  name: 'build-server-1',
  version: '1.33.0',
  architecture: 'amd64' as const,
  accept: new Set(['plan' as const]),
  single: false,
  ipAddress: '192.0.2.1',
  createdAt: 0,
  lastPingAt: Date.now(),
  reported: 'idle' as const,
  jobsTaken: 0,
});

/** A terminal whose user presses Ctrl-C at this question. `text` is what the terminal shows. */
const interruptedAt = (question: string) => {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => stdin });
  const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
  let text = '';
  stderr.on('data', (chunk) => {
    const isAsked = text.includes(question);
    text += String(chunk);
    // The prompt listens only after it is drawn.
    if (!isAsked && text.includes(question)) setTimeout(() => stdin.write('\u0003'), 20);
  });
  return { text: () => text, terminal: { stdin, stderr } };
};

describe('rotate', () => {
  test('replaces a token that was stored by hand, and revokes it only if the user says which one it is', async () => {
    const [old, ...others] = byHand();
    expect(others).toEqual([]);
    const first = await rotate();
    // The rotation did its work. Nothing shows whether a token is left.
    expect(first.code).toBe(0);
    const id = await currentId();
    expect(ids()).toEqual([old?.id, id]);
    expect(first.stderr).toContain("HCP Terraform doesn't show whether it is a token that works. It may be one of");
    expect(first.stderr).toContain(
      `If one of them was this value, run \`agent-launcher rotate --pool ${POOL} --old-token ID\`.\nThat only revokes the token`,
    );
    expect(first.stderr).toContain(`  ${old?.id} ("`);
    expect(first.stderr).not.toContain('still works');
    expect(first.stdout).toBe(
      `The pool ${POOL} has a new agent token. No old token was revoked, because nothing shows which one it is.\n`,
    );

    const second = await rotate(['--old-token', old?.id ?? '']);
    expect(second.code).toBe(0);
    // The second run finished the first one, and created no third token.
    expect(ids()).toEqual([id]);
    expect(second.stdout).toBe(`The pool ${POOL} has a new agent token, and the old one is revoked.\n`);
  });

  test('exits with 1 if agents have used a token since the value was stored by hand', async () => {
    const id = await rotateOnce();
    const value = tokens().find((token) => token.id === id)?.secret ?? '';
    const inUse = 'at-inuse00000000000';
    const minutes = (count: number) => Date.now() + count * 60_000;
    const token = { poolId, createdById: 'user-1', createdAt: minutes(-60) };
    const { agentTokens } = system.hcpTerraform.world;
    agentTokens.set(inUse, {
      ...token,
      id: inUse,
      description: 'by hand',
      secret: 'x.atlasv1.inuse',
      lastUsedAt: minutes(5),
    });
    const older = 'at-older00000000000';
    agentTokens.set(older, {
      ...token,
      id: older,
      description: 'of before',
      secret: 'x.atlasv1.older',
      lastUsedAt: minutes(-30),
    });
    system.ecs.putSecret(SECRET, 'x.atlasv1.inuse');
    const result = await rotate();
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /Agents have used these tokens since then, and they still work:\n {2}at-inuse0+ \("by hand", last used/,
    );
    expect(result.stderr).not.toContain(older);
    expect((await rotate(['--old-token', inUse])).code).toBe(0);
    expect(ids()).not.toContain(inUse);
    expect(value).not.toBe('');
    agentTokens.delete(older);
  });

  test('exits with 0 after it replaced an invalid value, if no token of the pool can be that value', async () => {
    const id = await rotateOnce();
    system.ecs.putSecret(SECRET, 'not-a-token-of-anybody');
    const young = 'at-young00000000000';
    system.hcpTerraform.world.agentTokens.set(young, {
      id: young,
      poolId,
      description: 'of somebody else',
      createdAt: Date.now() + 300_000,
      createdById: 'user-1',
      secret: 'x.atlasv1.young',
    });
    const result = await rotate();
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('is not a token of this pool. Nothing is left to do here.');
    expect(result.stderr).toContain('Until then, `agent-launcher status` shows the old failures.');
    expect(result.stderr).not.toContain(young);
    expect(ids()).not.toContain(id);
    system.hcpTerraform.world.agentTokens.delete(young);
  });

  test('replaces and revokes a token that it created itself', async () => {
    const before = await rotateOnce();
    const result = await rotate();
    expect(result.code).toBe(0);
    const after = await currentId();
    expect(after).not.toBe(before);
    expect(ids()).toEqual([after]);
    expect(result.stderr).toContain(`Revoked the agent token ${before}`);
    expect(result.stderr).not.toContain('next trial');
    // The command says at once why it waits, and only once.
    expect(
      result.stderr.match(/No task may use the old token .* any more\. Waiting until that is certain\./g),
    ).toHaveLength(1);
  });

  test('waits for a task that started with the old token, shows it, and revokes nothing before its end', async () => {
    const before = await rotateOnce();
    const task = await startTask();
    const late = await rotate(['--deadline', '5'], { env: { npm_lifecycle_event: 'agent-launcher' } });
    expect(late.code).toBe(1);
    expect(late.stderr).toMatch(
      new RegExp(
        `One task may still use the old token ${before}:\n  ${task.slice(0, 8)}  running +run-abc/plan, \\d min old`,
      ),
    );
    expect(late.stderr).toContain('The deadline has passed.');
    expect(late.stderr).toContain(`Run \`npm run --silent agent-launcher -- rotate --pool ${POOL}\` again to finish.`);
    const after = await currentId();
    expect(ids()).toEqual([before, after]);

    await stop(task);
    expect((await rotate()).code).toBe(0);
    expect(ids()).toEqual([after]);
  });

  test('does not wait for a task that started with the new token', async () => {
    const before = await rotateOnce();
    let task = '';
    const startedAt = Date.now();
    const result = await rotate([], {
      // The command's clock stands still while it works. So it still waits when the task starts, however slow the machine is.
      now: () => startedAt + skippedMs,
      sleep: async (ms) => {
        skippedMs += ms;
        // A minute after the new token, a task certainly reads it. The emulator's clock is the real one, so the task gets a later time.
        if (skippedMs <= 60_000 || task !== '') return;
        task = await startTask();
        Object.assign(system.ecs.task(task) ?? {}, { createdAt: Date.now() + skippedMs });
      },
    });
    expect({ code: result.code, stderr: result.stderr }).toMatchObject({ code: 0 });
    expect(ids()).not.toContain(before);
    expect(system.ecs.task(task)?.lastStatus).toBe('RUNNING');
  });

  test('waits for a task of the pool that started before a deployment changed its phases, even with --force', async () => {
    const before = await rotateOnce();
    const { hcpTerraform, ecs: local } = system;
    const { region, accountId } = local;
    const { ARN: tokenSecret = '' } = await secrets.send(new DescribeSecretCommand({ SecretId: SECRET }));
    const family = `AgentLauncher_plan_${POOL}`;
    const settings = { hcpTerraform, region, accountId, tokenSecret, image: undefined };
    local.registerTaskDefinition({ ...taskDefinition(POOL, settings), family });
    const task = await startTask(family);
    const late = await rotate(['--deadline', '5', '--force']);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain(`One task may still use the old token ${before}:\n  ${task.slice(0, 8)}`);
    expect(ids()).toContain(before);
    await stop(task);
    expect((await rotate()).code).toBe(0);
  });

  test('says what is left if the user stops a run that only continues', async () => {
    const before = await rotateOnce();
    const stopAtFirstWait = async () => {
      const controller = new AbortController();
      return rotate([], {
        interrupted: controller.signal,
        sleep: async () => {
          controller.abort(new Error('SIGINT'));
        },
      });
    };
    await stopAtFirstWait();
    const after = await currentId();
    const controller = new AbortController();
    let looks = 0;
    const result = await rotate([], {
      interrupted: controller.signal,
      // The user presses Ctrl-C during the second look.
      sleep: async () => {
        looks += 1;
        if (looks === 1) setTimeout(() => controller.abort(new Error('SIGINT')), 1);
      },
    });
    expect(result.code).toBe(130);
    expect(result.stderr).toContain('Stopped. The new token is in use, and the old one still works.');
    expect(ids()).toEqual([before, after]);
    expect((await rotate()).code).toBe(0);
  });

  test('finishes later if the user stops it while it waits', async () => {
    const before = await rotateOnce();
    const controller = new AbortController();
    const result = await rotate([], {
      interrupted: controller.signal,
      sleep: async () => {
        controller.abort(new Error('SIGINT'));
      },
    });
    expect(result.code).toBe(130);
    expect(result.stderr).toContain('Stopped. The new token is in use, and the old one still works.');
    const after = await currentId();
    expect(ids()).toEqual([before, after]);
    expect((await rotate()).code).toBe(0);
    expect(await currentId()).toBe(after);
    expect(ids()).toEqual([after]);
  });

  test('begins again if it was killed after it created a token, and revokes that token when it is certainly abandoned', async () => {
    await rotateOnce();
    const owner = {
      account: system.ecs.accountId,
      region: system.ecs.region,
      stack: 'AgentLauncher',
      pool: POOL,
      secret: SECRET,
    };
    const id = 'at-abandoned0000000';
    system.hcpTerraform.world.agentTokens.set(id, {
      id,
      poolId,
      description: tokenDescription(owner, Date.now()),
      createdAt: Date.now(),
      createdById: 'user-1',
      secret: 'x.atlasv1.abandoned',
    });
    const result = await rotate();
    expect(result.code).toBe(0);
    expect(result.stderr).toContain(`An earlier rotation left ${id}`);
    expect(ids()).toContain(id);
    skippedMs = 600_000;
    expect((await rotate()).code).toBe(0);
    expect(ids()).toEqual([await currentId()]);
  });

  test('looks again if one request fails while it waits', async () => {
    const before = await rotateOnce();
    let failures = 0;
    const result = await rotate([], {
      sleep: async (ms) => {
        skippedMs += ms;
        failures += 1;
        if (failures > 2) return;
        system.hcpTerraform.faults.next('GET', /authentication-tokens/, { kind: 'error', status: 503, title: 'busy' });
      },
    });
    expect(result.code).toBe(0);
    expect(result.stderr.match(/Looking again, because: .* with 503/g)).toHaveLength(2);
    expect(ids()).not.toContain(before);
  });

  test('revokes the new token at once if it cannot be stored', async () => {
    const before = await rotateOnce();
    const denied = { kind: 'error', code: 'AccessDeniedException', message: 'You are not authorized.' } as const;
    system.ecs.faults.next('PutSecretValue', denied);
    const result = await rotate();
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('Ask for the permission that the message names.');
    expect(ids()).toEqual([before]);
    expect(await currentId()).toBe(before);
  });

  test('continues if the token is stored but the answer is lost', async () => {
    const before = await rotateOnce();
    // The SDK repeats the call, and gets no answer again.
    system.ecs.faults.next('PutSecretValue', { kind: 'lost-response' }, { times: 5 });
    const result = await rotate();
    expect(result.code).toBe(0);
    expect(ids()).toEqual([await currentId()]);
    expect(ids()).not.toContain(before);
  });

  test('finds the old token among more tokens than a page has', async () => {
    const before = await rotateOnce();
    const many = Array.from({ length: 250 }, (_, index) => `at-many${String(index).padStart(12, '0')}`);
    for (const id of many) {
      const token = { id, poolId, description: `of team ${id}`, createdAt: 0, createdById: 'user-1', secret: id };
      system.hcpTerraform.world.agentTokens.set(id, token);
    }
    // The old token is on the last page.
    const old = system.hcpTerraform.world.agentTokens.get(before);
    system.hcpTerraform.world.agentTokens.delete(before);
    if (old !== undefined) system.hcpTerraform.world.agentTokens.set(before, old);
    expect((await rotate()).code).toBe(0);
    expect(ids()).toEqual([...many, await currentId()]);
    for (const id of many) system.hcpTerraform.world.agentTokens.delete(id);
  });

  test('asks before it revokes a token that an agent outside the stack may use', async () => {
    const before = await rotateOnce();
    system.hcpTerraform.world.agents.set('agent-stranger', stranger(before));
    const result = await rotate();
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("These agents of the pool aren't tasks of this stack.");
    expect(result.stderr).toContain('  build-server-1 (idle)');
    expect(ids()).toContain(before);
    expect((await rotate(['--force'])).code).toBe(0);
    expect(ids()).toEqual([await currentId()]);
    system.hcpTerraform.world.agents.delete('agent-stranger');
  });

  test('says after Ctrl-C at its question that the new token is in use', async () => {
    const before = await rotateOnce();
    system.hcpTerraform.world.agents.set('agent-stranger', stranger(before));
    const { text, terminal } = interruptedAt('Revoke the old token all the same?');
    const result = await rotate([], { terminal });
    written += text();
    expect(result.code).toBe(130);
    expect(text()).toContain('Stopped. The new token is in use, and the old one still works.');
    expect(text()).not.toContain('Nothing was changed');
    expect(ids()).toEqual([before, await currentId()]);
    system.hcpTerraform.world.agents.delete('agent-stranger');
    await rotate();
  });

  test('offers every token that may be the value that was stored by hand, also one that it created itself', async () => {
    const before = await rotateOnce();
    const owner = { account: system.ecs.accountId, region: system.ecs.region, stack: 'AgentLauncher', pool: POOL };
    // A person copied the value of a token that setup had created for this secret.
    const copied = {
      id: 'at-copied0000000000',
      poolId,
      description: tokenDescription({ ...owner, secret: SECRET }, Date.now()),
      createdAt: Date.now(),
      lastUsedAt: Date.now(),
      createdById: 'user-1',
      secret: 'x.atlasv1.copied',
    };
    system.hcpTerraform.world.agentTokens.set(copied.id, copied);
    system.ecs.putSecret(SECRET, copied.secret);
    const question = 'Which agent tokens shall be revoked at the end?';
    const { text, terminal } = interruptedAt(question);
    const result = await rotate([], { terminal });
    written += text();
    expect(result.code).toBe(130);
    const [, offered = ''] = text().split(question);
    expect(offered).toContain(copied.id);
    expect(offered).not.toContain(before);
    expect(ids()).toEqual([before, copied.id]);
    await makeCurrent(before);
    system.hcpTerraform.world.agentTokens.delete(copied.id);
  });

  test('revokes nothing if somebody else replaces the value meanwhile', async () => {
    const before = await rotateOnce();
    let after: string | undefined;
    const result = await rotate([], {
      sleep: async (ms) => {
        skippedMs += ms;
        if (after !== undefined) return;
        after = await currentId();
        system.ecs.putSecret(SECRET, tokens().find(({ id }) => id === before)?.secret ?? '');
      },
    });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('was changed while rotate ran. No token was revoked.');
    expect(ids()).toEqual([before, after]);
    await makeCurrent(after);
  });

  test('revokes nothing if somebody else replaces the value after the last look', async () => {
    const before = await rotateOnce();
    const valueBefore = tokens().find(({ id }) => id === before)?.secret ?? '';
    const { agents } = system.hcpTerraform.world;
    let after: string | undefined;
    const startedAt = Date.now();
    const result = await rotate([], {
      now: () => startedAt + skippedMs,
      // The second look is the last one, and the agents are the last thing that it reads.
      sleep: async () => {
        skippedMs += 300_000;
        after = await currentId();
        const list = vi.spyOn(agents, 'values').mockImplementation(() => {
          list.mockRestore();
          system.ecs.putSecret(SECRET, valueBefore);
          return agents.values();
        });
      },
    });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('was changed while rotate ran. No token was revoked.');
    expect(ids()).toEqual([before, after]);
    await makeCurrent(after);
  });

  test('ends if HCP Terraform still lists a token after its revocation', async () => {
    const before = await rotateOnce();
    const revoke = vi.spyOn(system.hcpTerraform.world.agentTokens, 'delete').mockReturnValue(true);
    const result = await rotate();
    const revocations = [...revoke.mock.calls];
    revoke.mockRestore();
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`HCP Terraform still lists the agent token ${before}`);
    expect(revocations).toEqual([[before]]);
  });

  test.each<[string, readonly string[], number, string | RegExp]>([
    ['a pool that the stack does not have', ['--pool', 'x'], 2, `The stack has no pool x. Its pools: ${POOL}.`],
    ['an old token that the pool does not have', ['--old-token', 'at-x'], 2, `has no agent token at-x`],
    ['a deadline that is no time', ['--deadline', 'x'], 2, 'integer from 1 to 1440'],
    ['a stack that does not exist', ['--stack', 'Nothing'], 1, 'There is no stack Nothing'],
  ])('refuses %s', async (_, args, code, message) => {
    await rotateOnce();
    const before = ids();
    const result = await rotate(args);
    expect([result.code, ids()]).toEqual([code, before]);
    expect(result.stderr).toContain(message);
  });

  test('refuses to revoke the token that is in use', async () => {
    const id = await rotateOnce();
    const result = await rotate(['--old-token', id]);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain('is in use');
  });

  test('says that the token cannot manage agent pools', async () => {
    const id = await rotateOnce();
    const result = await rotate([], { env: { TFE_TOKEN: system.hcpTerraform.launcherApiToken } });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('the token is not allowed to see or change it');
    expect(ids()).toEqual([id]);
  });

  // Last, because its token stays in the pool.
  describe('with a key of a JSON secret', () => {
    const JSON_SECRET = 'acme/tokens';
    beforeAll(() => {
      const arn = system.ecs.putSecret(JSON_SECRET, JSON.stringify({ agent: 'by hand', other: 'stays' }));
      useSecret(`${arn}:agent::`);
    });
    afterAll(async () => {
      const { ARN = '' } = await secrets.send(new DescribeSecretCommand({ SecretId: SECRET }));
      useSecret(ARN);
    });
    const useSecret = (tokenSecret: string) => {
      const { hcpTerraform, ecs: local } = system;
      const { region, accountId } = local;
      local.registerTaskDefinition(
        taskDefinition(POOL, { hcpTerraform, region, accountId, tokenSecret, image: undefined }),
      );
    };

    const jsonValue = async () => {
      const { SecretString = '' } = await secrets.send(new GetSecretValueCommand({ SecretId: JSON_SECRET }));
      return SecretString;
    };

    test('stores the token under the key, and keeps the other keys', async () => {
      await rotate();
      const { agent, ...others } = JSON.parse(await jsonValue());
      expect(tokens().map(({ secret }) => secret)).toContain(agent);
      expect(others).toEqual({ other: 'stays' });
    });

    test('stores nothing if somebody changes another key meanwhile, and revokes the new token', async () => {
      const before = ids();
      const { agentTokens } = system.hcpTerraform.world;
      const set = vi.spyOn(agentTokens, 'set').mockImplementation((id, token) => {
        set.mockRestore();
        system.ecs.putSecret(JSON_SECRET, '{"agent":"by hand","other":12345678901234567890}');
        return agentTokens.set(id, token);
      });
      const result = await rotate();
      expect([result.code, ids()]).toEqual([1, before]);
      expect(result.stderr).toContain('The secret acme/tokens was changed while rotate created a token for it.');
      expect(await jsonValue()).toBe('{"agent":"by hand","other":12345678901234567890}');
      await rotate();
      expect(await jsonValue()).toMatch(/^{"agent":"[^"]+","other":12345678901234567890}$/);
    });

    test('creates no token if the secret is not a JSON object', async () => {
      system.ecs.putSecret(JSON_SECRET, 'plain');
      const before = ids();
      const result = await rotate();
      expect([result.code, ids()]).toEqual([1, before]);
      expect(result.stderr).toContain("The secret acme/tokens isn't a JSON object");
      expect(result.stderr).not.toContain('plain');
    });
  });
});
