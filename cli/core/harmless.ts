/**
 * Text that a terminal can show safely. Logs contain what jobs print, and anybody who has an agent token chooses the names of agents.
 * Escape sequences in them could change the terminal's title, move the cursor over earlier lines, or send keys.
 */

/** Sequences of ECMA-48: CSI, OSC and other strings, and two-character escapes; then the other control characters. */
const SEQUENCES =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  /\u001b\[[0-?]*[ -/]*[@-~]|(?:\u001b[\]PX^_]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|\u009b[0-?]*[ -/]*[@-~]|\u001b[ -/]*[0-~]?/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above; tab stays
const CONTROLS = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;
/** Characters that reorder the text around them: https://trojansource.codes */
const BIDIRECTIONAL = /[\u202a-\u202e\u2066-\u2069]/g;

/** One line of text without escape sequences and control characters. */
export function harmless(text: string): string {
  return text.replace(SEQUENCES, '').replace(CONTROLS, '').replace(BIDIRECTIONAL, '');
}

/** Characters that begin a new line or a new column. */
const BREAKS = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;

/** A name or a message in one line. A line break in it could forge a line of output. */
export function harmlessName(text: string): string {
  return harmless(text.replace(BREAKS, ' '));
}

/** The same for text of several lines. */
export function harmlessLines(text: string): string {
  return text.split('\n').map(harmless).join('\n');
}

/**
 * JSON with the same values, without a character that a terminal obeys. `JSON.stringify` escapes only the characters below U+0020.
 *
 * @param json the characters that this escapes occur only in strings
 */
export function harmlessJson(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const ESCAPE = '\u001b';

/**
 * The styles of this command's own text. Until the text is shown, a mark that nobody else knows stands for the escape character.
 * `shown` turns the marks into escape characters again, and removes all other escape sequences.
 */
export class MarkedStyles {
  readonly #mark: string;

  /** @param secret a text that can't be in what the command shows, such as a random UUID */
  constructor(secret: string) {
    this.#mark = `\u0000${secret}`;
  }

  /** @param paint adds escape sequences to the text */
  styled(text: string, paint: (text: string) => string): string {
    return paint(this.shown(text)).replaceAll(ESCAPE, this.#mark);
  }

  /** Text for the terminal. Of the escape sequences, only those of {@link styled} are left. */
  shown(text: string): string {
    return text.split(this.#mark).map(harmlessLines).join(ESCAPE);
  }
}
