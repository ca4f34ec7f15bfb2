import { Agent, request } from 'undici';
import { type HttpsProxy, proxiedConnector } from '../../connection/https-proxy.ts';
import type { Send } from './hcp-terraform.ts';

/** Timeout for connecting. It is part of the timeout of a request. */
const CONNECT_TIMEOUT_MS = 4_000;

/** Maximum size of a body. A page of 100 tokens or agents has less than 100 KiB. */
const MOST_BODY_BYTES = 4 * 1024 * 1024;

/** Sends requests to HCP Terraform, through the proxy if there is one. A redirect isn't followed: it would send the token to another host. */
export function sendThrough(proxy: HttpsProxy | undefined): Send {
  const connect = proxy === undefined ? { timeout: CONNECT_TIMEOUT_MS } : proxiedConnector(proxy, CONNECT_TIMEOUT_MS);
  const dispatcher = new Agent({ connect, maxResponseSize: MOST_BODY_BYTES });
  return async (url, init) => {
    const { statusCode: status, body } = await request(url, { ...init, dispatcher });
    return { status, text: () => body.text() };
  };
}
