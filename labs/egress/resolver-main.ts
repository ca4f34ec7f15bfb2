/**
 * DNS Firewall in the lab, a process in the firewall's namespace. It evaluates each question over UDP by a template's rules,
 * in their order, and forwards allowed questions to the world's name server. AWS's DNS Firewall isn't available outside
 * AWS, so this one implements the documentation.
 * https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-dns-firewall-rule-settings.html
 *
 * `resolver-main.ts <address> <address of the name server> <its port> <rules as JSON>`
 */
import { createSocket } from 'node:dgram';
import type { DnsRule } from '../../test/lib/network/reachability/dns-rules.ts';

const [, , address = '', upstream = '', port = '', given = '[]'] = process.argv;
const rules: readonly DnsRule[] = JSON.parse(given);

const HEADER = 12;
const CNAME = 5;
const NXDOMAIN = 3;

/** Reads the name at an offset, and follows compression pointers. Returns its labels and the offset of its end. */
function nameAt(message: Buffer, start: number): { labels: string[]; end: number } {
  const labels: string[] = [];
  let at = start;
  let end: number | undefined;
  for (let steps = 0; steps < 128; steps++) {
    const length = message.readUInt8(at);
    if (length === 0) return { labels, end: end ?? at + 1 };
    if (length >= 0xc0) {
      end ??= at + 2;
      at = message.readUInt16BE(at) & 0x3fff;
      continue;
    }
    labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
  throw new Error('a name without an end');
}

/** Returns the name in the question, and every alias target in the answer. */
function namesIn(message: Buffer): string[][] {
  const question = nameAt(message, HEADER);
  const names = [question.labels];
  let at = question.end + 4;
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    const { end } = nameAt(message, at);
    if (message.readUInt16BE(end) === CNAME) names.push(nameAt(message, end + 10).labels);
    at = end + 10 + message.readUInt16BE(end + 8);
  }
  return names;
}

/** Compares an entry, which may begin with a wildcard, with a name label by label from the end. */
function isListed(entry: string, labels: readonly string[]): boolean {
  if (entry === '*') return true;
  const listed = entry.toLowerCase().split('.');
  const isWildcard = listed[0] === '*';
  // `*example.com` without a dot matches in the middle of a label.
  if (!isWildcard && entry.startsWith('*')) return labels.join('.').endsWith(entry.slice(1).toLowerCase());
  const fixed = isWildcard ? listed.slice(1) : listed;
  if (isWildcard ? labels.length <= fixed.length : labels.length !== fixed.length) return false;
  return fixed.every((label, index) => labels[labels.length - fixed.length + index] === label);
}

/** Evaluates the names in order. A question has one name; an answer adds its aliases. */
function isBlocked(names: readonly (readonly string[])[]): boolean {
  for (const labels of names) {
    const rule = rules.find(({ domains }) => domains.some((entry) => isListed(entry, labels)));
    if (rule?.action === 'BLOCK') return true;
    if (rule?.redirection === 'TRUST_REDIRECTION_DOMAIN') return false;
  }
  return false;
}

/** Turns a question into the answer that the name doesn't exist. */
function refused(query: Buffer): Buffer {
  const answer = Buffer.from(query.subarray(0, nameAt(query, HEADER).end + 4));
  answer.writeUInt16BE(0x8180 | NXDOMAIN, 2);
  answer.fill(0, 6, HEADER);
  return answer;
}

const server = createSocket('udp4', (query, from) => {
  const [question = []] = namesIn(query);
  const answer = (message: Buffer) => server.send(message, from.port, from.address);
  if (isBlocked([question])) {
    answer(refused(query));
    return;
  }
  const onward = createSocket('udp4', (message) => {
    onward.close();
    answer(isBlocked(namesIn(message)) ? refused(query) : message);
  });
  onward.on('error', () => onward.close());
  onward.send(query, Number(port), upstream);
});
server.bind(53, address, () => process.stdout.write('ready\n'));
