/** Runs a Lambda function on a schedule and on request, in separate processes. https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

/** A finished invocation, as reported by the function's host. */
export const invocation = z.object({
  number: z.number(),
  requestId: z.string(),
  /** Milliseconds since the epoch. */
  startedAt: z.number(),
  durationMs: z.number(),
  /** The error that the handler threw, if there was one. */
  error: z.string().optional(),
});
export type Invocation = z.infer<typeof invocation>;

/** A request to a process to invoke its handler. */
export const invokeRequest = z.object({
  id: z.number(),
  event: z.custom<object>((value) => typeof value === 'object'),
});
export type InvokeRequest = z.infer<typeof invokeRequest>;

/** The answer of a process after the invocation, or at once if another invocation is running in it. */
const invokeAnswer = z.object({ id: z.number(), isBusy: z.boolean(), error: z.string().optional() });
export type InvokeAnswer = z.infer<typeof invokeAnswer>;

/** Turns the schedule of a process on or off. Its schedule is on at first. */
export const scheduleSwitch = z.object({ isScheduled: z.boolean() });
export type ScheduleSwitch = z.infer<typeof scheduleSwitch>;

export interface FunctionSettings {
  /** File of the module that exports `handler`. */
  readonly module: string;
  /** Environment of the function. It also inherits the PATH of this process, but nothing else. */
  readonly environment: Readonly<Record<string, string>>;
  /** Time between scheduled invocations; 0: no schedule. */
  readonly everyMs: number;
  /** Lambda's time limit for one invocation. */
  readonly timeoutMs: number;
  /** Receives every line of the function's log, in JSON. `environment` identifies the execution environment: 32 hexadecimal digits. */
  readonly onLine: (line: string, environment: string) => void;
  readonly onInvocation: (invocation: Invocation, environment: string) => void;
}

export interface Death {
  readonly code: number | null;
  readonly signal: string | null;
  /** Time until the next scheduled invocation starts a new process. */
  readonly restartsInMs: number;
}

export interface LocalFunction {
  /**
   * Invokes the function in an idle process, or in a new one if all of them are busy.
   * @returns the error that the handler threw, if there was one
   */
  invoke(event: object): Promise<string | undefined>;
  /** Turns the schedule on or off. It is on at first. A running invocation isn't affected. */
  setScheduled(isScheduled: boolean): void;
  /** ID of the process that the schedule uses; `undefined` if it couldn't start. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

const HOST = fileURLToPath(new URL('./host.ts', import.meta.url));
const KILL_AFTER_MS = 2_000;

/**
 * Invokes the function on its schedule. If its process dies, the next scheduled invocation starts a new, cold process, as in AWS.
 * @param onDeath called if the process ended unexpectedly
 */
export function startFunction(settings: FunctionSettings, onDeath: (death: Death) => void): LocalFunction {
  const startedAt = performance.now();
  let restart: NodeJS.Timeout | undefined;
  let stopping = false;
  let isScheduled = true;
  const sendSchedule = (started: ChildProcess): void => {
    const message: ScheduleSwitch = { isScheduled };
    if (started.connected) started.send(message);
  };

  const start = (): ChildProcess => {
    const started = startEnvironment(settings);
    started.once('close', (code: number | null, signal: string | null) => {
      if (stopping) return;
      const restartsInMs = settings.everyMs - ((performance.now() - startedAt) % settings.everyMs);
      restart = setTimeout(() => {
        child = start();
      }, restartsInMs);
      onDeath({ code, signal, restartsInMs });
    });
    if (!isScheduled) sendSchedule(started);
    return started;
  };
  let child = start();
  /** Processes that the schedule doesn't use. */
  let others: ChildProcess[] = [];
  return {
    async invoke(event) {
      for (const warm of [child, ...others]) {
        const { isBusy, error } = await invokeIn(warm, event);
        if (!isBusy) return error;
      }
      if (stopping) return 'the function is stopping';
      const another = startEnvironment({ ...settings, everyMs: 0 });
      others.push(another);
      another.once('close', () => {
        others = others.filter((other) => other !== another);
      });
      return (await invokeIn(another, event)).error;
    },
    setScheduled(wanted) {
      isScheduled = wanted;
      sendSchedule(child);
    },
    pid: () => child.pid,
    async stop() {
      stopping = true;
      clearTimeout(restart);
      await Promise.all([child, ...others].map(end));
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  await closed;
  clearTimeout(timer);
}

let requests = 0;

/** Sends a request to a process. A process that ends before its answer failed, as in Lambda. */
function invokeIn(child: ChildProcess, event: object): Promise<Omit<InvokeAnswer, 'id'>> {
  if (!child.connected) return Promise.resolve({ isBusy: true });
  requests += 1;
  const request: InvokeRequest = { id: requests, event };
  return new Promise((resolve) => {
    const onMessage = (message: unknown): void => {
      const answer = invokeAnswer.safeParse(message).data;
      if (answer?.id === request.id) finish(answer);
    };
    const onClose = (): void => finish({ isBusy: false, error: 'the process ended' });
    const finish = (answer: Omit<InvokeAnswer, 'id'>): void => {
      child.off('message', onMessage).off('close', onClose);
      resolve(answer);
    };
    child.on('message', onMessage).once('close', onClose);
    child.send(request);
  });
}

/** Starts one execution environment: a process that is cold for its first invocation, and warm afterwards. */
export function startEnvironment(settings: FunctionSettings): ChildProcess {
  const { module, environment, everyMs, timeoutMs, onLine, onInvocation } = settings;
  const child = fork(HOST, [module, String(everyMs), String(timeoutMs)], {
    env: { PATH: process.env['PATH'] ?? '', AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand', ...environment },
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const id = randomBytes(16).toString('hex');
  for (const input of [child.stdout, child.stderr]) {
    if (input !== null) createInterface({ input }).on('line', (line) => onLine(line, id));
  }
  child.on('message', (message) => {
    const parsed = invocation.safeParse(message);
    if (parsed.success) onInvocation(parsed.data, id);
  });
  // If the process can't start, 'close' follows.
  child.on('error', () => undefined);
  return child;
}
