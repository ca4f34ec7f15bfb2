import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Invocation, invocation } from '../../local/lambda/function.ts';

const HOST = fileURLToPath(new URL('../../local/lambda/host.ts', import.meta.url));

/** A Lambda function's execution environment: a process that is cold at first, and warm after. */
export interface ColdFunction {
  /** Lines of its log so far. */
  readonly lines: readonly string[];
  readonly invocations: readonly Invocation[];
  /** Kills the execution environment, as Lambda may at any time. */
  kill(): void;
}

/** @param timeoutMs Lambda's time limit of one invocation. */
export function startFunction(
  folder: string,
  environment: Readonly<Record<string, string>>,
  { everyMs = 3_600_000, timeoutMs = 12_000 } = {},
): ColdFunction {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--enable-source-maps', HOST, `${folder}/index.mjs`, String(everyMs), String(timeoutMs)],
    {
      // Nothing of this process's environment: what the function needs, the template must say.
      env: { PATH: process.env['PATH'] ?? '', AWS_LAMBDA_FUNCTION_NAME: 'journey', ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  const lines: string[] = [];
  const invocations: Invocation[] = [];
  for (const input of [child.stdout, child.stderr]) {
    if (input !== null) createInterface({ input }).on('line', (line) => lines.push(line));
  }
  child.on('message', (message) => invocations.push(invocation.parse(message)));
  return { lines, invocations, kill: () => void child.kill('SIGKILL') };
}
