/**
 * Anything that a client of the HCP Terraform emulator may send: wrong bodies, ids, queries, headers, in any order. The
 * emulator may refuse it; it may not answer 500, hang or stop answering.
 */
import { createHash } from 'node:crypto';
import { request } from 'node:https';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Platform, type ScriptedAgent, startPlatform } from '../../test/local/hcp-terraform/client.ts';

fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 1) });
const REQUESTS = 2_000;

let platform: Platform;
const failures: string[] = [];
beforeAll(async () => {
  platform = await startPlatform();
  await furnish();
}, 60_000);
afterAll(() => platform.close());

/** Something of every kind, so that an id from the world leads somewhere. */
async function furnish(): Promise<void> {
  const { server } = platform;
  for (const name of ['one', 'two', 'three']) {
    const workspaceId = await platform.workspace(name);
    await platform.createRun(workspaceId, { 'auto-apply': name === 'two' });
    await platform.createRun(workspaceId, { 'plan-only': true });
    await platform.api('POST', `/workspaces/${workspaceId}/vars`, {
      data: { attributes: { key: 'k', value: 'v', category: 'terraform' } },
    });
    await platform.api('POST', `/workspaces/${workspaceId}/configuration-versions`, {
      data: { type: 'configuration-versions', attributes: {} },
    });
  }
  server.enqueueInternalJob({ poolId: server.agentPool.id, type: 'assessment', durationMs: 10 });
  await busyAgent();
}

/** An agent that has a job, if there is one for it. */
async function busyAgent(): Promise<ScriptedAgent> {
  const agent = await platform.register({ single: false });
  await agent.poll();
  return agent;
}

/** The ids, names and secrets that exist now, by what stands before them in a path. */
function known(): Readonly<Record<string, readonly string[]>> {
  const { world } = platform.server;
  const workspaces = [...world.workspaces.values()].slice(-6);
  const latest = (map: ReadonlyMap<string, unknown>) => [...map.keys()].slice(-10);
  const pools = latest(world.pools);
  const operations = [...world.operations.values()].slice(-10).map(({ id }) => id);
  return {
    runs: latest(world.runs),
    plans: operations,
    applies: operations,
    jobs: [...world.agents.values()].flatMap(({ jobId }) => (jobId === undefined ? [] : [jobId])),
    workspaces: workspaces.flatMap(({ id, name }) => [id, id, name]),
    vars: workspaces.flatMap(({ variables }) => [...variables.keys()]),
    'configuration-versions': latest(world.configurationVersions),
    'state-versions': latest(world.stateVersions),
    'state-version-outputs': [...world.stateVersions.values()].flatMap(({ outputs }) => outputs.map(({ id }) => id)),
    'agent-pools': pools,
    'authentication-tokens': latest(world.agentTokens),
    agents: latest(world.agents),
    projects: latest(world.projects),
    users: latest(world.users),
    organizations: latest(world.organizations),
    object: [...world.blobs.keys()].slice(-20),
  };
}

const nasty = fc.constantFrom<unknown>(
  null,
  true,
  0,
  -1,
  1e308,
  -0.5,
  Number.MAX_SAFE_INTEGER,
  '',
  ' ',
  '\u0000',
  '\ud800',
  '../..',
  '%',
  '%00',
  '__proto__',
  'constructor',
  'toString',
  '2026-13-45T99:99:99Z',
  'a'.repeat(5_000),
  [],
  {},
  [[]],
  { id: 'x', type: 'y' },
  { data: null },
);
const junk = fc.oneof(nasty, fc.jsonValue({ maxDepth: 2 }), fc.string());

