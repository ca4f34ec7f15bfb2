/** What the adapters of the rotation make of unusual answers. The model test covers the usual ones. */
import { DescribeTasksCommand, ECSClient, ListTasksCommand } from '@aws-sdk/client-ecs';
import {
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { describe, expect, it } from 'vitest';
import { EcsPoolTasks } from '../../../functions/token-rotation/adapters/ecs.ts';
import { HcpTerraformTokens, type Send } from '../../../functions/token-rotation/adapters/hcp-terraform.ts';
import { SecretsManagerTokens } from '../../../functions/token-rotation/adapters/secrets-manager.ts';

const API_TOKEN = 'aaaaaaaaaaaaaa.atlasv1.nobodymayseethis';

interface Reply {
  readonly status?: number;
  readonly body?: unknown;
  readonly text?: string;
}

/** An HCP Terraform that answers each request with the next reply, and repeats the last one. */
function hcpTerraform(...replies: readonly (Reply | Error)[]) {
  const requests: { readonly method: string; readonly url: string; readonly body: string | undefined }[] = [];
  const waits: number[] = [];
  const send: Send = async (url, { method, body, headers }) => {
    expect(headers['authorization']).toBe(`Bearer ${API_TOKEN}`);
    requests.push({ method, url, body });
    const reply = replies[Math.min(requests.length, replies.length) - 1] ?? {};
    if (reply instanceof Error) throw reply;
    const { status = 200, body: answer, text = answer === undefined ? '' : JSON.stringify(answer) } = reply;
    return { status, text: async () => text };
  };
  const tokens = new HcpTerraformTokens({
    hostname: 'app.terraform.io',
    apiToken: async () => API_TOKEN,
    send,
    timeout: () => new AbortController().signal,
    sleep: async (ms) => {
      waits.push(ms);
    },
  });
  return { tokens, requests, waits };
}

const token = (id: string, more: object = {}) => ({
  id,
  type: 'authentication-tokens',
  attributes: {
    description: 'x',
    'created-at': '2026-11-30T00:00:00.000Z',
    'last-used-at': null,
    token: null,
    ...more,
  },
});
const page = (data: readonly object[], next: number | null, total: number) => ({
  body: { data, meta: { pagination: { 'current-page': 1, 'next-page': next, 'total-count': total } } },
});

describe('the list of tokens', () => {
  it('has the tokens of all pages, in a fixed order', async () => {
    const { tokens, requests } = hcpTerraform(
      page([token('at-1')], 2, 2),
      page([token('at-2', { description: null, 'last-used-at': '2026-11-30T00:00:01Z' })], null, 2),
    );
    expect(await tokens.tokens('apool-1')).toEqual([
      { id: 'at-1', description: 'x', createdAtMs: Date.parse('2026-11-30'), lastUsedAtMs: undefined },
      {
        id: 'at-2',
        description: '',
        createdAtMs: Date.parse('2026-11-30'),
        lastUsedAtMs: Date.parse('2026-11-30') + 1_000,
      },
    ]);
    expect(requests.map(({ url }) => url)).toEqual([
      'https://app.terraform.io/api/v2/agent-pools/apool-1/authentication-tokens?sort=-created-at&page%5Bsize%5D=100&page%5Bnumber%5D=1',
      'https://app.terraform.io/api/v2/agent-pools/apool-1/authentication-tokens?sort=-created-at&page%5Bsize%5D=100&page%5Bnumber%5D=2',
    ]);
  });

  it.each<[string, readonly Reply[], RegExp]>([
    ['lacks a token that the total counts', [page([token('at-1')], null, 2)], /listed 1 of 2 entries/],
    ['has no end', [page([token('at-1')], 1, 1)], /more than 100 pages of 100, or no end/],
    [
      'has a token without a time',
      [page([token('at-1', { 'created-at': 'now' })], null, 1)],
      /unexpected values in data.0.attributes.created-at/,
    ],
    ['is a page of HTML', [{ text: '<html>' }], /unexpected values in body/],
    [
      'is refused',
      [{ status: 401 }],
      /GET \/agent-pools\/apool-1\/authentication-tokens with 401\. The rotation's API token is wrong/,
    ],
    ['is hidden', [{ status: 404 }], /needs the permission Manage agent pools/],
    ['is redirected', [{ status: 302 }], /with 302/],
  ])('is an error if it %s', async (_, replies, message) => {
    await expect(hcpTerraform(...replies).tokens.tokens('apool-1')).rejects.toThrow(message);
  });

  it('is asked for again after an answer that will change', async () => {
    const { tokens, waits } = hcpTerraform({ status: 429 }, new Error(API_TOKEN), page([], null, 0));
    expect(await tokens.tokens('apool-1')).toEqual([]);
    expect(waits).toEqual([2_000, 4_000]);
  });

  it.each([
    ['ENOTFOUND', /\(ENOTFOUND\)\. Check the hostname, and the network in which the function runs/],
    [
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      /: its certificate is not trusted \(UNABLE_TO_VERIFY_LEAF_SIGNATURE\); .*caCertificates/,
    ],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /: its certificate is for another hostname \(ERR_TLS_CERT_ALTNAME_INVALID\)/],
  ])('is an error with the code of the failed connection: %s', async (code, message) => {
    const failure = new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code }) });
    await expect(hcpTerraform(failure).tokens.tokens('apool-1')).rejects.toThrow(message);
  });

  it('is an error without the message of a failed connection, which may contain the API token', async () => {
    const failure = new TypeError(`authorization: Bearer ${API_TOKEN}`);
    const message = await hcpTerraform(failure)
      .tokens.tokens('apool-1')
      .catch((error: unknown) => String(error));
    expect(message).toMatch(
      /^RotationError: HCP Terraform didn't answer GET \/agent-pools\/apool-1\/authentication-tokens \(TypeError\)\. Check/,
    );
    expect(message).not.toContain(API_TOKEN);
  });
});

