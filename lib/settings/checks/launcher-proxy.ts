/** Checks of the launcher's proxy. */
import { isInTheTask, proxiesIn } from '../../agent/proxies.ts';
import { shown } from '../../credentials.ts';
import { portOf } from '../../network/allowed-domains.ts';
import type { SettingsFault } from '../errors.ts';
import type { ReadableSettings } from '../read.ts';

export function* launcherProxyFaults({ hostname, launcher = {}, network }: ReadableSettings): Iterable<SettingsFault> {
  const { httpsProxy, noProxy = [], httpsProxyCredentialsSecret: secret } = launcher;
  const proxy = proxiesIn({ HTTPS_PROXY: httpsProxy })[0]?.proxy;
  if (httpsProxy !== undefined && (proxy === undefined || isInTheTask(proxy))) {
    yield {
      path: 'launcher.httpsProxy',
      given: shown(httpsProxy),
      allowed: 'the URL of a proxy outside the function, with a port from 1 to 65535',
      remedy: 'set the hostname or the IP address of the proxy, and the port that it listens on',
    };
  }
  const isInNewVpc = launcher.vpc === true && network?.egress !== undefined && network.egress !== 'existing-vpc';
  if (isInNewVpc && proxy !== undefined && ![443, portOf(hostname ?? '')].includes(proxy.port)) {
    yield {
      path: 'launcher.httpsProxy',
      given: `${shown(httpsProxy)}, whose port isn't open in the VPC that the stack creates`,
      allowed: 'with launcher.vpc and a new VPC: a proxy on port 443',
      remedy: 'use egress existing-vpc with the VPC of the proxy, or remove the proxy',
    };
  }
  if (httpsProxy !== undefined) return;
  const needs = {
    allowed: 'only together with launcher.httpsProxy',
    remedy: 'set launcher.httpsProxy, or remove this setting',
  };
  if (noProxy.length > 0) yield { path: 'launcher.noProxy', given: shown(noProxy), ...needs };
  if (secret !== undefined) yield { path: 'launcher.httpsProxyCredentialsSecret', given: shown(secret), ...needs };
}
