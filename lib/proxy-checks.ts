/** Proxies that agents could not reach in the chosen network. */
import { portOf } from './egress/allowed-domains.ts';
import { covers } from './egress/domain-name.ts';
import { type AroundNetwork, namesAreLimited } from './network-name-checks.ts';
import { type AgentProxy, addressOf, isInTheTask, proxiesIn, withoutCredentials } from './proxies.ts';
import type { SettingsFault } from './settings-faults.ts';

type Given = Readonly<Record<string, unknown>>;

export function proxyFaults(network: Given, { pools, hostname }: AroundNetwork): SettingsFault[] {
  return pools.flatMap(({ environment }, index) =>
    proxiesIn(isRecord(environment) ? environment : {}).flatMap(({ variable, value, proxy }) => {
      const path = `pools.${index}.environment.${variable}`;
      const given = `"${withoutCredentials(value)}"`;
      if (proxy === undefined) {
        return [
          {
            path,
            given,
            allowed: 'a URL of a proxy, such as http://proxy.example.com:3128',
            remedy: 'correct it; the scheme is http, https or socks5, and an IPv6 address stands in brackets',
          },
        ];
      }
      if (isInTheTask(proxy)) return [];
      const reason = blocked(network, proxy, typeof hostname === 'string' ? portOf(hostname) : 443);
      return reason === undefined ? [] : [{ path, given: `${given}, ${reason.given}`, ...reason.to }];
    }),
  );
}

interface Blocked {
  readonly given: string;
  readonly to: Pick<SettingsFault, 'allowed' | 'remedy'>;
}

/** Why agents can't reach the proxy; `undefined` where they can, as far as the settings say. */
function blocked(network: Given, proxy: AgentProxy, platformPort: number): Blocked | undefined {
  const { egress = 'nat-gateway', securityGroupIds } = network;
  if (egress === 'existing-vpc') {
    return (securityGroupIds === undefined ? lowPort(proxy) : undefined) ?? unresolved(network, proxy);
  }
  if (proxy.port !== 443 && proxy.port !== platformPort) {
    return {
      given: `whose port ${proxy.port} does not leave, with egress ${String(egress)}`,
      to: {
        allowed: 'a proxy on port 443',
        remedy: 'use egress existing-vpc with the VPC that the proxy is in, or leave the proxy out',
      },
    };
  }
  if (egress === 'network-firewall' && proxy.scheme !== 'https') {
    return {
      given: `which speaks ${proxy.scheme}, with egress network-firewall`,
      to: {
        allowed: 'an https:// proxy: the firewall passes TLS alone',
        remedy: 'use egress existing-vpc with the VPC that the proxy is in, or leave the proxy out',
      },
    };
  }
  return unresolved(network, proxy);
}

/** The stack's group opens a proxy's port to its address alone, or to every address when it has a name. */
function lowPort(proxy: AgentProxy): Blocked | undefined {
  if (addressOf(proxy) !== undefined || proxy.port === 443 || proxy.port >= 1024) return undefined;
  return {
    given: `whose port is ${proxy.port}${proxy.port === 80 ? ', the default of http' : ''}`,
    to: {
      allowed: 'a proxy by its name on port 443 or from 1024, or by its IP address on any port',
      remedy:
        'add the port that the proxy listens on, such as :3128; or use its IP address, so that the port is opened to it alone; or set network.securityGroupIds',
    },
  };
}

function unresolved(network: Given, proxy: AgentProxy): Blocked | undefined {
  if (!namesAreLimited(network) || addressOf(proxy) !== undefined) return undefined;
  const allowed = Array.isArray(network['allowedDomains']) ? network['allowedDomains'] : [];
  if (allowed.some((name: unknown) => typeof name === 'string' && covers(name.toLowerCase(), proxy.host))) {
    return undefined;
  }
  return {
    given: 'whose name does not resolve',
    to: {
      allowed: 'a proxy whose name is allowed',
      remedy: `add ${proxy.host} to network.allowedDomains, together with the default names, which that list replaces`,
    },
  };
}

function isRecord(value: unknown): value is Given {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
