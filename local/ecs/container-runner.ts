import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import {
  containerName,
  createArguments,
  type HostFile,
  OWNER_LABEL,
  volumeName,
} from './container/create-arguments.ts';
import type { ContainerEngine } from './container/engine.ts';
import { ownerOf, removeLeftovers, removeOwned } from './container/owner.ts';
import { Watchman } from './container/watchman.ts';
import type { ContainerEvents, ContainerLaunch, PullResult, RunningContainer } from './core/runner.ts';
import { cannotStart, imageNotFound, OUT_OF_MEMORY } from './core/wording.ts';
import { canonicalReference } from './images.ts';
import type { MachineRunner, RunnerHost } from './machine-runner.ts';

export interface ContainerRunnerSettings {
  readonly engine: ContainerEngine;
  /** Files of the host that are mounted into every container. */
  readonly hostFiles: readonly HostFile[];
}

interface InspectedImage {
  readonly digest: string;
  readonly volumes: readonly string[];
}

/** Without a format, because `{{json .}}` is a list in Podman but not in Docker. */
const imagesAnswer = z
  .tuple([
    z.object({
      Id: z.string(),
      RepoDigests: z.array(z.string()).nullish(),
      Config: z.object({ Volumes: z.record(z.string(), z.unknown()).nullish() }),
    }),
  ])
  .rest(z.unknown());
const stateAnswer = z.object({ Running: z.boolean(), ExitCode: z.int(), OOMKilled: z.boolean() });

/** How long to wait for more output after a container ended. */
const OUTPUT_GRACE_MS = 5000;
/** The result if the engine ended, so that the exit code is unknown. */
const LOST = { code: 137, reason: 'DockerTimeoutError: the container engine does not answer any more' };

/**
 * Runs each container in a container engine according to its task definition: image, user, read-only root, capabilities, volumes,
 * and the task's CPU and memory as hard limits. Everything that it creates has a label with its owner.
 */
export class ContainerRunner implements MachineRunner {
  readonly #engine: ContainerEngine;
  readonly #hostFiles: readonly HostFile[];
  readonly #host: RunnerHost;
  readonly #owner = ownerOf(process.pid);
  readonly #watchman: Watchman;
  readonly #images = new Map<string, InspectedImage>();
  readonly #running = new Map<string, { readonly handle: RunningContainer; readonly gone: Promise<void> }>();
  readonly #cleaning = new Set<Promise<void>>();
  /** Containers and volumes of each task that isn't cleaned up yet. */
  readonly #made = new Map<
    string,
    { readonly containers: Set<string>; readonly volumes: Map<string, Promise<void>> }
  >();

  /** Opens a runner, and removes the leftovers of owners that have ended. @throws EngineError if the engine doesn't respond */
  static async open(settings: ContainerRunnerSettings, host: RunnerHost): Promise<ContainerRunner> {
    await removeLeftovers(settings.engine);
    return new ContainerRunner(settings, host);
  }

  private constructor({ engine, hostFiles }: ContainerRunnerSettings, host: RunnerHost) {
    this.#engine = engine;
    this.#hostFiles = hostFiles;
    this.#host = host;
    this.#watchman = new Watchman(engine, this.#owner);
  }

  pull(reference: string, done: (result: PullResult) => void): void {
    void this.#pull(reference)
      .catch((error: unknown) => ({ failure: `${imageNotFound(canonicalReference(reference))} (${messageOf(error)})` }))
      .then(done);
  }

