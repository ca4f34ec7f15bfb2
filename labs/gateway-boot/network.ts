/**
 * Three network namespaces: a task, the router of the VPC, and the world. The virtual machine is linked to the router. The router sends everything
 * that leaves the tasks' subnet to the gateway, as the route table of a private subnet does.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VPC_RESOLVER } from '../../lib/gateway/nginx.ts';
import { outputOf, runProgram, runSyncOk, until } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { start, type Undo } from '../egress/machine.ts';
import { within } from '../egress/network.ts';
import { GATEWAY_ADDRESS, HOST, METADATA_ADDRESS, ROUTER, TASK_ADDRESS, TASK_RANGE, VPC_RANGE } from './places.ts';

/** The router's link to the virtual machine. */
export const LINK = 'gateway0';

export interface Vpc {
  readonly task: string;
  readonly router: string;
  readonly world: string;
}

const ip = (...args: readonly string[]) => runSyncOk('ip', args);

export function buildVpc(undo: Undo): Vpc {
  const prefix = `gateway-boot-${process.pid}`;
  const vpc: Vpc = { task: `${prefix}-task`, router: `${prefix}-router`, world: `${prefix}-world` };
  for (const name of Object.values(vpc)) {
    ip('netns', 'add', name);
    undo.add(() => {
      ip('netns', 'del', name);
    });
    ip('-n', name, 'link', 'set', 'lo', 'up');
  }
  const { task, router, world } = vpc;
  const address = (name: string, link: string, ...addresses: readonly string[]) => {
    for (const each of addresses) ip('-n', name, 'addr', 'add', each, 'dev', link);
    ip('-n', name, 'link', 'set', link, 'up');
  };
  ip('-n', task, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'tasks', 'netns', router);
  ip('-n', world, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'world', 'netns', router);
  ip('-n', router, 'tuntap', 'add', 'dev', LINK, 'mode', 'tap');
  address(task, 'eth0', `${TASK_ADDRESS}/20`);
  address(router, 'tasks', ROUTER.tasks);
  address(router, 'world', ROUTER.world);
  address(router, LINK, ROUTER.gateways);
  address(world, 'eth0', `${HOST.address}/24`, `${METADATA_ADDRESS}/32`, `${VPC_RESOLVER}/32`);
  ip('-n', task, 'route', 'add', 'default', 'via', ROUTER.tasks.replace(/\/.*/, ''));
  ip('-n', world, 'route', 'add', 'default', 'via', ROUTER.world.replace(/\/.*/, ''));
  for (const each of [METADATA_ADDRESS, VPC_RESOLVER]) ip('-n', router, 'route', 'add', `${each}/32`, 'dev', 'world');
  // The route table of the private subnet.
  ip('-n', router, 'rule', 'add', 'from', TASK_RANGE, 'to', VPC_RANGE, 'lookup', 'main', 'pref', '100');
  ip('-n', router, 'rule', 'add', 'from', TASK_RANGE, 'lookup', '100', 'pref', '101');
  ip('-n', router, 'route', 'add', 'default', 'via', GATEWAY_ADDRESS, 'dev', LINK, 'table', '100');
  const [program = '', ...args] = within(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  runSyncOk(program, args);
  return vpc;
}

/** Starts the VPC's resolver and the servers of `world-main.ts`. @returns the arguments of all calls of `aws` so far */
export async function startWorld(undo: Undo, { world }: Vpc): Promise<() => readonly string[]> {
  const file = join(newFolder('gateway-boot-dns'), 'dnsmasq.conf');
  const lines = ['no-resolv', 'no-hosts', 'bind-interfaces', `listen-address=${VPC_RESOLVER}`];
  writeFileSync(file, [...lines, `address=/#/${HOST.address}`].join('\n'));
  start(undo, within(world, 'dnsmasq', '--keep-in-foreground', `--conf-file=${file}`, '--pid-file=', '--user=root'), {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const servers = start(undo, within(world, process.execPath, join(import.meta.dirname, 'world-main.ts')), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const output = outputOf(servers);
  await until('the world answers', () => output().includes('"ready"'));
  return () =>
    output()
      .split('\n')
      .filter((line) => line.startsWith('{"aws"'))
      .map((line): string => JSON.parse(line).aws);
}

/** A TLS request of the task to an address, with a server name. @returns whether the host of the name answered */
export async function taskReaches({ task }: Vpc, serverName: string, address: string): Promise<boolean> {
  const url = `https://${serverName}/`;
  const args = ['-sk', '--max-time', '20', '--resolve', `${serverName}:443:${address}`, url];
  const [program = '', ...rest] = within(task, 'curl', ...args);
  return (await runProgram(program, rest)).stdout === 'reached\n';
}
