import { beforeEach, describe, expect, it } from 'vitest';
import type { HcpTerraformHttp } from '../../../../functions/launcher/adapters/hcp-terraform/http.ts';
import { PoolIds } from '../../../../functions/launcher/adapters/hcp-terraform/pool-ids.ts';
import { UpstreamError } from '../../../../functions/launcher/errors.ts';
import { pool } from '../fakes.ts';

const signal = new AbortController().signal;
const MINUTE = 60_000;

/** HCP Terraform's answer to the lookup of a pool: the pool's name, no pool, or an error. */
let answer: string | undefined | Error;
let asked: string[];
/** Statuses that the latest lookup accepts as an answer. */
let expectedStatuses: readonly number[] | undefined;
let nowMs: number;
let ids: PoolIds;

beforeEach(() => {
  asked = [];
  nowMs = 1_000_000;
  const get = async ({ path, expected }: Parameters<HcpTerraformHttp['get']>[0]) => {
    asked.push(path);
    expectedStatuses = expected;
    if (answer instanceof Error) throw answer;
    const byId = path.startsWith('/api/v2/agent-pools/');
    const names = answer === undefined ? [] : [answer];
    const body = byId
      ? answer && { data: { attributes: { name: answer } } }
      : {
          data: names.map((name) => ({ id: 'apool-1', attributes: { name } })),
          meta: { pagination: { 'current-page': 1, 'next-page': null, 'total-pages': 1 } },
        };
    return { status: 200, headers: {}, body: body || undefined } as never;
  };
  ids = new PoolIds({ get }, () => nowMs);
});

/** Looks the pool up after all cached results have expired. */
async function look(one: ReturnType<typeof pool>, said: typeof answer): Promise<string | UpstreamError> {
  answer = said;
  nowMs += 11 * MINUTE;
  return ids.idOf(one, signal).catch((error: UpstreamError) => error);
}

describe('a pool that is known by its name', () => {
  const one = pool('default');

  it('has the id of the pool with exactly that name, and is looked up once in ten minutes', async () => {
    expect(await look(one, 'default')).toBe('apool-1');
    answer = new Error('asked again');
    nowMs += 10 * MINUTE - 1;
    expect(await ids.idOf(one, signal)).toBe('apool-1');
    nowMs += 1;
    await expect(ids.idOf(one, signal)).rejects.toThrow('asked again');
    const query = new URLSearchParams({ q: 'default', 'page[size]': '100', 'page[number]': '1' });
    expect(asked[0]).toBe(`/api/v2/organizations/acme/agent-pools?${query}`);
    expect(asked).toHaveLength(2);
  });

  it('does not exist if only a similar name is listed, and the error says what to correct', async () => {
    const error = await look(one, 'default-2');
    const request = 'GET /api/v2/organizations/acme/agent-pools';
    expect(error).toMatchObject({ fault: 'rejected', system: 'HCP Terraform', request });
    expect(String(error)).toMatch(/"default" in organization "acme".*correct the name.*apool-/s);
  });

  it('counts as missing after three consecutive lookups without it, until it is found again', async () => {
    expect(ids.visibilityOf(one)).toEqual({ agentsVisible: true });
    for (const absent of [undefined, undefined, true]) {
      await look(one, undefined);
      expect(ids.visibilityOf(one)).toEqual({ agentsVisible: false, ...(absent && { notFound: true }) });
    }
    await look(one, 'default');
    expect(ids.visibilityOf(one)).toEqual({ agentsVisible: true });
  });

  it('does not count as missing if a lookup in between failed with a different error', async () => {
    await look(one, undefined);
    await look(one, undefined);
    await look(one, new Error('unavailable'));
    await look(one, undefined);
    expect(ids.visibilityOf(one)).toEqual({ agentsVisible: false });
  });
});

describe('a pool that is known by its id', () => {
  const one = pool('default', { id: 'apool-9' });

  it('keeps its configured id while the lookup is refused, and its agents are not visible', async () => {
    for (let i = 0; i < 4; i += 1) {
      expect(await look(one, undefined)).toBe('apool-9');
      expect(ids.visibilityOf(one)).toEqual({ agentsVisible: false });
    }
    expect(asked[0]).toBe('/api/v2/agent-pools/apool-9');
  });

  it('counts as missing after three consecutive refusals if it was found before', async () => {
    await look(one, 'default');
    for (let i = 0; i < 2; i += 1) {
      await look(one, undefined);
      expect(ids.visibilityOf(one)).toEqual({ agentsVisible: true });
    }
    await look(one, undefined);
    expect(ids.visibilityOf(one)).toEqual({
      agentsVisible: false,
      notFound: true,
      missingError: expect.any(UpstreamError),
    });
    expect(ids.visibilityOf(one).missingError).toMatchObject({ fault: 'rejected', system: 'HCP Terraform' });
    expect(String(ids.visibilityOf(one).missingError)).toMatch(/default \(apool-9\).*deleted.*permission/s);
    await look(one, 'default');
    expect(ids.visibilityOf(one)).toEqual({ agentsVisible: true });
  });

  it('is looked up every minute while lookups are refused after it was found, and otherwise every ten minutes', async () => {
    await look(one, 'default');
    answer = undefined;
    nowMs += 10 * MINUTE;
    await ids.idOf(one, signal);
    expect(asked).toHaveLength(2);
    nowMs += 54_999;
    await ids.idOf(one, signal);
    expect(asked).toHaveLength(2);
    nowMs += 1;
    await ids.idOf(one, signal);
    expect(asked).toHaveLength(3);
  });

  it('is looked up only every ten minutes if it was never found', async () => {
    await look(one, undefined);
    nowMs += 10 * MINUTE - 1;
    await ids.idOf(one, signal);
    expect(asked).toHaveLength(1);
  });

  it('causes an error with both names if its name differs from the settings', async () => {
    const error = await look(one, 'other');
    const request = 'GET /api/v2/agent-pools/apool-9';
    expect(error).toMatchObject({ fault: 'rejected', system: 'HCP Terraform', request });
    expect(String(error)).toMatch(/apool-9 is named "other", not "default".*correct/s);
  });
});

describe('a pool with a configured id', () => {
  const byId = pool('default', { id: 'apool-9' });

  it('counts as missing only if its lookup returns 404', async () => {
    await look(byId, 'default');
    expect(expectedStatuses).toEqual([404]);
  });

  it('counts as one whose agents are visible before its first lookup', () => {
    expect(ids.visibilityOf(byId)).toEqual({ agentsVisible: true });
  });
});