/** Bodies that are right somewhere; each is then spoilt at one place, or not at all. */
const STATE = JSON.stringify({
  version: 4,
  terraform_version: '1.11.4',
  serial: 7,
  lineage: 'l',
  outputs: { a: { value: 1, type: 'number' }, b: { value: null, type: 'string', sensitive: true } },
  resources: [{ mode: 'managed', type: 't', name: 'n', provider: 'p', instances: [{}] }],
});
const PLAN = JSON.stringify({
  format_version: '1.2',
  output_changes: { o: { actions: ['create'], before: null, after_unknown: true } },
  resource_changes: [
    { change: { actions: ['update'], before: { p: 1 }, after: { p: 2 }, after_sensitive: { p: true } } },
  ],
});
const document = (type: string, attributes: object, relationships: object = {}) => ({
  data: { type, attributes, relationships },
});
const link = (id: string) => ({ data: { id, type: 'x' } });
const STATE_VERSION = {
  serial: 9,
  md5: createHash('md5').update(STATE).digest('hex'),
  state: Buffer.from(STATE).toString('base64'),
  lineage: 'l',
  force: true,
};
const RUN = { message: 'm', 'plan-only': true, 'target-addrs': ['a'], variables: [{ key: 'k', value: '1' }] };
const RESULT = {
  status: 'finished',
  hasChanges: true,
  planJson: PLAN,
  providerSchemasJson: '{"format_version":"1.0"}',
  resourceAdditions: 1,
};
type IdOf = (kind: string) => string;
/** With the paths that they are meant for; now and then they are sent elsewhere. */
const templates: readonly (readonly [RegExp, (id: IdOf) => unknown])[] = [
  [/\/runs$/, (id) => document('runs', RUN, { workspace: link(id('workspaces')) })],
  [/\/runs$/, (id) => document('runs', {}, { workspace: link(id('workspaces')) })],
  [
    /\/runs$/,
    (id) =>
      document('runs', RUN, {
        workspace: link(id('workspaces')),
        'configuration-version': link(id('configuration-versions')),
      }),
  ],
  [
    /\/workspaces(\/:[a-z]+)?$/,
    (id) =>
      document(
        'workspaces',
        { name: 'four', 'execution-mode': 'agent', 'agent-pool-id': id('agent-pools') },
        { project: link(id('projects')) },
      ),
  ],
  [
    /\/workspaces(\/:[a-z]+)?$/,
    () => document('workspaces', { 'execution-mode': 'local', 'setting-overwrites': { 'execution-mode': false } }),
  ],
  [/configuration-versions$/, () => document('configuration-versions', { 'auto-queue-runs': true })],
  [/vars/, () => document('vars', { key: 'k2', value: 'v', category: 'env', hcl: true, sensitive: true })],
  [
    /agent-pools(\/:id)?$/,
    (id) =>
      document(
        'agent-pools',
        { name: 'p', 'organization-scoped': false },
        { 'allowed-workspaces': { data: [{ id: id('workspaces'), type: 'workspaces' }] } },
      ),
  ],
  [/authentication-tokens/, () => document('authentication-tokens', { description: 'd' })],
  [
    /organizations(\/:organization)?$/,
    (id) => document('organizations', { name: 'o', email: 'e' }, { 'default-agent-pool': link(id('agent-pools')) }),
  ],
  [/projects/, () => document('projects', { name: 'p', description: 'd' })],
  [/state-versions$/, () => document('state-versions', STATE_VERSION)],
  [/state-versions$/, () => document('state-versions', { serial: 10, md5: 'x' })],
  [/tag/, () => ({ data: [{ type: 'tags', id: 'tag-t', attributes: { name: 't', key: 'k', value: 'v' } }] })],
  [/actions/, () => ({ comment: 'c', reason: 'r' })],
  [/v1\/agents$/, () => ({ version: '1', architecture: 'amd64', accept: ['plan', 'apply'], single: false, name: 'n' })],
  [/status$/, () => ({ status: 'busy' })],
  [/result$/, () => RESULT],
  [/state$|object/, () => JSON.parse(STATE)],
];

interface Spoilt {
  readonly at: number;
  readonly how: 'replace' | 'remove' | 'add' | 'keep';
  readonly by: unknown;
}