describe('a token', () => {
  it('is created with one request, which is never repeated', async () => {
    const { tokens, requests } = hcpTerraform({ status: 503 });
    await expect(tokens.create('apool-1', 'mine')).rejects.toThrow('with 503. The next invocation tries again.');
    expect(requests).toEqual([
      {
        method: 'POST',
        url: 'https://app.terraform.io/api/v2/agent-pools/apool-1/authentication-tokens',
        body: '{"data":{"type":"authentication-tokens","attributes":{"description":"mine"}}}',
      },
    ]);
  });

  it('is not quoted if its answer is not understood', async () => {
    const { tokens } = hcpTerraform({
      status: 201,
      body: { data: { id: 'x', attributes: { token: `"${API_TOKEN}` } } },
    });
    await expect(tokens.create('apool-1', 'mine')).rejects.toThrow(
      /unexpected values in data.id, data.attributes.token\.$/,
    );
  });

  it('counts as revoked if it does not exist any more', async () => {
    const { tokens, requests } = hcpTerraform({ status: 404 });
    await tokens.revoke('at-1');
    expect(requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'DELETE https://app.terraform.io/api/v2/authentication-tokens/at-1',
    ]);
  });

  it('is an error if it cannot be revoked', async () => {
    await expect(hcpTerraform({ status: 500 }).tokens.revoke('at-1')).rejects.toThrow('with 500');
  });
});

describe('a pool', () => {
  const pools = page(
    [
      { id: 'apool-2', attributes: { name: 'aws2' } },
      { id: 'apool-1', attributes: { name: 'aws' } },
    ],
    null,
    2,
  );

  it('is found by its exact name', async () => {
    expect(await hcpTerraform(pools).tokens.poolId('acme', 'aws')).toBe('apool-1');
  });

  it('that does not exist is an error', async () => {
    await expect(hcpTerraform(pools).tokens.poolId('acme', 'a')).rejects.toThrow(/acme has no agent pool a, or/);
  });

  it('has the agents that are still connected', async () => {
    const agent = (id: string, status: string, name: string | null = id) => ({ id, attributes: { name, status } });
    const agents = [
      agent('agent-1', 'idle'),
      agent('agent-2', 'exited'),
      agent('agent-3', 'errored'),
      agent('agent-4', 'unknown', null),
    ];
    expect(await hcpTerraform(page(agents, null, 4)).tokens.connectedAgents('apool-1')).toEqual([
      { name: 'agent-1', status: 'idle' },
      { name: 'agent-4', status: 'unknown' },
    ]);
  });
});

