/** The agent's side of the protocol in `../hcp-terraform/agent-protocol.ts`, over undici. */
import { createReadStream, createWriteStream, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { getCACertificates } from 'node:tls';
import { Agent, type Dispatcher, request } from 'undici';
import * as z from 'zod';
import {
  AGENT_ID_HEADER,
  type AgentStatus,
  type Instruction,
  instruction,
  type JobResult,
  type PolledJob,
  polledJob,
  type Registered,
  type Registration,
  registered,
} from '../hcp-terraform/agent-protocol.ts';

/**
 * - `token-rejected`: 401; the agent must exit at once.
 * - `refused`: HCP Terraform refuses the registration (agent limit, architecture); the agent must exit.
 * - `agent-gone`: for HCP Terraform, this agent is no longer registered; it must exit.
 * - `job-lost`: the job no longer belongs to this agent.
 * - `unavailable`: no response, or a server error, after all attempts.
 * - `unexpected`: a response that isn't part of the protocol.
 */
export type ApiFault = 'token-rejected' | 'refused' | 'agent-gone' | 'job-lost' | 'unavailable' | 'unexpected';

/** Contains method, path, status and HCP Terraform's message, but never the token. */
export class AgentApiError extends Error {
  readonly fault: ApiFault;
  constructor(fault: ApiFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AgentApiError';
    this.fault = fault;
  }
}

export interface AgentApi {
  register(body: Registration): Promise<Registered>;
  /** Polls once; undefined if nothing is queued. Not retried, because the next poll is the retry. */
  poll(agentId: string): Promise<PolledJob | undefined>;
  /** Not retried, because the next heartbeat is the retry. */
  status(agentId: string, body: AgentStatus): Promise<Instruction>;
  /** Writes the gzipped tar of the configuration version to `file`. */
  configuration(operationId: string, file: string): Promise<void>;
  /** The workspace's state; undefined if it has none. */
  state(operationId: string): Promise<Buffer | undefined>;
  putState(operationId: string, state: Buffer): Promise<void>;
  /** Writes the gzipped tar that the plan left to `file`. */
  filesystem(operationId: string, file: string): Promise<void>;
  putFilesystem(operationId: string, file: string): Promise<void>;
  appendLog(operationId: string, text: string): Promise<void>;
  result(operationId: string, body: JobResult): Promise<void>;
  close(): Promise<void>;
}

export interface AgentApiSettings {
  /** Origin of HCP Terraform. */
  readonly address: string;
  readonly token: string;
  /** Certificates in PEM that are trusted in addition to the system's. */
  readonly extraCertificates?: string;
  /** Number of attempts of a retried request. Default: 4. */
  readonly attempts?: number;
  /** Pause before the second attempt. It doubles with each further attempt. Default: 250 ms. */
  readonly firstPauseMs?: number;
}

/**
 * Reads the PEM file in `SSL_CERT_FILE`, like the real agent (a Go program). Node reads `NODE_EXTRA_CA_CERTS` on its own. Throws
 * with the file's name if it can't be read.
 */
export function readCertificates(file: string): string {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`SSL_CERT_FILE names ${file}, which cannot be read: name a PEM file, or unset it.`, { cause });
  }
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new Error(`SSL_CERT_FILE names ${file}, which holds no PEM certificate: name a PEM file, or unset it.`);
}

const HEADERS_TIMEOUT_MS = 15_000;
const BODY_TIMEOUT_MS = 60_000;

interface Call {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string | Buffer;
  /** Body of a large upload. Its length is sent, so that the server can detect an incomplete one. */
  readonly file?: string;
  readonly retried: boolean;
}

