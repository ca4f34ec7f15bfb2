import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES } from '../../../functions/nudge/receive.ts';
import type { FunctionUrl } from '../../../local/lambda/function-url.ts';
import { KEY, NOTIFICATION, notificationBody, RUN_TASK, runTaskBody, signatureOf, startPlatform } from './platform.ts';

let platform: Awaited<ReturnType<typeof startPlatform>>;
let nudge: FunctionUrl;

beforeAll(async () => {
  platform = await startPlatform();
  nudge = await platform.start();
}, 60_000);
afterAll(() => Promise.all([nudge.close(), platform.close()]));

beforeEach(() => {
  Object.assign(platform.aws, { key: KEY, secretReads: 0, queueWorks: true, secretWorks: true });
  Object.assign(platform.callback, { status: 200, delayMs: 0, location: undefined });
  for (const list of [platform.callbacks, platform.messages, platform.lines]) list.length = 0;
});

/** Starts a function that has no warm environment, and so doesn't keep the key. */
async function startCold(): Promise<void> {
  await nudge.close();
  nudge = await platform.start();
}

/** Sends a request to the function URL, and returns the status and the body of the response. */
async function post(body: string | Buffer, headers: Record<string, string>): Promise<[number, string]> {
  const type = { 'content-type': 'application/json' };
  const response = await fetch(nudge.url, {
    method: 'POST',
    body: new Uint8Array(Buffer.from(body)),
    headers: { ...type, ...headers },
  });
  return [response.status, await response.text()];
}

const signed = (body: string | Buffer, header = RUN_TASK, key = KEY) =>
  post(body, { [header]: signatureOf(body, key) });
const task = (changes: object = {}) => runTaskBody(platform.hostname, changes);
const NUDGE = { kind: 'nudge', runId: 'run-i3Df5to9ELvibKpQ' };
const nothingHappened = () => expect([platform.callbacks, platform.messages]).toEqual([[], []]);

describe('a run task', () => {
  it.each(['pre_plan', 'post_plan', 'pre_apply', 'post_apply'])(
    'in the stage %s is reported as passed to its callback with its own token, and wakes the launcher up',
    async (stage) => {
      expect(await signed(task({ stage }))).toEqual([200, '']);
      expect(platform.messages).toEqual([NUDGE]);
      expect(platform.callbacks).toEqual([
        {
          method: 'PATCH',
          url: '/api/v2/task-results/5ea8d46c-2ceb-42cd-83f2-82e54697bddd/callback',
          authorization:
            'Bearer 4QEuyyxug1f2rw.atlasv1.iDyxqhXGVZ0ykes53YdQyHyYtFOrdAWNBxcVUgWvzb64NFHjcquu8gJMEdUwoSLRu4Q',
          contentType: 'application/vnd.api+json',
          body: {
            data: {
              type: 'task-results',
              attributes: { status: 'passed', message: 'The agent launcher knows about this run.' },
            },
          },
        },
      ]);
    },
  );

  it('is accepted in Base64, which Lambda uses for bodies that are not text', async () => {
    const body = task();
    const headers = { [RUN_TASK]: signatureOf(body), 'content-type': 'application/octet-stream' };
    expect(await post(body, headers)).toEqual([200, '']);
    expect(platform.messages).toEqual([NUDGE]);
  });

  it('that verifies the URL is answered with 200, and causes nothing else', async () => {
    expect(await signed(task({ access_token: 'test-token', task_result_enforcement_level: 'test' }))).toEqual([
      200,
      '',
    ]);
    nothingHappened();
  });

  it('never appears with its token in the log', async () => {
    await signed(task());
    platform.callback.status = 500;
    await signed(task());
    await signed(task({ task_result_callback_url: 'https://attacker.example/' }));
    await signed(task({ run_id: 'run-' }));
    expect(platform.lines.join('\n')).toContain('run-i3Df5to9ELvibKpQ');
    expect(platform.lines.join('\n')).not.toMatch(/atlasv1|5ea8d46c/);
  });

  it.each([
    ['another host', 'https://attacker.example/api/v2/task-results/5ea8d46c/callback'],
    ['a host that begins with the right one', 'https://HOST.attacker.example/api/v2/task-results/5ea8d46c/callback'],
    ['the right host as a user name', 'https://HOST@attacker.example/api/v2/task-results/5ea8d46c/callback'],
    ['another port', 'https://localhost:1/api/v2/task-results/5ea8d46c/callback'],
    ['no TLS', 'http://HOST/api/v2/task-results/5ea8d46c/callback'],
    ['the address of the instance metadata', 'http://169.254.169.254/api/v2/task-results/5ea8d46c/callback'],
    ['another path', 'https://HOST/api/v2/organizations/acme'],
    ['a path that leaves the task results', 'https://HOST/api/v2/task-results/../callback'],
    ['an encoded slash', 'https://HOST/api/v2/task-results/x%2f..%2f/callback'],
    ['a query', 'https://HOST/api/v2/task-results/5ea8d46c/callback?to=x'],
    ['a fragment', 'https://HOST/api/v2/task-results/5ea8d46c/callback#x'],
    ['a line break', 'https://HOST/api/v2/task-results/5ea8d46c/callback\n'],
  ])('whose callback has %s is refused, although its signature is right', async (_, url) => {
    const callback = url.replace('HOST', platform.hostname);
    expect(await signed(task({ task_result_callback_url: callback }))).toEqual([400, '']);
    nothingHappened();
  });

  it('is not reported to another address if the callback redirects', async () => {
    Object.assign(platform.callback, { status: 307, location: '/api/v2/elsewhere' });
    expect(await signed(task())).toEqual([200, '']);
    expect(platform.callbacks.map(({ url }) => url)).toEqual([
      '/api/v2/task-results/5ea8d46c-2ceb-42cd-83f2-82e54697bddd/callback',
    ]);
  });

  it('is answered with 200 if HCP Terraform refuses the report, because a repetition would not help', async () => {
    platform.callback.status = 401;
    expect(await signed(task())).toEqual([200, '']);
    expect(platform.callbacks).toHaveLength(1);
    expect(platform.messages).toEqual([NUDGE]);
  });

  it('is answered with 503 if the report fails twice, so that HCP Terraform sends it again, and it then succeeds', async () => {
    const body = task();
    platform.callback.status = 502;
    expect(await signed(body)).toEqual([503, '']);
    expect(platform.callbacks).toHaveLength(2);
    platform.callback.status = 200;
    expect(await signed(body)).toEqual([200, '']);
    expect(platform.callbacks).toHaveLength(3);
  });

  it('wakes the launcher up before a slow callback answers', async () => {
    platform.callback.delayMs = 2_000;
    let isAnswered = false;
    const answered = signed(task()).finally(() => {
      isAnswered = true;
    });
    await expect.poll(() => platform.messages, { timeout: 5_000 }).toEqual([NUDGE]);
    expect(isAnswered).toBe(false);
    expect(await answered).toEqual([200, '']);
  });

  it('is answered within the time of the function if the callback never answers', async () => {
    platform.callback.delayMs = 60_000;
    expect(await signed(task())).toEqual([503, '']);
    expect(platform.messages).toEqual([NUDGE]);
  }, 20_000);

  it('is reported as passed if the queue does not accept the wake-up, because no run may wait for a nudge', async () => {
    platform.aws.queueWorks = false;
    expect(await signed(task())).toEqual([200, '']);
    expect(platform.callbacks).toHaveLength(1);
    expect(platform.lines.join('\n')).toContain('failed: ');
  });

  it('that is replayed causes neither a second report nor a second wake-up', async () => {
    const body = task();
    expect([await signed(body), await signed(body), await signed(body)]).toEqual([
      [200, ''],
      [200, ''],
      [200, ''],
    ]);
    expect([platform.callbacks.length, platform.messages.length]).toEqual([1, 1]);
  });
});

