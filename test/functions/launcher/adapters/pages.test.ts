/** The error messages for lists with several pages, and the pages that a list accepts. */
import { describe, expect, it } from 'vitest';
import { nextPage, PageCursor, readPages } from '../../../../functions/launcher/adapters/hcp-terraform/pages.ts';
import { UpstreamError } from '../../../../functions/launcher/errors.ts';

const PATH = '/api/v2/agent-pools/apool-1/agents';
const pagination = (current: number, next: number | null, total = 1) => ({
  pagination: { 'current-page': current, 'next-page': next, 'total-pages': total },
});
const LIST = { path: PATH, query: {}, tokenSecret: 't', schema: undefined as never, signal: AbortSignal.abort() };
const anError = (more: object) => expect.objectContaining({ system: 'HCP Terraform', request: `GET ${PATH}`, ...more });

describe('the next page of a list', () => {
  it('is the one after the requested page, or none', () => {
    expect(nextPage(pagination(3, 4), 3, PATH)).toBe(4);
    expect(nextPage(pagination(3, null), 3, PATH)).toBeNull();
  });

  it.each([
    [3, 3],
    [3, 5],
    [2, 3],
    [4, null],
  ])('causes an error if page 3 was requested and the answer is page %s with next page %s', (current, next) => {
    const message = `the launcher requested page 3, but the answer is page ${current} with next page ${next}`;
    expect(() => nextPage(pagination(current, next), 3, PATH)).toThrow(
      anError({ fault: 'unexpected-answer', message: expect.stringContaining(message) }),
    );
  });
});

describe('an error of a list', () => {
  it('says how many requests are allowed, if a list needs more', async () => {
    const http = { get: async () => ({ status: 200, body: { data: [], meta: pagination(1, 2, 51) } }) };
    const message = 'the list is too long: the launcher makes at most 50 requests for one list';
    await expect(readPages(http as never, LIST, () => [])).rejects.toThrow(
      anError({ fault: 'too-long', message: expect.stringContaining(message) }),
    );
  });

  it('says what to do if even a page of one entry is too large', () => {
    const cursor = new PageCursor(PATH, 1);
    const cause = new UpstreamError({ system: 'HCP Terraform', fault: 'too-large', what: 'x', request: 'GET x' });
    const message =
      'the answer was too large for each page size (100, 20, 5, 1); the launcher reads at most 4 MiB. ' +
      'Discard or cancel the run with the huge message, or check whether a proxy answers instead of HCP Terraform';
    expect(() => cursor.shrinkAfter(cause)).toThrow(
      anError({ fault: 'too-large', cause, message: expect.stringContaining(message) }),
    );
  });
});

it('a list without expected statuses treats every status except 200 as an error', async () => {
  const asked: unknown[] = [];
  const http = {
    get: async ({ expected }: { readonly expected?: unknown }) => {
      asked.push(expected);
      return { status: 200, body: { data: [], meta: pagination(1, null) } };
    },
  };
  await readPages(http as never, LIST, () => []);
  expect(asked).toEqual([[]]);
});
