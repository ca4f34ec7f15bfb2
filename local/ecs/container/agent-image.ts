/** The repository's agent image, with the agent stand-in in the place of `tfc-agent`, built in an engine when it is not there. */
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
  /** In the place of the image that `agent-image/Dockerfile` starts from. */
  readonly baseImage?: string;
  /** Before something that takes long. */
  readonly progress: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface BuiltImage {
  readonly reference: string;
  /** False when it was there already. */
  readonly built: boolean;
}

/**
 * Two layers of images: the base with the stand-in laid over its agent, and on it `agent-image/Dockerfile` as it is.
 * The tag is a hash of all that goes in, so that the same content is built once.
 *
 * @throws EngineError when the base can't be pulled, or a build fails
 */
export async function buildAgentImage(settings: BuildSettings): Promise<BuiltImage> {
  const { engine, progress, signal } = settings;
  const options = signal === undefined ? {} : { signal };
  const base = settings.baseImage ?? (await baseOfDockerfile());
  const program = await bundledStandIn();
  const baseId = await idOf(settings, base);
  const dockerfile = standInDockerfile(base, process.platform === 'linux' ? undefined : process.version.slice(1));
  const hash = createHash('sha256');
  for (const part of [baseId, dockerfile, WRAPPER, program, process.version, process.arch]) hash.update(`${part}\0`);
  const standIn = `${REPOSITORY}/stand-in:${hash.copy().digest('hex').slice(0, 12)}`;
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
    // Here, since a change of mode in the image would be a second copy in it.
    for (const file of await readdir(context)) await chmod(join(context, file), 0o755);
    await engine.ok(['build', '--quiet', '--network', 'none', '--tag', standIn, context], options);
    const baseArgument = ['--build-arg', `BASE_IMAGE=${standIn}`];
    await engine.ok(
      ['build', '--quiet', '--network', 'none', '--tag', reference, ...baseArgument, IMAGE_FOLDER],
      options,
    );
  } finally {
    await rm(context, { recursive: true, force: true });
  }
  return { reference, built: true };
}

/** The real agent's signals and exit codes are those of the process itself, so the shell becomes it. */
const WRAPPER = '#!/bin/sh\nexec /opt/tfc-agent-stand-in/node /opt/tfc-agent-stand-in/main.mjs "$@"\n';

/**
 * The stand-in at both places where the entry point looks for the agent.
 *
 * @param nodeVersion Node comes from the official image of this version; absent: from the build's context
 */
export function standInDockerfile(base: string, nodeVersion: string | undefined): string {
  const node =
    nodeVersion === undefined
      ? 'COPY node /opt/tfc-agent-stand-in/node'
      : `COPY --from=docker.io/library/node:${nodeVersion}-bookworm-slim /usr/local/bin/node /opt/tfc-agent-stand-in/node`;
  return `FROM ${base}
USER root
${node}
COPY main.mjs tfc-agent /opt/tfc-agent-stand-in/
RUN set -eu; \\
    id tfc-agent >/dev/null 2>&1 || useradd --create-home --shell /bin/sh tfc-agent; \\
    mkdir -p /usr/local/bin /home/tfc-agent/bin; \\
    for place in /usr/local/bin /home/tfc-agent/bin; do \\
      ln -sf /opt/tfc-agent-stand-in/tfc-agent "$place/tfc-agent"; \\
    done
USER tfc-agent
`;
}

/** What `agent-image/Dockerfile` starts from unless told otherwise. */
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
    // Some of the packages inside are CommonJS and ask for Node's own modules.
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}
