/** The errors of a paged list, as an operator reads them in the log, and which pages a list accepts. */
import { describe, expect, it } from 'vitest';
import { nextPage, PageCursor, readPages } from '../../../../functions/launcher/adapters/hcp-terraform/pages.ts';
import { UpstreamError } from '../../../../functions/launcher/errors.ts';

const PATH = '/api/v2/agent-pools/apool-1/agents';
const pagination = (current: number, next: number | null, total = 1) => ({
  pagination: { 'current-page': current, 'next-page': next, 'total-pages': total },
});
const thrownBy = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('the next page of a list', () => {
  it('is the one after the page that was asked for, or none', () => {
    expect(nextPage(pagination(3, 4), 3, PATH)).toBe(4);
    expect(nextPage(pagination(3, null), 3, PATH)).toBeNull();
  });

  it.each([
    [3, 3],
    [3, 5],
    [2, 3],
    [4, null],
  ])('is an error if page 3 was asked for and the answer is page %s with next page %s', (current, next) => {
    expect(thrownBy(() => nextPage(pagination(current, next), 3, PATH))).toMatchObject({
      system: 'HCP Terraform',
      fault: 'unexpected-answer',
      request: `GET ${PATH}`,
      message: expect.stringContaining(`page 3 was asked for, the answer is page ${current} with next page ${next}`),
    });
  });
});

describe('an error of a list', () => {
  it('says how many requests a list gets, if it needs more', async () => {
    const http = { get: async () => ({ status: 200, body: { data: [], meta: pagination(1, 2, 51) } }) };
    const list = { path: PATH, query: {}, tokenSecret: 't', schema: undefined as never, signal: AbortSignal.abort() };
    await expect(readPages(http as never, list, () => [])).rejects.toMatchObject({
      system: 'HCP Terraform',
      fault: 'too-long',
      request: `GET ${PATH}`,
      message: expect.stringContaining('the list needs more than 50 requests, and no more are made for one list'),
    });
  });

  it('says what to do if even a page of one entry is too large', () => {
    const cursor = new PageCursor(PATH, 1);
    const cause = new UpstreamError({ system: 'HCP Terraform', fault: 'too-large', what: 'x', request: 'GET x' });
    expect(thrownBy(() => cursor.shrinkAfter(cause))).toMatchObject({
      system: 'HCP Terraform',
      fault: 'too-large',
      request: `GET ${PATH}`,
      cause,
      message: expect.stringContaining(
        'the answer for a page of 100, 20, 5, 1 entries was too large each time; the launcher reads at most 4 MiB. ' +
          'Discard or cancel the run with the huge message, or check which proxy answers in HCP Terraform’s place',
      ),
    });
  });
});

describe('a list without expected statuses', () => {
  it('passes none on, so that each of them is an error', async () => {
    const asked: unknown[] = [];
    const http = {
      get: async ({ expected }: { readonly expected?: unknown }) => {
        asked.push(expected);
        return { status: 200, body: { data: [], meta: pagination(1, null) } };
      },
    };
    const list = { path: PATH, query: {}, tokenSecret: 't', schema: undefined as never, signal: AbortSignal.abort() };
    await readPages(http as never, list, () => []);
    expect(asked).toEqual([[]]);
  });
});
