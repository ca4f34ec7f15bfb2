/** What the network of some settings costs while nothing runs, from the prices that the stack's outputs use. */

import { idleNetworkCost, total } from '../../../lib/aws/costs.ts';
import { suffixOf } from '../../../lib/aws/partitions.ts';
import { resolvingNames, TASK_START_ENDPOINTS } from '../../../lib/network/allowed-domains.ts';
import type { EgressMode } from '../../../lib/network/egress.ts';
import { zonesOf } from '../../../lib/network/layout.ts';
import { parseSettings, SETTINGS_KEY, type Settings } from '../../../lib/settings/parse.ts';
import { imagesOf } from '../../../lib/settings/task-images.ts';

/** Where the stack is. */
export interface Place {
  readonly account: string;
  readonly region: string;
}

/**
 * Monthly price in US dollars, at list prices of us-east-1. It has the domains that HCP Terraform and the image of the defaults need, as in
 * docs/costs.md. Each other allowed domain costs less than a tenth of a cent, which would only make the prices of two questions differ.
 */
export function idleNetworkPrice(settings: Settings, { account, region }: Place): number {
  const { network } = settings;
  const zones = zonesOf(network);
  const natGateways = 'natGateways' in network ? (network.natGateways === 'all' ? 2 : 1) : 0;
  const gateways = network.egress === 'on-demand' ? zones : 0;
  const place = { account, region, urlSuffix: suffixOf(region, 'amazonaws.com') };
  const byDefault = defaultsOf(network.egress === 'existing-vpc' ? 'public-ip' : network.egress);
  const names = network.dnsFirewall ? resolvingNames(byDefault, byDefault.images, place) : [];
  return total(
    idleNetworkCost({
      natGateways,
      firewallEndpoints: network.egress === 'network-firewall' ? zones : 0,
      gateways,
      fixedAddresses: network.egress === 'on-demand' && network.fixedAddress ? gateways : 0,
      interfaceEndpoints: network.vpcEndpoints === 'task-start' ? TASK_START_ENDPOINTS * zones : 0,
      // DNS Firewall has one more domain: `*`, which it blocks.
      dnsNames: names.length === 0 ? 0 : names.length + 1,
    }),
  );
}

/** What the domains depend on, in settings that have only what they must have. */
function defaultsOf(egress: Exclude<EgressMode, 'existing-vpc'>) {
  const least = {
    organization: 'acme',
    apiTokenSecret: 'api-token',
    pools: [{ name: 'pool', agentTokenSecret: 'agent-token' }],
    network: { egress },
  };
  const settings = parseSettings({ [SETTINGS_KEY]: least });
  return { hostname: settings.hostname, ...settings.network, images: imagesOf(settings) };
}
