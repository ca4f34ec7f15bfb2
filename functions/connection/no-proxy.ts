import { BlockList, isIP } from 'node:net';

/**
 * Whether a list of exceptions contains a destination, by Go's rules, because the agents are Go programs.
 * https://pkg.go.dev/golang.org/x/net/http/httpproxy
 *
 * - `example.com` means this domain and all subdomains. `.example.com` and `*.example.com` mean only the subdomains.
 * - An IP address or a range such as `10.0.0.0/8` matches IP addresses, never domains.
 * - A port after a domain or an IP address limits the exception to this port. `*` means every destination.
 * - Loopback never goes through a proxy.
 */
export function isExcepted(host: string, port: number, noProxy: readonly string[]): boolean {
  const name = host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  if (name === 'localhost' || isInRange('127.0.0.0/8', name) || name === '::1') return true;
  return noProxy.some((entry) => matches(entry.trim().toLowerCase(), name, port));
}

function matches(entry: string, name: string, port: number): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInRange(entry, name);
  const [, bracketed, plain, itsPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  // An IPv6 address without brackets matches neither form, and has no port.
  const its = bracketed ?? plain ?? entry;
  if (its === '' || (itsPort !== undefined && Number(itsPort) !== port)) return false;
  if (isIP(its) !== 0 || isIP(name) !== 0) return its === name;
  const suffix = its.replace(/^\*?\./, '');
  return name.endsWith(`.${suffix}`) || (suffix === its && name === its);
}

function isInRange(range: string, address: string): boolean {
  const [network = '', bits = ''] = range.split('/');
  const family = isIP(network);
  if (family === 0 || family !== isIP(address) || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) {
    return false;
  }
  const kind = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, Number(bits), kind);
  return list.check(address, kind);
}
