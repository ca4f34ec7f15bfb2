/** Builds the agent's image and runs containers of it in the engine that `with-docker.sh` provides, or in your own. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `docker` or a path to it; the tests that need it are skipped when there is none. */
export const ENGINE = process.env['CONTAINER_ENGINE'];

/** The folder with both Dockerfiles. */
export const IMAGE_FOLDER = fileURLToPath(new URL('../../agent-image', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function engine(args: readonly string[], input?: string): Outcome {
  const { status, stdout, stderr, error } = spawnSync(ENGINE ?? 'docker', args, {
    encoding: 'utf8',
    timeout: 120_000,
    env: { ...process.env, DOCKER_BUILDKIT: '0' },
    ...(input === undefined ? {} : { input }),
  });
  if (error !== undefined) throw error;
  return { code: status, stdout, stderr };
}

/** Like {@link engine}, for what must succeed; returns stdout without its last end of line. */
export function engineOk(args: readonly string[], input?: string): string {
  const outcome = engine(args, input);
  if (outcome.code !== 0)
    throw new Error(`${args.join(' ')}: exit code ${outcome.code}\n${outcome.stdout}${outcome.stderr}`);
  return outcome.stdout.trimEnd();
}

/** Containers of the agent's image, with the restrictions that the task definition lays on them. */
export class AgentContainers {
  readonly image = `agent-image-test:${randomUUID()}`;
  private readonly directory = mkdtempSync(join(tmpdir(), 'container-test-'));
  private readonly names: string[] = [];

  /** Builds the image; returns what the build said. */
  build(base = process.env['BASE_IMAGE'], buildArgs: readonly string[] = []): string {
    const all = [...(base === undefined ? [] : [`BASE_IMAGE=${base}`]), ...buildArgs];
    const args = all.flatMap((argument) => ['--build-arg', argument]);
    const { code, stdout, stderr } = engine(['build', '--network', 'none', '--tag', this.image, ...args, IMAGE_FOLDER]);
    if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}`);
    return `${stdout}${stderr}`;
  }

  /**
   * Options of `run` as in the task definition, without the init process.
   *
   * @param agent text of a shell script that is mounted over `tfc-agent`; absent: the image's own
   */
  options(agent: string | undefined, variables: Record<string, string> = {}): readonly string[] {
    const name = `agent-${randomUUID()}`;
    this.names.push(name);
    const all: Record<string, string> = { TFC_AGENT_NAME: 'given-name', TFC_AGENT_TOKEN: 'secret', ...variables };
    const mount: string[] = [];
    if (agent !== undefined) {
      const script = this.file(name, `#!/bin/sh\n${agent}`);
      chmodSync(script, 0o755);
      mount.push('--volume', `${script}:/home/tfc-agent/bin/tfc-agent:ro`);
    }
    return [
      ...['--name', name, '--network', 'none', '--read-only', '--cap-drop', 'ALL', ...mount],
      ...Object.entries(all).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ];
  }

  /** A file to mount, readable by everybody; returns its path. */
  file(name: string, text: string): string {
    const file = join(this.directory, name);
    writeFileSync(file, text);
    chmodSync(file, 0o644);
    return file;
  }

  /** What a shell command prints that root runs in the image, without any network. */
  asRoot(command: string): string {
    const options = ['--rm', '--network', 'none', '--user', '0', '--entrypoint', '/bin/sh'];
    return engineOk(['run', ...options, this.image, '-c', command]);
  }

  /** Options that give the compiled agent of the base image a job: the text of a shell script. */
  job(script: string): readonly string[] {
    return ['--volume', `${this.file(`job-${randomUUID()}`, script)}:/stub-job.sh:ro`];
  }

  /** Runs a container to its end. */
  run(agent: string | undefined, variables?: Record<string, string>, extra: readonly string[] = []): Outcome {
    return engine(['run', ...this.options(agent, variables), ...extra, this.image]);
  }

  /** Starts a container; returns its name. */
  start(agent: string | undefined, variables?: Record<string, string>, extra: readonly string[] = []): string {
    const options = this.options(agent, variables);
    engineOk(['run', '--detach', ...options, ...extra, this.image]);
    return options[1] ?? '';
  }

  release(): void {
    if (this.names.length > 0) engine(['rm', '--force', '--volumes', ...this.names]);
    engine(['rmi', '--force', this.image]);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
