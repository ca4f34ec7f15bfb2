/**
 * Runs one program of a job (Terraform, a hook) and stops it if necessary.
 *
 * A cancellation interrupts the program, which can then finish its work. A kill or a time limit ends the program with all its child
 * processes. Otherwise providers, and programs that a hook started, would survive.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** `cancel`: one SIGINT, like Ctrl-C. `kill`: SIGKILL to the program and all its child processes. */
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
  /** Time until SIGKILL. Default: no limit. */
  readonly timeoutMs?: number;
}

export interface ProgramExit {
  /** Exit code; 128 + n if signal n ended the program, as in a shell. */
  readonly code: number;
  /** The signal that ended the program, unless a cancellation or a time limit caused it. */
  readonly killedBy?: NodeJS.Signals;
  readonly timedOut: boolean;
}

/** How long to wait for more output after a program ended, because a leftover process can still hold the pipe. */
const DRAIN_MS = 300;
const KILLED = 137;

const running = new Set<ChildProcess>();

/** Kills all running programs and their child processes. Call this before the agent exits. */
export function killRunningPrograms(): void {
  for (const child of running) killTree(child);
}

/**
 * Runs a program. Resolves when the program has ended, with any exit code. Rejects only if it couldn't be started.
 *
 * With `ownGroup`, the program gets its own process group. An agent in a terminal needs this, because Ctrl-C would otherwise also
 * reach Terraform. In a task, the program stays in the task's group, so that it ends with the task.
 */
export async function runProgram(program: Program, stops: Stops, ownGroup: boolean): Promise<ProgramExit> {
  if (stops.kill.aborted) return { code: KILLED, timedOut: false };
  const { command, args, cwd, env, timeoutMs } = program;
  const child: ChildProcess = spawn(command, args, { cwd, env, detached: ownGroup, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  child.stdout?.on('data', program.onStdout);
  child.stderr?.on('data', program.onStderr);
  const closed = once(child, 'close').catch(() => undefined);
  let timedOut = false;
  const interrupt = (): unknown => child.kill('SIGINT');
  const kill = (): void => killTree(child);
  const stopOverdue = (): void => {
    timedOut = true;
    kill();
  };
  const timer = timeoutMs === undefined ? undefined : setTimeout(stopOverdue, timeoutMs);
  stops.cancel.addEventListener('abort', interrupt);
  stops.kill.addEventListener('abort', kill);
  if (stops.cancel.aborted) interrupt();
  try {
    await once(child, 'exit');
  } finally {
    clearTimeout(timer);
    running.delete(child);
    stops.cancel.removeEventListener('abort', interrupt);
    stops.kill.removeEventListener('abort', kill);
  }
  const { exitCode, signalCode } = child;
  await Promise.race([closed, delay(DRAIN_MS)]);
  child.stdout?.destroy();
  child.stderr?.destroy();
  const isOurs = stops.cancel.aborted || stops.kill.aborted || timedOut;
  return {
    code: exitCode ?? 128 + (signalCode === null ? 0 : constants.signals[signalCode]),
    timedOut,
    ...(signalCode !== null && !isOurs && { killedBy: signalCode }),
  };
}

function killTree({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  for (const member of tree(pid, parents())) {
    try {
      process.kill(member, 'SIGKILL');
    } catch {
      // The process has ended in the meantime.
    }
  }
}

/** The process and all its descendants. */
function tree(pid: number, parentOf: ReadonlyMap<number, number>): number[] {
  const children = [...parentOf.keys()].filter((child) => parentOf.get(child) === pid);
  return [pid, ...children.flatMap((child) => tree(child, parentOf))];
}

/** The parent of each process, from /proc. Empty on systems without /proc, where only the program itself is killed. */
function parents(): Map<number, number> {
  const parentOf = new Map<number, number>();
  for (const entry of existsSync('/proc') ? readdirSync('/proc') : []) {
    if (!/^[0-9]+$/.test(entry)) continue;
    try {
      // The name in parentheses may contain any characters. The parent is the second field after it.
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      parentOf.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // The process has ended between the two reads.
    }
  }
  return parentOf;
}
