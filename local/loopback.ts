/**
 * Which requests a server on loopback may answer. Binding to 127.0.0.1 keeps other machines out, but not web pages. A browser on
 * this machine sends any request that a page makes, and a page whose DNS name is rebound to 127.0.0.1 can read the responses.
 * Headers identify such requests: `Host` is the page's hostname, `Origin` or `Sec-Fetch-Site` shows its site.
 */
import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:(\d{1,5}))?$/i;

/** A URL that a person types, or a request of the server's own page. Absent: the client isn't a browser. */
const OWN_SITE = new Set(['none', 'same-origin']);

/**
 * Why the request is rejected; undefined if it isn't.
 *
 * @param hosts other hostnames that the server answers for, for example in a test network whose DNS points to it
 */
export function foreignRequest(headers: IncomingHttpHeaders, hosts: readonly string[] = []): string | undefined {
  const { host, origin, 'sec-fetch-site': site } = headers;
  const [isLoopback, , , port = '0'] = LOOPBACK_HOST.exec(host ?? '') ?? [];
  const isNamed = host !== undefined && hosts.includes(host.toLowerCase());
  if (!isNamed && (isLoopback === undefined || Number(port) > 65_535)) {
    return `The Host header is ${JSON.stringify(host ?? '')}. This server answers for localhost, 127.0.0.1 and [::1] only.`;
  }
  if (origin !== undefined) {
    return `The request has the Origin ${JSON.stringify(origin)}. This server does not answer web pages.`;
  }
  if (site !== undefined && !OWN_SITE.has(String(site))) {
    return `The request comes from a web page of another site (Sec-Fetch-Site: ${String(site)}).`;
  }
  return undefined;
}
