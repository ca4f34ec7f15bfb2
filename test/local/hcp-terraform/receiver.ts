/** A server in place of a run task or a notification's destination: it keeps every request. */
import { createHmac } from 'node:crypto';
import { vi } from 'vitest';
import { serve } from '../../loopback.ts';

export interface Received {
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

export async function startReceiver() {
  const received: Received[] = [];
  const state = { status: 200 };
  const server = await serve((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString('utf8');
      received.push({ headers: request.headers, text, body: JSON.parse(text) });
      response.writeHead(state.status, { 'x-own': 'header' }).end('thanks');
    });
  });
  return {
    url: `http://${server.host}/`,
    received,
    state,
    close: server.close,
    /** Waits for a number of requests, and returns the last one. */
    async after(count: number): Promise<Received> {
      await vi.waitFor(
        () => {
          if (received.length < count) throw new Error(`${received.length} of ${count} requests`);
        },
        { timeout: 10_000, interval: 10 },
      );
      const last = received[count - 1];
      if (last === undefined) throw new Error('no request');
      return last;
    },
  };
}

export const signatureOf = (text: string, key: string): string => createHmac('sha512', key).update(text).digest('hex');
