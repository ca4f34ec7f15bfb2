/**
 * A company's network in three network namespaces:
 *
 *     vpc ── 10.99.1.0/24 ── proxy ── 10.99.2.0/24 ── world
 *      └─────────── 10.99.3.0/24 ───────────────────────┘
 *
 * The launcher is in `vpc`. The proxies listen on 10.99.1.1, and the namespace `proxy` forwards no packets. HCP Terraform and AWS are
 * at 10.99.2.2 and 10.99.2.3 in `world`. The third link is the private part of the VPC: Terraform Enterprise and interface endpoints.
 * A firewall in `vpc` counts new connections by destination: late packets of an ended process don't count. It drops all other packets,
 * and counts them under `bypass`. The default route of `vpc`
 * exists so that an attempt to bypass the proxy sends packets.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { isRunning, runSync, runSyncOk, whyMissing } from '../../test/processes.ts';

export const PROXY = {
  host: 'proxy.corp.example',
  address: '10.99.1.1',
  ports: [3127, 3128, 3129, 3130, 3131],
} as const;
export const HCP = { host: 'app.terraform.example', address: '10.99.2.3', port: 443 } as const;
export const TFE = { host: 'tfe.corp.example', address: '10.99.3.2', port: 8443 } as const;
export const AWS = {
  address: '10.99.2.2',
  ecs: 'ecs.amazonaws.example',
  secrets: 'secretsmanager.amazonaws.example',
} as const;
export const ENDPOINTS = {
  address: '10.99.3.3',
  ecs: 'ecs.vpce.example',
  secrets: 'secretsmanager.vpce.example',
} as const;

export type Namespace = 'vpc' | 'proxy' | 'world';
export type Flow = 'proxy' | 'tfe' | 'endpoints' | 'bypass';
const NAMESPACES: readonly Namespace[] = ['vpc', 'proxy', 'world'];
const PREFIX = 'agent-launcher-lab';
const HOSTS: Readonly<Record<Namespace, readonly string[]>> = {
  vpc: [
    `${PROXY.address} ${PROXY.host}`,
    `${HCP.address} ${HCP.host}`,
    `${AWS.address} ${AWS.ecs} ${AWS.secrets}`,
    `${TFE.address} ${TFE.host}`,
    `${ENDPOINTS.address} ${ENDPOINTS.ecs} ${ENDPOINTS.secrets}`,
  ],
  proxy: [`${HCP.address} ${HCP.host}`, `${AWS.address} ${AWS.ecs} ${AWS.secrets}`],
  world: [],
};
const counting = (flow: string): string => `  chain to_${flow} {
    tcp flags & (syn | ack) == syn counter name ${flow}
    accept
  }`;
const FIREWALL = `table ip lab {
  counter proxy { }
  counter tfe { }
  counter endpoints { }
  counter bypass { }
${['proxy', 'tfe', 'endpoints'].map(counting).join('\n')}
  chain out {
    type filter hook output priority 0; policy accept;
    oifname "lo" accept
    ip daddr ${PROXY.address} tcp dport { ${PROXY.ports.join(', ')} } jump to_proxy
    ip daddr ${TFE.address} tcp dport ${TFE.port} jump to_tfe
    ip daddr ${ENDPOINTS.address} tcp dport 443 jump to_endpoints
    counter name bypass drop
  }
}`;

/** @returns why this machine can't run the lab; `undefined` if it can */
export function whyNoNetwork(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces';
  const missing = whyMissing('ip', 'nft', 'squid', 'tinyproxy', 'openssl', 'unshare');
  if (missing !== undefined) return missing;
  return runSync('unshare', ['--net', 'true']).code === 0 ? undefined : 'needs permission to create network namespaces';
}

const nameOf = (namespace: Namespace, pid: number): string => `${PREFIX}-${pid}-${namespace}`;

/** Ends all processes of a namespace, and removes it. */
function remove(name: string): void {
  const pids = runSync('ip', ['netns', 'pids', name]).stdout.split('\n').filter(Boolean).map(Number);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }
  runSync('ip', ['netns', 'del', name]);
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
}

/** Removes the namespaces of earlier runs that were killed. */
function removeLeftovers(): void {
  for (const [name, pid] of runSyncOk('ip', ['netns', 'list']).matchAll(new RegExp(`\\b${PREFIX}-(\\d+)-\\w+`, 'g'))) {
    if (!isRunning(Number(pid))) remove(name);
  }
}

export class Network {
  constructor() {
    removeLeftovers();
    for (const namespace of NAMESPACES) {
      const name = this.#name(namespace);
      mkdirSync(`/etc/netns/${name}`, { recursive: true });
      writeFileSync(`/etc/netns/${name}/hosts`, ['127.0.0.1 localhost', ...HOSTS[namespace], ''].join('\n'));
      writeFileSync(`/etc/netns/${name}/resolv.conf`, '');
      this.#ip('netns', 'add', name);
      this.#ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    this.#link(['vpc', 'to-proxy', '10.99.1.2'], ['proxy', 'to-vpc', PROXY.address]);
    this.#link(['proxy', 'to-world', '10.99.2.1'], ['world', 'to-proxy', AWS.address, HCP.address]);
    this.#link(['vpc', 'private', '10.99.3.1'], ['world', 'private', TFE.address, ENDPOINTS.address]);
    this.#ip('-n', this.#name('vpc'), 'route', 'add', 'default', 'via', PROXY.address);
    runSyncOk('ip', ['netns', 'exec', this.#name('vpc'), 'nft', '-f', '-'], { input: FIREWALL });
  }

  /** Starts a process in a namespace, with an IPC channel. */
  start(namespace: Namespace, command: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.#name(namespace), ...command], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
      env,
    });
  }

  /** Whether a process in a namespace can connect to an address. */
  reaches(namespace: Namespace, address: string, port: number): boolean {
    const connect = ['timeout', '3', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`];
    return runSync('ip', ['netns', 'exec', this.#name(namespace), ...connect]).code === 0;
  }

  /** Connections from `vpc` so far, by destination; for `bypass`, dropped packets. */
  counts(): Readonly<Record<Flow, number>> {
    const listed = runSyncOk('ip', ['netns', 'exec', this.#name('vpc'), 'nft', 'list', 'counters']);
    const count = (flow: Flow): number => {
      const [, packets] = new RegExp(`counter ${flow} \\{\\s+packets (\\d+)`).exec(listed) ?? [];
      if (packets === undefined) throw new Error(`nft lists no counter ${flow}: ${listed}`);
      return Number(packets);
    };
    return { proxy: count('proxy'), tfe: count('tfe'), endpoints: count('endpoints'), bypass: count('bypass') };
  }

  remove(): void {
    for (const namespace of NAMESPACES) remove(this.#name(namespace));
  }

  #name(namespace: Namespace): string {
    return nameOf(namespace, process.pid);
  }

  #ip(...args: readonly string[]): void {
    runSyncOk('ip', args);
  }

  #link(
    ...ends: readonly [readonly [Namespace, string, ...string[]], readonly [Namespace, string, ...string[]]]
  ): void {
    const [[one, link], [other, peer]] = ends;
    const [from, to] = [this.#name(one), this.#name(other)];
    this.#ip('-n', from, 'link', 'add', link, 'type', 'veth', 'peer', 'name', peer, 'netns', to);
    for (const [namespace, device, ...addresses] of ends) {
      for (const address of addresses)
        this.#ip('-n', this.#name(namespace), 'addr', 'add', `${address}/24`, 'dev', device);
      this.#ip('-n', this.#name(namespace), 'link', 'set', device, 'up');
    }
  }
}
