/**
 * Random requests to the HCP Terraform emulator: wrong bodies, IDs, queries and headers, in any order. Most of them go to an
 * existing route with existing IDs and a valid body with one damaged place, so that they get past the first check.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { HcpTerraformServer } from '../../local/hcp-terraform/server.ts';
import { type Damage, damage, damagedBy, junk } from './arbitrary.ts';

/** Returns the server's current IDs, names and secrets. The key is the path segment before them, such as `runs`. */
function idsIn({ world }: HcpTerraformServer): Readonly<Record<string, readonly string[]>> {
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
    tasks: latest(world.tasks),
    'task-configs': latest(world.taskConfigs),
    'task-stages': latest(world.taskStages),
    'task-results': [...world.taskResults.values()].slice(-10).flatMap(({ id, callbackId }) => [id, callbackId]),
    'notification-configurations': latest(world.notifications),
    organizations: latest(world.organizations),
    object: [...world.blobs.keys()].slice(-20),
  };
}

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
const workspace = (to: Link) => ({
  name: 'four',
  'execution-mode': 'agent',
  'agent-pool-id': to('agent-pools').data.id,
});
const LOCAL_WORKSPACE = { 'execution-mode': 'local', 'setting-overwrites': { 'execution-mode': false } };
const POOL = { name: 'p', 'organization-scoped': false };
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
type Link = (kind: string) => { readonly data: { readonly id: string; readonly type: string } };
/** Nothing listens there, so a task is refused; with a changed body, a notification can be created because it isn't enabled. */
const NOWHERE = 'http://127.0.0.1:1/';
const TASK = { name: 't', url: NOWHERE, category: 'task', 'hmac-key': 'k' };
const TASK_CONFIG = { global: true, 'enforcement-level': 'advisory', 'allowed-stages': ['pre_plan', 'post_apply'] };
const NOTIFICATION = {
  'destination-type': 'generic',
  name: 'n',
  url: NOWHERE,
  triggers: ['run:created', 'run:planning'],
};
/** Valid bodies, each with a pattern of the path that accepts it. Some requests send a body to a different path. */
const templates: readonly (readonly [RegExp, (to: Link) => unknown])[] = [
  [/\/runs$/, (to) => document('runs', RUN, { workspace: to('workspaces') })],
  [/\/runs$/, (to) => document('runs', {}, { workspace: to('workspaces') })],
  [
    /\/runs$/,
    (to) =>
      document('runs', RUN, { workspace: to('workspaces'), 'configuration-version': to('configuration-versions') }),
  ],
  [/\/workspaces(\/:[a-z]+)?$/, (to) => document('workspaces', workspace(to), { project: to('projects') })],
  [/\/workspaces(\/:[a-z]+)?$/, () => document('workspaces', LOCAL_WORKSPACE)],
  [/configuration-versions$/, () => document('configuration-versions', { 'auto-queue-runs': true })],
  [/vars/, () => document('vars', { key: 'k2', value: 'v', category: 'env', hcl: true, sensitive: true })],
  [
    /agent-pools(\/:id)?$/,
    (to) => document('agent-pools', POOL, { 'allowed-workspaces': { data: [to('workspaces').data] } }),
  ],
  [/authentication-tokens/, () => document('authentication-tokens', { description: 'd' })],
  [
    /organizations(\/:organization)?$/,
    (to) => document('organizations', { name: 'o', email: 'e' }, { 'default-agent-pool': to('agent-pools') }),
  ],
  [/projects/, () => document('projects', { name: 'p', description: 'd' })],
  [/state-versions$/, () => document('state-versions', STATE_VERSION)],
  [/state-versions$/, () => document('state-versions', { serial: 10, md5: 'x' })],
  [/tasks(\/:id)?$/, () => document('tasks', TASK)],
  [
    /task-configs(\/:id)?$/,
    (to) =>
      document('task-configs', TASK_CONFIG, { task: to('tasks'), owner: to('organizations'), projects: { data: [] } }),
  ],
  [/notification-configurations(\/:id)?$/, () => document('notification-configurations', NOTIFICATION)],
  [/callback$/, () => document('task-results', { status: 'passed', message: 'm' })],
  [/tag/, () => ({ data: [{ type: 'tags', id: 'tag-t', attributes: { name: 't', key: 'k', value: 'v' } }] })],
  [/actions/, () => ({ comment: 'c', reason: 'r' })],
  [/v1\/agents$/, () => ({ version: '1', architecture: 'amd64', accept: ['plan', 'apply'], single: false, name: 'n' })],
  [/status$/, () => ({ status: 'busy' })],
  [/result$/, () => RESULT],
  [/state$|object/, () => JSON.parse(STATE)],
];

const QUERY_NAMES = `
  page[number] page[size] include sort q offset limit
  filter[status] filter[status_group] filter[timeframe] filter[operation] filter[agent_pool_names] filter[workspace][name]
  filter[organization][name] filter[last-ping-since] filter[tagged][0][key] filter[tagged][0][value]
  search[name] search[wildcard-name] search[tags] search[basic]`
  .trim()
  .split(/\s+/);

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

const mostly = <Usual, Odd>(weight: number, usual: fc.Arbitrary<Usual>, odd: fc.Arbitrary<Odd>) =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd });

export const anyRequest = fc.record({
  route: fc.nat(),
  ids: fc.array(mostly(6, fc.nat(), junk.map(String)), { minLength: 3, maxLength: 3 }),
  body: mostly(
    5,
    fc.record({ template: fc.nat(), change: fc.option(damage, { freq: 1 }) }),
    bytes.map((raw) => ({ raw })),
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
  method: mostly(9, fc.constant(undefined), fc.constantFrom('PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND')),
  type: mostly(
    9,
    fc.constant('application/vnd.api+json'),
    fc.constantFrom('', 'text/plain', 'a/b; c', ';;;', 'application/json; charset=utf-16'),
  ),
  token: mostly(9, fc.constant('owner'), fc.constantFrom('agent', 'launcher', 'none', 'odd')),
});

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

/** Turns a generated request into one that can be sent: fills in a route and the IDs that the server has now. */
export function sentOf(
  server: HcpTerraformServer,
  wanted: typeof anyRequest extends fc.Arbitrary<infer T> ? T : never,
): Sent {
  const byKind = idsIn(server);
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
  const someLink: Link = (kind) => {
    const fitting = byKind[kind] ?? [];
    index += 1;
    return { data: { id: fitting[index % Math.max(1, fitting.length)] ?? 'x', type: kind } };
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
      : Buffer.from(JSON.stringify(changed(template?.(someLink), wanted.body.change)) ?? '');
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

const changed = (value: unknown, change: Damage | null) => (change === null ? value : damagedBy(value, change));

/** Percent-encodes a text. Leaves `%` and `%00` unchanged: they are invalid on purpose, but HTTP can send them. */
function encoded(text: string): string {
  if (text === '%' || text === '%00') return text;
  return encodeURIComponent(text.toWellFormed()).slice(0, 2_000);
}
