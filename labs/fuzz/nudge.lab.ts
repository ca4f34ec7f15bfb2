/** Tests random requests to the nudge. Each is answered, none reaches another host than the configured one, and no log line has a token. */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reportTo } from '../../functions/nudge/adapters/callback.ts';
import { RecentSignatures } from '../../functions/nudge/core/recent.ts';
import { type ReceiveDeps, receive } from '../../functions/nudge/receive.ts';
import { notificationBody, runTaskBody } from '../../test/functions/nudge/platform.ts';
import { anyLike, SECRET, text } from './arbitrary.ts';

const HOST = 'app.terraform.io';
const KEY = 'a-key-of-more-than-32-characters-1';

/** The function with adapters that record what it would do. */
function recorded() {
  const urls: string[] = [];
  const runs: string[] = [];
  const lines: string[] = [];
  const log = (line: object) => lines.push(JSON.stringify(line));
  const deps: ReceiveDeps = {
    hostname: HOST,
    keys: { current: async () => KEY, renewed: async () => undefined },
    recent: new RecentSignatures(),
    reportPassed: reportTo(
      HOST,
      async (url) => {
        urls.push(`${url}`);
        return new Response();
      },
      (ms) => AbortSignal.timeout(ms),
    ),
    wakeUp: async (runId) => {
      runs.push(runId);
    },
    log: { info: log, warn: log, error: log },
  };
  const send = async (body: string, header: string, isBase64Encoded = false): Promise<number> => {
    const signature = createHmac('sha512', KEY).update(body).digest('hex');
    const event = {
      headers: { [header]: signature },
      body: isBase64Encoded ? Buffer.from(body).toString('base64') : body,
      isBase64Encoded,
      requestContext: { http: { method: 'POST' } },
    };
    return (await receive(event, deps)).statusCode;
  };
  return { urls, runs, lines, send };
}

const CALLBACK = new RegExp(`^https://${HOST.replaceAll('.', '\\.')}/api/v2/task-results/[A-Za-z0-9-]+/callback$`);

describe('a request to the nudge', () => {
  it.each([
    ['x-tfc-task-signature', { ...JSON.parse(runTaskBody(HOST)), access_token: SECRET }],
    ['x-tfe-notification-signature', JSON.parse(notificationBody('run:created'))],
  ])('with a damaged payload and the header %s is accepted or refused, and never misdirected', async (header, good) => {
    const statuses = new Set<number>();
    await fc.assert(
      fc.asyncProperty(anyLike(good), fc.boolean(), async (payload, isBase64Encoded) => {
        const { urls, runs, lines, send } = recorded();
        const body = JSON.stringify(payload) ?? '';
        const status = await send(body.toWellFormed(), header, isBase64Encoded);
        statuses.add(status);
        expect([200, 400]).toContain(status);
        if (status === 400) expect([...urls, ...runs]).toEqual([]);
        for (const url of urls) expect(url).toMatch(CALLBACK);
        for (const run of runs) expect(run).toMatch(/^run-[A-Za-z0-9]{1,64}$/);
        expect(lines.join('\n')).not.toContain(SECRET);
      }),
      { numRuns: 3_000 },
    );
    expect([...statuses].sort()).toEqual([200, 400]);
  });

  it('with any callback URL is reported to the path of a task result on the configured host, or to nobody', async () => {
    const part = fc.oneof(
      text,
      fc.constantFrom('https://', HOST, '/api/v2/task-results/', '/callback', '@', ':', '..', '\\', '%2f'),
    );
    const anyUrl = fc.oneof(
      fc.webUrl(),
      text,
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(anyUrl, async (url) => {
        const { urls, send } = recorded();
        await send(runTaskBody(HOST, { task_result_callback_url: url }).toWellFormed(), 'x-tfc-task-signature');
        for (const sent of urls) expect(sent).toMatch(CALLBACK);
      }),
      { numRuns: 3_000 },
    );
  });

  it('without a signature gets 401 whatever its headers and body are, and reaches no adapter', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.string(), fc.string()),
        fc.string(),
        fc.boolean(),
        text,
        async (headers, body, isBase64Encoded, signature) => {
          const event = {
            headers: { ...headers, 'x-tfc-task-signature': signature },
            body,
            isBase64Encoded,
            requestContext: { http: { method: 'POST' } },
          };
          expect((await receive(event, unused())).statusCode).toBe(401);
        },
      ),
    );
  });
});

/** The function with adapters that must not be used. */
function unused(): ReceiveDeps {
  const never = () => Promise.reject(new Error('A request without a signature reached an adapter.'));
  return {
    hostname: HOST,
    keys: { current: never, renewed: never },
    recent: new RecentSignatures(),
    reportPassed: never,
    wakeUp: never,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  };
}
