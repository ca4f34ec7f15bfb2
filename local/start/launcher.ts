/** Runs the launcher's function as a process, and reads its output. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** A finished invocation, as reported by the function's host. */
export const invocation = z.object({
  number: z.number(),
  durationMs: z.number(),
  /** What the handler threw, if it did. */
  error: z.string().optional(),
});
export type Invocation = z.infer<typeof invocation>;

export interface LauncherSettings {
  /** File of the module that exports `handler`. Default: the launcher's source. */
  readonly module?: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly everyMs: number;
  /** Lambda's time limit for one invocation. */
  readonly timeoutMs: number;
  /** Receives every line of the function's log, in JSON. */
  readonly onLine: (line: string) => void;
  readonly onInvocation: (invocation: Invocation) => void;
  /** Called if the process ended unexpectedly. */
  readonly onDeath: (death: Death) => void;
}

export interface Death {
  readonly code: number | null;
  readonly signal: string | null;
  /** Time until the next scheduled invocation starts another process. */
  readonly restartsInMs: number;
}

export interface Launcher {
  stop(): Promise<void>;
}

const HOST = fileURLToPath(new URL('./lambda-host.ts', import.meta.url));
const HANDLER = fileURLToPath(new URL('../../functions/launcher/handler.ts', import.meta.url));
const KILL_AFTER_MS = 2_000;

/**
 * Runs the function in a process that inherits only the PATH from this one's environment. If that process dies, the next scheduled
 * invocation starts another one, cold, as in AWS.
 */
export function startLauncher(settings: LauncherSettings): Launcher {
  const startedAt = performance.now();
  let current: HostProcess | undefined;
  let restart: NodeJS.Timeout | undefined;
  let stopping = false;

  const start = (): void => {
    current = startHost(settings);
    void current.exited.then((end) => {
      if (stopping) return;
      const restartsInMs = settings.everyMs - ((performance.now() - startedAt) % settings.everyMs);
      restart = setTimeout(start, restartsInMs);
      settings.onDeath({ ...end, restartsInMs });
    });
  };
  start();
  return {
    async stop() {
      stopping = true;
      clearTimeout(restart);
      if (current === undefined || !current.isAlive()) return;
      const { child, exited } = current;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

interface HostProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  isAlive(): boolean;
}

function startHost(settings: LauncherSettings): HostProcess {
  const child: ChildProcess = spawn(
    process.execPath,
    [HOST, settings.module ?? HANDLER, String(settings.everyMs), String(settings.timeoutMs)],
    {
      env: { PATH: process.env['PATH'] ?? '', AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand', ...settings.environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  );
  for (const input of [child.stdout, child.stderr]) {
    if (input !== null) createInterface({ input }).on('line', settings.onLine);
  }
  child.on('message', (message) => {
    const parsed = invocation.safeParse(message);
    if (parsed.success) settings.onInvocation(parsed.data);
  });
  const { promise: exited, resolve } = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  child.once('exit', (code, signal) => resolve({ code, signal }));
  child.once('error', () => resolve({ code: null, signal: null }));
  return { child, exited, isAlive: () => child.exitCode === null && child.signalCode === null };
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
 * The decisions in one line of the launcher's log, in words. Empty for other lines, and for lines without a decision.
 * @param nameOf the readable name of the job with that key
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
