/** A user of the API, and an agent that does as the test says: both over real TLS. */
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
  /** The body as JSON; for looking into with `toMatchObject` and `at`. */
  readonly body: unknown;
}

/** The value at a path inside unknown JSON; `undefined` when the path leads nowhere. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let present = value;
  for (const step of path) {
    if (typeof present !== 'object' || present === null) return undefined;
    present = Object.entries(present).find(([key]) => key === String(step))?.[1];
  }
  return present;
}

export function textAt(value: unknown, ...path: readonly (string | number)[]): string {
  const found = at(value, ...path);
  if (typeof found !== 'string') throw new Error(`no text at ${path.join('.')} of ${JSON.stringify(value)}`);
  return found;
}

export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = at(value, ...path);
  if (!Array.isArray(found)) throw new Error(`no list at ${path.join('.')} of ${JSON.stringify(value)}`);
  return found;
}

export type Body = Record<string, unknown> | string | Buffer | undefined;

export class Platform {
  readonly server: HcpTerraformServer;
  readonly #dispatcher: Agent;

  constructor(server: HcpTerraformServer) {
    this.server = server;
    this.#dispatcher = new Agent({ connect: { ca: server.certPem } });
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy();
    await this.server.close();
  }

  async send(
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    url: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: Body } = {},
  ): Promise<Answer> {
    const response = await request(url.startsWith('https:') ? url : `${this.server.url}${url}`, {
      method,
      dispatcher: this.#dispatcher,
      headers,
      body:
        body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? (body ?? null) : JSON.stringify(body),
    });
    const text = await response.body.text();
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      parsed = undefined;
    }
    return { status: response.statusCode, headers: response.headers, text, body: parsed };
  }

  /** A request of API v2 by the owner, or by the token given. */
  api(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: Body,
    token = this.server.apiToken,
  ): Promise<Answer> {
    const type = method === 'GET' ? {} : { 'content-type': 'application/vnd.api+json' };
    return this.send(method, `/api/v2${path}`, {
      headers: { authorization: `Bearer ${token}`, ...type },
      ...(body === undefined ? {} : { body }),
    });
  }

  async workspace(name: string, attributes: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.api('POST', `/organizations/${this.server.organization}/workspaces`, {
      data: { type: 'workspaces', attributes: { name, ...attributes } },
    });
    return textAt(answer.body, 'data', 'id');
  }

  async configurationVersion(workspaceId: string, attributes: Record<string, unknown> = {}): Promise<string> {
    const answer = await this.api('POST', `/workspaces/${workspaceId}/configuration-versions`, {
      data: { type: 'configuration-versions', attributes: { 'auto-queue-runs': false, ...attributes } },
    });
    await this.send('PUT', textAt(answer.body, 'data', 'attributes', 'upload-url'), { body: Buffer.from('archive') });
    return textAt(answer.body, 'data', 'id');
  }

  async createRun(workspaceId: string, attributes: Record<string, unknown> = {}): Promise<string> {
    const versionId = await this.configurationVersion(workspaceId, { speculative: attributes['plan-only'] === true });
    const answer = await this.api('POST', '/runs', {
      data: {
        type: 'runs',
        attributes,
        relationships: {
          workspace: { data: { type: 'workspaces', id: workspaceId } },
          'configuration-version': { data: { type: 'configuration-versions', id: versionId } },
        },
      },
    });
    return textAt(answer.body, 'data', 'id');
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
    return new ScriptedAgent(this, token, registered.parse(answer.body).agentId);
  }

  registration(wanted: Partial<Registration> = {}, token = this.server.agentPool.token): Promise<Answer> {
    return this.send('POST', '/api/agent/v1/agents', {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: {
        version: '1.31.0',
        architecture: 'amd64',
        accept: ['plan', 'apply', 'assessment'],
        single: true,
        ...wanted,
      },
    });
  }
}

export class ScriptedAgent {
  readonly #platform: Platform;
  readonly #token: string;
  readonly id: string;

  constructor(platform: Platform, token: string, id: string) {
    this.#platform = platform;
    this.#token = token;
    this.id = id;
  }

  send(method: 'GET' | 'POST' | 'PUT', path: string, body?: Body, type = 'application/json'): Promise<Answer> {
    return this.#platform.send(method, `/api/agent/v1${path}`, {
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': type, [AGENT_ID_HEADER]: this.id },
      ...(body === undefined ? {} : { body }),
    });
  }

  async poll(): Promise<PolledJob | undefined> {
    const answer = await this.send('POST', `/agents/${this.id}/poll`);
    if (answer.status === 204) return undefined;
    if (answer.status !== 200) throw new Error(`poll: ${answer.status} ${answer.text}`);
    return polledJob.parse(answer.body);
  }

  status(status: 'idle' | 'busy' | 'exited' | 'errored'): Promise<Answer> {
    return this.send('POST', `/agents/${this.id}/status`, { status });
  }

  finish(job: PolledJob, result: Partial<JobResult> = {}): Promise<Answer> {
    const changes = job.jobType === 'plan' ? { hasChanges: true } : {};
    return this.send('POST', `/jobs/${job.operationId}/result`, { status: 'finished', ...changes, ...result });
  }
}

/** An emulator, without rate limits unless they are requested. */
export async function startPlatform(options: HcpTerraformOptions = {}): Promise<Platform> {
  return new Platform(await startHcpTerraform({ rateLimits: 'off', ...options }));
}

/** A clock that stands still until it is moved. */
export interface Clock {
  readonly now: () => number;
  advance(ms: number): void;
}

export function clockAt(iso: string): Clock {
  let present = Date.parse(iso);
  return {
    now: () => present,
    advance: (ms) => {
      present += ms;
    },
  };
}

/** The next job for a fresh single-mode agent; fails when nothing is queued for it. */
export async function takeJob(
  platform: Platform,
  wanted: Partial<Registration> = {},
): Promise<{ agent: ScriptedAgent; job: PolledJob }> {
  const agent = await platform.register(wanted);
  const job = await agent.poll();
  if (job === undefined) throw new Error('nothing is queued');
  return { agent, job };
}

/** One single-mode agent's life: takes the next job, ends it with the result, leaves. */
export async function serveNext(platform: Platform, result: Partial<JobResult> = {}): Promise<PolledJob> {
  const { agent, job } = await takeJob(platform);
  await agent.finish(job, result);
  await agent.status('exited');
  return job;
}