/** The value with one place of it, counted through all of its members, changed. */
function spoil(value: unknown, { at, how, by }: Spoilt): unknown {
  let place = at % 12;
  const walk = (each: unknown): unknown => {
    if (how === 'keep') return each;
    place -= 1;
    if (place === -1) return how === 'add' && typeof each === 'object' && each !== null ? { ...each, extra: by } : by;
    if (Array.isArray(each)) return each.map(walk);
    if (typeof each !== 'object' || each === null) return each;
    const members: [string, unknown][] = [];
    for (const [key, member] of Object.entries(each)) {
      const isRemoved = how === 'remove' && place === 0;
      if (isRemoved) place = -1;
      else members.push([key, walk(member)]);
    }
    return Object.fromEntries(members);
  };
  return walk(value);
}

const QUERY_NAMES = [
  'page[number]',
  'page[size]',
  'include',
  'sort',
  'q',
  'offset',
  'limit',
  'filter[status]',
  'filter[status_group]',
  'filter[timeframe]',
  'filter[operation]',
  'filter[agent_pool_names]',
  'filter[workspace][name]',
  'filter[organization][name]',
  'filter[last-ping-since]',
  'filter[tagged][0][key]',
  'filter[tagged][0][value]',
  'search[name]',
  'search[wildcard-name]',
  'search[tags]',
  'search[basic]',
];

const spoilt: fc.Arbitrary<Spoilt> = fc.record({
  at: fc.nat(40),
  how: fc.constantFrom('replace' as const, 'remove' as const, 'add' as const, 'keep' as const, 'keep' as const),
  by: junk,
});
const bytes = fc.oneof(
  fc.constantFrom(
    Buffer.from('{"data":'),
    Buffer.from('['.repeat(20_000)),
    Buffer.from(`${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`),
    Buffer.from([0xff, 0xfe, 0xc3, 0x28]),
    Buffer.from('{"data":{"type":"runs","attributes":{"message":1e999999}}}'),
    Buffer.from('\ufeff{}'),
    Buffer.from('null'),
    Buffer.alloc(0),
  ),
  fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
);

const anyRequest = fc.record({
  route: fc.nat(),
  ids: fc.array(
    fc.oneof({ weight: 6, arbitrary: fc.nat() }, { weight: 1, arbitrary: fc.oneof(nasty, fc.string()).map(String) }),
    {
      minLength: 3,
      maxLength: 3,
    },
  ),
  body: fc.oneof(
    { weight: 5, arbitrary: fc.record({ template: fc.nat(), spoilt }) },
    { weight: 1, arbitrary: bytes.map((raw) => ({ raw })) },
  ),
  query: fc.array(
    fc.tuple(
      fc.oneof(fc.constantFrom(...QUERY_NAMES), fc.string()),
      fc.oneof(
        fc.constantFrom('1', '0', '-1', '1e9', 'plan,apply', 'workspace', '*a*b*', '2026', 'NaN', '%'),
        fc.string(),
      ),
    ),
    { maxLength: 3 },
  ),
  method: fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom('PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND') },
  ),
  type: fc.oneof(
    { weight: 9, arbitrary: fc.constant('application/vnd.api+json') },
    { weight: 1, arbitrary: fc.constantFrom('', 'text/plain', 'a/b; c', ';;;', 'application/json; charset=utf-16') },
  ),
  token: fc.oneof(
    { weight: 9, arbitrary: fc.constant('owner') },
    { weight: 1, arbitrary: fc.constantFrom('agent', 'launcher', 'none', 'odd') },
  ),
});

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

