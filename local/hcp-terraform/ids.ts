/** Identifiers and secrets in the platform's formats. */
import { randomBytes } from 'node:crypto';

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

let drawText = randomText;

/** Uses `source` for the random part of ids and secrets, so that a simulation can be repeated. */
export function drawIdsFrom(source: (length: number) => string): void {
  drawText = source;
}

/** Ends {@link drawIdsFrom}. */
export function drawRandomIds(): void {
  drawText = randomText;
}

function randomText(length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length)) {
      // Bytes above the last multiple of 58 would make some letters more likely than others.
      if (byte < 232 && text.length < length) text += ALPHABET.charAt(byte % 58);
    }
  }
  return text;
}

/** A resource id: `run-CZcmD7eagjhyX0vN`. */
export function newId(prefix: string): string {
  return `${prefix}-${drawText(16)}`;
}

/** An API token or agent token: `<14>.atlasv1.<67>`. */
export function newToken(): string {
  return `${drawText(14)}.atlasv1.${drawText(67)}`;
}

/** The secret part of a blob URL. */
export function newBlobSecret(): string {
  return drawText(64);
}
