/** Runs one program of a job (Terraform, a hook) and stops it if necessary. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** `cancel`: one SIGINT, as a Ctrl-C would be. `kill`: SIGKILL, to the program and all its child processes. */
export interface Stops {
  readonly cancel: AbortSignal;
  readonly kill: AbortSignal;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onStdout: (chunk: Buffer) => void;
  readonly onStderr: (chunk: Buffer) => void;
  /** Time until SIGKILL. Absent: never. */
  readonly timeoutMs?: number;
}

export interface ProgramExit {
  /** 128 + n if signal n ended it, as in a shell. */
  readonly code: number;
  /** The signal that ended it, if it came neither from a cancellation nor from a time limit. */
  readonly killedBy?: NodeJS.Signals;
  readonly timedOut: boolean;
}

/** How long the output of a program that has ended may still arrive (a process that it left behind may hold the pipe). */
const DRAIN_MS = 300;
const KILLED = 137;

const running = new Set<number>();

/** Kills every program that still runs, with its child processes. Call this before the agent exits. */
export function killRunningPrograms(): void {
  for (const pid of running) killTree(pid);
}

/**
 * Resolves when the program has ended, whatever its exit code is. Rejects only if it couldn't be started.
 *
 * `ownGroup` starts it in its own process group, for an agent in a terminal, where Ctrl-C would otherwise also reach Terraform. In
 * a task it stays in the task's group, so that Terraform ends with the task.
 */
export function runProgram(program: Program, stops: Stops, ownGroup: boolean): Promise<ProgramExit> {
  if (stops.kill.aborted) return Promise.resolve({ code: KILLED, timedOut: false });
  return new Promise((resolve, reject) => {
    const child: ChildProcess = spawn(program.command, [...program.args], {
      cwd: program.cwd,
      env: program.env,
      detached: ownGroup,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let timedOut = false;
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    const interrupt = (): void => {
      child.kill('SIGINT');
    };
    const kill = (): void => {
      if (pid !== undefined) killTree(pid);
    };
    const timer =
      program.timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            kill();
          }, program.timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      stops.cancel.removeEventListener('abort', interrupt);
      stops.kill.removeEventListener('abort', kill);
      if (pid !== undefined) running.delete(pid);
    };
    stops.cancel.addEventListener('abort', interrupt, { once: true });
    stops.kill.addEventListener('abort', kill, { once: true });
    child.stdout?.on('data', program.onStdout);
    child.stderr?.on('data', program.onStderr);
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      settle();
      const done = (): void => {
        clearTimeout(drain);
        child.stdout?.destroy();
        child.stderr?.destroy();
        const ours = stops.cancel.aborted || stops.kill.aborted || timedOut;
        resolve({
          code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
          timedOut,
          ...(signal !== null && !ours && { killedBy: signal }),
        });
      };
      const drain = setTimeout(done, DRAIN_MS);
      child.once('close', done);
    });
    if (stops.cancel.aborted) interrupt();
  });
}

function killTree(pid: number): void {
  for (const member of [pid, ...descendants(pid)]) {
    try {
      process.kill(member, 'SIGKILL');
    } catch {
      // It has ended in the meantime.
    }
  }
}

/** Child processes of `pid`, from /proc. Empty on systems without /proc, where only the program is killed. */
function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  let entries: string[] = [];
  try {
    entries = readdirSync('/proc').filter((entry) => /^[0-9]+$/.test(entry));
  } catch {
    return [];
  }
  for (const entry of entries) {
    try {
      // The name in parentheses may contain any characters. The parent is the second field after it.
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      // It has ended between the two reads.
    }
  }
  const below: number[] = [];
  const queue = [...(children.get(pid) ?? [])];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    below.push(next);
    for (const child of children.get(next) ?? []) queue.push(child);
  }
  return below;
}
