/**
 * HCP Terraform on loopback.
 *
 * Before an API request reaches its route, the server checks rate limits, the token, the media type and the user's permissions.
 * Requests of agents, blob URLs and run pages have other secrets, which their routes check.
 */
import { fileURLToPath } from 'node:url';
import { httpServer, listen } from '../http-server.ts';
import { agentRoutes } from './agent-routes.ts';
import { sweepAgents } from './agents.ts';
import { added, type Define, type DefineAsync, found } from './api.ts';
import { type LoopbackCertificate, loopbackCertificate } from './certificate.ts';
import { startDeliveries } from './deliveries.ts';
import { type ApiCall, Faults } from './faults.ts';
import { callOf, sendAnswer, sendError, userOf } from './http.ts';
import { failure, MEDIA_TYPE, notFound } from './json-api.ts';
import type { Platform, PlatformSettings } from './platform.ts';
import { runMoved } from './queue.ts';
import { createRateLimiter, type RateLimits, VENDOR_RATE_LIMITS } from './rate-limits.ts';
import { agentPoolRoutes } from './routes/agent-pools.ts';
import { blobRoutes } from './routes/blobs.ts';
import { configurationVersionRoutes } from './routes/configuration-versions.ts';
import { ipAllowListRoutes } from './routes/ip-allow-lists.ts';
import { metaRoutes } from './routes/meta.ts';
import { notificationRoutes } from './routes/notification-configurations.ts';
import { organizationRoutes } from './routes/organizations.ts';
import { type ContainerOf, runPageRoutes } from './routes/run-page.ts';
import { CALLBACK, callbackRoute, runTaskRoutes } from './routes/run-tasks.ts';
import { runRoutes } from './routes/runs.ts';
import { stateVersionRoutes } from './routes/state-versions.ts';
import { variableRoutes } from './routes/variables.ts';
import { workspaceTagRoutes } from './routes/workspace-tags.ts';
import { workspaceRoutes } from './routes/workspaces.ts';
import { sweepTasks } from './run-tasks.ts';
import { pass } from './runs.ts';
import {
  enqueueInternalJob,
  type InternalJob,
  newSeeds,
  newUser,
  resetWorld,
  type Seeds,
  type User,
  World,
  type WorldEvent,
} from './world.ts';

export interface HcpTerraformOptions extends Partial<PlatformSettings> {
  /** Port on loopback. Default, and for 0: a free port. */
  readonly port?: number;
  /** Name of the initial organization. Default: `acme`. */
  readonly organization?: string;
  /** Name of the initial agent pool. Default: `local`. */
  readonly agentPoolName?: string;
  /** Default: HCP Terraform's rate limits. `'off'` allows everything. */
  readonly rateLimits?: RateLimits | 'off';
  /** Hostnames for which the server responds, in addition to those of loopback. Default: none. */
  readonly hosts?: readonly string[];
  /** Certificate of the server. Default: a new one. */
  readonly certificate?: LoopbackCertificate;
  /** Organization, users, pool and tokens of an earlier start, which then continue to work. Default: new ones. */
  readonly seeds?: Seeds;
  /** Returns the container of the agent with this name, which the web page of a run shows. Default: unknown. */
  readonly containerOf?: ContainerOf;
  /** Clock, in milliseconds since the epoch. Default: the real clock. */
  readonly now?: () => number;
  /** Delays before the repetitions of a run task's request, in milliseconds. Default: 1, 2, 4 and 8 s. HashiCorp doesn't document them. */
  readonly runTaskRetriesMs?: readonly number[];
  /** Called after every change of a run's or an agent's status. */
  readonly onEvent?: (event: WorldEvent) => void;
}

