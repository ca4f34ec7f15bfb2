import { setTimeout as delay } from 'node:timers/promises';

const CHECK_EVERY_MS = 20;

/** Waits until the condition is true. @returns false if it isn't true within the time */
export async function waited(timeoutMs: number, condition: () => boolean): Promise<boolean> {
  const untilMs = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > untilMs) return false;
    await delay(CHECK_EVERY_MS);
  }
  return true;
}