  start(launch: ContainerLaunch, events: ContainerEvents): RunningContainer {
    const name = containerName(launch);
    const { promise: started, resolve: isStarted } = Promise.withResolvers<void>();
    // Run the commands in order: SIGKILL must not overtake SIGTERM, and no signal may overtake the start.
    let signals: Promise<unknown> = started;
    const handle: RunningContainer = {
      signal: (signal) => {
        signals = signals.then(() => this.#engine.run(['kill', '--signal', signal.slice(3), name]));
      },
    };
    const gone = this.#run(launch, events, name, isStarted).finally(() => {
      isStarted();
      this.#running.delete(name);
    });
    this.#running.set(name, { handle, gone });
    return handle;
  }

  cleanUp(taskId: string): void {
    const cleaning = this.#remove(taskId).finally(() => this.#cleaning.delete(cleaning));
    this.#cleaning.add(cleaning);
  }

  async close(graceMs: number): Promise<void> {
    const running = [...this.#running.values()];
    for (const { handle } of running) handle.signal('SIGTERM');
    const timer = setTimeout(() => this.killAll(), graceMs);
    await Promise.all(running.map(({ gone }) => gone));
    clearTimeout(timer);
    await Promise.all(this.#cleaning);
    // If this fails, the watchman or the next start of the server removes them.
    await removeOwned(this.#engine, this.#owner).then(
      () => this.#watchman.close(),
      () => undefined,
    );
  }

  killAll(): void {
    for (const { handle } of this.#running.values()) handle.signal('SIGKILL');
  }

  async #pull(reference: string): Promise<PullResult> {
    const present = await this.#inspectImage(reference);
    if (present !== undefined) return { digest: present.digest };
    const { code, stderr } = await this.#engine.run(['pull', '--quiet', reference]);
    const pulled = code === 0 ? await this.#inspectImage(reference) : undefined;
    if (pulled !== undefined) return { digest: pulled.digest };
    const cause = stderr.trim().split('\n').at(-1) ?? '';
    return { failure: `${imageNotFound(canonicalReference(reference))}${cause === '' ? '' : ` (${cause})`}` };
  }

  async #inspectImage(reference: string): Promise<InspectedImage | undefined> {
    const { code, stdout } = await this.#engine.run(['image', 'inspect', reference]);
    if (code !== 0) return undefined;
    const [{ Id: id, RepoDigests: digests, Config: config }] = imagesAnswer.parse(JSON.parse(stdout));
    const image = {
      digest: digests?.[0]?.split('@')[1] ?? (id.startsWith('sha256:') ? id : `sha256:${id}`),
      volumes: Object.keys(config.Volumes ?? {}),
    };
    this.#images.set(reference, image);
    return image;
  }

  async #run(launch: ContainerLaunch, events: ContainerEvents, name: string, isStarted: () => void): Promise<void> {
    const fault = await this.#bringUp(launch, name);
    if (fault !== undefined) {
      events.failed(cannotStart(fault));
      return;
    }
    events.started();
    isStarted();
    const logs = this.#engine.follow(['logs', '--follow', name]);
    const outputEnded = this.#readOutput(launch, logs);
    const { code, reason } = await this.#end(name).catch((error: unknown) => ({ ...LOST, reason: messageOf(error) }));
    await outputEnded();
    events.exited(code, reason);
  }

  /** Creates and starts the container. @returns the engine's error, if it failed */
  async #bringUp(launch: ContainerLaunch, name: string): Promise<string | undefined> {
    const made = this.#made.get(launch.taskId) ?? { containers: new Set(), volumes: new Map() };
    this.#made.set(launch.taskId, made);
    try {
      for (const { sourceVolume = '' } of launch.definition.mountPoints ?? []) {
        const volume = volumeName(launch.taskId, sourceVolume);
        const label = ['--label', `${OWNER_LABEL}=${this.#owner}`];
        const create = async (): Promise<void> => void (await this.#engine.ok(['volume', 'create', ...label, volume]));
        // The containers of a task start in parallel and share it.
        const created = made.volumes.get(volume) ?? create();
        made.volumes.set(volume, created);
        await created;
      }
      const { args, environment } = createArguments(launch, {
        engine: this.#engine.kind,
        owner: this.#owner,
        declaredVolumes: this.#images.get(launch.definition.image)?.volumes ?? [],
        hostFiles: this.#hostFiles,
        region: this.#host.region,
        metadataUri: `${this.#host.metadataUrl()}/${launch.runtimeId}`,
      });
      made.containers.add(name);
      const created = await this.#engine.run(args, { environment });
      if (created.code !== 0) return oneLine(created.stderr);
      const started = await this.#engine.run(['start', name]);
      return started.code === 0 ? undefined : oneLine(started.stderr);
    } catch (error) {
      return messageOf(error);
    }
  }

  /** Waits until the container has ended, even if the waiting command is killed. */
  async #end(name: string): Promise<{ readonly code: number; readonly reason?: string }> {
    for (;;) {
      await this.#engine.run(['wait', name]);
      const { code, stdout } = await this.#engine.run(['inspect', '--format', '{{json .State}}', name]);
      if (code !== 0) return LOST;
      const state = stateAnswer.parse(JSON.parse(stdout));
      if (state.Running) continue;
      return { code: state.ExitCode, ...(state.OOMKilled ? { reason: OUT_OF_MEMORY } : {}) };
    }
  }

  #readOutput(launch: ContainerLaunch, logs: ChildProcess): () => Promise<void> {
    for (const stream of ['stdout', 'stderr'] as const) {
      const input = logs[stream];
      if (input === null) continue;
      createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) =>
        this.#host.output(launch, stream, line),
      );
    }
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    logs.once('close', () => resolve());
    logs.once('error', () => resolve());
    return async () => {
      const timer = setTimeout(() => logs.kill('SIGKILL'), OUTPUT_GRACE_MS);
      await closed;
      clearTimeout(timer);
    };
  }

  async #remove(taskId: string): Promise<void> {
    const made = this.#made.get(taskId);
    this.#made.delete(taskId);
    if (made === undefined) return;
    if (made.containers.size > 0) await this.#engine.run(['rm', '--force', '--volumes', ...made.containers]);
    if (made.volumes.size > 0) await this.#engine.run(['volume', 'rm', ...made.volumes.keys()]);
  }
}

function messageOf(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error));
}

function oneLine(text: string): string {
  return text
    .trim()
    .replace(/^Error( response from daemon)?: /, '')
    .replaceAll(/\s+/g, ' ');
}
