/** Shows the same text again and again: on a terminal in place, otherwise one block after the other. */
import type { Io } from '../io.ts';

const ESC = '\u001b[';
/** https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: the alternate screen, and the cursor. */
const ENTER = `${ESC}?1049h${ESC}?25l`;
const LEAVE = `${ESC}?25h${ESC}?1049l`;

export interface WatchOptions {
  readonly intervalMs: number;
  /** Whether each frame replaces the previous one. It needs a terminal. */
  readonly inPlace: boolean;
}

/**
 * Draws a frame every `intervalMs`, until the user interrupts.
 *
 * @param draw reads the next frame, and returns its lines
 */
export async function watch(
  io: Pick<Io, 'stdout' | 'sleep' | 'interrupted'>,
  { intervalMs, inPlace }: WatchOptions,
  draw: () => Promise<readonly string[]>,
): Promise<void> {
  const { stdout, sleep, interrupted } = io;
  if (inPlace) stdout.write(ENTER);
  try {
    while (!interrupted.aborted) {
      const lines = await draw().catch((error: unknown) => {
        if (!interrupted.aborted) throw error;
        return [];
      });
      if (interrupted.aborted) break;
      stdout.write(inPlace ? screenful(lines, stdout.rows) : `${lines.join('\n')}\n`);
      await sleep(intervalMs, interrupted).catch((error: unknown) => {
        if (!interrupted.aborted) throw error;
      });
    }
  } finally {
    if (inPlace) stdout.write(LEAVE);
  }
}

/** Overwrites the screen line by line, so that it doesn't flicker. Lines that don't fit are cut off, or the screen would scroll. */
function screenful(lines: readonly string[], rows = Number.POSITIVE_INFINITY): string {
  const shown = lines.length > rows ? [...lines.slice(0, Math.max(1, rows - 1)), '…'] : lines;
  return `${ESC}H${shown.map((line) => `${line}${ESC}K`).join('\r\n')}${ESC}J`;
}
