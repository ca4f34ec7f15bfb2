/** What the lab needs from the machine: permissions, tools, Suricata, and processes that certainly end. */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Where Debian 12, which has no Suricata 7, keeps Debian 13's. */
export const SURICATA_ROOT = '/var/tmp/agent-launcher-lab/trixie';

/** How Suricata is started, and which it is. */
export interface Engine {
  /** Command before Suricata's own arguments. */
  readonly command: readonly string[];
  /** Folder that Suricata sees as `/`. */
  readonly root: string;
  readonly version: string;
}

/** Why the lab cannot run here; `undefined` when it can. */
export function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'it makes network namespaces, for which it must be root';
  const missing = ['ip', 'iptables', 'nsenter', 'unshare', 'sysctl', 'dnsmasq', 'perl'].filter(
    (tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0,
  );
  if (missing.length > 0) return `it needs ${missing.join(', ')}: see labs/egress/README.md`;
  const namespaces = whyNoNamespaces();
  if (namespaces !== undefined) return namespaces;
  if (engine() === undefined) return 'there is no Suricata 7: see labs/egress/README.md';
  return undefined;
}

/** Tries what the lab will do: a namespace whose packets wait in a queue. */
function whyNoNamespaces(): string | undefined {
  const name = `egress-lab-${process.pid}-probe`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  if (made.status !== 0) return `network namespaces are not to be had: ${made.stderr.trim()}`;
  try {
    return tablesIn(name, 4) === undefined || tablesIn(name, 6) === undefined
      ? 'the kernel has no queue for packets (NFQUEUE), neither for iptables-legacy nor for iptables-nft'
      : undefined;
  } finally {
    spawnSync('ip', ['netns', 'del', name]);
  }
}

/** The iptables that this kernel can queue packets with, as the command that did it in a namespace; it adds the rule. */
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

/** Debian 13's Suricata: the machine's own, or the one that `prepare.sh` put aside. */
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

/** Runs a command to its end. @throws with its output when it fails */
export function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${stderr.trim() || stdout.trim()}`);
  return stdout;
}

/** Things to undo, last first, whatever happens. */
export class Undo {
  readonly #steps: (() => void | Promise<void>)[] = [];
  #undone: Promise<void> | undefined;

  add(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  /** Undoes everything, once. A second call while it runs waits for the first. */
  all(): Promise<void> {
    this.#undone ??= this.#undoAll();
    return this.#undone;
  }

  async #undoAll(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        console.error(`egress lab: could not clear up: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}

/** Starts a process that ends with the lab, and whatever it has started with it. */
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

/** Sends a signal to all that a process has started. False when nothing of it is left. */
export function signal(child: ChildProcess, name: NodeJS.Signals): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, name);
  } catch {
    return false;
  }
}

/** Waits until something holds. @throws when it does not within the deadline */
export async function until<T>(what: string, look: () => T | undefined | false, deadlineMs = 20_000): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${deadlineMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
