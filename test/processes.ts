/** Programs that tests run, and conditions that tests wait for. */
import {
  type ChildProcess,
  type ExecFileOptions,
  execFile,
  type SpawnSyncOptions,
  spawnSync,
} from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, while this process can answer its requests. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    execFile(file, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

/** Runs a program to its end, and blocks this process. */
export function runSync(file: string, args: readonly string[], options: SpawnSyncOptions = {}): ProgramResult {
  const { status, stdout, stderr, error } = spawnSync(file, args, { ...options, encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { code: status, stdout, stderr };
}

/** Like {@link runSync}. @throws with the output if the program fails @returns stdout without its last line end */
export function runSyncOk(file: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const { code, stdout, stderr } = runSync(file, args, options);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with exit code ${code}:\n${stdout}${stderr}`);
  return stdout.trimEnd();
}

/** The output of a process so far, both streams in one. */
export function outputOf(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return () => output;
}

/** Whether all programs can be started; otherwise the reason why a test is skipped. */
export function whyMissing(...programs: readonly string[]): string | undefined {
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  return missing.length === 0 ? undefined : `needs ${missing.join(', ')}`;
}

/** Waits for the first result other than `undefined` and `false`. @throws after the deadline */
export async function until<Value>(
  what: string,
  look: () => Value | undefined | false | Promise<Value | undefined | false>,
  deadlineMs = 60_000,
): Promise<Value> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`Not within ${deadlineMs / 1000} s: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Waits for a line in a file. @returns its words */
export function wordsIn(file: string): Promise<readonly string[]> {
  return until(`a line in ${file}`, () => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return text.endsWith('\n') && text.trim().split(' ');
  });
}

/** Whether a process with this id is running. A zombie isn't. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return true;
  }
}