/** A client whose answers a test determines. */
function client<Client extends object>(prototype: Client, answer: (command: unknown) => object): Client {
  const made: Client = Object.create(prototype);
  return Object.assign(made, { send: async (command: unknown) => answer(command) });
}

describe('a secret', () => {
  const secrets = (answer: (command: unknown) => object) =>
    new SecretsManagerTokens(client(SecretsManagerClient.prototype, answer));

  /** A secret with a value in JSON, whose current version is v-1. */
  const withJson = (value: object, currentWhenStored = 'v-1') => {
    const written: unknown[] = [];
    const adapter = secrets((command) => {
      if (command instanceof GetSecretValueCommand) return { VersionId: 'v-1', ...value };
      if (command instanceof DescribeSecretCommand)
        return { VersionIdsToStages: { [currentWhenStored]: ['AWSCURRENT'] } };
      if (command instanceof PutSecretValueCommand) written.push(command.input);
      return {};
    });
    return { adapter, written };
  };
  const PLACE = { secret: 's', jsonKey: 'token' };

  it('with other keys keeps them', async () => {
    const { adapter, written } = withJson({ SecretString: '{"a":"1","token":"old"}' });
    const store = await adapter.open(PLACE);
    await store('new', 'v'.repeat(32));
    expect(written).toEqual([
      { SecretId: 's', SecretString: '{"a":"1","token":"new"}', ClientRequestToken: 'v'.repeat(32) },
    ]);
  });

  it('with other keys is not written if somebody changed it after it was read', async () => {
    const { adapter, written } = withJson({ SecretString: '{"a":"1","token":"old"}' }, 'v-2');
    const store = await adapter.open(PLACE);
    await expect(store('new', 'v')).rejects.toThrow(/^The secret s was changed while a token was created for it\./);
    expect(written).toEqual([]);
  });

  it.each([
    [
      'text',
      { SecretString: 'old' },
      /^The secret s isn't a JSON object, so the agent token can't be stored under the key token\./,
    ],
    ['binary', { SecretBinary: new Uint8Array([1]) }, /^The secret s has a binary value\./],
  ])('that is %s has no key, which shows before a token is created', async (_, value, message) => {
    await expect(withJson(value).adapter.open(PLACE)).rejects.toThrow(message);
  });

  it('without a value gets a JSON object', async () => {
    const written: unknown[] = [];
    const adapter = secrets((command) => {
      if (command instanceof GetSecretValueCommand)
        throw Object.assign(new Error(), { name: 'ResourceNotFoundException' });
      if (command instanceof PutSecretValueCommand) written.push(command.input.SecretString);
      return {};
    });
    const store = await adapter.open(PLACE);
    await store('new', 'v');
    expect(written).toEqual(['{"token":"new"}']);
  });

  it('is written without being read if it contains only the token', async () => {
    const commands: unknown[] = [];
    const store = await secrets((command) => {
      commands.push(command);
      return {};
    }).open({ secret: 's' });
    await store('new', 'v');
    expect(commands.map((command) => command instanceof PutSecretValueCommand)).toEqual([true]);
  });

  it('that is binary has no API token', async () => {
    await expect(withJson({ SecretBinary: new Uint8Array([1]) }).adapter.apiToken({ secret: 's' })).rejects.toThrow(
      'The secret s has a binary value.',
    );
  });

  it.each(['', '  ', '{"token":"x"}', 'two words'])('with %o has no API token', async (SecretString) => {
    await expect(secrets(() => ({ SecretString })).apiToken({ secret: 's' })).rejects.toThrow(
      `The secret s doesn't contain an API token, but ${SecretString.trim().length} characters.`,
    );
  });

  it('has the API token under its key, without the white space around it', async () => {
    const SecretString = JSON.stringify({ rotation: ' the.atlasv1.token\n', other: 'x' });
    expect(await secrets(() => ({ SecretString })).apiToken({ secret: 's', jsonKey: 'rotation' })).toBe(
      'the.atlasv1.token',
    );
  });

  it.each([
    ['{"other":"x"}', 'no string'],
    ['{"rotation":1}', 'no string'],
    ['["rotation"]', 'no string'],
    ['the.atlasv1.token', 'no string'],
    ['{"rotation":"two words"}', '9 characters'],
    ['{"rotation":""}', '0 characters'],
    [undefined, 'no string'],
  ])('with %s has no API token under the key rotation', async (SecretString, found) => {
    const failure = secrets(() => ({ SecretString })).apiToken({ secret: 's', jsonKey: 'rotation' });
    await expect(failure).rejects.toThrow(
      new RegExp(
        `^The secret s has no API token under the key rotation, but ${found}\\. .*correct the key in agentTokenRotation\\.apiTokenSecret\\.$`,
      ),
    );
    await expect(failure).rejects.not.toThrow(/two words|the\.atlasv1/);
  });

  it('whose last change is not shown is an error', async () => {
    for (const answer of [{}, { Name: 's' }, { CreatedDate: new Date(7) }]) {
      await expect(secrets(() => answer).facts('s')).rejects.toThrow(
        "doesn't show the name of the secret s and when it was changed",
      );
    }
    const described = { Name: 's', CreatedDate: new Date(7) };
    expect(
      await secrets((command) => (command instanceof DescribeSecretCommand ? described : {})).facts('arn:…:s-a1B2c3'),
    ).toEqual({ name: 's', changedAtMs: 7 });
  });

  it('that cannot be read is an error with only the name of the cause', async () => {
    const adapter = secrets(() => {
      throw Object.assign(new Error(API_TOKEN), { name: 'AccessDeniedException' });
    });
    await expect(adapter.apiToken({ secret: 's' })).rejects.toThrow(
      /^The secret s can't be read \(AccessDeniedException\)\. Check/,
    );
  });
});

