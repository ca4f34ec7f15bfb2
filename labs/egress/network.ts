/**
 * Three network namespaces in a row: the task, the firewall and the rest of the world. They have no link to the machine's
 * own network. The firewall forwards between the other two, and the engine reads its packets from a queue.
 */
import { runSyncOk } from '../../test/processes.ts';
import { LAB } from './attempts.ts';
import { tablesIn, type Undo } from './machine.ts';

/** The names of the namespaces. */
export interface Network {
  readonly client: string;
  readonly router: string;
  readonly server: string;
}

const run = (command: string, ...args: readonly string[]) => runSyncOk(command, args);

/** @param stateless the stateless stage's action: forwarded packets wait for the engine's verdict, pass, or are dropped */
export function buildNetwork(undo: Undo, stateless: string): Network {
  const prefix = `egress-lab-${process.pid}`;
  const network: Network = { client: `${prefix}-task`, router: `${prefix}-firewall`, server: `${prefix}-world` };
  for (const name of Object.values(network)) {
    run('ip', 'netns', 'add', name);
    undo.add(() => {
      run('ip', 'netns', 'del', name);
    });
    run('ip', '-n', name, 'link', 'set', 'lo', 'up');
    // Without duplicate address detection, addresses are usable immediately.
    inside(name, 'sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0');
  }
  const { client, router, server } = network;
  run('ip', '-n', client, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'task', 'netns', router);
  run('ip', '-n', server, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'world', 'netns', router);
  address(client, 'eth0', `${LAB.client}/20`, `${LAB.client6}/64`);
  address(router, 'task', '10.90.0.1/20', `${LAB.resolver}/20`, 'fd00:90::1/64');
  address(router, 'world', '198.51.100.1/24', '2001:db8:100::1/64');
  address(
    server,
    'eth0',
    ...[LAB.allowedHost, LAB.stranger, LAB.strangerByEcn, LAB.talkative].map((host) => `${host}/24`),
    `${LAB.allowedHost6}/64`,
  );
  for (const [name, via, via6] of [
    [client, '10.90.0.1', 'fd00:90::1'],
    [server, '198.51.100.1', '2001:db8:100::1'],
  ] as const) {
    run('ip', '-n', name, 'route', 'add', 'default', 'via', via);
    run('ip', '-n', name, '-6', 'route', 'add', 'default', 'via', via6);
  }
  run('ip', '-n', client, 'route', 'add', `${LAB.strangerByEcn}/32`, 'via', '10.90.0.1', 'features', 'ecn');
  inside(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  // Fast Open without a cookie: the client sends data in its first packet, and the server accepts it.
  inside(client, 'sysctl', '-qw', 'net.ipv4.tcp_fastopen=0x5');
  inside(server, 'sysctl', '-qw', 'net.ipv4.tcp_fastopen=0x602');
  for (const family of [4, 6] as const) {
    const tables = tablesIn(router, family);
    if (tables === undefined) throw new Error(`no queue for IPv${family} packets`);
    if (stateless === 'aws:forward_to_sfe') continue;
    inside(router, tables, '-I', 'FORWARD', '-j', stateless === 'aws:pass' ? 'ACCEPT' : 'DROP');
  }
  // Packets have real segments and real checksums, as on a network interface of AWS.
  for (const [name, link] of [
    [client, 'eth0'],
    [server, 'eth0'],
    [router, 'task'],
    [router, 'world'],
  ] as const) {
    run('ip', '-n', name, 'link', 'set', link, 'gso_max_segs', '1');
  }
  return network;
}

/** Wraps a command so that it runs in a network namespace. It still sees the machine's files, its resolv.conf included. */
export function within(name: string, ...command: readonly string[]): string[] {
  return ['nsenter', `--net=/run/netns/${name}`, ...command];
}

function inside(name: string, ...command: readonly string[]): void {
  const [program = '', ...args] = within(name, ...command);
  run(program, ...args);
}

function address(name: string, link: string, ...addresses: readonly string[]): void {
  for (const each of addresses) run('ip', '-n', name, 'addr', 'add', each, 'dev', link);
  run('ip', '-n', name, 'link', 'set', link, 'up');
}
