/** What the agents and the launcher of a deployed stack need from a VPC that the stack didn't create. */

import { portOf, taskStartServices } from '../../../lib/network/allowed-domains.ts';
import { limitsDomainsOfVpc } from '../../../lib/network/claims.ts';
import { launcherApis } from '../../../lib/network/launcher-apis.ts';
import type { VpcNeeds } from '../../../lib/network-check/findings.ts';
import type { Observed } from './findings.ts';

/** The parts of a deployed stack that determine its needs. */
export interface DeployedVpcParts {
  /** The output EgressClaim: the egress mode, a colon, and what the network blocks. `undefined`: the stack has none. */
  readonly claim: string | undefined;
  readonly hostname: string;
  readonly subnetIds: readonly string[];
  /** Maximum number of agents of all pools at the same time. */
  readonly agents: number;
  readonly tasks: readonly Observed<DeployedVpcTask>[];
  /** Where the launcher's function runs; `undefined`: in Lambda's own network. */
  readonly launcher:
    | {
        readonly subnetIds: readonly string[];
        readonly securityGroupIds: readonly string[];
        /** Whether it sends messages to a queue. */
        readonly wakeUps: boolean;
        /** Ports of its proxies. */
        readonly proxyPorts: readonly number[];
      }
    | undefined;
}

export interface DeployedVpcTask {
  readonly image: { readonly reference?: string };
  /** Ports of the proxies in the container's environment. */
  readonly proxyPorts: readonly number[];
}

/** The stack doesn't show the VPC: that is the one of its subnets. */
export type DeployedVpcNeeds = Omit<VpcNeeds, 'vpcId'>;

/** @returns `undefined` if the stack created the network, or doesn't say who did */
export function deployedVpcNeeds(parts: DeployedVpcParts): DeployedVpcNeeds | undefined {
  const { claim = '', hostname, subnetIds, agents, launcher } = parts;
  if (!claim.startsWith('existing-vpc: ')) return undefined;
  const tasks = parts.tasks.flatMap((task) => ('value' in task ? [task.value] : []));
  return {
    subnetIds,
    hostname,
    agents,
    ports: [...new Set([443, portOf(hostname)])],
    proxyPorts: tasks.flatMap(({ proxyPorts }) => proxyPorts),
    services: taskStartServices(tasks.map(({ image }) => image.reference)),
    dnsFirewall: limitsDomainsOfVpc(claim),
    ...(launcher !== undefined && {
      launcher: {
        subnetIds: launcher.subnetIds,
        hasOwnSubnets: launcher.subnetIds.toSorted().join() !== subnetIds.toSorted().join(),
        securityGroupIds: launcher.securityGroupIds,
        services: [...launcherApis(launcher), 'secretsmanager'],
        proxyPorts: launcher.proxyPorts,
      },
    }),
  };
}
