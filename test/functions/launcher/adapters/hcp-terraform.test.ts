import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HcpTerraformClient } from '../../../../functions/launcher/adapters/hcp-terraform/client.ts';
import { HcpTerraformHttp } from '../../../../functions/launcher/adapters/hcp-terraform/http.ts';
import { POLLS_PER_MINUTE } from '../../../../functions/launcher/adapters/hcp-terraform/poll-budget.ts';
import { connections, sendOver } from '../../../../functions/launcher/adapters/hcp-terraform/send.ts';
import type { RunsNeed } from '../../../../functions/launcher/core/runs-need.ts';
import type { Phase } from '../../../../functions/launcher/core/types.ts';
import type { UpstreamError } from '../../../../functions/launcher/errors.ts';
import type { Pool, Secrets } from '../../../../functions/launcher/ports.ts';
import { polling } from '../fakes.ts';
import {
  endless,
  list,
  listOf,
  POOLS,
  page,
  pool,
  poolNamed,
  poolWithPhases,
  queryOf,
  RUNS,
  run,
} from './platform-answers.ts';
import {
  type Answer,
  hang,
  json,
  reset,
  type ScriptedServer,
  startScriptedServer,
  status,
  text,
  truncated,
} from './scripted-server.ts';

const ALL_STATUSES = 'plan_queued,apply_queued,planning,applying,post_plan_running,policy_checking';
const ALL_OPERATIONS = 'plan_and_apply,plan_only,save_plan,refresh_only,destroy,empty_apply,action_only';
const TOKEN = 'first.atlasv1.token-that-must-not-show';

let server: ScriptedServer;
let nowMs: number;
let secretReads: number;
/** The timeout of the latest wait. It ends when a test aborts it. */
let patience: AbortController;
let waits: number[];
const timeout = (ms: number) => {
  waits.push(ms);
  patience = new AbortController();
  return patience.signal;
};
const signal = new AbortController().signal;

beforeEach(async () => {
  server = await startScriptedServer();
  nowMs = Date.parse('2026-03-01T12:00:00Z');
  secretReads = 0;
  waits = [];
  server.on('/api/v2/ping', status(204));
  server.on(RUNS, list([]));
  server.on(POOLS, list([listed('default')]));
  server.on(LOOKUP, poolNamed('other'));
});

afterEach(() => server.close());

/** @param requestTimeout of each request; by default the real one. */
function client(
  requestTimeout = (ms: number): AbortSignal => AbortSignal.timeout(ms),
  hostname = server.hostname,
): HcpTerraformClient {
  const secrets: Secrets = {
    value: async () => TOKEN,
    renew: async () => {
      secretReads += 1;
      return 'second.atlasv1.token-that-must-not-show';
    },
  };
  const send = sendOver(connections({ ca: server.ca }), server.hostname, 'test', requestTimeout);
  const http = new HcpTerraformHttp({ hostname: server.hostname, secrets, send });
  return new HcpTerraformClient({ http, hostname, now: () => nowMs, timeout });
}

/** Pools with a configured id, which the first pool doesn't have. */
const other = { ...pool, name: 'other', id: 'apool-2' };
const byId = { ...pool, id: 'apool-2' };
const LOOKUP = '/api/v2/agent-pools/apool-2';
const listed = (name: string, index = 0) => ({ id: `apool-${index + 1}`, attributes: { name } });

async function answersOf(pools: readonly Pool[], of = client()) {
  const answers = [...of.openRuns(pools, polling())];
  return new Map(await Promise.all(answers.map(async ([one, answer]) => [one, await answer] as const)));
}

async function openRuns(of = client(), pools: Pool[] = [pool], until = signal) {
  const answer = await of.openRuns(pools, polling(until)).get(pools[0] ?? pool);
  if (answer === undefined) throw new Error('no answer about the pool');
  return answer;
}

async function failure(of = client()): Promise<UpstreamError> {
  const answer = await openRuns(of);
  if (answer.ok) throw new Error(`expected a failure, got ${answer.value.length} runs`);
  return answer.error;
}

const idsOf = (answer: Awaited<ReturnType<typeof openRuns>>) => (answer.ok ? answer.value.map(({ id }) => id) : []);

const requestsTo = (path: string) => server.requests.filter((request) => request.startsWith(path));
const runRequests = () => requestsTo(RUNS);

/** Answers the first list of a poll, which has every status, in one way and the other lists in a different way. */
const firstListOnly =
  (runs: Parameters<typeof listOf>[0], others: Answer): Answer =>
  (request, response) => {
    const isFirst = queryOf(request).get('filter[status]')?.includes('policy_checking') === true;
    (isFirst ? listOf(runs) : others)(request, response);
  };

