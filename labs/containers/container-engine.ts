/**
 * Images and containers in the engine that `with-docker.sh` provides, or in your own. Containers get the restrictions of the
 * task definition. All images, containers and files have random names, and `release()` removes them.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'vitest';
import { type ProgramResult, runSync, runSyncOk } from '../../test/processes.ts';
import { newFolder } from '../../test/temporary-folder.ts';

/** `docker` or a path to it. */
export const ENGINE = process.env['CONTAINER_ENGINE'];
/** The agent's base image. It can be missing in your own engine. */
export const BASE = process.env['BASE_IMAGE'];
/** Why tests in an engine are skipped. */
export const NO_ENGINE = ENGINE === undefined ? 'see labs/containers/with-docker.sh' : undefined;
/** Why tests that also need the base image are skipped. */
export const NO_BASE = BASE === undefined ? 'see labs/containers/with-docker.sh' : NO_ENGINE;

/** The folder with both Dockerfiles. */
export const IMAGE_FOLDER = fileURLToPath(new URL('../../agent-image', import.meta.url));

const OPTIONS = { timeout: 120_000, env: { ...process.env, DOCKER_BUILDKIT: '0' } };
export const engine = (args: readonly string[]): ProgramResult => runSync(ENGINE ?? 'docker', args, OPTIONS);
export const engineOk = (args: readonly string[]): string => runSyncOk(ENGINE ?? 'docker', args, OPTIONS);

/** A field of an image's description. */
export const inspected = (image: string, format: string) =>
  JSON.parse(engineOk(['image', 'inspect', '--format', `{{json ${format}}}`, image]));

export const buildArgs = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);

/** Builds an image on the base image. @param lines of its Dockerfile, run as root */
export function buildOnBase(tag: string, lines: string, folder = newFolder('container-base')): string {
  writeFileSync(join(folder, 'Dockerfile'), `FROM ${BASE}\nUSER root\n${lines}\nUSER tfc-agent\n`);
  engineOk(['build', '--network', 'none', '--tag', tag, folder]);
  return tag;
}

/** A test that becomes a row of docs/container-review.md. It returns the text of the last cell, which is the observed result. */
export function check(title: string, body: () => string | Promise<string>): void {
  test(title, { timeout: 300_000 }, async ({ annotate }) => {
    await annotate(await body());
  });
}

/** Like {@link check}, for each row. `$key` in the title stands for the row's value, which `test.for` would cut after 40 characters. */
export const checkEach =
  <Row extends object>(rows: readonly Row[]) =>
  (title: string, body: (row: Row) => string | Promise<string>): void => {
    for (const row of rows) {
      const values = Object.entries(row);
      const full = values.reduce((text, [key, value]) => text.replaceAll(`$${key}`, () => `${value}`), title);
      check(full, () => body(row));
    }
  };

/** Containers of the agent's image. */
export class AgentContainers {
  readonly image = `agent-image-test:${randomUUID()}`;
  private readonly directory = newFolder('container-test');
  private readonly names: string[] = [];

  /** Builds the image. @returns the log of the build */
  build(base = BASE, values: Readonly<Record<string, string>> = {}): string {
    const args = buildArgs({ ...(base !== undefined && { BASE_IMAGE: base }), ...values });
    const { code, stdout, stderr } = engine(['build', '--network', 'none', '--tag', this.image, ...args, IMAGE_FOLDER]);
    if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}`);
    return `${stdout}${stderr}`;
  }

  /**
   * Options of `run` as in the task definition, without the init process.
   *
   * @param agent text of a shell script that replaces `tfc-agent`. Default: the image's own agent
   */
  options(agent: string | undefined, variables: Record<string, string> = {}): readonly string[] {
    const name = `agent-${randomUUID()}`;
    this.names.push(name);
    const all: Record<string, string> = { TFC_AGENT_NAME: 'given-name', TFC_AGENT_TOKEN: 'secret', ...variables };
    const script = agent === undefined ? undefined : this.file(name, `#!/bin/sh\n${agent}`, 0o755);
    const mount = script === undefined ? [] : ['--volume', `${script}:/home/tfc-agent/bin/tfc-agent:ro`];
    return [
      ...['--name', name, '--network', 'none', '--read-only', '--cap-drop', 'ALL', ...mount],
      ...Object.entries(all).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ];
  }

  /** Writes a file that can be mounted and that every user can read. @returns its path */
  file(name: string, text: string, mode = 0o644): string {
    const file = join(this.directory, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  /** Runs a shell command as root in the image, without any network. @returns its output */
  asRoot(command: string): string {
    const options = ['--rm', '--network', 'none', '--user', '0', '--entrypoint', '/bin/sh'];
    return engineOk(['run', ...options, this.image, '-c', command]);
  }

  /** Options that give the compiled agent of the base image a job: the text of a shell script. */
  job(script: string): readonly string[] {
    return ['--volume', `${this.file(`job-${randomUUID()}`, script)}:/stub-job.sh:ro`];
  }

  /** Runs a container to its end. */
  run(agent: string | undefined, variables?: Record<string, string>, extra: readonly string[] = []): ProgramResult {
    return engine(['run', ...this.options(agent, variables), ...extra, this.image]);
  }

  /** Runs a container of the base image with a shell command as its entry point. */
  runShellOnBase(options: readonly string[], ...command: readonly string[]): ProgramResult {
    return engine(['run', ...options, '--entrypoint', '/bin/sh', `${BASE}`, '-c', ...command]);
  }

  /** Starts a container. @returns its name */
  start(agent: string | undefined, variables?: Record<string, string>, extra: readonly string[] = []): string {
    const options = this.options(agent, variables);
    engineOk(['run', '--detach', ...options, ...extra, this.image]);
    return options[1] ?? '';
  }

  release(): void {
    if (this.names.length > 0) engine(['rm', '--force', '--volumes', ...this.names]);
    engine(['rmi', '--force', this.image]);
  }
}
