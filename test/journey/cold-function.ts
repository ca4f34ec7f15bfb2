import { type Invocation, startEnvironment } from '../../local/lambda/function.ts';

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
  const lines: string[] = [];
  const invocations: Invocation[] = [];
  const child = startEnvironment({
    module: `${folder}/index.mjs`,
    environment: { AWS_LAMBDA_FUNCTION_NAME: 'journey', NODE_OPTIONS: '--enable-source-maps', ...environment },
    everyMs,
    timeoutMs,
    onLine: (line) => lines.push(line),
    onInvocation: (invocation) => invocations.push(invocation),
  });
  return { lines, invocations, kill: () => void child.kill('SIGKILL') };
}