describe('the runs of a pool', () => {
  it('are listed by pool, status and operation, with plans and applies, 100 per page', async () => {
    await openRuns();
    expect(Object.fromEntries(queryOf(runRequests()[0]))).toEqual({
      'filter[agent_pool_names]': 'default',
      'filter[status]': ALL_STATUSES,
      'filter[operation]': ALL_OPERATIONS,
      include: 'plan,apply',
      'page[size]': '100',
      'page[number]': '1',
    });
    expect(server.authorizations.at(-1)).toBe(`Bearer ${TOKEN}`);
  });

  it('the open runs are read from all pages (hcp-terraform-operator #426)', async () => {
    server.on(
      RUNS,
      json({ data: [run('run-1')], ...page(1, 2) }),
      json({ data: [run('run-2')], ...page(2, 3) }),
      json({ data: [run('run-3')], ...page(3, null) }),
    );
    expect(idsOf(await openRuns())).toEqual(['run-1', 'run-2', 'run-3']);
  });

  it('contain their times and the names of their agents', async () => {
    const details = { 'execution-details': { mode: 'agent', 'agent-name': 'task-1' } };
    const included = [{ id: 'plan-run-1', type: 'plans', attributes: details }];
    server.on(RUNS, list([run('run-1', 'planning')], { included }));
    const planQueuedAtMs = Date.parse('2026-03-01T11:59:30Z');
    const seen = { id: 'run-1', workspaceId: 'ws-1', status: 'planning', planQueuedAtMs, planAgentName: 'task-1' };
    expect(await openRuns()).toMatchObject({ ok: true, value: [seen] });
  });

  it('are listed again without the filter for operations if an older Terraform Enterprise refuses it', async () => {
    server.on(RUNS, status(422), list([run('run-1')]));
    expect((await openRuns()).ok).toBe(true);
    expect(runRequests()[1]).not.toContain('filter[operation]');
  });

  it('are listed without the filter for operations once it was refused', async () => {
    server.on(RUNS, status(400), list([]));
    const warm = client();
    await openRuns(warm);
    await openRuns(warm);
    expect(runRequests().map((request) => request.includes('filter[operation]'))).toEqual([true, false, false]);
    expect(warm.pollBudget().wanted).toEqual([3]);
  });

  it.each([400, 422])(
    'can’t be read if status %i isn’t about the operations: the poll fails after two requests, and the next poll uses the filter again',
    async (code) => {
      server.on(RUNS, status(code));
      const warm = client();
      expect(await failure(warm)).toMatchObject({ fault: 'rejected', status: code });
      expect(runRequests()).toHaveLength(2);
      expect(await failure(warm)).toMatchObject({ fault: 'rejected', status: code });
      expect(runRequests().map((request) => request.includes('filter[operation]'))).toEqual([true, false, true, false]);
    },
    10_000,
  );

  it.each(['app.terraform.io', 'app.eu.terraform.io'])(
    'are requested from %s once, and neither its version nor a list without operations is requested',
    async (hostname) => {
      server.on(RUNS, status(422));
      expect(await failure(client(undefined, hostname))).toMatchObject({ fault: 'rejected', status: 422 });
      expect(runRequests()).toHaveLength(1);
      expect(requestsTo('/api/v2/ping')).toEqual([]);
    },
  );

  it('are also listed by the statuses of applies if applies have a separate lane', async () => {
    server.on(RUNS, endless());
    await openRuns(client(), [poolWithPhases]);
    const statuses = runRequests().map((request) => queryOf(request).get('filter[status]'));
    expect(statuses).toEqual([...Array(5).fill(ALL_STATUSES), ...Array(5).fill('apply_queued,applying')]);
  });

  it('queued jobs are found even if 500 newer runs are stuck after their plan', async () => {
    const stuck = Array.from({ length: 501 }, (_, n) => run(`run-stuck${n}`, 'post_plan_running'));
    server.on(RUNS, listOf([...stuck, run('run-waits'), run('run-works', 'planning')]));
    const warm = client();
    const found = idsOf(await openRuns(warm));
    expect(found.slice(-2)).toEqual(['run-waits', 'run-works']);
    expect(found).toHaveLength(502);
    // One request more than the five requests that read the stuck runs.
    expect(runRequests()).toHaveLength(6);
    expect(warm.visibilityOf(pool)).toEqual({ agentsVisible: true, unread: 'post-plan-runs' });
  });

  it('are reported as unread until a poll reads all of them', async () => {
    const queued = (count: number) => listOf(Array.from({ length: count }, (_, n) => run(`run-${n}`)));
    const warm = client();
    server.on(RUNS, queued(501));
    await openRuns(warm);
    expect(warm.visibilityOf(pool)).toEqual({ agentsVisible: true, unread: 'queued-jobs' });
    server.on(RUNS, queued(500));
    await openRuns(warm);
    expect(warm.visibilityOf(pool)).toEqual({ agentsVisible: true });
  });

  it('are no longer reported as unread if the combined request finds no run', async () => {
    const warm = client();
    server.on(RUNS, listOf(Array.from({ length: 501 }, (_, n) => run(`run-${n}`))));
    await openRuns(warm, [pool, other]);
    expect(warm.visibilityOf(pool)).toMatchObject({ unread: 'queued-jobs' });
    nowMs += 60_000;
    server.on(RUNS, listOf([]));
    const before = runRequests().length;
    expect(await openRuns(warm, [pool, other])).toEqual({ ok: true, value: [] });
    expect(runRequests()).toHaveLength(before + 1);
    expect(warm.visibilityOf(pool)).toEqual({ agentsVisible: true });
  });

  it.each([429, 503])('are those of the first list if a later list fails with %d', async (code) => {
    const statusOf = (n: number) => (n % 2 === 0 ? 'plan_queued' : 'policy_checking');
    const crowd = Array.from({ length: 501 }, (_, n) => run(`run-${n}`, statusOf(n)));
    server.on(RUNS, firstListOnly(crowd, status(code)));
    const warm = client();
    expect(idsOf(await openRuns(warm, [poolWithPhases]))).toHaveLength(500);
    expect(warm.visibilityOf(poolWithPhases)).toMatchObject({ unread: 'queued-jobs' });
  });

  it('can’t be read if a later list is refused: the poll fails with the fault rejected', async () => {
    const crowd = Array.from({ length: 501 }, (_, n) => run(`run-${n}`, 'policy_checking'));
    server.on(RUNS, firstListOnly(crowd, status(403)));
    expect(await failure(client())).toMatchObject({ fault: 'rejected' });
  });

  it('can’t be read, and don’t count as none, if the first list could not be read and the next one fails', async () => {
    const crowd = [run('run-stuck', 'policy_checking', 'x'.repeat(5 * 2 ** 20)), run('run-waits')];
    server.on(RUNS, firstListOnly(crowd, status(503)));
    expect(await failure(client())).toMatchObject({ fault: 'unavailable' });
  });

  it('take one request for each of several pools if there is work', async () => {
    server.on(RUNS, list([run('run-1')]), list([run('run-1')]), list([]));
    const answers = await answersOf([pool, other]);
    expect([...answers.values()].map((answer) => answer.ok && answer.value.length)).toEqual([1, 0]);
  });

  it('are returned even if the requests for another pool never get an answer', async () => {
    const silent = { ...pool, name: 'silent' };
    const unknown = { ...pool, name: 'unknown', id: 'apool-3' };
    server.on(RUNS, (request, response) => {
      if (queryOf(request).get('filter[agent_pool_names]') !== 'silent') list([run('run-1')])(request, response);
    });
    server.on(POOLS, list(['default', 'silent'].map(listed)));
    server.on('/api/v2/agent-pools/apool-3', () => {});
    const tick = new AbortController();
    const answers = client().openRuns([silent, unknown, pool], polling(tick.signal));
    expect(await answers.get(pool)).toMatchObject({ ok: true, value: [{ id: 'run-1' }] });
    tick.abort();
    expect(await answers.get(silent)).toMatchObject({ ok: false, error: { fault: 'unavailable' } });
    expect(await answers.get(unknown)).toMatchObject({ ok: false, error: { fault: 'unavailable' } });
  });

  it('are requested without the names of pools that HCP Terraform doesn’t know', async () => {
    const misspelt = { ...pool, name: 'misspelt' };
    const warm = client();
    for (let tick = 0; tick < 2; tick += 1) {
      const answers = await answersOf([misspelt, pool, other], warm);
      expect(answers.get(misspelt)).toMatchObject({ ok: false, error: { fault: 'rejected' } });
    }
    expect(runRequests().at(-1)).toContain('filter[agent_pool_names]=default,other');
  });

  it('the runs of a renamed pool can’t be read after ten minutes, even in a warm function', async () => {
    const warm = client();
    expect((await openRuns(warm)).ok).toBe(true);
    server.on(POOLS, list([]));
    expect((await openRuns(warm)).ok).toBe(true);
    nowMs += 10 * 60_000;
    expect(await openRuns(warm)).toMatchObject({ ok: false, error: { fault: 'rejected' } });
  });

  it('the runs of a pool that is no longer visible are still listed, and every tick reports the missing pool', async () => {
    const other = { ...pool, name: 'other' };
    const found = poolNamed('default');
    server.on(POOLS, list([{ id: 'apool-3', attributes: { name: 'other' } }]));
    server.on(LOOKUP, found);
    const warm = client();
    expect(warm.visibilityOf(byId)).toEqual({ agentsVisible: true });
    expect((await openRuns(warm, [byId])).ok).toBe(true);
    server.on(LOOKUP, status(404));
    nowMs += 10 * 60_000;
    for (let tick = 0; tick < 5; tick += 1, nowMs += 60_000) {
      expect((await openRuns(warm, [byId])).ok).toBe(true);
      // One or two refusals may be a temporary fault.
      if (tick < 2) expect(warm.visibilityOf(byId)).toEqual({ agentsVisible: true });
      else
        expect(warm.visibilityOf(byId)).toMatchObject({
          agentsVisible: false,
          notFound: true,
          missingError: {
            fault: 'rejected',
            message: expect.stringMatching(/default \(apool-2\).*was deleted, or the API token/),
          },
        });
    }
    // HCP Terraform's answer for the name of a deleted pool isn't known, so the combined request omits that name.
    server.requests.length = 0;
    await answersOf([byId, other], warm);
    expect(runRequests().filter((request) => request.includes('default%2Cother'))).toEqual([]);
    server.on(LOOKUP, found);
    nowMs += 60_000;
    expect((await openRuns(warm, [byId])).ok).toBe(true);
    expect(warm.visibilityOf(byId)).toEqual({ agentsVisible: true });
  });

  it.each(['warm', 'cold'])(
    'the agents of a pool are listed although one lookup of its id is refused, in a %s function',
    async (which) => {
      const found = poolNamed('default');
      const looksUp = (answer: typeof found) => {
        server.on(LOOKUP, answer);
        server.on(`${LOOKUP}/agents`, list([]));
      };
      const asked = client();
      if (which === 'warm') {
        looksUp(found);
        await openRuns(asked, [byId]);
        nowMs += 10 * 60_000;
      }
      looksUp(status(404));
      expect((await openRuns(asked, [byId])).ok).toBe(true);
      expect(await asked.agents(byId, nowMs, signal)).toEqual([]);
      // A function that has seen the pool before looks it up again soon, and succeeds.
      looksUp(found);
      server.requests.length = 0;
      nowMs += which === 'warm' ? 60_000 : 10 * 60_000;
      expect(await asked.agents(byId, nowMs, signal)).toEqual([]);
      expect(server.requests.filter((request) => request === LOOKUP)).toHaveLength(1);
      expect(asked.visibilityOf(byId)).toEqual({ agentsVisible: true });
    },
  );

  it('are listed without agents if the pool was never visible', async () => {
    server.on(LOOKUP, status(404));
    const cold = client();
    expect((await openRuns(cold, [byId])).ok).toBe(true);
    expect(cold.visibilityOf(byId)).toEqual({ agentsVisible: false });
  });

  it('are requested with an encoded path, whatever characters the organization’s name contains', async () => {
    const paths: string[] = [];
    server.on('/api/v2/organizations', (request, response) => {
      paths.push(String(request.url?.split('?')[0]));
      list(request.url?.includes('/runs') === true ? [] : [listed('default')])(request, response);
    });
    await openRuns(client(), [{ ...pool, organization: 'a/b?c' }]);
    expect(paths).toEqual(['/api/v2/organizations/a%2Fb%3Fc/agent-pools', '/api/v2/organizations/a%2Fb%3Fc/runs']);
  });

  it('take one request per tick once the pool is known', async () => {
    const warm = client();
    await openRuns(warm);
    server.requests.length = 0;
    await openRuns(warm);
    expect(server.requests).toHaveLength(1);
  });
});

