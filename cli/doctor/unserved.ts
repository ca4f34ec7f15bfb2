/** Reads the runs that wait in agent pools of the organization which aren't the launcher's. */

import type { Finding } from '../core/doctor/findings.ts';
import { checkUnserved } from '../core/doctor/unserved.ts';
import type { HcpTerraform } from '../hcp-terraform/client.ts';
import { otherPools } from '../hcp-terraform/other-pools.ts';
import type { TargetCheckup } from './doctor.ts';
import { observe } from './observe.ts';

export async function unservedFindings({ context, target, tokens }: TargetCheckup): Promise<Finding[]> {
  const byOrganization = Map.groupBy(target.pools, ({ organization }) => organization);
  const all = await Promise.all(
    [...byOrganization].map(async ([organization, served]) => {
      const api = await tokens.usable(served[0]?.apiTokenSecret ?? '');
      // The check of the pools reports this failure.
      if ('failure' in api) return [];
      const read = (client: HcpTerraform) => observe(() => otherPools(client, organization, served));
      const launchers = await read(api.value.client);
      const own = tokens.own();
      const isHidden = 'value' in launchers && launchers.value === undefined;
      const observed = isHidden && own !== undefined ? await read(own.client) : launchers;
      return checkUnserved(organization, observed, context.io.now());
    }),
  );
  return all.flat();
}
