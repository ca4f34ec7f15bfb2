/**
 * The gateway of the lab: runs the whole user data in a network namespace, with its own view of `/etc` and other folders. Programs that need AWS or
 * systemd are replaced: dnf finds its packages installed, and systemctl does nothing. Then it loads the packet rules and runs nginx, with the files
 * that the user data has written.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { outputOf, until, whyMissing } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';
import { start, type Undo } from '../egress/machine.ts';
import { within } from '../egress/network.ts';

/** Files of the gateway. */
export const RULES = '/etc/agent-launcher/packets.nft';
export const SYSCTL = '/etc/sysctl.d/90-agent-launcher.conf';

/** Returns why a gateway can't run here, or `undefined` if it can. */
export function whyNoGateway(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  return whyMissing(
    'ip',
    'nsenter',
    'unshare',
    'sysctl',
    'nft',
    'nginx',
    'dnsmasq',
    'perl',
    'useradd',
    'gunzip',
    'iptables',
    'pgrep',
  );
}

/** A change to a file of the gateway, after the user data has written it. */
export interface Break {
  readonly file: string;
  readonly from: string | RegExp;
  readonly to: string;
}

/** Programs of AWS and of systemd that do nothing here. */
const NOTHING = ['dnf', 'systemctl', 'mkswap', 'swapon', 'swapoff'];

export interface Instance {
  /** Lines of the verdict log. */
  verdicts(): readonly Verdict[];
  /** Ends nginx and starts it again. */
  restart(): Promise<void>;
  /** Resident memory of all nginx processes, in MiB. */
  memoryMiB(): number;
}

const verdict = z.object({
  source: z.string(),
  name: z.string(),
  port: z.string(),
  verdict: z.enum(['passed', 'refused', 'failed']),
  address: z.string(),
  bytesReceived: z.number(),
  bytesSent: z.number(),
});

/** One line of the gateway's log. */
export type Verdict = z.infer<typeof verdict>;

/** Starts the gateway. Resolves when nginx listens. */
export async function startInstance(
  undo: Undo,
  namespace: string,
  userData: string,
  changes: readonly Break[] = [],
): Promise<Instance> {
  const folder = newFolder('gateway-lab');
  chmodSync(folder, 0o755);
  const at = (name: string) => join(folder, name);
  for (const name of ['upper', 'work', 'bin', 'log', 'sbin', 'opt/aws/amazon-cloudwatch-agent/bin']) {
    mkdirSync(at(name), { recursive: true });
  }
  const program = (path: string, text: string) => {
    writeFileSync(path, `#!/bin/bash\n${text}\n`);
    chmodSync(path, 0o755);
  };
  for (const name of NOTHING) program(at(`bin/${name}`), 'exit 0');
  // The user data makes and removes a swap file.
  program(at('bin/dd'), 'touch /var/swap');
  program(at('bin/sysctl'), `exec /usr/sbin/sysctl -q -e -p ${SYSCTL}`);
  program(at('opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl'), 'exit 0');
  writeFileSync(at('user-data.sh'), userData);
  writeFileSync(at('break.json'), JSON.stringify(changes.map((each) => ({ ...each, from: sourceOf(each.from) }))));
  program(
    at('boot.sh'),
    `set -euo pipefail
mount -t overlay overlay -o lowerdir=/etc,upperdir=${at('upper')},workdir=${at('work')} /etc
mkdir -p /var/log/agent-launcher
mount --bind ${at('log')} /var/log/agent-launcher
mount --bind ${at('sbin')} /usr/local/sbin
mount --bind ${at('opt')} /opt
mount -t tmpfs tmpfs /run
id nginx >/dev/null 2>&1 || useradd -r -s /usr/sbin/nologin nginx
export PATH=${at('bin')}:/usr/sbin:/usr/bin:/sbin:/bin
bash ${at('user-data.sh')} >${at('user-data.log')} 2>&1 || { cat ${at('user-data.log')}; exit 1; }
${process.execPath} ${join(import.meta.dirname, 'apply-break.ts')} ${at('break.json')}
nft -f ${RULES}
sysctl --system
echo ready
# As systemd does with Restart=always.
while true; do nginx -g 'daemon off;' || true; sleep 0.2; done`,
  );
  const child = start(
    undo,
    within(namespace, 'unshare', '--mount', '--propagation', 'private', 'bash', at('boot.sh')),
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const output = outputOf(child);
  const processes = () => nginxOf(child.pid);
  await until(
    'the gateway boots',
    () => {
      if (child.exitCode !== null) throw new Error(`the gateway ended: ${output()}`);
      return output().includes('ready') && processes().length > 1;
    },
    20_000,
  );
  return {
    verdicts: () =>
      readFileSync(at('log/verdicts.log'), 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line): Verdict => verdict.parse(JSON.parse(line))),
    restart: async () => {
      const [master] = processes();
      if (master === undefined) throw new Error('nginx does not run');
      process.kill(master, 'SIGKILL');
      for (const worker of processes()) process.kill(worker, 'SIGKILL');
      await until('nginx runs again', () => processes().length > 1 && !processes().includes(master), 10_000);
    },
    memoryMiB: () => processes().reduce((sum, pid) => sum + residentMiB(pid), 0),
  };
}

const sourceOf = (from: string | RegExp) => (typeof from === 'string' ? { text: from } : { pattern: from.source });

/** Ids of nginx's processes in the network namespace of a process, the oldest first. */
function nginxOf(pid: number | undefined): number[] {
  const { stdout } = spawnSync('pgrep', ['--ns', String(pid), '--nslist', 'net', '-x', 'nginx'], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/** Proportional memory: pages that processes share count once. */
function residentMiB(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss: +(\d+) kB/m.exec(text)?.[1] ?? 0) / 1024;
}