describe('an error instead of an empty list is the result of', () => {
  it.each([
    ['an empty 200', text('', 'application/json'), 'unexpected-answer'],
    ['HTML', text('<html>maintenance</html>', 'text/html'), 'unexpected-answer'],
    ['an object without data', json({}), 'unexpected-answer'],
    ['data that is no list', list({}), 'unexpected-answer'],
    ['a list without paging', json({ data: [] }), 'unexpected-answer'],
    ['a run without a status', list([{ ...run('run-1'), attributes: {} }]), 'unexpected-answer'],
    ['an id with characters that ECS does not allow', list([run('run-ü; drop')]), 'unexpected-answer'],
    ['a different page than the requested one', json({ data: [], ...page(2, null) }), 'unexpected-answer'],
    ['a next page that was already read', json({ data: [], ...page(1, 1) }), 'unexpected-answer'],
    ['a next page that skips one', json({ data: [], ...page(1, 3) }), 'unexpected-answer'],
    ['half an answer', truncated, 'unavailable'],
    ['an answer with an error', status(502), 'unavailable'],
  ])('%s', async (_, answer, fault) => {
    server.on(RUNS, answer);
    expect(await failure()).toMatchObject({ name: 'UpstreamError', fault });
  });

  it('a wrong organization', async () => {
    server.on(RUNS, status(404));
    expect(await failure()).toMatchObject({ fault: 'rejected', message: expect.stringContaining('check the names') });
  });

  it('a pool that does not exist: the error contains a remedy', async () => {
    server.on(POOLS, list([]));
    const error = await failure();
    expect(error.message).toMatch(/no agent pool named "default" in organization "acme".*correct the name/);
    expect(runRequests()).toEqual([]);
  });
});

