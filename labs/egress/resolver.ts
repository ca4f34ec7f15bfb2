/**
 * The VPC's resolver in the lab: DNS Firewall with a template's rules, in front of a name server that knows every name.
 * Both run in the firewall's namespace. As in AWS, a question to them doesn't pass the network firewall.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DnsRule } from '../../test/lib/network/reachability/dns-rules.ts';
import { outputOf, until } from '../../test/processes.ts';
import { LAB } from './attempts.ts';
import { start, type Undo } from './machine.ts';
import { within } from './network.ts';

/** Aliases of other names, such as HCP Terraform's names for its CDN. */
export const ALIASES = {
  'registry.terraform.io': 'd111111abcdef8.cdn.example.net',
  'alias.evil.example.net': 'app.terraform.io',
} as const;

const WORLD = { address: '127.0.0.1', port: 5353 };

/** Returns dnsmasq's configuration for a world in which every name exists. */
function world(): string {
  return [
    'no-resolv',
    'no-hosts',
    'no-poll',
    'bind-interfaces',
    `listen-address=${WORLD.address}`,
    `port=${WORLD.port}`,
    'local-ttl=1',
    `address=/#/${LAB.allowedHost}`,
    ...Object.values(ALIASES).map((name) => `host-record=${name},${LAB.allowedHost}`),
    ...Object.entries(ALIASES).map(([alias, name]) => `cname=${alias},${name}`),
  ].join('\n');
}

/** Resolves once DNS Firewall answers. */
export async function startResolver(undo: Undo, router: string, rules: readonly DnsRule[]): Promise<void> {
  const file = join(tmpdir(), `egress-lab-dnsmasq-${process.pid}.conf`);
  writeFileSync(file, world());
  undo.add(() => rmSync(file, { force: true }));
  start(undo, within(router, 'dnsmasq', '--keep-in-foreground', `--conf-file=${file}`, '--pid-file=', '--user=root'), {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const firewall = start(
    undo,
    within(
      router,
      ...[process.execPath, join(import.meta.dirname, 'resolver-main.ts')],
      ...[LAB.resolver, WORLD.address, `${WORLD.port}`, JSON.stringify(rules)],
    ),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const output = outputOf(firewall);
  await until('the resolver starts', () => output() !== '');
}
