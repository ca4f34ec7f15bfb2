import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ContainerEvents, ContainerLaunch, PullResult, RunningContainer } from './core/runner.ts';
import { cannotStart, imageNotFound } from './core/wording.ts';
import { canonicalReference, digestOf, type Image, type Images } from './images.ts';
import { Leftovers } from './leftovers.ts';
import type { MachineRunner, RunnerHost } from './machine-runner.ts';
import { Reaper } from './reaper.ts';

export interface ProcessRunnerOptions extends RunnerHost {
  readonly images: Images;
  /** Search path of every container, after the image's own directories. */
  readonly hostPath: string;
}

interface Running {
  readonly launch: ContainerLaunch;
  readonly child: ChildProcess;
  readonly gone: Promise<void>;
}

/** How long to wait for more output after a container ended, if a leftover process still holds the pipe. */
const OUTPUT_GRACE_MS = 1000;

/**
 * Runs each container as a process of this machine. The process has its own session, and a fresh directory that is its HOME, its
 * working directory and its folder for temporary files. It inherits only the search path from this process's environment. When
 * the container ends, all its processes end.
 */
export class ProcessRunner implements MachineRunner {
  readonly #options: ProcessRunnerOptions;
  readonly #root = mkdtempSync(join(tmpdir(), 'ecs-'));
  readonly #reaper = new Reaper(this.#root);
  readonly #leftovers = new Leftovers();
  readonly #running = new Set<Running>();

  constructor(options: ProcessRunnerOptions) {
    this.#options = options;
  }

  pull(reference: string, done: (result: PullResult) => void): void {
    const found = this.#options.images.find(reference) !== undefined;
    done(found ? { digest: digestOf(reference) } : { failure: imageNotFound(canonicalReference(reference)) });
  }

  start(launch: ContainerLaunch, events: ContainerEvents): RunningContainer {
    const image = this.#options.images.find(launch.definition.image) ?? {};
    const [program, ...args] = commandLine(launch, image);
    if (program === undefined) {
      queueMicrotask(() => events.failed(cannotStart(runc('no command specified'))));
      return { signal: () => {} };
    }
    const directory = this.#directory(launch);
    this.#reaper.mark(`ECS_CONTAINER_METADATA_URI_V4=${this.#options.metadataUrl()}/`);
    let child: ChildProcess;
    try {
      child = spawn(program, args, {
        cwd: directory,
        env: this.#environment(launch, image, directory),
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    } catch (error) {
      // Node rejects a NUL in an argument or a variable.
      const cause = error instanceof Error ? error.message : String(error);
      queueMicrotask(() => events.failed(cannotStart(runc(`exec: "${program}": ${cause}`))));
      return { signal: () => {} };
    }
    return this.#watch(launch, events, child, program);
  }

  cleanUp(taskId: string): void {
    rmSync(this.#taskDirectory(taskId), { recursive: true, force: true });
  }

  /** Ends all processes and removes all directories. */
  async close(graceMs: number): Promise<void> {
    const running = [...this.#running];
    for (const { child } of running) signalProcess(child, 'SIGTERM');
    const timer = setTimeout(() => this.killAll(), graceMs);
    await Promise.all(running.map(({ gone }) => gone));
    clearTimeout(timer);
    await this.#reaper.close();
    rmSync(this.#root, { recursive: true, force: true, maxRetries: 3 });
  }

  killAll(): void {
    for (const { child } of this.#running) signalGroup(child);
  }

  #watch(launch: ContainerLaunch, events: ContainerEvents, child: ChildProcess, program: string): RunningContainer {
    const { promise: gone, resolve } = Promise.withResolvers<void>();
    const running: Running = { launch, child, gone };
    child.once('error', (error) => {
      if (child.pid !== undefined) return;
      events.failed(cannotStart(runc(`exec: "${program}": ${spawnFault(error)}`)));
    });
    if (child.pid === undefined) return { signal: () => {} };
    this.#running.add(running);
    this.#reaper.watch(child.pid);
    const outputEnded = this.#readOutput(launch, child);
    child.once('spawn', () => events.started());
    child.once('exit', (code, signal) => {
      const end = async (): Promise<void> => {
        // When the container's first process ends, its other processes must end, too.
        signalGroup(child);
        await this.#leftovers.kill(launch.runtimeId);
        await outputEnded();
        this.#reaper.forget(child.pid ?? 0);
        this.#running.delete(running);
        events.exited(exitCodeOf(code, signal));
        resolve();
      };
      void end();
    });
    return {
      signal: (name) => (name === 'SIGKILL' ? signalGroup(child) : signalProcess(child, name)),
    };
  }

  /** Forwards the output. The promise resolves when all output has been forwarded. */
  #readOutput(launch: ContainerLaunch, child: ChildProcess): () => Promise<void> {
    const ends = (['stdout', 'stderr'] as const).map((stream) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const input = child[stream];
      if (input === null) resolve();
      else {
        createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })
          .on('line', (line) => this.#options.output(launch, stream, line))
          .on('close', resolve);
      }
      return promise;
    });
    return async () => {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, OUTPUT_GRACE_MS);
      await Promise.race([Promise.all(ends), late]);
      clearTimeout(timer);
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
  }

  #environment(launch: ContainerLaunch, image: Image, directory: string): Record<string, string> {
    const uri = `${this.#options.metadataUrl()}/${launch.runtimeId}`;
    return {
      PATH: [...(image.path ?? []), this.#options.hostPath].join(delimiter),
      HOSTNAME: `ip-${launch.runtimeId.slice(0, 12)}`,
      ...image.environment,
      AWS_REGION: this.#options.region,
      AWS_DEFAULT_REGION: this.#options.region,
      AWS_EXECUTION_ENV: 'AWS_ECS_FARGATE',
      HOME: directory,
      TMPDIR: join(directory, 'tmp'),
      ...launch.environment,
      ECS_CONTAINER_METADATA_URI: uri.replace('/v4/', '/v3/'),
      ECS_CONTAINER_METADATA_URI_V4: uri,
    };
  }

  #directory(launch: ContainerLaunch): string {
    const directory = join(this.#taskDirectory(launch.taskId), launch.definition.name);
    mkdirSync(join(directory, 'tmp'), { recursive: true });
    return directory;
  }

  /** The path is short, because paths of sockets in it must have fewer than a hundred characters. */
  #taskDirectory(taskId: string): string {
    return join(this.#root, taskId.slice(0, 12));
  }
}

/** As in Docker, an entry point in the definition also overrides the image's command. */
function commandLine(launch: ContainerLaunch, image: Image): readonly string[] {
  const entryPoint = launch.definition.entryPoint ?? [];
  if (entryPoint.length > 0) return [...entryPoint, ...(launch.command ?? [])];
  return [...(image.entryPoint ?? []), ...(launch.command ?? image.command ?? [])];
}

function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return signal === null ? (code ?? 0) : 128 + constants.signals[signal];
}

/** As in Docker, only the container's first process gets SIGTERM. */
function signalProcess(child: ChildProcess, signal: NodeJS.Signals): void {
  child.kill(signal);
}

function signalGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group has no more processes.
  }
}

function runc(cause: string): string {
  return `failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${cause}`;
}

function spawnFault(error: Error & { readonly code?: string }): string {
  if (error.code === 'ENOENT') return 'executable file not found in $PATH: unknown';
  if (error.code === 'EACCES') return 'permission denied: unknown';
  return error.message;
}
