/** Clients for tests: a user of the API and an agent, both over real TLS. */
import { Agent, request } from 'undici';
import {
  AGENT_ID_HEADER,
  type JobResult,
  type PolledJob,
  polledJob,
  type Registration,
  registered,
} from '../../../local/hcp-terraform/agent-protocol.ts';
import {
  type HcpTerraformOptions,
  type HcpTerraformServer,
  startHcpTerraform,
} from '../../../local/hcp-terraform/server.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON, for `toMatchObject` and `at`. */
  readonly body: unknown;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';
type Path = readonly (string | number)[];

/** The value at a path inside unknown JSON; `undefined` if the path leads nowhere. */
export function at(value: unknown, ...path: Path): unknown {
  let present = value;
  for (const step of path) {
    if (typeof present !== 'object' || present === null) return undefined;
    present = Object.entries(present).find(([key]) => key === String(step))?.[1];
  }
  return present;
}

export function textAt(value: unknown, ...path: Path): string {
  const found = at(value, ...path);
  if (typeof found !== 'string') throw new Error(`no text at ${path.join('.')} of ${JSON.stringify(value)}`);
  return found;
}

export function listAt(value: unknown, ...path: Path): readonly unknown[] {
  const found = at(value, ...path);
  if (!Array.isArray(found)) throw new Error(`no list at ${path.join('.')} of ${JSON.stringify(value)}`);
  return found;
}

export type Attributes = Record<string, unknown>;
export type Body = Record<string, unknown> | string | Buffer | undefined;

export class Platform {
  readonly server: HcpTerraformServer;
  /** Path of the initial organization. */
  readonly organization: string;
  /** Path of the initial agent pool. */
  readonly pool: string;
  readonly #dispatcher: Agent;

  constructor(server: HcpTerraformServer) {
    this.server = server;
    this.organization = `/organizations/${server.organization}`;
    this.pool = `/agent-pools/${server.agentPool.id}`;
    this.#dispatcher = new Agent({ connect: { ca: server.certPem } });
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
    await this.server.close();
  }

  async send(
    method: Method | 'PUT',
    url: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: Body } = {},
  ): Promise<Answer> {
    const response = await request(url.startsWith('https:') ? url : `${this.server.url}${url}`, {
      method,
      dispatcher: this.#dispatcher,
      headers,
      body: typeof body === 'object' && !Buffer.isBuffer(body) ? JSON.stringify(body) : (body ?? null),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, text, body: parsed(text) };
  }

  /** Sends a request to API v2 as the owner, or as the user of the token. */
  api(method: Method, path: string, body?: Body, token = this.server.apiToken): Promise<Answer> {
    const type = method === 'GET' ? {} : { 'content-type': 'application/vnd.api+json' };
    const headers = { authorization: `Bearer ${token}`, ...type };
    return this.send(method, `/api/v2${path}`, { headers, body });
  }

  create(path: string, type: string, attributes: Attributes = {}, more: object = {}): Promise<Answer> {
    return this.api('POST', path, { data: { type, attributes, ...more } });
  }

  change(path: string, type: string, attributes: Attributes, more: object = {}): Promise<Answer> {
    return this.api('PATCH', path, { data: { type, attributes, ...more } });
  }

  /** The attributes of the resource at the path. */
  async attributes(path: string): Promise<unknown> {
    return at((await this.api('GET', path)).body, 'data', 'attributes');
  }

  async agentPool(name: string, attributes: Attributes = {}): Promise<string> {
    const answer = await this.create(`${this.organization}/agent-pools`, 'agent-pools', { name, ...attributes });
    if (answer.status !== 201) throw new Error(`agent pool: ${answer.status} ${answer.text}`);
    return textAt(answer.body, 'data', 'id');
  }

  async workspace(name: string, attributes: Attributes = {}): Promise<string> {
    const answer = await this.create(`${this.organization}/workspaces`, 'workspaces', { name, ...attributes });
    return textAt(answer.body, 'data', 'id');
  }

  /** Creates a configuration version. Unlike the platform, it sets `auto-queue-runs` to `false` by default. */
  newConfigurationVersion(workspaceId: string, attributes: Attributes = {}): Promise<Answer> {
    const path = `/workspaces/${workspaceId}/configuration-versions`;
    return this.create(path, 'configuration-versions', { 'auto-queue-runs': false, ...attributes });
  }

  async configurationVersion(workspaceId: string, attributes: Attributes = {}): Promise<string> {
    const answer = await this.newConfigurationVersion(workspaceId, attributes);
    await this.send('PUT', textAt(answer.body, 'data', 'attributes', 'upload-url'), { body: Buffer.from('archive') });
    return textAt(answer.body, 'data', 'id');
  }

  /** Requests a run. Default: with the workspace's last configuration version. */
  requestRun(workspaceId: string, attributes: Attributes = {}, versionId?: string): Promise<Answer> {
    const version = { 'configuration-version': { data: { type: 'configuration-versions', id: versionId } } };
    const workspace = { data: { type: 'workspaces', id: workspaceId } };
    return this.create('/runs', 'runs', attributes, { relationships: { workspace, ...(versionId && version) } });
  }

  async createRun(workspaceId: string, attributes: Attributes = {}): Promise<string> {
    const versionId = await this.configurationVersion(workspaceId, { speculative: attributes['plan-only'] === true });
    return textAt((await this.requestRun(workspaceId, attributes, versionId)).body, 'data', 'id');
  }

  async run(runId: string): Promise<unknown> {
    return at((await this.api('GET', `/runs/${runId}?include=plan,apply`)).body, 'data');
  }

  async runStatus(runId: string): Promise<string> {
    return textAt(await this.run(runId), 'attributes', 'status');
  }

  act(runId: string, action: 'apply' | 'cancel' | 'discard' | 'force-cancel', body?: Body): Promise<Answer> {
    return this.api('POST', `/runs/${runId}/actions/${action}`, body);
  }

  async register(wanted: Partial<Registration> = {}, token = this.server.agentPool.token): Promise<ScriptedAgent> {
    const answer = await this.registration(wanted, token);
    return scriptedAgent(this, token, registered.parse(answer.body).agentId);
  }

  registration(wanted: Partial<Registration> = {}, token = this.server.agentPool.token): Promise<Answer> {
    const defaults = {
      version: '1.31.0',
      architecture: 'amd64',
      accept: ['plan', 'apply', 'assessment'],
      single: true,
    };
    return this.send('POST', '/api/agent/v1/agents', {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: { ...defaults, ...wanted },
    });
  }
}

