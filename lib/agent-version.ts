import { DEFAULT_AGENT_VERSION } from './defaults.ts';

/** Since this version, the agent guards its own entries in /proc (its changelog); before, a job could read the agent token there. */
export const OLDEST_AGENT_VERSION = '1.21.1';

/** Whether version `a`, such as 1.33.0, is older than `b`. */
export function isOlder(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  const index = [0, 1, 2].find((part) => left?.[part] !== right?.[part]) ?? 0;
  return (left?.[index] ?? 0) < (right?.[index] ?? 0);
}

/**
 * The agent's version that the tag of an image says: `hashicorp/tfc-agent:1.33.0`, also from a mirror. Undefined for a digest alone
 * and for images with names of their own, whose tags mean something else.
 */
export function versionOfImage(reference: string): string | undefined {
  return /(?:^|\/)tfc-agent:(\d+\.\d+\.\d+)(?:-[A-Za-z0-9._-]+)?(?:@|$)/.exec(reference)?.[1];
}

/** Why a version is not used at all. */
export function versionFault(version: string): string | undefined {
  if (!isOlder(version, OLDEST_AGENT_VERSION)) return undefined;
  return `Agent ${version} does not hide its token from the jobs that it runs. Use ${OLDEST_AGENT_VERSION} or newer; this launcher knows ${DEFAULT_AGENT_VERSION}.`;
}

/** What to say about a version that is used; undefined for a version that is not known, and absent when it is up to date. */
export function versionWarning(version: string | undefined): string | undefined {
  if (version === undefined) {
    return `The version of the agent in this image is not known. Make sure that it is ${OLDEST_AGENT_VERSION} or newer, since older agents do not hide their token from jobs.`;
  }
  if (!isOlder(version, DEFAULT_AGENT_VERSION)) return undefined;
  return `Agent ${version} is older than ${DEFAULT_AGENT_VERSION}, which this launcher knows. Most releases fix vulnerabilities: node agent-image/newest-version.mjs ${version} reports the newest one.`;
}
