/** The VPC's resolver in the lab: DNS Firewall with a template's rules, before a name server that knows every name. */
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DnsRule } from '../../test/lib/network/reachability/dns-rules.ts';
import { LAB } from './attempts.ts';
import { start, type Undo, until } from './machine.ts';
import { within } from './network.ts';

/** Names that are aliases of others, as HCP Terraform's are of their CDN's. */
export const ALIASES = {
  'registry.terraform.io': 'd111111abcdef8.cdn.example.net',
  'alias.evil.example.net': 'app.terraform.io',
} as const;

/** Where the world's names are asked for, inside the firewall's namespace: such a question passes no firewall. */
const WORLD = { address: '127.0.0.1', port: 5353 };

/** dnsmasq's configuration for a world in which every name exists. */
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

/** Starts both in the namespace of the firewall, where a question to them is no traffic through the firewall: as in AWS. Resolves when it answers. */
export async function startResolver(undo: Undo, router: string, rules: readonly DnsRule[]): Promise<void> {
  const file = join(tmpdir(), `egress-lab-dnsmasq-${process.pid}.conf`);
  writeFileSync(file, world());
  undo.add(() => rmSync(file, { force: true }));
  start(undo, within(router, 'dnsmasq', '--keep-in-foreground', `--conf-file=${file}`, '--pid-file=', '--user=root'), {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const rulesAsText = JSON.stringify(rules);
  const firewall = start(
    undo,
    within(
      router,
      ...[process.execPath, join(import.meta.dirname, 'resolver-main.ts')],
      ...[LAB.resolver, WORLD.address, `${WORLD.port}`, rulesAsText],
    ),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let isReady = false;
  firewall.stdout?.once('data', () => {
    isReady = true;
  });
  await until('the resolver', () => isReady);
}
