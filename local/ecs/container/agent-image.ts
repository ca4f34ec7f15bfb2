/** Builds the repository's agent image with the agent emulator instead of `tfc-agent`, unless the engine already has it. */
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { type ContainerEngine, EngineError } from './engine.ts';

const IMAGE_FOLDER = fileURLToPath(new URL('../../../agent-image', import.meta.url));
const STAND_IN = fileURLToPath(new URL('../../tfc-agent/main.ts', import.meta.url));
const REPOSITORY = 'agent-launcher-local';

export interface BuildSettings {
  readonly engine: ContainerEngine;
  /** Replaces the base image of `agent-image/Dockerfile`. */
  readonly baseImage?: string;
  /** Called before a long operation. */
  readonly progress: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface BuiltImage {
  readonly reference: string;
  /** False if it already existed. */
  readonly built: boolean;
}

/**
 * Builds two images: the base with the emulator instead of its agent, and on top of it the unchanged `agent-image/Dockerfile`.
 * The tag is a hash of all input, so the same content is built only once.
 *
 * @throws EngineError if the base can't be pulled, or a build fails
 */
export async function buildAgentImage(settings: BuildSettings): Promise<BuiltImage> {
  const { engine, progress, signal } = settings;
  const options = signal === undefined ? {} : { signal };
  const base = settings.baseImage ?? (await baseOfDockerfile());
  const program = await bundledStandIn();
  const baseId = await idOf(settings, base);
  const dockerfile = emulatorDockerfile(base, process.platform === 'linux' ? undefined : process.version.slice(1));
  const hash = createHash('sha256');
  for (const part of [baseId, dockerfile, WRAPPER, program, process.version, process.arch]) hash.update(`${part}\0`);
  const emulator = `${REPOSITORY}/emulator:${hash.copy().digest('hex').slice(0, 12)}`;
  for (const file of (await readdir(IMAGE_FOLDER, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && !entry.name.endsWith('.md'),
  )) {
    hash.update(`${file.name}\0`).update(await readFile(join(file.parentPath, file.name)));
  }
  const reference = `${REPOSITORY}/agent:${hash.digest('hex').slice(0, 12)}`;
  if ((await engine.run(['image', 'inspect', reference], options)).code === 0) return { reference, built: false };

  progress(`Building the agent's image ${reference} on ${base}, once …`);
  const context = await mkdtemp(join(tmpdir(), 'agent-image-'));
  try {
    await writeFile(join(context, 'Dockerfile'), dockerfile);
    await writeFile(join(context, 'tfc-agent'), WRAPPER);
    await writeFile(join(context, 'main.mjs'), program);
    if (process.platform === 'linux') await copyFile(process.execPath, join(context, 'node'));
    // Set the mode here, because changing it in the image would add a second copy of the file.
    for (const file of await readdir(context)) await chmod(join(context, file), 0o755);
    await engine.ok(['build', '--quiet', '--network', 'none', '--tag', emulator, context], options);
    const baseArgument = ['--build-arg', `BASE_IMAGE=${emulator}`];
    await engine.ok(
      ['build', '--quiet', '--network', 'none', '--tag', reference, ...baseArgument, IMAGE_FOLDER],
      options,
    );
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  return { reference, built: true };
}

/** The shell uses exec, so that signals reach the emulator and its exit code is that of the process. */
const WRAPPER = '#!/bin/sh\nexec /opt/tfc-agent-emulator/node /opt/tfc-agent-emulator/main.mjs "$@"\n';

/**
 * Installs the emulator at both paths where the entry point looks for the agent.
 *
 * @param nodeVersion version of the official Node image. Default: Node comes from the build context
 */
export function emulatorDockerfile(base: string, nodeVersion: string | undefined): string {
  const node =
    nodeVersion === undefined
      ? 'COPY node /opt/tfc-agent-emulator/node'
      : `COPY --from=docker.io/library/node:${nodeVersion}-bookworm-slim /usr/local/bin/node /opt/tfc-agent-emulator/node`;
  return `FROM ${base}
USER root
${node}
COPY main.mjs tfc-agent /opt/tfc-agent-emulator/
RUN set -eu; \\
    id tfc-agent >/dev/null 2>&1 || useradd --create-home --shell /bin/sh tfc-agent; \\
    mkdir -p /usr/local/bin /home/tfc-agent/bin; \\
    for place in /usr/local/bin /home/tfc-agent/bin; do \\
      ln -sf /opt/tfc-agent-emulator/tfc-agent "$place/tfc-agent"; \\
    done
USER tfc-agent
`;
}

/** The default base image of `agent-image/Dockerfile`. */
async function baseOfDockerfile(): Promise<string> {
  const text = await readFile(join(IMAGE_FOLDER, 'Dockerfile'), 'utf8');
  const version = /^ARG TFC_AGENT_VERSION=(\S+)$/m.exec(text)?.[1];
  if (version === undefined) throw new Error(`${IMAGE_FOLDER}/Dockerfile has no line ARG TFC_AGENT_VERSION=…`);
  return `hashicorp/tfc-agent:${version}`;
}

async function idOf({ engine, progress, signal }: BuildSettings, base: string): Promise<string> {
  const options = signal === undefined ? {} : { signal };
  const inspect = ['image', 'inspect', '--format', '{{.Id}}', base];
  const present = await engine.run(inspect, options);
  if (present.code === 0) return present.stdout.trim();
  progress(`Pulling ${base} …`);
  const pulled = await engine.run(['pull', '--quiet', base], options);
  signal?.throwIfAborted();
  if (pulled.code === 0) return engine.ok(inspect, options);
  throw new EngineError(
    `The base image ${base} is not in the engine and could not be pulled: ${pulled.stderr.trim()}\n` +
      'Give another with --base-image: any Linux image with a shell, curl, awk and GNU C++ libraries, such as one of Debian.',
  );
}

async function bundledStandIn(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [STAND_IN],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // Some bundled packages are CommonJS and require Node's own modules.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}
