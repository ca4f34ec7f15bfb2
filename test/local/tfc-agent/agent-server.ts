/** A small server that follows the agent protocol to the letter, with one job at a time, which keeps every request. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

export const TOKEN = 'Ab3dEf6hIj9kLm.atlasv1.verysecretverysecretverysecretverysecretverysecretverysecretver';

export interface AgentServer {
  readonly address: string;
  readonly registrations: Registration[];
  readonly statuses: string[];
  readonly log: string[];
  readonly results: JobResult[];
  readonly jobs: PolledJob[];
  /** Answers every registration with this refusal. */
  refusal?: { readonly status: number; readonly detail: string };
  readonly configuration: { files: Record<string, string> };
  readonly stored: { state?: Buffer; filesystem?: Buffer };
  instruction: Instruction['job'];
  tokenRevoked: boolean;
  polls: number;
  logText(): string;
  close(): Promise<void>;
}

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

export async function startAgentServer(tls?: { readonly key: string; readonly cert: string }): Promise<AgentServer> {
  const listener: RequestListener = (incoming, response) => {
    const answer = (status: number, body?: unknown): void => {
      response.writeHead(status, {
        'content-type': Buffer.isBuffer(body) ? 'application/octet-stream' : 'application/json',
      });
      response.end(body === undefined ? undefined : Buffer.isBuffer(body) ? body : JSON.stringify(body));
    };
    respond(self, incoming, answer).catch((error: unknown) => answer(500, { error: String(error) }));
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const self: AgentServer = {
    address: tls === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`,
    registrations: [],
    statuses: [],
    log: [],
    results: [],
    jobs: [],
    configuration: { files: {} },
    stored: {},
    instruction: 'continue',
    tokenRevoked: false,
    polls: 0,
    logText: () => self.log.join(''),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return self;
}

async function respond(
  server: AgentServer,
  incoming: IncomingMessage,
  answer: (status: number, body?: unknown) => void,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (server.tokenRevoked || incoming.headers.authorization !== `Bearer ${TOKEN}`) return answer(401);

  const request = `${incoming.method} ${incoming.url?.replace('/api/agent/v1', '').replace(/-[0-9a-f]{16}/, '')}`;
  if (request.includes(' /jobs/') && incoming.headers[AGENT_ID_HEADER] !== 'agent-1234567890abcdef') return answer(409);
  switch (request) {
    case 'POST /agents':
      if (server.refusal !== undefined) {
        const { status, detail } = server.refusal;
        return answer(status, { errors: [{ status: String(status), title: 'refused', detail }] });
      }
      server.registrations.push(registration.parse(JSON.parse(body.toString())));
      return answer(201, {
        agentId: 'agent-1234567890abcdef',
        agentPoolId: 'apool-1234567890abcdef',
        agentPoolName: 'production',
        organization: 'acme',
        pollIntervalMs: 20,
      });
    case 'POST /agents/agent/poll': {
      server.polls += 1;
      const job = server.jobs.shift();
      return job === undefined ? answer(204) : answer(200, job);
    }
    case 'POST /agents/agent/status':
      server.statuses.push(agentStatus.parse(JSON.parse(body.toString())).status);
      return answer(200, { job: server.instruction });
    case 'GET /jobs/plan/configuration':
      return answer(200, packed(server.configuration.files));
    case 'GET /jobs/plan/state':
    case 'GET /jobs/apply/state':
      return server.stored.state === undefined ? answer(204) : answer(200, server.stored.state);
    case 'PUT /jobs/apply/state':
      server.stored.state = body;
      return answer(204);
    case 'PUT /jobs/plan/filesystem':
      server.stored.filesystem = body;
      return answer(204);
    case 'GET /jobs/apply/filesystem':
      return answer(200, server.stored.filesystem);
    case 'POST /jobs/plan/log':
    case 'POST /jobs/apply/log':
      server.log.push(body.toString());
      return answer(204);
    case 'POST /jobs/internal/result':
    case 'POST /jobs/plan/result':
    case 'POST /jobs/apply/result':
      server.results.push(jobResult.parse(JSON.parse(body.toString())));
      return answer(204);
    default:
      return answer(404, { request });
  }
}

function packed(files: Readonly<Record<string, string>>): Buffer {
  const directory = mkdtempSync(join(tmpdir(), 'agent-server-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    const chunk = create({ cwd: directory, gzip: true, sync: true }, ['.']).read();
    if (chunk === null) throw new Error('nothing was packed');
    return chunk;
  } finally {
    rmSync(directory, { recursive: true });
  }
}
