/** Finds a container engine, checks its version, and runs its command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { ENGINE_VARIABLES } from './create-arguments.ts';

/** In search order. */
const KNOWN = ['docker', 'podman'];

export interface Outcome {
  /** Exit code; 127 if the command doesn't exist. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Additional variables of the engine's process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Ends the command. */
  readonly signal?: AbortSignal;
}

/** No engine responds. The message lists what was tried, and says what to do. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
}

/** A container engine that responded. */
export class ContainerEngine {
  readonly command: string;
  readonly kind: 'docker' | 'podman';
  readonly version: string;

  constructor(command: string, kind: 'docker' | 'podman', version: string) {
    this.command = command;
    this.kind = kind;
    this.version = version;
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run(this.command, args, options);
  }

  /** Like {@link run}, but must succeed. @returns the trimmed stdout @throws EngineError */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code === 0) return stdout.trim();
    options.signal?.throwIfAborted();
    throw new EngineError(`${this.command} ${args[0] ?? ''} failed with exit code ${code}: ${stderr.trim()}`);
  }

  /** Starts a command whose output the caller reads while it runs. */
  follow(args: readonly string[]): ChildProcess {
    return start(this.command, args, {});
  }
}

/**
 * The first engine that responds: docker, then podman.
 *
 * @param wanted a name or path to use instead
 * @throws EngineError if none responds
 */
export async function findEngine(wanted?: string): Promise<ContainerEngine> {
  const tried: string[] = [];
  for (const command of wanted === undefined ? KNOWN : [wanted.includes('/') ? resolve(wanted) : wanted]) {
    const { code, stdout, stderr } = await run(command, ['version', '--format', '{{json .}}']);
    const version = code === 0 ? versionOf(stdout) : undefined;
    if (version !== undefined) return new ContainerEngine(command, version.kind, version.version);
    tried.push(`  ${command}: ${code === 127 ? 'there is no such program on the PATH' : lastLine(stderr || stdout)}`);
  }
  throw new EngineError(
    `No container engine answers.\n${tried.join('\n')}\n` +
      'Start one (`systemctl start docker`, Docker Desktop) or install Docker or Podman; --engine NAME takes another ' +
      'name or path. Without --containers every task is a process and no engine is needed.',
  );
}

/** Docker reports a `Server`, and so does Podman with a socket. Without a socket, Podman only reports its `Client`. */
function versionOf(json: string): { kind: 'docker' | 'podman'; version: string } | undefined {
  try {
    const { Client: client, Server: server } = JSON.parse(json) as {
      Client?: { Version?: string; APIVersion?: string; Os?: string; OsArch?: string };
      Server?: { Version?: string } | null;
    };
    const podman = client?.OsArch !== undefined;
    const version = server?.Version ?? (podman ? client.Version : undefined);
    return version === undefined ? undefined : { kind: podman ? 'podman' : 'docker', version };
  } catch {
    return undefined;
  }
}

function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { promise, resolve: settle } = Promise.withResolvers<Outcome>();
  const child = start(command, args, options);
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  }
  child.once('error', (error) => {
    if (child.pid === undefined) settle({ code: 127, stdout: '', stderr: error.message });
  });
  child.once('close', (code) => settle({ code: code ?? 1, ...output }));
  return promise;
}

/** Starts the command in its own session. Ctrl-C then reaches only this process, which ends the containers in order. */
function start(command: string, args: readonly string[], { environment, signal }: RunOptions): ChildProcess {
  const own = Object.entries(process.env).filter(([name]) => ENGINE_VARIABLES.test(name));
  const child = spawn(command, [...args], {
    detached: true,
    // After a container runs out of memory, Podman leaves an empty file `oom` in the directory of its command.
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, ...Object.fromEntries(own) },
    ...(signal === undefined ? {} : { signal }),
  });
  child.on('error', () => undefined);
  return child;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
