/**
 * What the next deployment would do to the stack that is deployed now. The settings describe a whole stack, so a deployment of settings that
 * lack a pool ends the service of that pool.
 */

/** A pool that a stack serves. Names of pools are unique per organization. */
export interface ServedPool {
  readonly hostname: string;
  readonly organization: string;
  readonly name: string;
}

/** What CloudFormation shows of a stack. */
export type DeployedStack =
  | { readonly state: 'none' }
  /** The stack exists, but isn't a launcher, or one that this command doesn't understand. */
  | { readonly state: 'other' }
  /** It could not be read. */
  | { readonly state: 'unknown'; readonly problem: string }
  | { readonly state: 'launcher'; readonly pools: readonly ServedPool[] };

/** The pools of the first list that aren't in the second one. */
export function poolsWithout(pools: readonly ServedPool[], others: readonly ServedPool[]): readonly ServedPool[] {
  const keys = new Set(others.map(keyOf));
  return pools.filter((pool) => !keys.has(keyOf(pool)));
}

/** The pools that are in both lists. */
export function commonPools(pools: readonly ServedPool[], others: readonly ServedPool[]): readonly ServedPool[] {
  const keys = new Set(others.map(keyOf));
  return pools.filter((pool) => keys.has(keyOf(pool)));
}

/** HCP Terraform compares names of organizations without their case. */
function keyOf({ hostname, organization, name }: ServedPool): string {
  return `${hostname}/${organization.toLowerCase()}/${name}`;
}

/** Why a deployment of the settings would do harm to the stack of this name; `undefined` if it wouldn't. */
export function harmOf(
  stackName: string,
  deployed: DeployedStack,
  settings: readonly ServedPool[],
): string | undefined {
  if (deployed.state === 'other') {
    return `There is a stack ${stackName} in this account and region, and this command can't read it as a launcher. A deployment of the settings that you are about to write would replace what is in it.`;
  }
  if (deployed.state !== 'launcher') return undefined;
  const lost = poolsWithout(deployed.pools, settings);
  if (lost.length === 0) return undefined;
  return `The stack ${stackName} is deployed in this account and region, and serves ${poolsInWords(deployed.pools)}. The settings that you are about to write, for ${poolsInWords(settings)}, would replace it: after a deployment, nothing would start agents for ${poolsInWords(lost)}.`;
}

/** What to know before new settings are deployed to a stack that serves only pools of these settings; `undefined` if it isn't deployed. */
export function newsOf(stackName: string, deployed: DeployedStack): string | undefined {
  if (deployed.state !== 'launcher') return undefined;
  return `The stack ${stackName} is deployed already, and these settings are new. Its network, sizes and roles may differ from them: read \`npx cdk diff\` before you deploy.`;
}

/** Why a second stack would do harm next to the one of this name; `undefined` if it wouldn't. */
export function rivalryOf(
  stackName: string,
  deployed: DeployedStack,
  settings: readonly ServedPool[],
): string | undefined {
  if (deployed.state !== 'launcher') return undefined;
  const common = commonPools(deployed.pools, settings);
  if (common.length === 0) return undefined;
  return `The stack ${stackName} serves ${poolsInWords(common)}, too. Two launchers of one pool start two agents for a job, unless one of them is a standby (pools[].standbySeconds).`;
}

/** A name for another stack. */
export function otherStackName(stackName: string, pool: string): string {
  const suffix = pool.replaceAll(/[^A-Za-z0-9-]/g, '-');
  return `${stackName}-${suffix}`.slice(0, 48);
}

function poolsInWords(pools: readonly ServedPool[]): string {
  const names = pools.map(({ name, organization }) => `${name} (organization ${organization})`);
  return `${pools.length === 1 ? 'the pool' : 'the pools'} ${names.join(', ')}`;
}
