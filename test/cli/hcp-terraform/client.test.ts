import { Agent, MockAgent } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { HcpTerraform, paginationMeta } from '../../../cli/hcp-terraform/client.ts';
import { type HcpTerraformServer, startHcpTerraform } from '../../../local/hcp-terraform/server.ts';

const clock = { now: Date.parse('2026-11-29T12:00:00Z') };
let server: HcpTerraformServer;
beforeAll(async () => {
  server = await startHcpTerraform({ now: () => clock.now });
});
afterAll(() => server.close());

const client = (waits: number[]) =>
  new HcpTerraform({
    hostname: server.hostname,
    token: server.apiToken,
    dispatcher: new Agent({ connect: { ca: server.certPem } }),
    sleep: async (ms) => {
      waits.push(ms);
      clock.now += ms;
    },
  });
const anything = z.unknown();

it('the client waits as long as HCP Terraform asks, and sends the request again', async () => {
  const waits: number[] = [];
  const api = client(waits);
  // HCP Terraform allows 30 requests per second.
  for (let count = 0; count < 31; count += 1) await api.get('/api/v2/account/details', anything);
  expect(waits).toEqual([1_000]);
  await api.close();
});

it('the client doesn’t wait a minute for the next list of runs', async () => {
  const waits: number[] = [];
  const api = client(waits);
  clock.now += 60_000;
  const lists = async () => {
    for (let count = 0; count < 31; count += 1) {
      clock.now += 100;
      await api.get(`/api/v2/organizations/${server.organization}/runs`, anything);
    }
  };
  await expect(lists()).rejects.toThrow(/with 429.*\n.*Try again in a minute/);
  expect(waits).toEqual([]);
  await api.close();
});

it('a list that is longer than the client reads is an error, not a short list', async () => {
  const mock = new MockAgent();
  mock.disableNetConnect();
  mock
    .get('https://tfe.example.com')
    .intercept({ path: (path) => path.startsWith('/api/v2/things') })
    .reply(200, { data: ['one'], meta: { pagination: { 'next-page': 2 } } })
    .persist();
  const api = new HcpTerraform({ hostname: 'tfe.example.com', token: 'x', dispatcher: mock });
  const page = z.looseObject({
    data: z.array(z.string()),
    meta: z.looseObject({ pagination: z.looseObject({ 'next-page': z.number().nullish() }) }),
  });
  await expect(api.list('/api/v2/things', page)).rejects.toThrow('The list /api/v2/things has more than 50 pages');
  await api.close();
});

it.each([
  ['omits an entry', [['a', 'b'], ['d']], 4],
  [
    'repeats an entry and omits another one',
    [
      ['a', 'b'],
      ['b', 'd'],
    ],
    4,
  ],
])('a list that must be complete is an error if it %s', async (_, pages, total) => {
  const mock = new MockAgent();
  mock.disableNetConnect();
  for (const [index, ids] of pages.entries()) {
    const next = index + 1 < pages.length ? index + 2 : null;
    mock
      .get('https://tfe.example.com')
      .intercept({ path: (path) => decodeURIComponent(path).includes(`page[number]=${index + 1}`) })
      .reply(200, {
        data: ids.map((id) => ({ id })),
        meta: { pagination: { 'next-page': next, 'total-count': total } },
      });
  }
  const api = new HcpTerraform({ hostname: 'tfe.example.com', token: 'x', dispatcher: mock });
  const page = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })), meta: paginationMeta });
  await expect(api.completeList('/api/v2/things', page)).rejects.toThrow('listed 3 of 4 entries of /api/v2/things');
  await api.close();
});
