/**
 * Tests the launcher with random responses from HCP Terraform. Each response must be parsed completely or refused. It must not crash
 * the launcher, and no error may repeat a part of it, because it can contain a token.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  agentPool,
  agentPoolsPage,
  agentsOf,
  agentsPage,
  currentRunsOf,
  runsOf,
  runsPage,
  workspacesPage,
} from '../../functions/launcher/adapters/hcp-terraform/answers.ts';
import { HcpTerraformHttp, resetMs } from '../../functions/launcher/adapters/hcp-terraform/http.ts';
import { isNewEnough } from '../../functions/launcher/adapters/hcp-terraform/version.ts';
import { demandOf } from '../../functions/launcher/core/demand.ts';
import { UpstreamError } from '../../functions/launcher/errors.ts';
import { anyLike, SECRET, SECRET_PART, text } from './arbitrary.ts';

const numRuns = 2000;
const paging = { pagination: { 'current-page': 1, 'next-page': null } };
const goodRuns = {
  data: [
    {
      id: 'run-1',
      attributes: {
        status: 'planning',
        'created-at': '2026-03-01T12:00:00Z',
        'status-timestamps': { 'plan-queued-at': '2026-03-01T12:00:00Z' },
      },
      relationships: { workspace: { data: { id: 'ws-1' } }, plan: { data: { id: 'plan-1' } }, apply: { data: null } },
    },
  ],
  included: [{ type: 'plans', id: 'plan-1', attributes: { 'execution-details': { 'agent-name': 'a' } } }],
  meta: paging,
};
const goodWorkspaces = {
  data: ['1', '2'].map((n) => ({
    id: `ws-${n}`,
    relationships: {
      'agent-pool': { data: { id: `apool-${n}` } },
      'current-run': { data: { id: `run-${n}` } },
    },
  })),
  included: [
    ...['1', '2'].map((n) => ({ ...goodRuns.data[0], type: 'runs', id: `run-${n}` })),
    { type: 'users', id: 'user-1' },
  ],
  meta: paging,
};
const goodAgents = { data: [{ id: 'agent-1', attributes: { name: 'a', status: 'idle' } }], meta: paging };
const goodPools = { data: [{ id: 'apool-1', attributes: { name: 'a' } }], meta: paging };

/** What the core expects of a run: a required value is never `undefined` or NaN. */
const coreRun = z.object({
  id: z.string(),
  workspaceId: z.string(),
  status: z.string(),
  createdAtMs: z.number(),
  planQueuedAtMs: z.number().optional(),
  planAgentName: z.string().optional(),
});

/** Tries variations of a valid response. @param read must accept or refuse each of them, without any other error */
function tryResponses(good: object, read: (answer: unknown) => void): void {
  fc.assert(fc.property(anyLike(good), read), { numRuns });
}

describe('responses of HCP Terraform', () => {
  it('with runs are read completely or refused, and the core accepts them', () => {
    tryResponses(goodRuns, (answer) => {
      const page = runsPage.safeParse(answer);
      if (!page.success) return;
      const runs = runsOf(page.data);
      for (const run of runs) coreRun.parse(run);
      for (const job of demandOf(runs).queued) expect(`${job.key}/2048`.length).toBeLessThanOrEqual(64);
    });
  });

  it('with agents are read completely or refused', () => {
    tryResponses(goodAgents, (answer) => {
      const page = agentsPage.safeParse(answer);
      if (!page.success) return;
      for (const agent of agentsOf(page.data)) {
        expect(['idle', 'busy', 'unknown', 'errored', 'exited']).toContain(agent.status);
        expect(typeof agent.name).toBe('string');
      }
    });
  });

  it('with workspaces, as an older Terraform Enterprise sends them, are read completely or refused', () => {
    let read = 0;
    tryResponses(goodWorkspaces, (answer) => {
      const page = workspacesPage.safeParse(answer);
      if (!page.success) return;
      try {
        const runs = currentRunsOf(page.data, 'apool-1');
        for (const run of runs) coreRun.parse(run);
        demandOf(runs);
        read += runs.length;
      } catch (error) {
        // The response doesn't contain the run of a workspace.
        expect(error).toMatchObject({ name: 'UpstreamError', fault: 'unexpected-answer' });
        expect(String(error)).not.toContain(SECRET_PART);
      }
    });
    expect(read).toBeGreaterThan(0);
  });

  it('with agent pools are read completely or refused', () => {
    tryResponses(goodPools, (answer) => {
      const page = agentPoolsPage.safeParse(answer);
      for (const { id, attributes } of page.data?.data ?? []) {
        expect([typeof id, typeof attributes.name]).toEqual(['string', 'string']);
      }
      const [first] = Array.isArray(Object(answer).data) ? Object(answer).data : [];
      const one = agentPool.safeParse({ data: first });
      if (one.success) expect(typeof one.data.data.attributes.name).toBe('string');
    });
  });

  it('with any status, headers and body lead to a result, or to an error that repeats no part of the response', async () => {
    const body = fc.oneof(
      text,
      fc.oneof(anyLike(goodAgents), fc.constant(goodAgents)).map((value) => JSON.stringify(value) ?? ''),
      // More entries than a page may have, and more values than the launcher reads.
      fc.constantFrom(0, 1, 100, 101, 100_000, 200_001).map((count) => `{"data":[${Array(count).fill(0)}]}`),
    );
    const header = fc.oneof(text, fc.array(text), fc.constant(undefined));
    const headers = fc.record({
      'x-request-id': header,
      'content-type': header,
      'x-ratelimit-reset': header,
      'retry-after': header,
    });
    const answers = fc.record({
      status: fc.constantFrom(200, 200, 200, 204, 301, 400, 401, 403, 404, 418, 429, 500, 503),
      headers,
      text: body,
    });
    const silences = text.map((code) => Object.assign(new Error(SECRET), { code }));
    const secrets = { value: async () => SECRET, renew: async () => SECRET };
    let read = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(answers, silences), async (outcome) => {
        const send = async () => {
          if (outcome instanceof Error) throw outcome;
          return outcome;
        };
        const http = new HcpTerraformHttp({ hostname: 'app.terraform.io', secrets, send });
        try {
          const { body } = await http.get({
            path: '/api/v2/x?q=y',
            tokenSecret: 's',
            schema: agentsPage,
            signal: new AbortController().signal,
            expected: [404],
          });
          if (body !== undefined) read += 1;
        } catch (error) {
          expect(error).toBeInstanceOf(UpstreamError);
          expect(String(error)).not.toContain(SECRET_PART);
        }
      }),
      { numRuns },
    );
    expect(read).toBeGreaterThan(0);
  });

  it('lead to a wait between 0 and 60 s, whatever their headers are', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.double().map(String)), (value) => {
        const wait = resetMs({ 'x-ratelimit-reset': value });
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(60_000);
      }),
    );
  });

  it('have a version that is new enough or not', () => {
    fc.assert(fc.property(text, (value) => void expect(typeof isNewEnough(value)).toBe('boolean')));
  });
});