function sentOf(wanted: typeof anyRequest extends fc.Arbitrary<infer T> ? T : never): Sent {
  const { server } = platform;
  const byKind = known();
  const names = Object.values(byKind).flat();
  const agents = [...server.world.agents.values()];
  const route = server.routes[wanted.route % server.routes.length] ?? { method: 'GET', url: '/' };
  let next = 0;
  const path = route.url.replaceAll(/([^/]+)\/:[a-z]+/gi, (_match, kind: string) => {
    const id = wanted.ids[next++ % wanted.ids.length];
    if (typeof id !== 'number') return `${kind}/${encoded(String(id))}`;
    const fitting = id % 8 === 0 ? names : (byKind[kind] ?? names);
    return `${kind}/${encoded(fitting[id % Math.max(1, fitting.length)] ?? 'x')}`;
  });
  let index = wanted.route;
  const someId: IdOf = (kind) => {
    const fitting = byKind[kind] ?? [];
    index += 1;
    return fitting[index % Math.max(1, fitting.length)] ?? 'x';
  };
  const query = wanted.query.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join('&');
  const isAgentRoute = route.url.startsWith('/api/agent/');
  const tokens: Record<string, string> = {
    owner: isAgentRoute ? server.agentPool.token : server.apiToken,
    agent: server.agentPool.token,
    launcher: server.launcherApiToken,
  };
  const token = tokens[wanted.token];
  const busy = agents[wanted.route % Math.max(1, agents.length)];
  const meant = templates.filter(([path]) => path.test(route.url));
  const choice = 'template' in wanted.body ? wanted.body.template : 0;
  const from = choice % 8 === 0 || meant.length === 0 ? templates : meant;
  const [, template] = from[choice % from.length] ?? [];
  const body =
    'raw' in wanted.body
      ? wanted.body.raw
      : Buffer.from(JSON.stringify(spoil(template?.(someId), wanted.body.spoilt)) ?? '');
  return {
    method: wanted.method ?? route.method,
    path: `${path}${query === '' ? '' : `?${query}`}`,
    headers: {
      ...(wanted.type === '' ? {} : { 'content-type': wanted.type }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(wanted.token === 'odd' ? { authorization: 'Bearer' } : {}),
      ...(isAgentRoute && busy !== undefined && wanted.route % 3 === 0 ? { 'tfc-agent-id': busy.id } : {}),
    },
    body,
  };
}

/** Percent-encoded, except that some are left as they are where HTTP allows that: they are wrong on purpose. */
function encoded(text: string): string {
  if (text === '%' || text === '%00') return text;
  return encodeURIComponent(text.toWellFormed()).slice(0, 2_000);
}

function answerTo({ method, path, headers: given, body }: Sent): Promise<number> {
  // Without a length Node sends the body of some methods as if it were the next request.
  const hasBody = method !== 'GET' && method !== 'HEAD' && body.length > 0;
  const headers = hasBody ? { ...given, 'content-length': String(body.length) } : given;
  return new Promise((resolve, reject) => {
    const sent = request(
      `${platform.server.url}${path}`,
      { method, headers, ca: platform.server.certPem },
      (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      },
    );
    sent.setTimeout(10_000, () => sent.destroy(new Error('no answer within 10 s')));
    sent.on('error', reject);
    sent.end(hasBody ? body : undefined);
  });
}

describe('the HCP Terraform emulator', () => {
  it('never answers 500, whatever a client sends', { timeout: 300_000 }, async () => {
    let count = 0;
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(anyRequest, async (wanted) => {
        count += 1;
        // What was deleted comes back, so that later requests don't meet an empty world.
        if (count % 300 === 0) {
          platform.server.reset();
          await furnish();
        } else if (count % 25 === 0) await busyAgent().catch(() => undefined);
        const sent = sentOf(wanted);
        const status = await answerTo(sent);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status >= 500) failures.push(`${status} ${sent.method} ${sent.path} ${sent.body.toString().slice(0, 400)}`);
        expect(failures).toEqual([]);
      }),
      { numRuns: REQUESTS, endOnFailure: true },
    );
    // The requests get past the first check often enough to be worth something.
    for (const status of [200, 201, 204, 400, 404, 409, 415, 422]) {
      expect(statuses.get(status) ?? 0, `answers with ${status}`).toBeGreaterThan(0);
    }
  });
});