it('a pool counts as not found after three answers in a row that don’t contain it, until a different answer', async () => {
  const asked = client();
  server.on(POOLS, list([]));
  for (const notFound of [undefined, undefined, true]) {
    await openRuns(asked);
    expect(asked.visibilityOf(pool).notFound).toBe(notFound);
  }
  server.on(POOLS, status(404));
  await openRuns(asked);
  expect(asked.visibilityOf(pool).notFound).toBeUndefined();
});

describe('an API token that is rejected', () => {
  it('is read again once', async () => {
    server.on(RUNS, status(401), list([]));
    expect((await openRuns()).ok).toBe(true);
    expect(secretReads).toBe(1);
    expect(server.authorizations.at(-1)).toContain('second.');
  });

  it('an API token that is rejected twice is reported by its secret’s name, and never shown', async () => {
    server.on(RUNS, status(401));
    const error = await failure();
    expect(error).toMatchObject({ fault: 'rejected', status: 401 });
    expect(error.message).toContain('acme/api-token');
    expect(JSON.stringify([error, error.message, String(error.cause)])).not.toContain('must-not-show');
  });
});

describe('a host', () => {
  /** A client that trusts only public certificate authorities. */
  const untrusting = (hostname: string): HcpTerraformClient => {
    const secrets: Secrets = { value: async () => TOKEN, renew: async () => TOKEN };
    const http = new HcpTerraformHttp({
      hostname,
      secrets,
      send: sendOver(connections(), hostname, 'test', (ms) => AbortSignal.timeout(ms)),
    });
    return new HcpTerraformClient({ http, hostname, now: () => nowMs, timeout });
  };

  it('gets the request a second time if it resets a kept connection', async () => {
    server.on(RUNS, reset, list([]));
    expect((await openRuns()).ok).toBe(true);
  });

  it('is unavailable if it resets every connection', async () => {
    server.on(RUNS, reset);
    expect(await failure()).toMatchObject({
      fault: 'unavailable',
      message: expect.stringContaining('connection broke'),
    });
  });

  it('is given up at the end of the tick if it doesn’t answer', async () => {
    server.on(RUNS, hang);
    const tick = new AbortController();
    const answer = openRuns(client(), [pool], tick.signal);
    await expect.poll(() => runRequests().length).toBe(1);
    tick.abort();
    expect(await answer).toMatchObject({ ok: false, error: { fault: 'unavailable' } });
  });

  it.each([
    ['refuses connections', 'localhost:1', /refused.*check the setting hostname and its port/],
    ['has a name that does not resolve', 'no-such-host.invalid', /does not resolve/],
  ])('is reported with what to check if it %s', async (_, hostname, message) => {
    expect((await failure(untrusting(hostname))).message).toMatch(message);
  });

  it('is reported with a remedy if its certificate isn’t trusted', async () => {
    expect((await failure(untrusting(server.hostname))).message).toContain('set caCertificates');
  });
});

describe('the poll budget', () => {
  it('is never exceeded in any minute, and recovers over time', async () => {
    const warm = client();
    for (let i = 0; i < POLLS_PER_MINUTE; i += 1) {
      expect((await openRuns(warm)).ok).toBe(true);
      nowMs += 1000;
    }
    expect(await failure(warm)).toMatchObject({ fault: 'throttled', retryAfterMs: 60_000 - POLLS_PER_MINUTE * 1000 });
    expect(runRequests()).toHaveLength(POLLS_PER_MINUTE);
    nowMs += 60_000 - POLLS_PER_MINUTE * 1000;
    expect((await openRuns(warm)).ok).toBe(true);
  });

  it('allows no request for as long as a 429 asks to wait', async () => {
    server.on(RUNS, status(429, { 'x-ratelimit-reset': '12.5' }), list([]));
    const warm = client();
    expect(await failure(warm)).toMatchObject({ fault: 'throttled', retryAfterMs: 12_500 });
    nowMs += 12_000;
    expect(await failure(warm)).toMatchObject({ fault: 'throttled', retryAfterMs: 500 });
    expect(runRequests()).toHaveLength(1);
    nowMs += 500;
    expect((await openRuns(warm)).ok).toBe(true);
  });
});

describe('a successful answer whose header says that no request is left', () => {
  const withRemaining = (remaining: string, data: unknown[] = []) =>
    json({ data, ...page(1, null) }, { 'x-ratelimit-remaining': remaining, 'x-ratelimit-reset': '3' });

  it('is used, and the launcher sends no further request until the limit is reset', async () => {
    server.on(RUNS, withRemaining('0', [run('run-1')]), list([]));
    const warm = client();
    expect(await openRuns(warm)).toMatchObject({ ok: true, value: [{ id: 'run-1' }] });
    nowMs += 2_999;
    expect(await failure(warm)).toMatchObject({ fault: 'throttled', retryAfterMs: 1 });
    expect(runRequests()).toHaveLength(1);
    nowMs += 1;
    expect(await openRuns(warm)).toEqual({ ok: true, value: [] });
  });

  it.each(['1', '', '00'])('is not recognized if the header says %j', async (remaining) => {
    server.on(RUNS, withRemaining(remaining));
    const warm = client();
    await openRuns(warm);
    expect((await openRuns(warm)).ok).toBe(true);
  });
});

