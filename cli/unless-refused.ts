import { CommandError } from './io.ts';

/** The answer; `undefined` if the service refuses it or doesn't answer. Rejects if the user stops the command, or because of our bug. */
export async function unlessRefused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}
