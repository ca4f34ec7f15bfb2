/** Reads JSON that may be something else. */
import { harmlessName } from './harmless.ts';

/** The value; `undefined` if the text isn't JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The value of JSON that others wrote, with each text in one harmless line: names of workspaces, pools and agents can contain line breaks.
 *
 * @throws SyntaxError if the text isn't JSON
 */
export function parseForeignJson(text: string): unknown {
  return JSON.parse(text, (_, value: unknown) => (typeof value === 'string' ? harmlessName(value) : value));
}

/** The same; `undefined` if the text isn't JSON. */
export function foreignJsonOf(text: string): unknown {
  try {
    return parseForeignJson(text);
  } catch {
    return undefined;
  }
}