describe('a notification', () => {
  it.each(['run:created', 'run:planning', 'run:applying'])(
    'with the trigger %s wakes the launcher up',
    async (trigger) => {
      expect(await signed(notificationBody(trigger), NOTIFICATION)).toEqual([200, '']);
      expect(platform.messages).toEqual([{ kind: 'nudge', runId: 'run-FwnENkvDnrpyFC7M' }]);
      expect(platform.callbacks).toEqual([]);
    },
  );

  it.each([
    ['run:needs_attention', notificationBody('run:needs_attention')],
    ['run:completed', notificationBody('run:completed')],
    ['run:errored', notificationBody('run:errored')],
    ['a trigger that does not exist yet', notificationBody('run:new')],
    ['a verification', notificationBody('verification', { run_id: null, run_message: null })],
    ['a drift', JSON.stringify({ payload_version: '2', trigger_scope: 'assessment', trigger: 'assessment:drifted' })],
    ['an automatic destruction', JSON.stringify({ payload_version: '2', trigger: 'workspace:auto_destroy_reminder' })],
  ])('about %s is answered with 200, and wakes nobody up', async (_, body) => {
    expect(await signed(body, NOTIFICATION)).toEqual([200, '']);
    nothingHappened();
  });

  it('with the signature in the header of run tasks is refused', async () => {
    expect(await signed(notificationBody('run:created'), RUN_TASK)).toEqual([400, '']);
    nothingHappened();
  });
});

