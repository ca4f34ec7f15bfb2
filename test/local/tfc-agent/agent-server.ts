/** A small server that follows the agent protocol exactly. It has one job at a time and records what the agent sends. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { create } from 'tar';
import {
  AGENT_ID_HEADER,
  agentStatus,
  type Instruction,
  type Job,
  type JobResult,
  jobResult,
  type PolledJob,
  type Registration,
  registration,
} from '../../../local/hcp-terraform/agent-protocol.ts';
import { listen } from '../../loopback.ts';
import { newFolder } from '../../temporary-folder.ts';

export const TOKEN = 'Ab3dEf6hIj9kLm.atlasv1.verysecretverysecretverysecretverysecretverysecretverysecretver';
const AGENT_ID = 'agent-1234567890abcdef';

export function planJob(overrides: Partial<Job> = {}): Job {
  return {
    jobId: 'run-1234567890abcdef',
    jobType: 'plan',
    operationId: 'plan-1234567890abcdef',
    organization: 'acme',
    workspaceId: 'ws-1234567890abcdef',
    workspaceName: 'network-prod',
    workingDirectory: '',
    isDestroy: false,
    refreshOnly: false,
    refresh: true,
    planOnly: false,
    targets: [],
    replace: [],
    variables: [],
    ...overrides,
  };
}

export function applyJob(overrides: Partial<Job> = {}): Job {
  return planJob({ jobType: 'apply', operationId: 'apply-1234567890abcdef', ...overrides });
}

export class AgentServer {
  readonly registrations: Registration[] = [];
  readonly statuses: string[] = [];
  readonly results: JobResult[] = [];
  readonly jobs: PolledJob[] = [];
  /** Text of `main.tf`, the only file of the configuration. */
  mainFile = '';
  readonly stored: { state?: Buffer; filesystem?: Buffer } = {};
  /** The run's log. */
  log = '';
  /** If set, the server refuses every registration with this response. */
  refusal?: { readonly status: number; readonly detail: string };
  instruction: Instruction['job'] = 'continue';
  tokenRevoked = false;
  polls = 0;
  address = '';
  readonly #server: Server;

  /** @param server HTTP or HTTPS, without a listener */
  constructor(server: Server = createServer()) {
    this.#server = server.on('request', (incoming, response) => {
      const answer: Answer = (status, body) => {
        const isFile = Buffer.isBuffer(body);
        response.writeHead(status, { 'content-type': isFile ? 'application/octet-stream' : 'application/json' });
        response.end(isFile ? body : JSON.stringify(body));
      };
      this.#respond(incoming, answer).catch((error: unknown) => answer(500, { error: String(error) }));
    });
  }

  async listen(): Promise<this> {
    const port = await listen(this.#server);
    this.address = `${this.#server instanceof TlsServer ? 'https' : 'http'}://localhost:${port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #respond(incoming: IncomingMessage, answer: Answer): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (this.tokenRevoked || incoming.headers.authorization !== `Bearer ${TOKEN}`) return answer(401);

    const request = `${incoming.method} ${incoming.url?.replace('/api/agent/v1', '').replace(/-[0-9a-f]{16}/, '')}`;
    if (request.includes(' /jobs/') && incoming.headers[AGENT_ID_HEADER] !== AGENT_ID) return answer(409);
    switch (request) {
      case 'POST /agents':
        if (this.refusal !== undefined) {
          const { status, detail } = this.refusal;
          return answer(status, { errors: [{ status: String(status), title: 'refused', detail }] });
        }
        this.registrations.push(registration.parse(JSON.parse(body.toString())));
        return answer(201, {
          agentId: AGENT_ID,
          agentPoolId: 'apool-1234567890abcdef',
          agentPoolName: 'production',
          organization: 'acme',
          pollIntervalMs: 20,
        });
      case 'POST /agents/agent/poll': {
        this.polls += 1;
        const job = this.jobs.shift();
        return job === undefined ? answer(204) : answer(200, job);
      }
      case 'POST /agents/agent/status':
        this.statuses.push(agentStatus.parse(JSON.parse(body.toString())).status);
        return answer(200, { job: this.instruction });
      case 'GET /jobs/plan/configuration':
        return answer(200, packed(this.mainFile));
      case 'GET /jobs/plan/state':
      case 'GET /jobs/apply/state':
        return this.stored.state === undefined ? answer(204) : answer(200, this.stored.state);
      case 'PUT /jobs/apply/state':
        this.stored.state = body;
        return answer(204);
      case 'PUT /jobs/plan/filesystem':
        this.stored.filesystem = body;
        return answer(204);
      case 'GET /jobs/apply/filesystem':
        return answer(200, this.stored.filesystem);
      case 'POST /jobs/plan/log':
      case 'POST /jobs/apply/log':
        this.log += body.toString();
        return answer(204);
      case 'POST /jobs/internal/result':
      case 'POST /jobs/plan/result':
      case 'POST /jobs/apply/result':
        this.results.push(jobResult.parse(JSON.parse(body.toString())));
        return answer(204);
      default:
        return answer(404, { request });
    }
  }
}

type Answer = (status: number, body?: unknown) => void;

function packed(mainFile: string): Buffer {
  const directory = newFolder('agent-server');
  writeFileSync(join(directory, 'main.tf'), mainFile);
  const chunk = create({ cwd: directory, gzip: true, sync: true }, ['.']).read();
  if (chunk === null) throw new Error('nothing was packed');
  return chunk;
}
