/** Parses the domain names that users allow, and normalizes them for the firewalls. */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { isShared } from './shared-domains.ts';

/** The result of parsing: a well-formed domain name, or its fault and remedy. */
export type ParsedName = { readonly name: string } | { readonly fault: string; readonly remedy: string };

/**
 * Parses one name: `app.terraform.io`, or `*.example.com` for every name below `example.com` at any depth, but not
 * `example.com` itself. Route 53 Resolver DNS Firewall and our firewall rules read it in the same way.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-domain-lists.html
 *
 * Upper case, a final dot and other scripts are normalized to the form that DNS and TLS use.
 */
export function parseName(given: string): ParsedName {
  const text = given.trim();
  const refuse = (fault: string, remedy: string): ParsedName => ({ fault, remedy });
  // The mapping to ASCII would drop these characters, so the allowed name would differ from what the user sees.
  if (/[\s\p{Cc}\p{Default_Ignorable_Code_Point}]/u.test(text)) {
    return refuse('it has a space or an invisible character', 'retype it using visible characters only');
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return refuse('it is a URL', 'use the hostname only, without https://');
  if (/[/?#@]/.test(text)) return refuse('it has a path', 'use the hostname only: a firewall sees no paths');
  if (isIP(text.replace(/^\[|\]$/g, '')) !== 0 || /^\d+(?:\.\d+){3}(?:\/|$)/.test(text)) {
    return refuse('it is an IP address', 'use the hostname: TLS and DNS are checked by name');
  }
  if (text.includes(':')) {
    return refuse('it has a port', 'remove the port: only port 443 and the port of `hostname` are allowed');
  }
  if (text.startsWith('.')) return refuse('it begins with a dot', `use *${text} to allow every domain below it`);

  const wildcard = text.startsWith('*.');
  const rest = wildcard ? text.slice(2) : text;
  if (rest.includes('*'))
    return refuse('it has a * in a wrong place', 'use * only as the complete first label: *.example.com');
  const ascii = domainToASCII(rest).replace(/\.$/, '');
  const labels = ascii.split('.');
  if (ascii === '' || ascii.length > 253 || !labels.every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label))) {
    return refuse('it is not a hostname', 'use letters, digits and -, with dots between the labels');
  }
  if (labels.length < 2) {
    return refuse(wildcard ? 'it allows a whole top-level domain' : 'it has no dot', 'use a fully qualified hostname');
  }
  if (/^\d+$/.test(labels.at(-1) ?? '')) return refuse('it is an IP address', 'use the hostname');
  if (wildcard && isShared(ascii)) {
    return refuse('anyone can register a name below it', 'list the hosts one by one, or use a preset');
  }
  return { name: wildcard ? `*.${ascii}` : ascii };
}

/** Whether an allowed name covers another name: both are the same, or the allowed name is a wildcard above the other name. */
export function covers(allowed: string, name: string): boolean {
  if (allowed === name) return true;
  return allowed.startsWith('*.') && name.replace(/^\*\./, '').endsWith(allowed.slice(1));
}

/** Removes duplicates and names that a wildcard covers, and sorts by domain. */
export function normalised(names: readonly string[]): string[] {
  const once = new Set(names);
  return [...once]
    .filter((name) => !above(name).some((wildcard) => once.has(wildcard)))
    .sort((a, b) => reversed(a).localeCompare(reversed(b)));
}

/** Every wildcard that covers a name, except the name itself. */
function above(name: string): string[] {
  const labels = name.replace(/^\*\./, '').split('.');
  return labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`);
}

/** Sorting key. A CloudFormation token has a serial number, which would make the order depend on the rest of the stack. */
const reversed = (name: string): string =>
  name
    .replace(/\$\{Token\[[^\]]*\]\}/g, '~')
    .split('.')
    .toReversed()
    .join('.');
