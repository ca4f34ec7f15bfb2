/** Names that agents may reach, as people write them and as firewalls take them. */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { isEverybodys } from './everybodys.ts';

/** A name that is well formed, or what is wrong with it and what to do. */
export type ParsedName = { readonly name: string } | { readonly fault: string; readonly remedy: string };

/**
 * Reads one name: `app.terraform.io`, or `*.example.com` for every name below `example.com` at any depth, and not
 * `example.com` itself: so Route 53 Resolver DNS Firewall reads it, and so do the firewall rules made from it.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-domain-lists.html
 *
 * Upper case, a final dot and names in other scripts are brought into the one form that DNS and TLS carry.
 */
export function parseName(given: string): ParsedName {
  const text = given.trim();
  const refuse = (fault: string, remedy: string): ParsedName => ({ fault, remedy });
  // The mapping to ASCII would leave them out, and allow another name than the one that is read.
  if (/[\s\p{Cc}\p{Default_Ignorable_Code_Point}]/u.test(text)) {
    return refuse('it has a space or a character that is not seen', 'write the name anew, in letters that are seen');
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return refuse('it is a URL', 'give the host name alone, without https://');
  if (/[/?#@]/.test(text))
    return refuse('it has a path', 'give the host name alone: a firewall sees names and no paths');
  if (isIP(text.replace(/^\[|\]$/g, '')) !== 0 || /^\d+(?:\.\d+){3}(?:\/|$)/.test(text)) {
    return refuse('it is an address', 'give the name: TLS and DNS are judged by names');
  }
  if (text.includes(':')) {
    return refuse(
      'it has a port',
      'leave the port out: 443 is the only one, and that of `hostname` when it has another',
    );
  }
  if (text.startsWith('.')) return refuse('it begins with a dot', `write *${text} for the names below it`);

  const wildcard = text.startsWith('*.');
  const rest = wildcard ? text.slice(2) : text;
  if (rest.includes('*')) return refuse('it has a * inside', 'a * may only be the whole first label: *.example.com');
  const ascii = domainToASCII(rest).replace(/\.$/, '');
  const labels = ascii.split('.');
  if (ascii === '' || ascii.length > 253 || !labels.every((label) => /^(?!-)[a-z0-9-]{1,63}(?<!-)$/.test(label))) {
    return refuse('it is no host name', 'give labels of letters, digits and -, with dots between them');
  }
  if (labels.length < 2) {
    return refuse(wildcard ? 'it allows a whole top-level domain' : 'it has no dot', 'give a complete name');
  }
  if (/^\d+$/.test(labels.at(-1) ?? '')) return refuse('it is an address', 'give the name');
  if (wildcard && isEverybodys(ascii)) {
    return refuse('anybody can have a name below it', 'name the hosts one by one, or use a preset');
  }
  return { name: wildcard ? `*.${ascii}` : ascii };
}

/** Whether an allowed name covers another: the same, or a wildcard above it. */
export function covers(allowed: string, name: string): boolean {
  if (allowed === name) return true;
  return allowed.startsWith('*.') && name.replace(/^\*\./, '').endsWith(allowed.slice(1));
}

/** Names once each, without those that another covers, in the order of their domains. */
export function normalised(names: readonly string[]): string[] {
  const once = new Set(names);
  return [...once]
    .filter((name) => !above(name).some((wildcard) => once.has(wildcard)))
    .sort((a, b) => reversed(a).localeCompare(reversed(b)));
}

/** Every wildcard that covers a name, but for itself. */
function above(name: string): string[] {
  const labels = name.replace(/^\*\./, '').split('.');
  return labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`);
}

/** Sorting key. What CloudFormation fills in has a serial number, which would make the order depend on the rest of the stack. */
const reversed = (name: string): string =>
  name
    .replace(/\$\{Token\[[^\]]*\]\}/g, '~')
    .split('.')
    .toReversed()
    .join('.');
