/** How much of an answer the launcher reads, and what happens if the answer is larger. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HcpTerraformClient } from '../../../../functions/launcher/adapters/hcp-terraform/client.ts';
import { HcpTerraformHttp } from '../../../../functions/launcher/adapters/hcp-terraform/http.ts';
import { connections, sendOver } from '../../../../functions/launcher/adapters/hcp-terraform/send.ts';
import type { Pool } from '../../../../functions/launcher/ports.ts';
import { polling } from '../fakes.ts';
import {
  endless,
  list,
  listOf,
  POOLS,
  page,
  pagesOf,
  pool,
  poolNamed,
  poolWithPhases,
  queryOf,
  RUNS,
  run,
} from './platform-answers.ts';
import { json, type ScriptedServer, startScriptedServer, text } from './scripted-server.ts';

const MESSAGE_BYTES = 100_000;
const signal = new AbortController().signal;
let server: ScriptedServer;
let nowMs: number;
let client: HcpTerraformClient;

beforeEach(async () => {
  server = await startScriptedServer();
  nowMs = Date.parse('2026-03-01T12:00:00Z');
  const { hostname } = server;
  const secrets = { value: async () => 'token', renew: async () => 'token' };
  const http = new HcpTerraformHttp({
    hostname,
    secrets,
    send: sendOver(connections({ ca: server.ca }), hostname, 't', (ms) => AbortSignal.timeout(ms)),
  });
  client = new HcpTerraformClient({ http, hostname: 'app.terraform.io', now: () => nowMs, timeout: () => signal });
  server.on(POOLS, list([{ id: 'apool-1', attributes: { name: 'default' } }]));
});

afterEach(() => server.close());

async function runsOf(of: Pool = pool) {
  const answer = await client.openRuns([of], polling()).get(of);
  if (answer === undefined) throw new Error('no answer about the pool');
  return answer;
}

type Runs = Awaited<ReturnType<typeof runsOf>>;
const idsOf = (answer: Runs) => (answer.ok ? answer.value.map(({ id }) => id) : [answer.error.message]);
const messageOf = (answer: Runs) => (answer.ok ? undefined : answer.error.message);

/** Returns the size and number of each page that was requested since the last call. */
function pagesRequested(path = RUNS): string[] {
  const pages = server.requests
    .filter((request) => request.startsWith(path))
    .map((request) => {
      const query = queryOf(request);
      return `${query.get('page[size]')}:${query.get('page[number]')}`;
    });
  server.requests.length = 0;
  return pages;
}

const runsFrom = (first: number, count: number, messageBytes = 0) =>
  Array.from({ length: count }, (_, n) => run(`run-${first + n}`, 'plan_queued', 'x'.repeat(messageBytes)));
/** Creates twelve runs of a megabyte each. */
const largeRuns = (name: string, status: string) =>
  Array.from({ length: 12 }, (_, n) => run(`run-${name}${n}`, status, 'x'.repeat(1_000_000)));
/** A run that is larger than the launcher reads. */
const tooLarge = run('run-stuck', 'policy_checking', 'x'.repeat(5 * 2 ** 20));
/** Returns the requests for this number of pages with one entry each. */
const single = (count: number) => Array.from({ length: count }, (_, n) => `1:${n + 1}`);
const shrinking = ['100:1', '20:1', '5:1'];
const ids = (runs: readonly { id: string }[]) => runs.map(({ id }) => id);