export type ScriptedAgent = ReturnType<typeof scriptedAgent>;

function scriptedAgent(platform: Platform, token: string, id: string) {
  const send = (method: 'GET' | 'POST' | 'PUT', path: string, body?: Body, type = 'application/json') => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type, [AGENT_ID_HEADER]: id };
    return platform.send(method, `/api/agent/v1${path}`, { headers, body });
  };
  return {
    id,
    send,
    async poll(): Promise<PolledJob | undefined> {
      const answer = await send('POST', `/agents/${id}/poll`);
      if (answer.status === 204) return undefined;
      if (answer.status !== 200) throw new Error(`poll: ${answer.status} ${answer.text}`);
      return polledJob.parse(answer.body);
    },
    status: (status: 'idle' | 'busy' | 'exited' | 'errored') => send('POST', `/agents/${id}/status`, { status }),
    finish(job: PolledJob, result: Partial<JobResult> = {}): Promise<Answer> {
      const changes = job.jobType === 'plan' ? { hasChanges: true } : {};
      return send('POST', `/jobs/${job.operationId}/result`, { status: 'finished', ...changes, ...result });
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Starts an emulator. Default: without rate limits. */
export async function startPlatform(options: HcpTerraformOptions = {}): Promise<Platform> {
  return new Platform(await startHcpTerraform({ rateLimits: 'off', ...options }));
}

export type Clock = ReturnType<typeof clockAt>;

/** A clock that stands still until the test advances it. */
export function clockAt(iso: string) {
  let present = Date.parse(iso);
  return {
    now: () => present,
    advance: (ms: number) => {
      present += ms;
    },
  };
}

/** Takes the next job with a new single-mode agent. @throws Error if no job is queued for it */
export async function takeJob(platform: Platform, wanted: Partial<Registration> = {}) {
  const agent = await platform.register(wanted);
  const job = await agent.poll();
  if (job === undefined) throw new Error('nothing is queued');
  return { agent, job };
}

/** Runs a single-mode agent: it takes the next job, ends it with the result, and exits. */
export async function serveNext(platform: Platform, result: Partial<JobResult> = {}): Promise<PolledJob> {
  const { agent, job } = await takeJob(platform);
  await agent.finish(job, result);
  await agent.status('exited');
  return job;
}