describe('a request that HCP Terraform did not sign', () => {
  beforeEach(startCold);

  it.each([
    ['no signature', {}],
    ['an empty signature, which HCP Terraform sends for a task without an HMAC key', { [RUN_TASK]: '' }],
    ['a signature in Base64', { [RUN_TASK]: Buffer.alloc(64).toString('base64') }],
    ['a signature that is too short', { [RUN_TASK]: '00'.repeat(63) }],
    ['two signatures in one header', { [RUN_TASK]: `${'00'.repeat(64)},${'00'.repeat(64)}` }],
    ['both signatures', { [RUN_TASK]: '00'.repeat(64), [NOTIFICATION]: '00'.repeat(64) }],
  ])('with %s gets 401 without detail, and the secret is not read', async (_, headers) => {
    expect(await post(task(), headers)).toEqual([401, '']);
    nothingHappened();
    expect(platform.aws.secretReads).toBe(0);
  });

  it.each([
    ['of another body', () => signatureOf(task())],
    ['with another key', () => signatureOf('x', 'another-key-of-32-characters-0000')],
    ['of zeros', () => '00'.repeat(64)],
  ])('with a signature %s gets 401 without detail', async (_, forged) => {
    expect(await post('x', { [RUN_TASK]: forged() })).toEqual([401, '']);
    nothingHappened();
  });

  it('with a body that was changed by one byte gets 401', async () => {
    const body = task();
    const changed = body.replace('acme', 'acmf');
    expect(await post(changed, { [RUN_TASK]: signatureOf(body) })).toEqual([401, '']);
    nothingHappened();
  });

  it('in a flood causes one read of the secret, and no line in the log', async () => {
    for (let n = 0; n < 50; n += 1) expect((await post(`${n}`, { [RUN_TASK]: '11'.repeat(64) }))[0]).toBe(401);
    expect(platform.aws.secretReads).toBe(1);
    expect(platform.lines).toEqual([]);
  });

  it('gets 429 above the concurrency of the function, without an invocation', async () => {
    platform.callback.delayMs = 1_500;
    const slow = [signed(task()), signed(task())];
    await expect.poll(() => platform.callbacks.length, { timeout: 5_000 }).toBe(2);
    expect((await post('x', {}))[0]).toBe(429);
    expect(nudge.environments()).toBe(2);
    expect((await Promise.all(slow)).map(([status]) => status)).toEqual([200, 200]);
  });

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('by %s gets 405', async (method) => {
    expect((await fetch(nudge.url, { method, headers: { [RUN_TASK]: '00'.repeat(64) } })).status).toBe(405);
    expect(platform.aws.secretReads).toBe(0);
  });
});

describe('a body', () => {
  it.each([
    ['is truncated', () => task().slice(0, -20)],
    ['is empty', () => ''],
    ['is not JSON', () => 'hello'],
    ['is a list', () => '[]'],
    ['is null', () => 'null'],
    ['is not UTF-8', () => Buffer.from([0xff, 0xfe, 0x00])],
    ['has another version', () => task({ payload_version: 2 })],
    ['has a run id with a path', () => task({ run_id: 'run-x/../../organizations' })],
    ['has no run id', () => task({ run_id: undefined })],
    ['has a token with a line break', () => task({ access_token: 'a\r\nhost: x' })],
    ['has a token that is a number', () => task({ access_token: 5 })],
  ])('that %s is refused although its signature is right, and causes nothing', async (_, body) => {
    const text = body();
    const type = typeof text === 'string' ? 'application/json' : 'application/octet-stream';
    expect(await post(text, { [RUN_TASK]: signatureOf(text), 'content-type': type })).toEqual([400, '']);
    nothingHappened();
  });

  it('of the maximum size is accepted, and a longer one is refused before its signature is checked', async () => {
    const filler = MAX_BODY_BYTES - task({ run_message: '' }).length;
    expect(await signed(task({ run_message: 'x'.repeat(filler) }))).toEqual([200, '']);
    expect(await signed(task({ run_message: 'x'.repeat(filler + 1) }))).toEqual([413, '']);
    const readsBefore = platform.aws.secretReads;
    expect(await post('x'.repeat(MAX_BODY_BYTES + 1), { [RUN_TASK]: '00'.repeat(64) })).toEqual([413, '']);
    expect(await post('x'.repeat(MAX_BODY_BYTES + 1), { [RUN_TASK]: '00'.repeat(64), 'content-type': 'x/y' })).toEqual([
      413,
      '',
    ]);
    expect(platform.aws.secretReads).toBe(readsBefore);
  });

  it('with more bytes than characters is measured in bytes', async () => {
    const body = task({ run_message: 'ä'.repeat(MAX_BODY_BYTES / 2) });
    expect(await signed(body)).toEqual([413, '']);
  });
});

describe('the secret', () => {
  beforeEach(startCold);

  it('that cannot be read makes HCP Terraform try again, and is read at most once per minute', async () => {
    platform.aws.secretWorks = false;
    const answers = [await signed(task()), await signed(task()), await signed(task())];
    expect(answers).toEqual([
      [503, ''],
      [503, ''],
      [503, ''],
    ]);
    expect(platform.aws.secretReads).toBe(1);
    expect(platform.lines.join('\n')).toContain("can't be read");
    nothingHappened();
  });

  it.each([
    ['is empty', ''],
    ['is short', 'x'.repeat(31)],
    ['is JSON', '{"key": "x x x x x x x x x x x x x x x x"}'],
  ])('that %s is refused, because anyone could sign with such a key', async (_, key) => {
    platform.aws.key = key;
    expect(await signed(task(), RUN_TASK, key)).toEqual([503, '']);
    expect(platform.lines.join('\n')).toMatch(/doesn't contain an HMAC key.*openssl rand -hex 32/);
    nothingHappened();
  });
});
