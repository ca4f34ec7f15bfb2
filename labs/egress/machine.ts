/**
 * What the lab needs from the machine: permissions, tools, Suricata, and processes that end with the lab. Every step that
 * changes the machine adds its reversal to an `Undo`, so that nothing remains after a failure or an interrupt.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { whyMissing } from '../../test/processes.ts';

/** Debian 12 has no Suricata 7, so the lab puts Debian 13's into this folder. */
export const SURICATA_ROOT = '/var/tmp/agent-launcher-lab/trixie';

export interface Engine {
  /** The command, to which the arguments of Suricata are appended. */
  readonly command: readonly string[];
  /** Folder that Suricata sees as `/`. */
  readonly root: string;
  readonly version: string;
}

/** Returns why the lab can't run here, or `undefined` if it can. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'it creates network namespaces, which needs root';
  const missing = whyMissing('ip', 'iptables', 'nsenter', 'unshare', 'sysctl', 'dnsmasq', 'perl');
  if (missing !== undefined) return `it ${missing}: see labs/egress/README.md`;
  return (
    whyNoNamespaces() ?? (engine() === undefined ? 'there is no Suricata 7: see labs/egress/README.md' : undefined)
  );
}

/** Tries to create what the lab needs: a namespace whose packets wait in a queue. */
function whyNoNamespaces(): string | undefined {
  const name = `egress-lab-${process.pid}-probe`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `network namespaces can't be created: ${made.stderr.trim()}`;
  try {
    return tablesIn(name, 4) === undefined || tablesIn(name, 6) === undefined
      ? 'the kernel has no queue for packets (NFQUEUE), neither for iptables-legacy nor for iptables-nft'
      : undefined;
  } finally {
    spawnSync('ip', ['netns', 'del', name]);
  }
}

/** Adds the queue's rule in a namespace, and returns the iptables command that could do it with this kernel. */
export function tablesIn(namespace: string, family: 4 | 6): string | undefined {
  return ['legacy', 'nft']
    .map((kind) => `${family === 4 ? 'iptables' : 'ip6tables'}-${kind}`)
    .find(
      (tables) =>
        spawnSync('nsenter', [
          `--net=/run/netns/${namespace}`,
          tables,
          ...['-A', 'FORWARD', '-j', 'NFQUEUE', '--queue-num', '0'],
        ]).status === 0,
    );
}

/** Finds Debian 13's Suricata: the installed one, or the one that `prepare.sh` unpacked. */
export function engine(): Engine | undefined {
  for (const [root, command] of [
    ['', ['suricata']],
    [SURICATA_ROOT, ['chroot', SURICATA_ROOT, 'suricata']],
  ] as const) {
    if (root !== '' && !existsSync(root)) continue;
    const [program = '', ...args] = command;
    const { stdout } = spawnSync(program, [...args, '-V'], { encoding: 'utf8' });
    const version = /version (7\.[\d.]+)/.exec(stdout ?? '')?.[1];
    if (version !== undefined) return { command, root, version };
  }
  return undefined;
}

/** Steps that undo changes. They run in reverse order, even if one of them fails. */
export class Undo {
  readonly #steps: (() => void | Promise<void>)[] = [];
  #undone: Promise<void> | undefined;

  add(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  /** A second call waits for the first one, so that an interrupt doesn't stop the clean-up. */
  all(): Promise<void> {
    this.#undone ??= this.#undoAll();
    return this.#undone;
  }

  async #undoAll(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        console.error(`egress lab: could not clean up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** Starts a process in its own process group, so that everything that it starts ends with the lab. */
export function start(undo: Undo, command: readonly string[], options: SpawnOptions): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { ...options, detached: true });
  child.on('error', (error) => console.error(`egress lab: ${program}: ${error.message}`));
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  undo.add(async () => {
    if (!signal(child, 'SIGTERM')) return;
    const killer = setTimeout(() => signal(child, 'SIGKILL'), 3_000);
    await ended;
    clearTimeout(killer);
  });
  return child;
}

/** Sends a signal to the process group. Returns false if the group has no process left. */
export function signal(child: ChildProcess, name: NodeJS.Signals): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, name);
  } catch {
    return false;
  }
}
