import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Invocation, invocation } from '../../local/start/launcher.ts';

const HOST = fileURLToPath(new URL('../../local/start/lambda-host.ts', import.meta.url));

/** An execution environment of a Lambda function: a process that is cold at its first invocation, and warm afterwards. */
export interface ColdFunction {
  /** Lines of its log so far. */
  readonly lines: readonly string[];
  readonly invocations: readonly Invocation[];
  /** Kills the execution environment, as Lambda may at any time. */
  kill(): void;
}

/** @param timeoutMs Lambda's time limit for one invocation */
export function startFunction(
  folder: string,
  environment: Readonly<Record<string, string>>,
  { everyMs = 3_600_000, timeoutMs = 12_000 } = {},
): ColdFunction {
  const args = ['--enable-source-maps', HOST, `${folder}/index.mjs`, String(everyMs), String(timeoutMs)];
  const child = spawn(process.execPath, args, {
    // The template must contain everything that the function needs, so this process's variables are not passed on.
    env: { PATH: process.env['PATH'] ?? '', AWS_LAMBDA_FUNCTION_NAME: 'journey', ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const lines: string[] = [];
  const invocations: Invocation[] = [];
  for (const input of [child.stdout, child.stderr]) {
    if (input !== null) createInterface({ input }).on('line', (line) => lines.push(line));
  }
  child.on('message', (message) => invocations.push(invocation.parse(message)));
  return { lines, invocations, kill: () => void child.kill('SIGKILL') };
}
