/** What the network of some settings costs while nothing runs, from the prices that the stack's outputs use. */

import { idleNetworkCost, total } from '../../../lib/aws/costs.ts';
import { suffixOf } from '../../../lib/aws/partitions.ts';
import { resolvingNames, TASK_START_ENDPOINTS } from '../../../lib/network/allowed-domains.ts';
import { zonesOf } from '../../../lib/network/layout.ts';
import type { Settings } from '../../../lib/settings/parse.ts';
import { imagesOf } from '../../../lib/settings/task-images.ts';

/** Where the stack is. */
export interface Place {
  readonly account: string;
  readonly region: string;
}

/** Monthly price in US dollars, at list prices of us-east-1. */
export function idleNetworkPrice(settings: Settings, { account, region }: Place): number {
  const { network, hostname, fips } = settings;
  const zones = zonesOf(network);
  const natGateways = 'natGateways' in network ? (network.natGateways === 'all' ? 2 : 1) : 0;
  const gateways = network.egress === 'on-demand' ? zones : 0;
  const place = { account, region, urlSuffix: suffixOf(region, 'amazonaws.com') };
  const names = network.dnsFirewall ? resolvingNames({ hostname, fips, ...network }, imagesOf(settings), place) : [];
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