export interface HcpTerraformServer {
  /** `https://localhost:PORT`. */
  readonly url: string;
  /** `localhost:PORT`, the hostname for a `cloud` block and the launcher. */
  readonly hostname: string;
  readonly port: number;
  /** PEM file of the certificate, for `SSL_CERT_FILE` and `NODE_EXTRA_CA_CERTS`. */
  readonly caFile: string;
  readonly certPem: string;
  readonly organization: string;
  /** API token of a user with all permissions. */
  readonly apiToken: string;
  /** API token for the launcher. It belongs to a team that can only view all workspaces. */
  readonly launcherApiToken: string;
  readonly agentPool: { readonly id: string; readonly name: string; readonly token: string };
  /** Shell command that starts one single-mode agent of the pool. */
  readonly agentCommand: string;
  /** The methods and paths of all routes. */
  readonly routes: readonly { readonly method: string; readonly url: string }[];
  /** The state, for tests and the demo. Only read it; make changes through the API or the methods here. */
  readonly world: World;
  /** Creates another user with an API token, because rate limits count per user. */
  addUser(username: string, access: User['access'], isServiceAccount?: boolean): User;
  /** The last 10,000 API requests, oldest first. */
  calls(): readonly ApiCall[];
  /** Adds a fault to the next matching requests. */
  readonly faults: Faults;
  /**
   * Attaches policy sets in agent mode to a workspace, or removes them if the time is `undefined`. After each plan, an agent of the
   * pool evaluates them for this time. Until then, the run stays in `post_plan_running`.
   */
  evaluatePoliciesOnAgents(workspaceId: string, durationMs: number | undefined): void;
  /**
   * Moves a run into any status of the vendor, also into one that this platform never enters itself, such as `policy_override` or
   * `cost_estimating`. https://developer.hashicorp.com/terraform/cloud-docs/api-docs/run#run-states
   */
  showStatus(runId: string, status: string): void;
  /** Queues an unlisted job, which keeps an agent busy. */
  enqueueInternalJob(job: { poolId: string; type: InternalJob['type']; durationMs: number }): InternalJob;
  /** Deletes everything except the initial organization, its pool and the tokens above. */
  reset(): void;
  close(): Promise<void>;
}

const RUN_LIST = /^\/api\/v2\/(organizations|workspaces)\/[^/]+\/runs$/;
/** What *Manage agent pools* allows to change. */
const POOL_CHANGE =
  /^\/api\/v2\/(?:organizations\/[^/]+\/agent-pools|agent-pools\/.+|agents\/[^/]+|authentication-tokens\/[^/]+)$/;
const MAX_BODY_BYTES = 256 * 1024 * 1024;

