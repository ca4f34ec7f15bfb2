/**
 * Which requests a server on loopback may answer. Binding to 127.0.0.1 keeps other machines out, but not web pages: a
 * browser on this machine sends whatever a page asks for, and a page whose DNS name is rebound to 127.0.0.1 can read
 * the answers. Browsers give themselves away: `Host` is the page's name, `Origin` or `Sec-Fetch-Site` is its site.
 */
import type { IncomingHttpHeaders } from 'node:http';

const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:(\d{1,5}))?$/i;

/** What a person types, and what a page does to its own server. Absent: the client isn't a browser. */
const OWN_SITE = new Set(['none', 'same-origin']);

/**
 * Why the request is refused; undefined when it isn't.
 *
 * @param hosts other names that the server answers for, as where a test network's DNS leads them to it.
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
