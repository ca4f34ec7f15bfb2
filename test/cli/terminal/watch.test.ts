import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { watch } from '../../../cli/terminal/watch.ts';

/** Draws frames until the last one, in which the user interrupts. @returns what was written */
async function watched(frames: readonly (readonly string[])[], { rows = 24, inPlace = true } = {}): Promise<string> {
  const stdout = Object.assign(new PassThrough(), { isTTY: inPlace, rows });
  const interrupt = new AbortController();
  let next = 0;
  await watch(
    {
      stdout,
      interrupted: interrupt.signal,
      sleep: async () => {
        if (next < frames.length) return;
        interrupt.abort();
        throw new Error('aborted');
      },
    },
    { intervalMs: 1, inPlace },
    async () => frames[next++] ?? [],
  );
  stdout.end();
  return text(stdout);
}

it('on a terminal, each frame replaces the previous one, and the screen is restored', async () => {
  const written = await watched([['one', 'two'], ['three']]);
  expect(written).toBe(
    '\u001b[?1049h\u001b[?25l\u001b[Hone\u001b[K\r\ntwo\u001b[K\u001b[J\u001b[Hthree\u001b[K\u001b[J\u001b[?25h\u001b[?1049l',
  );
});

it('on a terminal, a frame never scrolls', async () => {
  const written = await watched([['1', '2', '3', '4', '5']], { rows: 3 });
  expect(written).toContain('1\u001b[K\r\n2\u001b[K\r\n…\u001b[K\u001b[J');
});

it('on a pipe, the frames follow each other without control characters', async () => {
  expect(await watched([['one'], ['two']], { inPlace: false })).toBe('one\ntwo\n');
});

it('the screen is restored if a frame fails', async () => {
  const stdout = Object.assign(new PassThrough(), { isTTY: true });
  const io = { stdout, interrupted: new AbortController().signal, sleep: async () => undefined };
  const failing = watch(io, { intervalMs: 1, inPlace: true }, () => Promise.reject(new Error('broken')));
  await expect(failing).rejects.toThrow('broken');
  stdout.end();
  expect(await text(stdout)).toMatch(/\[\?25h.*\[\?1049l$/);
});
