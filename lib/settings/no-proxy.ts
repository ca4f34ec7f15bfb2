/** The entries of `launcher.noProxy`, in the form that `functions/connection/no-proxy.ts` understands: that of Go's NO_PROXY. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { shown } from '../credentials.ts';
import type { Explanation } from './fields.ts';

const LABEL = '[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?';
const DOMAIN = new RegExp(`^(?:\\*?\\.)?${LABEL}(?:\\.${LABEL})*$`, 'i');

/** Explains why an entry is refused; `undefined` if it is allowed. */
export function exceptionFault(entry: string): Explanation | undefined {
  const because = (fault: string, remedy: string) => ({ given: `${shown(entry)}, ${fault}`, remedy });
  if (entry === '*' || isIP(entry) !== 0) return undefined;
  const [, url] = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#]*@)?([^/?#]*)/i.exec(entry) ?? [];
  if (url !== undefined) return because('a URL', `use the host only: ${url}`);
  if (/[\s,;]/.test(entry)) return because('several values in one entry', 'write each one as an entry of the list');
  if (entry.includes('/')) return rangeFault(entry, because);
  const [, bracketed, plain = '', port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(entry) ?? [];
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)) {
    return because('with an invalid port', 'use a port from 1 to 65535, or leave it out for all ports');
  }
  if (bracketed !== undefined) {
    return isIPv6(bracketed)
      ? undefined
      : because('with brackets around what is no IPv6 address', 'remove the brackets');
  }
  if (/^[\d.]+$/.test(plain)) {
    return isIPv4(plain)
      ? undefined
      : because('an incomplete IP address', 'use a complete address, or a range such as 10.0.0.0/8');
  }
  if (DOMAIN.test(plain)) return undefined;
  return plain.includes('*')
    ? because(
        'with a wildcard inside',
        'use a domain, which includes its subdomains, or *. at the beginning for the subdomains only',
      )
    : because('neither a domain, an IP address nor a range', 'correct the entry');
}

function rangeFault(entry: string, because: (fault: string, remedy: string) => Explanation): Explanation | undefined {
  const [address = '', bits = '', ...more] = entry.split('/');
  const family = isIP(address);
  if (family === 0) return because('a range without an IP address', 'begin a range with an IP address: 10.0.0.0/8');
  const most = family === 4 ? 32 : 128;
  if (more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most) return undefined;
  return /^\d+:\d+$/.test(bits)
    ? because('a range with a port', 'remove the port: a range applies to all ports')
    : because('a range with an invalid prefix', `use a prefix from 0 to ${most}`);
}
