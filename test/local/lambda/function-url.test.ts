import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type FunctionUrl, startFunctionUrl } from '../../../local/lambda/function-url.ts';
import { newFolder } from '../../temporary-folder.ts';

let running: FunctionUrl | undefined;
afterEach(() => running?.close());

async function started(handler: string, timeoutMs = 5_000): Promise<{ url: string; lines: string[] }> {
  const module = join(newFolder('function-url'), 'handler.mjs');
  writeFileSync(module, handler);
  const lines: string[] = [];
  const environment = { GREETING: 'hello' };
  running = await startFunctionUrl({
    module,
    environment,
    concurrency: 1,
    timeoutMs,
    onLine: (line) => lines.push(line),
  });
  return { url: running.url, lines };
}

test('a request becomes an event of version 2.0, and a warm environment handles the next one', async () => {
  const { url, lines } = await started(`
    let count = 0;
    export async function handler(event, context) {
      count += 1;
      console.log(context.awsRequestId.length);
      const { version, rawPath, rawQueryString, headers, body, isBase64Encoded, requestContext } = event;
      return { statusCode: 201, headers: { 'x-count': String(count) }, body: JSON.stringify([
        version, rawPath, rawQueryString, headers['x-own'], body, isBase64Encoded, requestContext.http.method, process.env.GREETING,
      ]) };
    }
  `);
  const send = (type: string) =>
    fetch(`${url}a/b?c=d`, { method: 'POST', body: 'text', headers: { 'X-Own': 'x', 'content-type': type } });
  const first = await send('application/json');
  expect([first.status, first.headers.get('x-count')]).toEqual([201, '1']);
  expect(await first.json()).toEqual(['2.0', '/a/b', 'c=d', 'x', 'text', false, 'POST', 'hello']);
  const second = await send('application/octet-stream');
  expect(second.headers.get('x-count')).toBe('2');
  expect(await second.json()).toEqual(['2.0', '/a/b', 'c=d', 'x', 'dGV4dA==', true, 'POST', 'hello']);
  expect(lines).toEqual(['36', '36']);
});

test.each([
  ['throws', "throw new Error('no')"],
  ['returns something else than a response', 'return 5'],
  ['ends its process', 'process.exit(1)'],
])('a handler that %s results in 502, and the next request is handled', async (_, statement) => {
  const { url } = await started(`
    export async function handler(event) { if (event.rawPath === '/bad') { ${statement}; } return { statusCode: 204 }; }
  `);
  expect((await fetch(`${url}bad`)).status).toBe(502);
  expect((await fetch(url)).status).toBe(204);
});

test('a handler that takes too long is killed, and its request gets 502', async () => {
  const { url } = await started(
    'export function handler() { return new Promise((resolve) => setTimeout(resolve, 60000)); }',
    300,
  );
  expect((await fetch(url)).status).toBe(502);
});

test('a request above the concurrency gets 429, and a body above 6 MB gets 413', async () => {
  const { url } = await started(
    'export async function handler() { await new Promise((resolve) => setTimeout(resolve, 500)); return { statusCode: 204 }; }',
  );
  const [first, second] = await Promise.all([fetch(url), fetch(url)]);
  expect([first.status, second.status].sort()).toEqual([204, 429]);
  const body = Buffer.alloc(6 * 1024 * 1024 + 1);
  expect((await fetch(url, { method: 'POST', body })).status).toBe(413);
});
