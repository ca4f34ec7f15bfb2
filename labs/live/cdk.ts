/** Deploys and destroys the stack with the real CDK CLI of this clone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const ROOT = join(import.meta.dirname, '../..');
const CDK = join(ROOT, 'node_modules/aws-cdk/bin/cdk');
const cdkJson = z.looseObject({ context: z.looseObject({}) });

/**
 * Writes a folder with a `cdk.json` that has these settings instead of the user's. The CLI runs there.
 *
 * @param settings as in the member `agentLauncher` of `cdk.json`
 */
export function writeApp(folder: string, settings: object): void {
  mkdirSync(folder, { recursive: true });
  const { context } = cdkJson.parse(JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')));
  const app = `"${process.execPath}" "${join(ROOT, 'bin/agent-launcher.ts')}"`;
  const own = { app, output: join(folder, 'cdk.out'), context: { ...context, agentLauncher: settings } };
  writeFileSync(join(folder, 'cdk.json'), `${JSON.stringify(own, undefined, 2)}\n`);
}

export interface CdkOptions {
  /** Written by {@link writeApp}. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Receives the CLI's output. */
  readonly note: (text: string) => void;
}

/** Rejects with the last lines of the output if the CLI fails. @returns the standard output */
export async function cdk(args: readonly string[], { folder, env, note }: CdkOptions): Promise<string> {
  const child = spawn(process.execPath, [CDK, ...args, '--no-notices'], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ctrl-C ends this process's group. The CLI must live on, because the lab waits for it and then cleans up.
    detached: true,
  });
  const kill = (): void => void child.kill();
  process.once('exit', kill);
  let output = '';
  let all = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      note(text.trimEnd());
      all += text;
      if (stream === child.stdout) output += text;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  process.off('exit', kill);
  if (code !== 0) {
    // The CLI marks the line of its error.
    const error = all.slice(Math.max(all.lastIndexOf('❌'), all.length - 2_000)).trim();
    throw new Error(`cdk ${args[0]} ended with ${code}: ${error}`);
  }
  return output;
}
