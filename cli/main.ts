#!/usr/bin/env node
/** Entry point of the command `agent-launcher`: the only file that reads the process. */
import { setTimeout as delay } from 'node:timers/promises';
import { runCommandLine } from './program.ts';

// The reader of a pipe may end first, as in `agent-launcher runs | head`.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

const interrupted = new AbortController();
// A second signal ends the process at once.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interrupted.abort(new Error(signal)));
}

process.exitCode = await runCommandLine(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  now: Date.now,
  nodeVersion: process.version,
  sleep: (ms, signal) => delay(ms, undefined, signal === undefined ? {} : { signal }),
  interrupted: interrupted.signal,
});
// A request that doesn't end must not keep the process.
if (interrupted.signal.aborted) process.exit();
