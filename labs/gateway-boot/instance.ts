/** A virtual machine that stands for the gateway's instance. Without hardware support, its processor is emulated, so it is about ten times slower. */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { runSyncOk, until, whyMissing } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { start, type Undo } from '../egress/machine.ts';
import { within } from '../egress/network.ts';
import { LINK, type Vpc } from './network.ts';

/** Memory of a t4g.nano. */
const MEMORY_MIB = 512;

/** A boot with an emulated processor on a busy machine takes two minutes. */
export const BOOT_MS = 600_000;

/** Returns why the lab can't run here, or `undefined` if it can. */
export function whyNoInstance(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  if (process.arch !== 'x64') return 'needs a machine with an x64 processor';
  const missing = whyMissing('qemu-system-x86_64', 'mmdebstrap', 'mkfs.ext4', 'ip', 'nsenter', 'dnsmasq', 'curl');
  if (missing !== undefined) return missing;
  return spawnSync('test', ['-c', '/dev/net/tun']).status === 0 ? undefined : 'needs /dev/net/tun';
}

/** The disk of a new instance with this user data. */
export interface Disk {
  readonly image: string;
  readonly kernel: string;
  readonly initrd: string;
}

export function newDisk(userData: string): Disk {
  const folder = newFolder('gateway-boot');
  const root = join(folder, 'root');
  runSyncOk(join(import.meta.dirname, 'prepare.sh'), [root]);
  writeFileSync(join(root, 'var/lib/cloud/seed/nocloud/user-data'), userData);
  const image = join(folder, 'disk.img');
  runSyncOk('truncate', ['-s', '3G', image]);
  runSyncOk('mkfs.ext4', ['-q', '-d', root, image]);
  const boot = (prefix: string): string => {
    const name = readdirSync(join(root, 'boot')).find((each) => each.startsWith(prefix));
    if (name === undefined) throw new Error(`the machine has no ${prefix}`);
    return join(root, 'boot', name);
  };
  return { image, kernel: boot('vmlinuz-'), initrd: boot('initrd.img-') };
}

/** A machine that is on. */
export class Instance {
  readonly #process: ChildProcess;
  readonly #shell: Socket;
  readonly #console: string;
  #output = '';
  #count = 0;

  private constructor(process: ChildProcess, shell: Socket, console: string) {
    this.#process = process;
    this.#shell = shell;
    this.#console = console;
    shell.on('data', (data) => {
      this.#output += data.toString();
    });
  }

  /** Turns the machine on. Resolves when its shell answers, which is early in the boot. */
  static async start(undo: Undo, { router }: Vpc, { image, kernel, initrd }: Disk): Promise<Instance> {
    const folder = newFolder('gateway-boot-run');
    const console = join(folder, 'console.log');
    const socket = join(folder, 'shell');
    const machine = [
      ...['-accel', 'tcg', '-cpu', 'max', '-m', String(MEMORY_MIB), '-display', 'none', '-no-reboot'],
      ...['-kernel', kernel, '-initrd', initrd, '-append', 'root=/dev/vda rw console=ttyS0 net.ifnames=0'],
      ...['-drive', `file=${image},format=raw,if=virtio`],
      ...['-netdev', `tap,id=vpc,ifname=${LINK},script=no,downscript=no`, '-device', 'virtio-net-pci,netdev=vpc'],
      ...['-serial', `file:${console}`, '-serial', `unix:${socket},server=on,wait=off`, '-monitor', 'stdio'],
    ];
    const child = start(undo, within(router, 'qemu-system-x86_64', ...machine), {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    const shell = await until('the machine has a serial port', () => connected(socket));
    undo.add(() => {
      shell.destroy();
    });
    const instance = new Instance(child, shell, console);
    await instance.#answers();
    return instance;
  }

  /** The lines that the machine has printed on its console. */
  console(): string {
    return readFileSync(this.#console, 'utf8');
  }

  /** Runs a command in the machine. @returns its exit code and its output */
  async run(command: string, deadlineMs = 120_000): Promise<{ readonly code: number; readonly output: string }> {
    this.#count += 1;
    const end = `end-of-${this.#count}`;
    this.#output = '';
    // The delimiter is in two parts, so that the echo of the first command doesn't contain it.
    this.#shell.write(`{ ${command}; } </dev/null 2>&1; echo "end-of""-${this.#count}:$?:"\n`);
    const found = await until(
      `the machine runs: ${command}`,
      () => new RegExp(`${end}:(\\d+):`).exec(this.#output) ?? undefined,
      deadlineMs,
    );
    return { code: Number(found[1]), output: this.#output.slice(0, found.index).replaceAll('\r', '').trim() };
  }

  /** Presses the power button, as EC2 does to stop an instance. Resolves when the machine is off. */
  async stop(): Promise<void> {
    this.#process.stdin?.write('system_powerdown\n');
    await this.off();
  }

  /** Resolves when the machine is off. */
  async off(deadlineMs = BOOT_MS): Promise<void> {
    await until('the machine is off', () => this.#process.exitCode !== null, deadlineMs);
  }

  /** The shell starts with the system. Until then, nobody reads what is written to it. */
  async #answers(): Promise<void> {
    await until(
      'the shell of the machine answers',
      async () => {
        if (this.#process.exitCode !== null) throw new Error(`the machine ended:\n${this.console()}`);
        return (await this.run('true', 3_000).catch(() => undefined))?.code === 0;
      },
      BOOT_MS,
    );
    await this.run('stty -echo </dev/ttyS1; PS1= PS2=');
  }
}

function connected(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}
