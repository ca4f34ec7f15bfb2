/**
 * Domains below which anyone can register a name. A wildcard for such a domain would allow everyone's hosts.
 *
 * The package `tldts` contains the Public Suffix List (https://publicsuffix.org/list/). Its first part has the domains below which
 * registries sell names, and its private part has the domains below which companies give names to their customers. The list isn't
 * complete, so a wildcard can pass this check and still be too wide: see docs/decisions/0024-public-suffix-list.md. For AWS
 * domains, a stricter rule uses the CDK's facts about partitions.
 */
import { getPublicSuffix } from 'tldts';
import { DUAL_STACK_DOMAINS, HOST_DOMAINS } from '../aws/partitions.ts';

/** AWS gives customers names at several depths: by region, service or bucket. Every wildcard at or below these is too wide. */
const AWS_DOMAINS = [...HOST_DOMAINS, ...DUAL_STACK_DOMAINS.flatMap((domain) => [`on.${domain}`, `api.${domain}`])];

/** Whether anyone can register a name below a domain. */
export function isShared(domain: string): boolean {
  return isPublicSuffix(domain) || AWS_DOMAINS.some((aws) => isAtOrBelow(domain, aws) || isAtOrBelow(aws, domain));
}

function isAtOrBelow(domain: string, other: string): boolean {
  return domain === other || domain.endsWith(`.${other}`);
}

/** Whether the Public Suffix List contains a domain, or a wildcard for the names directly below it (`*.run.app`). */
function isPublicSuffix(domain: string): boolean {
  const below = `below.${domain}`;
  const suffix = getPublicSuffix(below, { allowPrivateDomains: true, extractHostname: false });
  return suffix === domain || suffix === below;
}
