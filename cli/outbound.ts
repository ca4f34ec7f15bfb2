/** How the commands reach hosts outside AWS: HCP Terraform, registries and HashiCorp's releases. The clients of AWS have their own way. */
import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import type { Io } from './io.ts';

export const CONNECT_TIMEOUT_MS = 5_000;
export const MAX_BODY_BYTES = 16 * 1024 * 1024;

/** It uses the proxy of HTTPS_PROXY, except for the hosts in NO_PROXY. */
export function outbound(env: Io['env']): Dispatcher {
  return new EnvHttpProxyAgent({
    // If a member is absent, undici reads the process's environment. Without `httpProxy`, it would also use HTTP_PROXY for HTTPS.
    httpProxy: '',
    httpsProxy: env['https_proxy'] ?? env['HTTPS_PROXY'] ?? '',
    noProxy: env['no_proxy'] ?? env['NO_PROXY'] ?? '',
    connect: { timeout: CONNECT_TIMEOUT_MS },
    maxResponseSize: MAX_BODY_BYTES,
  });
}
