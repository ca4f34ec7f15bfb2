/** Checks that agents can reach their proxies in the chosen network. */

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
          remedy: 'correct the URL; the scheme must be http, https or socks5, and an IPv6 address needs brackets',
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
  // The gateways forward the port of the hostname to the hostname only.
  if (proxy.port !== 443 && (proxy.port !== platformPort || egress === 'on-demand')) {
    const given = `which uses port ${proxy.port}, but this port isn't open with egress ${egress}`;
    return { given, allowed: 'a proxy on port 443', remedy };
  }
  if ((egress === 'network-firewall' || egress === 'on-demand') && proxy.scheme !== 'https') {
    const given = `which uses ${proxy.scheme}, with egress ${egress}`;
    const by = egress === 'on-demand' ? 'gateway' : 'firewall';
    return { given, allowed: `an https:// proxy, because the ${by} only passes TLS`, remedy };
  }
  if (egress === 'on-demand' && addressOf(proxy) !== undefined) {
    const given = 'which has an IP address, with egress on-demand';
    return {
      given,
      allowed: 'a proxy with a hostname, because the gateway only passes TLS with a server name',
      remedy,
    };
  }
  return unresolved(network, proxy);
}

/**
 * The fault of a proxy with a hostname on a port below 1024. The stack's security group would have to open this port to every
 * address. For a proxy with an IP address, it opens the port only to that address.
 */
function lowPort(proxy: AgentProxy): Omit<SettingsFault, 'path'> | undefined {
  if (addressOf(proxy) !== undefined || proxy.port === 443 || proxy.port >= 1024) return undefined;
  return {
    given: `which uses port ${proxy.port}${proxy.port === 80 ? ', the default of http' : ''}`,
    allowed: 'a proxy with a hostname on port 443 or from 1024, or with an IP address on any port',
    remedy:
      "add the port that the proxy listens on, such as :3128. Or use the proxy's IP address, so that the security group opens the port only to this address. Or set network.securityGroupIds",
  };
}

function unresolved(network: ReadableNetwork, proxy: AgentProxy): Omit<SettingsFault, 'path'> | undefined {
  if (!namesAreLimited(network) || addressOf(proxy) !== undefined) return undefined;
  const { allowedDomains = [] } = network;
  if (allowedDomains.some((name) => name !== undefined && covers(name.toLowerCase(), proxy.host))) return undefined;
  return {
    given: "but agents can't resolve its hostname",
    allowed: 'a proxy with a hostname among the allowed domains',
    remedy: `add ${proxy.host} to network.allowedDomains, together with the default domains, because that list replaces them`,
  };
}