describe('the agents of a pool', () => {
  const AGENTS = '/api/v2/agent-pools/apool-1/agents';

  it('are read from all pages, since the given time, with their names', async () => {
    const agent = (id: string, name: string | null, agentStatus: string, lastPing?: string) => ({
      id,
      type: 'agents',
      attributes: { name, status: agentStatus, 'last-ping-at': lastPing },
    });
    server.on(
      AGENTS,
      json({ data: [agent('agent-1', 'task-1', 'exited', '2026-03-01T11:59:59.246Z')], ...page(1, 2) }),
      json({ data: [agent('agent-2', null, 'dreaming', 'a while ago')], ...page(2, null) }),
    );
    expect(await client().agents(pool, nowMs - 1000, signal)).toEqual([
      { id: 'agent-1', name: 'task-1', status: 'exited', lastPingMs: nowMs - 1000 + 246 },
      { id: 'agent-2', name: 'agent-2', status: 'unknown' },
    ]);
    expect(server.requests.at(-1)).toContain('filter[last-ping-since]=2026-03-01T11:59:59.000Z');
  });

  it('are unknown if the API token can’t list them', async () => {
    server.on(AGENTS, status(404));
    expect(await client().agents(pool, nowMs, signal)).toBeUndefined();
  });

  it('are unknown while the pool is not found by its id, and the pool is looked up again after ten minutes', async () => {
    const asked = client();
    server.on(LOOKUP, status(404));
    for (let tick = 0; tick < 2; tick += 1) expect(await asked.agents(byId, nowMs, signal)).toBeUndefined();
    server.on(LOOKUP, poolNamed('default'));
    server.on(`${LOOKUP}/agents`, list([]));
    nowMs += 11 * 60_000;
    for (let tick = 0; tick < 2; tick += 1) expect(await asked.agents(byId, nowMs, signal)).toEqual([]);
    expect(server.requests.filter((request) => request === LOOKUP)).toHaveLength(2);
  });

  it('can’t be read if the first page shows more than 50 pages: fails after one request, with the fault too-long', async () => {
    const pagination = { ...page(1, 2).meta.pagination, 'total-pages': 51 };
    server.on(AGENTS, json({ data: [], meta: { pagination } }));
    await expect(client().agents(pool, nowMs, signal)).rejects.toMatchObject({ fault: 'too-long' });
    expect(requestsTo(AGENTS)).toHaveLength(1);
  });

  it('can’t be read if HCP Terraform returns 500: fails with the fault unavailable', async () => {
    server.on(AGENTS, status(500));
    await expect(client().agents(pool, nowMs, signal)).rejects.toMatchObject({ fault: 'unavailable' });
  });
});

describe('Terraform Enterprise older than v202409-1', () => {
  const WORKSPACES = '/api/v2/organizations/acme/workspaces';
  const workspace = (id: string, poolId: string, runId: string) => ({
    id,
    type: 'workspaces',
    relationships: { 'agent-pool': { data: { id: poolId } }, 'current-run': { data: { id: runId } } },
  });

  beforeEach(() => server.on('/api/v2/ping', status(204, { 'x-tfe-version': 'v202408-1' })));

  it('is polled through the current runs of the pool’s workspaces', async () => {
    const data = [workspace('ws-1', 'apool-1', 'run-1'), workspace('ws-2', 'apool-other', 'run-2')];
    server.on(WORKSPACES, list(data, { included: [run('run-1'), run('run-2'), { id: 'user-1', type: 'users' }] }));
    expect(idsOf(await openRuns())).toEqual(['run-1']);
    expect(runRequests()).toEqual([]);
  });

  it('gets one request for its version, and one request per pool', async () => {
    const data = [workspace('ws-1', 'apool-1', 'run-1'), workspace('ws-2', 'apool-2', 'run-2')];
    server.on(WORKSPACES, list(data, { included: [run('run-1'), run('run-2')] }));
    const warm = client();
    const answers = await answersOf([pool, other], warm);
    expect(answers.get(pool)).toMatchObject({ ok: true, value: [{ id: 'run-1' }] });
    expect(answers.get(other)).toMatchObject({ ok: true, value: [{ id: 'run-2' }] });
    expect(runRequests()).toEqual([]);
    server.requests.length = 0;
    await answersOf([pool, other], warm);
    expect(requestsTo('/api/v2/ping')).toEqual([]);
    expect(warm.pollBudget().wanted).toEqual([]);
  });

  it('is polled for workspaces whose current run waits for an agent or has one', async () => {
    server.on(WORKSPACES, list([], { included: [] }));
    expect(await openRuns()).toEqual({ ok: true, value: [] });
    expect(Object.fromEntries(queryOf(requestsTo(WORKSPACES)[0]))).toEqual({
      'filter[current-run][status]': ALL_STATUSES,
      include: 'current_run',
      'page[size]': '100',
      'page[number]': '1',
    });
  });

  it.each([
    ['is missing from the included runs', [], 'does not include the current run run-1'],
    ['does not have the expected schema', [{ ...run('run-1'), attributes: {} }], 'expected schema'],
  ])('causes an error if a current run %s', async (_, included, message) => {
    server.on(WORKSPACES, list([workspace('ws-1', 'apool-1', 'run-1')], { included }));
    expect(await failure()).toMatchObject({
      fault: 'unexpected-answer',
      message: expect.stringContaining(message),
    });
  });
});

