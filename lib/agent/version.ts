import { DEFAULT_AGENT_VERSION } from '../defaults.ts';

/**
 * According to the agent's changelog, this is the first version that protects its entries in /proc. With older versions, a job
 * can read the agent token there.
 */
export const OLDEST_AGENT_VERSION = '1.21.1';

/** Whether version `a`, such as 1.33.0, is older than `b`. */
export function isOlder(a: string, b: string): boolean {
  return a.localeCompare(b, 'en', { numeric: true }) < 0;
}

/**
 * The agent's version according to the image's tag: `1.33.0` of `hashicorp/tfc-agent:1.33.0`, or of a mirror's
 * `…/tfc-agent:1.33.0`. Undefined for a digest without a tag, and for images with other names, because their tags may not be the
 * agent's version.
 */
export function versionOfImage(reference: string): string | undefined {
  return /(?:^|\/)tfc-agent:(\d+\.\d+\.\d+)(?:-[A-Za-z0-9._-]+)?(?:@|$)/.exec(reference)?.[1];
}

export function versionFault(version: string): string | undefined {
  if (!isOlder(version, OLDEST_AGENT_VERSION)) return undefined;
  return `Agent ${version} doesn't hide its token from the jobs that it runs. Use ${OLDEST_AGENT_VERSION} or newer; this launcher was tested with ${DEFAULT_AGENT_VERSION}.`;
}

/** A warning if an accepted version is old or unknown. @param version `undefined` if it is unknown */
export function versionWarning(version: string | undefined): string | undefined {
  if (version === undefined) {
    return `The agent version in this image is unknown. Make sure that it is ${OLDEST_AGENT_VERSION} or newer: older agents don't hide their token from jobs.`;
  }
  if (!isOlder(version, DEFAULT_AGENT_VERSION)) return undefined;
  return `Agent ${version} is older than ${DEFAULT_AGENT_VERSION}, which this launcher was tested with. Most releases fix vulnerabilities. This command prints the newest version: node agent-image/newest-version.mjs ${version}`;
}
