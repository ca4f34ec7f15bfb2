/** Proxies that agents can't reach in the chosen network. */

import { type AgentProxy, addressOf, isInTheTask, proxiesIn, withoutCredentials } from '../../agent/proxies.ts';
import { portOf } from '../../network/allowed-domains.ts';
import { covers } from '../../network/domain-name.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableNetwork } from '../read.ts';
import { type AroundNetwork, namesAreLimited } from './domains.ts';

export function* proxyFaults(network: ReadableNetwork, { pools, hostname }: AroundNetwork): Iterable<SettingsFault> {
  for (const [index, { environment = {} }] of pools.entries()) {
    for (const { variable, value, proxy } of proxiesIn(environment)) {
      const path = `pools.${index}.environment.${variable}`;
      const given = `"${withoutCredentials(value)}"`;
      if (proxy === undefined) {
        yield {
          path,
          given,
          allowed: 'a URL of a proxy, such as http://proxy.example.com:3128',
          remedy: 'correct it; the scheme is http, https or socks5, and an IPv6 address needs brackets',
        };
        continue;
      }
      const fault = blocked(network, proxy, hostname === undefined ? 443 : portOf(hostname));
      if (fault !== undefined) yield { ...fault, path, given: `${given}, ${fault.given}` };
    }
  }
}

/** Why agents can't reach the proxy; `undefined` if the settings don't prevent it. */
function blocked(
  network: ReadableNetwork,
  proxy: AgentProxy,
  platformPort: number,
): Omit<SettingsFault, 'path'> | undefined {
  const { egress, securityGroupIds } = network;
  if (isInTheTask(proxy)) return undefined;
  if (egress === 'existing-vpc') {
    return (securityGroupIds === undefined ? lowPort(proxy) : undefined) ?? unresolved(network, proxy);
  }
  const remedy = 'use egress existing-vpc with the VPC of the proxy, or remove the proxy';
  if (proxy.port !== 443 && proxy.port !== platformPort) {
    const given = `whose port ${proxy.port} isn't open, with egress ${egress}`;
    return { given, allowed: 'a proxy on port 443', remedy };
  }
  if (egress === 'network-firewall' && proxy.scheme !== 'https') {
    const given = `which uses ${proxy.scheme}, with egress network-firewall`;
    return { given, allowed: 'an https:// proxy, because the firewall only passes TLS', remedy };
  }
  return unresolved(network, proxy);
}

/** The stack's security group opens the proxy's port to the proxy's IP address, or to every address if the proxy has a hostname. */
function lowPort(proxy: AgentProxy): Omit<SettingsFault, 'path'> | undefined {
  if (addressOf(proxy) !== undefined || proxy.port === 443 || proxy.port >= 1024) return undefined;
  return {
    given: `whose port is ${proxy.port}${proxy.port === 80 ? ', the default of http' : ''}`,
    allowed: 'a proxy with a hostname on port 443 or from 1024, or with an IP address on any port',
    remedy:
      'add the port that the proxy listens on, such as :3128; or use its IP address, so that the port is opened only to it; or set network.securityGroupIds',
  };
}

function unresolved(network: ReadableNetwork, proxy: AgentProxy): Omit<SettingsFault, 'path'> | undefined {
  if (!namesAreLimited(network) || addressOf(proxy) !== undefined) return undefined;
  const { allowedDomains = [] } = network;
  if (allowedDomains.some((name) => name !== undefined && covers(name.toLowerCase(), proxy.host))) return undefined;
  return {
    given: "whose name doesn't resolve",
    allowed: 'a proxy whose name is allowed',
    remedy: `add ${proxy.host} to network.allowedDomains, together with the default names, which that list replaces`,
  };
}