describe('the combined request for several pools', () => {
  const isQuestion = (url = '') => !url.includes('include=');

  it.each([
    ['an error', status(500)],
    ['HTML', text('<html>', 'text/html')],
    ['refused for a name that it does not know', status(404)],
    ['an empty page that is not the first', json({ data: [], ...page(2, null) })],
  ])('is followed by one request per pool if the answer is %s', async (_, answer) => {
    const each = list([run('run-1')]);
    server.on(RUNS, (request, response) => (isQuestion(request.url) ? answer : each)(request, response));
    const answers = await answersOf([pool, other]);
    const served = { ok: true, value: [{ id: 'run-1' }] };
    expect([...answers.values()]).toMatchObject([served, served]);
  });

  it('is given up after 2 s, so that no pool waits for another', async () => {
    const each = list([run('run-1')]);
    server.on(RUNS, (request, response) => {
      const silent = isQuestion(request.url) || request.url?.includes('agent_pool_names%5D=other');
      return (silent ? hang : each)(request, response);
    });
    const tick = new AbortController();
    // The request itself never times out, so only the timeout of the combined request can end the wait.
    const patient = client(() => new AbortController().signal);
    const answers = patient.openRuns([pool, other], polling(tick.signal));
    await expect.poll(() => runRequests().length).toBe(1);
    expect(waits).toEqual([2_000]);
    patience.abort();
    expect(await answers.get(pool)).toMatchObject({ ok: true, value: [{ id: 'run-1' }] });
    tick.abort();
    expect(await answers.get(other)).toMatchObject({ ok: false, error: { fault: 'unavailable' } });
  }, 10_000);

  it('asks for one entry with all pool names and filters, and is enough if there is no run', async () => {
    const answers = await answersOf([pool, other]);
    expect([...answers.values()]).toEqual([
      { ok: true, value: [] },
      { ok: true, value: [] },
    ]);
    expect(runRequests()).toHaveLength(1);
    expect(Object.fromEntries(queryOf(runRequests()[0]))).toEqual({
      'filter[agent_pool_names]': 'default,other',
      'filter[status]': ALL_STATUSES,
      'filter[operation]': ALL_OPERATIONS,
      'page[size]': '1',
      'page[number]': '1',
    });
  });

  it('is not sent for a single pool', async () => {
    await openRuns();
    expect(runRequests().map((request) => isQuestion(request))).toEqual([false]);
    expect(waits).toEqual([]);
  });

  it('is not followed by other requests if HCP Terraform asks to wait', async () => {
    server.on(RUNS, status(429, { 'x-ratelimit-reset': '5' }));
    const answers = await answersOf([pool, other]);
    expect([...answers.values()]).toMatchObject([{ error: { fault: 'throttled' } }, { error: { fault: 'throttled' } }]);
    expect(runRequests()).toHaveLength(1);
  });
});

it('an API token has one request budget, whether its secret is given by name or by ARN', async () => {
  const warm = client();
  const arn = 'arn:aws:secretsmanager:eu-central-1:000000000000:secret:acme/api-token-AbC123';
  await openRuns(warm);
  await openRuns(warm, [{ ...pool, apiTokenSecret: arn }]);
  expect(warm.pollBudget()).toMatchObject({ usedInLastMinute: 2, wanted: [2] });
});

it('the client first polls the pools that it didn’t reach the last time, if the request budget isn’t enough for all pools', async () => {
  const first = { ...pool, id: 'apool-1' };
  let listed: (string | null)[] = [];
  server.on('/api/v2/agent-pools/apool-1', poolNamed('default'));
  server.on(RUNS, (request, response) => {
    const query = queryOf(request);
    nowMs += 1;
    if (query.has('include')) listed.push(query.get('filter[agent_pool_names]'));
    list(query.has('include') ? [] : [run('run-1')])(request, response);
  });
  const warm = client();
  // Seven polls take three requests each, and one poll takes one. Two of 24 are left: one for the combined request and one for a pool.
  for (let poll = 0; poll < 7; poll += 1) await answersOf([first, other], warm);
  await openRuns(warm, [first]);
  const answers = await answersOf([first, other], warm);
  expect([first, other].map((one) => answers.get(one)?.ok)).toEqual([false, true]);
  // The request for the pool that was left out also counts: the next tick must not follow so soon that it is left out again.
  expect(warm.pollBudget()).toMatchObject({ usedInLastMinute: 24, wanted: [25] });
  nowMs += 60_000;
  listed = [];
  await answersOf([first, other], warm);
  expect(listed[0]).toBe('default');
});

describe('a pool with more open runs than a budget has requests', () => {
  const runPerPage = endless((number) => [run(`run-${number}`)]);

  it('a pool with many runs leaves requests for the other pools of the same API token', async () => {
    server.on(RUNS, (request, response) => {
      const query = queryOf(request);
      const isCrowded = query.get('filter[agent_pool_names]') !== 'other' && query.has('include');
      (isCrowded ? runPerPage : list([run('run-1')]))(request, response);
    });
    const warm = client();
    const answered = { default: 0, other: 0 };
    for (let tick = 0; tick < 5; tick += 1) {
      for (const [{ name }, answer] of await answersOf([pool, other], warm)) {
        if (answer.ok && (name === 'default' || name === 'other')) answered[name] += 1;
      }
      nowMs += 60_000;
    }
    expect(answered).toEqual({ default: 5, other: 5 });
  });

  const plans = Array.from({ length: 520 }, (_, n) => run(`run-p${n}`));
  const backlog = (waiting: ReturnType<typeof run>[]) => server.on(RUNS, listOf(waiting));
  const requestsOf = async (warm: HcpTerraformClient, one: Pool) => {
    const before = runRequests().length;
    const answer = await openRuns(warm, [one]);
    const applies = answer.ok && answer.value.filter(({ status: of }) => of === 'apply_queued').map(({ id }) => id);
    return { applies, requests: runRequests().length - before };
  };

  it('reserves only one request for the next poll if its first page fails, not as many as a whole list needs', async () => {
    server.on(RUNS, status(503));
    const warm = client();
    for (let poll = 0; poll < 24; poll += 1) expect(await failure(warm)).toMatchObject({ fault: 'unavailable' });
    expect(await failure(warm)).toMatchObject({ fault: 'throttled' });
  });

  it('an apply that has a separate lane is found behind many newer plans', async () => {
    backlog([...plans, run('run-apply', 'apply_queued')]);
    const warm = client();
    for (let poll = 0; poll < 4; poll += 1) {
      expect(await requestsOf(warm, poolWithPhases)).toEqual({ applies: ['run-apply'], requests: 6 });
    }
    // All 24 requests of the budget are used, none is still reserved, and none exceeds the budget.
    expect(await openRuns(warm, [poolWithPhases])).toMatchObject({ ok: false, error: { fault: 'throttled' } });
    expect(warm.pollBudget().usedInLastMinute).toBe(24);
  });

  it('takes no additional request if it has one lane or its runs fit into five pages', async () => {
    backlog([...plans, run('run-apply', 'apply_queued')]);
    expect(await requestsOf(client(), pool)).toEqual({ applies: [], requests: 5 });
    backlog([...plans.slice(0, 499), run('run-apply', 'apply_queued')]);
    expect(await requestsOf(client(), poolWithPhases)).toEqual({ applies: ['run-apply'], requests: 5 });
  });

  // Without reservations, pools that are polled in parallel would all read their first pages, and none its last page.
  it('pools with many runs take turns to be read completely if the request budget isn’t enough for all', async () => {
    const pools = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ ...pool, name, id: `apool-${name}` }));
    for (const { name, id } of pools) server.on(`/api/v2/agent-pools/${id}`, poolNamed(name));
    server.on(RUNS, runPerPage);
    const warm = client();
    const answered: string[] = [];
    for (let tick = 0; tick < 6; tick += 1) {
      for (const [{ name }, answer] of await answersOf(pools, warm)) if (answer.ok) answered.push(name);
      nowMs += 60_000;
    }
    const times = pools.map(({ name }) => answered.filter((served) => served === name).length);
    // 24 requests a minute: four pools of five pages, and the question before; the first poll learns how many pages.
    expect(answered.length).toBeGreaterThanOrEqual(20);
    expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
  });
});

