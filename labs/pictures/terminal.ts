/** Runs a command in a pseudo-terminal, and reads its screen with a terminal emulator. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import xterm from '@xterm/headless';

/** One cell of the screen. */
export interface Cell {
  readonly text: string;
  /** Number in the palette of 16 colours; `undefined`: the default colour. */
  readonly colour: number | undefined;
  readonly bold: boolean;
  readonly dim: boolean;
}

/** The screen at one time, without empty lines at its end. */
export interface Frame {
  readonly atMs: number;
  readonly rows: readonly (readonly Cell[])[];
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface Recording {
  /** One frame per `intervalMs` in which the screen changed. */
  readonly frames: readonly Frame[];
  readonly exitCode: number;
}

/**
 * Records a command with util-linux's `script`, which gives it a pseudo-terminal.
 *
 * @param command a command of the shell
 * @param environment variables in addition to those of this process
 */
export async function record(
  command: string,
  size: Size,
  { environment = {}, intervalMs = 500 }: { environment?: Readonly<Record<string, string>>; intervalMs?: number } = {},
): Promise<Recording> {
  const folder = await mkdtemp(join(tmpdir(), 'agent-launcher-recording-'));
  const [output, timing] = [join(folder, 'output'), join(folder, 'timing')];
  try {
    const inside = `stty cols ${size.columns} rows ${size.rows} && ${command}`;
    const args = ['--quiet', '--return', '--log-out', output, '--log-timing', timing, '--logging-format', 'classic'];
    const child = spawn('script', [...args, '--command', inside], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, TERM: 'xterm-256color', NO_COLOR: '', ...environment },
    });
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
    const text = await readFile(output);
    // `script` writes its own first and last line into the file.
    const start = text.indexOf(0x0a) + 1;
    return { exitCode, frames: await framesOf(text.subarray(start), await readFile(timing, 'utf8'), size, intervalMs) };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function framesOf(output: Buffer, timing: string, size: Size, intervalMs: number): Promise<Frame[]> {
  const terminal = new xterm.Terminal({ cols: size.columns, rows: size.rows, allowProposedApi: true, scrollback: 0 });
  const frames: Frame[] = [];
  let atMs = 0;
  let offset = 0;
  let shownMs = Number.NEGATIVE_INFINITY;
  for (const line of timing.trim().split('\n')) {
    const [seconds = '0', bytes = '0'] = line.split(' ');
    atMs += Number(seconds) * 1000;
    const chunk = output.subarray(offset, offset + Number(bytes));
    offset += Number(bytes);
    if (atMs - shownMs >= intervalMs) {
      frames.push({ atMs, rows: rowsOf(terminal) });
      shownMs = atMs;
    }
    await new Promise<void>((resolve) => terminal.write(chunk, resolve));
  }
  frames.push({ atMs, rows: rowsOf(terminal) });
  terminal.dispose();
  return frames.filter(
    ({ rows }, index) => index === 0 || JSON.stringify(rows) !== JSON.stringify(frames[index - 1]?.rows),
  );
}

function rowsOf(terminal: InstanceType<typeof xterm.Terminal>): Cell[][] {
  const { active } = terminal.buffer;
  const rows = Array.from({ length: terminal.rows }, (_, y) => {
    const line = active.getLine(active.viewportY + y);
    return Array.from({ length: terminal.cols }, (__, x): Cell => {
      const cell = line?.getCell(x);
      return {
        text: cell?.getChars() || ' ',
        colour: cell?.isFgPalette() ? cell.getFgColor() : undefined,
        bold: cell?.isBold() !== 0 && cell !== undefined,
        dim: cell?.isDim() !== 0 && cell !== undefined,
      };
    });
  });
  const last = rows.findLastIndex((row) => row.some(({ text }) => text !== ' '));
  return rows.slice(0, last + 1);
}
