/**
 * Runs `agent-image/entrypoint.sh` as a process. A Node script plays `tfc-agent`, and a server on loopback can play the task
 * metadata endpoint. Each process runs in a folder of a `Scratch`, which kills what still runs there at the end.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entrypointText } from '../../lib/agent/entrypoint.ts';
import { serve } from '../loopback.ts';
import { newFolder } from '../temporary-folder.ts';

export const SCRIPT = fileURLToPath(new URL('../../agent-image/entrypoint.sh', import.meta.url));
export const TOKEN = 'token-that-nobody-may-see';

export interface Way {
  readonly name: string;
  /** The command, to which arguments are appended. */
  readonly command: readonly string[];
  /** Directories to put before PATH. */
  readonly path: readonly string[];
  /** Why this machine can't run the script in this way. */
  readonly missing?: string;
}

/** Makes a folder with a program named `tfc-agent`, to be put before PATH. */
export function folderWithAgent(scratch: Scratch, script: string): string {
  const folder = scratch.fresh();
  writeAgent(folder, script);
  return folder;
}

function writeAgent(folder: string, script: string): void {
  writeFileSync(join(folder, 'tfc-agent'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

/** As a file, as the text of a task definition's entry point, and with BusyBox's shell and tools. */
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

/** The process may have ended since it was listed. */
function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

export class Scratch {
  readonly directory = newFolder('entrypoint-test');
  private readonly closers: (() => void)[] = [];
  private count = 0;

  fresh(): string {
    this.count += 1;
    const directory = join(this.directory, String(this.count));
    mkdirSync(directory);
    return directory;
  }

  /** Starts a task metadata endpoint. @returns its `ECS_CONTAINER_METADATA_URI_V4` */
  async metadata(answer: RequestListener): Promise<string> {
    const server = await serve(answer);
    this.closers.push(server.close);
    return `http://${server.host}/v4/0123`;
  }

  release(): void {
    for (const close of this.closers) close();
    for (const pid of processesIn(this.directory)) killIfAlive(pid);
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
        return false; // The process has ended.
      }
    });
}

export interface Started {
  readonly child: ChildProcess;
  readonly directory: string;
  /** The stream so far. */
  stdout(): Buffer;
  stderr(): Buffer;
  /** The lines that the script itself logged so far. */
  said(): readonly string[];
  /** SIGTERMs that reached the stub agent. */
  signals(): number;
  /** Resolves once all of the script's output was read. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/**
 * @param agent text of a Node module that plays `tfc-agent`. It can call `say(line)` (to stdout), `after(ms)`, `stay()` (to keep
 *   running) and `onTerm(f)`. Its SIGTERMs are always counted.
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
  writeAgent(programs, `exec '${process.execPath}' agent.mjs "$@"`);
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
