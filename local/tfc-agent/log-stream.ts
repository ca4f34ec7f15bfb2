/** Sends a job's log to HCP Terraform in small chunks, in order, as it appears. */
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay } from 'node:timers/promises';

export interface LogStream {
  /** Adds text or a process's output. A character that is split between two chunks stays intact. */
  write(chunk: string | Buffer): void;
  /** Sends the remaining text. Resolves when everything was sent or dropped. */
  end(): Promise<void>;
}

/**
 * Calls `send` with one chunk at a time. If `send` fails, the rest of the log is dropped and `failed` is called once, because a lost
 * log must not fail the job. Chunks that arrive within `pauseMs` (default: 150) are sent together.
 */
export function createLogStream(
  send: (text: string) => Promise<void>,
  failed: (error: unknown) => void,
  pauseMs = 150,
): LogStream {
  const decoder = new StringDecoder('utf8');
  let waiting = '';
  let dropped = false;
  let pump: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    while (waiting !== '' && !dropped) {
      const text = waiting;
      waiting = '';
      try {
        await send(text);
      } catch (error) {
        dropped = true;
        failed(error);
      }
    }
  };
  const start = (): void => {
    pump ??= delay(pauseMs)
      .then(flush)
      .finally(() => {
        pump = undefined;
        if (waiting !== '' && !dropped) start();
      });
  };

  return {
    write(chunk) {
      waiting += typeof chunk === 'string' ? chunk : decoder.write(chunk);
      if (waiting !== '' && !dropped) start();
    },
    async end() {
      waiting += decoder.end();
      while (pump !== undefined) await pump;
      await flush();
    },
  };
}
