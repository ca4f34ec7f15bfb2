/**
 * The agent's side of the protocol in `../hcp-terraform/agent-protocol.ts`, over undici.
 *
 * A failed request throws an {@link AgentApiError}, whose `fault` determines what the agent must do. Requests of a job are retried,
 * because a short outage must not fail the job. Polls and status reports aren't retried, because the next one follows soon.
 */
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
  instruction,
  type JobResult,
  polledJob,
  type Registration,
  registered,
} from '../hcp-terraform/agent-protocol.ts';

/**
 * - `token-rejected`: 401; the agent must exit immediately.
 * - `refused`: HCP Terraform refuses the registration (agent limit, architecture); the agent must exit.
 * - `agent-gone`: the agent is no longer registered in HCP Terraform; it must exit.
 * - `job-lost`: the job no longer belongs to this agent.
 * - `unavailable`: no response, or a server error, after all attempts.
 * - `unexpected`: a response that isn't part of the protocol.
 */
export type ApiFault = 'token-rejected' | 'refused' | 'agent-gone' | 'job-lost' | 'unavailable' | 'unexpected';

/** The message contains the method, path, status and HCP Terraform's message, but never the token. */
export class AgentApiError extends Error {
  override readonly name = 'AgentApiError';
  readonly fault: ApiFault;
  constructor(fault: ApiFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

export interface AgentApiSettings {
  /** Origin of HCP Terraform. */
  readonly address: string;
  readonly token: string;
  /** Certificates in PEM that are trusted in addition to the system's. Default: none. */
  readonly extraCertificates?: readonly string[];
}

const ATTEMPTS = 4;
/** Pause before the second attempt. It doubles before each later attempt. */
const FIRST_PAUSE_MS = 250;
const HEADERS_TIMEOUT_MS = 15_000;
const BODY_TIMEOUT_MS = 60_000;

/**
 * Reads the PEM file in `SSL_CERT_FILE`, like the real agent (a Go program). Node reads `NODE_EXTRA_CA_CERTS` on its own.
 *
 * @throws an error with the file's name, if it can't be read
 */
export function readCertificates(file: string): string {
  const remedy = 'set it to a PEM file, or unset it.';
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`SSL_CERT_FILE is ${file}, which can't be read: ${remedy}`, { cause });
  }
  if (pem.includes('-----BEGIN CERTIFICATE-----')) return pem;
  throw new Error(`SSL_CERT_FILE is ${file}, which contains no PEM certificate: ${remedy}`);
}

interface Payload {
  readonly type: string;
  readonly body?: string | Buffer;
  /** Body of a large upload. Its length is sent, so that the server can detect an incomplete one. */
  readonly file?: string;
}

type Reader<T> = (body: Dispatcher.ResponseData['body'], status: number) => Promise<T>;

const json = (value: unknown): Payload => ({ type: 'application/json', body: JSON.stringify(value) });
const nothing: Reader<void> = (body) => body.dump();

function as<T>(schema: z.ZodType<T>): Reader<T> {
  return async (body) => {
    const parsed = schema.safeParse(await body.json());
    if (parsed.success) return parsed.data;
    throw new AgentApiError('unexpected', 'The response does not follow the agent protocol.');
  };
}

export type AgentApi = ReturnType<typeof createAgentApi>;

/** The client of one agent. The caller must close it, because its connections keep the process alive. */
export function createAgentApi({ address, token, extraCertificates = [] }: AgentApiSettings) {
  const ca = [...getCACertificates('default'), ...extraCertificates];
  const dispatcher = new Agent({ connect: { ca }, headersTimeout: HEADERS_TIMEOUT_MS, bodyTimeout: BODY_TIMEOUT_MS });
  let agentId: string | undefined;

  async function once<T>(method: 'GET' | 'POST' | 'PUT', path: string, read: Reader<T>, payload?: Payload): Promise<T> {
    const name = `${method} ${path}`;
    const { file } = payload ?? {};
    const headers = {
      authorization: `Bearer ${token}`,
      ...(agentId !== undefined && { [AGENT_ID_HEADER]: agentId }),
      ...(payload !== undefined && { 'content-type': payload.type }),
      ...(file !== undefined && { 'content-length': String((await stat(file)).size) }),
    };
    const body = file === undefined ? (payload?.body ?? null) : createReadStream(file);
    const response = await request(`${address}/api/agent/v1${path}`, { dispatcher, method, headers, body }).catch(
      (cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new AgentApiError('unavailable', `${name} at ${address}: no response (${reason})`, { cause });
      },
    );
    if (response.statusCode >= 300) {
      const detail = detailOf(await response.body.text().catch(() => ''));
      throw new AgentApiError(faultOf(path, response.statusCode), `${name} returned ${response.statusCode}${detail}`);
    }
    return read(response.body, response.statusCode).catch((cause: unknown) => {
      if (cause instanceof AgentApiError) throw new AgentApiError(cause.fault, `${name}: ${cause.message}`);
      throw new AgentApiError('unavailable', `${name}: the response was incomplete`, { cause });
    });
  }

  async function send<T>(...call: Parameters<typeof once<T>>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await once<T>(...call);
      } catch (error) {
        const isUnavailable = error instanceof AgentApiError && error.fault === 'unavailable';
        if (!isUnavailable || attempt >= ATTEMPTS) throw error;
        await delay(FIRST_PAUSE_MS * 2 ** (attempt - 1));
      }
    }
  }

  const download = (path: string, file: string): Promise<void> =>
    send('GET', path, (body) => pipeline(body, createWriteStream(file)));

  return {
    async register(body: Registration) {
      const self = await send('POST', '/agents', as(registered), json(body));
      agentId = self.agentId;
      return self;
    },
    /** `undefined` if nothing is queued. */
    poll: () =>
      once('POST', `/agents/${agentId}/poll`, async (body, status) => {
        if (status !== 204) return as(polledJob)(body, status);
        await body.dump();
        return undefined;
      }),
    status: (body: AgentStatus) => once('POST', `/agents/${agentId}/status`, as(instruction), json(body)),
    /** Writes the gzipped tar of the configuration version to `file`. */
    configuration: (operationId: string, file: string) => download(`/jobs/${operationId}/configuration`, file),
    /** The workspace's state; `undefined` if it has none. */
    state: (operationId: string) =>
      send('GET', `/jobs/${operationId}/state`, async (body, status) => {
        const state = Buffer.from(await body.arrayBuffer());
        return status === 204 ? undefined : state;
      }),
    putState: (operationId: string, body: Buffer) =>
      send('PUT', `/jobs/${operationId}/state`, nothing, { type: 'application/json', body }),
    /** Writes the gzipped tar that the plan left to `file`. */
    filesystem: (operationId: string, file: string) => download(`/jobs/${operationId}/filesystem`, file),
    putFilesystem: (operationId: string, file: string) =>
      send('PUT', `/jobs/${operationId}/filesystem`, nothing, { type: 'application/octet-stream', file }),
    appendLog: (operationId: string, body: string) =>
      send('POST', `/jobs/${operationId}/log`, nothing, { type: 'text/plain', body }),
    result: (operationId: string, body: JobResult) => send('POST', `/jobs/${operationId}/result`, nothing, json(body)),
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

const refusal = z.object({
  errors: z.tuple([z.object({ title: z.string(), detail: z.string().optional() })], z.unknown()),
});

function detailOf(body: string): string {
  try {
    const [error] = refusal.parse(JSON.parse(body)).errors;
    return `: ${error.detail ?? error.title}`;
  } catch {
    return '';
  }
}
