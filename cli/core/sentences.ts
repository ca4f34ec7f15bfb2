/** Builds sentences. */

/** Ends a text of the launcher, ECS or HCP Terraform with a full stop, and begins it with a capital letter. */
export function sentence(text: string): string {
  return capital(fullStop(text));
}

/** The text with one full stop at its end. */
export function fullStop(text: string): string {
  return `${text.trim().replace(/[.;:]+$/, '')}.`;
}

/** The text with a capital letter at its beginning. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `1 job`, `3 jobs`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** `one job`, `3 jobs`. */
export function countedInWords(count: number, noun: string, plural = `${noun}s`): string {
  return count === 1 ? `one ${noun}` : counted(count, noun, plural);
}

/** Joins words as in a sentence: `a, b and c`. After `most` words, it only counts the others. */
export function listed(words: readonly string[], most = 5): string {
  const shown = words.length > most ? [...words.slice(0, most), `${words.length - most} more`] : [...words];
  const last = shown.pop() ?? '';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}
