/**
 * Domains below which anyone can register a name. A wildcard for one of them allows everyone's hosts.
 *
 * The Public Suffix List (https://publicsuffix.org/list/), which `tldts` contains, decides: it has what registries sell, and in its
 * private part what companies give to their customers. It isn't complete, so a wildcard that it accepts may still be too wide:
 * see docs/decisions/0024-public-suffix-list.md. For AWS, the rule is stricter, from the CDK's facts about its partitions.
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

/** Whether the Public Suffix List has a domain, or every name directly below it (`*.run.app`). It doesn't show deeper levels. */
function isPublicSuffix(domain: string): boolean {
  const below = `below.${domain}`;
  const suffix = getPublicSuffix(below, { allowPrivateDomains: true, extractHostname: false });
  return suffix === domain || suffix === below;
}
