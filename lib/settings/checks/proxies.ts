/** Proxies that agents can't reach in the chosen network. */

import { type AgentProxy, addressOf, isInTheTask, proxiesIn, withoutCredentials } from '../../agent/proxies.ts';
import { portOf } from '../../network/allowed-domains.ts';
import { covers } from '../../network/domain-name.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableNetwork } from '../read.ts';
import { type AroundNetwork, namesAreLimited } from './domains.ts';

export function proxyFaults(network: ReadableNetwork, { pools, hostname }: AroundNetwork): SettingsFault[] {
  return pools.flatMap(({ environment }, index) =>
    proxiesIn(environment ?? {}).flatMap(({ variable, value, proxy }) => {
      const path = `pools.${index}.environment.${variable}`;
      const given = `"${withoutCredentials(value)}"`;
      if (proxy === undefined) {
        return [
          {
            path,
            given,
            allowed: 'a URL of a proxy, such as http://proxy.example.com:3128',
            remedy: 'correct it; the scheme is http, https or socks5, and an IPv6 address needs brackets',
          },
        ];
      }
      if (isInTheTask(proxy)) return [];
      const reason = blocked(network, proxy, hostname === undefined ? 443 : portOf(hostname));
      return reason === undefined ? [] : [{ path, given: `${given}, ${reason.given}`, ...reason.to }];
    }),
  );
}

interface Blocked {
  readonly given: string;
  readonly to: Pick<SettingsFault, 'allowed' | 'remedy'>;
}

/** Why agents can't reach the proxy; `undefined` if the settings don't prevent it. */
function blocked(network: ReadableNetwork, proxy: AgentProxy, platformPort: number): Blocked | undefined {
  const { egress, securityGroupIds } = network;
  if (egress === 'existing-vpc') {
    return (securityGroupIds === undefined ? lowPort(proxy) : undefined) ?? unresolved(network, proxy);
  }
  if (proxy.port !== 443 && proxy.port !== platformPort) {
    return {
      given: `whose port ${proxy.port} isn't open, with egress ${egress}`,
      to: {
        allowed: 'a proxy on port 443',
        remedy: 'use egress existing-vpc with the VPC of the proxy, or remove the proxy',
      },
    };
  }
  if (egress === 'network-firewall' && proxy.scheme !== 'https') {
    return {
      given: `which uses ${proxy.scheme}, with egress network-firewall`,
      to: {
        allowed: 'an https:// proxy, because the firewall only passes TLS',
        remedy: 'use egress existing-vpc with the VPC of the proxy, or remove the proxy',
      },
    };
  }
  return unresolved(network, proxy);
}

/** The stack's security group opens the proxy's port to the proxy's IP address, or to every address if the proxy has a hostname. */
function lowPort(proxy: AgentProxy): Blocked | undefined {
  if (addressOf(proxy) !== undefined || proxy.port === 443 || proxy.port >= 1024) return undefined;
  return {
    given: `whose port is ${proxy.port}${proxy.port === 80 ? ', the default of http' : ''}`,
    to: {
      allowed: 'a proxy with a hostname on port 443 or from 1024, or with an IP address on any port',
      remedy:
        'add the port that the proxy listens on, such as :3128; or use its IP address, so that the port is opened only to it; or set network.securityGroupIds',
    },
  };
}

function unresolved(network: ReadableNetwork, proxy: AgentProxy): Blocked | undefined {
  if (!namesAreLimited(network) || addressOf(proxy) !== undefined) return undefined;
  const { allowedDomains = [] } = network;
  if (allowedDomains.some((name) => name !== undefined && covers(name.toLowerCase(), proxy.host))) {
    return undefined;
  }
  return {
    given: "whose name doesn't resolve",
    to: {
      allowed: 'a proxy whose name is allowed',
      remedy: `add ${proxy.host} to network.allowedDomains, together with the default names, which that list replaces`,
    },
  };
}
