/** The VPC's resolver in the lab: dnsmasq with the allow list of a template, which knows no other name. */
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DnsRule } from '../lib/reachability/dns-rules.ts';
import { LAB } from './attempts.ts';
import { start, type Undo } from './machine.ts';
import { within } from './network.ts';

/** dnsmasq's configuration for an allow list: a single name as a record of its own, a wildcard as all below a domain. */
export function dnsmasqConfiguration(rules: readonly DnsRule[]): string {
  const allowed = rules.filter(({ action }) => action === 'ALLOW').flatMap(({ domains }) => domains);
  return [
    'no-resolv',
    'no-hosts',
    'no-poll',
    'bind-interfaces',
    `listen-address=${LAB.resolver}`,
    'local-ttl=1',
    // Every name is ours to answer, so one that is not listed does not exist.
    'local=/#/',
    ...allowed.map((name) =>
      name.startsWith('*') ? `address=/${name}/${LAB.allowedHost}` : `host-record=${name},${LAB.allowedHost}`,
    ),
  ].join('\n');
}

/** Starts it in the namespace of the firewall, where a question to it is no traffic through the firewall: as in AWS. */
export function startResolver(undo: Undo, router: string, rules: readonly DnsRule[]): void {
  const file = join(tmpdir(), `egress-lab-dnsmasq-${process.pid}.conf`);
  writeFileSync(file, dnsmasqConfiguration(rules));
  undo.add(() => rmSync(file, { force: true }));
  start(undo, within(router, 'dnsmasq', '--keep-in-foreground', `--conf-file=${file}`, '--pid-file=', '--user=root'), {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
