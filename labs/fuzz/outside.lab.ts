/**
 * What comes from outside, in any shape: it is parsed or refused, never crashed on, and never repeated in an error when a
 * token may be in it.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ecsTask, taskOf } from '../../functions/launcher/adapters/ecs/answers.ts';
import { refusalOf } from '../../functions/launcher/adapters/ecs/refusals.ts';
import { runTaskInput } from '../../functions/launcher/adapters/ecs/run-task.ts';
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
import { parseConfig } from '../../functions/launcher/config.ts';
import { ENV } from '../../functions/launcher/contract.ts';
import { demandOf } from '../../functions/launcher/core/demand.ts';
import { startCauseOf } from '../../functions/launcher/core/start-causes.ts';
import { ConfigError, UpstreamError } from '../../functions/launcher/errors.ts';
import { SettingsError } from '../../lib/settings/errors.ts';
import { parseSettings } from '../../lib/settings/parse.ts';
import { LANE, queuedJob } from '../../test/functions/launcher/core/builders.ts';
import { pool } from '../../test/functions/launcher/fakes.ts';

/** One seed, so that every run is the same; another one is tried with `FUZZ_SEED=n`. */
fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 1) });

const SECRET = 'zZ9aB8cC7dD6eE.atlasv1.doNotShowThisAnywhereAtAll0123456789';
/** Any JSON, with a token at any place of it. */
const anyJson = fc.jsonValue({ maxDepth: 4 });
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant(SECRET));

/** A good value in which a few places have been made anything at all. */
function damaged(good: unknown): fc.Arbitrary<unknown> {
  return fc
    .array(fc.tuple(fc.nat(), fc.oneof(anyJson, fc.constant(undefined))), { minLength: 1, maxLength: 3 })
    .map((changes) => {
      const copy = structuredClone(good);
      for (const [where, value] of changes) {
        const places = placesIn(copy);
        const place = places[where % places.length];
        if (place !== undefined) Reflect.set(place.holder, place.key, value);
      }
      return copy;
    });
}

function placesIn(value: unknown): { holder: object; key: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => [{ holder: value, key }, ...placesIn(Reflect.get(value, key))]);
}

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
const goodTask = {
  taskArn: 'arn:aws:ecs:eu-central-1:000000000000:task/c/abc',
  taskDefinitionArn: 'arn:aws:ecs:eu-central-1:000000000000:task-definition/f:1',
  lastStatus: 'RUNNING',
  desiredStatus: 'RUNNING',
  createdAt: new Date(0),
  tags: [{ key: 'agent-launcher:attempt', value: '1' }],
  containers: [{ name: 'agent', exitCode: 0, reason: 'x' }],
};

/** No `undefined` where the core's types have none, and no number that is not one. */
const coreRun = z.object({
  id: z.string(),
  workspaceId: z.string(),
  status: z.string(),
  createdAtMs: z.number(),
  planQueuedAtMs: z.number().optional(),
  planAgentName: z.string().optional(),
});

describe('answers of HCP Terraform', () => {
  it('of runs are read whole or refused, and the core takes what was read', () => {
    fc.assert(
      fc.property(fc.oneof(anyJson, damaged(goodRuns)), (answer) => {
        const page = runsPage.safeParse(answer);
        if (!page.success) return;
        const runs = runsOf(page.data);
        for (const run of runs) coreRun.parse(run);
        const { queued } = demandOf(runs);
        for (const job of queued) expect(`${job.key}/2048`.length).toBeLessThanOrEqual(64);
      }),
      { numRuns: 2000 },
    );
  });

  it('of agents are read whole or refused', () => {
    fc.assert(
      fc.property(fc.oneof(anyJson, damaged(goodAgents)), (answer) => {
        const page = agentsPage.safeParse(answer);
        if (!page.success) return;
        for (const agent of agentsOf(page.data)) {
          expect(['idle', 'busy', 'unknown', 'errored', 'exited']).toContain(agent.status);
          expect(typeof agent.name).toBe('string');
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('of workspaces, as an older Terraform Enterprise gives them, are read whole or refused', () => {
    let read = 0;
    fc.assert(
      fc.property(fc.oneof(anyJson, damaged(goodWorkspaces)), (answer) => {
        const page = workspacesPage.safeParse(answer);
        if (!page.success) return;
        try {
          const runs = currentRunsOf(page.data, 'apool-1');
          for (const run of runs) coreRun.parse(run);
          demandOf(runs);
          read += runs.length;
        } catch (error) {
          // A workspace whose run did not come with it.
          expect(error).toMatchObject({ name: 'UpstreamError', fault: 'unexpected-answer' });
          expect(String(error)).not.toContain('doNotShowThis');
        }
      }),
      { numRuns: 2000 },
    );
    expect(read).toBeGreaterThan(0);
  });

  it('of agent pools are read whole or refused', () => {
    const goodPools = { data: [{ id: 'apool-1', attributes: { name: 'a' } }], meta: paging };
    fc.assert(
      fc.property(fc.oneof(anyJson, damaged(goodPools)), (answer) => {
        const page = agentPoolsPage.safeParse(answer);
        for (const { id, attributes } of page.data?.data ?? []) {
          expect([typeof id, typeof attributes.name]).toEqual(['string', 'string']);
        }
        const [first] = Array.isArray(Object(answer).data) ? Object(answer).data : [];
        const one = agentPool.safeParse({ data: first });
        if (one.success) expect(typeof one.data.data.attributes.name).toBe('string');
      }),
      { numRuns: 2000 },
    );
  });

  it('of any status, headers and body are an answer or an error that repeats none of it', async () => {
    const body = fc.oneof(
      text,
      fc.oneof(anyJson, damaged(goodAgents), fc.constant(goodAgents)).map((value) => JSON.stringify(value) ?? ''),
      // More entries than a page has, and more values than are read.
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
          expect(String(error)).not.toContain('doNotShowThis');
        }
      }),
      { numRuns: 2000 },
    );
    expect(read).toBeGreaterThan(0);
  });

  it('give a wait between 0 and 60 s, whatever their headers say', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.double().map(String)), (value) => {
        const wait = resetMs({ 'x-ratelimit-reset': value });
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(60_000);
      }),
    );
  });

  it('give a version that is old or new, and nothing else', () => {
    fc.assert(fc.property(text, (value) => void expect(typeof isNewEnough(value)).toBe('boolean')));
  });
});

