/** Gathers what the network refused, for `doctor` and `why`. */
import type { Aws } from './aws/clients.ts';
import type { Deployment } from './aws/deployment.ts';
import { type RefusalQuery, readRefusalLog, refusalLogsOf } from './aws/refusal-logs.ts';
import { type Refusals, refusalsIn } from './core/refused-domains.ts';
import { observe } from './doctor/observe.ts';

/** `undefined`: the stack has no log of it. */
export async function gatherRefusals(
  aws: Aws,
  deployment: Pick<Deployment, 'outputs'>,
  query: RefusalQuery,
): Promise<Refusals | undefined> {
  const logs = refusalLogsOf(deployment);
  if (logs.length === 0) return undefined;
  const readings = logs.map(async (log) => {
    const observed = await observe(() => readRefusalLog(aws, log, query));
    return { ...log, ...('value' in observed ? observed.value : observed) };
  });
  return refusalsIn(await Promise.all(readings));
}
