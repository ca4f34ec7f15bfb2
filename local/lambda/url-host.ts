/**
 * One execution environment of a function behind a function URL: `node url-host.ts MODULE TIMEOUT_MS`. The parent sends one event at a time
 * over the IPC channel. The process answers with `{ response }` or `{ error }`, is warm after the first event, and ends with its parent.
 */
import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';

type Handler = (event: unknown, context: object) => Promise<unknown>;
const handlerModule = z.object({ handler: z.custom<Handler>((value) => typeof value === 'function') });

const [module = '', timeoutMs] = process.argv.slice(2);
const loaded = import(pathToFileURL(module).href).then((exports: unknown) => handlerModule.parse(exports));

process.on('message', async (event) => {
  const deadline = Date.now() + Number(timeoutMs);
  try {
    const { handler } = await loaded;
    const context = {
      awsRequestId: randomUUID(),
      getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    };
    process.send?.({ response: await handler(event, context) });
  } catch (error) {
    process.send?.({ error: error instanceof Error ? error.message : String(error) });
  }
});
// The parent decides when to end. A terminal's Ctrl-C reaches this process too, so ignore it.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
process.stdout.on('error', () => undefined);
