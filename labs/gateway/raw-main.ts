/**
 * A task that sends bytes. It reads `{ to, chunks, everyMs, count }` as JSON, opens `count` connections at once, sends the chunks (base64) with the pause
 * between them, and prints how many connections got an answer that begins a TLS handshake or contains `reached`. With a line of input, it ends.
 */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import * as z from 'zod';

const plan = z.object({
  to: z.object({ address: z.string(), port: z.number() }),
  chunks: z.array(z.string()),
  everyMs: z.number(),
  count: z.number(),
  patienceMs: z.number(),
});

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { to, chunks, everyMs, count, patienceMs } = plan.parse(JSON.parse(String((await lines.next()).value)));

function one(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: to.address, port: to.port, noDelay: true });
    const timer = setTimeout(() => resolve(false), patienceMs);
    const end = (answered: boolean) => {
      clearTimeout(timer);
      resolve(answered);
    };
    socket.on('error', () => end(false));
    socket.on('close', () => end(false));
    socket.once('data', (data) => end(data[0] === 22 || data.includes('reached')));
    socket.once('connect', async () => {
      for (const chunk of chunks) {
        socket.write(Buffer.from(chunk, 'base64'));
        await new Promise((next) => setTimeout(next, everyMs));
      }
    });
  });
}

const answers = await Promise.all(Array.from({ length: count }, one));
process.stdout.write(`${answers.filter(Boolean).length}\n`);
await lines.next();
process.exit(0);
