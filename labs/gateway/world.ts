/** The VPC's resolver of the gateway's lab, and hosts with private addresses that a name can point at. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VPC_RESOLVER } from '../../lib/gateway/nginx.ts';
import { outputOf, runSyncOk, until } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { LAB } from '../egress/attempts.ts';
import { start, type Undo } from '../egress/machine.ts';
import { type Network, within } from '../egress/network.ts';

/** A task of someone else in the VPC, with a server on port 443. */
export const NEIGHBOUR = '10.90.0.20';

/** Allowed names that resolve to addresses that no gateway may connect to. */
export const INSIDE: Readonly<Record<string, string>> = {
  'neighbour.inside.example.org': NEIGHBOUR,
  'metadata.inside.example.org': '169.254.169.254',
  'loopback.inside.example.org': '127.0.0.1',
  'shared.inside.example.org': '100.64.0.9',
};

/** Allowed name that resolves to an internet address first and to a private one afterwards, as in an attack by rebinding. */
export const REBINDING = 'rebinding.inside.example.org';

/** An allowed host that takes any number of bytes. */
export const SINK = { name: 'sink.example.org', address: '198.51.100.20' } as const;

/** Starts the resolver in the world, and servers on the private addresses. */
export async function startWorld(undo: Undo, { client, router, server }: Network): Promise<void> {
  runSyncOk('ip', ['-n', server, 'addr', 'add', `${VPC_RESOLVER}/32`, 'dev', 'eth0']);
  runSyncOk('ip', ['-n', router, 'route', 'add', `${VPC_RESOLVER}/32`, 'dev', 'world']);
  runSyncOk('ip', ['-n', client, 'addr', 'add', `${NEIGHBOUR}/20`, 'dev', 'eth0']);
  for (const address of ['169.254.169.254', '100.64.0.9']) {
    runSyncOk('ip', ['-n', server, 'addr', 'add', `${address}/32`, 'dev', 'eth0']);
    runSyncOk('ip', ['-n', router, 'route', 'add', `${address}/32`, 'dev', 'world']);
  }
  runSyncOk('ip', ['-n', server, 'addr', 'add', `${SINK.address}/24`, 'dev', 'eth0']);
  const file = join(newFolder('gateway-lab-dns'), 'dnsmasq.conf');
  writeFileSync(
    file,
    [
      'no-resolv',
      'no-hosts',
      'bind-interfaces',
      `listen-address=${VPC_RESOLVER}`,
      'local-ttl=1',
      `address=/#/${LAB.allowedHost}`,
      ...Object.entries(INSIDE).map(([name, address]) => `host-record=${name},${address}`),
      `host-record=${SINK.name},${SINK.address}`,
      `host-record=${REBINDING},${LAB.allowedHost}`,
      `host-record=${REBINDING},${NEIGHBOUR}`,
    ].join('\n'),
  );
  start(undo, within(server, 'dnsmasq', '--keep-in-foreground', `--conf-file=${file}`, '--pid-file=', '--user=root'), {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await Promise.all([
    listener(undo, client, [NEIGHBOUR]),
    listener(undo, server, ['169.254.169.254', '100.64.0.9', SINK.address]),
  ]);
}

/** Servers that answer `reached` to everything on port 443. */
async function listener(undo: Undo, namespace: string, addresses: readonly string[]): Promise<void> {
  const child = start(
    undo,
    within(namespace, process.execPath, join(import.meta.dirname, 'listener-main.ts'), ...addresses),
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const output = outputOf(child);
  await until('the private hosts listen', () => output().includes('ready'));
}