describe('if a page of runs is larger than the launcher reads', () => {
  it('all runs are read in smaller pages, and the next polls start with smaller pages for ten minutes', async () => {
    const runs = runsFrom(1, 45, MESSAGE_BYTES);
    server.on(RUNS, listOf(runs));
    const inTwenties = ['20:1', '20:2', '20:3'];
    expect(idsOf(await runsOf())).toEqual(ids(runs));
    expect(pagesRequested()).toEqual(['100:1', ...inTwenties]);
    nowMs += 10 * 60_000 - 1;
    expect(idsOf(await runsOf())).toEqual(ids(runs));
    expect(pagesRequested()).toEqual(inTwenties);
    nowMs += 60_000;
    expect(idsOf(await runsOf())).toEqual(ids(runs));
    expect(pagesRequested()).toEqual(['100:1', ...inTwenties]);
  });

  it('smaller pages start at the end of the last page that was read, so no run is skipped or read twice', async () => {
    const runs = [...runsFrom(1, 100), ...runsFrom(101, 5), ...runsFrom(106, 20, 400_000), ...runsFrom(126, 5)];
    server.on(RUNS, listOf(runs));
    expect(idsOf(await runsOf())).toEqual(ids(runs));
    expect(pagesRequested()).toEqual(['100:1', '100:2', '20:6', '5:21', '5:22', '5:23', '5:24', '5:25', '5:26']);
  });

  it('each list takes at most 10 requests, so that a poll of two lists fits into the budget', async () => {
    const plans = largeRuns('plan', 'plan_queued');
    server.on(RUNS, listOf([...plans, run('run-apply', 'apply_queued')]));
    expect(idsOf(await runsOf(poolWithPhases))).toEqual([
      ...ids(plans.slice(0, 7)),
      ...ids(plans.slice(0, 2)),
      'run-apply',
    ]);
    expect(pagesRequested()).toEqual([...shrinking, ...single(7), ...shrinking, ...single(2), '100:1']);
    nowMs += 60_000;
    // The jobs' pages are no larger, so their own list would show the same plans.
    expect(idsOf(await runsOf(poolWithPhases))).toEqual([...ids(plans.slice(0, 10)), 'run-apply']);
    expect(pagesRequested()).toEqual([...single(10), '100:1']);
  });

  it('each poll takes at most 20 requests, so that a poll of three lists fits into the budget', async () => {
    const stuck = largeRuns('stuck', 'post_plan_running');
    const plans = largeRuns('plan', 'plan_queued');
    const applies = largeRuns('apply', 'apply_queued');
    server.on(RUNS, listOf([...stuck, ...plans, ...applies]));
    const read = (first: number, others: number) => [
      ...ids(stuck.slice(0, first)),
      ...ids(plans.slice(0, others)),
      ...ids(applies.slice(0, others)),
    ];
    expect(idsOf(await runsOf(poolWithPhases))).toEqual(read(7, 2));
    expect(pagesRequested()).toEqual([7, 2, 2].flatMap((count) => [...shrinking, ...single(count)]));
    nowMs += 60_000;
    expect(idsOf(await runsOf(poolWithPhases))).toEqual(read(10, 5));
    expect(pagesRequested()).toEqual([10, 5, 5].flatMap(single));
    expect(client.visibilityOf(poolWithPhases)).toMatchObject({ unread: 'queued-jobs' });
  });

  it('stuck runs with long messages don’t hide older queued jobs', async () => {
    const stuck = largeRuns('stuck', 'policy_checking');
    server.on(RUNS, listOf([...stuck, run('run-waits')]));
    expect(idsOf(await runsOf())).toEqual([...ids(stuck.slice(0, 7)), 'run-waits']);
    expect(client.visibilityOf(pool)).toMatchObject({ unread: 'post-plan-runs' });
  });

  it('the queued jobs are still read in pages of 100, so that one poll per minute fits into the budget', async () => {
    const stuck = largeRuns('stuck', 'policy_checking');
    const jobs = runsFrom(1, 15);
    server.on(RUNS, listOf([...stuck, ...jobs]));
    for (let poll = 0; poll < 9; poll += 1) {
      expect(idsOf(await runsOf()).slice(-15)).toEqual(ids(jobs));
      nowMs += 60_000;
    }
    const first = [...shrinking, ...single(7), '100:1'];
    expect(pagesRequested()).toEqual([...first, ...Array.from({ length: 8 }, () => [...single(10), '100:1']).flat()]);
  });

  it('newer jobs are still read in large pages during the next ten minutes', async () => {
    const jobs = runsFrom(1, 30);
    server.on(RUNS, listOf([...jobs, tooLarge]));
    for (let poll = 0; poll < 3; poll += 1) {
      expect(idsOf(await runsOf()).slice(-30)).toEqual(ids(jobs));
      nowMs += 60_000;
    }
    expect(client.visibilityOf(pool)).toMatchObject({ unread: 'post-plan-runs' });
  });

  it('the pool is still served if a single run in a post-plan status is too large', async () => {
    server.on(RUNS, listOf([tooLarge, run('run-waits')]));
    expect(idsOf(await runsOf())).toEqual(['run-waits']);
    expect(client.visibilityOf(pool)).toMatchObject({ unread: 'post-plan-runs' });
  });

  it('the poll fails with the fault too-large and a remedy if a single queued run is too large', async () => {
    server.on(RUNS, listOf(runsFrom(1, 1, 5 * 2 ** 20)));
    const answer = await runsOf();
    expect(answer).toMatchObject({ ok: false, error: { fault: 'too-large', request: `GET ${RUNS}` } });
    expect(messageOf(answer)).toMatch(/each page size \(100, 20, 5, 1\).*at most 4 MiB.*huge message/);
    // Once more for the queued and running jobs alone.
    expect(pagesRequested()).toEqual([...shrinking, '1:1', ...shrinking, '1:1']);
    expect((await runsOf()).ok).toBe(false);
    expect(pagesRequested()).toEqual(['1:1', '1:1']);
  });

  it('the poll gives back the requests that it reserved and didn’t need', async () => {
    server.on(RUNS, listOf(runsFrom(1, 1, 5 * 2 ** 20)));
    // 8 requests, and then 2 per poll.
    for (let poll = 0; poll < 9; poll += 1) expect(await runsOf()).toMatchObject({ error: { fault: 'too-large' } });
    expect(client.pollBudget().wanted).toEqual([24]);
    expect(await runsOf()).toMatchObject({ error: { fault: 'throttled' } });
  });
});

