/** The launcher's function as a process: started, listened to, ended. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** One finished invocation, as the host of the function tells it. */
export const invocation = z.object({
  number: z.number(),
  durationMs: z.number(),
  /** What the handler threw, if it did. */
  error: z.string().optional(),
});
export type Invocation = z.infer<typeof invocation>;

export interface LauncherSettings {
  /** File of the module that exports `handler`; the launcher's own source when absent. */
  readonly module?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly everyMs: number;
  /** Lambda's time limit for one invocation. */
  readonly timeoutMs: number;
  /** Every line that the function wrote: its log, in JSON. */
  readonly onLine: (line: string) => void;
  readonly onInvocation: (invocation: Invocation) => void;
  /** The process is gone though nobody ended it. */
  readonly onDeath: (code: number | null) => void;
}

export interface Launcher {
  stop(): Promise<void>;
}

const HOST = fileURLToPath(new URL('./lambda-host.ts', import.meta.url));
const HANDLER = fileURLToPath(new URL('../../functions/launcher/handler.ts', import.meta.url));
const KILL_AFTER_MS = 2_000;

/** Starts the function in a process with nothing of this one's environment but the PATH. */
export function startLauncher(settings: LauncherSettings): Launcher {
  const child: ChildProcess = spawn(
    process.execPath,
    [HOST, settings.module ?? HANDLER, String(settings.everyMs), String(settings.timeoutMs)],
    {
      env: { PATH: process.env['PATH'] ?? '', AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand', ...settings.environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  let stopping = false;
  for (const input of [child.stdout, child.stderr]) {
    if (input !== null) createInterface({ input }).on('line', settings.onLine);
  }
  child.on('message', (message) => {
    const parsed = invocation.safeParse(message);
    if (parsed.success) settings.onInvocation(parsed.data);
  });
  child.on('error', () => undefined);
  const exited = once(child, 'exit');
  exited.then(
    ([code]) => {
      if (!stopping) settings.onDeath(typeof code === 'number' ? code : null);
    },
    () => settings.onDeath(null),
  );
  return {
    async stop() {
      stopping = true;
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      await exited.catch(() => undefined);
      clearTimeout(timer);
    },
  };
}

const tickLine = z.object({
  message: z.string(),
  pools: z.array(
    z.object({
      pool: z.string(),
      launches: z.array(z.object({ job: z.string(), outcome: z.string(), task: z.string().optional() })).default([]),
      stops: z.array(z.object({ task: z.string(), cause: z.string() })).default([]),
      deferrals: z.array(z.object({ jobKey: z.string(), cause: z.string() })).default([]),
      errors: z.array(z.object({ message: z.string() })).default([]),
    }),
  ),
});

/**
 * What one line of the launcher's log decided, in words; nothing when it is another line or decided nothing.
 * @param nameOf what a person calls the job of that key.
 */
export function decisionsOf(line: string, nameOf: (key: string) => string): string[] {
  const tick = tickLine.safeParse(parsedJson(line));
  if (!tick.success) return [];
  return tick.data.pools.flatMap(({ pool, launches, stops, deferrals, errors }) => [
    ...launches.map(
      ({ job, outcome, task }) =>
        `${pool}: ${outcome}${task === undefined ? '' : ` ${task.slice(0, 8)}`} for ${nameOf(job)}`,
    ),
    ...stops.map(({ task, cause }) => `${pool}: stopped ${task.slice(0, 8)}, ${cause}`),
    ...deferrals.map(({ jobKey, cause }) => `${pool}: not now (${cause}): ${nameOf(jobKey)}`),
    ...errors.map(({ message }) => `${pool}: ${message}`),
  ]);
}

function parsedJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
