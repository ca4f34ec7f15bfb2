/**
 * Clients of HCP Terraform for the commands. A variable can send their connections elsewhere, as `--connect-to` of curl does: through a tunnel to a
 * Terraform Enterprise that this machine can't reach, or to `npm start -- --keep`. The hostname stays the one that is in the settings: requests
 * contain it, and the server's certificate must be for it. So the variable can't divert a token to another server.
 */
import { Agent, buildConnector, type Dispatcher } from 'undici';
import type { Interruption } from '../interruption.ts';
import { type Io, UsageError } from '../io.ts';
import { CONNECT_TIMEOUT_MS, MAX_BODY_BYTES, outbound } from '../outbound.ts';
import { HcpTerraform, type HcpTerraformParts } from './client.ts';

export const CONNECT_TO_VARIABLE = 'AGENT_LAUNCHER_HCP_TERRAFORM_CONNECT_TO';

/** Where connections go instead of the hostname's own address. */
export interface ConnectTo {
  readonly host: string;
  readonly port: number;
}

/** @throws UsageError if the variable isn't HOST:PORT */
export function connectToIn(env: Readonly<Record<string, string | undefined>>): ConnectTo | undefined {
  const text = env[CONNECT_TO_VARIABLE]?.trim() ?? '';
  if (text === '') return undefined;
  const [, host = '', port = ''] = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) {
    throw new UsageError(
      `${CONNECT_TO_VARIABLE} is ${JSON.stringify(text)}. It must be HOST:PORT, such as localhost:8443, without https:// and without a path.`,
    );
  }
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** A client of a host of HCP Terraform, which the command ends after Ctrl-C. */
export function hcpTerraformAt(
  { io, interruption }: { readonly io: Pick<Io, 'env'>; readonly interruption: Interruption },
  access: Pick<HcpTerraformParts, 'hostname' | 'token' | 'hostnameOption'>,
): HcpTerraform {
  const to = connectToIn(io.env);
  if (to === undefined) return new HcpTerraform({ ...access, interruption, dispatcher: outbound(io.env) });
  return new HcpTerraform({ ...access, interruption, dispatcher: connectedTo(to), connectsTo: wordsFor(to) });
}

/** It uses no proxy, because the variable already says where to connect. */
function connectedTo({ host, port }: ConnectTo): Dispatcher {
  const connect = buildConnector({ timeout: CONNECT_TIMEOUT_MS });
  return new Agent({
    // `host` and `servername` stay those of the URL, so that the certificate is checked for its hostname.
    connect: (options, callback) => connect({ ...options, hostname: host, port: String(port) }, callback),
    maxResponseSize: MAX_BODY_BYTES,
  });
}

function wordsFor({ host, port }: ConnectTo): string {
  return `${host}:${port}, from ${CONNECT_TO_VARIABLE}`;
}