describe('a list that is read completely', () => {
  const AGENTS = '/api/v2/agent-pools/apool-1/agents';

  it('is read in smaller pages if its answers are too large', async () => {
    const agents = Array.from({ length: 45 }, (_, n) => ({
      id: `agent-${n}`,
      attributes: { name: `task-${n}`, status: 'idle', junk: 'x'.repeat(MESSAGE_BYTES) },
    }));
    server.on(AGENTS, pagesOf(agents));
    const read = await client.agents(pool, nowMs, signal);
    expect(read?.map(({ name }) => name)).toEqual(agents.map(({ attributes }) => attributes.name));
    expect(pagesRequested(AGENTS)).toEqual(['100:1', '20:1', '20:2', '20:3']);
  });

  it('is too long after 50 requests, whatever the page size', async () => {
    server.on(AGENTS, endless());
    await expect(client.agents(pool, nowMs, signal)).rejects.toMatchObject({ fault: 'too-long' });
    expect(pagesRequested(AGENTS)).toHaveLength(50);
  });

  it('can have exactly 50 pages', async () => {
    server.on(AGENTS, (request, response) => {
      const number = Number(queryOf(request).get('page[number]'));
      const { pagination } = page(number, number < 50 ? number + 1 : null).meta;
      const data = [{ id: `agent-${number}`, attributes: { status: 'idle' } }];
      json({ data, meta: { pagination: { ...pagination, 'total-pages': 50 } } })(request, response);
    });
    expect(await client.agents(pool, nowMs, signal)).toHaveLength(50);
  });
});

describe('an answer with more entries or values than a page has', () => {
  const zeros = (count: number) => `[${'0,'.repeat(count - 1)}0]`;
  const meta = JSON.stringify(page(1, null).meta);

  it('is rejected before its schema is checked, and is not requested again in smaller pages', async () => {
    server.on(RUNS, text(`{"data":${zeros(101)},"meta":${meta}}`, 'application/vnd.api+json'));
    const answer = await runsOf();
    expect(answer).toMatchObject({ ok: false, error: { fault: 'unexpected-answer' } });
    expect(messageOf(answer)).toMatch(/101 entries in "data".*at most 100/);
    expect(pagesRequested()).toEqual(['100:1']);
  });

  it('is rejected if a server ignores the page size, because the next page would skip runs', async () => {
    const large = listOf(runsFrom(1, 50, MESSAGE_BYTES));
    server.on(RUNS, (request, response) => {
      const whole = request.url?.includes('size%5D=100') === true;
      (whole ? large : list(runsFrom(1, 21)))(request, response);
    });
    expect(messageOf(await runsOf())).toContain('requested a page of 20 entries, but the answer has 21');
  });

  it('is requested again in smaller pages if it has more than 200,000 values', async () => {
    const values = zeros(3_000);
    server.on(RUNS, (request, response) => {
      const [first] = runsFrom(1, 1);
      const size = Number(queryOf(request).get('page[size]'));
      const data = `[${Array.from({ length: size }, () => JSON.stringify({ ...first, junk: 0 }).replace('"junk":0', `"junk":${values}`))}]`;
      text(`{"data":${data},"meta":${meta}}`, 'application/vnd.api+json')(request, response);
    });
    expect((await runsOf()).ok).toBe(true);
    expect(pagesRequested()).toEqual(['100:1', '20:1']);
  });
});

describe('a string above the launcher’s maximum length', () => {
  it('is replaced by its length as a run’s status or agent name', async () => {
    const details = { 'execution-details': { 'agent-name': 'n'.repeat(256) } };
    const included = [{ id: 'plan-run-1', type: 'plans', attributes: details }];
    const runs = [run('run-1', 's'.repeat(65)), run('run-2', 's'.repeat(64))];
    server.on(RUNS, list(runs, { included }));
    expect(await runsOf()).toMatchObject({
      value: [
        { status: 'a text of 65 characters', planAgentName: 'a text of 256 characters' },
        { status: 's'.repeat(64), planAgentName: undefined },
      ],
    });
  });

  it('is replaced by its length in the error about a pool with an unexpected name', async () => {
    server.on('/api/v2/agent-pools/apool-9', poolNamed('n'.repeat(10_000)));
    expect(messageOf(await runsOf({ ...pool, id: 'apool-9' }))).toContain('is named "a text of 10000 characters"');
  });
});