/** Starts the emulator. Resolves when the server listens. */
export async function startHcpTerraform(options: HcpTerraformOptions = {}): Promise<HcpTerraformServer> {
  const { now = Date.now, rateLimits = VENDOR_RATE_LIMITS, agentPollMs = 1_000 } = options;
  const settings: PlatformSettings = {
    agentPollMs,
    agentUnknownAfterMs: Math.max(60_000, 3 * agentPollMs),
    agentErroredAfterMs: 300_000,
    forceCancelCoolOffMs: 10_000,
    terraformVersion: '1.11.4',
    ...options,
  };
  const seeds = options.seeds ?? newSeeds(options.organization ?? 'acme', options.agentPoolName ?? 'local');
  const world = new World(seeds, now());
  const platform: Platform = {
    world,
    settings,
    now,
    emit: (event) => {
      options.onEvent?.(event);
      deliveries.onEvent(event);
    },
  };
  let url = '';
  const deliveries = startDeliveries(platform, () => url, options.runTaskRetriesMs);
  const sweep = (): void => {
    sweepAgents(platform);
    for (const run of sweepTasks(platform)) runMoved(platform, run);
  };
  const limiter = createRateLimiter(rateLimits === 'off' ? undefined : rateLimits);
  const certificate = options.certificate ?? (await loopbackCertificate(options.hosts));

  const api = httpServer({
    tls: { key: certificate.key, cert: certificate.cert },
    maxBodyBytes: MAX_BODY_BYTES,
    hosts: options.hosts ?? [],
    refuse: (reply, reason) => sendError(reply, failure(403, 'forbidden', reason)),
  });

  // Clients distinguish HCP Terraform from Terraform Enterprise by these headers.
  const versionHeaders = {
    'tfp-api-version': '2.6',
    'tfp-appname': settings.tfeVersion === undefined ? 'HCP Terraform' : 'Terraform Enterprise',
    ...(settings.tfeVersion !== undefined && { 'x-tfe-version': settings.tfeVersion }),
  };
  const calls: ApiCall[] = [];
  const faults = new Faults();
  api.addHook('onResponse', async ({ method, url: path }, { statusCode }) => {
    if (!path.startsWith('/api/v2/')) return;
    calls.push({ method, path, status: statusCode });
    if (calls.length > 10_000) calls.shift();
  });
  api.addHook('onSend', async (request, reply, payload) => {
    // The route has run, so the request had its effect. The client doesn't get the response.
    if (faults.take(request.method, request.url, 'lost-response') !== undefined) reply.raw.socket?.destroy();
    return payload;
  });
  const routes: { method: string; url: string }[] = [];
  api.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) routes.push({ method: one, url });
  });

  api.setErrorHandler((error, _request, reply) => sendError(reply, error));
  api.setNotFoundHandler((_request, reply) => sendError(reply, notFound()));

  api.addHook('onRequest', async (request, reply) => {
    // Update the statuses first, so that no response shows an agent as alive that has been silent for too long.
    sweep();
    if (!request.url.startsWith('/api/v2/')) return;
    reply.headers(versionHeaders);
    const user = userOf(platform, request);
    const path = request.url.split('?', 1)[0] ?? '';
    const verdict = limiter.take(user?.id ?? `ip ${request.ip}`, RUN_LIST.test(path), now());
    reply.headers({
      'x-ratelimit-limit': String(verdict.limit),
      'x-ratelimit-remaining': String(verdict.remaining),
      'x-ratelimit-reset': verdict.resetSeconds.toFixed(3),
    });
    if (!verdict.allowed) throw failure(429, 'Too many requests', "You have exceeded the API's rate limit.");
    const fault = faults.take(request.method, request.url, 'error');
    if (fault !== undefined) throw failure(fault.status, fault.title);
    if (path === '/api/v2/ping') return;
    const isCallback = CALLBACK.test(path);
    if (user === undefined && !isCallback) throw failure(401, 'unauthorized');
    if (request.method === 'GET' || request.method === 'HEAD') return;
    // The media type is required even without a body: https://developer.hashicorp.com/terraform/cloud-docs/api-docs#json-api-documents
    const type = request.headers['content-type']?.split(';', 1)[0]?.trim();
    if (type !== MEDIA_TYPE) throw failure(415, 'unsupported media type', `Content-Type must be ${MEDIA_TYPE}`);
    const isAllowed = user?.access === 'owner' || (user?.access === 'pools' && POOL_CHANGE.test(path));
    if (!isCallback && !isAllowed) throw notFound();
  });

  metaRoutes(api, new Date(now()));
  const define: Define = (method, path, handle) => {
    api.route({
      method,
      url: `/api/v2${path}`,
      handler: (request, reply) => sendAnswer(reply, handle(callOf(platform, request))),
    });
  };
  const defineAsync: DefineAsync = (method, path, handle) => {
    api.route({
      method,
      url: `/api/v2${path}`,
      handler: async (request, reply) => sendAnswer(reply, await handle(callOf(platform, request))),
    });
  };
  organizationRoutes(define);
  agentPoolRoutes(define);
  ipAllowListRoutes(define);
  workspaceRoutes(define);
  workspaceTagRoutes(define);
  variableRoutes(define);
  configurationVersionRoutes(define);
  runRoutes(define);
  stateVersionRoutes(define);
  runTaskRoutes(define, defineAsync, deliveries);
  notificationRoutes(define, defineAsync, deliveries);
  callbackRoute(api, platform);
  agentRoutes(api, platform);
  blobRoutes(api, platform);
  runPageRoutes(api, platform, options.containerOf ?? (() => undefined));

  const port = await listen(api, options.port).catch(async (error: unknown) => {
    await certificate.remove();
    throw error;
  });
  // Detect silent agents and tasks even if there are no requests.
  const sweeper = setInterval(sweep, 1_000);
  sweeper.unref();

  url = `https://localhost:${port}`;
  return {
    url,
    hostname: `localhost:${port}`,
    port,
    caFile: certificate.file,
    certPem: certificate.cert,
    organization: seeds.organization,
    apiToken: seeds.owner.apiToken,
    launcherApiToken: seeds.launcher.apiToken,
    agentPool: { id: seeds.pool.id, name: seeds.pool.name, token: seeds.pool.token },
    agentCommand: agentCommand(url, seeds.pool.token, certificate.file),
    routes,
    world,
    addUser: (username, access, isServiceAccount) => added(world.users, newUser(username, access, isServiceAccount)),
    calls: () => calls,
    faults,
    evaluatePoliciesOnAgents(workspaceId, durationMs) {
      const workspace = found(world.workspaces, workspaceId);
      workspace.agentPolicies = durationMs === undefined ? undefined : { durationMs };
    },
    showStatus(runId, status) {
      const run = found(world.runs, runId);
      pass(run, status, now());
      runMoved(platform, run);
    },
    enqueueInternalJob: (job) => enqueueInternalJob(world, job, now()),
    reset() {
      resetWorld(world, now());
      limiter.reset();
    },
    async close() {
      clearInterval(sweeper);
      await deliveries.close();
      await api.close();
      await certificate.remove();
    },
  };
}

function agentCommand(url: string, token: string, caFile: string): string {
  const agent = fileURLToPath(new URL('../tfc-agent/tfc-agent', import.meta.url));
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const variables = { TFC_ADDRESS: url, TFC_AGENT_TOKEN: token, SSL_CERT_FILE: caFile, NODE_EXTRA_CA_CERTS: caFile };
  return [
    ...Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`),
    quoted(agent),
    '-single',
  ].join(' ');
}