describe('answers of ECS', () => {
  it('of tasks are read whole or refused', () => {
    fc.assert(
      fc.property(fc.oneof(anyJson, damaged(goodTask)), (answer) => {
        const parsed = ecsTask.safeParse(answer);
        if (!parsed.success) return;
        const task = taskOf(parsed.data, 'agent');
        expect(task.id).not.toContain('/');
        expect(task.attempt === undefined || task.attempt > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('of refusals always have a cause and a remedy', () => {
    fc.assert(
      fc.property(text, text, (name, detail) => {
        expect(refusalOf(name, detail).remedy).not.toBe('');
        expect(startCauseOf(detail).remedy).not.toBe('');
      }),
    );
  });
});

describe('a launch', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9]{1,46}$/);

  it('fits ECS’s rules for every id that the parser lets through, and is the same each time', () => {
    fc.assert(
      fc.property(
        id,
        fc.constantFrom('plan' as const, 'apply' as const),
        fc.integer({ min: 1, max: 4096 }),
        (run, phase, attempt) => {
          const request = { pool: pool('default'), lane: LANE, job: queuedJob(`run-${run}`, { phase }), attempt };
          const placement = {
            cluster: 'c',
            subnets: ['s'],
            securityGroups: ['g'],
            assignPublicIp: 'DISABLED' as const,
          };
          const input = runTaskInput(request, placement);
          expect(input).toEqual(runTaskInput(structuredClone(request), placement));
          expect(input.clientToken).toMatch(/^[\x21-\x7e]{1,64}$/);
          expect(input.startedBy).toMatch(/^[A-Za-z0-9/_-]{1,128}$/);
          for (const { key, value } of input.tags ?? [])
            expect([key?.length, value?.length]).toSatisfy(([k, v]) => k <= 128 && v <= 256);
        },
      ),
    );
  });
});

describe('configuration', () => {
  const good: Record<string, string> = {
    [ENV.hostname]: 'app.terraform.io',
    [ENV.organization]: 'acme',
    [ENV.apiTokenSecret]: 's',
    [ENV.agentPools]: '[{"name":"p","maxAgents":1,"lanes":[{"taskDefinition":"t"}]}]',
    [ENV.cluster]: 'c',
    [ENV.subnets]: 's',
    [ENV.securityGroups]: 'g',
  };

  it('of the function is read or refused by name, and a token in the wrong variable is not repeated', () => {
    const changes = fc.dictionary(fc.constantFrom(...Object.values(ENV)), fc.oneof(text, fc.json()), { minKeys: 1 });
    fc.assert(
      fc.property(changes, (change) => {
        try {
          parseConfig({ ...good, ...change });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          expect(String(error)).not.toContain('doNotShowThis');
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('of the stack is read or refused with every fault, and a token in the wrong setting is not repeated', () => {
    const settings = {
      organization: 'acme',
      apiTokenSecret: 'acme/api-token',
      pools: [
        {
          name: 'default',
          agentTokenSecret: 'acme/agent-token',
          maxAgents: 3,
          cpu: 1024,
          memoryMiB: 2048,
          environment: { A: 'b' },
        },
      ],
      network: { egress: 'nat-gateway', cidr: '10.90.0.0/20' },
      tags: { team: 'x' },
    };
    fc.assert(
      fc.property(fc.oneof(anyJson, damaged(settings), damaged({ ...settings, organization: SECRET })), (given) => {
        try {
          parseSettings({ agentLauncher: given });
        } catch (error) {
          expect(error).toBeInstanceOf(SettingsError);
          expect(String(error)).not.toContain('doNotShowThis');
        }
      }),
      { numRuns: 600 },
    );
  });
});
