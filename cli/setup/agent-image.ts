/** Looks up the newest version of the agent and the digest of its image, with the scripts in `agent-image`. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../lib/package-root.ts';
import { childEnvironment } from '../child-environment.ts';
import type { Io } from '../io.ts';

/** HashiCorp's image of the agent. */
export const OFFICIAL_IMAGE = 'hashicorp/tfc-agent';

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script of `agent-image`. The registry's answers are in its output. */
function run(script: string, argument: string, { env }: Pick<Io, 'env'>): Promise<Result> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(PACKAGE_ROOT, 'agent-image', script), argument],
      // Node then uses the proxy of HTTPS_PROXY. https://nodejs.org/api/cli.html#node_use_env_proxy1
      { env: { ...childEnvironment(env), NODE_USE_ENV_PROXY: '1' }, timeout: 60_000, encoding: 'utf8' },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 2;
        resolve({ code, stdout, stderr: stderr === '' && error !== null ? error.message : stderr });
      },
    );
  });
}

/** Newest version of the agent; `undefined` with the reason if HashiCorp's releases can't be reached. */
export async function newestVersion(
  than: string,
  io: Pick<Io, 'env'>,
): Promise<{ readonly version?: string; readonly problem?: string }> {
  const { code, stdout, stderr } = await run('newest-version.mjs', than, io);
  if (code === 0) return { version: than };
  const [, version] = / behind (\d+\.\d+\.\d+)\./.exec(stdout) ?? [];
  return code === 1 && version !== undefined ? { version } : { problem: oneLine(stderr) };
}

/** Digest of an image with a tag; `undefined` with the reason if the registry can't be reached or doesn't have it. */
export async function digestOf(
  reference: string,
  io: Pick<Io, 'env'>,
): Promise<{ readonly digest?: string; readonly problem?: string }> {
  const { code, stdout, stderr } = await run('print-digest.mjs', reference, io);
  const [, digest] = / is (sha256:[0-9a-f]{64})$/m.exec(stdout) ?? [];
  return code === 0 && digest !== undefined ? { digest } : { problem: oneLine(stderr) };
}

/** Whether a program answers. */
export function answers(program: string, args: readonly string[], { env }: Pick<Io, 'env'>): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, [...args], { env: childEnvironment(env), timeout: 10_000 }, (error) => resolve(error === null));
  });
}

/** The first line of an error, without the name of the script, which the user didn't start. */
function oneLine(text: string): string {
  const line = (text.trim().split('\n')[0] ?? '').replace(/^(?:newest-version|print-digest): /, '');
  return line === '' ? 'there is no reason' : line;
}