describe('a poll that needs only some of the queued jobs', () => {
  const queued = (count: number, code = 'plan_queued', name = code) =>
    Array.from({ length: count }, (_, n) => run(`run-${name.replace('_', '')}x${n}`, code));
  const laneOf = (unclaimed: number, phases: readonly Phase[] = ['plan', 'apply']) => ({ phases, unclaimed });
  const ONE_LANE = laneOf(0);

  /** Polls with a need. @returns the pages that were requested, the number of runs, and what visibilityOf shows */
  async function pollWith(warm: HcpTerraformClient, need: RunsNeed, one: Pool = pool) {
    const before = runRequests().length;
    const answer = await warm.openRuns([one], { signal, needOf: async () => need }).get(one);
    const pages = runRequests()
      .slice(before)
      .map((request) => {
        const query = queryOf(request);
        const statuses = query.get('filter[status]') ?? '';
        return `${statuses === ALL_STATUSES ? 'open' : statuses} ${query.get('page[number]')}`;
      });
    const { unlisted, unread } = warm.visibilityOf(one);
    return { pages, runs: answer?.ok === true ? answer.value.length : answer, unlisted, unread };
  }

  it.each<[string, number, RunsNeed, Awaited<ReturnType<typeof pollWith>>]>([
    [
      'reads one page if the tick can launch nothing',
      1500,
      { lanes: [laneOf(25)], launches: 0 },
      { pages: ['open 1'], runs: 100, unlisted: [], unread: undefined },
    ],
    [
      'reads one page if that shows enough jobs',
      1500,
      { lanes: [laneOf(40)], launches: 60 },
      { pages: ['open 1'], runs: 100, unlisted: [], unread: undefined },
    ],
    [
      'reads as many pages as the tick can launch for',
      1500,
      { lanes: [ONE_LANE], launches: 200 },
      { pages: ['open 1', 'plan_queued,apply_queued 2'], runs: 200, unlisted: [], unread: undefined },
    ],
    [
      'skips the pages whose jobs get the agents that are free already',
      1500,
      { lanes: [laneOf(300)], launches: 200 },
      {
        pages: ['open 1', 'plan_queued,apply_queued 4', 'plan_queued,apply_queued 5'],
        runs: 300,
        unlisted: [{ phases: ['plan', 'apply'], count: 200 }],
        unread: undefined,
      },
    ],
    [
      'reads at most three pages for a lane',
      1500,
      { lanes: [laneOf(350)], launches: 400 },
      {
        pages: ['open 1', ...[4, 5, 6].map((page) => `plan_queued,apply_queued ${page}`)],
        runs: 400,
        unlisted: [{ phases: ['plan', 'apply'], count: 200 }],
        unread: undefined,
      },
    ],
    [
      'proves nothing with an empty page after the end of the list, and reads the newest running jobs',
      150,
      { lanes: [laneOf(300)], launches: 200 },
      {
        pages: ['open 1', 'plan_queued,apply_queued 4', 'planning,applying 1'],
        runs: 100,
        unlisted: [],
        unread: undefined,
      },
    ],
    [
      'reads a list of one page as always',
      90,
      { lanes: [laneOf(300)], launches: 200 },
      { pages: ['open 1'], runs: 90, unlisted: undefined, unread: undefined },
    ],
  ])('%s', async (_, jobs, need, expected) => {
    server.on(RUNS, listOf(queued(jobs)));
    expect(await pollWith(client(), need)).toEqual(expected);
  });

  it('reads the applies first, and each lane’s own list', async () => {
    server.on(RUNS, listOf([...queued(300), ...queued(150, 'apply_queued')]));
    const need = { lanes: [laneOf(0, ['plan']), laneOf(100, ['apply'])], launches: 200 };
    expect(await pollWith(client(), need, poolWithPhases)).toEqual({
      pages: ['open 1', 'apply_queued 2', 'plan_queued 2', 'planning,applying 1'],
      runs: 250,
      unlisted: [{ phases: ['apply'], count: 100 }],
      unread: undefined,
    });
  });

  it('finds queued jobs behind a page of other runs', async () => {
    server.on(RUNS, listOf([...queued(100, 'planning'), ...queued(5)]));
    expect(await pollWith(client(), { lanes: [ONE_LANE], launches: 10 })).toMatchObject({
      pages: ['open 1', 'plan_queued,apply_queued 1', 'planning,applying 1'],
      runs: 205,
    });
  });

  it('is replaced once per minute by a poll that reads everything', async () => {
    server.on(RUNS, listOf(queued(300)));
    const warm = client();
    const need = { lanes: [laneOf(100)], launches: 0 };
    expect((await pollWith(warm, need)).pages).toEqual(['open 1']);
    nowMs += 59_999;
    expect((await pollWith(warm, need)).pages).toEqual(['open 1']);
    nowMs += 1;
    expect((await pollWith(warm, need)).pages).toEqual(['open 1', 'open 2', 'open 3']);
    nowMs += 59_999;
    expect((await pollWith(warm, need)).pages).toEqual(['open 1']);
  });

  it('isn’t replaced in a tick in addition to the usual ones', async () => {
    server.on(RUNS, listOf(queued(300)));
    const warm = client();
    const need = { lanes: [laneOf(100)], launches: 0, mayReadAll: false };
    await pollWith(warm, need);
    nowMs += 300_000;
    expect((await pollWith(warm, need)).pages).toEqual(['open 1']);
  });

  it('leaves the requests that other pools reserved, if the budget isn’t enough for a further page', async () => {
    server.on(RUNS, listOf(queued(1500)));
    server.on(LOOKUP, poolNamed('other'));
    const warm = client();
    const one = { lanes: [ONE_LANE], launches: 0 };
    for (let polls = 0; polls < POLLS_PER_MINUTE - 3; polls += 1) await pollWith(warm, one);
    let isRead: () => void = () => undefined;
    const first = new Promise<void>((resolve) => {
      isRead = resolve;
    });
    const needOf = async (pool: Pool) => {
      if (pool.name === 'other') await first;
      return { lanes: [ONE_LANE], launches: pool.name === 'other' ? 0 : 200 };
    };
    // The second pool reserves a request, and uses it after the first pool found the budget used up.
    const answers = warm.openRuns([pool, other], { signal, needOf });
    expect(await answers.get(pool)).toMatchObject({ ok: true });
    isRead();
    expect(await answers.get(other)).toMatchObject({ ok: true });
  });

  it('isn’t replaced in the first two minutes while the tick can launch', async () => {
    server.on(RUNS, listOf(queued(300)));
    const warm = client();
    const need = { lanes: [ONE_LANE], launches: 100 };
    await pollWith(warm, need);
    nowMs += 119_999;
    expect((await pollWith(warm, need)).pages).toEqual(['open 1']);
    nowMs += 1;
    expect((await pollWith(warm, need)).pages).toEqual(['open 1', 'open 2', 'open 3']);
  });

  it('uses what it has read if the request budget isn’t enough for further pages', async () => {
    server.on(RUNS, listOf(queued(1500)));
    const warm = client();
    const one = { lanes: [ONE_LANE], launches: 0 };
    for (let polls = 0; polls < POLLS_PER_MINUTE - 1; polls += 1) await pollWith(warm, one);
    expect(await pollWith(warm, { lanes: [ONE_LANE], launches: 200 })).toMatchObject({ pages: ['open 1'], runs: 100 });
  });

  it('fails if a further page can’t be read', async () => {
    server.on(RUNS, firstListOnly(queued(500), status(503)));
    expect(await pollWith(client(), { lanes: [ONE_LANE], launches: 200 })).toMatchObject({
      runs: { ok: false, error: { fault: 'unavailable' } },
    });
  });

  describe('after a poll that found only queued jobs', () => {
    const QUEUED = 'plan_queued,apply_queued';

    async function inBurst(jobs: number): Promise<HcpTerraformClient> {
      server.on(RUNS, listOf(queued(jobs)));
      const warm = client();
      await pollWith(warm, { lanes: [ONE_LANE], launches: 200 });
      nowMs += 10_000;
      return warm;
    }

    it('reads only the queued jobs that the tick needs, for 25 seconds', async () => {
      const warm = await inBurst(1500);
      const need = { lanes: [laneOf(300)], launches: 200 };
      expect(await pollWith(warm, need)).toEqual({
        pages: [`${QUEUED} 4`, `${QUEUED} 5`],
        runs: 200,
        unlisted: [{ phases: ['plan', 'apply'], count: 300 }],
        unread: undefined,
      });
      nowMs += 14_999;
      expect((await pollWith(warm, need)).pages).toEqual([`${QUEUED} 4`, `${QUEUED} 5`]);
      nowMs += 1;
      expect((await pollWith(warm, need)).pages).toEqual(['open 1', `${QUEUED} 4`, `${QUEUED} 5`]);
    });

    it('reads everything that it usually reads once it reaches the end of the queue', async () => {
      const warm = await inBurst(450);
      expect(await pollWith(warm, { lanes: [laneOf(400)], launches: 200 })).toEqual({
        pages: [`${QUEUED} 5`, 'open 1', `${QUEUED} 5`, 'planning,applying 1'],
        runs: 150,
        unlisted: [{ phases: ['plan', 'apply'], count: 300 }],
        unread: undefined,
      });
    });

    it.each<[string, RunsNeed, Pool]>([
      ['the first page shows jobs without an agent', { lanes: [laneOf(99)], launches: 200 }, pool],
      ['the tick can launch nothing', { lanes: [laneOf(300)], launches: 0 }, pool],
      [
        'the pool has several lanes',
        { lanes: [laneOf(300, ['plan']), laneOf(300, ['apply'])], launches: 200 },
        poolWithPhases,
      ],
    ])('still reads the first page if %s', async (_, need, one) => {
      server.on(RUNS, listOf(queued(1500)));
      const warm = client();
      await pollWith(warm, { ...need, launches: 200 }, one);
      nowMs += 10_000;
      expect((await pollWith(warm, need, one)).pages[0]).toBe('open 1');
    });

    it('still reads the first page if the one before had other runs', async () => {
      server.on(RUNS, listOf([...queued(1, 'planning'), ...queued(1500)]));
      const warm = client();
      const need = { lanes: [laneOf(300)], launches: 200 };
      await pollWith(warm, need);
      expect((await pollWith(warm, need)).pages[0]).toBe('open 1');
    });

    it('fails if the request budget allows no request, because a pool without runs would look idle', async () => {
      const warm = await inBurst(1500);
      const need = { lanes: [laneOf(300)], launches: 200 };
      for (let polls = 0; polls < POLLS_PER_MINUTE / 2 - 1; polls += 1) await pollWith(warm, need);
      expect(await pollWith(warm, need)).toMatchObject({
        pages: [],
        runs: { ok: false, error: { fault: 'throttled' } },
      });
    });
  });

  it('reads everything if the server’s pages are smaller than requested', async () => {
    server.on(RUNS, (request, response) => {
      const page = Number(queryOf(request).get('page[number]'));
      json({
        data: queued(20, 'plan_queued', `page${page}`),
        meta: { pagination: { 'current-page': page, 'next-page': page < 4 ? page + 1 : null } },
      })(request, response);
    });
    expect(await pollWith(client(), { lanes: [ONE_LANE], launches: 5 })).toMatchObject({
      pages: ['open 1', 'open 2', 'open 3', 'open 4'],
      runs: 80,
    });
  });
});
