/**
 * Describes where text stops being JSON, as the end of a message: ` from character 3 on: name:aws}]`. Empty if the text is JSON.
 *
 * V8 doesn't always report the position. So a binary search finds the longest prefix that is valid or only incomplete. For an
 * incomplete prefix, V8 reports an error at its end.
 */
export function jsonFault(text: string): string {
  if (parseError(text) === undefined) return '';
  let [good, bad] = [0, text.length];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (onlyLacksItsEnd(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  if (onlyLacksItsEnd(text)) return ': its end is missing';
  const rest = text.slice(good, good + 20);
  return ` from character ${good + 1} on: ${rest}${good + 20 < text.length ? '…' : ''}`;
}

function onlyLacksItsEnd(text: string): boolean {
  const error = parseError(text);
  if (error === undefined) return true;
  const position = /at position (\d+)/.exec(error)?.[1];
  return position === undefined ? /end of JSON input/.test(error) : Number(position) >= text.length;
}

function parseError(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
