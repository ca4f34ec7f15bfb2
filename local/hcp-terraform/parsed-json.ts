/** Parses JSON from a client safely. */

/** Maximum depth. Terraform never nests so deeply, and JSON.stringify overflows the stack only at a far greater depth. */
const DEEPEST = 500;

/** The parsed text; `undefined` if the text is absent, isn't JSON, or is nested too deeply. */
export function parsedJson(text: string | undefined): unknown {
  if (text === undefined || depthOf(text) > DEEPEST) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The maximum nesting of arrays and objects in the text. Brackets inside strings don't count. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '[' || character === '{') {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (character === ']' || character === '}') {
      depth -= 1;
    } else if (character === '"') {
      for (at += 1; at < text.length && text[at] !== '"'; at += 1) if (text[at] === '\\') at += 1;
    }
  }
  return deepest;
}
