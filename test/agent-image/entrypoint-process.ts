/** Runs `agent-image/entrypoint.sh` as a process with a stub agent and, if wanted, a task metadata endpoint on loopback. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entrypointText } from '../../lib/agent/entrypoint.ts';

export const SCRIPT = fileURLToPath(new URL('../../agent-image/entrypoint.sh', import.meta.url));
export const TOKEN = 'token-that-nobody-may-see';

/** A way to run the script: the command before the agent's arguments, and directories to put before PATH. */
export interface Way {
  readonly name: string;
  readonly command: readonly string[];
  readonly path: readonly string[];
  /** Why it can't be tried on this machine. */
  readonly missing?: string;
}

/** The three ways that matter: as a file, as the text of a task definition's entry point, and with BusyBox's shell and tools. */
export function waysToRun(scratch: string): readonly [Way, ...Way[]] {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((file) => existsSync(file));
  const applets = join(scratch, 'busybox');
  if (busybox !== undefined) {
    mkdirSync(applets);
    execFileSync(busybox, ['--install', '-s', applets]);
  }
  return [
    { name: 'as a file', command: [SCRIPT], path: [] },
    { name: 'as text', command: ['/bin/sh', '-c', entrypointText(), 'entrypoint'], path: [] },
    {
      name: 'with BusyBox',
      command: [join(applets, 'sh'), SCRIPT],
      path: [applets],
      ...(busybox === undefined ? { missing: 'needs busybox' } : {}),
    },
  ];
}

/** A directory for one test file; {@link release} kills what still runs in it, and removes it. */
export class Scratch {
  readonly directory = mkdtempSync(join(tmpdir(), 'entrypoint-test-'));
  private readonly closers: (() => void)[] = [];
  private count = 0;

  fresh(): string {
    this.count += 1;
    const directory = join(this.directory, String(this.count));
    mkdirSync(directory);
    return directory;
  }

  /** Task metadata endpoint; returns the base URL that ECS puts into `ECS_CONTAINER_METADATA_URI_V4`. */
  async metadata(answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.closers.push(() => {
      server.close();
      server.closeAllConnections();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v4/0123`;
  }

  release(): void {
    for (const close of this.closers) close();
    for (const pid of processesIn(this.directory)) process.kill(pid, 'SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Processes whose working directory is in `directory`. */
export function processesIn(directory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
      } catch {
        return false; // It ended meanwhile.
      }
    });
}

export interface Started {
  readonly child: ChildProcess;
  readonly directory: string;
  /** All of the stream so far. */
  stdout(): Buffer;
  stderr(): Buffer;
  /** What the script itself said, a line each. */
  said(): readonly string[];
  /** SIGTERMs that reached the stub agent. */
  signals(): number;
  /** Resolves when all of the script's output was read. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/**
 * Starts the script with `agent`, the text of a Node module that plays `tfc-agent`. To it are known: `say(line)` to stdout, `after(ms)`,
 * `stay()` which keeps it up, and `onTerm(f)`; its SIGTERMs are counted whatever it does.
 */
export function start(scratch: Scratch, way: Way, agent: string, variables: Record<string, string> = {}): Started {
  const directory = scratch.fresh();
  const signals = join(directory, 'signals');
  writeFileSync(signals, '');
  writeFileSync(
    join(directory, 'agent.mjs'),
    `import { appendFileSync } from 'node:fs';
     import { setTimeout as after } from 'node:timers/promises';
     const say = (line) => process.stdout.write(line + '\\n');
     const stay = () => setInterval(() => {}, 1000);
     const onTerm = (f) => process.on('SIGTERM', f);
     onTerm(() => appendFileSync(${JSON.stringify(signals)}, 'SIGTERM\\n'));
     ${agent}`,
  );
  const programs = join(directory, 'bin');
  mkdirSync(programs);
  writeFileSync(join(programs, 'tfc-agent'), `#!/bin/sh\nexec '${process.execPath}' agent.mjs "$@"\n`);
  chmodSync(join(programs, 'tfc-agent'), 0o755);
  const [file, ...args] = way.command;
  const child = spawn(file ?? '', args, {
    cwd: directory,
    env: {
      PATH: [...way.path, programs, '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'].join(':'),
      TMPDIR: directory,
      TFC_AGENT_TOKEN: TOKEN,
      TFC_AGENT_NAME: 'given-name',
      ...variables,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const chunks: { out: Buffer[]; err: Buffer[] } = { out: [], err: [] };
  child.stdout?.on('data', (chunk: Buffer) => chunks.out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => chunks.err.push(chunk));
  const stderr = () => Buffer.concat(chunks.err);
  return {
    child,
    directory,
    stdout: () => Buffer.concat(chunks.out),
    stderr,
    said: () =>
      stderr()
        .toString('latin1')
        .split('\n')
        .filter((line) => line.startsWith('entrypoint: ')),
    signals: () => readFileSync(signals, 'utf8').split('\n').length - 1,
    ended: new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => resolve({ code, signal }));
    }),
  };
}

/** Polls until `condition` holds; fails with `what` after a minute. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited a minute in vain until ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