describe('tasks', () => {
  const tasks = (answer: (command: unknown) => object) =>
    new EcsPoolTasks(client(ECSClient.prototype, answer), 'AgentLauncher').tasks(['f']);
  const arn = 'arn:aws:ecs:eu-central-1:123456789012:task/AgentLauncher/0123';
  const listed = (command: unknown, described: object) =>
    command instanceof ListTasksCommand
      ? { taskArns: command.input.desiredStatus === 'RUNNING' ? [arn] : [] }
      : described;

  it('without a time may have started with any token', async () => {
    expect(await tasks((command) => listed(command, { tasks: [{ taskArn: arn, lastStatus: 'PENDING' }] }))).toEqual([
      { id: '0123', createdAtMs: 0, status: 'PENDING', startedBy: undefined },
    ]);
  });

  it.each<[string, (command: unknown) => object, RegExp]>([
    ['a list is missing', () => ({}), /list tasks of the cluster AgentLauncher without a list/],
    ['a description is missing', (command) => listed(command, {}), /describe tasks of the cluster/],
    [
      'one cannot be described',
      (command) => listed(command, { tasks: [], failures: [{ arn, reason: 'ERROR' }] }),
      /can't describe the task .*0123 \(ERROR\)/,
    ],
    [
      'ECS fails',
      (command) => {
        if (command instanceof DescribeTasksCommand) throw Object.assign(new Error('x'), { name: 'ServerException' });
        return listed(command, {});
      },
      /^ECS didn't describe the tasks of the cluster AgentLauncher \(ServerException\)/,
    ],
  ])('are an error if %s', async (_, answer, message) => {
    await expect(tasks(answer)).rejects.toThrow(message);
  });

  it('that ECS has forgotten meanwhile do not count', async () => {
    expect(await tasks((command) => listed(command, { tasks: [], failures: [{ arn, reason: 'MISSING' }] }))).toEqual(
      [],
    );
  });
});
