/** Starts `npm start` and the emulators as programs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type * as z from 'zod';
import { until } from '../processes.ts';

/** Starts a program in the repository's folder. It is killed at the end of the test. */
export function startProgram(command: string, args: readonly string[]) {
  const child = spawn(command, args, { cwd: join(import.meta.dirname, '../..'), stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (chunk: string) => {
      output[stream] += chunk;
    });
  }
  return {
    child,
    output,
    /** Waits for the line that the program prints when it is ready. */
    async ready<Schema extends z.ZodType>(schema: Schema): Promise<z.output<Schema>> {
      await until('the ready line', () => output.stdout.includes('\n'));
      return schema.parse(JSON.parse(output.stdout.split('\n')[0] ?? ''));
    },
    ended: once(child, 'close').then(() => ({ code: child.exitCode, ...output })),
  };
}