/** Client of one agent. Close it, because its connections keep the process alive. */
export function createAgentApi(settings: AgentApiSettings): AgentApi {
  const { address, token, extraCertificates, attempts = 4, firstPauseMs = 250 } = settings;
  const ca = [...getCACertificates('default'), ...(extraCertificates === undefined ? [] : [extraCertificates])];
  const dispatcher = new Agent({ connect: { ca }, headersTimeout: HEADERS_TIMEOUT_MS, bodyTimeout: BODY_TIMEOUT_MS });

  let agentId: string | undefined;

  const once = async (call: Call): Promise<Dispatcher.ResponseData> => {
    const name = `${call.method} ${call.path}`;
    const length = call.file === undefined ? undefined : (await stat(call.file)).size;
    let response: Dispatcher.ResponseData;
    try {
      response = await request(`${address}/api/agent/v1${call.path}`, {
        dispatcher,
        method: call.method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(agentId === undefined ? {} : { [AGENT_ID_HEADER]: agentId }),
          ...(call.contentType === undefined ? {} : { 'content-type': call.contentType }),
          ...(length === undefined ? {} : { 'content-length': String(length) }),
        },
        body: call.file === undefined ? (call.body ?? null) : createReadStream(call.file),
      });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new AgentApiError('unavailable', `${name} at ${address}: no answer (${reason})`, { cause });
    }
    if (response.statusCode < 300) return response;
    const detail = detailOf(await response.body.text().catch(() => ''));
    throw new AgentApiError(
      faultOf(call.path, response.statusCode),
      `${name} was answered ${response.statusCode}${detail === undefined ? '' : `: ${detail}`}`,
    );
  };

  /** Returns what `read` parsed from the body. An incomplete body is also retried. */
  const send = async <T>(call: Call, read: (response: Dispatcher.ResponseData) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const response = await once(call);
        try {
          return await read(response);
        } catch (cause) {
          if (cause instanceof AgentApiError) throw cause;
          throw new AgentApiError('unavailable', `${call.method} ${call.path}: the answer broke off`, { cause });
        }
      } catch (error) {
        const again = error instanceof AgentApiError && error.fault === 'unavailable';
        if (!again || !call.retried || attempt >= attempts) throw error;
        await delay(firstPauseMs * 2 ** (attempt - 1));
      }
    }
  };
  const nothing = async (response: Dispatcher.ResponseData): Promise<void> => {
    await response.body.dump();
  };
  const download = (path: string, file: string): Promise<void> =>
    send({ method: 'GET', path, retried: true }, async (response) => {
      await pipeline(response.body, createWriteStream(file));
    });
  const json = (body: unknown): Pick<Call, 'body' | 'contentType'> => ({
    body: JSON.stringify(body),
    contentType: 'application/json',
  });

  return {
    register: async (body) => {
      const answer = await send({ method: 'POST', path: '/agents', ...json(body), retried: true }, async (response) =>
        parsed(registered, '/agents', await response.body.json()),
      );
      agentId = answer.agentId;
      return answer;
    },
    poll: (agentId) =>
      send({ method: 'POST', path: `/agents/${agentId}/poll`, retried: false }, async (response) => {
        if (response.statusCode !== 204) return parsed(polledJob, 'poll', await response.body.json());
        await response.body.dump();
        return undefined;
      }),
    status: (agentId, body) =>
      send({ method: 'POST', path: `/agents/${agentId}/status`, ...json(body), retried: false }, async (response) =>
        parsed(instruction, 'status', await response.body.json()),
      ),
    configuration: (operationId, file) => download(`/jobs/${operationId}/configuration`, file),
    state: (operationId) =>
      send({ method: 'GET', path: `/jobs/${operationId}/state`, retried: true }, async (response) => {
        const body = Buffer.from(await response.body.arrayBuffer());
        return response.statusCode === 204 ? undefined : body;
      }),
    putState: (operationId, body) =>
      send(
        { method: 'PUT', path: `/jobs/${operationId}/state`, body, contentType: 'application/json', retried: true },
        nothing,
      ),
    filesystem: (operationId, file) => download(`/jobs/${operationId}/filesystem`, file),
    putFilesystem: (operationId, file) =>
      send(
        {
          method: 'PUT',
          path: `/jobs/${operationId}/filesystem`,
          file,
          contentType: 'application/octet-stream',
          retried: true,
        },
        nothing,
      ),
    appendLog: (operationId, body) =>
      send(
        { method: 'POST', path: `/jobs/${operationId}/log`, body, contentType: 'text/plain', retried: true },
        nothing,
      ),
    result: (operationId, body) =>
      send({ method: 'POST', path: `/jobs/${operationId}/result`, ...json(body), retried: true }, nothing),
    close: () => dispatcher.close(),
  };
}

function faultOf(path: string, status: number): ApiFault {
  if (status === 401) return 'token-rejected';
  if (path === '/agents' && (status === 403 || status === 409)) return 'refused';
  if (status === 410 || (status === 404 && path.startsWith('/agents/'))) return 'agent-gone';
  if (status === 409) return 'job-lost';
  return status === 429 || status >= 500 ? 'unavailable' : 'unexpected';
}

const refusal = z.object({ errors: z.array(z.object({ title: z.string(), detail: z.string().optional() })).min(1) });

function detailOf(body: string): string | undefined {
  try {
    const [error] = refusal.parse(JSON.parse(body)).errors;
    return error?.detail ?? error?.title;
  } catch {
    return undefined;
  }
}

function parsed<T>(schema: z.ZodType<T>, what: string, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AgentApiError('unexpected', `The answer to ${what} does not follow the agent protocol.`);
}
